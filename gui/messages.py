"""Messages: what the one bar over the filmstrip says, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Slot

from engine.errors import EngineError
from gui.widgets.error_bar import ErrorBar, Severity


@dataclass(frozen=True, slots=True)
class Choice:
    """A button of the bar."""

    label: str
    run: Callable[[], object]


class Messages(QObject):
    """Puts sentences into the bar and runs the choice that came with the one on screen."""

    def __init__(self, bar: ErrorBar, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bar = bar
        self._choices: dict[str, Choice] = {}
        bar.action_triggered.connect(self._run)

    @Slot(object)
    def error(self, error: EngineError) -> None:
        self.bar.show_error(error)

    def forget_errors(self) -> None:
        """Something else is being tried."""
        self.bar.forget_errors()

    def say(
        self,
        sentence: str,
        hint: str = "",
        *choices: Choice,
        severity: Severity = Severity.INFO,
        details: str = "",
    ) -> None:
        """
        Args:
            choices: At most two, the likelier first.
        """
        first, second = (*choices, None, None)[:2]
        keys = [self._remember(choice, sentence) for choice in (first, second)]
        self.bar.show_message(
            sentence,
            hint,
            details=details,
            severity=severity,
            action=first.label if first else "",
            action_key=keys[0],
            second_action=second.label if second else "",
            second_key=keys[1],
        )

    def warn(self, sentence: str, hint: str = "", *choices: Choice) -> None:
        self.say(sentence, hint, *choices, severity=Severity.WARNING)

    @Slot(object)
    def warn_all(self, sentences: tuple[str, ...]) -> None:
        for sentence in sentences:
            self.warn(sentence)

    @Slot(str, str)
    def failure(self, sentence: str, details: str) -> None:
        """An error that nobody expected."""
        self.say(sentence, "The log has the details.", severity=Severity.ERROR, details=details)

    def _remember(self, choice: Choice | None, sentence: str) -> str:
        if choice is None:
            return ""
        key = f"{choice.label}: {sentence}"
        self._choices[key] = choice
        return key

    @Slot(str)
    def _run(self, key: str) -> None:
        choice = self._choices.pop(key, None)
        if choice is not None:
            choice.run()
