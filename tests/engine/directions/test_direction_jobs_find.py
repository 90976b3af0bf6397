"""What must hold for directions of any model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.directions.latent_moments import LatentMoments, MomentSums
from engine.directions.principal import activation_directions, principal_directions
from engine.directions.sefa import closed_form_directions
from engine.directions.style_space import channel_effects, style_sigmas
from engine.errors import JobError, LatentError, LatentShapeError

DRAW = np.random.RandomState(4)
MIX = DRAW.randn(6, 8)
Z = DRAW.randn(3000, 6)
W = Z @ MIX + 5.0


def moments(w: NDArray[Any] = W, z: NDArray[Any] = Z) -> LatentMoments:
    sums = MomentSums(w[0], z.shape[1])
    sums.add(w, z)
    return sums.moments()


def test_that_a_sigma_is_measured_along_a_direction_of_any_length() -> None:
    direction = DRAW.randn(1, 8)
    unit = direction / np.linalg.norm(direction)
    step = moments().one_sigma(100.0 * direction)
    np.testing.assert_allclose(step, np.std(W @ unit[0], ddof=1) * unit, rtol=1e-5)


def test_that_a_direction_given_in_equal_rows_is_the_same_step() -> None:
    direction = DRAW.randn(1, 8)
    one = moments().one_sigma(direction)
    rows = np.concatenate([np.repeat(direction, 3, axis=0), np.zeros((2, 8))])
    many = moments().one_sigma(rows)
    np.testing.assert_allclose(many[:3], np.repeat(one, 3, axis=0), rtol=1e-5)
    assert not many[3:].any()


def test_that_rows_that_pull_against_each_other_still_have_a_length() -> None:
    direction = DRAW.randn(8)
    step = moments().one_sigma(np.stack([direction, -direction]))
    np.testing.assert_allclose(step[0], -step[1])
    assert np.linalg.norm(step) > 0.1


@pytest.mark.parametrize("nowhere", [np.zeros((1, 8)), np.full((1, 8), np.nan)])
def test_that_a_direction_without_a_length_is_refused(nowhere: NDArray[Any]) -> None:
    with pytest.raises(LatentError, match="nowhere"):
        moments().one_sigma(nowhere)


def test_that_a_direction_of_another_width_is_refused() -> None:
    with pytest.raises(LatentShapeError, match="W of 8 values"):
        moments().one_sigma(np.ones((1, 512)))


def test_that_a_direction_that_the_model_never_takes_is_refused() -> None:
    flat = W.copy()
    flat[:, 0] = 1.0
    with pytest.raises(LatentError, match="do not vary"):
        moments(flat).one_sigma(np.eye(1, 8))


def test_that_how_w_answers_to_z_is_found() -> None:
    np.testing.assert_allclose(moments().along_z, MIX.T, atol=0.4)


def test_that_moments_do_not_depend_on_the_shift() -> None:
    sums = MomentSums(np.full(8, 1e3), 6)
    sums.add(W, Z)
    np.testing.assert_allclose(sums.moments().covariance, np.cov(W.T), rtol=1e-6)


def test_that_signs_of_directions_are_settled() -> None:
    for found in (principal_directions(moments(), 5), closed_form_directions([MIX, -2.0 * MIX], 5)):
        largest = np.abs(found.vectors).argmax(axis=1)
        assert (found.vectors[np.arange(5), largest] > 0.0).all()
        assert (np.diff(found.parts) <= 1e-12).all()


def test_that_a_layer_is_not_louder_for_its_gain() -> None:
    other = DRAW.randn(4, 8)
    one, loud = closed_form_directions([MIX, other], 8), closed_form_directions([1000.0 * MIX, other], 8)
    np.testing.assert_allclose(one.vectors, loud.vectors, atol=1e-9)


def test_that_channels_without_weights_do_no_harm() -> None:
    found = closed_form_directions([np.concatenate([MIX, np.zeros((2, 8))])], 3)
    np.testing.assert_allclose(found.vectors, closed_form_directions([MIX], 3).vectors)


def test_that_activations_lead_back_to_the_latents_that_made_them() -> None:
    cause, other = np.linalg.qr(DRAW.randn(8, 2))[0].T
    w = DRAW.randn(200, 8)
    pattern, second = DRAW.randn(2, 500)
    features = 7.0 * np.outer(w @ cause, pattern) + 2.0 * np.outer(w @ other, second) + 3.0
    found = activation_directions(features, w, 2)
    np.testing.assert_allclose(np.abs(found.vectors @ np.stack([cause, other]).T), np.eye(2), atol=0.25)
    assert found.parts[0] > 0.8
    np.testing.assert_allclose(found.parts.sum(), 1.0, atol=1e-6)


def test_that_activations_that_never_change_are_refused() -> None:
    with pytest.raises(JobError, match="the same for every latent"):
        activation_directions(np.ones((5, 20)), DRAW.randn(5, 8), 2)


def test_that_a_channels_sigma_is_that_of_its_styles() -> None:
    affine = DRAW.randn(11, 8)
    np.testing.assert_allclose(style_sigmas(affine, moments()), np.std(W @ affine.T, axis=0, ddof=1), rtol=1e-6)


def test_that_a_channel_that_no_weight_reads_has_no_effect() -> None:
    weight = DRAW.randn(4, 3, 3, 3)
    weight[:, 1] = 0.0
    effects = channel_effects(weight, np.ones(3), np.array([1.0, 50.0, 2.0]), demodulates=True)
    assert effects[1] == 0.0
    assert effects[2] > effects[0] > 0.0
