"""Changes that an eye minds: another face, a face out of shape, and what goes wrong in made pictures.

Every family takes pictures, their landmarks and a strength from 0 (nothing) to 1 (plainly spoiled), and is a pure
function of its random numbers, so that the same damage can be had stronger or weaker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.training.perceptual.photography import blobs, resampled, uniform
from engine.training.portrait_data import landmarks as at


@dataclass(frozen=True, eq=False)
class Faces:
    """Attributes:
    images: ``[N, 3, S, S]`` in [-1, 1].
    points: ``[N, 189, 2]``, (x, y) from -1 to 1 across the picture.
    """

    images: Tensor
    points: Tensor

    def __getitem__(self, rows: Tensor) -> Faces:
        return Faces(self.images[rows], self.points[rows])


Damage: TypeAlias = Callable[[Faces, Faces, Tensor, torch.Generator], Tensor]
"""Faces, one other face for each, strengths ``[N]``, random numbers; to pictures."""

REGIONS = (
    at.FACE,
    [*at.LEFT_EYE, *at.RIGHT_EYE, *at.LEFT_BROW, *at.RIGHT_BROW],
    at.MOUTH,
    at.NOSE,
    [*at.JAW, *at.MOUTH],
)
FEATURES = [*at.LEFT_EYE, *at.RIGHT_EYE, *at.BROWS, *at.NOSE, *at.MOUTH]
REACH = 0.10
"""How far a landmark pulls, in halves of the side."""
GRID = 32


def with_another_shape(faces: Faces, others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """The face, or a part of it, in the shape of another: also another expression, if that one had one."""
    chosen = torch.zeros(len(REGIONS), faces.points.shape[1])
    for row, region in enumerate(REGIONS):
        chosen[row, region] = 1
    part = chosen[torch.randint(len(REGIONS), (len(faces.images),), generator=rng)][..., None]
    new = faces.points + 2.2 * _each(strength)[..., 0] * part * (_settled(others, faces) - faces.points)
    return resampled(faces.images, _field(new, faces.points - new, faces.images.shape[-1]))


def with_another_face(faces: Faces, others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Eyes, nose and mouth of somebody else, brought into place and colour."""
    size = faces.images.shape[-1]
    there = resampled(others.images, _field(faces.points, others.points - faces.points, size))
    mask = _mask(faces.points[:, FEATURES], size)
    inside = mask / mask.sum(dim=(2, 3), keepdim=True)
    there = there + ((faces.images - there) * inside).sum(dim=(2, 3), keepdim=True)
    return faces.images + _each(strength) * mask * (there - faces.images)


