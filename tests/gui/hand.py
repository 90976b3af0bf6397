"""A hand for tests: presses, drags, keys and wheel with modifiers, and a record of what a widget said."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

NONE = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
LEFT = Qt.MouseButton.LeftButton
_UP = Qt.MouseButton.NoButton

AnyWidget = TypeVar("AnyWidget", bound=QWidget)


class Show(Protocol):
    """The fixture that puts a widget on a shown window."""

    def __call__(self, widget: AnyWidget, width: int, height: int) -> AnyWidget: ...


Place = QPointF | tuple[float, float]


def _mouse(
    widget: QWidget, kind: QEvent.Type, place: Place, button: Qt.MouseButton, held: Qt.MouseButton, modifiers: Any
) -> None:
    position = place if isinstance(place, QPointF) else QPointF(*place)
    event = QMouseEvent(kind, position, widget.mapToGlobal(position), button, held, modifiers)
    QApplication.sendEvent(widget, event)


def press(widget: QWidget, place: Place, modifiers: Any = NONE, button: Qt.MouseButton = LEFT) -> None:
    _mouse(widget, QEvent.Type.MouseButtonPress, place, button, button, modifiers)


def move(widget: QWidget, place: Place, modifiers: Any = NONE, held: Qt.MouseButton = LEFT) -> None:
    _mouse(widget, QEvent.Type.MouseMove, place, _UP, held, modifiers)


def release(widget: QWidget, place: Place, modifiers: Any = NONE, button: Qt.MouseButton = LEFT) -> None:
    _mouse(widget, QEvent.Type.MouseButtonRelease, place, button, _UP, modifiers)


def drag(widget: QWidget, start: Place, end: Place, modifiers: Any = NONE, steps: int = 8) -> None:
    """Press at `start`, go to `end` in steps, let go."""
    first = start if isinstance(start, QPointF) else QPointF(*start)
    last = end if isinstance(end, QPointF) else QPointF(*end)
    press(widget, first, modifiers)
    for step in range(1, steps + 1):
        move(widget, first + (last - first) * (step / steps), modifiers)
    release(widget, last, modifiers)


def click(widget: QWidget, place: Place, modifiers: Any = NONE) -> None:
    press(widget, place, modifiers)
    release(widget, place, modifiers)


def double_click(widget: QWidget, place: Place) -> None:
    """As Qt delivers it: press, release, double-click, release."""
    click(widget, place)
    _mouse(widget, QEvent.Type.MouseButtonDblClick, place, LEFT, LEFT, NONE)
    release(widget, place)


def hover(widget: QWidget, place: Place) -> None:
    move(widget, place, held=_UP)


def key(widget: QWidget, which: Qt.Key, modifiers: Any = NONE, text: str = "") -> QKeyEvent:
    """Press and let go. Returns the press, whose `isAccepted` says whether it was used."""
    event = QKeyEvent(QEvent.Type.KeyPress, which, modifiers, text)
    QApplication.sendEvent(widget, event)
    QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyRelease, which, modifiers, text))
    return event


def wheel(widget: QWidget, notches: float, place: Place = (5.0, 5.0), modifiers: Any = NONE) -> QWheelEvent:
    """Turn the wheel. Returns the event, whose `isAccepted` says whether it was used."""
    position = place if isinstance(place, QPointF) else QPointF(*place)
    delta = QPoint(0, round(120 * notches))
    event = QWheelEvent(
        position,
        widget.mapToGlobal(position),
        QPoint(),
        delta,
        _UP,
        modifiers,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event


class Record:
    """What a control said: "started", its values, "ended", in order."""

    def __init__(self, widget: Any, changed: str) -> None:
        self.said: list[Any] = []
        widget.gesture_started.connect(lambda: self.said.append("started"))
        getattr(widget, changed).connect(self._note)
        widget.gesture_ended.connect(lambda: self.said.append("ended"))

    def _note(self, *values: Any) -> None:
        self.said.append(values[0] if len(values) == 1 else values)

    @property
    def values(self) -> list[Any]:
        return [each for each in self.said if each not in ("started", "ended")]

    @property
    def gestures(self) -> int:
        """Complete ones. Fails where a change came outside of a gesture, or brackets do not match."""
        depth = complete = 0
        for each in self.said:
            if each == "started":
                assert depth == 0, self.said
                depth = 1
            elif each == "ended":
                assert depth == 1, self.said
                depth, complete = 0, complete + 1
            else:
                assert depth == 1, f"a change outside of a gesture: {self.said}"
        return complete
