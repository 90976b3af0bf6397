"""The window itself: it fits, folds, comes back as it was left, and can be used without a mouse."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QWidget

from gui.actions import key_rows, title_of
from gui.arguments import no_screen
from gui.canvas import CanvasMode
from gui.help_dialogs import About, KeyList, attribution_text
from gui.palette import Palette
from gui.runtime import HomelessFormatter, Watch
from gui.theme import DARK, LIGHT, apply_theme, current_theme
from gui.widgets.hand import HandWidget

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
"""What the offscreen platform says of dialogs and popups."""


@pytest.mark.parametrize("size", [(1280, 800), (1100, 700)])
def test_that_everything_fits(desk: Desk, size: tuple[int, int]) -> None:
    window = desk.studio.window
    window.resize(*size)
    QTest.qWait(20)
    assert (window.width(), window.height()) == size
    inside = QRect(QPoint(0, 0), window.size())
    visible = [window.parts.canvas, window.parts.shelf, window.parts.controls, window.parts.filmstrip, window.view]
    for widget in (*visible, *window.buttons.values()):
        assert inside.contains(QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())), widget
        assert widget.size().width() >= widget.minimumSizeHint().width()
    assert window.parts.canvas.width() >= 480
    assert window.parts.controls.horizontalScrollBar().maximum() == 0


def test_that_tab_on_the_picture_hides_the_panels_and_brings_them_back(desk: Desk) -> None:
    window = desk.studio.window
    window.shelf_dock.hide()
    canvas = desk.studio.canvas
    canvas.setFocus()
    desk.press(Qt.Key.Key_Tab)
    assert not any(dock.isVisible() for dock in window.docks)
    desk.press(Qt.Key.Key_Tab)
    assert [dock.isVisible() for dock in window.docks] == [False, True, True]


def test_that_the_layout_is_remembered_and_can_be_reset(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.window.shelf_dock.hide()
    desk.studio.window.parts.controls.noise.set_folded(True)
    desk.studio.canvas.set_mode(CanvasMode.COMPARE)
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(models=())
    window = again.studio.window
    assert not window.shelf_dock.isVisible()
    assert window.parts.controls.noise.is_folded
    assert again.studio.canvas.mode is CanvasMode.COMPARE
    window.actions_["reset_layout"].trigger()
    assert all(dock.isVisible() and not dock.isFloating() for dock in window.docks)


def test_that_floating_controls_get_a_title_and_lose_it_when_docked(desk: Desk) -> None:
    window = desk.studio.window
    window.actions_["float_controls"].trigger()
    assert window.controls_dock.isFloating()
    assert window.controls_dock.titleBarWidget() is None
    window.actions_["float_controls"].trigger()
    assert not window.controls_dock.isFloating()
    assert window.controls_dock.titleBarWidget() is not None


@pytest.mark.parametrize(
    ("key", "mode"),
    [(Qt.Key.Key_1, "a"), (Qt.Key.Key_2, "blend"), (Qt.Key.Key_3, "b"), (Qt.Key.Key_4, "triptych"),
     (Qt.Key.Key_C, "compare")],
)
def test_that_the_view_keys_work_also_from_a_slider(desk: Desk, key: Qt.Key, mode: str) -> None:
    slider = desk.studio.window.parts.controls.blend.alpha
    slider.setFocus()
    desk.press(key, slider)
    assert desk.studio.canvas.mode.value == mode
    assert desk.studio.window.view.current == mode


def test_that_every_control_is_reachable_by_keyboard(desk: Desk) -> None:
    window = desk.studio.window
    window.activateWindow()
    for section in (*window.parts.controls.sections, window.parts.controls.blend.parts):
        section.set_folded(False)
    wanted = {
        widget
        for widget in window.parts.controls.findChildren(QWidget)
        if isinstance(widget, HandWidget | QComboBox) and widget.isVisible() and widget.isEnabled()
    }
    wanted |= {window.parts.shelf.models, window.parts.filmstrip, window.view, *window.buttons.values()}
    wanted = {widget for widget in wanted if widget.isEnabled()}
    reached: set[QWidget] = set()
    window.parts.controls.blend.model_a.setFocus()
    for _ in range(300):
        focused = window.focusWidget()
        assert focused is not None
        if focused in reached and wanted <= reached:
            break
        reached.add(focused)
        if focused is desk.studio.canvas:
            window.focusNextChild()
        else:
            QTest.keyClick(focused, Qt.Key.Key_Tab)
    missing = {f"{type(widget).__name__} {widget.accessibleName()}" for widget in wanted - reached}
    assert not missing


def test_that_f6_walks_the_parts_of_the_window(desk: Desk) -> None:
    window = desk.studio.window
    window.activateWindow()
    desk.studio.canvas.setFocus()
    parts = []
    for _ in range(4):
        window.focus_next_part()
        focused = window.focusWidget()
        assert focused is not None
        owners = (window.parts.controls, window.parts.filmstrip, window.parts.shelf, window.parts.canvas)
        parts.append(next(owner for owner in owners if owner is focused or owner.isAncestorOf(focused)))
    assert parts == [window.parts.controls, window.parts.filmstrip, window.parts.shelf, window.parts.canvas]


def test_that_escape_on_the_picture_takes_the_message_away(desk: Desk) -> None:
    desk.studio.messages.warn("Something was left out.")
    box = desk.studio.window.parts.controls.blend.model_a
    box.setFocus()
    desk.press(Qt.Key.Key_Escape, box)
    assert desk.message() == "Something was left out."
    desk.press(Qt.Key.Key_Escape, desk.studio.window.parts.canvas)
    assert desk.message() == ""


def test_that_escape_gives_the_keyboard_back_to_the_picture(desk: Desk) -> None:
    box = desk.studio.window.parts.controls.blend.model_a
    box.setFocus()
    desk.press(Qt.Key.Key_Escape, box)
    assert desk.studio.window.focusWidget() is desk.studio.canvas


def test_that_a_change_of_theme_reaches_text_that_is_there_already(desk: Desk) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app, LIGHT)
    QTest.qWait(20)
    window = desk.studio.window
    for widget in (window.parts.controls.blend.model_a, *window.findChildren(QLabel)):
        role = QPalette.ColorRole.Text if isinstance(widget, QComboBox) else QPalette.ColorRole.WindowText
        assert widget.palette().color(role).lightness() < 160, widget
    picture = window.parts.controls.blend.model_a.grab().toImage()
    darkest = min(picture.pixelColor(x, y).lightness() for x in range(8, 50) for y in range(6, picture.height() - 6))
    assert darkest < 90


def test_that_the_theme_is_chosen_in_the_menu_and_remembered(desk: Desk) -> None:
    desk.studio.window.actions_["theme_light"].trigger()
    assert current_theme() is LIGHT
    assert desk.studio.settings.get("theme", "dark") == "light"
    assert desk.studio.window.actions_["theme_light"].isChecked()


def test_that_the_desktops_change_of_colours_is_followed_live_when_that_was_chosen(desk: Desk) -> None:
    desktop = QGuiApplication.styleHints().colorSchemeChanged
    desk.studio.window.actions_["theme_dark"].trigger()
    desktop.emit(Qt.ColorScheme.Light)
    assert current_theme() is DARK  # chosen by hand
    desk.studio.window.actions_["theme_system"].trigger()
    desktop.emit(Qt.ColorScheme.Light)
    assert current_theme() is LIGHT
    desktop.emit(Qt.ColorScheme.Dark)
    assert current_theme() is DARK


def test_that_no_two_actions_have_the_same_key(desk: Desk) -> None:
    keys = [keys.toString() for action in desk.studio.window.actions_.all() for keys in action.shortcuts()]
    assert len(keys) == len(set(keys))


def test_that_the_key_list_names_every_shortcut(desk: Desk) -> None:
    desk.studio.window.actions_["keys"].trigger()
    (dialog,) = desk.studio.window.findChildren(KeyList)
    listed = {text for _, text in key_rows(desk.studio.window.actions_)}
    with_keys = {title_of(action) for action in desk.studio.window.actions_.all() if not action.shortcut().isEmpty()}
    assert with_keys <= listed
    dialog.close()


def test_that_the_palette_finds_and_does(desk: Desk) -> None:
    desk.studio.window.actions_["palette"].trigger()
    (palette,) = desk.studio.window.findChildren(Palette)
    QTest.keyClicks(palette.field, "compare")
    desk.press(Qt.Key.Key_Return, palette.field)
    assert desk.studio.canvas.mode is CanvasMode.COMPARE


def test_that_about_names_whose_work_is_in_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "README.md").write_text("# The models\n\nDeBruine, CC BY 4.0")
    assert "DeBruine, CC BY 4.0" in attribution_text(tmp_path)
    desk.studio.window.actions_["about"].trigger()
    (about,) = desk.studio.window.findChildren(About)
    assert "CC BY 4.0" in about.attributions.toPlainText()
    about.close()


def test_that_the_log_does_not_name_the_users_home() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "read %s", (str(Path.home() / "secret.png"),), None)
    assert str(Path.home()) not in HomelessFormatter().format(record)


def test_that_an_unexpected_error_is_one_sentence_and_the_window_lives(desk: Desk) -> None:
    watch = Watch()
    watch.failed.connect(desk.studio.messages.failure)
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError as error:
        watch._exception(type(error), error, error.__traceback__)
    assert desk.message() == "Something went wrong inside Graft. Your work is safe."
    desk.drag(desk.studio.window.parts.controls.blend.alpha, [0.4])
    desk.settle()


def test_that_a_machine_without_a_screen_is_told_so() -> None:
    if sys.platform.startswith("linux"):
        assert "no screen" in no_screen({})
    assert no_screen({"DISPLAY": ":0"}) == ""
    assert no_screen({"WAYLAND_DISPLAY": "wayland-0"}) == ""
    assert no_screen({"QT_QPA_PLATFORM": "offscreen"}) == ""


def test_that_the_canvas_is_the_darkest_thing_in_the_dark_room(desk: Desk) -> None:
    theme = current_theme()
    assert QColor(theme.canvas).lightness() <= QColor(theme.window).lightness() <= QColor(theme.panel).lightness()
