from __future__ import annotations

from dataclasses import asdict

import pytest
from drawn_faces import draw_face
from hand import Show
from looking import colors_in, image_of
from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton

from gui.icons import GLYPHS, icon
from gui.theme import (
    DARK,
    LIGHT,
    Theme,
    ThemeChoice,
    apply_theme,
    body_font,
    caption_font,
    current_theme,
    figures_font,
    mix,
    share_color,
    theme_for,
)
from gui.widgets.shelf_delegate import row_brush

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)


def luminance(color: QColor) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = (color.redF(), color.greenF(), color.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: QColor | str, other: QColor | str) -> float:
    lighter, darker = sorted((luminance(QColor(one)), luminance(QColor(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@THEMES
@pytest.mark.parametrize("surface", ["window", "panel", "raised", "sunken"])
@pytest.mark.parametrize("text", ["text", "muted", *(f"{model}_text" for model in "abcdef")])
def test_that_text_can_be_read_on_every_surface(theme: Theme, surface: str, text: str) -> None:
    assert contrast(getattr(theme, text), getattr(theme, surface)) >= 4.5


@THEMES
@pytest.mark.parametrize("text", ["canvas_text", "canvas_a", "canvas_b"])
def test_that_captions_can_be_read_on_the_canvas(theme: Theme, text: str) -> None:
    assert contrast(getattr(theme, text), theme.canvas) >= 4.5


@THEMES
@pytest.mark.parametrize("badge", ["A", "B", "AB", ""])
def test_that_text_can_be_read_on_a_tinted_row(theme: Theme, badge: str) -> None:
    brush = row_brush(theme, QRectF(0, 0, 100, 40), badge, is_hovered=True)
    gradient = brush.gradient()
    grounds = [stop[1] for stop in gradient.stops()] if gradient is not None else [brush.color()]
    for ground in grounds:
        assert contrast(theme.text, ground) >= 4.5
        assert contrast(theme.muted, ground) >= 4.5


@THEMES
@pytest.mark.parametrize("shape", [*"abcdef", "focus", "warn", "error"])
def test_that_shapes_stand_out_from_the_panel(theme: Theme, shape: str) -> None:
    assert contrast(getattr(theme, shape), theme.panel) >= 3.0


@THEMES
@pytest.mark.parametrize("severity", ["focus", "warn", "error"])
def test_that_messages_can_be_read_on_their_tint(theme: Theme, severity: str) -> None:
    ground = mix(theme.raised, getattr(theme, severity), 0.10)
    assert contrast(theme.text, ground) >= 4.5
    assert contrast(theme.muted, ground) >= 4.5


def test_that_both_themes_are_whole() -> None:
    for theme in (DARK, LIGHT):
        for name, value in asdict(theme).items():
            if name not in ("name", "is_dark"):
                assert QColor(value).isValid(), name


def test_that_applying_a_theme_reaches_palette_and_painters(qapp: QApplication) -> None:
    apply_theme(qapp, LIGHT)
    assert current_theme() is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.panel)
    apply_theme(qapp, DARK)
    assert current_theme() is DARK
    assert qapp.palette().color(QPalette.ColorRole.WindowText) == QColor(DARK.text)


def test_that_plain_controls_on_screen_take_the_new_text_colour(qapp: QApplication, show: Show) -> None:
    combo = QComboBox()
    combo.addItem("Toonify")
    controls = [show(control, 120, 30) for control in (QLabel("Toonify"), combo, QPushButton("Toonify"))]
    for theme in (LIGHT, DARK, LIGHT):
        apply_theme(qapp, theme)
        for control in controls:
            assert theme.text in colors_in(image_of(control)), (theme.name, type(control))


def test_that_disabled_controls_are_written_in_the_disabled_colour(show: Show) -> None:
    label = show(QLabel("Toonify"), 120, 30)
    label.setEnabled(False)
    assert DARK.disabled in colors_in(image_of(label))
    assert DARK.text not in colors_in(image_of(label))


def test_that_the_choice_names_a_theme() -> None:
    assert theme_for(ThemeChoice.DARK) is DARK
    assert theme_for(ThemeChoice.LIGHT) is LIGHT
    assert theme_for(ThemeChoice.SYSTEM) in (DARK, LIGHT)


def test_that_fonts_have_the_sizes_of_the_design() -> None:
    assert (body_font().pixelSize(), caption_font().pixelSize(), figures_font().pixelSize()) == (13, 11, 13)


def test_that_the_colour_of_a_share_goes_from_a_to_b() -> None:
    assert share_color(DARK, 0.0) == QColor(DARK.a)
    assert share_color(DARK, 1.0) == QColor(DARK.b)
    assert share_color(DARK, 7.0) == QColor(DARK.b)


def test_that_a_caption_is_painted_muted(qtbot) -> None:  # type: ignore[no-untyped-def]
    label = QLabel("Mmmm")
    qtbot.addWidget(label)
    label.setProperty("role", "caption")
    label.show()
    assert DARK.muted in colors_in(image_of(label))


@pytest.mark.parametrize("name", sorted(GLYPHS))
def test_that_every_icon_draws_something_in_the_text_colour(name: str) -> None:
    assert colors_in(icon(name).pixmap(QSize(32, 32)).toImage()) == {DARK.text}


def test_that_an_icon_follows_the_theme_and_the_disabled_state(qapp: QApplication) -> None:
    one = icon("undo")

    def colors_of(mode: QIcon.Mode) -> set[str]:
        return colors_in(one.pixmap(QSize(32, 32), mode).toImage())

    assert colors_of(QIcon.Mode.Disabled) == {DARK.disabled}
    apply_theme(qapp, LIGHT)
    assert colors_of(QIcon.Mode.Normal) == {LIGHT.text}


def test_that_drawn_faces_differ() -> None:
    assert draw_face(1, 32) != draw_face(2, 32)
    assert draw_face(1, 32) != draw_face(1, 32, toon=True)
