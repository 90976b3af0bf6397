"""Training an encoder for one generator: portraits in, latents out, judged by the picture that they make.

A quarter of a batch are pictures of the generator itself, whose latents are known; the others are training portraits,
for which only the rebuilt picture counts, and a pull towards where the generator's own latents lie, without which the
latents would no longer take edits. Gradients pass through the generator, which is not changed.

Source: Richardson et al. 2021, arXiv:2008.00951; Tov et al. 2021, arXiv:2102.02766 (distance to W).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.encoder_file import EncoderSizes
from engine.errors import JobError
from engine.inversion.distance import PerceptualDistance
from engine.inversion.encoder import PortraitEncoder, build_encoder
from engine.inversion.schedules import hold
from engine.inversion.w_space import measure_w_space
from engine.nets.encoder import Encoder
from engine.network import Network
from engine.training.config import Precision
from engine.training.dataset import Dataset
from engine.training.forward import mixed_precision, synthesize
from engine.training.photo_changes import relit, worn

INPUT_PX = 128
WIDTHS = (24, 48, 80, 128, 192, 256)
FEATURES = 384
COARSE_PX = 64
FULL_SHARE = 0.125
"""Share of the steps in which gradients come through all of the generator; in the others, through its blocks up to
64 px, which is much quicker."""
LATENT_WEIGHT = 0.3
SAMPLES_PART = 4
"""One in so many of a batch is a picture of the generator's own."""
MIXED_SHARE = 0.5
PSI = (0.5, 1.0)
RELIT_SHARE = 0.7
HELD_OUT = 0.025
HELD_OUT_MOST = 200
JUDGED = 24
EDITABILITY = 0.5
W_SPACE_SEED = 303
JUDGED_SEED = 1


@dataclass(frozen=True, slots=True)
class Split:
    """Indices of a data set: those learned from, and those kept back to measure with."""

    learned: NDArray[np.int64]
    kept: NDArray[np.int64]


def split(count: int) -> Split:
    """The last pictures are kept back: painters number them, so a set that grows keeps its order.

    Raises:
        JobError: too few.
    """
    kept = min(HELD_OUT_MOST, max(2, round(HELD_OUT * count)))
    if count < 2 * kept:
        raise JobError(f"There are {count} pictures; an encoder needs at least 4, and learns little from so few.")
    return Split(np.arange(count - kept), np.arange(count - kept, count))


def sizes_for(network: Network) -> EncoderSizes:
    """Sizes that suit a generator; smaller ones read smaller portraits."""
    descriptor = network.descriptor
    input_px = min(INPUT_PX, descriptor.img_resolution)
    levels = input_px.bit_length() - 2
    return EncoderSizes(input_px, WIDTHS[-levels:], FEATURES, descriptor.w_dim, descriptor.num_ws)


