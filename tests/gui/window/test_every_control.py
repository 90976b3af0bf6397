"""Every control of the window says what it is, to the eye and to a screen reader."""

from __future__ import annotations

import inspect

import pytest
from desk import Desk
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QLineEdit,
    QMenu,
    QScrollArea,
    QTextBrowser,
    QWidget,
)

from gui.canvas import Canvas, CanvasMode
from gui.widgets.section import Section

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def controls_in(root: QWidget) -> list[QWidget]:
    """What takes the keyboard or a click and can be seen."""
    return [
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisible()
        and (widget.focusPolicy() & Qt.FocusPolicy.TabFocus or isinstance(widget, QAbstractButton | QComboBox))
        and widget.objectName() not in ("qt_toolbar_ext_button",)
        and not isinstance(widget, QMenu | QDockWidget | QTextBrowser)
        and not _is_inside_another(widget)
    ]


def _is_inside_another(widget: QWidget) -> bool:
    """The field of an editable box, the viewport of a list and the like speak through their owner."""
    parent = widget.parentWidget()
    inside = isinstance(widget, QLineEdit | QAbstractScrollArea) and isinstance(parent, QComboBox)
    inside = inside or isinstance(parent, QLineEdit)  # the button that clears it
    return inside or type(widget).__name__ in ("QComboBoxPrivateContainer", "QScrollBar")


def what_is_missing(root: QWidget) -> list[str]:
    found = []
    for widget in controls_in(root):
        name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        is_plain_area = isinstance(widget, QScrollArea | QDialog)
        if not name and not is_plain_area:
            found.append(f"no name: {type(widget).__name__} in {type(widget.parentWidget()).__name__}")
        if not widget.toolTip() and not is_plain_area and not _explains_itself(widget):
            found.append(f"no tooltip: {type(widget).__name__} {name!r} in {type(widget.parentWidget()).__name__}")
    return found


def _explains_itself(widget: QWidget) -> bool:
    """Widgets of many parts show a tooltip for the part that is under the cursor; the canvas shows its captions."""
    if isinstance(widget, QAbstractItemView | Canvas):
        return True
    return any("ToolTip" in _source_of(kind) for kind in type(widget).__mro__ if kind.__module__.startswith("gui."))


def _source_of(kind: type) -> str:
    return inspect.getsource(kind)


def test_that_every_control_of_the_window_has_a_name_and_a_tooltip(desk: Desk) -> None:
    window = desk.studio.window
    for section in window.findChildren(Section):
        section.set_folded(False)
    missing = set(what_is_missing(window))
    for mode in CanvasMode:
        desk.studio.canvas.set_mode(mode)
        QApplication.processEvents()
        missing |= set(what_is_missing(window))
    assert not missing, "\n".join(sorted(missing))


@pytest.mark.parametrize("name", ["shortcuts", "keys", "export"])
def test_that_every_control_of_a_dialog_has_a_name(desk: Desk, name: str) -> None:
    desk.studio.window.actions_[name].trigger()
    dialog = next(widget for widget in desk.studio.window.findChildren(QDialog) if widget.isVisible())
    missing = [line for line in what_is_missing(dialog) if line.startswith("no name")]  # words stand beside them
    dialog.close()
    assert not missing, "\n".join(missing)


def test_that_every_action_says_in_words_what_it_does(desk: Desk) -> None:
    for action in desk.studio.window.actions_.named().values():
        assert action.iconText()
        words = action.toolTip()
        assert words
        assert not words.endswith(".")
