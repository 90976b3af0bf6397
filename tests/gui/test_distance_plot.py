from __future__ import annotations

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.theme import DARK, LIGHT, apply_theme, current_theme
from gui.widgets.distance_plot import DistancePlot


def focus_pixels(plot: DistancePlot) -> list[tuple[int, int]]:
    picture = plot.grab().toImage()
    wanted = QColor(current_theme().focus)

    def near(found: QColor) -> bool:
        return all(abs(a - b) < 40 for a, b in zip(found.getRgb()[:3], wanted.getRgb()[:3], strict=True))

    size = picture.size()
    return [(x, y) for x in range(size.width()) for y in range(size.height()) if near(picture.pixelColor(x, y))]


def test_that_points_from_before_the_plot_is_there_are_drawn_when_it_is(qtbot: QtBot) -> None:
    plot = DistancePlot()
    qtbot.addWidget(plot)
    plot.resize(400, 90)
    plot.begin()
    plot.add(0.0, 0.4)
    plot.add(0.5, 0.1)
    qtbot.waitUntil(lambda: plot.is_drawn, timeout=20_000)
    line = focus_pixels(plot)
    assert line, "a falling line is on the screen"
    left, right = min(line), max(line)
    assert left[1] < right[1], "the distance falls"
    assert right[0] < 300, "and half of the search is still to come"


def test_that_a_new_search_starts_with_an_empty_plot(qtbot: QtBot) -> None:
    plot = DistancePlot()
    qtbot.addWidget(plot)
    plot.begin()
    plot.add(0.2, 0.3)
    plot.begin()
    assert plot.points == ()
    qtbot.waitUntil(lambda: plot.is_drawn, timeout=20_000)


def test_that_the_plot_follows_a_change_of_theme(qtbot: QtBot, qapp: QApplication) -> None:
    plot = DistancePlot()
    qtbot.addWidget(plot)
    plot.resize(400, 90)
    plot.begin()
    plot.add(0.0, 0.4)
    plot.add(1.0, 0.1)
    qtbot.waitUntil(lambda: plot.is_drawn, timeout=20_000)
    try:
        for theme in (LIGHT, DARK):
            apply_theme(qapp, theme)
            ground = plot.grab().toImage().pixelColor(395, 5)
            assert ground == QColor(theme.canvas)
            assert focus_pixels(plot), "the line is drawn in this theme's colour"
    finally:
        apply_theme(qapp, DARK)
