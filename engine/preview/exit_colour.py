"""Early exits in the colours of the finished picture: measured once per model, and held on to from frame to frame.

Two parts, each for what the other cannot do. The *steps* of `engine.exit_colours`, measured on samples, say what a
model's upper blocks do to colours on average. While the hand drags, what the last finished picture's own exit lacked
is known pixel by pixel, and what the next exit lacks is nearly the same: that is added where the exit has not changed
much since. So the first frame of a drag is the finished picture at a lower resolution, with nothing left to jump.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.exit_colours import MAX_FACTOR, ExitColour, ExitColours, ExitColourShelf, exit_colour
from engine.latents import seed_to_z
from engine.messages import Pixels
from engine.nets.noise import NoiseInput
from engine.network import Carry, Network
from engine.resolved_edit import ResolvedEdit
from engine.state import ModelRef, SeedLatent, View

SAMPLES = 24
FIRST_SEED = 2_000_000_000
"""Far from the seeds that people, and tests, look at."""
PSIS = (0.7, 1.0)
USEFUL_SAMPLES = 4
FORGETTING = 0.2
"""Where an exit has changed by this much, of the range -1 to 1, half of what was missing there is still believed."""

RunBlock: TypeAlias = Callable[[int, Carry | None, Tensor, NoiseInput], Carry]
"""Runs a block of one network: its index, what the block below returned, ws, noise."""

Calibration: TypeAlias = Generator[ExitColours | None, None, ExitColours]


def calibrate(
    network: Network, samples: int = SAMPLES, *, first_seed: int = FIRST_SEED, run_block: RunBlock | None = None
) -> Calibration:
    """Measure a network's steps on seeded samples, one block at batch 1 at a time, yielding after each.

    Half of the samples are truncated; labels are spread evenly. Networks that are not of the skip architecture have
    no picture on the way: then there are no steps, at once.

    Args:
        run_block: By default, exactly.

    Yields:
        What is known so far; None while that is too little.
    """
    blocks = len(network.descriptor.resolutions)
    if network.descriptor.architecture != "skip":
        return ExitColours(())
    run = run_block or _exactly(network)
    noise = network.noise_input()
    fits = [_Fit() for _ in range(blocks - 1)]
    for sample in range(samples):
        ws = _sample(network, sample, samples, first_seed)
        carry: Carry | None = None
        for index in range(blocks):
            below = carry
            carry = run(index, below, ws, noise)
            if below is not None and below.img is not None and carry.img is not None:
                fits[index - 1].add(below.img, F.avg_pool2d(carry.img, 2))
            if sample + 1 < samples or index + 1 < blocks:
                yield _colours(fits) if sample >= USEFUL_SAMPLES else None
    return _colours(fits)


def corrected(image: Tensor, colour: ExitColour) -> Tensor:
    """`image` ``[1, C, r, r]``, nominally in [-1, 1], with `colour` applied, as a fresh float32; not clamped."""
    gain, offset = (torch.tensor(part, device=image.device)[:, None, None] for part in (colour.gain, colour.offset))
    return torch.addcmul(offset, image, gain)


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """What the exit of a finished picture lacked, apart from its correction.

    Attributes:
        exit: As the network left it, ``[1, C, r, r]``.
        rest: The finished picture at that size, less the corrected exit: the same shape.
    """

    exit: Tensor
    rest: Tensor

    @staticmethod
    def of(exit_image: Tensor, finished: Pixels, colour: ExitColour) -> Missing:
        """
        Args:
            exit_image: Of one channel or three.
            finished: ``[R, R, 4]`` as on the screen, R a multiple of r; compared at r, every pixel the mean of those
                under it.
        """
        shrunk = _shrunk(finished, exit_image.shape[-1])[None, : exit_image.shape[1]].to(exit_image.device)
        return Missing(exit_image, shrunk.sub_(corrected(exit_image, colour)))

    def added_to(self, image: Tensor, exit_image: Tensor) -> Tensor:
        """Complete `image`, which is the corrected `exit_image`: all there where that equals `exit`, less and less
        where it does not. In place; returns `image`."""
        change = (exit_image - self.exit).abs_().mean(dim=1, keepdim=True)
        near = F.avg_pool2d(change, 3, stride=1, padding=1, count_include_pad=False)
        belief = near.div_(FORGETTING).square_().add_(1.0).reciprocal_()
        return image.addcmul_(self.rest, belief)


@dataclass(slots=True, eq=False)
class _Settled:
    """A finished picture, its exits by size, and what of them has been compared."""

    edit: ResolvedEdit
    pixels: Pixels
    exits: Mapping[int, Tensor]
    missing: dict[int, Missing] = field(default_factory=dict)


class ExitCorrection:
    """Corrects what is shown on the way to a picture. Belongs to the thread that computes.

    Args:
        shelf: The calibrations.
    """

    def __init__(self, shelf: ExitColourShelf) -> None:
        self._shelf = shelf
        self._settled: dict[View, _Settled] = {}
        self._begun: tuple[str, Calibration] | None = None

    @torch.no_grad()
    def corrected(self, view: View, edit: ResolvedEdit, image: Tensor) -> Tensor:
        """The picture of an exit as it is to be shown: fresh, or `image` itself where there is nothing to correct.

        Args:
            image: ``[1, C, r, r]``, float32, nominally in [-1, 1].
        """
        size = image.shape[-1]
        if size >= edit.img_resolution:
            return image
        found = corrected(image, self._colour(edit, image))
        missing = self._missing(view, edit, size)
        return found if missing is None else missing.added_to(found, image)

    def settle(self, view: View, edit: ResolvedEdit, pixels: Pixels, exits: Mapping[int, Tensor]) -> None:
        """Remember a finished picture of a view. Costs nothing until an exit is corrected by it.

        Args:
            pixels: ``[R, R, 4]``. Kept, never written to.
            exits: The pictures that this very one had on its way, uncorrected: ``[1, C, r, r]`` by their edge r.
        """
        self._settled[view] = _Settled(edit, pixels, exits)

    def calibration(
        self, ref: ModelRef, network: Network, run_block: RunBlock | None = None
    ) -> Generator[None, None, None]:
        """Idle work: calibrate a model, unless that is done. May be left after any step; the next call goes on there.

        Args:
            run_block: As for `calibrate`.
        """
        key, begun = ref.sha256, self._begun
        if begun is not None and begun[0] == key:
            steps = begun[1]
        elif self._shelf.get(key) is None:
            steps = calibrate(network, run_block=run_block)
        else:
            return
        while True:
            self._begun = None  # a step that fails is the last
            try:
                so_far = next(steps)
            except StopIteration as done:
                self._shelf.put(key, done.value)
                return
            self._begun = key, steps
            if so_far is not None:
                self._shelf.put(key, so_far, final=False)
            yield

    def forget(self) -> None:
        """Let go of finished pictures, and of a calibration that has begun."""
        self._settled.clear()
        if self._begun is not None:
            self._shelf.drop(self._begun[0])
            self._begun = None

    def _colour(self, edit: ResolvedEdit, image: Tensor) -> ExitColour:
        colours = [self._shelf.get(ref.sha256) for ref in edit.models]
        size, channels = image.shape[-1], image.shape[1]
        return exit_colour(size.bit_length() - 3, channels, edit.num_ws // 2, edit.stack, colours)

    def _missing(self, view: View, edit: ResolvedEdit, size: int) -> Missing | None:
        settled = self._settled.get(view)
        if settled is None or settled.edit.models != edit.models:
            return None
        exit_image = settled.exits.get(size)
        if exit_image is None or exit_image.shape[1] not in (1, 3):
            return None
        if size not in settled.missing:
            colour = self._colour(settled.edit, exit_image)
            settled.missing[size] = Missing.of(exit_image, settled.pixels, colour)
        return settled.missing[size]


class _Fit:
    """The line through the pixels of many pictures, per channel: sums in float64, pictures of one weight each."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._count = 0

    def add(self, x: Tensor, y: Tensor) -> None:
        """``x`` and ``y``: ``[1, C, r, r]``."""
        one, other = x[0].flatten(1).double(), y[0].flatten(1).double()
        sums = torch.stack([part.mean(dim=1) for part in (one, other, one * one, one * other)]).cpu()
        self._sums = sums if self._sums is None else self._sums + sums
        self._count += 1

    def colour(self) -> ExitColour:
        assert self._sums is not None, "something was added"
        x, y, xx, xy = self._sums / self._count
        variance = xx - x * x
        slope = torch.where(variance > 1e-8, (xy - x * y) / variance.clamp(min=1e-8), 1.0)
        gain = slope.clamp(-MAX_FACTOR, MAX_FACTOR)
        offset = (y - gain * x).clamp(-MAX_FACTOR, MAX_FACTOR)
        return ExitColour(tuple(gain.tolist()), tuple(offset.tolist()))