def new_encoder(network: Network, seed: int) -> Encoder:
    """An encoder that knows nothing yet but where W lies."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(sizes_for(network))
    shape = measure_w_space(network, W_SPACE_SEED)
    encoder.mean.copy_(shape.mean)
    encoder.axes.copy_(shape.axes)
    return encoder


def continued(earlier: PortraitEncoder, network: Network, seed: int) -> Encoder:
    """An earlier encoder to go on from, for the same generator after more training, or grown, or a relative of it.

    It keeps its own coordinates of W: only what they are called would change, and it would have to learn them anew.
    Rows that a grown generator has more begin as the last one.

    Raises:
        JobError: the generator is of another kind.
    """
    sizes, wanted = earlier.metadata.sizes, sizes_for(network)
    grown = wanted.num_ws - sizes.num_ws
    if replace(sizes, num_ws=wanted.num_ws, curvature=0) != wanted or grown < 0:
        raise JobError(
            f"The earlier encoder reads {sizes.input_px} px and gives latents of {sizes.num_ws} x {sizes.w_dim}; "
            f"this model needs {wanted.input_px} px, {wanted.num_ws} x {wanted.w_dim}.",
            "Train a new one.",
        )
    encoder = new_encoder(network, seed)
    tensors = encoder.state_dict()
    for name, known in earlier.module.state_dict().items():
        fresh = tensors.get(name)
        if fresh is None or (known.shape != fresh.shape and not name.startswith("deltas.")):
            raise JobError("The earlier encoder's rows lie too differently to go on with it.", "Train a new one.")
        last = known[-sizes.w_dim :].repeat(grown, *[1] * (known.ndim - 1))
        tensors[name] = known if known.shape == fresh.shape else torch.cat([known, last])
    encoder.load_state_dict(tensors)
    return encoder


class EncoderTask:
    """Implements `engine.training.supervised.Task`.

    Args:
        module: From `new_encoder` or `continued`, on the network's device.
        network: The generator. Not changed.
        dataset: Portraits of the generator's size and framing.
        judge: What likeness is.

    Raises:
        JobError: the pictures are too few, or the generator is conditional or not RGB.
    """

    def __init__(self, module: Encoder, network: Network, dataset: Dataset, judge: PerceptualDistance) -> None:
        descriptor = network.descriptor
        if descriptor.c_dim or descriptor.img_channels != 3:
            raise JobError("An encoder can be trained for generators of RGB pictures without classes only.")
        self.module: nn.Module = module
        self._encoder = module
        self._network = network
        self._dataset = dataset
        self._judge = judge
        self._split = split(len(dataset))
        self._space = measure_w_space(network, W_SPACE_SEED)
        self._variance = float(self._space.axes.square().sum())
        full = descriptor.img_resolution
        stops = all(block.architecture == "skip" for block in network.config.synthesis.blocks)
        self._coarse_px = min(full, COARSE_PX) if stops else full

    # --- learning -------------------------------------------------------------------------------------------------

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        """See `Task`. ``likeness`` is in the judge's units, ``latent`` in shares of the variance of W."""
        full = self._network.descriptor.img_resolution
        size = full if rng.random() < FULL_SHARE else self._coarse_px
        count = max(1, batch // SAMPLES_PART)
        wanted, samples = self._samples(rng, count, precision, max(size, self._encoder.input_px))
        chosen = rng.choice(self._split.learned, size=max(1, batch - count))
        portraits = self._dataset.batch(chosen, self._network.device)
        portraits = torch.where(self._coin(rng, len(portraits), RELIT_SHARE), relit(portraits, rng), portraits)
        targets = torch.cat([samples, _reduced(portraits, samples.shape[-1])])
        seen = worn(_reduced(targets, self._encoder.input_px), rng)
        with mixed_precision(targets.device, precision):
            found = self._encoder(seen)
        rebuilt = self._rebuilt(found, size, precision)
        with mixed_precision(targets.device, precision):
            likeness = self._judge.aimed_at(_reduced(targets, size))(rebuilt).float().mean()
        return {
            "likeness": likeness,
            "latent": LATENT_WEIGHT * self._latent_error(found[:count], wanted),
            "pull": self._pull(found[count:]),
        }

    def _rebuilt(self, found: Tensor, size: int, precision: Precision) -> Tensor:
        """The picture, reduced to a size, with the gradient of the picture that the blocks up to that size make: that
        one has other colours."""
        coarse = synthesize(self._network.module, found, None, precision, size)
        if size == self._network.descriptor.img_resolution:
            return coarse
        with torch.no_grad():
            whole = synthesize(self._network.module, found, None, precision)
        return coarse + (_reduced(whole, size) - coarse).detach()

    @torch.no_grad()
    def _samples(
        self, rng: np.random.Generator, count: int, precision: Precision, size_px: int
    ) -> tuple[Tensor, Tensor]:
        """Latents as they come up when people play, mixed and truncated, and their pictures."""
        network = self._network
        source = torch.Generator().manual_seed(int(rng.integers(2**31)))
        z = torch.randn(2 * count, network.descriptor.z_dim, generator=source)
        ws, other = network.mapping(z).chunk(2)
        rows = ws.shape[1]
        mixed = rng.random(count) < MIXED_SHARE
        first = np.where(mixed, rng.integers(1, max(2, rows), count), rows)
        from_other = torch.from_numpy(np.arange(rows) >= first[:, None]).to(ws.device)[..., None]
        psi = torch.from_numpy(rng.uniform(*PSI, size=(count, 1, 1)).astype(np.float32)).to(ws.device)
        ws = network.w_avg.lerp(torch.where(from_other, other, ws), psi)
        noise = torch.Generator(device=ws.device).manual_seed(int(rng.integers(2**31)))
        return ws, synthesize(network.module, ws, noise, precision, size_px).clamp(-1, 1)

    def _coin(self, rng: np.random.Generator, count: int, share: float) -> Tensor:
        return torch.from_numpy(rng.random((count, 1, 1, 1)) < share).to(self._network.device)

    def _latent_error(self, found: Tensor, wanted: Tensor) -> Tensor:
        return (found - wanted).square().sum(dim=-1).mean() / self._variance

    def _pull(self, found: Tensor) -> Tensor:
        """As in the search itself: towards the mean, and rows towards each other."""
        at = self._space.encode(found)
        together = (at - at.mean(dim=1, keepdim=True)).square().mean()
        pulls = hold(EDITABILITY)
        return pulls.to_mean * at.square().mean() + pulls.together * together

    @torch.no_grad()
    def faces(self, seed: int, batch: int) -> Iterator[Tensor]:
        """Where the encoder finds training portraits, ``[batch, num_ws, w_dim]``, without end."""
        rng = np.random.default_rng(seed)
        while True:
            chosen = rng.choice(self._split.learned, size=batch)
            yield self._encoder(self._dataset.batch(chosen, self._network.device))

    # --- measuring ------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def figures(self, module: nn.Module) -> Mapping[str, float]:
        """On portraits that were kept back: pixel and perceptual distance, each beside that of the mean latent. On
        samples of its own: the latent's error (1: as far off as the mean)."""
        device, full = self._network.device, self._network.descriptor.img_resolution
        portraits = self._dataset.batch(self._split.kept[:JUDGED], device)
        wanted, samples = self._samples(np.random.default_rng(JUDGED_SEED), JUDGED, Precision.FLOAT32, full)
        mean = self._network.synthesis(self._network.w_avg.expand(1, self._network.descriptor.num_ws, -1))
        found = module(portraits)
        rebuilt = [self._network.synthesis(ws[None]) for ws in found]
        at = self._space.encode(found)
        return {
            **{f"portrait_{name}": value for name, value in self._distances(rebuilt, portraits).items()},
            **{f"mean_{name}": value for name, value in self._distances([mean] * len(portraits), portraits).items()},
            "sample_latent": float(self._latent_error(module(samples), wanted)),
            "portrait_w_norm": float(at.square().mean().sqrt()),
            "portrait_row_spread": float((at - at.mean(dim=1, keepdim=True)).square().mean().sqrt()),
        }

    def _distances(self, images: Sequence[Tensor], targets: Tensor) -> dict[str, float]:
        pairs = [(image, target[None]) for image, target in zip(images, targets, strict=True)]
        pixels = [float((image.clamp(-1, 1) - target).abs().mean() / 2) for image, target in pairs]
        features = [float(self._judge.aimed_at(target)(image)) for image, target in pairs]
        return {"pixel": float(np.mean(pixels)), "perceptual": float(np.mean(features))}


def _reduced(images: Tensor, size_px: int) -> Tensor:
    factor = images.shape[-1] // size_px
    return F.avg_pool2d(images, factor) if factor > 1 else images