def melted(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Bent within itself, at the scale of eyes and mouth."""
    count, _, size, _ = faces.images.shape
    cells = int(torch.randint(8, 20, (1,), generator=rng))
    return resampled(faces.images, blobs(count, 2, cells, size, rng) * 0.6 / cells * _each(strength))


def with_patches(faces: Faces, others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Soft spots of another picture."""
    count, _, size, _ = faces.images.shape
    middles = uniform((count, 4, 2), -0.5, 0.6, rng)
    mask = _mask(middles, size, reach=0.14)
    return faces.images + _each(strength) * mask * (others.images.flip(3) - faces.images)


def discoloured(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Hues turned, here and there differently."""
    images = faces.images
    count, _, size, _ = images.shape
    angle = _each(strength) * blobs(count, 1, int(torch.randint(2, 6, (1,), generator=rng)), size, rng)
    grey = images.mean(dim=1, keepdim=True)
    colour = images - grey
    # In the plane of equal brightness, a quarter turn is this cross product with the grey axis.
    quarter = (colour.roll(1, dims=1) - colour.roll(-1, dims=1)) / 3**0.5
    return grey + colour * angle.cos() + quarter * angle.sin()


def blurred(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    return _gaussian(faces.images, 3 * strength)


def soft(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """As an undertrained generator draws: made small, and enlarged."""
    images = faces.images
    size = images.shape[-1]
    small = size // int(torch.randint(3, 8, (1,), generator=rng))
    low = F.interpolate(images, size=(small, small), mode="area")
    mode = "nearest" if torch.rand(1, generator=rng) < 0.3 else "bicubic"
    return images + _each(strength) * (F.interpolate(low, size=(size, size), mode=mode) - images)


def ringing(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Overshoot at edges, or waves beside them."""
    images = faces.images
    size = images.shape[-1]
    if torch.rand(1, generator=rng) < 0.5:
        width = uniform((len(images),), 0.8, 2.5, rng)
        return images + 3 * _each(strength) * (images - _gaussian(images, width))
    cut = _each(0.5 - 0.42 * strength**0.5)[..., 0]
    high = torch.maximum(torch.fft.fftfreq(size).abs()[None, :, None], torch.fft.rfftfreq(size)[None, None, :]) > cut
    cleaned: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * ~high[:, None], s=(size, size))
    return cleaned


def chequered(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """The pattern of transposed convolutions, in places."""
    images = faces.images
    count, _, size, _ = images.shape
    cell = int(2 ** torch.randint(0, 3, (1,), generator=rng))
    ticks = torch.arange(size) // cell
    pattern = ((ticks + ticks[:, None] * int(torch.randint(0, 2, (1,), generator=rng))) % 2 * 2.0 - 1)[None, None]
    places = blobs(count, 1, 4, size, rng).abs().clamp(max=1.5)
    return images + 0.35 * _each(strength) * pattern * places * uniform((count, 3, 1, 1), 0.3, 1, rng)


def noisy(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    images = faces.images
    count, _, size, _ = images.shape
    cells = int(torch.tensor([size, size // 2, size // 4, size // 6])[torch.randint(4, (1,), generator=rng)])
    grain = blobs(count, 3, cells, size, rng)
    if torch.rand(1, generator=rng) < 0.5:
        grain = grain.mean(dim=1, keepdim=True) * 1.7
    return images + 0.25 * _each(strength) * grain


def compressed(faces: Faces, _others: Faces, strength: Tensor, rng: torch.Generator) -> Tensor:
    """Blocks of 8 px with coarse steps of their cosine transform."""
    images = faces.images
    count, _, size, _ = images.shape
    ticks = torch.arange(8.0)
    basis = torch.cos((2 * ticks[None, :] + 1) * ticks[:, None] * torch.pi / 16) / 2
    basis[0] /= 2**0.5
    luma = images.mean(dim=1, keepdim=True)
    planes = torch.cat([luma, images - luma], dim=1)
    blocks = planes.reshape(count, 4, size // 8, 8, size // 8, 8)
    spectrum = torch.einsum("ui,ncyixj,vj->ncyuxv", basis, blocks, basis)
    steps = (0.2 + 0.2 * (ticks[:, None] + ticks))[None, None, None, :, None, :] * strength.reshape(-1, 1, 1, 1, 1, 1)
    steps = (steps * torch.tensor([1.0, 2, 2, 2]).reshape(1, 4, 1, 1, 1, 1)).clamp(min=1e-3)
    spectrum = (spectrum / steps).round() * steps
    planes = torch.einsum("ui,ncyuxv,vj->ncyixj", basis, spectrum, basis).reshape(count, 4, size, size)
    return planes[:, :1] + planes[:, 1:]


FAMILIES: Mapping[str, Damage] = MappingProxyType(
    {
        "another shape": with_another_shape,
        "another face": with_another_face,
        "melted": melted,
        "patches": with_patches,
        "discoloured": discoloured,
        "blur": blurred,
        "soft": soft,
        "ringing": ringing,
        "chequered": chequered,
        "noise": noisy,
        "blocks": compressed,
    }
)


def damaged(
    faces: Faces, others: Faces, family: Tensor, strength: Tensor, local: Tensor, seed: int
) -> tuple[Tensor, Tensor]:
    """Each picture damaged by its own family, and how much an eye minds, ``[N]``.

    At strength 1 that is nearly as much as another picture, at 0.1 as a change of light.

    Args:
        family: Indices of `FAMILIES`, ``[N]``.
        local: Whether only a spot of the face is damaged, ``[N]``, bool.
    """
    result = torch.empty_like(faces.images)
    for index, damage in enumerate(FAMILIES.values()):
        rows = (family == index).nonzero()[:, 0]
        if len(rows):
            rng = torch.Generator().manual_seed(seed + index)
            result[rows] = damage(faces[rows], others[rows], strength[rows], rng).clamp(-1, 1)
    spot = _spot(faces, torch.Generator().manual_seed(seed + len(FAMILIES)))
    result = torch.where(_each(local), faces.images + spot * (result - faces.images), result)
    return result, 0.1 + torch.where(local, 0.6, 0.8) * strength


def _spot(faces: Faces, rng: torch.Generator) -> Tensor:
    """Around one of the features."""
    count = len(faces.images)
    chosen = torch.tensor(FEATURES)[torch.randint(len(FEATURES), (count,), generator=rng)]
    middle = faces.points[torch.arange(count), chosen][:, None]
    reach = float(uniform((1,), 0.1, 0.3, rng))
    return (1.5 * _mask(middle, faces.images.shape[-1], reach)).clamp(max=1)


# --- tools -------------------------------------------------------------------------------------------------------


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _settled(faces: Faces, onto: Faces) -> Tensor:
    """Landmarks of `faces` with the middle and the size of `onto`'s."""
    points, wanted = (one.points - one.points[:, FEATURES].mean(dim=1, keepdim=True) for one in (faces, onto))
    scale = wanted[:, FEATURES].norm(dim=2).mean(dim=1) / points[:, FEATURES].norm(dim=2).mean(dim=1)
    settled: Tensor = points * scale[:, None, None] + onto.points[:, FEATURES].mean(dim=1, keepdim=True)
    return settled


def _pulls(points: Tensor, reach: float) -> Tensor:
    """How strongly each point acts at the places of a coarse grid: ``[N, P, GRID, GRID]``."""
    ticks = torch.linspace(-1, 1, GRID)
    across = torch.exp(-((ticks - points[..., :1]) ** 2) / (2 * reach**2))
    down = torch.exp(-((ticks - points[..., 1:]) ** 2) / (2 * reach**2))
    return down[..., :, None] * across[..., None, :]


def _field(points: Tensor, shift: Tensor, size: int) -> Tensor:
    """A smooth field ``[N, 2, size, size]`` that is about `shift` at `points` and nothing far from all of them."""
    pulls = _pulls(points, REACH)
    coarse = torch.einsum("npyx,npc->ncyx", pulls, shift) / (pulls.sum(dim=1, keepdim=True) + 0.1)
    return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)


def _mask(points: Tensor, size: int, reach: float = REACH) -> Tensor:
    """Near 1 around the points, 0 away from them: ``[N, 1, size, size]``."""
    coarse = 1 - torch.prod(1 - 0.9 * _pulls(points, reach), dim=1, keepdim=True)
    return F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=True)


def _gaussian(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each picture by its own width ``[N]`` in px."""
    count, channels, size, _ = images.shape
    reach = 10
    ticks = torch.arange(-reach, reach + 1.0)
    kernel = torch.exp(-(ticks**2) / (2 * sigma[:, None].clamp(min=0.05) ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)[:, None]
    x = F.pad(images, (reach,) * 4, mode="reflect").reshape(1, count * channels, size + 2 * reach, size + 2 * reach)
    x = F.conv2d(x, kernel[..., None, :], groups=count * channels)
    x = F.conv2d(x, kernel[..., :, None], groups=count * channels)
    return x.reshape(count, channels, size, size)
