"""Put back into the photo: opened, followed, painted, kept, exported, and left."""

from __future__ import annotations

from pathlib import Path

import fake_paste
import numpy as np
import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from engine.errors import JobError
from engine.file_hash import file_sha256
from engine.framing import FacePoints
from engine.messages import JobOutcome
from engine.paste_events import MASK_PX, MaskPreset, PasteBack, PreviewPaste, Seam
from engine.portrait_source import PortraitSource
from engine.state import StoredLatent, with_latent, with_seed
from gui.paste.export_dialog import PasteExportDialog
from gui.paste.kept_masks import read_mask_file
from gui.paste.stage import PasteStage
from gui.paste.view import PasteView, Tool

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
FACE = FacePoints((250.0, 190.0), (290.0, 190.0), (270.0, 230.0))


@pytest.fixture
def photo(desk: Desk) -> Path:
    path = desk.folder / "Aunt Mary.jpg"
    path.write_bytes(b"a photo")
    return path


def portrait(desk: Desk, photo: Path, *, sha256: str | None = None, fill: float = 0.25) -> StoredLatent:
    """A portrait of the shelf that is on screen."""
    latent = StoredLatent(desk.studio.store.put_ws(np.full((10, 64), fill, np.float32)), "Aunt Mary")
    source = PortraitSource(photo, file_sha256(photo) if sha256 is None else sha256, FACE)
    desk.studio.collection.add_latent(latent, desk.models["portrait"], None, source=source)
    desk.studio.session.edit(with_latent(desk.state, latent), "portrait")
    desk.settle()
    return latent


def opened(desk: Desk) -> PasteStage:
    desk.studio.window.actions_["put_back"].trigger()
    stage = desk.studio.pasting.stage
    desk.wait_until(lambda: desk.studio.window.centre is stage and not rests_not(desk))
    return stage


def rests_not(desk: Desk) -> bool:
    """Whether a preview is under way, or none has come yet."""
    flow = desk.studio.pasting
    return bool(flow._preview_id) or flow._wants_preset or not flow.stage.view.has_photo


def rest(desk: Desk) -> None:
    desk.wait_until(lambda: not rests_not(desk))


def last(desk: Desk, kind: type) -> object:
    return next(job for job in reversed(desk.engine.submitted) if isinstance(job, kind))


def drag(view: PasteView, *places: tuple[float, float], keys: Qt.KeyboardModifier = NONE) -> None:
    """Over places of the mask."""
    points = [view.on_screen(*place).toPoint() for place in places]
    QTest.mousePress(view, LEFT, keys, points[0])
    for point in points[1:]:
        QTest.mouseMove(view, point)
    QTest.mouseRelease(view, LEFT, keys, points[-1])


def test_that_only_what_was_found_in_a_photo_can_be_put_back(desk: Desk, photo: Path) -> None:
    action = desk.studio.window.actions_["put_back"]
    assert not action.isEnabled()
    portrait(desk, photo)
    assert action.isEnabled()
    desk.studio.session.edit(with_seed(desk.state, 5), "seed")
    assert not action.isEnabled()
    desk.studio.pasting.open()
    desk.wait_until(lambda: "found in a photo" in desk.message())


