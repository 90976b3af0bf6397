"""The line under the canvas while a photo is compared with its portrait: how like it is, in numbers."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from engine.likeness import Likeness
from gui.panels.labels import caption_label
from gui.theme import figures_font

NOT_MEASURED = "How like its photo this portrait is was not measured yet."
FOUND, ON_SCREEN = "As found", "On screen"
COLUMNS = (
    ("pixels off", "Mean difference of the colours"),
    ("edges off", "Mean difference of the outlines"),
    ("perceptual", "As a network that knows faces sees it; 0 is the same"),
    ("identity", "How far the two are from being one person, 0 to 2, as a face net sees it; only with its weights"),
)


class LikenessLine(QFrame):
    """Two rows of numbers: what the search ended with, and what is on screen, once it is measured."""

    measure_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "panel")
        self.words = caption_label(NOT_MEASURED)
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self._heads = tuple(caption_label() for _ in COLUMNS)
        self._rows = {name: tuple(QLabel() for _ in COLUMNS) for name in (FOUND, ON_SCREEN)}
        self._names = {name: caption_label(name) for name in self._rows}
        self.measure = QPushButton("Measure now", self)
        self.measure.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.measure.clicked.connect(self.measure_wanted)
        self._lay_out()
        self.show_numbers(None, None)
        self.set_reason("")

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(1)
        for column, (head, (words, tip)) in enumerate(zip(self._heads, COLUMNS, strict=True), start=1):
            head.setText(words)
            head.setToolTip(tip)
            grid.addWidget(head, 0, column)
        for row, (name, cells) in enumerate(self._rows.items(), start=1):
            grid.addWidget(self._names[name], row, 0)
            for column, cell in enumerate(cells, start=1):
                cell.setFont(figures_font())
                cell.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                grid.addWidget(cell, row, column)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 5, 8, 5)
        line.setSpacing(16)
        line.addLayout(grid)
        line.addWidget(self.words, 1)
        line.addWidget(self.measure, 0, Qt.AlignmentFlag.AlignVCenter)

    def show_numbers(self, found: Likeness | None, on_screen: Likeness | None) -> None:
        """
        Args:
            found: Of the portrait as the search found it.
            on_screen: Of the picture as it is now; None before it is measured.
        """
        shown = {FOUND: found, ON_SCREEN: on_screen}
        known = [one for one in shown.values() if one is not None]
        for name, likeness in shown.items():
            self._names[name].setVisible(likeness is not None)
            for cell, text in zip(self._rows[name], _figures(likeness), strict=True):
                cell.setText(text)
                cell.setVisible(bool(text))
        for head, texts in zip(self._heads, zip(*map(_figures, shown.values()), strict=True), strict=True):
            head.setVisible(any(texts))
        judges = dict.fromkeys(one.perceptual_name for one in known)
        self.words.setText(f"Perceptual: as {' and '.join(judges)} see it." if known else NOT_MEASURED)
        told = [f"{name}: {one.sentence}" for name, one in shown.items() if one is not None]
        self.setAccessibleName(" ".join(told) or NOT_MEASURED)

    def set_measuring(self, measuring: bool) -> None:
        self.measure.setText("Measuring…" if measuring else "Measure now")
        self.measure.setEnabled(not measuring)

    def set_reason(self, reason: str) -> None:
        """Why it cannot be measured; empty when it can."""
        self.measure.setEnabled(not reason)
        self.measure.setToolTip(reason or "Compare the picture that is on screen with the photo, at full size")


def _figures(likeness: Likeness | None) -> tuple[str, str, str, str]:
    if likeness is None:
        return "", "", "", ""
    identity = "" if likeness.identity is None else f"{likeness.identity:.2f}"
    return f"{100 * likeness.pixel:.1f} %", f"{100 * likeness.edge:.1f} %", f"{likeness.perceptual:.3f}", identity
