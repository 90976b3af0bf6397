"""Print the worst relative error of every StyleGAN2 fixture, and how many arrays pass.

Usage: python tests/benchmarks/fixtures.py [FOLDER]

FOLDER may be another folder of fixtures laid out like ``tests/golden``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import golden_stylegan2 as golden  # noqa: E402

from engine import load_network  # noqa: E402

LIMIT = 1e-4


def main() -> int:
    if len(sys.argv) > 1:
        golden.GOLDEN = Path(sys.argv[1])
    names = (*golden.NVIDIA, *golden.ROSINALITY, golden.CONVERTED, golden.BLENDED)
    with tempfile.TemporaryDirectory() as home:
        os.environ["GRAFT_HOME"] = home  # converted models go there, not into the user's cache
        found = [check for name in names for check in golden.checks(name, load_network)]
    print(f"{'fixture':30} {'arrays':>6} {'worst':>9}  array")
    for name in names:
        mine = [check for check in found if check.fixture == name]
        worst = max(mine, key=lambda check: check.error)
        print(f"{name:30} {len(mine):6} {worst.error:9.1e}  {worst.array}")
    passed = sum(check.error < LIMIT for check in found)
    print(f"{passed} of {len(found)} arrays within {LIMIT:g}; worst {max(check.error for check in found):.1e}")
    return 0 if passed == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
