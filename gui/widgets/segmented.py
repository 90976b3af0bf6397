"""A row of choices of which one is on: A | Blend | B | Triptych | Compare | Spaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.theme import body_font, current_theme, mix

HEIGHT_PX = 30
_PADDING_PX, _LEAST_PADDING_PX = 15.0, 6.0
"""At each side of a label; less where the window is narrow."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One choice; `tint` "a" or "b" writes it in that model's colour."""

    key: str
    label: str
    tooltip: str = ""
    tint: str = ""


VIEW_SEGMENTS = (
    Segment("a", "A", "Model A alone (1)", "a"),
    Segment("blend", "Blend", "The blend alone (2)"),
    Segment("b", "B", "Model B alone (3)", "b"),
    Segment("triptych", "Triptych", "A, blend and B of the same latent side by side (4)"),
    Segment("compare", "Compare", "Two pictures of your choice: wipe, side by side, blink, difference (C)"),
    Segment("spaces", "Spaces", "The blend made of weights beside the one made of latents (5)"),
)


class Segmented(QWidget):
    """`picked` fires when the user chooses; arrow keys walk."""

    picked = Signal(str)

    def __init__(self, segments: Sequence[Segment], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segments = tuple(segments)
        self._current = self._segments[0].key
        self._hovered: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("View")
        self._tell_accessibility()

    def follow(self, key: str, action: QAction) -> None:
        """Keep the tooltip of a choice that of its action, which names the key that calls it."""

        def show() -> None:
            self._segments = tuple(
                replace(segment, tooltip=action.toolTip()) if segment.key == key else segment
                for segment in self._segments
            )

        action.changed.connect(show)
        show()

    @property
    def current(self) -> str:
        return self._current

    def set_current(self, key: str) -> None:
        """Show a choice, silently.

        Raises:
            KeyError: No such segment.
        """
        if key not in {segment.key for segment in self._segments}:
            raise KeyError(key)
        self._current = key
        self._tell_accessibility()
        self.update()

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Offer other choices. The one that is on stays if it is among them, otherwise the first is; silently."""
        self._segments = tuple(segments)
        if self._current not in {segment.key for segment in self._segments}:
            self._current = self._segments[0].key
        self._hovered = None
        self._tell_accessibility()
        self.updateGeometry()
        self.update()

    def segment_rect(self, index: int) -> QRectF:
        edges = self._edges(self._padding())
        return QRectF(edges[index], 0, edges[index + 1] - edges[index], self.height())

    def sizeHint(self) -> QSize:
        return QSize(round(self._edges(_PADDING_PX)[-1]), HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(round(self._edges(_LEAST_PADDING_PX)[-1]), HEIGHT_PX)

    def _padding(self) -> float:
        spare = self.width() - self._edges(0.0)[-1]
        return max(_LEAST_PADDING_PX, min(_PADDING_PX, spare / (2 * len(self._segments))))

    def _edges(self, padding: float) -> list[float]:
        metrics, edges = QFontMetricsF(body_font()), [0.0]
        for segment in self._segments:
            edges.append(edges[-1] + round(metrics.horizontalAdvance(segment.label) + 2 * padding))
        return edges

    def _index_at(self, position: QPointF) -> int | None:
        found = [index for index in range(len(self._segments)) if self.segment_rect(index).contains(position)]
        return found[0] if found else None

    def _pick(self, index: int) -> None:
        key = self._segments[index].key
        if key != self._current:
            self.set_current(key)
            self.picked.emit(key)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and index is not None:
            self._pick(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._index_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = [segment.key for segment in self._segments].index(self._current)
        if event.key() in (Qt.Key.Key_Right, Qt.Key.Key_Down):
            self._pick(min(index + 1, len(self._segments) - 1))
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Up):
            self._pick(max(index - 1, 0))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            index = self._index_at(QPointF(event.pos()))  # type: ignore[attr-defined]
            words = "" if index is None else self._segments[index].tooltip
            QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
            return True
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.EnabledChange):
            self.updateGeometry()
            self.update()
        return super().event(event)

    def _tell_accessibility(self) -> None:
        label = next(segment.label for segment in self._segments if segment.key == self._current)
        self.setAccessibleDescription(f"{label}, one of {len(self._segments)}")

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        tints = {"a": theme.a_text, "b": theme.b_text}
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.fillPath(outline, QColor(theme.raised))
            painter.setFont(body_font())
            for index, segment in enumerate(self._segments):
                rect = self.segment_rect(index)
                is_on = segment.key == self._current and self.isEnabled()
                strength = 0.14 if is_on else 0.06 if index == self._hovered else 0.0
                painter.save()
                painter.setClipPath(outline)
                painter.fillRect(rect, mix(theme.raised, theme.focus if is_on else theme.text, strength))
                painter.restore()
                if index:
                    painter.fillRect(QRectF(rect.left(), 1, 1, rect.height() - 2), QColor(theme.line))
                color = tints.get(segment.tint, theme.text) if self.isEnabled() else theme.disabled
                painter.setPen(QColor(color))
                painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, segment.label)
            painter.setPen(QPen(QColor(theme.focus if self.hasFocus() else theme.line), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPath(outline)
