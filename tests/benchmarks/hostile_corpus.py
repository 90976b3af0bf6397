"""Open every hostile file through the whole way, child process included, and print what came of it.

Usage: python tests/benchmarks/hostile_corpus.py [FLIPS]

FLIPS bit flips of each good file are tried besides (100 by default). Exit code 0: nothing was run, every refusal was
one of our errors, and none took longer than 2 seconds.
"""

from __future__ import annotations

import argparse
import collections
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine" / "checkpoints")]

import foreign_networks as foreign  # noqa: E402
from hostile_files import CANARY, CASES, GOLDEN, OPENS, bit_flips, torch_zip, truncations  # noqa: E402

from engine.checkpoints.convert import open_checkpoint  # noqa: E402
from engine.errors import EngineError, ModelError  # noqa: E402

LIMIT_S = 2.0


def good_files() -> dict[str, bytes]:
    return {
        "golden pickle": (GOLDEN / "sg2ada_64_auto_map2" / "net.pkl").read_bytes(),
        "golden torch zip": (GOLDEN / "rosinality_64_conv" / "net.pt").read_bytes(),
        "small pickle": foreign.snapshot(foreign.generator()),
        "small torch stream": torch_zip(foreign.rosinality_state(), legacy=True),
    }


def corpus(flips: int) -> Iterator[tuple[str, bytes, object]]:
    """Name, content and, where it is known, what must come of it."""
    for case in CASES:
        yield case.name, case.make(), case.expected
    for name, good in good_files().items():
        for index, spoilt in enumerate(truncations(good)):
            yield f"{name}, truncation {index}", spoilt, ModelError
        for index, spoilt in enumerate(bit_flips(good, flips, seed=2)):
            yield f"{name}, bit flip {index}", spoilt, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flips", nargs="?", type=int, default=100)
    flips = parser.parse_args().flips
    outcomes: collections.Counter[str] = collections.Counter()
    executions, untyped, unexpected = 0, [], []
    times: list[tuple[float, str]] = []
    CANARY.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pkl"
        for name, data, expected in corpus(flips):
            file.write_bytes(data)
            begin = time.perf_counter()
            try:
                open_checkpoint(file, cache_dir=Path(folder) / "cache")
                outcome = "opened"
                fits = expected in (None, OPENS)
            except EngineError as error:
                outcome = type(error).__name__
                fits = expected is None or (expected != OPENS and isinstance(error, expected))  # type: ignore[arg-type]
                executions += "run something" in error.user_message  # the tripwire of the child
            except Exception as error:  # noqa: BLE001 - counting these is the point
                outcome, fits = "untyped", False
                untyped.append(f"{name}: {error!r:.200}")
            times.append((time.perf_counter() - begin, name))
            outcomes[outcome] += 1
            executions += CANARY.exists()
            CANARY.unlink(missing_ok=True)
            if not fits:
                unexpected.append(f"{name}: {outcome}")
    times.sort()
    print(f"files {len(times)}: " + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
    print(f"code executions {executions}, untyped errors {len(untyped)}, unexpected outcomes {len(unexpected)}")
    print(f"time to message: median {times[len(times) // 2][0]:.2f} s, worst {times[-1][0]:.2f} s ({times[-1][1]})")
    for line in (*untyped, *unexpected):
        print(line)
    return 0 if not (executions or untyped or unexpected) and times[-1][0] <= LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
