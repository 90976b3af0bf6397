"""A verb of Graft's command line at work beside the window: its lines as they come, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from engine.verb_process import graft_program, last_complaint

MAX_ERROR_CHARS = 1 << 16
KILL_MS = 3000
NO_WORD = "It ended without a word. Graft's log may know more."


class VerbProcess(QObject):
    """One run at a time. It ends when the window does; what it wrote to disk stays.

    Attributes:
        program: What is started, before its arguments.
    """

    said = Signal(str)
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
        self._is_cancelled = False
        self._process = QProcess(self)
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

    def start(self, arguments: Sequence[str]) -> None:
        if self.is_at_work:
            return
        self._errors, self._is_cancelled = "", False
        self._process.start(self.program[0], [*self.program[1:], *arguments])

    def cancel(self) -> None:
        if self.is_at_work:
            self._is_cancelled = True
            self._process.kill()

    def close(self) -> None:
        """End it now, silently."""
        self.blockSignals(True)
        if self.is_at_work:
            self._process.kill()
            self._process.waitForFinished(KILL_MS)

    @Slot()
    def _read_lines(self) -> None:
        while self._process.canReadLine():
            self.said.emit(_text(self._process.readLine().data()))

    @Slot()
    def _read_errors(self) -> None:
        told = self._errors + _text(self._process.readAllStandardError().data())
        self._errors = told[-MAX_ERROR_CHARS:]

    @Slot(int, QProcess.ExitStatus)
    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
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
