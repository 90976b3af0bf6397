from __future__ import annotations

from pathlib import Path

import pytest
from drawn_faces import plain_pixels
from hand import Show, double_click, drag, hover, key, wheel
from looking import color_at, colors_in, image_of, is_near
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine.messages import Frame, Pixels
from engine.state import View
from gui.canvas import Canvas, CanvasMode
from gui.canvas_layout import FITTED
from gui.comparison import CompareStyle, Comparison, Still
from gui.theme import DARK

RED, GREEN, BLUE = (200, 40, 40), (40, 200, 40), (40, 40, 200)


def frame(view: View, rgb: tuple[int, int, int], generation: int = 1, size: int = 64, full: int = 64) -> Frame:
    return picture_frame(view, plain_pixels(size, rgb), generation, full)


def picture_frame(view: View, pixels: Pixels, generation: int = 1, full: int = 64) -> Frame:
    size = pixels.shape[0]
    return Frame(generation, view, pixels, size, full, size == full, 0.01)


@pytest.fixture
def canvas(show: Show) -> Canvas:
    return show(Canvas(), 600, 500)


@pytest.fixture
def full(canvas: Canvas) -> Canvas:
    for view, rgb in ((View.A, RED), (View.BLEND, GREEN), (View.B, BLUE)):
        canvas.show_frame(frame(view, rgb))
    return canvas


def middle(canvas: Canvas, view: View) -> QPointF:
    return QPointF(*canvas.frames()[view].centre)


def sees(canvas: Canvas, place: QPointF | tuple[float, float], rgb: tuple[int, int, int]) -> bool:
    return is_near(color_at(image_of(canvas), place), QColor(*rgb), 4)


