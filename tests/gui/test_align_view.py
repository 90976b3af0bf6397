from __future__ import annotations

import math

import numpy as np
import pytest
from drawn_faces import LEFT_EYE, MOUTH, RIGHT_EYE, draw_face, pixels_of
from hand import CTRL, SHIFT, Show, click, double_click, drag, key, move, press, release, wheel
from looking import color_at, image_of, is_near
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QHelpEvent, QImage, QKeyEvent, QPainter
from PySide6.QtWidgets import QApplication, QPushButton, QToolTip
from pytestqt.qtbot import QtBot

from engine.framing import FacePoints, Framing, FramingKind, crop_quad
from engine.inversion.align import align_face
from gui.align_stage import NO_FACE
from gui.align_view import AlignView
from gui.canvas import Canvas
from gui.crop_hand import CORNERS, RINGS, Part, tilt_deg
from gui.crop_previews import Halves
from gui.theme import body_font

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
    for name in RINGS:
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
    assert view.current_handle == "crop"
    before = view.points
    key(view, Qt.Key.Key_Right)
    assert view.points.mouth[0] == before.mouth[0] + 1 / SCALE
    assert view.points.left_eye[0] == before.left_eye[0] + 1 / SCALE
    view.focusNextPrevChild(True)
    assert view.current_handle == "crop"
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
    double_click(view, (5, 300))  # the crop is small: see the whole photo
    rect, image = view.picture_rect(), image_of(view)
    assert color_at(image, (rect.x + 6, rect.y + 6)).lightness() < 140
    between = (ring(view, "left_eye") + ring(view, "right_eye")) / 2
    assert is_near(color_at(image, between - QPointF(0, 20)), "#ffffff")