def test_that_the_photo_shows_the_face_and_follows_it(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    job = last(desk, PreviewPaste)
    assert isinstance(job, PreviewPaste)
    assert job.photo == photo
    assert job.source.face == FACE
    before = stage.view._pasted
    assert before is not None
    assert before.pixels.shape == fake_paste.PHOTO.shape
    assert not np.array_equal(before.pixels, fake_paste.PHOTO)
    desk.studio.window.parts.controls.blend.alpha.take_text("0.1")
    desk.wait_until(lambda: stage.view._pasted is not before)


def test_that_previews_never_queue_up(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    desk.engine.manual_jobs = (PreviewPaste,)
    count = len([job for job in desk.engine.submitted if isinstance(job, PreviewPaste)])
    for value in ("1", "2", "3", "4", "5"):
        stage.feather.take_text(value)
    jobs = [job for job in desk.engine.submitted if isinstance(job, PreviewPaste)]
    assert len(jobs) == count + 1
    assert jobs[-1].settings.feather == 0.01
    desk.engine.perform(desk.engine.job_id(PreviewPaste))
    desk.wait_until(lambda: len(desk.engine.jobs) == 1)
    job = last(desk, PreviewPaste)
    assert isinstance(job, PreviewPaste)
    assert job.settings.feather == 0.05  # the newest is always shown
    desk.engine.perform(desk.engine.job_id(PreviewPaste))
    rest(desk)


def test_that_a_stroke_paints_the_mask_and_is_undone(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    view = stage.view
    before = view.painter.mask
    assert np.array_equal(before, fake_paste.preset_mask(MaskPreset.FACE))
    drag(view, (20, 20), (60, 20))
    assert np.array_equal(view.painter.mask, before)  # looking paints nothing
    view.set_tool(Tool.ADD)
    drag(view, (30, 30), (80, 30), (80, 60))
    assert view.painter.mask[30, 50] > 250
    rest(desk)
    job = last(desk, PreviewPaste)
    assert isinstance(job, PreviewPaste)
    assert job.mask is view.painter.mask
    drag(view, (256, 256), keys=Qt.KeyboardModifier.AltModifier)
    assert view.painter.mask[256, 256] < 5
    stage.undo.click()
    assert view.painter.mask[256, 256] == 255
    desk.press(Qt.Key.Key_Z, view, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(view.painter.mask, before)
    assert isinstance(desk.state.latent, StoredLatent)  # the window undid nothing
    stage.redo.click()
    assert view.painter.mask[30, 50] > 250


def test_that_the_keyboard_alone_can_paint(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    view = opened(desk).view
    desk.press(Qt.Key.Key_D, view)
    assert view.tool is Tool.REMOVE
    radius = view.brush.radius_px
    desk.press(Qt.Key.Key_BracketRight, view)
    assert view.brush.radius_px > radius
    desk.press(Qt.Key.Key_Return, view)
    assert view.painter.mask[256, 256] < 5
    for _ in range(10):
        desk.press(Qt.Key.Key_Left, view)
    assert "brush at" in view.accessibleDescription()
    desk.press(Qt.Key.Key_Return, view)
    painted = np.argwhere(view.painter.mask != fake_paste.preset_mask(MaskPreset.FACE))
    assert painted[:, 1].min() < 256 - view.brush.radius_px
    desk.press(Qt.Key.Key_M, view)
    assert view.shows_mask
    desk.press(Qt.Key.Key_I, view)
    assert view.painter.mask[2, 2] == 255
    desk.press(Qt.Key.Key_Space, view)  # pressed and let go again
    assert not view.shows_photo
    QTest.keyPress(view, Qt.Key.Key_Space)
    assert view.shows_photo
    QTest.keyRelease(view, Qt.Key.Key_Space)
    desk.press(Qt.Key.Key_Escape, view)
    assert desk.studio.window.centre is desk.studio.canvas


def test_that_a_painted_mask_is_there_the_next_time(desk: Desk, photo: Path, make_desk: MakeDesk) -> None:
    latent = portrait(desk, photo)
    stage = opened(desk)
    stage.view.set_tool(Tool.ADD)
    drag(stage.view, (30, 30), (80, 30))
    painted = stage.view.painter.mask
    desk.press(Qt.Key.Key_Escape, stage.view)
    file = desk.studio.places.masks_folder / f"{latent.key}.png"
    desk.wait_until(file.is_file)
    kept = read_mask_file(file)
    assert kept is not None
    assert np.array_equal(kept, painted)
    stage = opened(desk)
    assert np.array_equal(stage.view.painter.mask, painted)
    stage.preset.set_current(MaskPreset.HEAD)
    stage.preset.picked.emit(MaskPreset.HEAD)
    desk.wait_until(lambda: stage.view.painter.can_undo)
    stage.view.undo()  # also from another preset
    assert np.array_equal(stage.view.painter.mask, painted)
    rest(desk)


def test_that_deleting_the_portrait_for_good_deletes_its_mask(desk: Desk, photo: Path) -> None:
    latent = portrait(desk, photo)
    stage = opened(desk)
    stage.view.set_tool(Tool.ADD)
    drag(stage.view, (30, 30), (80, 30))
    stage.left.emit()
    file = desk.studio.places.masks_folder / f"{latent.key}.png"
    desk.wait_until(file.is_file)
    desk.studio.photos.forget_all_but([])
    desk.wait_until(lambda: not file.exists())


def test_that_settings_reach_the_engine_and_the_next_time(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    stage.seam.set_current(Seam.FEATHER)
    stage.seam.picked.emit(Seam.FEATHER)
    stage.detail.take_text("0.25")
    stage.opacity.take_text("0.5")
    rest(desk)
    job = last(desk, PreviewPaste)
    assert isinstance(job, PreviewPaste)
    assert (job.settings.seam, job.settings.detail, job.settings.opacity) == (Seam.FEATHER, 0.25, 0.5)
    assert desk.studio.settings.get("paste.seam", "") == "feather"


def test_that_the_photo_is_exported_with_the_mask_and_told(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    stage.export.click()
    dialog = next(one for one in desk.studio.window.children() if isinstance(one, PasteExportDialog))
    assert dialog.target.name.text().startswith("Aunt Mary-graft")
    dialog.target._folder = desk.folder
    dialog.target.name.setText("result.png")
    dialog.keep_exif.setChecked(False)
    dialog.accept()
    job = last(desk, PasteBack)
    assert isinstance(job, PasteBack)
    assert (job.photo, job.path) == (photo, desk.folder / "result.png")
    assert job.mask is stage.view.painter.mask
    assert not job.settings.keep_exif
    desk.wait_until(lambda: "2000 by 1600" in desk.message())
    assert (desk.folder / "result.png").is_file()


def test_that_the_photo_itself_is_not_overwritten(desk: Desk, photo: Path) -> None:
    dialog = PasteExportDialog(photo, desk.studio.settings, desk.studio.window)
    dialog.target._folder = photo.parent
    dialog.target.name.setText(photo.name)
    assert not dialog.save.isEnabled()
    assert "photo itself" in dialog.problem.text()


def test_that_a_photo_that_was_moved_is_asked_for_and_remembered(
    desk: Desk, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    latent = portrait(desk, photo)
    moved = photo.rename(photo.with_name("moved.jpg"))
    desk.studio.window.actions_["put_back"].trigger()
    desk.wait_until(lambda: "not where it was" in desk.message())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved), ""))
    desk.studio.messages.bar._action.click()
    desk.wait_until(lambda: desk.studio.window.centre is desk.studio.pasting.stage)
    rest(desk)
    record = desk.studio.collection.latent(latent.key)
    assert record is not None
    assert record.source is not None
    assert record.source.path == moved


def test_that_another_photo_is_used_with_a_warning(desk: Desk, photo: Path) -> None:
    portrait(desk, photo, sha256="ab" * 32)
    opened(desk)
    assert "not the file" in desk.message()


def test_that_a_photo_that_cannot_be_read_is_told_and_left(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    desk.engine.manual_jobs = (PreviewPaste,)
    desk.studio.window.actions_["put_back"].trigger()
    desk.wait_until(lambda: any(isinstance(job, PreviewPaste) for job in desk.engine.jobs.values()))
    error = JobError("This JPEG picture is damaged.")
    desk.engine.finish(desk.engine.job_id(PreviewPaste), JobOutcome.FAILED, error=error)
    desk.wait_until(lambda: "damaged" in desk.message())
    assert desk.studio.window.centre is desk.studio.canvas


def test_that_another_portrait_or_another_view_leaves_the_photo(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    opened(desk)
    desk.studio.session.edit(with_seed(desk.state, 9), "seed")
    assert desk.studio.window.centre is desk.studio.canvas
    assert not desk.studio.pasting.is_open
    portrait(desk, photo, fill=0.5)
    opened(desk)
    desk.studio.window.show_in_centre(desk.studio.window.parts.inversion)
    assert not desk.studio.pasting.is_open
    assert desk.studio.window.stack.currentWidget() is desk.studio.window.parts.inversion


def test_that_wheel_and_middle_button_zoom_size_and_move(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    view = opened(desk).view
    view.fit()
    middle = QPointF(view.rect().center())
    view.zoom_by(2.0, middle)
    place = view.on_screen(MASK_PX / 2, MASK_PX / 2)
    start = QPoint(200, 200)
    QTest.mousePress(view, Qt.MouseButton.MiddleButton, NONE, start)
    QTest.mouseMove(view, start + QPoint(-40, 30))
    QTest.mouseRelease(view, Qt.MouseButton.MiddleButton, NONE, start + QPoint(-40, 30))
    moved = view.on_screen(MASK_PX / 2, MASK_PX / 2) - place
    assert abs(moved.x() + 40) <= 1
    assert abs(moved.y() - 30) <= 1
    QTest.mouseDClick(view, LEFT, NONE, start)
    assert view._zoom.is_fitted


def test_that_every_control_has_a_name_and_a_tip(desk: Desk, photo: Path) -> None:
    portrait(desk, photo)
    stage = opened(desk)
    controls: tuple[QWidget, ...] = (
        stage.brush, stage.softness, stage.feather, stage.detail, stage.opacity, stage.undo, stage.redo, stage.invert,
        stage.reset, stage.overlay, stage.leave_button, stage.export,
    )  # fmt: skip
    for widget in controls:
        assert widget.toolTip(), widget
        assert widget.accessibleName() or isinstance(widget, QPushButton), widget
    for segmented in (stage.preset, stage.tool, stage.seam):
        assert segmented.accessibleName()
