from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from engine.metrics import kid, precision_recall
from engine.metrics.features import Floats, scale_of
from engine.metrics.fid import Moments, frechet_distance, moments
from engine.metrics.kid import drawn_subsets, kernel_distance, whole_kernel_distance
from engine.metrics.order import Metric
from engine.metrics.precision_recall import precision_recall as measured
from engine.metrics.sets import Measurement, compare_sets

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics" / "sets.npz"
SET_METRICS = (Metric.KID, Metric.FID, Metric.PRECISION, Metric.RECALL)


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as stored:
        arrays = {name: stored[name] for name in stored}
    return {name: array.astype(float) if array.dtype == np.float32 else array for name, array in arrays.items()}


def normal(count: int, width: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((count, width))


# --- KID ------------------------------------------------------------------------------------------------------------


def test_that_kid_is_the_published_one(golden: dict[str, np.ndarray]) -> None:
    subsets = list(zip(golden["kid_subset_real_idx"], golden["kid_subset_gen_idx"], strict=True))
    found = kernel_distance(golden["real"], golden["gen"], subsets)
    assert found == pytest.approx(float(golden["kid_nv_10x50_f64"]), rel=1e-5)
    whole = whole_kernel_distance(golden["real"][:200], golden["gen"])
    assert whole.value == pytest.approx(float(golden["kid_full_m200_f64"]), rel=1e-5)


def test_that_subsets_are_fixed_and_never_larger_than_what_there_is() -> None:
    for real, generated in ((30, 40), (20, 20), (1500, 1200)):
        first, again = drawn_subsets(real, generated), drawn_subsets(real, generated)
        size = min(real, generated, 1000)
        assert all(len(set(x)) == len(set(y)) == size for x, y in first)
        assert all((x == u).all() and (y == v).all() for (x, y), (u, v) in zip(first, again, strict=True))


def test_that_kid_in_blocks_is_kid_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = normal(23, 5), normal(17, 5, 1) + 0.3
    at_once = whole_kernel_distance(real, generated)
    monkeypatch.setattr(kid, "BLOCK", 4)
    assert whole_kernel_distance(real, generated) == pytest.approx(at_once)


def test_that_kid_of_a_shifted_gaussian_is_the_expected_kernel() -> None:
    # With x of N(0, 1) and y of N(m, 1) in one dimension, E (xy + 1)^3 = 1 + 3 E xy + 3 E x^2 E y^2 + E x^3 E y^3.
    shift = 0.7
    second, third = 1 + shift**2, shift**3 + 3 * shift
    wanted = (1 + 3) + (1 + 3 * shift**2 + 3 * second**2 + third**2) - 2 * (1 + 3 * second)
    found = whole_kernel_distance(normal(4000, 1), normal(4000, 1, 1) + shift)
    assert found.standard_error < 0.15 * wanted
    assert abs(found.value - wanted) < 3 * found.standard_error


def test_that_kid_of_equal_distributions_is_nought_give_or_take_its_error() -> None:
    pairs = [whole_kernel_distance(normal(120, 4, 2 * i), normal(120, 4, 2 * i + 1)) for i in range(40)]
    values, errors = (np.array(column) for column in zip(*pairs, strict=True))
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(len(values))  # unbiased
    assert (values < 0).any()
    assert (np.abs(values) < 4 * errors).all()


@pytest.mark.parametrize(("shift", "too_large"), [(0.8, 1.0), (0.0, 1.4)])
def test_that_the_standard_error_of_kid_is_how_far_it_varies(shift: float, too_large: float) -> None:
    pairs = [whole_kernel_distance(normal(120, 4, 2 * i), normal(120, 4, 2 * i + 1) + shift) for i in range(60)]
    values, errors = (np.array(column) for column in zip(*pairs, strict=True))
    assert errors.mean() / values.std(ddof=1) == pytest.approx(too_large, rel=0.25)


# --- FID ------------------------------------------------------------------------------------------------------------


def test_that_fid_is_the_published_one(golden: dict[str, np.ndarray]) -> None:
    real, generated = golden["real"], golden["gen"]
    for ddof, name in ((0, "fid_nv_popcov_f64"), (1, "fid_sample_cov_ddof1_f64")):
        found = frechet_distance(moments(real, ddof), moments(generated, ddof))
        assert found == pytest.approx(float(golden[name]), rel=1e-6)


def test_that_fid_of_fewer_pictures_than_features_is_still_a_number(golden: dict[str, np.ndarray]) -> None:
    found = frechet_distance(moments(golden["real"][:10]), moments(golden["gen"][:10]))
    assert found == pytest.approx(float(golden["fid_small_n10_f64"]), rel=1e-4)


def test_that_fid_of_gaussians_is_their_closed_form() -> None:
    # Covariances that share their axes: the distance is that of the standard deviations.
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    a, b = rng.uniform(0.1, 2, 6), rng.uniform(0.1, 2, 6)
    mean = rng.standard_normal(6)
    found = frechet_distance(
        Moments(np.zeros(6), axes @ np.diag(a**2) @ axes.T), Moments(mean, axes @ np.diag(b**2) @ axes.T)
    )
    assert found == pytest.approx(float((mean**2).sum() + ((a - b) ** 2).sum()))


def test_that_fid_of_two_by_two_covariances_without_common_axes_is_their_closed_form() -> None:
    # The trace of the root of a 2x2 matrix M with positive eigenvalues is sqrt(tr M + 2 sqrt(det M)).
    a, b = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[0.7, -0.3], [-0.3, 1.5]])
    product = a @ b
    root = math.sqrt(np.trace(product) + 2 * math.sqrt(np.linalg.det(product)))
    found = frechet_distance(Moments(np.zeros(2), a), Moments(np.zeros(2), b))
    assert found == pytest.approx(np.trace(a) + np.trace(b) - 2 * root)