class Painted(QObject):
    """Where a widget was painted anew."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.region = QRegion()
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QPaintEvent):
            self.region = self.region.united(event.region())
        return False

    def holds(self, place: QPointF) -> bool:
        return self.region.contains(place.toPoint())


# --- frames -------------------------------------------------------------------------------------------------------


def test_that_an_empty_canvas_says_what_to_drop(canvas: Canvas) -> None:
    assert DARK.canvas_text in colors_in(image_of(canvas), QRectF(100, 200, 400, 100))
    assert canvas.shown_generation(View.BLEND) == -1


@pytest.mark.parametrize(
    ("mode", "view", "rgb"),
    [(CanvasMode.A, View.A, RED), (CanvasMode.BLEND, View.BLEND, GREEN), (CanvasMode.B, View.B, BLUE)],
)
def test_that_every_mode_shows_its_picture(
    full: Canvas, mode: CanvasMode, view: View, rgb: tuple[int, int, int]
) -> None:
    full.set_mode(mode)
    assert full.wanted_views == (view,)
    assert sees(full, middle(full, view), rgb)


def test_that_both_spaces_are_shown_side_by_side_and_a_held_key_puts_a_in_place_of_both(full: Canvas) -> None:
    full.set_mode(CanvasMode.SPACES)
    assert full.wanted_views == (View.WEIGHTS, View.LATENTS)
    full.show_frame(frame(View.WEIGHTS, GREEN))
    full.show_frame(frame(View.LATENTS, BLUE))
    left, right = full.frames()[View.WEIGHTS], full.frames()[View.LATENTS]
    assert left.right < right.x
    assert left.width == right.width > 0.4 * full.width()
    assert sees(full, middle(full, View.WEIGHTS), GREEN)
    assert sees(full, middle(full, View.LATENTS), BLUE)
    full.set_comparing(True)
    assert full.wanted_views == (View.A, View.WEIGHTS, View.LATENTS)
    for view in (View.WEIGHTS, View.LATENTS):
        assert sees(full, middle(full, view), RED)


def test_that_an_older_frame_is_dropped(canvas: Canvas) -> None:
    assert canvas.show_frame(frame(View.BLEND, GREEN, generation=5))
    assert not canvas.show_frame(frame(View.BLEND, RED, generation=4))
    assert sees(canvas, middle(canvas, View.BLEND), GREEN)
    assert canvas.shown_generation(View.BLEND) == 5


def test_that_a_coarse_frame_is_replaced_by_a_finer_but_not_the_other_way(canvas: Canvas) -> None:
    assert canvas.show_frame(frame(View.BLEND, RED, size=16))
    assert canvas.show_frame(frame(View.BLEND, GREEN, size=64))
    assert not canvas.show_frame(frame(View.BLEND, BLUE, size=32))
    assert canvas.show_frame(frame(View.BLEND, BLUE, generation=2, size=16))
    assert sees(canvas, middle(canvas, View.BLEND), BLUE)


def test_that_a_coarse_frame_covers_the_same_place(canvas: Canvas) -> None:
    canvas.show_frame(frame(View.BLEND, RED, size=8))
    rect = canvas.frames()[View.BLEND]
    assert sees(canvas, (rect.x + 1, rect.y + 1), RED)
    assert sees(canvas, (rect.right - 2, rect.bottom - 2), RED)


def test_that_the_picture_never_blanks_when_the_mode_changes(canvas: Canvas) -> None:
    canvas.show_frame(frame(View.BLEND, GREEN))
    for mode in (CanvasMode.A, CanvasMode.B, CanvasMode.COMPARE):
        canvas.set_mode(mode)
        assert sees(canvas, (250.0, 250.0), GREEN)
    canvas.set_mode(CanvasMode.TRIPTYCH)
    assert sees(canvas, middle(canvas, View.BLEND), GREEN)


def test_that_clearing_brings_the_hint_back(full: Canvas) -> None:
    full.clear_view(View.BLEND)
    assert full.shown_generation(View.BLEND) == -1
    full.clear()
    assert DARK.canvas_text in colors_in(image_of(full), QRectF(100, 200, 400, 100))


def test_that_a_line_at_the_foot_shows_while_a_finer_frame_is_coming(canvas: Canvas) -> None:
    canvas.show_frame(frame(View.BLEND, GREEN, size=32))
    assert canvas.progress() == 0.5
    foot = QRectF(0, canvas.height() - 2, canvas.width(), 2)
    assert color_at(image_of(canvas), (290, canvas.height() - 1)).name() == DARK.focus
    assert color_at(image_of(canvas), (310, canvas.height() - 1)).name() == DARK.canvas
    canvas.show_frame(frame(View.BLEND, GREEN, size=64))
    assert canvas.progress() is None
    assert colors_in(image_of(canvas), foot) == {DARK.canvas}
    canvas.set_progress(1.0)
    assert DARK.focus in colors_in(image_of(canvas), foot)


# --- triptych -----------------------------------------------------------------------------------------------------


def test_that_the_triptych_shows_all_three_with_coloured_edges(full: Canvas) -> None:
    full.set_mode(CanvasMode.TRIPTYCH)
    assert full.wanted_views == (View.BLEND, View.A, View.B)
    for view, rgb in ((View.A, RED), (View.BLEND, GREEN), (View.B, BLUE)):
        assert sees(full, middle(full, view), rgb)
    image, left, right = image_of(full), full.frames()[View.A], full.frames()[View.B]
    assert is_near(color_at(image, (left.x + 1.5, left.centre[1])), DARK.a)
    assert is_near(color_at(image, (right.right - 2, right.centre[1])), DARK.b)


def test_that_captions_stand_under_their_pictures_in_their_colours(full: Canvas) -> None:
    full.set_mode(CanvasMode.TRIPTYCH)
    full.set_captions(a="A portrait", b="B toon", blend="Blend")
    image = image_of(full)
    for view, color in ((View.A, DARK.a), (View.B, DARK.b), (View.BLEND, DARK.canvas_text)):
        rect = full.frames()[view]
        words = colors_in(image, QRectF(rect.x, rect.bottom + 2, rect.width, 20))
        assert any(is_near(QColor(each), color, 40) for each in words)
        others = {DARK.a, DARK.b} - {color}
        assert not any(is_near(QColor(each), other, 40) for each in words for other in others)


def test_that_zoom_and_pan_are_linked_and_cut_to_each_frame(canvas: Canvas) -> None:
    halves = plain_pixels(512, RED)
    halves[:, 256:] = (*reversed(BLUE), 255)
    for view in (View.A, View.BLEND, View.B):
        canvas.show_frame(picture_frame(view, halves.copy(), full=512))
    canvas.set_mode(CanvasMode.TRIPTYCH)
    place = canvas.frames()[View.A]
    for _ in range(6):
        wheel(canvas, 1, (place.x + 1, place.centre[1]))
    assert canvas.zoom.factor == pytest.approx(1.2**6)
    for view in canvas.frames():
        rect = canvas.frames()[view]
        assert sees(canvas, (rect.x + rect.width * 0.9, rect.centre[1]), RED)
        assert sees(canvas, (rect.centre[0], rect.y - 4), QColor(DARK.canvas).getRgb()[:3])


# --- wipe and compare ---------------------------------------------------------------------------------------------


def test_that_wiping_moves_the_border_between_two_pictures(full: Canvas) -> None:
    full.set_mode(CanvasMode.COMPARE)
    assert full.wanted_views == (View.BLEND, View.A)
    rect = full.frames()[View.BLEND]
    drag(full, (full.wipe_place(), 100), (rect.x + rect.width * 0.25, 100))
    assert full.wipe == pytest.approx(0.25, abs=0.01)
    assert sees(full, (rect.x + rect.width * 0.15, 60), RED)
    assert sees(full, (rect.x + rect.width * 0.35, 60), GREEN)
    full.set_comparison(Comparison(View.A, View.B))
    assert sees(full, (rect.x + rect.width * 0.35, 60), BLUE)


def test_that_the_wipe_handle_stays_on_the_picture_and_double_click_centres_it(full: Canvas) -> None:
    full.set_mode(CanvasMode.COMPARE)
    drag(full, (full.wipe_place(), 100), (5000, 100))
    assert full.wipe == 1.0
    double_click(full, (full.wipe_place(), 100))
    assert full.wipe == 0.5
    key(full, Qt.Key.Key_Right)
    assert full.wipe == pytest.approx(0.52)


def test_that_a_zoomed_wipe_pans_beside_the_handle(full: Canvas) -> None:
    full.set_mode(CanvasMode.COMPARE)
    full.zoom_by(4)
    before = full.wipe
    drag(full, (full.wipe_place() + 80, 100), (full.wipe_place() + 180, 100))
    assert full.wipe == before
    assert full.zoom.centre_x < 0.5


def test_that_comparing_shows_a_while_it_is_held(full: Canvas) -> None:
    full.set_comparing(True)
    assert full.wanted_views == (View.A, View.BLEND)
    assert sees(full, middle(full, View.BLEND), RED)
    full.set_comparing(False)
    assert sees(full, middle(full, View.BLEND), GREEN)


def test_that_two_chosen_pictures_stand_side_by_side(full: Canvas) -> None:
    full.set_mode(CanvasMode.COMPARE)
    full.set_comparison(Comparison(View.B, View.A, CompareStyle.PAIR))
    assert full.wanted_views == (View.A, View.B)
    left, right = full.frames()[View.B], full.frames()[View.A]
    assert left.right < right.x
    assert sees(full, left.centre, BLUE)
    assert sees(full, right.centre, RED)


def test_that_a_level_handle_wipes_up_and_down(full: Canvas) -> None:
    full.set_mode(CanvasMode.COMPARE)
    full.set_comparison(Comparison(is_level=True))
    rect = full.frames()[View.A]
    drag(full, (100, full.wipe_place()), (100, rect.y + rect.height * 0.25))
    assert full.wipe == pytest.approx(0.25, abs=0.01)
    assert sees(full, (rect.x + 60, rect.y + rect.height * 0.15), RED)
    assert sees(full, (rect.x + 60, rect.y + rect.height * 0.35), GREEN)
    key(full, Qt.Key.Key_Down)
    assert full.wipe == pytest.approx(0.27, abs=0.01)
    assert not key(full, Qt.Key.Key_Right).isAccepted()


def test_that_blinking_takes_turns_and_ends_with_the_mode(full: Canvas, qtbot: QtBot) -> None:
    full.set_comparison(Comparison(style=CompareStyle.BLINK, blinks_per_s=8.0))
    full.set_mode(CanvasMode.COMPARE)
    place = full.frames()[View.A].centre
    for rgb in (GREEN, RED, GREEN):
        qtbot.waitUntil(lambda rgb=rgb: sees(full, place, rgb), timeout=2000)
    full.set_mode(CanvasMode.BLEND)
    qtbot.wait(30)
    painted = Painted(full)
    qtbot.wait(300)
    assert painted.region.isEmpty()


def test_that_the_difference_is_amplified_and_its_mean_told(full: Canvas) -> None:
    full.show_frame(frame(View.A, (100, 60, 30), generation=2))
    full.show_frame(frame(View.BLEND, (110, 55, 30), generation=2))
    full.set_mode(CanvasMode.COMPARE)
    full.set_comparison(Comparison(style=CompareStyle.DIFFERENCE, gain=4.0))
    assert sees(full, full.frames()[View.A].centre, (40, 20, 0))
    full.set_comparison(Comparison(style=CompareStyle.DIFFERENCE, gain=32.0))
    assert sees(full, full.frames()[View.A].centre, (255, 160, 0))


def test_that_a_still_picture_is_compared_without_asking_the_engine_for_it(full: Canvas) -> None:
    full.set_still(Still.PIN, plain_pixels(32, (9, 9, 200)))
    full.set_comparison(Comparison(Still.PIN, View.BLEND))
    full.set_mode(CanvasMode.COMPARE)
    assert full.wanted_views == (View.BLEND,)
    rect = full.frames()[View.BLEND]
    assert sees(full, (rect.x + 30, rect.y + 30), (9, 9, 200))
    assert sees(full, (rect.right - 30, rect.y + 30), GREEN)
    full.set_mode(CanvasMode.BLEND)
    full.set_comparing(True)  # the held key shows what one compares with
    assert sees(full, full.frames()[View.BLEND].centre, (9, 9, 200))


# --- pixel values -------------------------------------------------------------------------------------------------


def test_that_the_values_under_the_cursor_are_told_with_their_change(full: Canvas, qtbot: QtBot) -> None:
    full.set_mode(CanvasMode.COMPARE)
    rect = full.frames()[View.A]
    with qtbot.assertNotEmitted(full.pointed):
        hover(full, rect.centre)
    full.set_reads_pixels(True)
    with qtbot.waitSignal(full.pointed) as pointed:
        hover(full, (rect.x + rect.width * 0.5 + 1, rect.y + 1))
    reading = pointed.args[0]
    assert (reading.x, reading.y) == (32, 0)
    assert reading.values == (("A", RED), ("Blend", GREEN))
    assert reading.words == "x 32  y 0    A 200 40 40    Blend 40 200 40    change \N{MINUS SIGN}160 +160 +0"
    with qtbot.waitSignal(full.pointed) as pointed:
        hover(full, (rect.right + 5, rect.y + 1))
    assert pointed.args == [None]


def test_that_a_new_picture_under_a_resting_cursor_is_read_too(full: Canvas, qtbot: QtBot) -> None:
    full.set_reads_pixels(True)
    hover(full, full.frames()[View.BLEND].centre)
    with qtbot.waitSignal(full.pointed) as pointed:
        full.show_frame(frame(View.BLEND, BLUE, generation=2))
    assert pointed.args[0].values == (("Blend", BLUE),)


def test_that_lines_part_the_pixels_from_eight_times_on(canvas: Canvas) -> None:
    canvas.show_frame(frame(View.BLEND, GREEN, size=256, full=256))
    canvas.one_to_one()
    canvas.zoom_by(7)
    assert colors_in(image_of(canvas), QRectF(260, 200, 60, 60)) == {QColor(*GREEN).name()}
    canvas.zoom_by(9 / 7)
    colors = colors_in(image_of(canvas), QRectF(260, 200, 60, 60))
    assert len(colors) in (2, 3)  # where two lines cross it is another
    assert QColor(*GREEN).name() in colors


# --- zoom ---------------------------------------------------------------------------------------------------------


def test_that_the_wheel_zooms_at_the_cursor_and_double_click_fits(full: Canvas, qtbot: QtBot) -> None:
    place = middle(full, View.BLEND) + QPointF(100, 50)
    with qtbot.waitSignal(full.zoom_changed):
        wheel(full, 3, place)
    assert full.zoom.factor == pytest.approx(1.2**3)
    assert full.zoom.centre_x > 0.5
    double_click(full, place)
    assert full.zoom == FITTED


def test_that_one_to_one_is_exact_also_for_a_small_picture(full: Canvas) -> None:
    full.one_to_one()
    assert full.zoom_percent == pytest.approx(100)
    image = image_of(full)
    rect = full.frames()[View.BLEND]
    row = [color_at(image, (x, rect.centre[1])) for x in range(int(rect.x), int(rect.right))]
    assert abs(sum(is_near(color, QColor(*GREEN), 4) for color in row) - 64) <= 1
    full.fit()
    assert full.zoom == FITTED


def test_that_zooming_out_stops_at_the_fit(full: Canvas) -> None:
    full.show_frame(frame(View.BLEND, GREEN, generation=2, size=64, full=1024))
    for _ in range(30):
        wheel(full, -1, (300, 250))
    assert full.zoom.factor == pytest.approx(1.0)


def test_that_dragging_pans_a_zoomed_picture(full: Canvas) -> None:
    full.zoom_by(4)
    centre = full.zoom.centre_x
    drag(full, (300, 250), (360, 250))
    assert full.zoom.centre_x < centre
    key(full, Qt.Key.Key_Right)
    key(full, Qt.Key.Key_Plus)
    assert full.zoom.factor == pytest.approx(4.8)


def test_that_wanted_size_follows_room_and_zoom_in_powers_of_two(full: Canvas, qtbot: QtBot) -> None:
    assert full.wanted_size_px == 512
    with qtbot.waitSignal(full.wants_changed):
        full.zoom_by(3)
    assert full.wanted_size_px == 2048
    with qtbot.assertNotEmitted(full.wants_changed):
        full.zoom_by(1.05)
    with qtbot.waitSignal(full.wants_changed):
        full.set_mode(CanvasMode.TRIPTYCH)


def test_that_mode_changes_are_told_once(full: Canvas, qtbot: QtBot) -> None:
    with qtbot.waitSignal(full.mode_changed) as changed:
        full.set_mode(CanvasMode.TRIPTYCH)
    assert changed.args == ["triptych"]
    with qtbot.assertNotEmitted(full.mode_changed):
        full.set_mode(CanvasMode.TRIPTYCH)


def test_that_window_keys_pass_through(full: Canvas) -> None:
    for which, text in ((Qt.Key.Key_1, "1"), (Qt.Key.Key_Space, " "), (Qt.Key.Key_Left, "")):
        assert not key(full, which, text=text).isAccepted()


# --- dropping -----------------------------------------------------------------------------------------------------


def test_that_dropped_files_come_as_paths(canvas: Canvas, qtbot: QtBot, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "me.jpg")), QUrl("https://example.org/")])
    none, left, copy = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    entering = QDragEnterEvent(QPoint(9, 9), copy, mime, left, none)
    QApplication.sendEvent(canvas, entering)
    assert entering.isAccepted()
    assert DARK.focus in colors_in(image_of(canvas), QRectF(0, 0, 40, 40))
    with qtbot.waitSignal(canvas.paths_dropped) as dropped:
        QApplication.sendEvent(canvas, QDropEvent(QPointF(9, 9), copy, mime, left, none))
    assert dropped.args == [(tmp_path / "me.jpg",)]
    assert DARK.focus not in colors_in(image_of(canvas), QRectF(0, 0, 40, 40))


def test_that_a_drag_without_files_is_refused_and_leaving_unmarks(canvas: Canvas) -> None:
    mime = QMimeData()
    mime.setText("words")
    none, left, copy = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    entering = QDragEnterEvent(QPoint(9, 9), copy, mime, left, none)
    QApplication.sendEvent(canvas, entering)
    assert not entering.isAccepted()
    QApplication.sendEvent(canvas, QDragLeaveEvent())
    assert DARK.focus not in colors_in(image_of(canvas), QRectF(0, 0, 40, 40))


# --- only what changes is painted ---------------------------------------------------------------------------------


def test_that_in_a_triptych_only_the_picture_that_changes_is_painted_anew(full: Canvas, qtbot: QtBot) -> None:
    full.set_mode(CanvasMode.TRIPTYCH)
    qtbot.wait(30)
    painted = Painted(full)
    for view, rgb in ((View.A, RED), (View.BLEND, BLUE), (View.B, BLUE)):
        assert full.show_frame(frame(view, rgb, generation=2))
    qtbot.waitUntil(lambda: painted.holds(middle(full, View.BLEND)))
    assert not painted.holds(middle(full, View.A))
    assert not painted.holds(middle(full, View.B))
    assert sees(full, middle(full, View.BLEND), BLUE)


def test_that_the_first_picture_clears_the_hint_everywhere(canvas: Canvas, qtbot: QtBot) -> None:
    canvas.set_mode(CanvasMode.TRIPTYCH)
    qtbot.wait(30)
    painted = Painted(canvas)
    canvas.show_frame(frame(View.A, RED))
    qtbot.waitUntil(lambda: not painted.region.isEmpty())
    assert painted.region.boundingRect() == canvas.rect()


def test_that_the_line_at_the_foot_goes_also_when_the_last_picture_looks_the_same(
    canvas: Canvas, qtbot: QtBot
) -> None:
    pixels = plain_pixels(64, RED)
    canvas.show_frame(Frame(1, View.BLEND, pixels, 64, 64, False, 0.01))
    qtbot.wait(30)
    painted = Painted(canvas)
    canvas.show_frame(Frame(1, View.BLEND, pixels.copy(), 64, 64, True, 0.01))
    qtbot.waitUntil(lambda: painted.holds(QPointF(1, canvas.height() - 2)))
    assert canvas.progress() is None
