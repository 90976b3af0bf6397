"""The little field that opens over a value when one wants to type it."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QRect, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from gui.theme import figures_font


class InlineEdit(QLineEdit):
    """Enter or leaving the field takes the text, Esc leaves without it.

    `committed` carries the text and never fires for text that was not changed. The owner answers a text that it
    cannot read with `refuse`, and the field stays. Where a click opens the field, the second click of a double-click
    falls on it: it closes and says so with `double_clicked`, which means the owner's value.
    """

    committed = Signal(str)
    double_clicked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._opened_with = ""
        self._is_refused = False
        self._open_since = QElapsedTimer()
        self.setFont(figures_font())
        self.setTextMargins(0, 0, 0, 0)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.textEdited.connect(self._forget_refusal)
        self.hide()

    def open_at(self, rect: QRect, text: str, alignment: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignRight) -> None:
        """Show over `rect` of the owner with `text` selected."""
        self._opened_with = text
        self._open_since.start()
        self._mark(invalid=False, reason="")
        self.setAlignment(alignment | Qt.AlignmentFlag.AlignVCenter)
        self.setGeometry(rect)
        self.setText(text)
        self.selectAll()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def refuse(self, reason: str) -> None:
        """Keep the field open and say why the text cannot be taken."""
        self._is_refused = True
        self._mark(invalid=True, reason=reason)

    def close_field(self) -> None:
        """Give the place and the focus back."""
        had_focus = self.hasFocus()
        self.hide()
        owner = self.parentWidget()
        if had_focus and owner is not None:
            owner.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_field()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
        else:
            super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._open_since.elapsed() <= QApplication.doubleClickInterval():
            self.close_field()
            self.double_clicked.emit()
        else:
            super().mouseDoubleClickEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if self.isVisible():
            self._take()
            self.hide()

    def _take(self) -> None:
        self._is_refused = False
        if self.text() != self._opened_with:
            self.committed.emit(self.text())
        if not self._is_refused:
            self._opened_with = self.text()
            self.close_field()

    def _forget_refusal(self) -> None:
        self._mark(invalid=False, reason="")

    def _mark(self, *, invalid: bool, reason: str) -> None:
        self.setToolTip(reason)
        if self.property("invalid") != invalid:
            self.setProperty("invalid", invalid)
            self.style().unpolish(self)
            self.style().polish(self)
