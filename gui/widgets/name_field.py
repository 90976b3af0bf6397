"""A small window over the shelf that asks for a name: Enter takes it, Esc leaves."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, Qt, Slot
from PySide6.QtWidgets import QDialog, QFrame, QLabel, QLineEdit, QVBoxLayout, QWidget

WIDTH_PX = 260
_GAP_PX = 6


class NameField(QDialog):
    """Nothing is taken unless there is a name in it."""

    def __init__(
        self, question: str, name: str, take: Callable[[str], object], max_chars: int, parent: QWidget
    ) -> None:
        """
        Args:
            name: What to begin with, selected so that typing replaces it.
            take: Called with the name, without spaces round it.
        """
        super().__init__(parent, Qt.WindowType.Popup)
        self._take = take
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.field = QLineEdit(name)
        self.field.setMaxLength(max_chars)
        self.field.setAccessibleName(question)
        self.field.selectAll()
        self.field.returnPressed.connect(self._taken)
        label = QLabel(question)
        label.setProperty("role", "caption")
        hint = QLabel("Enter keeps it, Esc leaves")
        hint.setProperty("role", "caption")
        card = QFrame()
        card.setProperty("role", "card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.setSpacing(6)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)
        for widget in (label, self.field, hint):
            layout.addWidget(widget)
        self.setFixedWidth(WIDTH_PX)

    def open_beside(self, widget: QWidget) -> None:
        """Show at the right of `widget`, level with its top."""
        self.adjustSize()
        place = widget.mapToGlobal(QPoint(widget.width() + _GAP_PX, 0))
        bounds = self.screen().availableGeometry()
        lowest = max(bounds.top(), bounds.bottom() - self.height())
        self.move(min(place.x(), bounds.right() - self.width()), min(place.y(), lowest))
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    @Slot()
    def _taken(self) -> None:
        name = self.field.text().strip()
        if name:
            self.close()
            self._take(name)