def test_that_the_small_preview_is_the_crop_turned_upright(canvas: Canvas, qtbot: QtBot) -> None:
    """The face lies on its side; in the preview its left eye is on the left again."""
    lying = QImage(300, 300, QImage.Format.Format_RGB32)
    with QPainter(lying) as painter:
        painter.fillRect(lying.rect(), QColor("#808080"))
        painter.fillRect(0, 0, 300, 150, QColor("#c02020"))
    points = FacePoints((300, 260), (300, 340), (220, 300))
    canvas.begin_align(pixels_of(lying), SCALE, points, Framing(FramingKind.EYES))
    view = canvas.align_view
    qtbot.waitUntil(lambda: not view.crop_preview.isNull())
    crop = view.crop_preview
    assert is_near(crop.pixelColor(20, crop.height() // 2), "#c02020")
    assert is_near(crop.pixelColor(crop.width() - 20, crop.height() // 2), "#808080")
    box = view._preview_box()
    assert is_near(color_at(image_of(view), (box.left() + 20, box.center().y())), "#c02020")


def test_that_zooming_keeps_rings_on_their_place(view: AlignView) -> None:
    wheel(view, 4, ring(view, "mouth"))
    rect = view.picture_rect()
    assert rect.width > view.width()
    assert ring(view, "mouth").x() == pytest.approx(rect.x + rect.width * MOUTH[0])
    double_click(view, (5, 300))
    assert view.picture_rect().height <= view.height()
    assert view.points == FACE


def test_that_a_crop_over_the_edge_is_shown_as_it_will_be_cut(canvas: Canvas, view: AlignView, qtbot: QtBot) -> None:
    """Where the photo ends it goes on mirrored and blurred, not black."""
    white = QImage(300, 300, QImage.Format.Format_RGB32)
    white.fill(QColor("#e0e0e0"))
    canvas.begin_align(pixels_of(white), SCALE, face_at(-150, 100, 300), Framing(FramingKind.EYES))
    qtbot.waitUntil(lambda: not view.crop_preview.isNull())
    crop = view.crop_preview
    places = [(x * crop.width() // 8, y * crop.height() // 8) for x in range(8) for y in range(8)]
    assert all(is_near(crop.pixelColor(*place), "#e0e0e0") for place in places)


def test_that_the_preview_is_what_the_engine_cuts() -> None:
    pixels = pixels_of(draw_face(3, 500))
    for face in (face_at(100, 100, 300), face_at(-60, -40, 300)):
        quad = crop_quad(face, Framing())
        wanted = align_face(np.ascontiguousarray(pixels[..., :3]), face, Framing(), 128)
        shown = Halves(pixels).cut(quad, 128)[..., :3]
        assert np.abs(shown.astype(int) - wanted).mean() < 4


# --- the handles of the crop --------------------------------------------------------------------------------------


SMALL = face_at(170, 170, 270)


@pytest.fixture
def small(canvas: Canvas, view: AlignView) -> AlignView:
    """With room around the crop."""
    canvas.begin_align(pixels_of(draw_face(1, 300)), SCALE, SMALL, Framing())
    return view


def place(view: AlignView, part: Part) -> QPointF:
    return QPointF(*view.handles()[part])


def middle(view: AlignView) -> QPointF:
    return (place(view, Part.TOP_LEFT) + place(view, Part.BOTTOM_RIGHT)) / 2


def eyes_apart(face: FacePoints) -> float:
    return math.dist(face.left_eye, face.right_eye)


@pytest.mark.parametrize("corner", CORNERS)
def test_that_every_corner_sizes_the_crop_around_its_middle(small: AlignView, corner: Part) -> None:
    before, centre, grip = small.quad(), middle(small), place(small, corner)
    drag(small, grip, centre + (grip - centre) * 1.2)
    assert eyes_apart(small.points) == pytest.approx(1.2 * eyes_apart(SMALL), rel=0.02)
    after = small.quad()
    assert before is not None
    assert after is not None
    assert (after[0].x() + after[2].x()) == pytest.approx(before[0].x() + before[2].x())
    double_click(small, place(small, corner))
    assert eyes_apart(small.points) == pytest.approx(eyes_apart(SMALL))


def test_that_the_grip_outside_turns_the_crop(small: AlignView) -> None:
    centre, grip = middle(small), place(small, Part.TURN)
    arm = grip - centre
    drag(small, grip, centre + QPointF(-arm.y(), arm.x()))  # a quarter, clockwise
    assert tilt_deg(small.points) == pytest.approx(90, abs=1.5)
    assert eyes_apart(small.points) == pytest.approx(eyes_apart(SMALL))
    double_click(small, place(small, Part.TURN))
    assert tilt_deg(small.points) == pytest.approx(0, abs=1e-6)


def test_that_ctrl_snaps_the_turn(small: AlignView) -> None:
    centre, grip = middle(small), place(small, Part.TURN)
    drag(small, grip, grip + QPointF(0.4 * math.dist(grip.toTuple(), centre.toTuple()), 0), CTRL)
    assert tilt_deg(small.points) % 5 == pytest.approx(0, abs=1e-6)
    assert tilt_deg(small.points) > 5


def test_that_shift_makes_the_handles_finer(small: AlignView) -> None:
    grip, centre = place(small, Part.TOP_LEFT), middle(small)
    drag(small, grip, centre + (grip - centre) * 1.5, SHIFT)
    assert eyes_apart(small.points) == pytest.approx(1.05 * eyes_apart(SMALL), rel=0.02)


def test_that_a_double_click_in_the_crop_puts_all_back(small: AlignView) -> None:
    drag(small, place(small, Part.MOUTH), place(small, Part.MOUTH) + QPointF(9, 14))
    drag(small, place(small, Part.TOP_LEFT), place(small, Part.TOP_LEFT) - QPointF(15, 15))
    inside = middle(small) + QPointF(0.35 * (place(small, Part.TOP_RIGHT) - middle(small)).x(), 40)
    double_click(small, inside)
    assert small.points == SMALL


def test_that_keys_size_turn_and_put_back_the_crop(small: AlignView) -> None:
    key(small, Qt.Key.Key_Plus, text="+")
    assert eyes_apart(small.points) == pytest.approx(1.02 * eyes_apart(SMALL))
    key(small, Qt.Key.Key_Up, CTRL)
    key(small, Qt.Key.Key_Up, CTRL | SHIFT)
    assert eyes_apart(small.points) == pytest.approx(1.02 * 1.02 * 1.002 * eyes_apart(SMALL))
    key(small, Qt.Key.Key_BracketRight, text="]")
    key(small, Qt.Key.Key_BraceRight, SHIFT, text="}")
    assert tilt_deg(small.points) == pytest.approx(1.1)
    key(small, Qt.Key.Key_Minus, text="-")
    assert eyes_apart(small.points) < 1.05 * eyes_apart(SMALL)
    for _ in range(3):
        small.focusNextPrevChild(True)
    key(small, Qt.Key.Key_Delete)
    assert small.points == SMALL


def test_that_a_small_crop_leaves_something_between_its_handles(canvas: Canvas, view: AlignView) -> None:
    canvas.begin_align(pixels_of(draw_face(1, 300)), SCALE, face_at(280, 280, 40), Framing())
    assert view.part_at(middle(view)) is Part.CROP or view.part_at(middle(view)) in RINGS
    between = (place(view, Part.TOP_LEFT) + middle(view)) / 2
    assert view.part_at(between) is Part.CROP


def test_that_the_picture_stays_under_the_hand_while_it_drags(small: AlignView) -> None:
    """More to be said would take room from the picture; that waits until the hand lets go."""
    rect = small.picture_rect()
    start = (place(small, Part.TOP_LEFT) + middle(small)) / 2
    press(small, start)
    move(small, start + QPointF(-220, 0))
    assert any("outside" in said for said in small.said)
    assert small.picture_rect() == rect
    release(small, start + QPointF(-220, 0))
    assert small.picture_rect() != rect


def test_that_a_crop_outside_of_the_photo_cannot_be_used(small: AlignView, canvas: Canvas, qtbot: QtBot) -> None:
    for _ in range(3):
        small.focusNextPrevChild(True)
    for _ in range(320):
        key(small, Qt.Key.Key_Left)
    assert "outside" in small.said[0]
    with qtbot.assertNotEmitted(canvas.align_accepted):
        key(small, Qt.Key.Key_Return)


# --- several faces -------------------------------------------------------------------------------------------------


FACES = (FACE, OTHER, face_at(20, 380, 150))


def test_that_faces_are_offered_as_thumbnails(canvas: Canvas, view: AlignView, qtbot: QtBot) -> None:
    canvas.set_faces(FACES, (True, True, False))
    strip = view.strip
    assert strip.isVisible()
    assert [strip.face(number).accessibleName() for number in range(3)] == [
        "Face 1 of 3", "Face 2 of 3", "Face 3 of 3, a guess",
    ]  # fmt: skip
    assert strip.current == 0
    with qtbot.waitSignal(view.changed):
        strip.face(2).click()
    assert view.points == FACES[2]
    canvas.set_faces((FACE,), (True,))
    assert not strip.isVisible()


def test_that_thumbnails_are_cut_for_the_model(canvas: Canvas, view: AlignView, qtbot: QtBot) -> None:
    pictures: dict[int, QImage] = {}
    view._crop.thumbnail_made.connect(lambda number, picture: pictures.update({number: picture}))
    canvas.set_faces(FACES)
    qtbot.waitUntil(lambda: len(pictures) == 3)
    first = dict(pictures)
    pictures.clear()
    view.set_framing(Framing(FramingKind.EYES, 0.4, 0.15), 256)
    qtbot.waitUntil(lambda: len(pictures) == 3)
    assert pictures[0] != first[0]


def test_that_keys_choose_faces(canvas: Canvas, view: AlignView) -> None:
    canvas.set_faces(FACES)
    key(view, Qt.Key.Key_2, text="2")
    assert view.points == OTHER
    key(view, Qt.Key.Key_Right, CTRL)
    assert view.points == FACES[2]
    key(view, Qt.Key.Key_Right, CTRL)
    assert view.points == FACE
    key(view, Qt.Key.Key_Left, CTRL)
    assert view.points == FACES[2]
    key(view, Qt.Key.Key_9, text="9")
    assert view.points == FACES[2]
    view.strip.face(2).setFocus()
    key(view.strip.face(2), Qt.Key.Key_Left)
    assert view.points == OTHER
    assert view.strip.current == 1


def test_that_a_small_face_is_zoomed_in_on(canvas: Canvas, view: AlignView) -> None:
    tiny = face_at(500, 40, 50)
    canvas.set_faces((FACE, tiny))
    view.choose_face(1)
    corners = [view.to_screen((corner.x(), corner.y())) for corner in view.quad() or ()]
    assert math.dist(corners[0].toTuple(), corners[3].toTuple()) > 150
    assert view.rect().contains(corners[0].toPoint())


# --- what is said --------------------------------------------------------------------------------------------------


def test_that_all_that_is_said_has_room(canvas: Canvas, view: AlignView) -> None:
    note = "The picture has 200 megapixels and was reduced to 5656 x 4242."
    canvas.begin_align(pixels_of(draw_face(1, 300)), SCALE, SMALL, Framing(), note=note, img_resolution=1024)
    canvas.set_faces((SMALL,), (False,), ("The eyes are hard to make out.",))
    assert view.said[0] == "The eyes are hard to make out."
    assert view.said[-1] == note
    assert len(view.said) == 3
    room = QRectF(0, 0, view.width() - 32, 1000)
    heights = [
        QFontMetricsF(body_font()).boundingRect(room, int(Qt.TextFlag.TextWordWrap), said).height()
        for said in view.said
    ]
    assert view.picture_rect().y >= sum(heights)
    assert "eyes are hard" in view.accessibleDescription()


def test_that_no_face_is_said_and_only_where_somebody_looked(canvas: Canvas, view: AlignView) -> None:
    assert NO_FACE not in view.said
    canvas.set_faces(())
    assert view.said[0] == NO_FACE


def test_that_what_is_said_follows_the_chosen_face(canvas: Canvas, view: AlignView) -> None:
    canvas.set_faces((FACE, OTHER), (True, False), ("", "A guess."))
    assert "A guess." not in view.said
    view.choose_face(1)
    assert view.said[0] == "A guess."


def test_that_the_framing_is_told_where_the_crop_is_shown(view: AlignView, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda place, text, widget: told.append(text))
    corner = place(view, Part.TOP_LEFT).toPoint()
    for inside in (view._preview_box().center().toPoint(), view.rect().topLeft(), corner):
        QApplication.sendEvent(view, QHelpEvent(QEvent.Type.ToolTip, inside, view.mapToGlobal(inside)))
    assert "FFHQ" in told[0]
    assert told[1] == ""
    assert "size the crop" in told[2]


def test_that_giving_the_canvas_the_keyboard_gives_it_to_the_portrait(
    canvas: Canvas, view: AlignView, qtbot: QtBot
) -> None:
    canvas.setFocus()
    assert view.hasFocus()
    with qtbot.waitSignal(canvas.align_cancelled):
        key(view.window().focusWidget(), Qt.Key.Key_Escape)
    canvas.end_align()
    canvas.setFocus()
    assert canvas.hasFocus()


@pytest.mark.parametrize("text", ["1", "+", "["])
def test_that_its_keys_come_before_the_windows(view: AlignView, text: str) -> None:
    event = QKeyEvent(QEvent.Type.ShortcutOverride, ord(text), Qt.KeyboardModifier.NoModifier, text)
    event.ignore()
    QApplication.sendEvent(view, event)
    assert event.isAccepted()
    other = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_R, Qt.KeyboardModifier.NoModifier, "r")
    other.ignore()
    QApplication.sendEvent(view, other)
    assert not other.isAccepted()
