from __future__ import annotations

import pytest
from drawn_faces import LEFT_EYE, MOUTH, RIGHT_EYE, draw_face, pixels_of
from hand import SHIFT, Show, click, double_click, drag, key, wheel
from looking import color_at, image_of, is_near
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from engine.framing import FacePoints, Framing, FramingKind
from gui import align_paint
from gui.align_view import HANDLES, AlignView
from gui.canvas import Canvas

SCALE = 0.5
"""The preview is 300 px, the upright picture 600 px."""


def face_at(x: float, y: float, edge: float) -> FacePoints:
    """A drawn face's points in the upright picture, for a face drawn at (x, y) with that edge there."""
    places = [(x + edge * share_x, y + edge * share_y) for share_x, share_y in (LEFT_EYE, RIGHT_EYE, MOUTH)]
    return FacePoints(*places)


FACE = face_at(0, 0, 600)
OTHER = face_at(400, 300, 200)


@pytest.fixture
def canvas(show: Show) -> Canvas:
    made = show(Canvas(), 700, 600)
    made.begin_align(pixels_of(draw_face(1, 300)), SCALE, FACE, Framing())
    return made


@pytest.fixture
def view(canvas: Canvas) -> AlignView:
    return canvas.align_view


def ring(view: AlignView, name: str) -> QPointF:
    return view.to_screen(getattr(view.points, name))


def test_that_it_covers_the_canvas_until_it_ends(canvas: Canvas, view: AlignView) -> None:
    assert canvas.is_aligning
    assert view.geometry() == canvas.rect()
    canvas.resize(500, 400)
    assert view.geometry() == canvas.rect()
    canvas.end_align()
    assert not canvas.is_aligning


def test_that_rings_lie_on_the_drawn_eyes(view: AlignView) -> None:
    rect = view.picture_rect()
    assert ring(view, "left_eye").x() == pytest.approx(rect.x + rect.width * LEFT_EYE[0])
    assert ring(view, "mouth").y() == pytest.approx(rect.y + rect.height * MOUTH[1])


def test_that_a_dragged_ring_moves_in_pixels_of_the_upright_picture(view: AlignView, qtbot: QtBot) -> None:
    per_px = view.picture_rect().width / 600
    with qtbot.waitSignal(view.changed) as changed:
        drag(view, ring(view, "left_eye"), ring(view, "left_eye") + QPointF(20 * per_px, -10 * per_px))
    assert view.points.left_eye == pytest.approx((FACE.left_eye[0] + 20, FACE.left_eye[1] - 10))
    assert view.points.right_eye == FACE.right_eye
    assert isinstance(changed.args[0], FacePoints)


def test_that_shift_is_ten_times_finer(view: AlignView) -> None:
    per_px = view.picture_rect().width / 600
    drag(view, ring(view, "mouth"), ring(view, "mouth") + QPointF(0, 50 * per_px), SHIFT)
    assert view.points.mouth[1] == pytest.approx(FACE.mouth[1] + 5)


def test_that_the_crop_moves_with_all_three(view: AlignView) -> None:
    place = ring(view, "mouth") + QPointF(60, 60)
    drag(view, place, place + QPointF(15, 15))
    moved = view.points.left_eye[0] - FACE.left_eye[0]
    assert moved > 5
    for name in HANDLES:
        x, y = getattr(view.points, name)
        start_x, start_y = getattr(FACE, name)
        assert (x - start_x, y - start_y) == pytest.approx((moved, moved))


def test_that_keys_reach_every_ring(view: AlignView) -> None:
    key(view, Qt.Key.Key_Right)
    assert view.points.left_eye[0] == FACE.left_eye[0] + 1 / SCALE
    view.focusNextPrevChild(True)
    view.focusNextPrevChild(True)
    assert view.current_handle == "mouth"
    key(view, Qt.Key.Key_Up)
    key(view, Qt.Key.Key_Up, SHIFT)
    assert view.points.mouth[1] == pytest.approx(FACE.mouth[1] - 2.2)
    view.focusNextPrevChild(True)
    assert view.current_handle == "mouth"
    assert not view.hasFocus()


def test_that_a_double_click_puts_a_ring_back(view: AlignView) -> None:
    drag(view, ring(view, "mouth"), ring(view, "mouth") + QPointF(12, 5))
    assert view.points != FACE
    double_click(view, ring(view, "mouth"))
    assert view.points == FACE


