"""A Graft that is killed, for `test_process`: ``killed.py HOME N`` makes N edits, says each, and is gone.

``killed.py HOME wait`` says "ready" and waits to be asked to end.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from engine.latents import LatentStore
from engine.library import Library
from engine.messages import Engine, Publish
from engine.places import user_places
from engine.state import with_seed
from engine.worker import Backend, EngineThread
from gui.app import Studio
from gui.runtime import SystemSignals


def idle_engine(library: Library, store: LatentStore, publish: Publish) -> Engine:
    """An engine thread that never gets as far as a picture: what is tested here is the window's side."""

    def build() -> Backend:
        raise NotImplementedError("no pictures are drawn here")

    return EngineThread(publish, build)


def main(what: str) -> None:
    app = QApplication([sys.argv[0]])
    studio = Studio(user_places(), idle_engine)
    studio.show()
    signals = SystemSignals(studio)
    signals.asked_to_quit.connect(studio.window.close)

    def edit_and_die() -> None:
        for seed in range(100, 100 + int(what)):
            studio.session.edit(with_seed(studio.session.state, seed))
            print(seed, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    QTimer.singleShot(200, lambda: print("ready", flush=True) if what == "wait" else edit_and_die())
    app.exec()
    studio.close()
    signals.close()
    print("ended", flush=True)


if __name__ == "__main__":
    main(sys.argv[2])
