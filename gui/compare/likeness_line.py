"""The line under the canvas while a photo is compared with its portrait: how like it is, in numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from engine.likeness import Likeness

NOT_MEASURED = "How like its photo this portrait is was not measured yet."


class LikenessLine(QFrame):
    """Two sets of numbers: those that the search ended with, and those of what is on screen, once it is measured."""

    measure_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.words = QLabel(self)
        self.words.setProperty("role", "muted")
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.measure = QPushButton("Measure now", self)
        self.measure.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.measure.clicked.connect(self.measure_wanted)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 5, 8, 5)
        line.setSpacing(12)
        line.addWidget(self.words, 1)
        line.addWidget(self.measure, 0, Qt.AlignmentFlag.AlignVCenter)
        self.show_numbers(None, None)
        self.set_reason("")

    def show_numbers(self, found: Likeness | None, on_screen: Likeness | None) -> None:
        """
        Args:
            found: Of the portrait as the search found it.
            on_screen: Of the picture as it is now; None before it is measured.
        """
        lines = [f"As found: {_lower(found.sentence)}"] if found is not None else []
        if on_screen is not None:
            lines.append(f"On screen: {_lower(on_screen.sentence)}")
        self.words.setText("\n".join(lines) or NOT_MEASURED)

    def set_measuring(self, measuring: bool) -> None:
        self.measure.setText("Measuring…" if measuring else "Measure now")
        self.measure.setEnabled(not measuring)

    def set_reason(self, reason: str) -> None:
        """Why it cannot be measured; empty when it can."""
        self.measure.setEnabled(not reason)
        self.measure.setToolTip(reason or "Compare the picture that is on screen with the photo, at full size")


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
