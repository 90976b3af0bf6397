"""A verb of Graft's command line at work beside the window: its lines as they come, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from engine.verb_process import end_helpers, give_way, graft_program, last_complaint, spoken

MAX_ERROR_CHARS = 1 << 16
KILL_MS = 3000
CLEAR_AWAY_MS = 2000
"""How long a verb whose helpers have been ended may take to clear away what they left."""

NO_WORD = "It ended without a word. Graft's log may know more."


class VerbProcess(QObject):
    """One run at a time. It ends when the window does; what it wrote to disk stays.

    Attributes:
        program: What is started, before its arguments.
    """

    said = Signal(str)
    noted = Signal(str)  # what it is doing, in words
    done = Signal()
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, who: str, parent: QObject | None = None) -> None:
        """
        Args:
            who: Broke down, when it crashed, as a sentence begins.
        """
        super().__init__(parent)
        self.program = graft_program()
        self._who = who
        self._errors = ""
        self._begun_line = ""
        self._is_cancelled = False
        self._gives_way = False
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(CLEAR_AWAY_MS)
        self._process = QProcess(self)
        self._patience.timeout.connect(self._process.kill)
        self._process.started.connect(self._started)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        self._process.setProcessEnvironment(environment)
        self._process.readyReadStandardOutput.connect(self._read_lines)
        self._process.readyReadStandardError.connect(self._read_errors)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._wrong)

    @property
    def is_at_work(self) -> bool:
        return self._process.state() is not QProcess.ProcessState.NotRunning

    @property
    def is_cancelled(self) -> bool:
        """Whether it was told to end; what it says then may be of helpers that were ended with it."""
        return self._is_cancelled

    def start(self, arguments: Sequence[str], *, gives_way: bool = False) -> None:
        """
        Args:
            gives_way: Everything else on this machine goes first, if the verb does not see to that itself.
        """
        if self.is_at_work:
            return
        self._errors, self._begun_line, self._is_cancelled = "", "", False
        self._gives_way = gives_way
        self._process.start(self.program[0], [*self.program[1:], *arguments])

    def cancel(self) -> None:
        """End it, with all that it has started."""
        if not self.is_at_work or self._is_cancelled:
            return
        self._is_cancelled = True
        if self._end_helpers():
            self._patience.start()
        else:
            self._process.kill()

    def close(self) -> None:
        """End it now, silently."""
        self.blockSignals(True)
        if self.is_at_work and not (self._end_helpers() and self._process.waitForFinished(CLEAR_AWAY_MS)):
            self._process.kill()
            self._process.waitForFinished(KILL_MS)

    def _end_helpers(self) -> bool:
        pid = self._process.processId()
        return pid > 0 and end_helpers(pid)

    @Slot()
    def _started(self) -> None:
        if self._gives_way:
            give_way(self._process.processId())

    @Slot()
    def _read_lines(self) -> None:
        while self._process.canReadLine():
            self.said.emit(_text(self._process.readLine().data()))

    @Slot()
    def _read_errors(self) -> None:
        text = _text(self._process.readAllStandardError().data())
        self._errors = (self._errors + text)[-MAX_ERROR_CHARS:]
        *lines, self._begun_line = (self._begun_line + text).split("\n")
        for line in lines:
            if note := spoken(line):
                self.noted.emit(note)

    @Slot(int, QProcess.ExitStatus)
    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._patience.stop()
        self._read_lines()
        self._read_errors()
        if self._is_cancelled:
            self.cancelled.emit()
        elif code == 0 and status is QProcess.ExitStatus.NormalExit:
            self.done.emit()
        else:
            self.failed.emit(last_complaint(self._errors, self._who) or NO_WORD)

    @Slot(QProcess.ProcessError)
    def _wrong(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:  # every other error ends in `finished`
            self.failed.emit("The work could not be started. Is Graft's Python still where it was?")


def _text(data: object) -> str:
    assert isinstance(data, bytes | bytearray | memoryview)
    return bytes(data).decode("utf-8", "replace")
