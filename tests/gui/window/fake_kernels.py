"""A verb ``kernels`` that compiles nothing: ``fake_kernels.py BEHAVIOUR FOLDER kernels status|build|remove``.

whole: builds at once. waits: is building until it is killed, with a compiler that runs a helper of its own.
stubborn: the same, and goes on when its compiler has died. refuses: complains. chatters: complains at length.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

PATIENCE_S = 60
LONG_PATH = f"/home/somebody/.cache/graft/kernels/graft_native-{60 * 'a'}.so"


def wait_as(name: str, folder: Path) -> None:
    """Leave a note of who is waiting, and wait."""
    whole = folder / f"{name}.pid.part"
    whole.write_text(str(os.getpid()))
    whole.replace(folder / f"{name}.pid")
    threading.Event().wait(PATIENCE_S)


def main(behaviour: str, folder: Path, verb: str) -> None:
    built = folder / "built"
    if verb == "compiler":
        helper = subprocess.Popen([sys.executable, __file__, behaviour, str(folder), "kernels", "helper"])
        wait_as("compiler", folder)
        helper.wait()
    elif verb == "helper":
        wait_as("helper", folder)
    elif verb == "status" and behaviour == "chatters":
        print(f"Built: {LONG_PATH} (0.4 MB)")
    elif behaviour == "chatters":
        print(f"graft: The compiler says {30 * 'this and that '} in {LONG_PATH}", file=sys.stderr)
        raise SystemExit(1)
    elif verb == "status":
        print("Built: /a/graft_native.so (0.4 MB)" if built.exists() else "Not in use: not built.\nThey can be.")
    elif verb == "remove":
        print(f"Deleted {int(built.exists())} compiled file(s).")
        built.unlink(missing_ok=True)
    elif behaviour == "refuses":
        print("graft: Compiling\nsomething else\ngraft: There is no C++ compiler. Get one.", file=sys.stderr)
        raise SystemExit(1)
    elif behaviour == "whole":
        built.touch()
    else:
        (folder / "workshop").touch()
        print("graft: Compiling the kernels for this machine\nsomething else", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, __file__, behaviour, str(folder), "kernels", "compiler"], check=False)
        if behaviour == "stubborn":
            wait_as("verb", folder)
        (folder / "workshop").unlink()
        print("graft: They crashed when tried.", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[4])
