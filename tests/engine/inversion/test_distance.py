"""What judges likeness."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from engine.errors import CorruptModelError
from engine.inversion.distance import (
    FeatureDistance,
    PerceptualDistance,
    PixelsAndEdges,
    default_distance,
    edges,
    pyramid,
)
from engine.inversion.lpips import choose_distance, lpips_distance
from engine.nets.vgg16 import STAGES, Vgg16Features, layer_indices, lpips

DEFAULT_NAME = "Graft's own face features, with pixels and edges"


def pictures(size: int, count: int = 2, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def vgg_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    tensors, channels = {}, 3
    for stage, indices in zip(STAGES, layer_indices(), strict=True):
        for width, index in zip(stage, indices, strict=True):
            scale = (2 / (9 * channels)) ** 0.5
            tensors[f"features.{index}.weight"] = torch.randn(width, channels, 3, 3, generator=generator) * scale
            tensors[f"features.{index}.bias"] = torch.randn(width, generator=generator) * 0.1
            channels = width
    return tensors


def linear_tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        f"lin{index}.model.1.weight": torch.rand(1, stage[-1], 1, 1, generator=generator)
        for index, stage in enumerate(STAGES)
    }


@pytest.fixture(scope="module")
def vgg() -> dict[str, Tensor]:
    return vgg_tensors()


JUDGES = [PixelsAndEdges(), default_distance()]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
@pytest.mark.parametrize("size", [8, 16, 64, 256])
def test_that_a_picture_is_nearest_to_itself(judge: PerceptualDistance, size: int) -> None:
    target, other = pictures(size)[:1], pictures(size)[1:]
    measure = judge.aimed_at(target)
    near = target * 0.95 + other * 0.05
    same, close, far = (measure(image).item() for image in (target, near, other))
    assert same == pytest.approx(0, abs=1e-4)
    assert same < close < far


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.name)
def test_that_pictures_are_judged_one_by_one_and_with_gradients(judge: PerceptualDistance) -> None:
    measure = judge.aimed_at(pictures(64, 1))
    images = pictures(64, 3, seed=4).requires_grad_(True)
    values = measure(images)
    assert values.shape == (3,)
    torch.testing.assert_close(values[1:2], measure(images[1:2]), rtol=1e-4, atol=1e-5)
    values.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().max() > 0


def test_that_edges_are_slopes_per_pixel() -> None:
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    ramp = (3 * x + 5 * y)[None, None]
    found = edges(ramp)[0, :, 2:-2, 2:-2]
    torch.testing.assert_close(found, torch.tensor([3.0, 5.0])[:, None, None].expand(2, 4, 4))


def test_that_the_pyramid_ends_at_eight_pixels() -> None:
    assert [level.shape[-1] for level in pyramid(pictures(64))] == [64, 32, 16, 8]
    assert [level.shape[-1] for level in pyramid(pictures(8))] == [8]


def test_that_without_the_feature_file_the_judge_says_what_it_is(tmp_path: Path) -> None:
    assert default_distance(tmp_path).name == "pixels and edges"
    (tmp_path / "perceptual.safetensors").write_bytes(b"damaged")
    assert default_distance(tmp_path).name == "pixels and edges"


def test_that_graft_ships_its_own_judge() -> None:
    assert default_distance().name == DEFAULT_NAME


def test_that_vgg_features_are_those_of_the_net_written_out(vgg: dict[str, Tensor]) -> None:
    images = pictures(32)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((images + 1) / 2 - mean[:, None, None]) / std[:, None, None]
    wanted = []
    for number, indices in enumerate([(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)]):
        if number:
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(-1, -2))
        for index in indices:
            x = F.conv2d(x, vgg[f"features.{index}.weight"], vgg[f"features.{index}.bias"], padding=1).clamp(min=0)
        wanted.append(x)
    for found, want in zip(Vgg16Features.from_tensors(vgg)(images), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=1e-3, atol=1e-3)


def test_that_lpips_weighs_unit_length_features_by_channel() -> None:
    a, b = torch.tensor([[3.0, 4.0]])[:, :, None, None], torch.tensor([[0.0, 2.0]])[:, :, None, None]
    weights = torch.tensor([2.0, 10.0])
    assert lpips([a], [b], [weights]).item() == pytest.approx(2 * 0.6**2 + 10 * 0.2**2)
    assert lpips([a], [b]).item() == pytest.approx((0.6**2 + 0.2**2) / 2)
    assert lpips([a, a], [b, b], [weights, weights]).item() == pytest.approx(2 * (2 * 0.6**2 + 10 * 0.2**2))


def test_that_weights_are_told_by_content_not_by_name(tmp_path: Path, vgg: dict[str, Tensor]) -> None:
    assert choose_distance(None).name == choose_distance(tmp_path).name == DEFAULT_NAME
    torch.save({**vgg, "classifier.0.weight": torch.zeros(2, 2)}, tmp_path / "b.pth")
    assert choose_distance(tmp_path).name == "VGG16 features, with pixels and edges"
    torch.save(linear_tensors(), tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    judge = choose_distance(tmp_path)
    assert judge.name == "LPIPS (VGG16), with pixels and edges"
    a, b = pictures(64, 2).split(1)
    net, weights = Vgg16Features.from_tensors(vgg), [one.flatten() for one in linear_tensors().values()]
    wanted = lpips(net(a), net(b), weights) + PixelsAndEdges().aimed_at(b)(a)
    torch.testing.assert_close(judge.aimed_at(b)(a), wanted, rtol=1e-4, atol=1e-4)


def test_that_the_lpips_packages_own_file_is_known(tmp_path: Path, vgg: dict[str, Tensor]) -> None:
    slices = {index: number + 1 for number, indices in enumerate(layer_indices()) for index in indices}
    renamed = {f"net.slice{slices[int(name.split('.')[1])]}.{name[9:]}": one for name, one in vgg.items()}
    save_file({**renamed, **linear_tensors()}, tmp_path / "lpips.safetensors")
    assert choose_distance(tmp_path).name == "LPIPS (VGG16), with pixels and edges"


def test_that_unusable_weights_are_named_and_the_default_judges(tmp_path: Path, vgg: dict[str, Tensor]) -> None:
    (tmp_path / "hostile.pth").write_bytes(b"\x80\x02cposix\nsystem\n(X\x04\0\0\0trueR.")
    judge = choose_distance(tmp_path)
    assert isinstance(judge, FeatureDistance)
    assert judge.name.startswith(f"{DEFAULT_NAME} (VGG16 could not be used: hostile.pth: ")
    (tmp_path / "hostile.pth").unlink()
    torch.save({name: one for name, one in vgg.items() if ".17." not in name}, tmp_path / "part.pth")
    assert "features.17.weight is missing" in choose_distance(tmp_path).name


def test_that_weights_of_another_lpips_are_refused(vgg: dict[str, Tensor]) -> None:
    alex = {f"lin{index}.model.1.weight": torch.ones(1, width, 1, 1) for index, width in enumerate((64, 192, 384))}
    with pytest.raises(CorruptModelError, match="do not belong to VGG16"):
        lpips_distance({**vgg, **alex})
