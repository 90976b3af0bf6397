from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.metrics.features import Features, own_features
from engine.metrics.nearest import NOTHING, NearestSearch, Prints, face_window, joined, prints_of
from engine.nets.perceptual import feature_distance


@pytest.fixture(scope="module")
def features() -> Features:
    return own_features(torch.device("cpu"))


def pictures(count: int, seed: int = 0, size: int = 64) -> Tensor:
    """Smooth random colours, different from one another."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(-1, 1)


def taken(features: Features, images: Tensor) -> Prints:
    return prints_of(features.maps(images), images)


def test_that_distances_of_prints_are_the_perceptual_distance_of_the_face(features: Features) -> None:
    a, b = pictures(1), pictures(1, 1)
    search = NearestSearch(taken(features, a))
    search.add(taken(features, b), np.array([0]))
    windows = [
        [face_window(level) for level in features.maps(images) if level.shape[-1] in (16, 8)] for images in (a, b)
    ]
    assert search.features[0] == pytest.approx(feature_distance(*windows).item(), rel=1e-4)
    difference = torch.nn.functional.interpolate(face_window(a) - face_window(b), size=(32, 32), mode="bilinear")
    assert search.pixels[0] == pytest.approx((difference / 2).square().mean().sqrt().item(), rel=1e-4)


def test_that_a_planted_copy_is_found_also_mirrored_and_in_other_light(features: Features) -> None:
    originals = pictures(20)
    samples = pictures(6, 1)
    samples[2] = (originals[13] * 0.97 + 0.01).clamp(-1, 1)
    samples[4] = originals[7].flip(2)
    search = NearestSearch(taken(features, samples))
    for rows in (range(9), range(9, 20)):
        part = originals[list(rows)]
        search.add(taken(features, part), np.array(rows))
        search.add(taken(features, part.flip(3)), np.array(rows), mirrored=True)
    assert (search.index[2], search.mirrored[2]) == (13, False)
    assert (search.index[4], search.mirrored[4]) == (7, True)
    strangers = np.delete(search.features, [2, 4])
    assert max(search.features[2], search.features[4]) < 0.1 * strangers.min()
    assert search.least_pixels[4] < 0.01 < search.least_pixels[0]
    assert set(np.argsort(search.features)[:2]) == {2, 4}


def test_that_an_original_is_not_near_to_itself(features: Features) -> None:
    prints = taken(features, pictures(5))
    search = NearestSearch(prints, np.arange(5))
    search.add(prints, np.arange(5))
    assert (search.index != np.arange(5)).all()
    assert (search.features > 0.01).all()
    assert (search.least_pixels > 0.01).all()


def test_that_nothing_is_near_before_anything_was_looked_at(features: Features) -> None:
    prints = taken(features, pictures(3))
    search = NearestSearch(joined([prints.at(slice(0, 1)), prints.at(slice(1, 3))]))
    assert search.index.tolist() == [NOTHING] * 3
    assert np.isinf(search.features).all()
