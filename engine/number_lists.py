"""Lists of numbers as people type them. Standard library only."""

from __future__ import annotations

import re

from engine.errors import EngineError

MAX_SEED = 2**32 - 1
MAX_SEEDS = 1000
MAX_NUMBERS = 64
LARGEST = 1e9


def read_seeds(text: str) -> list[int]:
    """``1,4,8-12`` as numbers.

    Raises:
        EngineError: it is no such list.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:\s*-\s*(\d{1,10}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 <= first <= last <= MAX_SEED or last - first >= MAX_SEEDS - len(seeds):
            rule = f"numbers and ranges from 0 to {MAX_SEED}, at most {MAX_SEEDS}, such as 1,4,8-12"
            raise EngineError(f"“{part.strip():.40}” cannot be read as seeds: it must be {rule}.")
        seeds.extend(range(first, last + 1))
    return seeds


def read_numbers(text: str) -> tuple[float, ...]:
    """``0,0.5,1``, or ``0..1/5`` (from, to, how many), as numbers.

    Raises:
        EngineError: it is neither.
    """
    try:
        if ".." in text:
            ends, _, count = text.partition("/")
            low, _, high = ends.partition("..")
            number = int(count or "5")
            if not 2 <= number <= MAX_NUMBERS:
                raise ValueError
            begin, end = float(low), float(high)
            found = [begin + (end - begin) * at / (number - 1) for at in range(number)]
        else:
            found = [float(part) for part in text.split(",")]
        if not all(abs(value) < LARGEST for value in found):
            raise ValueError
    except ValueError:
        rule = "numbers such as 0,0.5,1, or from, to and how many: 0..1/5"
        raise EngineError(f"“{text:.60}” cannot be read as a list: it must be {rule}.") from None
    return tuple(round(value, 6) for value in found)
