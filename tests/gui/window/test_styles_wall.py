"""A photo is dropped: its face hangs in every style, gets more like it while one looks, and one is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from fake_engine import FACE, descriptor, sha_of
from hand import click, press, release
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtTest import QTest
from safetensors.numpy import save_file

from engine.encoder_file import METADATA_KEY, EncoderMetadata, EncoderSizes, ModelMark
from engine.errors import JobError
from engine.framing import FacePoints, Framing
from engine.look import look_of
from engine.messages import (
    InvertPortrait,
    JobOutcome,
    MakeThumbnail,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    StartPoint,
)
from engine.state import StoredLatent, with_alpha, with_seed
from gui.styles_wall.finding import STAGES
from gui.styles_wall.flow import StylesFlow
from gui.styles_wall.hanging import MAKES_ROOM, PHOTO, PRESENT
from gui.styles_wall.wall import HOLD_MS, Wall

NAMES = ("portrait", "toon", "woodblock", "pencil")
SIZES = EncoderSizes(input_px=32, widths=(8, 8, 8, 8), features=8, w_dim=64, num_ws=10)
OTHER = FacePoints((40.0, 60.0), (80.0, 60.0), (60.0, 100.0))


def furnish(desk: Desk) -> Desk:
    """The models that come with Graft, with the encoder of the base."""
    for name in NAMES:
        path, sha256 = desk.folder / f"{name}.safetensors", sha_of(name.encode())
        desk.models[name] = desk.studio.library.add_model(path, sha256, name, descriptor(), embedded=True)
    desk.studio.collection.refresh()
    base = desk.models["portrait"]
    metadata = EncoderMetadata(ModelMark(base.name, base.sha256), SIZES, Framing())
    file = desk.folder / "nothing" / "encoder.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, file, {METADATA_KEY: metadata.to_json_text()})
    return desk


@pytest.fixture
def studio_desk(desk: Desk) -> Desk:
    return furnish(desk)


def flow(desk: Desk) -> StylesFlow:
    return desk.studio.styles


def wall(desk: Desk) -> Wall:
    return flow(desk).page.wall


def dropped(desk: Desk, name: str = "Aunt Mary.jpg") -> InvertPortrait:
    """Drop a photo; returns what the encoder is asked."""
    photo = desk.folder / name
    QImage(8, 8, QImage.Format.Format_RGB32).save(str(photo))
    desk.drop(photo)
    desk.wait_until(lambda: flow(desk).is_open and flow(desk).page.title.text() == photo.stem)
    return at_work(desk)


def at_work(desk: Desk) -> InvertPortrait:
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    return job


def found(desk: Desk, value: float) -> StoredLatent:
    """The search at work ends with a latent of its own, and its pictures come."""
    job_id, job = desk.engine.job_id(InvertPortrait), at_work(desk)
    key = desk.studio.store.put_ws(np.full((10, 64), value, np.float32))
    result = replace(desk.engine.inverted(job), latent=StoredLatent(key, job.name))
    assert isinstance(result, PortraitInverted)
    desk.engine.finish(job_id, JobOutcome.DONE, result)
    finding = flow(desk).finding
    desk.wait_until(lambda: finding.newest is not None and finding.newest.latent == result.latent)
    if flow(desk).is_open:
        desk.wait_until(lambda: all(tile.picture is not None for tile in wall(desk).tiles))
        desk.wait_until(lambda: flow(desk).hanging.is_whole)
    return result.latent


def test_that_a_dropped_photo_hangs_in_every_style(studio_desk: Desk) -> None:
    desk = studio_desk
    job = dropped(desk)
    assert (job.steps, job.start, job.model, job.face) == (0, StartPoint.ENCODER, desk.models["portrait"], FACE)
    photo, *styles = wall(desk).tiles
    assert photo.key == PHOTO
    assert photo.picture is not None, "the crop is seen at once"
    assert len(styles) >= 6
    assert all(tile.picture is None for tile in styles)
    latent = found(desk, 0.1)
    assert all(tile.picture is not None for tile in wall(desk).tiles)
    drawn = [job.state for job in desk.engine.submitted if isinstance(job, MakeThumbnail) and job.size_px == 256]
    assert {state.model_b for state in drawn if state.latent == latent} > {desk.models["toon"], desk.models["pencil"]}
    assert wall(desk).hasFocus()


def test_that_a_click_takes_one_as_one_step_and_hands_the_slider_over(studio_desk: Desk) -> None:
    desk = studio_desk
    before, steps = desk.state, len(desk.studio.session.history.entries)
    dropped(desk)
    latent = found(desk, 0.1)
    click(wall(desk), wall(desk).cell("woodcut-portrait").center())
    assert desk.studio.window.centre is desk.studio.canvas
    assert (desk.state.model_a, desk.state.model_b) == (desk.models["portrait"], desk.models["woodblock"])
    assert (desk.state.latent, desk.state.truncation_psi) == (latent, 1.0)
    assert len(desk.studio.session.history.entries) == steps + 1
    assert desk.studio.session.history.undo_label == "Woodcut portrait, Aunt Mary"
    swap = desk.studio.window.parts.controls.blend.swap_resolution
    assert desk.studio.window.focusWidget() is swap
    record = desk.studio.collection.latent(latent.key)
    assert record is not None
    assert record.source is not None
    assert record.source.face == FACE
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == before


def test_that_the_pictures_get_closer_in_their_places_and_the_newest_is_taken(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    first = found(desk, 0.1)
    desk.wait_until(lambda: desk.engine.jobs)
    job = at_work(desk)
    assert (job.steps, job.start, job.begin_at) == (STAGES[1], StartPoint.FOUND, first)
    assert not job.optimise_noise
    places = [wall(desk).cell(tile.key) for tile in wall(desk).tiles]
    before = {tile.key: tile.picture for tile in wall(desk).tiles}
    closer = found(desk, 0.2)
    assert [wall(desk).cell(tile.key) for tile in wall(desk).tiles] == places
    assert all(tile.picture is not before[tile.key] for tile in wall(desk).tiles if not tile.is_photo)
    desk.press(Qt.Key.Key_1, wall(desk))
    assert desk.state.latent == closer


def test_that_a_picture_is_never_blank_while_a_better_one_is_drawn(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    found(desk, 0.1)
    desk.wait_until(lambda: desk.engine.jobs)
    desk.engine.manual_jobs = (MakeThumbnail,)
    job_id, job = desk.engine.job_id(InvertPortrait), at_work(desk)
    key = desk.studio.store.put_ws(np.full((10, 64), 0.3, np.float32))
    desk.engine.finish(job_id, JobOutcome.DONE, replace(desk.engine.inverted(job), latent=StoredLatent(key)))
    desk.wait_until(lambda: flow(desk).hanging.latent == StoredLatent(key))
    assert all(tile.picture is not None for tile in wall(desk).tiles)
    assert not any(isinstance(job, InvertPortrait) for job in desk.engine.jobs.values()), "drawing comes first"


def test_that_escape_changes_nothing_and_leaves_the_face_on_the_shelf(studio_desk: Desk) -> None:
    desk = studio_desk
    before = desk.state
    dropped(desk)
    latent = found(desk, 0.1)
    desk.wait_until(lambda: desk.engine.jobs)
    job_id = desk.engine.job_id(InvertPortrait)
    desk.press(Qt.Key.Key_Escape, wall(desk))
    assert desk.studio.window.centre is desk.studio.canvas
    assert desk.state == before
    assert job_id in desk.engine.cancelled
    assert [record.latent for record in desk.studio.collection.latents()] == [latent]


def test_that_a_closer_likeness_is_offered_and_changes_nothing_by_itself(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    found(desk, 0.1)
    desk.press(Qt.Key.Key_Return, wall(desk))
    taken = desk.state
    desk.wait_until(lambda: desk.engine.jobs)
    for value in (0.2, 0.3):
        desk.wait_until(lambda: any(isinstance(job, InvertPortrait) for job in desk.engine.jobs.values()))
        closer = found(desk, value)
    desk.wait_until(lambda: "closer likeness" in desk.message())
    assert desk.state == taken
    desk.studio.messages.bar._trigger()
    assert desk.state == replace(taken, latent=closer)
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == taken


def test_that_nothing_is_offered_to_whoever_went_to_another_face(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    found(desk, 0.1)
    desk.press(Qt.Key.Key_Return, wall(desk))
    desk.studio.session.edit(with_seed(desk.state, 5))
    for value in (0.2, 0.3):
        desk.wait_until(lambda: any(isinstance(job, InvertPortrait) for job in desk.engine.jobs.values()))
        last = found(desk, value)
    assert "closer" not in desk.message()
    assert last in [record.latent for record in desk.studio.collection.latents()]


@pytest.mark.parametrize("certain", [(), (False,)])
def test_that_a_guess_or_no_face_leads_to_the_handles(studio_desk: Desk, certain: tuple[bool, ...]) -> None:
    desk = studio_desk
    desk.engine.manual_jobs = (OpenPortrait,)
    path = desk.folder / "blurred.jpg"
    desk.studio.opener.portrait_found.emit(path)
    job_id = desk.engine.job_id(OpenPortrait)
    preview = np.full((600, 600, 4), 90, np.uint8)
    faces = (FACE,) * len(certain)
    opened = PortraitOpened(path, preview, 1.0, (600, 600), faces, certain=certain)
    desk.engine.finish(job_id, JobOutcome.DONE, opened)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    assert not flow(desk).is_open
    assert desk.studio.window.parts.invert_bar.isVisible()


def test_that_without_the_encoder_the_handles_come_as_before(desk: Desk) -> None:
    photo = desk.folder / "me.jpg"
    QImage(8, 8, QImage.Format.Format_RGB32).save(str(photo))
    desk.drop(photo)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)


def test_that_of_several_people_another_can_be_chosen(make_desk: MakeDesk) -> None:
    desk = furnish(make_desk(faces=(FACE, OTHER)))
    first = dropped(desk)
    page = flow(desk).page
    assert first.face == FACE
    assert page.faces.isVisible()
    assert (page.faces.count, page.faces.current) == (2, 0)
    found(desk, 0.1)
    page.faces.face(1).click()
    assert at_work(desk).face == OTHER
    assert page.faces.current == 1
    assert wall(desk).tile("cel-shaded").picture is None  # type: ignore[union-attr]


def test_that_the_photo_and_a_button_lead_to_the_crop(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    click(wall(desk), wall(desk).cell(PHOTO).center())
    assert desk.studio.canvas.is_aligning
    assert not flow(desk).is_open
    assert desk.studio.canvas.align_view.points == FACE
    assert desk.studio.collection.latents() == ()


def test_that_a_held_press_looks_closer_and_takes_nothing(studio_desk: Desk) -> None:
    desk = studio_desk
    before = desk.state
    dropped(desk)
    found(desk, 0.1)
    place, closer = wall(desk).cell("cel-shaded").center(), flow(desk).page.closer
    press(wall(desk), place)
    desk.wait_until(closer.isVisible)
    assert closer.key == "cel-shaded"
    release(wall(desk), place)
    assert not closer.isVisible()
    assert flow(desk).is_open
    assert desk.state == before
    assert HOLD_MS < 500
    QTest.keyPress(wall(desk), Qt.Key.Key_Space)
    assert closer.isVisible()
    desk.press(Qt.Key.Key_Right, wall(desk))
    assert closer.key != "cel-shaded"
    QTest.keyRelease(wall(desk), Qt.Key.Key_Space)
    assert not closer.isVisible()


def test_that_digits_stay_with_the_wall_and_walking_says_where_one_is(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    found(desk, 0.1)
    event = QKeyEvent(QKeyEvent.Type.ShortcutOverride, Qt.Key.Key_2, Qt.KeyboardModifier.NoModifier, "2")
    event.ignore()
    desk.studio.styles.page.event(event)
    assert event.isAccepted()
    assert "Toon portrait, key 1" in wall(desk).accessibleDescription()
    desk.press(Qt.Key.Key_Right, wall(desk))
    assert "Woodcut portrait, key 2" in wall(desk).accessibleDescription()
    desk.press(Qt.Key.Key_Home, wall(desk))
    assert "Photo" in wall(desk).accessibleDescription()


def test_that_turning_a_slider_leaves_the_wall(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    latent = found(desk, 0.1)
    desk.studio.session.edit(with_alpha(desk.state, 0.33))
    assert desk.studio.window.centre is desk.studio.canvas
    assert desk.state.blend.alpha == 0.33
    assert desk.studio.collection.latent(latent.key) is not None


def test_that_the_own_look_and_the_kept_ones_hang_too(studio_desk: Desk) -> None:
    desk = studio_desk
    desk.studio.session.edit(with_alpha(desk.state, 0.37))
    desk.studio.collection.add_look(look_of(desk.state, "Mine"))
    dropped(desk)
    latent = found(desk, 0.1)
    keys = [tile.key for tile in wall(desk).tiles]
    assert PRESENT in keys
    assert MAKES_ROOM not in keys
    assert wall(desk).tiles[-1].name == "Mine"
    look = desk.state.blend
    click(wall(desk), wall(desk).cell(PRESENT).center())
    assert desk.state.blend == look
    assert desk.state.latent == latent


def test_that_the_face_on_screen_hangs_without_a_search(studio_desk: Desk) -> None:
    desk = studio_desk
    seed = desk.state.latent
    desk.studio.window.actions_["every_style"].trigger()
    assert flow(desk).is_open
    desk.wait_until(lambda: all(tile.picture is not None for tile in wall(desk).tiles))
    assert not any(isinstance(job, InvertPortrait) for job in desk.engine.submitted)
    assert PHOTO not in [tile.key for tile in wall(desk).tiles]
    psi = desk.state.truncation_psi
    desk.press(Qt.Key.Key_2, wall(desk))
    assert (desk.state.latent, desk.state.truncation_psi) == (seed, psi)
    assert desk.state.model_b == desk.models["woodblock"]
    assert desk.studio.collection.latents() == ()


def test_that_a_search_that_finds_nothing_says_why(studio_desk: Desk) -> None:
    desk = studio_desk
    before = desk.state
    dropped(desk)
    error = JobError("The encoder is damaged.", "Get it again.")
    desk.engine.finish(desk.engine.job_id(InvertPortrait), JobOutcome.FAILED, error=error)
    desk.wait_until(desk.message)
    assert desk.message() == error.user_message
    assert not flow(desk).is_open
    assert desk.state == before


def test_that_the_newest_of_two_photos_hangs(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    first = desk.engine.job_id(InvertPortrait)
    dropped(desk, "Uncle Bob.jpg")
    assert first in desk.engine.cancelled
    assert at_work(desk).name == "Uncle Bob"


def test_that_a_closed_window_leaves_no_wall_behind(studio_desk: Desk, tmp_path: Path) -> None:
    desk = studio_desk
    dropped(desk)
    found(desk, 0.1)
    desk.studio.window.close()
    assert desk.studio.close()


def test_that_a_crop_placed_by_hand_leads_back_to_the_wall(studio_desk: Desk) -> None:
    desk = studio_desk
    dropped(desk)
    flow(desk).page.adjust.click()
    desk.studio.canvas.align_changed.emit(OTHER)
    bar = desk.studio.window.parts.invert_bar
    assert bar.styles.isVisible()
    bar.styles.click()
    assert flow(desk).is_open
    assert not desk.studio.canvas.is_aligning
    assert at_work(desk).face == OTHER


def test_that_of_several_photos_the_folder_is_offered(studio_desk: Desk) -> None:
    desk = studio_desk
    photos = [desk.folder / f"{name}.jpg" for name in ("one", "two")]
    for photo in photos:
        QImage(8, 8, QImage.Format.Format_RGB32).save(str(photo))
    wanted: list[Path] = []
    desk.studio.opener.folder_wanted.disconnect()
    desk.studio.opener.folder_wanted.connect(wanted.append)
    desk.drop(*photos)
    desk.wait_until(lambda: flow(desk).is_open)
    assert "Only one.jpg was opened" in desk.message()
    desk.studio.messages.bar._trigger()
    assert wanted == [desk.folder]
