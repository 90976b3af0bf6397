"""Published encoders say what their makers' own programs say, safely read from the files those write."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from rule_weights import GOLDEN, encoder_checkpoint, golden_io, listed_tensor
from torch import Tensor

from engine.checkpoints.encoders import KeptEncoder, keep_encoder
from engine.errors import CorruptModelError, SpaceMismatchError
from engine.inversion.published_encoders import (
    PublishedEncoder,
    build,
    fitted,
    load_published,
    mapped_rows,
    nearest,
)
from engine.network import Network, load_network
from engine.published_encoder import LATENT_AVG, CodeSpace, Heads, PublishedSizes, Trunk, expected_shapes

NAMES = (
    "enc_psp_gradual", "enc_psp_into_w", "enc_e4e", "enc_restyle_psp", "enc_restyle_e4e", "enc_dsg_psp_zplus",
)  # fmt: skip
CODES = 1e-4
PICTURES = 1e-4
SMALL = PublishedSizes(Trunk.IR_SE50, Heads.PYRAMID, False, 3, (4, 4, 6, 8), 10, True, 1)


class Opened:
    """A golden encoder, through the same gate as a user's file, and the network that lay beside it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.pt"
        torch.save(encoder_checkpoint(name), self.path)
        self.kept: KeptEncoder = keep_encoder(self.path, folder / "weights")
        self.encoder: PublishedEncoder = load_published(self.kept.path)
        self.network: Network = load_network(self.path)
        self.io = golden_io(name)

    @property
    def images(self) -> Tensor:
        return torch.from_numpy(self.io["image_u8_bhwc"]).permute(0, 3, 1, 2).float() / 127.5 - 1


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("golden")
    made: dict[str, Opened] = {}

    def get(name: str) -> Opened:
        if name not in made:
            made[name] = Opened(folder, name)
        return made[name]

    return get


@pytest.fixture(autouse=True, scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.no_grad():
        yield


def close(found: Tensor, wanted: np.ndarray, tolerance: float) -> None:
    limit = tolerance * max(1.0, float(np.abs(wanted).max()))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=limit)


@pytest.mark.parametrize("name", ["enc_psp_gradual", "enc_psp_into_w", "enc_e4e"])
def test_that_codes_and_their_pictures_are_those_of_the_published_program(opened: Any, name: str) -> None:
    one = opened(name)
    codes = one.encoder.codes(one.images, one.network)
    ws = fitted(codes, one.network)
    close(ws, one.io["latents"], CODES)
    close(one.network.synthesis(ws), one.io["img"], PICTURES)


@pytest.mark.parametrize("stage", [0, 1, 2, 3, 6, 7])
def test_that_an_e4e_in_training_adds_only_the_deltas_of_its_stage(opened: Any, stage: int) -> None:
    one = opened("enc_e4e")
    mean = torch.from_numpy(one.io["latent_avg"])
    close(one.encoder.codes(one.images, one.network, stage) - mean, one.io[f"codes_stage{stage}"], CODES)


@pytest.mark.parametrize("name", ["enc_restyle_psp", "enc_restyle_e4e"])
def test_that_every_look_of_restyle_is_that_of_the_published_program(opened: Any, name: str) -> None:
    one = opened(name)
    begun = one.network.synthesis(fitted(one.encoder.mean(one.network), one.network))
    close(F.adaptive_avg_pool2d(begun, 256)[0], one.io["avg_image_256"], PICTURES)
    for step, codes in enumerate(islice(one.encoder.looks(one.images, one.network), 5)):
        close(codes, one.io[f"latent_step{step}"], CODES)
        if (wanted := one.io.get(f"yhat_step{step}")) is not None:
            close(one.network.synthesis(codes), wanted, PICTURES)


def test_that_codes_of_z_plus_go_through_the_mapping_row_by_row(opened: Any) -> None:
    one = opened("enc_dsg_psp_zplus")
    assert one.encoder.metadata.sizes.space is CodeSpace.EITHER
    codes = one.encoder.codes(one.images, one.network)
    close(codes, one.io["zplus_latents"], CODES)
    mapped = mapped_rows(codes, one.network)
    close(mapped, one.io["zplus_result_latent_w"], CODES)
    close(one.network.synthesis(mapped), one.io["zplus_img"], PICTURES)
    close(one.network.synthesis(codes), one.io["wplus_img"], PICTURES)


@pytest.mark.parametrize("name", NAMES[:3])
def test_that_the_generator_beside_an_encoder_maps_and_draws_as_the_published_one(opened: Any, name: str) -> None:
    one = opened(name)
    ws = one.network.mapping(torch.from_numpy(one.io["input_code_z"]))
    close(one.network.synthesis(ws), one.io["input_code_img"], PICTURES)


@pytest.mark.parametrize("is_z", [False, True])
def test_that_codes_of_unknown_space_are_read_so_that_the_portrait_comes_out(opened: Any, is_z: bool) -> None:
    one = opened("enc_dsg_psp_zplus")
    codes = torch.randn(1, 10, 32, generator=torch.Generator().manual_seed(3))
    readings = [fitted(codes, one.network), mapped_rows(codes, one.network)]
    portrait = one.network.synthesis(readings[is_z]) + 0.1
    assert nearest(readings, portrait, one.network) is readings[is_z]


@pytest.mark.parametrize("name", NAMES)
def test_that_a_portrait_of_the_networks_size_gives_its_latent(opened: Any, name: str) -> None:
    one = opened(name)
    target = np.ascontiguousarray(one.io["image_u8_bhwc"][0][::4, ::4])
    enabled = torch.is_grad_enabled()
    steps = list(one.encoder.encode_steps(target, one.network))
    assert len(steps) == (5 if "restyle" in name else 1)
    assert torch.equal(steps[-1], one.encoder.encode(target, one.network))
    assert steps[-1].shape == (1, 10, 32)
    assert torch.is_grad_enabled() is enabled
    fewer = list(replace(one.encoder, steps=2).encode_steps(target, one.network))
    assert len(fewer) == min(2, len(steps))
    assert torch.equal(fewer[-1], steps[len(fewer) - 1])


