"""What the export dialogs share: some questions, a target, one button."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from gui.panels.labels import caption_label
from gui.widgets.target_fields import TargetFields, field_grid


class TargetDialog(QDialog):
    """Asks for a target. Nothing is written here; `target` is set by whoever derives it."""

    target: TargetFields

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.problem = caption_label()
        self.problem.setWordWrap(True)
        self.promise = QLabel()
        self.promise.setProperty("role", "caption")
        self.promise.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save.setProperty("role", "primary")
        self.save.setText("Export")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def lay_out(self, rows: tuple[tuple[str, QWidget], ...], promise: str) -> None:
        self.promise.setText(promise)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 16, 16, 16)
        outer.setSpacing(12)
        outer.addLayout(field_grid(rows))
        for widget in (self.problem, self.promise, self.buttons):
            outer.addWidget(widget)
        self.setMinimumWidth(420)
        self.target.name.textChanged.connect(self.check)
        self.target.name.setFocus()
        self.check()

    def more_problems(self) -> str:
        """What else is wrong, as a sentence."""
        return ""

    @Slot()
    def check(self) -> None:
        problem = self.target.problem or self.more_problems()
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.save.setEnabled(not problem)

    def accept(self) -> None:
        if self.target.may_write():
            self.target.keep()
            super().accept()
