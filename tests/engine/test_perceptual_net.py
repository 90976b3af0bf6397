from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.nets.perceptual import FINEST, INPUT_SIZE, TRAINED_SIZE, PerceptualNet, feature_distance

WIDTHS = (4, 6, 8, 8, 8)


def fixed_tensors(input_size: int) -> dict[str, Tensor]:
    shapes: dict[str, tuple[int, ...]] = {"fromrgb.weight": (WIDTHS[0], 3, 1, 1), "fromrgb.bias": (WIDTHS[0],)}
    if input_size == TRAINED_SIZE:
        shapes = {"stem.weight": (WIDTHS[0], 12, 3, 3), "stem.bias": (WIDTHS[0],)}
    for resolution, i, o in zip((64, 32, 16, 8), WIDTHS, WIDTHS[1:], strict=False):
        shapes |= {
            f"b{resolution}.conv0.weight": (i, i, 3, 3),
            f"b{resolution}.conv0.bias": (i,),
            f"b{resolution}.conv1.weight": (o, i, 3, 3),
            f"b{resolution}.conv1.bias": (o,),
            f"b{resolution}.skip.weight": (o, i, 1, 1),
        }
    generator = torch.Generator().manual_seed(7)
    return {name: torch.randn(shape, generator=generator) * 0.3 for name, shape in shapes.items()}


def pictures(size: int, count: int = 2, seed: int = 1) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(scope="module", params=[INPUT_SIZE, TRAINED_SIZE], ids=["trunk", "trained"])
def net(request: pytest.FixtureRequest) -> PerceptualNet:
    return PerceptualNet.from_tensors(fixed_tensors(request.param))


def lrelu(x: Tensor) -> Tensor:
    return torch.where(x < 0, x * 0.2, x) * 2**0.5


def halved(x: Tensor) -> Tensor:
    return x.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))


def test_that_features_are_those_of_the_residual_network_written_out(net: PerceptualNet) -> None:
    tensors = {name: tensor.double() for name, tensor in fixed_tensors(net.input_size).items()}
    trained = net.input_size == TRAINED_SIZE
    images = pictures(net.input_size)
    if trained:
        squares = torch.stack([images[:, :, y::2, x::2] for y in (0, 1) for x in (0, 1)], dim=2).flatten(1, 2)
        x = functional.conv2d(squares.double(), tensors["stem.weight"], tensors["stem.bias"], padding=1)
    else:
        x = torch.einsum("oi,nihw->nohw", tensors["fromrgb.weight"][:, :, 0, 0], images.double())
        x = x + tensors["fromrgb.bias"][:, None, None]
    x = lrelu(x)
    expected = [x]
    for r in (64, 32, 16, 8):
        y = lrelu(functional.conv2d(x, tensors[f"b{r}.conv0.weight"], tensors[f"b{r}.conv0.bias"], padding=1))
        kernel, bias = tensors[f"b{r}.conv1.weight"], tensors[f"b{r}.conv1.bias"]
        if trained:
            y = functional.conv2d(halved(y), kernel, bias, padding=1)
        else:
            y = halved(functional.conv2d(y, kernel, bias, padding=1))
        x = (lrelu(y) + halved(functional.conv2d(x, tensors[f"b{r}.skip.weight"]))) / 2**0.5
        expected.append(x)
    found = net(images)
    assert [tuple(f.shape) for f in found] == [(2, c, r, r) for c, r in zip(WIDTHS, net.resolutions, strict=True)]
    for want, got in zip(expected, found, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-4)


def test_that_features_are_the_same_with_and_without_gradients(net: PerceptualNet) -> None:
    images = pictures(64)
    with torch.no_grad():
        quiet = net(images)
    loud = net(images.clone().requires_grad_())
    for a, b in zip(quiet, loud, strict=True):
        torch.testing.assert_close(a, b)


def test_that_a_large_picture_counts_as_its_average(net: PerceptualNet) -> None:
    small = pictures(net.input_size)
    large = small.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    for a, b in zip(net(small), net(large), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_that_a_32_px_picture_is_accepted_and_smaller_or_odd_ones_are_not(net: PerceptualNet) -> None:
    assert net(pictures(32))[0].shape[-1] == FINEST
    for bad in (pictures(16), torch.zeros(1, 3, 96, 96), torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 64, 32)):
        with pytest.raises(ValueError, match="expected"):
            net(bad)


def test_that_half_precision_tensors_are_read_as_float32() -> None:
    net = PerceptualNet.from_tensors({name: tensor.half() for name, tensor in fixed_tensors(TRAINED_SIZE).items()})
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in net.parameters())


def test_that_the_distance_is_zero_for_equal_pictures_and_grows_with_the_difference(net: PerceptualNet) -> None:
    a, b = pictures(64, seed=1), pictures(64, seed=2)
    distances = [feature_distance(net(a), net(a + t * (b - a))) for t in (0.0, 0.2, 0.6, 1.0)]
    assert distances[0].shape == (2,)
    assert float(distances[0].abs().max()) < 1e-12
    for near, far in pairwise(distances):
        assert bool((near < far).all())


def test_that_the_distance_pulls_one_picture_towards_another(net: PerceptualNet) -> None:
    target, image = net(pictures(64, count=1, seed=3)), pictures(64, count=1, seed=4).requires_grad_()
    before = feature_distance(net(image), target).sum()
    (gradient,) = torch.autograd.grad(before, image)
    with torch.no_grad():
        after = feature_distance(net(image - 0.02 * gradient / gradient.abs().max()), target).sum()
    assert float(after) < before.item()
