"""What the colours of a picture lack that left a skip network early, and where that is kept. No torch in here.

Every ToRGB layer above an exit goes on adding to the picture, and in a trained network that is more than detail. A
step says what one block does to the colours, gain and offset per channel; an exit's correction is its steps one after
the other. So a blend needs no calibration of its own: each step is taken between A's and B's by the block's share.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.atomic import remove_leftovers, write_atomic
from engine.errors import ModelError, StorageError
from engine.places import embedded_models_folder
from engine.shares import Shares
from engine.strict_json import decode, parse_json_object

SHIPPED_FILE = "exit-colours.json"
FORMAT_VERSION = 1
MAX_FILE_BYTES = 1 << 20
MAX_STEPS = 16
MAX_CHANNELS = 64
MAX_FACTOR = 100.0

LEAST_SHARE, LARGEST_SHARE = -1.0, 2.0
"""Shares beyond A and B are followed so far: there the colours still are on the line through both."""


@dataclass(frozen=True, slots=True)
class ExitColour:
    """``gain * picture + offset``, one of each per channel, for pictures nominally in [-1, 1]."""

    gain: tuple[float, ...]
    offset: tuple[float, ...]

    def then(self, other: ExitColour) -> ExitColour:
        """This one, and `other` after it."""
        gain = tuple(mine * its for mine, its in zip(self.gain, other.gain, strict=True))
        moved = (its * mine for mine, its in zip(self.offset, other.gain, strict=True))
        return ExitColour(gain, tuple(a + b for a, b in zip(moved, other.offset, strict=True)))

    def towards(self, other: ExitColour, share: float) -> ExitColour:
        """This one at `share` 0, `other` at 1."""
        return ExitColour(_lerp(self.gain, other.gain, share), _lerp(self.offset, other.offset, share))


@dataclass(frozen=True, slots=True)
class ExitColours:
    """A model's.

    Attributes:
        steps: Number i leads from the picture after block i to that after block i + 1, at half the size of the
            latter. Empty for networks that have no picture on the way.
    """

    steps: tuple[ExitColour, ...]

    def fits(self, num_blocks: int, channels: int) -> bool:
        return len(self.steps) == num_blocks - 1 and all(len(step.gain) == channels for step in self.steps)


def exit_colour(
    index: int, channels: int, num_blocks: int, stack: Sequence[Shares], colours: Sequence[ExitColours | None]
) -> ExitColour:
    """The correction of the picture after block `index` of a blend; the identity after the last block.

    Args:
        stack: What every model but the first takes.
        colours: Every model's; None, or of another number of blocks or channels, counts as one that needs none.
    """
    nothing = ExitColour((1.0,) * channels, (0.0,) * channels)

    def step(of: ExitColours | None, above: int) -> ExitColour:
        return of.steps[above - 1] if of is not None and of.fits(num_blocks, channels) else nothing

    found = nothing
    for above in range(index + 1, num_blocks):
        blended = step(colours[0], above)
        for of, shares in zip(colours[1:], stack, strict=True):
            blended = blended.towards(step(of, above), _share_of_block(shares, above))
        found = found.then(blended)
    return found


class ExitColourShelf:
    """Calibrations by the SHA-256 of their model. Belongs to one thread.

    Args:
        folder: Where new ones are kept, a file each, made when first written to; None keeps them in memory only.
            They can be measured again, so what cannot be read or written there is passed over.
        shipped: The file that comes with the embedded models.
    """

    def __init__(self, folder: Path | None, shipped: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, ExitColours | None] = {}
        self._known.update(read_exit_colours(shipped or embedded_models_folder() / SHIPPED_FILE))
        if folder is not None:
            remove_leftovers(folder)

    def get(self, sha256: str) -> ExitColours | None:
        if sha256 not in self._known:
            path = self._path(sha256)
            self._known[sha256] = None if path is None else read_exit_colours(path).get(sha256)
        return self._known[sha256]

    def put(self, sha256: str, colours: ExitColours, *, final: bool = True) -> None:
        """Keep them; those of a calibration that is not at its end, in memory only."""
        self._known[sha256] = colours
        path = self._path(sha256)
        if final and path is not None:
            with contextlib.suppress(StorageError, OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_exit_colours(path, {sha256: colours})

    def drop(self, sha256: str) -> None:
        """Forget what is in memory."""
        self._known.pop(sha256, None)

    def _path(self, sha256: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{sha256}.json"


def read_exit_colours(path: Path) -> dict[str, ExitColours]:
    """The calibrations in a file, by the SHA-256 of their model; nothing if it is not there, damaged, or of a newer
    Graft."""
    try:
        if os.stat(path).st_size > MAX_FILE_BYTES:
            return {}
        document = parse_json_object(path.read_text("utf-8"))
        if document.get("format") != FORMAT_VERSION or type(document.get("models")) is not dict:
            return {}
        found = {sha256: decode(ExitColours, value, "models") for sha256, value in document["models"].items()}
    except (OSError, ValueError, ModelError):
        return {}
    return found if all(_is_sane(colours) for colours in found.values()) else {}


def write_exit_colours(path: Path, colours: Mapping[str, ExitColours]) -> None:
    """
    Raises:
        StorageError: the file could not be written.
    """
    document = {"format": FORMAT_VERSION, "models": {sha256: asdict(one) for sha256, one in sorted(colours.items())}}
    write_atomic(path, (json.dumps(document, allow_nan=False, indent=1) + "\n").encode())


def _is_sane(colours: ExitColours) -> bool:
    return len(colours.steps) <= MAX_STEPS and all(
        1 <= len(step.gain) == len(step.offset) <= MAX_CHANNELS
        and all(abs(value) <= MAX_FACTOR for value in (*step.gain, *step.offset))
        for step in colours.steps
    )


def _share_of_block(shares: Shares, index: int) -> float:
    """How much of B the colours of a block are: of its convolutions and of its ToRGB layer."""
    parts = (shares.conv[2 * index], shares.conv[2 * index + 1], shares.torgb[2 * index + 1])
    return min(max(sum(parts) / len(parts), LEAST_SHARE), LARGEST_SHARE)


def _lerp(a: tuple[float, ...], b: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(one + share * (other - one) for one, other in zip(a, b, strict=True))
