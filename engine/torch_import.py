"""Importing torch beside a living window. Light: torch itself is imported by who calls this."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """For long imports: nothing that they make is garbage, and nothing of it is looked through again afterwards.

    The collector takes a sixth of torch's import, and then 90 ms for every full round, while all threads stand still.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def load_torch_libraries() -> bool:
    """Load torch's shared libraries, without Python, before they are imported.

    While Python loads a library, no other thread gets to run Python: for 170 ms, with these. The C library's own
    function, called as any foreign function, lets them.

    Returns:
        Whether they were loaded here; where not, the import does it.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return False
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    library = Path(spec.origin).parent / "lib" / "libtorch.so"
    load = ctypes.CDLL(None).dlopen
    load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    return load(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL) is not None
