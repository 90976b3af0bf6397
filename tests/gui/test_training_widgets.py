"""The widgets that the training window is made of."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from drawn_faces import draw_face
from hand import Show
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.errors import JobError
from gui.theme import DARK, LIGHT, apply_theme, current_theme
from gui.training.goals import parse_more
from gui.training.picture_look import FolderLook, look_at, words_for
from gui.widgets.choice_cards import ChoiceCard, ChoiceCards
from gui.widgets.folder_drop import FolderDrop, folder_meant
from gui.widgets.line_chart import MAX_POINTS, Line, LineChart, averaged
from gui.widgets.sheet_view import SheetView


def pixels_of(widget: LineChart, token: str) -> list[tuple[int, int]]:
    picture, wanted = widget.grab().toImage(), QColor(getattr(current_theme(), token))

    def near(found: QColor) -> bool:
        return all(abs(a - b) < 30 for a, b in zip(found.getRgb()[:3], wanted.getRgb()[:3], strict=True))

    # Below the head, where the names are written in the same colours.
    places = [(x, y) for x in range(picture.width()) for y in range(24, picture.height())]
    return [(x, y) for x, y in places if near(picture.pixelColor(x, y))]


def test_that_points_are_averaged_and_gaps_left_out() -> None:
    assert averaged([(0, 1.0), (1, math.nan), (2, 3.0)]) == ((0, 1.0), (2, 3.0))
    many = averaged([(x, float(x % 2)) for x in range(10 * MAX_POINTS)])
    assert len(many) == MAX_POINTS
    assert all(y == 0.5 for _, y in many)


def test_that_a_chart_draws_its_lines_and_follows_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    chart = LineChart("Losses", (Line("generator", "focus"), Line("discriminator", "warn")))
    qtbot.addWidget(chart)
    chart.resize(400, 140)
    chart.get_ready()
    chart.show_points({"generator": [(0, 0.2), (50, 1.0)], "discriminator": [(0, 1.0), (50, 0.2)]}, end=100)
    qtbot.waitUntil(lambda: chart.is_drawn, timeout=20_000)
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        rising, falling = pixels_of(chart, "focus"), pixels_of(chart, "warn")
        assert min(rising)[1] > max(rising)[1]
        assert min(falling)[1] < max(falling)[1]
        assert max(rising)[0] < 260, "the other half of the run is still to come"


def test_that_a_chart_marks_its_best_point_and_its_floor(qtbot: QtBot) -> None:
    chart = LineChart("KID", (Line("KID", "focus", dotted=True),))
    qtbot.addWidget(chart)
    chart.resize(400, 140)
    chart.get_ready()
    qtbot.waitUntil(lambda: chart.is_drawn, timeout=20_000)
    chart.show_points({"KID": [(10, 0.3), (20, 0.1), (30, 0.2)]}, end=40, marked=(20, 0.1), level=math.nan)
    assert chart.level is None
    without = len(pixels_of(chart, "muted"))
    chart.show_points({"KID": [(10, 0.3), (20, 0.1), (30, 0.2)]}, end=40, marked=(20, 0.1), level=0.05)
    assert len(pixels_of(chart, "muted")) > without + 50, "a dashed line goes right across"
    assert chart.marked == (20, 0.1)


def test_that_a_held_pointer_shows_a_part_of_the_sheet_larger(show: Show) -> None:
    sheet = QImage(320, 160, QImage.Format.Format_RGB32)
    sheet.fill(QColor("red"))
    for x in range(160, 320):
        for y in range(160):
            sheet.setPixelColor(x, y, QColor("blue"))
    view = show(SheetView(), 400, 220)
    view.show_sheet(sheet)
    assert view.shown_rect().width() / view.shown_rect().height() == pytest.approx(2)
    left, right = QPoint(40, 110), QPoint(360, 110)
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=left)
    assert view.grab().toImage().pixelColor(right) == QColor("red"), "only the left of the sheet is seen now"
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=left)
    assert view.grab().toImage().pixelColor(right) == QColor("blue")


def test_that_an_empty_sheet_says_why(show: Show) -> None:
    view = show(SheetView(), 300, 150)
    before = view.grab().toImage()
    view.show_sheet(None, "No samples yet.")
    assert view.grab().toImage() != before


def test_that_cards_are_picked_by_click_and_tell_so(show: Show, qtbot: QtBot) -> None:
    cards = show(ChoiceCards([ChoiceCard("a", "One", "First."), ChoiceCard("b", "Two", "Second.")]), 400, 80)
    with qtbot.waitSignal(cards.picked) as told:
        QTest.mouseClick(cards.card("b"), Qt.MouseButton.LeftButton)
    assert told.args == ["b"]
    assert cards.current == "b"
    with qtbot.assertNotEmitted(cards.picked):
        cards.set_current("a")
    assert cards.current == "a"


def test_that_a_folder_drop_shows_what_is_in_it_at_any_size(show: Show) -> None:
    drop = show(FolderDrop("Drop here"), 500, 140)
    empty = drop.grab().toImage()
    drop.show_folder("woodcuts", "14 pictures", [draw_face(number, 64) for number in range(12)])
    filled = drop.grab().toImage()
    assert filled != empty
    drop.resize(500, 320)
    assert drop.grab().toImage().copy(0, 120, 500, 120) != filled.copy(0, 120, 500, 120), "there is a second row"


def test_that_a_dropped_picture_means_its_folder(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.touch()
    assert folder_meant(picture) == tmp_path
    assert folder_meant(tmp_path) == tmp_path


def test_that_a_look_says_what_the_trainer_will_leave_out(tmp_path: Path) -> None:
    look = FolderLook(tmp_path, 20, (40, 900), 0, 20)
    assert words_for(look, 64) == ("20 pictures, 40 to 900 px. Those under 64 px are left out", True)
    assert words_for(look, 32) == ("20 pictures, 40 to 900 px", False)
    words, is_warning = words_for(look, 1024)
    assert "All are smaller than the 1024 px" in words
    assert is_warning


def test_that_a_folder_that_is_none_is_a_problem_in_words(tmp_path: Path) -> None:
    assert "There is no folder" in look_at(tmp_path / "gone").problem
    (tmp_path / "x.npy").write_bytes(b"no array")
    assert "is not an array of pictures" in look_at(tmp_path).problem


def test_that_more_settings_are_json_or_plain_words() -> None:
    assert parse_more('a=1 b=word c=["x","y"] d=null') == {"a": 1, "b": "word", "c": ["x", "y"], "d": None}
    for text in ("alone", "=3"):
        with pytest.raises(JobError, match="is no setting"):
            parse_more(text)
