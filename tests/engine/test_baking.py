"""The network behind a picture, with everything in it that weights can hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import relative_error
from stacked_models import Models

from engine.baking import LATENTS_SAVED_AS_WEIGHTS
from engine.errors import ModelError
from engine.latents import seed_to_z
from engine.network import load_network
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    Overlay,
    SeedLatent,
    Source,
    StyleEdit,
    View,
    with_blend,
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def state(models: Models) -> EditState:
    """Everything that a network can hold."""
    draw = np.random.RandomState(5)
    return EditState(
        models.a,
        models.b,
        SeedLatent(3),
        blend=Blend(8, width=1.0, mapping=Source.B, w_avg=Source.B),
        overlays=(Overlay(models.c, 0.5), Overlay(models.d, 0.3, (0.0, 0.5) * 5)),
        directions=(
            DirectionUse(models.store.put_ws(draw.randn(1, 10)), 0.8, (2, 7)),
            DirectionUse(models.store.put_ws(draw.randn(4, 10)), -0.5),
        ),
        style_edits=(StyleEdit(1, 2, 1.5), StyleEdit(8, 3, -1.0), StyleEdit(5, 1, 2.0, torgb=True)),
    )


def shown_by(models: Models, path: Path, state: EditState) -> torch.Tensor:
    """What the saved network makes of the state's seed alone."""
    network = load_network(path)
    ref = models.shelf.put("saved", network)
    return models.render(EditState(ref, latent=state.latent))


def test_that_a_saved_blend_with_all_that_it_can_hold_shows_the_same(
    models: Models, state: EditState, tmp_path: Path
) -> None:
    network, notes = models.pipeline.blended_network(state)
    network.save(tmp_path / "saved.safetensors")
    found, wanted = shown_by(models, tmp_path / "saved.safetensors", state), models.render(state)
    assert relative_error(found, wanted) < 1e-4
    plain = replace(state, directions=(), style_edits=())
    assert relative_error(found, models.render(plain)) > 1e-2
    assert notes == ()
    assert [step["step"] for step in network.origin.lineage] == ["blend", "overlay", "overlay", "styles"]
    assert network.origin.lineage[-1]["channels"] == [[1, 2, 1.5, False], [5, 1, 2.0, True], [8, 3, -1.0, False]]


def test_that_a_blend_without_steps_is_the_sum_of_weights_bit_for_bit(models: Models, state: EditState) -> None:
    plain = replace(state, directions=(), style_edits=())
    network, _ = models.pipeline.blended_network(plain)
    assert torch.equal(
        network.synthesis(network.mapping(_z(models), truncation_psi=0.7)), models.render(plain)
    )


def _z(models: Models) -> torch.Tensor:
    return torch.from_numpy(seed_to_z(SeedLatent(3), models.network(models.a).descriptor.z_dim))


def test_that_steps_of_one_model_alone_can_be_saved(models: Models, state: EditState) -> None:
    before = models.network(models.a).sha256
    alone = replace(state, model_b=None, overlays=())
    network, _ = models.pipeline.blended_network(alone)
    assert relative_error(network.synthesis(models.w(models.a)), models.render(alone)) < 1e-4
    assert models.network(models.a).sha256 == before


def test_that_a_blend_of_latents_is_saved_as_one_of_weights(models: Models, state: EditState) -> None:
    in_latents = with_blend(state, space=BlendSpace.LATENTS)
    network, notes = models.pipeline.blended_network(in_latents)
    assert notes == (LATENTS_SAVED_AS_WEIGHTS,)
    wanted = models.render(in_latents, View.WEIGHTS)
    assert relative_error(network.synthesis(network.mapping(_z(models), truncation_psi=0.7)), wanted) < 1e-4


def test_that_there_must_be_something_to_save(models: Models, state: EditState) -> None:
    with pytest.raises(ModelError, match="no blend to save"):
        models.pipeline.blended_network(EditState(models.a))
    small = models.shelf.put("tiny", seed=7, channels=(8, 8, 8))
    with pytest.raises(ModelError, match="“tiny” cannot be blended with A"):
        models.pipeline.blended_network(EditState(models.a, overlays=(Overlay(small),)))


def test_that_a_lost_direction_is_not_left_out_of_a_file_silently(models: Models, state: EditState) -> None:
    lost = replace(state, directions=(DirectionUse("e" * 64, 1.0, name="smile"),))
    _, notes = models.pipeline.blended_network(lost)
    assert any("smile" in note for note in notes)