def _colours(fits: list[_Fit]) -> ExitColours:
    return ExitColours(tuple(fit.colour() for fit in fits))


def _shrunk(pixels: Pixels, size: int) -> Tensor:
    """``[R, R, 4]`` to float32 ``[3, size, size]``, red first, in [-1, 1]."""
    factor = pixels.shape[0] // size
    parts = torch.tensor(pixels).reshape(size, factor, size, factor, 4)
    sums = parts.sum(dim=1, dtype=torch.int32).sum(dim=2, dtype=torch.int32)
    # A byte stands for what it was cut off from: half a level more, on average.
    return sums[..., [2, 1, 0]].permute(2, 0, 1).div(127.5 * factor * factor).sub_(1.0)


def _exactly(network: Network) -> RunBlock:
    def run(index: int, carry: Carry | None, ws: Tensor, noise: NoiseInput) -> Carry:
        return network.run_block(index, carry, ws, network.block_noise(index, noise))

    return run


def _sample(network: Network, sample: int, samples: int, first_seed: int) -> Tensor:
    """``[1, num_ws, w_dim]``."""
    descriptor = network.descriptor
    z = torch.from_numpy(seed_to_z(SeedLatent(first_seed + sample), descriptor.z_dim))
    label: Tensor | None = None
    if descriptor.c_dim:
        label = F.one_hot(torch.tensor([(2 * sample + 1) * descriptor.c_dim // (2 * samples)]), descriptor.c_dim)
        label = label.float()
    return network.mapping(z, label, PSIS[sample % len(PSIS)])
