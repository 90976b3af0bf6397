from __future__ import annotations

import pytest
import torch
from torch import Tensor
from training_fixtures import golden

from engine.training.augment import diffaugment
from engine.training.augment.ada import ada_augment, adapted_strength
from engine.training.augment.diffaugment import diff_augment


def images(count: int = 4, size: int = 16, channels: int = 3) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", ["rect", "sk"])
@pytest.mark.parametrize("name", ["brightness", "saturation", "contrast", "translation", "cutout"])
def test_that_diffaugment_and_its_gradient_are_the_published_ones(kind: str, name: str) -> None:
    stored = golden("diffaug")
    drawn = {"translation": ("tx", "ty"), "cutout": ("ox", "oy")}.get(name, ("u",))
    x = stored[f"{kind}_x"].clone().requires_grad_()
    found = getattr(diffaugment, name)(x, *(stored[f"{kind}_{name}_{part}"] for part in drawn))
    torch.testing.assert_close(found, stored[f"{kind}_{name}_out"], rtol=1e-6, atol=1e-6)
    (found * stored[f"{kind}_cot"]).sum().backward()
    torch.testing.assert_close(x.grad, stored[f"{kind}_{name}_gradx"], rtol=1e-6, atol=1e-6)


def test_that_diffaugment_draws_anew_for_every_picture_and_repeats_by_its_generator() -> None:
    same = images(1).repeat(4, 1, 1, 1)
    policies = ("color", "translation", "cutout")
    first, again = (diff_augment(same, policies, rng(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])


def test_that_strength_follows_the_published_trajectories() -> None:
    stored = golden("ada")
    for kimg in (500, 100):
        p, wanted = 0.0, stored[f"ada_p_kimg{kimg}_b16"]
        for mean_sign, expected in zip(stored["ada_rt"].tolist(), wanted.tolist(), strict=True):
            p = adapted_strength(p, mean_sign, IMAGES, target=0.6, kimg=kimg)
            assert p == pytest.approx(expected, rel=1e-5, abs=1e-9)


IMAGES = 64
"""Four batches of 16 between two changes."""


def test_that_strength_stays_between_0_and_1() -> None:
    assert adapted_strength(0.0, -1.0, 10**6, target=0.6, kimg=1) == 0.0
    assert adapted_strength(0.9, 1.0, 10**6, target=0.6, kimg=1) == 1.0
    assert adapted_strength(0.3, 0.6, 64, target=0.6, kimg=1) == 0.3


def test_that_strength_0_changes_nothing() -> None:
    x = images()
    assert torch.equal(ada_augment(x, 0.0, ("blit", "geometry", "color"), rng()), x)


def test_that_pictures_on_which_nothing_falls_are_not_touched() -> None:
    x = images(64)
    found = ada_augment(x, 0.05, ("geometry",), rng())
    untouched = (found == x).flatten(1).all(dim=1)
    assert 20 < int(untouched.sum()) < 64


def test_that_blitting_moves_pixels_and_makes_none() -> None:
    x = images(8)
    found = ada_augment(x, 1.0, ("blit",), rng())
    assert not torch.equal(found, x)
    assert set(found[0].flatten().tolist()) <= set(x[0].flatten().tolist())


def test_that_colours_change_as_one_affine_map_per_picture() -> None:
    x = images(2)
    found = ada_augment(x, 1.0, ("color",), rng())
    for before, after in zip(x, found, strict=True):
        known = torch.cat([before.flatten(1), torch.ones(1, before[0].numel())]).t()
        fit = torch.linalg.lstsq(known, after.flatten(1).t()).solution
        torch.testing.assert_close(known @ fit, after.flatten(1).t(), rtol=1e-4, atol=1e-4)


def test_that_grey_pictures_can_be_augmented() -> None:
    assert ada_augment(images(channels=1), 1.0, ("blit", "geometry", "color"), rng()).shape == (4, 1, 16, 16)


def test_that_the_penalty_sees_through_the_warp() -> None:
    """The gradient of a squared gradient, against finite differences."""
    x, direction = images(2, 8).double(), images(2, 8).flip(0).double()

    def squared_gradient(point: Tensor) -> Tensor:
        watched = point.requires_grad_()
        warped = ada_augment(watched, 1.0, ("geometry",), rng(5))
        (gradient,) = torch.autograd.grad((warped**3).sum(), watched, create_graph=True)
        return gradient.square().sum()

    watched = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(squared_gradient(watched), watched)
    step = 1e-6
    ahead, behind = (squared_gradient((x + sign * step * direction).clone()) for sign in (1, -1))
    wanted = float((ahead - behind).detach()) / (2 * step)
    assert float((slope * direction).sum()) == pytest.approx(wanted, rel=1e-4)
