"""Faster previews: whether the compiled kernels are there, their building and their removal.

The verb ``kernels`` does it all, in a process of its own; this shows what it says.
"""

from __future__ import annotations

import re
import time
from enum import StrEnum

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.errors import printable
from gui.panels.job_tray import breakable
from gui.panels.labels import caption_label, muted_label, row
from gui.verb_process import VerbProcess
from gui.widgets.job_card import ProgressLine

WIDTH_PX = 448
TICK_MS = 1000
LONG_WORD = 40
LINE_CHARS = 500
ABOUT = (
    "Graft can compile the part that draws previews for the processor of this computer. Previews then take about"
    " two thirds of the time and look the same. This needs a C++ compiler, takes under a minute and downloads"
    " nothing; Graft uses it from its next start on. Where a graphics card draws, it changes nothing."
)
LOOKING = "Looking…"
BUILT = "Built. Restart Graft to use it."
CANCELLED = "Cancelled. Nothing was changed."


class Work(StrEnum):
    """What can be asked of ``kernels``."""

    STATUS = "status"
    BUILD = "build"
    REMOVE = "remove"


class FasterPreviews(QDialog):
    """Not modal: one goes on working beside it. Closing it, or Graft, ends a build."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Faster previews")
        self._work = Work.STATUS
        self._lines: list[str] = []
        self._doing = ""
        self._began_s = 0.0
        about = _wrapping(QLabel(ABOUT))
        self.status = _wrapping(QLabel(LOOKING))
        self.bar = ProgressLine()
        self.bar.set_fraction(None)
        self.progress = _wrapping(caption_label())
        self.outcome = _wrapping(QLabel())
        self.outcome.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.build = QPushButton("Build")
        self.build.setProperty("role", "primary")
        self.remove = QPushButton("Remove")
        self.remove.setToolTip("Delete what was built. Graft goes on without it from its next start on")
        self.leave = QPushButton("Close")
        self._lay_out(about)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._show_progress)
        self.process = VerbProcess("The work", self)
        self.process.said.connect(self._said)
        self.process.noted.connect(self._noted)
        self.process.done.connect(self._done)
        self.process.failed.connect(self._failed)
        self.process.cancelled.connect(self._cancelled)
        self.build.clicked.connect(self._build_or_cancel)
        self.remove.clicked.connect(self._remove)
        self.leave.clicked.connect(self.reject)
        if parent is not None:
            parent.window().installEventFilter(self)
        self._start(Work.STATUS)

    def _lay_out(self, about: QLabel) -> None:
        now = QGridLayout()
        now.setHorizontalSpacing(12)
        now.setColumnStretch(1, 1)
        now.addWidget(muted_label("Now"), 0, 0, Qt.AlignmentFlag.AlignTop)
        now.addWidget(self.status, 0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addWidget(about)
        layout.addLayout(now)
        for widget in (self.bar, self.progress, self.outcome):
            layout.addWidget(widget)
            widget.hide()
        layout.addSpacing(4)
        layout.addWidget(row(self.build, self.remove, 1, self.leave))
        about.setFixedWidth(WIDTH_PX)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)  # as high as what there is to say

    # --- the work -------------------------------------------------------------------------------------------------

    def _start(self, work: Work) -> None:
        self._work, self._lines, self._doing = work, [], "Getting ready"
        self._began_s = time.monotonic()
        if work is Work.STATUS:
            _tell(self.status, LOOKING)
        else:
            self.outcome.hide()
        self.process.start(("kernels", work.value), gives_way=work is Work.BUILD)
        self._show_work(is_at_work=True)

    def _show_work(self, *, is_at_work: bool) -> None:
        is_building = is_at_work and self._work is Work.BUILD
        self.build.setText("Cancel" if is_building else "Build")
        self.build.setProperty("role", "" if is_building else "primary")
        self.build.style().polish(self.build)
        self.build.setEnabled(is_building or not is_at_work)
        self.remove.setEnabled(not is_at_work)
        self.bar.setVisible(is_building)
        self.progress.setVisible(is_building)
        if is_building:
            self._show_progress()
            self._tick.start()
        else:
            self._tick.stop()

    @Slot()
    def _show_progress(self) -> None:
        self.progress.setText(f"{self._doing}, {time.monotonic() - self._began_s:.0f} s")

    @Slot()
    def _build_or_cancel(self) -> None:
        if self.process.is_at_work:
            self._noted("Ending")
            self.process.cancel()
        else:
            self._start(Work.BUILD)

    @Slot()
    def _remove(self) -> None:
        self._start(Work.REMOVE)

    @Slot(str)
    def _said(self, line: str) -> None:
        self._lines.append(printable(line.strip(), LINE_CHARS))

    @Slot(str)
    def _noted(self, text: str) -> None:
        self._doing = text
        self._show_progress()

    # --- its end --------------------------------------------------------------------------------------------------

    @Slot()
    def _done(self) -> None:
        self._show_work(is_at_work=False)
        said = "\n".join(self._lines)
        if self._work is Work.STATUS:
            _tell(self.status, said)
        else:
            _tell(self.outcome, BUILT if self._work is Work.BUILD else said)
            self._start(Work.STATUS)

    @Slot(str)
    def _failed(self, problem: str) -> None:
        self._show_work(is_at_work=False)
        _tell(self.status if self._work is Work.STATUS else self.outcome, problem, is_error=True)

    @Slot()
    def _cancelled(self) -> None:
        self._show_work(is_at_work=False)
        _tell(self.outcome, CANCELLED)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Close and watched is self.parent():
            self.reject()
        return super().eventFilter(watched, event)

    def done(self, code: int) -> None:
        super().done(code)
        self._tick.stop()
        self.process.close()


def _wrapping(label: QLabel) -> QLabel:
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def _tell(label: QLabel, text: str, *, is_error: bool = False) -> None:
    """Long paths may break; of everything else nothing changes, so that it can be copied."""
    label.setText(re.sub(rf"\S{{{LONG_WORD},}}", lambda word: breakable(word[0]), text))
    label.setProperty("role", "problem" if is_error else "")
    label.style().polish(label)
    label.show()
