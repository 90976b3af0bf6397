"""The child process of a build: compiles, loads and tries the kernels. If they crash, only this process does.

Run as ``python -m engine.native.compile FOLDER``; leaves ``graft_native.so`` there and exits with 0, or says on
stderr what went wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.device import prepare_process


def main(folder: Path) -> str:
    """Compile into `folder`; what is wrong, or nothing."""
    prepare_process()
    from torch.utils.cpp_extension import load

    from engine.native.binary import SOURCES, STEM, compiler_flags
    from engine.native.kernels import suited_kernels
    from engine.native.self_check import disagreement

    load(
        STEM,
        [str(SOURCES / "kernels.cpp")],
        is_python_module=False,
        build_directory=str(folder),
        extra_cflags=list(compiler_flags()),
        extra_ldflags=[] if sys.platform == "win32" else ["-fopenmp"],
    )
    return disagreement(suited_kernels())


if __name__ == "__main__":
    wrong = main(Path(sys.argv[1]))
    if wrong:
        sys.exit(wrong)
