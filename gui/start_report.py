"""When what was there, for benchmarks."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot

from engine.messages import EngineReady

if TYPE_CHECKING:
    from gui.app import Studio

BEAT_MS = 5
BEGAN_VARIABLE = "GRAFT_BEGAN_AT"
"""When the process was started, in seconds since 1970. What psutil says is up to a second wrong."""


class StartReport(QObject):
    """Prints, in seconds since the process began, when the window and its pictures were painted, and closes it.

    ``any_picture_s`` is the first picture at all, which may be a kept one; ``first_frame_s`` the engine's own;
    ``longest_stall_s`` the longest time between the two in which the window could not answer.
    """

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self._studio = studio
        self._began = float(os.environ.get(BEGAN_VARIABLE, 0)) or psutil.Process().create_time()
        self._times: dict[str, float] = {}
        self._last_beat = 0.0
        self._longest = 0.0
        self._has_frame = False
        self._beat = QTimer(self)
        self._beat.setTimerType(Qt.TimerType.PreciseTimer)
        self._beat.setInterval(BEAT_MS)
        self._beat.timeout.connect(self._take_beat)
        studio.painted.connect(self._window_painted)
        studio.bridge.engine_ready.connect(self._ready)
        studio.viewer.first_frame.connect(self._first_frame)
        studio.canvas.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint and self._studio.canvas.has_picture:
            QTimer.singleShot(0, self, self._picture_painted)  # the event is still to come
        return False

    @Slot()
    def _window_painted(self) -> None:
        self._mark("window_shown_s")
        self._last_beat = time.perf_counter()
        self._beat.start()

    @Slot()
    def _take_beat(self) -> None:
        now = time.perf_counter()
        self._longest = max(self._longest, now - self._last_beat - BEAT_MS / 1000)
        self._last_beat = now

    @Slot(object)
    def _ready(self, event: EngineReady) -> None:
        self._mark("torch_imported_s")
        self._times["torch_import_took_s"] = round(event.elapsed_s, 3)

    @Slot()
    def _first_frame(self) -> None:
        self._has_frame = True

    @Slot()
    def _picture_painted(self) -> None:
        self._mark("any_picture_s")
        if self._has_frame and "first_frame_s" not in self._times:
            self._take_beat()
            self._mark("first_frame_s")
            self._times["longest_stall_s"] = round(self._longest, 3)
            print(json.dumps(self._times), flush=True)
            self._studio.window.close()

    def _mark(self, name: str) -> None:
        self._times.setdefault(name, round(time.time() - self._began, 3))
