"""Directions against what the published implementations of SeFa and GANSpace found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.directions.latent_moments import LatentMoments, MomentSums
from engine.directions.principal import principal_directions
from engine.directions.sefa import closed_form_directions

GOLDEN = Path(__file__).parents[2] / "golden" / "directions"
RANKS = {"all": 24, "r0_1": 24, "r2_4": 24, "l7": 16}


def load(name: str) -> Mapping[str, NDArray[Any]]:
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def moments_of(w: NDArray[Any], batch: int) -> LatentMoments:
    sums = MomentSums(w[0], 3)
    for start in range(0, len(w), batch):
        sums.add(w[start : start + batch], w[start : start + batch, :3])
    return sums.moments()


@pytest.mark.parametrize("layers", RANKS)
def test_that_sefa_finds_the_directions_of_the_reference(layers: str) -> None:
    golden = load("sefa")
    affines = [golden[f"affine_weight_{index}"] for index in golden[f"{layers}_layers"]]
    found = closed_form_directions(affines, RANKS[layers])
    alike = np.abs(np.sum(found.vectors * golden[f"{layers}_vectors"][: RANKS[layers]], axis=1))
    np.testing.assert_allclose(alike, 1.0, atol=1e-5)
    values = golden[f"{layers}_values"]
    np.testing.assert_allclose(found.parts, values[: RANKS[layers]] / values.sum(), rtol=1e-4)


@pytest.mark.parametrize("batch", [2000, 500, 77])
def test_that_ganspace_finds_the_components_of_the_reference(batch: int) -> None:
    golden = load("ganspace")
    moments = moments_of(golden["W"], batch)
    found = principal_directions(moments, 12)
    np.testing.assert_allclose(moments.mean, golden["ipca1_mean"][0], atol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(found.vectors * golden["pca_comp"], axis=1)), 1.0, atol=1e-5)
    np.testing.assert_allclose(found.parts, golden["pca_var_ratio"], rtol=1e-4)
    steps = np.concatenate([moments.one_sigma(vector[None]) for vector in found.vectors])
    np.testing.assert_allclose(np.linalg.norm(steps, axis=1), golden["ipca1_act_stdev"], rtol=1e-4)
    incremental = np.abs(np.sum(found.vectors * golden["ipca4_comp"], axis=1))
    assert incremental[:4].min() > 0.95


def test_that_one_sigma_is_the_published_stdev_of_the_latents() -> None:
    golden = load("ganspace")
    moments = moments_of(golden["W"], 500)
    steps = [moments.one_sigma(vector[None]) for vector in golden["ipca1_comp"]]
    np.testing.assert_allclose([np.linalg.norm(step) for step in steps], golden["lat_stdev_on_W"], rtol=1e-3)


def test_that_a_step_in_sigmas_is_the_published_edit() -> None:
    golden = load("ganspace")
    unit = golden["ipca1_comp"][3] * golden["lat_stdev_on_W"][3]
    ws = np.repeat(golden["edit_w"][:, None], 10, axis=1)
    ws[:, 2:5] += 2.0 * unit
    np.testing.assert_allclose(ws, golden["edit_ganspace_k3_s2_layers2to5excl"], atol=1e-5)
