"""Saving a photo as a line drawing, from the menu."""

from __future__ import annotations

import pytest
from desk import Desk
from PySide6.QtWidgets import QFileDialog

from engine.messages import DrawLines


@pytest.fixture
def asked(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked for; the answers are photo.jpg and drawn.png."""
    questions: list[str] = []

    def answer(_parent: object, title: str, *_: object) -> tuple[str, str]:
        questions.append(title)
        return str(desk.folder / ("photo.jpg" if "photo" in title else "drawn.png")), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return questions


def drawn(desk: Desk) -> list[DrawLines]:
    return [job for job in desk.engine.submitted if isinstance(job, DrawLines)]


def test_that_a_photo_is_asked_for_and_drawn(desk: Desk, asked: list[str]) -> None:
    desk.studio.window.actions_["save_lines"].trigger()
    assert len(asked) == 2
    assert drawn(desk) == [DrawLines(desk.folder / "photo.jpg", desk.folder / "drawn.png")]
    desk.wait_until(lambda: "drawn.png" in desk.message())


def test_that_the_portrait_being_aligned_is_drawn_where_its_handles_are(desk: Desk, asked: list[str]) -> None:
    desk.studio.portraits.open(desk.folder / "other.jpg")
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    aligned = desk.studio.portraits.aligned
    assert aligned is not None
    desk.studio.window.actions_["save_lines"].trigger()
    assert len(asked) == 1
    (job,) = drawn(desk)
    assert (job.portrait, job.face) == aligned