def test_that_a_missing_mean_latent_is_the_generators(opened: Any) -> None:
    one = opened("enc_psp_gradual")
    without = replace(one.encoder, latent_avg=None)
    codes = without.codes(one.images, one.network)
    close(codes - one.network.w_avg, one.io["codes_raw"], CODES)


def test_that_an_encoder_of_other_latents_is_refused_in_words(opened: Any) -> None:
    one = opened("enc_psp_gradual")
    small = replace(one.encoder.metadata.sizes, rows=8, mean_rows=1)
    other = replace(one.encoder, metadata=replace(one.encoder.metadata, sizes=small))
    with pytest.raises(SpaceMismatchError) as caught:
        other.encode(np.zeros((64, 64, 3), np.uint8), one.network)
    assert caught.value.user_message == "The encoder gives 8 rows of 32; “this model” takes 10 of 32."


def test_that_numbers_that_are_none_do_not_reach_the_picture(opened: Any) -> None:
    one = opened("enc_psp_gradual")
    broken = replace(one.encoder, latent_avg=torch.full((10, 32), torch.nan))
    with pytest.raises(CorruptModelError):
        broken.encode(np.zeros((64, 64, 3), np.uint8), one.network)


LISTED = {
    "pSp_1024_GradualStyleEncoder": PublishedSizes(
        Trunk.IR_SE50, Heads.PYRAMID, False, 3, (64, 128, 256, 512), 18, True, 0
    ),
    "pSp_1024_BackboneEncoderUsingLastLayerIntoWPlus": PublishedSizes(
        Trunk.IR_SE50, Heads.DENSE, False, 3, (64, 128, 256, 512), 18, True, 0
    ),
    "restyle_psp_1024_ResNetBackboneEncoder": PublishedSizes(
        Trunk.RESNET34, Heads.LAST, False, 6, (64, 128, 256, 512), 18, True, 0
    ),
    "restyle_e4e_1024_ProgressiveBackboneEncoder": PublishedSizes(
        Trunk.IR_SE50, Heads.LAST, True, 6, (64, 128, 256, 512), 18, True, 0
    ),
}


@pytest.mark.parametrize("name", LISTED)
def test_that_the_expected_tensors_are_those_of_published_files_and_of_the_nets(name: str) -> None:
    listed = json.loads((GOLDEN / "layout_listings" / f"{name}.json").read_text())
    shapes = expected_shapes(LISTED[name])
    assert shapes == {key: tuple(shape) for key, shape in listed.items() if not key.endswith("num_batches_tracked")}
    with torch.device("meta"):
        parts = [part.state_dict() for part in build(LISTED[name])]
    assert shapes == {key: tuple(tensor.shape) for part in parts for key, tensor in part.items()}


@pytest.mark.parametrize("heads", [Heads.DENSE, Heads.SINGLE, Heads.LAST])
@pytest.mark.parametrize("trunk", list(Trunk))
@pytest.mark.parametrize("is_car", [False, True])
def test_that_every_combination_of_parts_gives_rows(trunk: Trunk, heads: Heads, is_car: bool) -> None:
    rows = 1 if heads is Heads.SINGLE else 10
    sizes = replace(SMALL, trunk=trunk, heads=heads, rows=rows, mean_rows=0)
    parts = build(sizes)
    for part in parts:
        for tensor in part.state_dict().values():
            tensor.normal_(0, 0.1, generator=torch.Generator().manual_seed(1))
        part.eval()
    picture = torch.zeros(2, 3, 192 if is_car else 256, 256)
    assert parts[1](parts[0](picture), None).shape == (2, rows, 8)


def test_that_grey_encoders_see_drawings_from_0_to_1_and_photos_from_minus_1(opened: Any) -> None:
    from engine.inversion.published_encoders import _seen

    white = torch.ones(1, 3, 64, 64)
    grey = replace(SMALL, input_channels=1)
    assert _seen(-white, grey).shape == (1, 1, 256, 256)
    torch.testing.assert_close(_seen(-white, grey), -torch.ones(1, 1, 256, 256))
    torch.testing.assert_close(_seen(-white, replace(grey, is_drawing=True)), torch.zeros(1, 1, 256, 256))
    assert _seen(white, replace(SMALL, is_car=True)).shape == (1, 3, 192, 256)


def test_that_a_full_size_psp_encoder_gives_the_published_codes() -> None:
    listing = json.loads((GOLDEN / "full_psp18" / "listing.json").read_text())
    io = golden_io("full_psp18")
    with torch.device("meta"):
        trunk, heads = build(LISTED["pSp_1024_GradualStyleEncoder"])
    for entry in listing["state"]:
        key = entry["key"]
        if key.endswith("num_batches_tracked"):
            continue
        part = trunk if key.startswith(("input_layer", "body")) else heads
        tensor = torch.from_numpy(listed_tensor(listing["seed_prefix"], entry))
        part.load_state_dict({key: tensor}, strict=False, assign=True)
    image = torch.from_numpy(io["image_u8_bhwc"]).permute(0, 3, 1, 2).float() / 127.5 - 1
    close(heads.eval()(trunk.eval()(image)), io["codes"], CODES)


def test_that_the_mean_latent_of_a_file_is_one_of_its_tensors() -> None:
    assert expected_shapes(SMALL)[LATENT_AVG] == (1, 8)
