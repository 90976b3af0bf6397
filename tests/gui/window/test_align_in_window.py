"""Aligning in the window: what is told of a photo, which face, for which model, and how to get out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from desk import Desk, MakeDesk
from fake_engine import FACE
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from engine.framing import FacePoints, Framing, FramingKind
from engine.messages import InvertPortrait
from engine.state import ModelRef, with_models
from gui.align_stage import NO_FACE
from gui.align_view import AlignView

OTHER_FACE = FacePoints((40.0, 60.0), (80.0, 60.0), (60.0, 100.0))
EYES = Framing(FramingKind.EYES)


def aligning(desk: Desk) -> AlignView:
    desk.studio.portraits.open(desk.folder / "Aunt Mary.jpg")
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    return desk.studio.canvas.align_view


def test_that_without_a_face_the_rings_are_called_a_guess(make_desk: MakeDesk) -> None:
    desk = make_desk(faces=())
    assert NO_FACE in aligning(desk).said
    assert desk.studio.window.parts.invert_bar.start.isEnabled()


def test_that_the_face_chosen_by_its_thumbnail_is_searched_for(make_desk: MakeDesk) -> None:
    desk = make_desk(faces=(FACE, OTHER_FACE))
    view = aligning(desk)
    assert "2 faces" in view._how()
    view.strip.face(1).click()
    desk.studio.window.parts.invert_bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert job.face == OTHER_FACE


def test_that_another_model_a_changes_the_crop_and_keeps_the_face(
    make_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(faces=(FACE, OTHER_FACE))
    known = desk.studio.collection.descriptor

    def framed(ref: ModelRef | None) -> object:
        descriptor = known(ref)
        is_toon = descriptor is not None and ref is not None and ref.name == "toon"
        return replace(descriptor, framing=EYES, img_resolution=1024) if descriptor and is_toon else descriptor

    monkeypatch.setattr(desk.studio.collection, "descriptor", framed)
    view = aligning(desk)
    view.strip.face(1).click()
    before = view.quad()
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    assert view.points == OTHER_FACE
    assert view.strip.current == 1
    after = view.quad()
    assert before is not None
    assert after is not None
    assert after != before
    width = after[3].x() - after[0].x()
    assert width == pytest.approx(40 / EYES.eye_distance)
    assert any("1024" in said or "wide" in said for said in view.said)


def test_that_esc_leaves_from_wherever_the_canvas_was_given_the_keyboard(desk: Desk) -> None:
    aligning(desk)
    desk.studio.canvas.setFocus()
    desk.press(Qt.Key.Key_Escape, QApplication.focusWidget())
    assert not desk.studio.canvas.is_aligning
    aligning(desk)
    desk.studio.window.parts.invert_bar.start.setFocus()
    for _ in range(2):  # once back to the picture, once out of it
        desk.press(Qt.Key.Key_Escape, QApplication.focusWidget())
    assert not desk.studio.canvas.is_aligning


def test_that_numbers_choose_faces_while_aligning_and_views_otherwise(make_desk: MakeDesk) -> None:
    desk = make_desk(faces=(FACE, OTHER_FACE))
    mode = desk.studio.canvas.mode
    view = aligning(desk)
    desk.press(Qt.Key.Key_2, view)
    assert view.points == OTHER_FACE
    assert desk.studio.canvas.mode is mode


def test_that_aligning_puts_the_first_hints_away(make_desk: MakeDesk) -> None:
    desk = make_desk()
    aligning(desk)
    assert desk.studio.hints is None
