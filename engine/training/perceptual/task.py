"""What the feature net learns: to order changed pictures as an eye would, and to know what is in a picture.

Of each face three changed versions are made, and how much an eye minds each is known from how it was made. The
distance has to put them in that order, and another picture behind them all. Beside it small heads, thrown away
afterwards, read from the features where the landmarks are, which damage a picture has, which of the pictures shows
the same face, and the picture itself: so the features do not shrink to what the order alone needs, and sets of
pictures can be compared by them.

Source: Zhang et al. 2018, arXiv:1801.03924 (a distance trained on orders); Burges et al. 2005, doi
10.1145/1102351.1102363 (logistic loss on pairs); van den Oord et al. 2018, arXiv:1807.03748 (the same among others).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.helper_file import LICENCE, HelperCard, save_helper
from engine.nets.perceptual import KIND, TRAINED_SIZE, PerceptualNet, feature_distance
from engine.training.config import Precision
from engine.training.forward import mixed_precision
from engine.training.perceptual.damage import FAMILIES, Faces, damaged
from engine.training.perceptual.photography import developed, rephotographed, resampled, uniform
from engine.training.perceptual.sources import Sources
from engine.training.portrait_data import landmarks as at

WIDTHS = (32, 64, 128, 192, 256)
ANOTHER = 1.3
"""How much an eye minds a picture of somebody else."""
CERTAINTY = 8.0
"""How sure the order of two changes is, per unit of how much they are minded."""
STEEPNESS = 3.0
"""How far apart distances must be, as logarithms, to count as sure."""
TINY = 1e-5
IDENTITY = 64
SHARPNESS = 0.1
LOCAL_SHARE = 0.4
SMALL_SHARE = 0.25
"""Of the batches, these are seen at 64 px, as smaller models make them."""
WEIGHTS = {"order": 1.0, "landmarks": 1.0, "damage": 0.1, "same": 0.1, "picture": 1.0}
KEPT_BATCH = 16


@dataclass(frozen=True, eq=False)
class Comparison:
    """Faces and three changed versions of each.

    Attributes:
        images: ``[4, N, 3, S, S]``: the faces, rephotographed ones, and two damaged.
        minded: ``[3, N]``, how much an eye minds each change.
        family: ``[4, N]``: index of `FAMILIES` plus one, 0 for undamaged.
        points: ``[N, 189, 2]`` of the first.
    """

    images: Tensor
    minded: Tensor
    family: Tensor
    points: Tensor


class Learner(nn.Module):
    """The net and its heads."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.net = PerceptualNet(widths, TRAINED_SIZE)
        self.points = nn.Linear(widths[-1] * 16, 2 * at.COUNT)
        self.damage = nn.Linear(2 * sum(widths), len(FAMILIES) + 1)
        self.identity = nn.Linear(widths[-2] + widths[-1], IDENTITY)
        self.fine = nn.Conv2d(widths[1], 12, 1)
        self.coarse = nn.Conv2d(widths[3], 12, 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [level.float() for level in self.net(images)]


class PerceptualTask:
    """See `engine.training.supervised.Task`.

    Args:
        data: What ``train portrait-data`` made.
        seed: Of the first weights.

    Raises:
        JobError: there are no pictures with landmarks.
    """

    def __init__(self, data: Path, device: torch.device, seed: int, widths: Sequence[int] = WIDTHS) -> None:
        torch.manual_seed(seed)
        learner = Learner(widths)
        self._learner = learner.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.module: nn.Module = self._learner
        self._sources = Sources(data)
        self._device = device

    @property
    def pictures(self) -> int:
        return len(self._sources.learned)

    def save(self, path: Path, steps: int, batch: int, figures: Mapping[str, float]) -> None:
        """Write the net as it is now, without its heads.

        Raises:
            StorageError: it cannot be written.
        """
        step = {"made": "trained", "data": "portrait-data", "styles": list(self._sources.styles)}
        counts = {"pictures": self.pictures, "steps": steps, "batch": batch}
        rounded = {name: round(value, 4) for name, value in figures.items()}
        card = HelperCard(KIND, TRAINED_SIZE, (), ({**step, **counts, "figures": rounded},), LICENCE)
        save_helper(path, card, self._learner.net.state_dict())

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        compared = comparison(self._sources.learned, self._sources, rng, batch)
        values = _losses(self._learner, compared, self._device, precision)
        return {name: WEIGHTS[name] * value for name, value in values.items()}

    def figures(self, module: nn.Module) -> Mapping[str, float]:
        """On kept faces: the share of pairs in the right order, and the losses of the heads."""
        assert isinstance(module, Learner)
        rng = np.random.default_rng(1)
        found: dict[str, list[float]] = {}
        for _ in range(4):
            compared = comparison(self._sources.kept, self._sources, rng, KEPT_BATCH)
            values = _losses(module, compared, self._device, Precision.FLOAT32)
            distances, severity = _distances(module(compared.images.flatten(0, 1).to(self._device)), compared)
            right = (distances[:, None] - distances[None]).sign() == (severity[:, None] - severity[None]).sign()
            sure = (severity[:, None] - severity[None]).abs() > 0.1
            for name, value in {**values, "in order": right[sure].float().mean()}.items():
                found.setdefault(name, []).append(float(value))
        return {name: float(np.mean(values)) for name, values in found.items()}


def comparison(rows: Sequence[int], sources: Sources, rng: np.random.Generator, batch: int) -> Comparison:
    """Draw faces and change them, on the CPU."""
    indices = [rows[row] for row in rng.integers(len(rows), size=2 * batch)]
    torch_rng = torch.Generator().manual_seed(int(rng.integers(2**62)))
    drawn = varied(sources.faces(indices), torch_rng)
    here = torch.arange(batch)
    faces, others = drawn[here], drawn[here + batch]
    near, near_minded = rephotographed(faces.images, torch_rng)
    families = torch.randint(len(FAMILIES), (2, batch), generator=torch_rng)
    strengths = uniform((2, batch), 0.05, 1, torch_rng)
    # Of every second face the same damage twice, stronger and weaker.
    twice = torch.rand(batch, generator=torch_rng) < 0.5
    families[1] = torch.where(twice, families[0], families[1])
    seed = int(rng.integers(2**40))
    local = torch.rand(batch, generator=torch_rng) < LOCAL_SHARE
    first, first_minded = damaged(faces, others, families[0], strengths[0], local, seed)
    second, second_minded = damaged(faces, others, families[1], strengths[1], local, seed)
    changed, changed_minded = rephotographed(second, torch_rng)
    also = torch.rand(batch, generator=torch_rng) < 0.5
    second = torch.where(also[:, None, None, None], changed, second)
    severity = torch.stack([near_minded, first_minded, second_minded + also * changed_minded])
    images = torch.stack([faces.images, near, first, second])
    if rng.random() < SMALL_SHARE:
        half = F.avg_pool2d(images.flatten(0, 1), 2)
        images = F.interpolate(half, scale_factor=2.0, mode="bilinear").reshape(images.shape)
    undamaged = torch.zeros_like(families)
    return Comparison(images, severity, torch.cat([undamaged, families + 1]), faces.points)


def varied(faces: Faces, rng: torch.Generator) -> Faces:
    """Other framings and other light for the same faces, and mirror images without their landmarks' names changed."""
    count = len(faces.images)
    scale = torch.exp(uniform((count, 1, 1), -0.25, 0.25, rng))
    angle = uniform((count,), -0.15, 0.15, rng)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)], 1)
    shift = uniform((count, 1, 2), -0.12, 0.12, rng)
    size = faces.images.shape[-1]
    ticks = torch.linspace(-1, 1, size)
    here = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1).reshape(1, -1, 2)
    there = scale * here @ turn.transpose(1, 2) + shift
    field = (there - here).reshape(count, size, size, 2).permute(0, 3, 1, 2)
    points = ((faces.points - shift) / scale) @ turn
    images = developed(resampled(faces.images, field), uniform((count,), 0, 1.5, rng), rng, grain=0.0)
    return Faces(images, points)