def test_that_fid_of_a_set_with_itself_is_nought_and_moments_are_numpys() -> None:
    features = normal(40, 30)
    found = moments(features)
    assert frechet_distance(found, found) == pytest.approx(0, abs=1e-9)
    assert np.allclose(found.covariance, np.cov(features.T))


# --- precision and recall -------------------------------------------------------------------------------------------


def test_that_precision_and_recall_are_the_published_ones(
    golden: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    for neighbours in (3, 5):
        wanted = golden[f"pr_fp32_k{neighbours}"]
        assert measured(golden["real"], golden["gen"], neighbours) == pytest.approx(tuple(wanted), abs=1e-6)
    at_once = measured(golden["real"], golden["gen"])
    monkeypatch.setattr(precision_recall, "BLOCK", 7)
    assert measured(golden["real"], golden["gen"]) == at_once


def test_that_dropped_modes_cost_recall_alone() -> None:
    modes = np.repeat(np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]]), 50, axis=0)
    real, whole = modes + normal(200, 2), modes + normal(200, 2, 1)
    one_mode = modes[:50].repeat(4, axis=0) + normal(200, 2, 2)
    full, dropped = measured(real, whole), measured(real, one_mode)
    assert full.recall > 0.85
    assert dropped.recall <= 0.25
    assert dropped.precision > 0.85


def test_that_outliers_cost_precision_alone() -> None:
    real, generated = normal(200, 2), normal(200, 2, 1)
    outliers = generated.copy()
    outliers[:50] = 100 * np.arange(1, 51)[:, None] * np.array([1.0, (-1.0)])
    full, strayed = measured(real, generated), measured(real, outliers)
    assert strayed.precision == pytest.approx(full.precision - 0.25, abs=0.04)
    assert strayed.precision <= 0.75
    assert strayed.recall > 0.8


def test_that_a_set_covers_itself_and_strangers_cover_nothing() -> None:
    points = normal(30, 3)
    assert measured(points, points) == (1.0, 1.0)
    assert measured(points, points + 1000) == (0.0, 0.0)


# --- together -------------------------------------------------------------------------------------------------------


def test_that_real_pictures_in_the_place_of_samples_give_the_floor() -> None:
    reference, others = normal(80, 6), normal(80, 6, 1)
    worse = normal(80, 6, 2) * 0.5 + 1
    at_floor = dict(compare_sets(reference, others, others, SET_METRICS))
    assert all(one.value == one.floor for one in at_floor.values())
    found = dict(compare_sets(reference, worse, others, SET_METRICS))
    assert list(found) == list(SET_METRICS)
    assert all(found[metric].floor == at_floor[metric].value for metric in SET_METRICS)
    for metric in (Metric.KID, Metric.FID):
        assert found[metric].value > 3 * abs(found[metric].floor)
    assert found[Metric.RECALL].value < found[Metric.RECALL].floor
    assert dict(compare_sets(reference, worse, others, (Metric.RECALL,))) == {Metric.RECALL: found[Metric.RECALL]}


def test_that_the_size_of_a_feature_does_not_matter() -> None:
    reference, generated, others = normal(60, 4), normal(60, 4, 1) + 0.5, normal(60, 4, 2)
    sizes = np.array([1e-3, 1.0, 50.0, 1e4])
    plain = dict(compare_sets(reference, generated, others, SET_METRICS))
    scaled = dict(compare_sets(reference * sizes, generated * sizes, others * sizes, SET_METRICS))
    for metric, wanted in plain.items():
        found = scaled[metric]
        assert (found.value, found.floor) == pytest.approx((wanted.value, wanted.floor))
    assert np.isfinite(scale_of(np.zeros((3, 2)))).all()
    assert math.isnan(Measurement(1.0).floor)
