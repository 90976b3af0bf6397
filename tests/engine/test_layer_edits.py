"""Edits of single layers: noise maps from seeds of their own, and channels of StyleSpace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import relative_error, small_config
from stacked_models import PREVIEW_ERROR, Models
from test_preview_graphs import LIKE_CUDA, TapeCapture

from engine.families import describe
from engine.framing import Framing
from engine.nets.noise import NoiseInput, seeded_map
from engine.network import Network
from engine.preview.blocks import PreviewBlocks
from engine.preview.mixing import BlockShares, ConvShares
from engine.preview.packing import PackedNetwork
from engine.stage_cache import StageCache
from engine.state import (
    Blend,
    EditState,
    Noise,
    NoiseMode,
    SeedLatent,
    StoredLatent,
    StyleEdit,
    with_noise,
    with_style_edit,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def state(models: Models) -> EditState:
    return EditState(models.a, latent=SeedLatent(3))


# --- seeds of a layer's own ---------------------------------------------------------------------------------------


def test_that_a_layers_whole_seed_is_random_noise_of_that_seed_there(models: Models, state: EditState) -> None:
    everywhere = with_noise(state, layer_seeds=(4.0,) * 10)
    random = with_noise(state, mode=NoiseMode.RANDOM, seed=4)
    assert torch.equal(models.render(everywhere), models.render(random))
    assert torch.equal(models.preview(everywhere, fresh=True), models.preview(random, fresh=True))
    one = with_noise(state, layer_seeds=(None,) * 5 + (4.0,))
    maps = {"b16.conv1": seeded_map(4, "b16.conv1", 1, 16)}
    assert torch.equal(models.render(one), models.network(models.a).synthesis(models.w(models.a), noise=maps))
    other_seed = with_noise(one, mode=NoiseMode.RANDOM, seed=9)
    wanted = models.network(models.a).synthesis(models.w(models.a), "random", noise_seed=9, noise=maps)
    assert torch.equal(models.render(other_seed), wanted)


@pytest.mark.parametrize("seed", [2.25, -0.5, 7.9])
def test_that_seeds_can_be_scrubbed(models: Models, state: EditState, seed: float) -> None:
    whole, turn = math.floor(seed), 0.5 * math.pi * (seed - math.floor(seed))
    near, far = (seeded_map(n, "b64.conv0", 1, 64) for n in (whole, whole + 1))
    between = math.cos(turn) * near + math.sin(turn) * far
    assert float(between.std()) == pytest.approx(1.0, abs=0.05), "as loud as noise between whole seeds, too"
    wanted = models.network(models.a).synthesis(models.w(models.a), noise={"b64.conv0": between})
    found = models.render(with_noise(state, layer_seeds=(None,) * 8 + (seed,)))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_that_a_layers_seed_comes_before_a_portraits_noise(models: Models, state: EditState) -> None:
    maps = {5: np.ones((16, 16)), 7: np.ones((32, 32))}
    stored = StoredLatent(models.store.put_ws(np.zeros((10, 10))), "Ada", models.store.put_noise(maps))
    portrait = replace(state, latent=stored, noise=Noise(layer_seeds=(None,) * 5 + (1.0,)))
    seeded = {"b16.conv1": seeded_map(1, "b16.conv1", 1, 16), "b32.conv1": torch.ones(32, 32)}
    a = models.network(models.a)
    ws = 0.7 * torch.zeros(1, 10, 10) + 0.3 * a.w_avg
    torch.testing.assert_close(models.render(portrait), a.synthesis(ws, noise=seeded), rtol=1e-4, atol=1e-4)


def test_that_without_noise_a_seed_changes_nothing(models: Models, state: EditState) -> None:
    silent = with_noise(state, mode=NoiseMode.NONE)
    models.preview(silent)
    assert models.ran(with_noise(silent, layer_seeds=(1.0,) * 10)) == []
    loud = with_noise(state, layer_strengths=(1.0,) * 8 + (0.0, 1.0))
    models.preview(loud)
    assert models.ran(with_noise(loud, layer_seeds=(5.0, *(None,) * 7, 5.0))) == [], "the constant has none either"


def test_that_a_scrub_runs_only_what_lies_above_the_layer(models: Models, state: EditState) -> None:
    models.preview(with_noise(state, layer_seeds=(None,) * 8 + (1.0,)))
    assert models.ran(with_noise(state, layer_seeds=(None,) * 8 + (1.1,))) == [4]
    both = with_noise(state, layer_seeds=(None,) * 8 + (1.0, 2.0))
    models.preview(both)
    assert models.ran(with_noise(both, mode=NoiseMode.RANDOM)) == [0, 1, 2, 3, 4]


def test_that_a_seed_that_is_no_number_is_left_out(models: Models, state: EditState) -> None:
    wild = with_noise(state, layer_seeds=(None, float("nan"), float("inf"), *(None,) * 30, 5.0))
    assert models.warnings(wild) == ["A noise seed is not a number; that layer keeps its noise."]
    assert torch.equal(models.render(wild), models.render(state))


# --- channels of styles -------------------------------------------------------------------------------------------


def baked(network: Network, edits: tuple[StyleEdit, ...]) -> Network:
    """The offsets as biases of affines, which is what they amount to."""
    tensors = {name: tensor.clone() for name, tensor in network.tensors.items()}
    for edit in edits:
        layer = "torgb" if edit.torgb else ("conv0", "conv1")[edit.position % 2]
        tensors[f"synthesis.b{4 << edit.position // 2}.{layer}.affine.bias"][edit.channel] += edit.amount
    return Network.from_tensors(network.config, tensors)


EDITS = (StyleEdit(1, 2, 1.5), StyleEdit(4, 0, -2.0), StyleEdit(5, 7, 0.5, torgb=True), StyleEdit(9, 3, 3.0))


def test_that_a_style_edit_is_added_to_what_the_affine_gives(models: Models, state: EditState) -> None:
    state = replace(state, style_edits=EDITS)
    wanted = baked(models.network(models.a), EDITS).synthesis(models.w(models.a))
    assert relative_error(models.render(state), wanted) < 1e-5
    assert relative_error(models.render(replace(state, style_edits=())), wanted) > 1e-2


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_that_networks_of_every_architecture_have_styles(models: Models, architecture: str) -> None:
    ref = models.shelf.put(architecture, seed=5, architecture=architecture)
    edits = (StyleEdit(1, 2, 1.5), StyleEdit(6, 0, -2.0), StyleEdit(7, 3, 2.0), StyleEdit(9, 1, 0.5, torgb=True))
    state = EditState(ref, latent=SeedLatent(3), style_edits=edits)
    assert models.warnings(state) == []
    wanted = baked(models.network(ref), edits).synthesis(models.w(ref))
    assert relative_error(models.render(state), wanted) < 1e-5


def test_that_the_styles_of_a_network_for_1024_px_are_those_of_the_paper() -> None:
    sizes = describe(small_config((512,) * 5 + (256, 128, 64, 32)), Framing()).style_channels
    by_kind = {torgb: [size for (_, kind), size in sizes.items() if kind is torgb] for torgb in (False, True)}
    assert (sum(by_kind[False]), sum(by_kind[True]), len(sizes)) == (6048, 3040, 26)


def test_that_previews_follow_style_edits(models: Models, state: EditState) -> None:
    for number, state_ in enumerate((state, replace(state, model_b=models.b, blend=Blend(width=1.0)))):
        edited = replace(state_, style_edits=EDITS)
        exact, preview = models.render(edited), models.preview(edited)
        assert float((preview - exact).square().mean().sqrt() / exact.std()) < PREVIEW_ERROR, number
        assert torch.equal(preview, models.preview(edited, fresh=True))


@pytest.mark.parametrize(
    ("edit", "blocks"),
    [
        (StyleEdit(1, 0, 1.0), [0, 1, 2, 3, 4]),
        (StyleEdit(8, 0, 1.0), [4]),
        (StyleEdit(9, 0, 1.0), [4]),
        (StyleEdit(9, 0, 1.0, torgb=True), [4]),
        (StyleEdit(8, 0, 0.0), []),
    ],
)
def test_that_a_style_edit_runs_only_what_lies_above_it(
    models: Models, state: EditState, edit: StyleEdit, blocks: list[int]
) -> None:
    models.preview(state)
    assert models.ran(with_style_edit(state, edit)) == blocks
    assert models.ran(replace(state, style_edits=(edit, replace(edit, amount=-edit.amount)))) == []


def test_that_a_colour_channel_leaves_the_features(models: Models, state: EditState) -> None:
    pipeline = models.pipeline
    models.preview(state)
    coloured = with_style_edit(state, StyleEdit(5, 3, 2.0, torgb=True))
    synthesis = pipeline.start(pipeline.resolve(coloured))
    assert (synthesis.index, synthesis._features(2) is not None, synthesis._features(4)) == (2, True, None)
    found = models.preview(coloured)
    assert torch.equal(found, models.preview(coloured, fresh=True))


def test_that_style_channels_that_are_not_there_are_left_out(models: Models, state: EditState) -> None:
    edits = (
        StyleEdit(0, 0, 1.0),
        StyleEdit(4, 0, 1.0, torgb=True),
        StyleEdit(50, 0, 1.0),
        StyleEdit(9, 6, 1.0),
        StyleEdit(9, -1, 1.0),
        StyleEdit(8, 0, float("nan")),
    )
    wild = replace(state, style_edits=edits)
    assert models.warnings(wild) == [
        "This model has no convolution at position 0; the style channels there are left out.",
        "This model has no ToRGB at position 4; the style channels there are left out.",
        "This model has no convolution at position 50; the style channels there are left out.",
        "The convolution at position 9 has style channels 0 to 3; channel 6 is left out.",
        "The convolution at position 9 has style channels 0 to 3; channel -1 is left out.",
        "The step of a style channel is not a number; 0 is used.",
    ]
    assert torch.equal(models.render(wild), models.render(state))


def test_that_recorded_blocks_follow_style_edits(models: Models) -> None:
    """Offsets are among what is copied for a graph: one graph is good for all of them."""
    tape = TapeCapture()
    packed = PackedNetwork(models.network(models.a), LIKE_CUDA)
    recorded, plain = PreviewBlocks([packed], tape), PreviewBlocks([packed])
    ws, alone = models.w(models.a), ((1.0,),) * 3
    shares = BlockShares((1.0,), None, ConvShares(*alone), (1.0,), (1.0,))
    for amount in (1.0, 2.0, 2.0, -1.0):
        state = EditState(models.a, style_edits=(StyleEdit(1, 0, amount), StyleEdit(1, 3, amount, torgb=True)))
        edit = models.pipeline.resolve(state)
        offsets = models.pipeline.inputs.offsets(models.pipeline.group(edit), edit, 0, StageCache(0))
        found, wanted = (blocks.run(0, shares, None, ws, NoiseInput(), offsets) for blocks in (recorded, plain))
        assert torch.equal(found.x, wanted.x)
        assert found.img is not None
        assert wanted.img is not None
        assert torch.equal(found.img, wanted.img)
    assert (tape.attempts, tape.replays) == (1, 3)
