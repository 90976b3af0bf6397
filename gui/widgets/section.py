"""A part of a panel: a heading in small capitals over a body that folds."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from gui.icons import paint_icon
from gui.theme import current_theme, heading_font
from gui.widgets.icon_button import IconButton

_FOLD_PX = 10
_STYLE_ROOM_PX = 6


class _Heading(QAbstractButton):
    """The words, which fold the section when clicked."""

    def __init__(self, title: str, *, foldable: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self.setText(title)
        self.setCheckable(foldable)
        self.setChecked(foldable)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if foldable else Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setToolTip("Fold or unfold this part" if foldable else "")

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(heading_font()).horizontalAdvance(self.text()) + _FOLD_PX + 8, 22)

    def minimumSizeHint(self) -> QSize:
        return QSize(40, 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        is_lit = self.isCheckable() and (self.underMouse() or self.hasFocus())
        color = QColor(theme.text if is_lit else theme.muted)
        with QPainter(self) as painter:
            painter.setFont(heading_font())
            painter.setPen(color)
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.text())
            if self.isCheckable() and (is_lit or not self.isChecked()):
                width = painter.fontMetrics().horizontalAdvance(self.text())
                box = QRect(width + 6, (self.height() - _FOLD_PX) // 2, _FOLD_PX, _FOLD_PX)
                paint_icon(painter, box, "fold" if self.isChecked() else "unfold", color)


class _Action(IconButton):
    """Without the room that the style leaves round a tool button, so that it ends where the panel's content ends."""

    def sizeHint(self) -> QSize:
        return super().sizeHint() - QSize(_STYLE_ROOM_PX, 0)


class Section(QWidget):
    """A heading, actions at its right, and a body."""

    folded_changed = Signal(bool)

    def __init__(self, title: str, *, foldable: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._heading = _Heading(title, foldable=foldable, parent=self)
        self._heading.toggled.connect(self._follow_heading)
        self._head = QHBoxLayout()
        self._head.setContentsMargins(0, 0, 0, 0)
        self._head.setSpacing(2)
        self._head.addWidget(self._heading)
        self._content = QWidget(self)
        self._body = QVBoxLayout(self._content)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._head)
        layout.addWidget(self._content)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setAccessibleName(title)

    @property
    def body(self) -> QVBoxLayout:
        return self._body

    @property
    def title(self) -> str:
        return self._heading.text()

    @property
    def is_folded(self) -> bool:
        return self._content.isHidden()

    def add_widget(self, widget: QWidget) -> None:
        self._body.addWidget(widget)

    def add_action(self, text: str, tooltip: str, *, icon_name: str | None = None) -> QToolButton:
        """A small button at the right of the heading, with words or, where `icon_name` is given, an icon."""
        button = _Action(icon_name, tooltip, size_px=14, parent=self)
        if icon_name is not None:
            button.set_icon_name(icon_name, color="muted")
        else:
            button.setText(text)
            button.setProperty("caption", "true")
        button.setProperty("heading", "true")
        button.setAccessibleName(text or tooltip)
        self._head.addWidget(button)
        return button

    def set_folded(self, folded: bool) -> None:
        """Hide or show the body."""
        if self._heading.isCheckable():
            self._heading.setChecked(not folded)

    def _follow_heading(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        self.folded_changed.emit(not is_open)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._heading.update()
        super().changeEvent(event)