def _losses(learner: Learner, compared: Comparison, device: torch.device, precision: Precision) -> dict[str, Tensor]:
    images = compared.images.flatten(0, 1).to(device, memory_format=torch.channels_last)
    with mixed_precision(device, precision):
        maps = learner(images)
    count = compared.images.shape[1]
    return {
        "order": _order(maps, compared),
        "landmarks": _landmarks(learner, maps, compared),
        "damage": F.cross_entropy(learner.damage(_statistics(maps)), compared.family.flatten().to(device)),
        "same": _same(learner, maps, count),
        "picture": _picture(learner, maps, images),
    }


def _distances(maps: Sequence[Tensor], compared: Comparison) -> tuple[Tensor, Tensor]:
    """Distances from each face to its three versions and to another face, and how much each is minded: ``[4, N]``."""
    count = compared.images.shape[1]
    faces = [level[:count] for level in maps]
    rows = [
        feature_distance(faces, [level[start : start + count] for level in maps])
        for start in range(count, 4 * count, count)
    ]
    rows.append(feature_distance(faces, [level.roll(1, dims=0) for level in faces]))
    severity = torch.cat([compared.minded, torch.full((1, count), ANOTHER)]).to(rows[0].device)
    return torch.stack(rows), severity


def _order(maps: Sequence[Tensor], compared: Comparison) -> Tensor:
    distances, severity = _distances(maps, compared)
    logs = (distances + TINY).log()
    first, second = torch.triu_indices(4, 4, offset=1)
    wanted = torch.sigmoid(CERTAINTY * (severity[first] - severity[second]))
    return F.binary_cross_entropy_with_logits(STEEPNESS * (logs[first] - logs[second]), wanted)


def _landmarks(learner: Learner, maps: Sequence[Tensor], compared: Comparison) -> Tensor:
    count = len(compared.points)
    found = learner.points(maps[-1][:count].flatten(1)).reshape(count, -1, 2)
    off: Tensor = found - compared.points.to(found.device)
    return off.abs().mean()


def _statistics(maps: Sequence[Tensor]) -> Tensor:
    """Mean and deviation of every channel, as the metrics take them."""
    flat = [level.flatten(2) for level in maps]
    return torch.cat([x for level in flat for x in (level.mean(2), (level.var(2) + 1e-6).sqrt())], dim=1)


def _same(learner: Learner, maps: Sequence[Tensor], count: int) -> Tensor:
    """Pick the rephotographed face out of the batch, each way."""
    pooled = torch.cat([level[: 2 * count].mean(dim=(2, 3)) for level in maps[-2:]], dim=1)
    codes = F.normalize(learner.identity(pooled), dim=1)
    scores = codes[:count] @ codes[count:].T / SHARPNESS
    own = torch.arange(count, device=scores.device)
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def _picture(learner: Learner, maps: Sequence[Tensor], images: Tensor) -> Tensor:
    """The picture at 64 px out of the features at 32, and at 16 out of those at 8."""
    losses = []
    for head, level in ((learner.fine, maps[1]), (learner.coarse, maps[3])):
        found = F.pixel_shuffle(head(level), 2)
        losses.append((found - F.avg_pool2d(images, TRAINED_SIZE // found.shape[-1])).abs().mean())
    return torch.stack(losses).mean()
