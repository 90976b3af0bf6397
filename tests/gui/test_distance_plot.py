"""The curve of a search: readable, in the theme's colours, and under the hand."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.theme import DARK, LIGHT, apply_theme, current_theme
from gui.widgets.distance_plot import DistancePlot, nice_tick, percent, step_ticks

CURVE = ((0, 0.4), (30, 0.2), (60, 0.1))
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def plot(qtbot: QtBot) -> DistancePlot:
    """A search of 120 steps that has come half the way."""
    plot = DistancePlot()
    qtbot.addWidget(plot)
    plot.resize(500, plot.height())
    plot.show_curve(CURVE, (0, 30, 60), 120)
    plot.show()
    return plot


def pixels_like(plot: DistancePlot, color: str) -> list[tuple[int, int]]:
    picture, wanted = plot.grab().toImage(), QColor(color)

    def near(found: QColor) -> bool:
        return all(abs(a - b) < 40 for a, b in zip(found.getRgb()[:3], wanted.getRgb()[:3], strict=True))

    size = picture.size()
    return [(x, y) for x in range(size.width()) for y in range(size.height()) if near(picture.pixelColor(x, y))]


def test_that_the_curve_falls_and_leaves_room_for_the_steps_to_come(plot: DistancePlot) -> None:
    line = pixels_like(plot, current_theme().focus)
    left, right = min(line), max(line)
    assert left[1] < right[1], "the distance falls"
    assert right[0] <= plot.x_of(60) + 4, "and half of the search is still to come"


def test_that_a_drag_tells_the_step_under_the_hand(plot: DistancePlot, qtbot: QtBot) -> None:
    picked: list[float] = []
    plot.picked.connect(picked.append)
    QTest.mousePress(plot, LEFT, NONE, QPoint(round(plot.x_of(30)), 40))
    QTest.mouseMove(plot, QPoint(round(plot.x_of(90)), 90))
    QTest.mouseMove(plot, QPoint(-400, 90))
    QTest.mouseRelease(plot, LEFT, NONE, QPoint(-400, 90))
    assert picked == [pytest.approx(30, abs=0.5), pytest.approx(90, abs=0.5), 0]


@pytest.mark.parametrize(
    ("key", "walked"),
    [(Qt.Key.Key_Left, -1), (Qt.Key.Key_Right, 1), (Qt.Key.Key_PageDown, -10), (Qt.Key.Key_Home, -3)],
)
def test_that_keys_walk_from_step_to_step(plot: DistancePlot, key: Qt.Key, walked: int) -> None:
    steps: list[int] = []
    plot.walked.connect(steps.append)
    QTest.keyClick(plot, key)
    assert steps == [walked]


def test_that_end_and_a_double_click_follow_the_newest_step(plot: DistancePlot, qtbot: QtBot) -> None:
    with qtbot.waitSignal(plot.newest_wanted):
        QTest.keyClick(plot, Qt.Key.Key_End)
    with qtbot.waitSignal(plot.newest_wanted):
        QTest.mouseDClick(plot, LEFT, NONE, QPoint(200, 40))


def test_that_a_screen_reader_is_told_where_one_is(plot: DistancePlot) -> None:
    assert plot.accessibleDescription() == "the newest step of 120, pixels 10.0 % off now"
    plot.mark(30)
    assert plot.accessibleDescription().startswith("step 30 of 120")


def test_that_the_curve_follows_a_change_of_theme(plot: DistancePlot, qapp: QApplication) -> None:
    try:
        for theme in (LIGHT, DARK):
            apply_theme(qapp, theme)
            assert pixels_like(plot, theme.focus), "the line is drawn in this theme's colour"
    finally:
        apply_theme(qapp, DARK)


@pytest.mark.parametrize(("wanted", "tick"), [(0.03, 0.05), (0.021, 0.025), (0.02, 0.02), (1, 1), (70, 100)])
def test_that_scales_have_round_ticks(wanted: float, tick: float) -> None:
    assert nice_tick(wanted) == pytest.approx(tick)


@pytest.mark.parametrize(
    ("steps", "most", "ticks"),
    [(60, 6, (0, 10, 20, 30, 40, 50, 60)), (1, 6, (0, 1)), (303, 4, (0, 100, 200, 303))],
)
def test_that_the_first_and_the_last_step_have_their_numbers(steps: int, most: int, ticks: tuple[int, ...]) -> None:
    assert step_ticks(steps, most) == ticks


def test_that_figures_are_short() -> None:
    assert (percent(0.04), percent(0.025)) == ("4 %", "2.5 %")
