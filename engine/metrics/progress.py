"""Doing something block by block and saying how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from engine.measure_events import MeasureProgress

R = TypeVar("R")


def watched(
    text: str, blocks: Sequence[slice], make: Callable[[slice], R]
) -> Generator[MeasureProgress, None, list[R]]:
    """Make something of each block of rows; whoever does not ask for the next event has cancelled."""
    began = time.perf_counter()
    total = blocks[-1].stop
    made = []
    for block in blocks:
        made.append(make(block))
        elapsed = time.perf_counter() - began
        yield MeasureProgress(text, block.stop, total, elapsed, elapsed / block.stop * (total - block.stop))
    return made
