"""A bar of three groups; where it is narrow, the middle one has a row of its own."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QWidget

_GAP_PX = 6
SLIDER_PX = 116
"""What a slider needs for its name and its number."""


class FoldingBar(QFrame):
    def __init__(self, left: list[QWidget], middle: list[QWidget], right: list[QWidget]) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self._groups = tuple(_row(widgets) for widgets in (left, middle, right))
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(10, 6, 10, 6)
        self._grid.setSpacing(_GAP_PX)
        self._grid.setColumnStretch(1, 1)
        self._is_folded = True
        self._fold(False)

    @property
    def is_folded(self) -> bool:
        return self._is_folded

    def _fold(self, folds: bool) -> None:
        if folds == self._is_folded:
            return
        self._is_folded = folds
        left, middle, right = self._groups
        for group in self._groups:
            self._grid.removeWidget(group)
        self._grid.addWidget(left, 0, 0)
        if folds:
            self._grid.addWidget(right, 0, 2, Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(middle, 1, 0, 1, 3)
        else:
            self._grid.addWidget(middle, 0, 1)
            self._grid.addWidget(right, 0, 2)

    def minimumSizeHint(self) -> QSize:
        left, middle, right = (group.minimumSizeHint().width() for group in self._groups)
        return QSize(max(left + _GAP_PX + right, middle) + self._edges_px(), super().minimumSizeHint().height())

    def _edges_px(self) -> int:
        margins = self._grid.contentsMargins()
        return margins.left() + margins.right()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        needed = sum(group.minimumSizeHint().width() for group in self._groups) + 2 * _GAP_PX
        self._fold(self.width() < needed + self._edges_px())


def _row(widgets: list[QWidget]) -> QWidget:
    group = QWidget()
    row = QHBoxLayout(group)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(_GAP_PX)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return group