def test_that_accept_and_cancel_answer_to_buttons_and_keys(canvas: Canvas, view: AlignView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(canvas.align_accepted) as accepted:
        key(view, Qt.Key.Key_Return)
    assert accepted.args == [FACE]
    with qtbot.waitSignal(canvas.align_cancelled):
        key(view, Qt.Key.Key_Escape)
    buttons = {button.text(): button for button in view.findChildren(QPushButton)}
    with qtbot.waitSignal(canvas.align_accepted):
        buttons["Use this crop"].click()
    with qtbot.waitSignal(canvas.align_cancelled):
        buttons["Cancel"].click()


def test_that_an_impossible_face_cannot_be_accepted(canvas: Canvas, view: AlignView, qtbot: QtBot) -> None:
    drag(view, ring(view, "left_eye"), ring(view, "right_eye"))
    assert view.quad() is None
    accept = next(button for button in view.findChildren(QPushButton) if button.text() == "Use this crop")
    assert not accept.isEnabled()
    assert "px apart" in accept.toolTip()
    with qtbot.assertNotEmitted(canvas.align_accepted):
        key(view, Qt.Key.Key_Return)
    image_of(view)


def test_that_clicking_another_face_takes_that_one(view: AlignView, canvas: Canvas) -> None:
    canvas.set_faces((FACE, OTHER))
    drag(view, ring(view, "left_eye"), ring(view, "left_eye") + QPointF(-5, 0))
    centre = (view.to_screen(OTHER.left_eye) + view.to_screen(OTHER.right_eye)) / 2
    click(view, centre + QPointF(0, 12))
    assert view.points == OTHER


def test_that_the_crop_is_bright_and_the_rest_is_dim(canvas: Canvas) -> None:
    white = QImage(300, 300, QImage.Format.Format_RGB32)
    white.fill(QColor("#ffffff"))
    canvas.begin_align(pixels_of(white), SCALE, face_at(200, 150, 200), Framing())
    view = canvas.align_view
    rect, image = view.picture_rect(), image_of(view)
    assert color_at(image, (rect.x + 6, rect.y + 6)).lightness() < 140
    between = (ring(view, "left_eye") + ring(view, "right_eye")) / 2
    assert is_near(color_at(image, between - QPointF(0, 20)), "#ffffff")


def test_that_the_small_preview_is_the_crop_turned_upright(canvas: Canvas) -> None:
    """The face lies on its side; in the preview its left eye is on the left again."""
    lying = QImage(300, 300, QImage.Format.Format_RGB32)
    with QPainter(lying) as painter:
        painter.fillRect(lying.rect(), QColor("#808080"))
        painter.fillRect(0, 0, 300, 150, QColor("#c02020"))
    points = FacePoints((300, 260), (300, 340), (220, 300))
    canvas.begin_align(pixels_of(lying), SCALE, points, Framing(FramingKind.EYES))
    view = canvas.align_view
    stage = QRectF(0, 40, view.width(), view.height() - 96)
    crop = align_paint.polygon([view.to_screen((corner.x(), corner.y())) for corner in view.quad()]).boundingRect()
    box = align_paint.preview_rect(stage, [crop])
    image = image_of(view)
    assert is_near(color_at(image, (box.left() + 20, box.center().y())), "#c02020")
    assert is_near(color_at(image, (box.right() - 20, box.center().y())), "#808080")


def test_that_zooming_keeps_rings_on_their_place(view: AlignView) -> None:
    wheel(view, 4, ring(view, "mouth"))
    rect = view.picture_rect()
    assert rect.width > view.width()
    assert ring(view, "mouth").x() == pytest.approx(rect.x + rect.width * MOUTH[0])
    double_click(view, (5, 300))
    assert view.picture_rect().height <= view.height()


def test_that_the_note_is_painted(canvas: Canvas) -> None:
    canvas.begin_align(pixels_of(draw_face(1, 300)), SCALE, FACE, Framing(), note="No face was found.")
    strip = image_of(canvas.align_view).copy(0, 0, 700, 40)
    canvas.begin_align(pixels_of(draw_face(1, 300)), SCALE, FACE, Framing())
    assert strip != image_of(canvas.align_view).copy(0, 0, 700, 40)
