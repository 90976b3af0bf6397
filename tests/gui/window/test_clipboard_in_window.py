"""Copying and pasting pictures in the running window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk
from pictures_with_recipes import picture_with_recipe, plain_picture
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QKeySequence

from engine.errors import StorageError
from engine.export.embedded import find_recipe
from engine.messages import ExportStill, JobOutcome, LoadModel, StillExported
from engine.state import SeedLatent, with_alpha, with_seed
from gui.clipboard_flow import KEPT_PASTES, pasted_paths
from gui.collection import png_bytes


@pytest.fixture(autouse=True)
def empty_clipboard(qapp: object) -> Iterator[None]:
    QGuiApplication.clipboard().clear()
    yield
    QGuiApplication.clipboard().clear()


def put(kind: str, content: bytes) -> None:
    mime = QMimeData()
    mime.setData(kind, content)
    QGuiApplication.clipboard().setMimeData(mime)


def paste(desk: Desk) -> None:
    desk.studio.window.actions_["paste"].trigger()


def copy(desk: Desk) -> None:
    """Copy, and let the engine draw what is copied."""
    desk.engine.manual_jobs = (ExportStill,)
    desk.studio.window.actions_["copy"].trigger()
    job_id = desk.engine.job_id(ExportStill)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, ExportStill)
    job.path.write_bytes(picture_with_recipe(job.state, desk.studio.store))
    desk.engine.finish(job_id, JobOutcome.DONE, StillExported(job.path, (48, 48), 0.1))
    desk.wait_until(lambda: "on the clipboard" in desk.message())
    assert not job.path.exists()


def test_that_the_keys_are_the_usual_ones(desk: Desk) -> None:
    keys = {name: desk.studio.window.actions_[name].shortcut() for name in ("copy", "paste")}
    assert keys == {"copy": QKeySequence("Ctrl+C"), "paste": QKeySequence("Ctrl+V")}


def test_that_a_copied_picture_has_pixels_for_others_and_the_recipe_for_graft(desk: Desk) -> None:
    copy(desk)
    assert "48 by 48 pixels, with its recipe" in desk.message()
    mime = QGuiApplication.clipboard().mimeData()
    assert QGuiApplication.clipboard().image().size().width() == 48
    file = desk.folder / "copied.png"
    file.write_bytes(bytes(mime.data("image/png").data()))
    recipe = find_recipe(file)
    assert recipe is not None
    assert recipe.state == desk.state


def test_that_pasting_what_was_copied_brings_its_picture_back_as_one_step(desk: Desk) -> None:
    wanted = desk.state
    copy(desk)
    desk.studio.session.edit(with_alpha(with_seed(wanted, 99), 0.25))
    changed = desk.state
    paste(desk)
    desk.wait_until(lambda: desk.state == wanted)
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == changed


def test_that_a_copy_that_cannot_be_drawn_says_why_and_leaves_the_clipboard(desk: Desk) -> None:
    QGuiApplication.clipboard().setText("what was there")
    desk.engine.manual_jobs = (ExportStill,)
    desk.studio.window.actions_["copy"].trigger()
    desk.engine.finish(desk.engine.job_id(ExportStill), JobOutcome.FAILED, error=StorageError("The disk is full."))
    desk.wait_until(lambda: "disk is full" in desk.message())
    assert QGuiApplication.clipboard().text() == "what was there"


def test_that_of_two_quick_copies_the_later_one_counts(desk: Desk) -> None:
    desk.engine.manual_jobs = (ExportStill,)
    for seed in (5, 6):
        desk.studio.session.edit(with_seed(desk.state, seed))
        desk.studio.window.actions_["copy"].trigger()
    jobs = [(job_id, job) for job_id, job in desk.engine.jobs.items() if isinstance(job, ExportStill)]
    for job_id, job in jobs[::-1]:
        job.path.write_bytes(picture_with_recipe(job.state, desk.studio.store))
        desk.engine.finish(job_id, JobOutcome.DONE, StillExported(job.path, (48, 48), 0.1))
    desk.wait_until(lambda: not any(job.path.exists() for _, job in jobs) and "on the clipboard" in desk.message())
    file = desk.folder / "copied.png"
    file.write_bytes(bytes(QGuiApplication.clipboard().mimeData().data("image/png").data()))
    recipe = find_recipe(file)
    assert recipe is not None
    assert recipe.state.latent == SeedLatent(6)


@pytest.mark.parametrize("as_bytes", [True, False], ids=["bytes", "image"])
def test_that_a_photo_is_pasted_as_a_portrait(desk: Desk, as_bytes: bool) -> None:
    before = desk.state
    if as_bytes:
        put("image/png", png_bytes(plain_picture()))
    else:
        QGuiApplication.clipboard().setImage(plain_picture())
    desk.press(Qt.Key.Key_V, keys=Qt.KeyboardModifier.ControlModifier)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    path, _ = desk.studio.portraits.aligned or (Path(), None)
    assert path.name == "pasted picture.png"
    assert path.is_file()
    assert desk.state == before


def test_that_files_and_paths_are_opened_as_what_they_are(desk: Desk) -> None:
    model = desk.folder / "a model.pkl"
    model.write_bytes(b"\x80\x04model")
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(model))])
    texts = [str(model), f'  "{model}"\n', model.as_uri()]
    for kind in (files, *texts):
        before = len(desk.engine.submitted)
        if isinstance(kind, str):
            QGuiApplication.clipboard().setText(kind)
        else:
            QGuiApplication.clipboard().setMimeData(kind)
        paste(desk)
        assert LoadModel(model) in desk.engine.submitted[before:], kind


@pytest.mark.parametrize(
    "text", ["", "0.7", "a poem\nof two lines", "/no/such/file.png", "relative.txt", "\0", "~nobody/x", "x" * 200_000]
)
def test_that_what_is_no_picture_says_what_would_be(desk: Desk, text: str) -> None:
    QGuiApplication.clipboard().setText(text)
    paste(desk)
    assert "nothing on the clipboard" in desk.message()


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_that_a_damaged_picture_is_told_and_changes_nothing(desk: Desk, content: bytes) -> None:
    before = desk.state
    put("image/png", content)
    paste(desk)
    desk.wait_until(lambda: desk.message() or desk.studio.canvas.is_aligning)
    assert desk.state == before


def test_that_a_damaged_recipe_is_told_and_is_no_portrait(desk: Desk) -> None:
    content = picture_with_recipe(desk.state, desk.studio.store)
    put("image/png", content.replace(b'"graft_recipe":1', b'"graft_recipe":9'))
    paste(desk)
    desk.wait_until(desk.message)
    assert not desk.studio.canvas.is_aligning


def test_that_pasted_pictures_do_not_pile_up(desk: Desk) -> None:
    for number in range(KEPT_PASTES + 4):
        put("image/png", picture_with_recipe(with_seed(desk.state, number), desk.studio.store))
        paste(desk)
        desk.wait_until(lambda number=number: desk.state.latent == SeedLatent(number))
    kept = list((desk.studio.places.cache / "clipboard").iterdir())
    assert len(kept) == KEPT_PASTES


def test_that_text_fields_keep_their_own_paste(desk: Desk) -> None:
    """Ctrl+V in a value that is being typed goes there."""
    field = desk.studio.window.parts.controls.latent.seed
    field.setFocus()
    field.type_value()
    QGuiApplication.clipboard().setText("2143")
    editor = field._edit
    desk.press(Qt.Key.Key_V, on=editor, keys=Qt.KeyboardModifier.ControlModifier)
    assert editor.text() == "2143"
    desk.press(Qt.Key.Key_Return, on=editor)
    assert desk.state.latent == SeedLatent(2143)


def test_that_paths_are_read_from_a_clipboard_only_if_all_are_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one.png", tmp_path / "two with spaces.png"
    for path in (one, two):
        path.write_bytes(b"x")
    mime = QMimeData()
    mime.setText(f"{one}\n{two}\n")
    assert pasted_paths(mime) == [one, two]
    mime.setText(f"{one}\n{tmp_path / 'three.png'}")
    assert pasted_paths(mime) == []
    assert pasted_paths(None) == []
