"""Files: dropped, opened, exported, saved, and what a killed window leaves behind."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest
from desk import Desk, MakeDesk, drop_mime
from fake_engine import sha_of
from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtWidgets import QFileDialog, QMessageBox

from engine.errors import CorruptModelError, UnreadableImageError
from engine.export.embedded import PNG_SIGNATURE, png_text_chunk
from engine.journal import recoverable_sessions
from engine.messages import ExportStill, InvertPortrait, JobFinished, JobOutcome, LoadModel
from engine.recipe import make_recipe, recipe_to_json
from engine.state import EditState, ModelRef, SeedLatent, View, with_alpha, with_seed
from gui.canvas import CanvasMode
from gui.commands import file_filter
from gui.export_dialog import ExportDialog
from gui.first_look import FIRST_SEED
from gui.widgets.target_fields import free_name

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
"""What the offscreen platform says of every dialog."""


def write_recipe(desk: Desk, state: EditState, name: str = "recipe.json") -> Path:
    """A recipe as Graft exports it: as JSON, or in the text chunk of a PNG (which has no pixels here)."""
    text = recipe_to_json(make_recipe(state, View.BLEND, desk.studio.store))
    path = desk.folder / name
    if path.suffix == ".png":
        path.write_bytes(png_without_pixels(text))
    else:
        path.write_text(text)
    return path


def png_without_pixels(text: str = "") -> bytes:
    """A PNG file that is only what is read for its recipe."""
    chunks = [(b"iTXt", png_text_chunk(text))] if text else []
    body = b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in (*chunks, (b"IEND", b""))
    )
    return PNG_SIGNATURE + body


def model_file(desk: Desk, name: str) -> tuple[Path, ModelRef]:
    """A model file that is not on the shelf yet, and what it will be called."""
    path = desk.folder / f"{name}.pkl"
    path.write_bytes(b"\x80\x04" + name.encode())
    return path, ModelRef(sha_of(path.read_bytes()), name)


# --- dropping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["recipe.json", "still.png"])
def test_that_a_dropped_recipe_brings_its_picture_back_as_one_step(desk: Desk, name: str) -> None:
    wanted = with_alpha(with_seed(desk.state, 99), 0.125)
    desk.drop(write_recipe(desk, wanted, name))
    assert desk.state == wanted
    desk.settle()
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state.latent == SeedLatent(FIRST_SEED)


def test_that_a_dropped_picture_without_a_recipe_is_a_portrait(desk: Desk) -> None:
    photo = desk.folder / "me.png"
    photo.write_bytes(png_without_pixels())
    desk.drop(photo)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)


def test_that_a_damaged_recipe_is_told_and_is_no_portrait(desk: Desk) -> None:
    path = desk.folder / "still.png"
    path.write_bytes(png_without_pixels('{"graft_recipe": 1, "state": '))
    before = desk.state
    desk.drop(path)
    assert desk.message()
    assert not desk.studio.canvas.is_aligning
    assert desk.state == before


def test_that_a_newer_recipe_is_refused_with_a_way_out(desk: Desk) -> None:
    path = desk.folder / "new.json"
    path.write_text('{"graft_recipe": 99}')
    desk.drop(path)
    assert "newer Graft" in desk.message()


def test_that_a_dropped_model_becomes_b_and_two_become_a_and_b(desk: Desk) -> None:
    third, ref = model_file(desk, "third")
    desk.drop(third)
    desk.wait_until(lambda: desk.state.model_b == ref)
    assert desk.state.model_a == desk.models["portrait"]
    (one, first), (two, second) = model_file(desk, "one"), model_file(desk, "two")
    desk.drop(one, two)
    desk.wait_until(lambda: (desk.state.model_a, desk.state.model_b) == (first, second))


def test_that_a_model_that_cannot_be_read_leaves_everything_as_it_was(desk: Desk) -> None:
    desk.engine.manual_jobs = (LoadModel,)
    before = desk.state
    path, _ = model_file(desk, "broken")
    desk.drop(path)
    error = CorruptModelError("broken.pkl is incomplete: 10 of 4,000 bytes.", "Download it again.")
    desk.engine.finish(desk.engine.job_id(LoadModel), JobOutcome.FAILED, error=error)
    desk.wait_until(desk.message)
    assert desk.message() == error.user_message
    assert desk.state == before


@pytest.mark.parametrize("content", [b"hello", b""])
def test_that_a_file_that_is_none_of_ours_says_what_would_be(desk: Desk, content: bytes) -> None:
    path = desk.folder / "notes.txt"
    path.write_bytes(content)
    desk.drop(path)
    assert desk.message() == "Graft cannot open notes.txt."


def test_that_the_next_file_takes_the_complaint_about_the_last_one_away(desk: Desk) -> None:
    broken, photo = desk.folder / "broken.jpg", desk.folder / "Anna.png"
    desk.studio.messages.error(UnreadableImageError(f"{broken.name}: This file is not a picture."))
    photo.write_bytes(png_without_pixels())
    desk.drop(photo)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    assert desk.message() == ""


def test_that_a_link_and_a_missing_file_do_no_harm(desk: Desk) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/model.pkl")])
    drop_mime(mime, desk.studio.canvas)
    assert desk.message() == ""
    desk.drop(desk.folder / "gone.png")
    assert "gone.png" in desk.message()


def test_that_a_dropped_folder_is_called_one(desk: Desk) -> None:
    folder = desk.folder / "holiday"
    folder.mkdir()
    desk.drop(folder)
    assert desk.message() == "holiday is a folder."


def test_that_a_great_many_files_are_not_all_opened(desk: Desk) -> None:
    paths = [desk.folder / f"{number}.txt" for number in range(5000)]
    paths[0].write_bytes(b"x")
    desk.drop(*paths)
    assert desk.studio.messages.bar.message_count <= 20


# --- a missing model ------------------------------------------------------------------------------------------------


def test_that_a_recipe_of_a_missing_model_offers_to_locate_it_by_hash(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ref = model_file(desk, "far-away")
    wanted = EditState(model_a=desk.models["portrait"], model_b=ref, latent=SeedLatent(4))
    before = desk.state
    desk.drop(write_recipe(desk, wanted))
    assert "far-away" in desk.message()
    assert desk.state == before
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    desk.studio.messages.bar._trigger()
    desk.wait_until(lambda: desk.state == wanted)


def test_that_another_file_in_its_place_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = EditState(model_a=ModelRef("d" * 64, "lost"), latent=SeedLatent(4))
    before = desk.state
    desk.drop(write_recipe(desk, wanted))
    path, ref = model_file(desk, "other")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    desk.studio.messages.bar._trigger()
    desk.wait_until(lambda: desk.studio.collection.model(ref.sha256))
    assert desk.state == before
    assert "lost" in desk.message()  # still offered


def test_that_dropping_the_missing_model_itself_brings_the_picture(desk: Desk) -> None:
    path, ref = model_file(desk, "far-away")
    wanted = EditState(model_a=desk.models["portrait"], model_b=ref, latent=SeedLatent(4))
    desk.drop(write_recipe(desk, wanted))
    desk.drop(path)
    desk.wait_until(lambda: desk.state == wanted)


# --- exporting ------------------------------------------------------------------------------------------------------


def export_dialog(desk: Desk) -> ExportDialog:
    desk.studio.window.actions_["export"].trigger()
    return next(one for one in desk.studio.window.findChildren(ExportDialog))


def test_that_an_export_goes_where_the_dialog_says_and_remembers_it(desk: Desk) -> None:
    desk.studio.settings.set_folder("export", desk.folder)
    dialog = export_dialog(desk)
    dialog.target.name.setText("mine")
    dialog.target.format.setCurrentIndex(dialog.target.format.findData(".webp"))
    dialog.view.set_current(View.A.value)
    dialog.accept()
    desk.wait_until(lambda: "Exported mine.webp" in desk.message())
    job = next(job for job in desk.engine.submitted if isinstance(job, ExportStill))
    assert (job.path, job.view, job.state) == (desk.folder / "mine.webp", View.A, desk.state)
    assert desk.studio.settings.folder("export") == desk.folder
    assert desk.studio.settings.get("export.format", "") == ".webp"


def test_that_only_overwriting_asks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.studio.settings.set_folder("export", desk.folder)
    asked: list[str] = []

    def answer(_parent: object, _title: str, text: str, *_: object) -> QMessageBox.StandardButton:
        asked.append(text)
        return QMessageBox.StandardButton.No

    monkeypatch.setattr(QMessageBox, "question", answer)
    dialog = export_dialog(desk)
    assert not dialog.target.path.exists()
    (desk.folder / "taken.png").write_bytes(b"old")
    dialog.target.name.setText("taken.png")
    dialog.accept()
    assert asked == ["taken.png is there already. Replace it?"]
    assert (desk.folder / "taken.png").read_bytes() == b"old"
    assert not any(isinstance(job, ExportStill) for job in desk.engine.submitted)
    dialog.reject()


@pytest.mark.parametrize("name", ["", "a/b", "..", "c:\\d"])
def test_that_a_name_that_is_none_cannot_be_exported_to(desk: Desk, name: str) -> None:
    dialog = export_dialog(desk)
    dialog.target.name.setText(name)
    assert dialog.problem.text()
    assert not dialog.buttons.button(dialog.buttons.StandardButton.Save).isEnabled()
    dialog.reject()


def test_that_the_proposed_name_is_never_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a-2.png").touch()
    assert free_name(tmp_path, "a", ".png") == "a-3.png"


def test_that_file_dialogs_see_names_in_capitals() -> None:
    assert file_filter("Pictures", (".jpg",)) == "Pictures (*.jpg *.JPG)"


# --- sessions -------------------------------------------------------------------------------------------------------


def test_that_a_session_comes_back_with_its_history_and_view(make_desk: MakeDesk) -> None:
    desk = make_desk()
    for seed in (1, 2, 3):
        desk.studio.session.edit(with_seed(desk.state, seed))
    desk.studio.window.actions_["undo"].trigger()
    desk.studio.canvas.set_mode(CanvasMode.COMPARE)
    desk.studio.session.set_lock("alpha", True)
    path = desk.folder / "work.graft"
    desk.studio.documents.save(path)
    desk.studio.documents.wait()
    assert not desk.studio.session.is_dirty
    other = make_desk(home="elsewhere")
    other.drop(path)
    other.studio.documents.wait()
    assert other.state == desk.state
    assert other.studio.session.path == path
    assert not other.studio.session.is_dirty
    assert other.studio.session.redo()
    assert other.state.latent == SeedLatent(3)
    assert other.studio.canvas.mode is CanvasMode.COMPARE
    assert other.studio.window.parts.controls.blend.alpha.is_locked


def test_that_save_asks_for_a_name_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    path = desk.folder / "work"
    asked: list[int] = []

    def ask(*_: object) -> tuple[str, str]:
        asked.append(1)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", ask)
    desk.studio.session.edit(with_seed(desk.state, 1))
    desk.studio.window.actions_["save"].trigger()
    desk.studio.documents.wait()
    desk.studio.session.edit(with_seed(desk.state, 2))
    assert desk.studio.window.isWindowModified()
    desk.studio.window.actions_["save"].trigger()
    desk.studio.documents.wait()
    assert len(asked) == 1
    assert path.with_name("work.graft").exists()
    assert [action.text() for action in desk.studio.window.recent_menu.actions()] == ["work.graft"]
    assert not desk.studio.window.isWindowModified()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs a user who may not write")
def test_that_a_save_that_fails_keeps_the_session_unsaved(desk: Desk) -> None:
    locked = desk.folder / "locked"
    locked.mkdir(mode=0o500)
    desk.studio.session.edit(with_seed(desk.state, 1))
    desk.studio.documents.save(locked / "a.graft")
    desk.studio.documents.wait()
    assert desk.message()
    assert desk.studio.session.is_dirty


def test_that_a_save_into_a_folder_that_has_gone_keeps_the_session_unsaved(desk: Desk) -> None:
    desk.studio.session.edit(with_seed(desk.state, 1))
    desk.studio.documents.save(desk.folder / "gone" / "a.graft")
    desk.studio.documents.wait()
    assert desk.message()
    assert desk.studio.session.is_dirty


def test_that_what_is_edited_while_a_save_is_written_is_not_taken_for_saved(desk: Desk) -> None:
    session = desk.studio.session
    session.edit(with_seed(desk.state, 1))
    desk.studio.documents.save(desk.folder / "a.graft")
    session.edit(with_seed(desk.state, 2))
    desk.studio.documents.wait()
    assert session.path == desk.folder / "a.graft"
    assert session.is_dirty
    session.undo()
    assert not session.is_dirty
    session.redo()
    session.close()
    (left,) = recoverable_sessions(desk.studio.places.autosave_folder)
    assert left.state.latent == SeedLatent(2)


def test_that_what_another_window_has_saved_is_not_written_over(desk: Desk) -> None:
    session, documents, path = desk.studio.session, desk.studio.documents, desk.folder / "a.graft"
    session.edit(with_seed(desk.state, 1))
    documents.save(path)
    documents.wait()
    of_the_other = path.read_bytes() + b"more"
    path.with_name("b").write_bytes(of_the_other)
    path.with_name("b").replace(path)
    session.edit(with_seed(desk.state, 2))
    documents.save(path)
    documents.wait()
    assert desk.message() == "Another window has saved a.graft since."
    assert path.read_bytes() == of_the_other
    assert session.is_dirty
    documents.save(path, over=True)
    documents.wait()
    assert not session.is_dirty
    session.edit(with_seed(desk.state, 3))
    documents.save(path)
    documents.wait()
    assert not session.is_dirty


def test_that_closing_lets_a_save_come_to_its_end(desk: Desk) -> None:
    desk.studio.session.edit(with_seed(desk.state, 1))
    desk.studio.documents.save(desk.folder / "a.graft")
    desk.studio.window.close()
    desk.studio.close()
    assert (desk.folder / "a.graft").exists()
    assert recoverable_sessions(desk.studio.places.autosave_folder) == ()


# --- recovery -------------------------------------------------------------------------------------------------------


def test_that_unsaved_work_is_offered_at_the_next_start_and_restored(make_desk: MakeDesk) -> None:
    desk = make_desk()
    for seed in (11, 12):
        desk.studio.session.edit(with_seed(desk.state, seed))
    left = desk.state
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk()
    again.studio.documents.wait()
    assert "was not saved" in again.message()
    assert again.state.latent == SeedLatent(FIRST_SEED)
    again.studio.messages.bar._trigger()
    assert again.state == left
    assert again.studio.session.undo()
    assert again.state.latent == SeedLatent(11)
    again.studio.session.redo()
    again.studio.close()
    (kept,) = recoverable_sessions(again.studio.places.autosave_folder)
    assert kept.state == left  # restored, but still nowhere else: offered again


def test_that_discarded_work_is_not_offered_again(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.session.edit(with_seed(desk.state, 11))
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk()
    again.studio.documents.wait()
    again.studio.messages.bar._trigger_second()
    again.studio.window.close()
    again.studio.close()
    assert recoverable_sessions(again.studio.places.autosave_folder) == ()


def test_that_an_offer_that_is_put_off_can_still_be_taken(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.session.edit(with_seed(desk.state, 11))
    left = desk.state
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk()
    again.studio.documents.wait()
    again.studio.messages.bar.dismiss()
    again.studio.session.edit(with_seed(again.state, 50))
    again.studio.window.actions_["restore"].trigger()
    assert again.state == left


def test_that_a_new_session_keeps_the_models_and_loses_nothing(desk: Desk) -> None:
    session, actions = desk.studio.session, desk.studio.window.actions_
    session.edit(with_alpha(with_seed(desk.state, 77), 0.25))
    left = desk.state
    session.set_lock("alpha", True)
    actions["new"].trigger()
    assert desk.state == EditState(model_a=left.model_a, model_b=left.model_b)
    assert (len(session.history.entries), session.path, session.is_dirty) == (1, None, False)
    assert not session.locks
    assert "not saved" in desk.message()
    desk.wait_until(lambda: actions["restore"].isEnabled())
    actions["restore"].trigger()
    desk.wait_until(lambda: desk.state == left)


def test_that_work_left_by_opening_another_session_can_be_restored_at_once(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.session.edit(with_seed(desk.state, 1))
    desk.studio.documents.save(desk.folder / "one.graft")
    desk.studio.documents.wait()
    desk.studio.session.edit(with_seed(desk.state, 2))
    left = desk.state
    assert not desk.studio.window.actions_["restore"].isEnabled()
    desk.drop(desk.folder / "one.graft")
    desk.studio.documents.wait()
    assert desk.state.latent == SeedLatent(1)
    desk.studio.window.actions_["restore"].trigger()
    assert desk.state == left


def test_that_folders_that_cannot_be_written_do_not_keep_the_window_shut(make_desk: MakeDesk, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_bytes(b"a file where a folder should be")
    desk = make_desk(home="blocked")
    assert desk.message()
    desk.settle()


# --- closing --------------------------------------------------------------------------------------------------------


def test_that_closing_while_busy_ends_the_engine_and_loses_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.portraits.open(desk.folder / "me.png")
    desk.wait_until(lambda: desk.studio.portraits.is_aligning)
    desk.studio.portraits._start_here()
    desk.studio.session.begin_gesture(desk)
    desk.studio.session.edit(with_seed(desk.state, 31))
    left = desk.state
    desk.studio.window.close()
    assert desk.studio.close()
    assert desk.engine.stopped
    assert not desk.engine.jobs
    (kept,) = recoverable_sessions(desk.studio.places.autosave_folder)
    assert kept.state == left


def test_that_a_search_cancelled_by_closing_keeps_its_best_so_far(make_desk: MakeDesk) -> None:
    desk = make_desk()
    desk.studio.portraits.open(desk.folder / "me.png")
    desk.wait_until(lambda: desk.studio.portraits.is_aligning)
    desk.studio.portraits._start_here()
    job_id = desk.engine.job_id(InvertPortrait)
    job = desk.engine.jobs.pop(job_id)
    assert isinstance(job, InvertPortrait)
    result = desk.engine.inverted(job)
    stop = desk.engine.stop

    def stop_with_result(timeout_s: float = 5.0) -> bool:
        desk.engine.publish(JobFinished(job_id, job, JobOutcome.CANCELLED, result))
        return stop(timeout_s)

    desk.engine.stop = stop_with_result  # type: ignore[method-assign]
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(models=())
    assert [record.latent for record in again.studio.collection.latents()] == [result.latent]


def test_that_an_engine_that_does_not_end_in_time_is_reported(make_desk: MakeDesk) -> None:
    desk = make_desk(stop_in_time=False)
    desk.studio.window.close()
    assert not desk.studio.close()
