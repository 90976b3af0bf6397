"""Networks, contact sheets and batches, from the menus to what is told at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PIL import Image
from PySide6.QtWidgets import QLabel

from engine.batch_events import BatchSkipped
from engine.errors import StorageError
from engine.export.network_formats import NetworkFormat
from engine.messages import DrawSheet, ExportNetwork, JobOutcome
from engine.recipe import recipe_from_json
from engine.state import SeedLatent, View, with_alpha
from gui.export.batch_flow import CARD_ID, BatchFlow, skipped_words
from gui.export.batch_window import NOTHING
from gui.export.network_dialog import NetworkDialog
from gui.export.sheet_dialog import MIXING, SWAPS, SheetDialog
from gui.widgets.job_card import JobState

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
VERB = Path(__file__).with_name("fake_verb.py")
OpenBatch = Callable[[str], tuple[Desk, BatchFlow]]


def network_dialog(desk: Desk) -> NetworkDialog:
    desk.studio.settings.set_folder("networks", desk.folder)
    desk.studio.window.actions_["export_network"].trigger()
    return desk.studio.window.findChildren(NetworkDialog)[-1]


def sheet_dialog(desk: Desk) -> SheetDialog:
    desk.studio.settings.set_folder("sheets", desk.folder)
    desk.studio.window.actions_["export_sheet"].trigger()
    return desk.studio.window.findChildren(SheetDialog)[-1]


def test_that_a_blend_leaves_as_onnx_and_the_comparison_is_told(desk: Desk) -> None:
    dialog = network_dialog(desk)
    assert dialog.view is View.BLEND
    assert dialog.target.name.text() == "portrait-toon.safetensors"
    place = dialog.target.format.findData(NetworkFormat.ONNX.value)
    dialog.target.format.setCurrentIndex(place)
    dialog.target.format.activated.emit(place)
    assert dialog.target.name.text() == "portrait-toon.onnx"
    assert "truncation_psi" in dialog.promise.text()
    dialog.accept()
    desk.wait_until(lambda: "Exported the network portrait-toon.onnx" in desk.message())
    job = next(job for job in desk.engine.submitted if isinstance(job, ExportNetwork))
    assert (job.path, job.form, job.view) == (desk.folder / "portrait-toon.onnx", NetworkFormat.ONNX, View.BLEND)
    assert any("4e-06" in label.text() for label in desk.studio.messages.bar.findChildren(QLabel))


def test_that_the_name_follows_whose_network_it_is(desk: Desk) -> None:
    dialog = network_dialog(desk)
    dialog.whose.set_current(View.B.value)
    dialog.whose.picked.emit(View.B.value)
    assert dialog.target.name.text() == "toon.safetensors"
    assert dialog.view is View.B
    dialog.reject()


def test_that_a_sheet_of_swaps_goes_to_the_engine_as_a_plan(desk: Desk) -> None:
    dialog = sheet_dialog(desk)
    assert dialog.columns.currentData() == SWAPS
    dialog.row_list.setText("4,9")
    dialog.target.name.setText("figure.png")
    dialog.accept()
    desk.wait_until(lambda: "Exported figure.png" in desk.message())
    job = next(job for job in desk.engine.submitted if isinstance(job, DrawSheet))
    assert job.plan.rows == ("seed 4", "seed 9")
    assert job.plan.columns[0] == "A"
    assert job.path == desk.folder / "figure.png"


def test_that_a_long_sheet_has_a_card_that_cancels_it_and_says_how_it_ended(desk: Desk) -> None:
    desk.engine.manual_jobs = (DrawSheet,)
    sheet_dialog(desk).accept()
    tray, job_id = desk.studio.window.parts.shelf.tray, desk.engine.job_id(DrawSheet)
    desk.wait_until(lambda: tray.card(job_id) is not None)
    card = tray.card(job_id)
    assert card is not None
    card.cancel_requested.emit(job_id)
    assert desk.engine.cancelled == [job_id]
    desk.engine.finish(job_id, JobOutcome.FAILED, error=StorageError("The disk is full."))
    desk.wait_until(lambda: card.state is JobState.FAILED)
    assert card.text == "It failed; the message says why."


def test_that_every_number_of_the_picture_can_be_an_axis(desk: Desk) -> None:
    dialog = sheet_dialog(desk)
    paths = {dialog.columns.itemData(place) for place in range(dialog.columns.count())}
    assert {"blend.alpha", "truncation_psi", "noise.strength"} <= paths
    dialog.columns.setCurrentIndex(dialog.columns.findData("blend.alpha"))
    dialog.column_list.setText("0..1/3")
    cell = dialog.plan.cells[0][1]
    assert cell is not None
    assert cell[0] == with_alpha(cell[0], 0.5)
    dialog.columns.setCurrentIndex(dialog.columns.findData(MIXING))
    assert not dialog.rows.isEnabled()
    assert dialog.plan.cells[0][0] is None
    dialog.reject()


@pytest.mark.parametrize("typed", ["", "x", "5-1", "0-4000000000"])
def test_that_a_list_that_is_none_says_so_and_cannot_be_exported(desk: Desk, typed: str) -> None:
    dialog = sheet_dialog(desk)
    dialog.row_list.setText(typed)
    assert "cannot be read" in dialog.problem.text()
    assert not dialog.save.isEnabled()
    dialog.reject()


# --- batches --------------------------------------------------------------------------------------------------------


@pytest.fixture
def batch(make_desk: MakeDesk) -> OpenBatch:
    def open_window(behaviour: str) -> tuple[Desk, BatchFlow]:
        desk = make_desk()
        flow = desk.studio.batch
        flow.process.program = (sys.executable, str(VERB), behaviour)
        desk.studio.window.actions_["batch"].trigger()
        return desk, flow

    return open_window


def test_that_a_batch_shows_what_came_of_it_and_what_was_left_out(batch: OpenBatch) -> None:
    desk, flow = batch("whole")
    window = flow.window
    assert window.focusWidget() is window.photos.drop
    assert not window.start.isEnabled()
    assert window.note.text() == NOTHING
    window.seeds.setText("5-1")
    assert "cannot be read as seeds" in window.note.text()
    window.seeds.setText("3,4")
    window.set_folder(desk.folder / "out")
    window.search.setCurrentIndex(0)
    window.start.click()
    assert window.start.text() == "Stop"
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is not None
    desk.wait_until(lambda: not flow.process.is_at_work and window.start.text() == "Make them")
    assert window.state.text().startswith("2 made, 1 left out")
    assert window.left_out.text() == "Left out: wall.png: No face was found in it."
    assert desk.message().startswith("The look is on all that could be read.")
    desk.wait_until(lambda: window.sheet.sheet is not None)
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is None
    arguments = json.loads((desk.folder / "out" / "arguments.json").read_text())
    assert arguments[arguments.index("--seeds") + 1] == "3,4"
    assert arguments[arguments.index("--steps") + 1] == "0"
    recipe = recipe_from_json((desk.folder / "out" / "recipe.json").read_text())
    assert recipe.state.latent == desk.state.latent == SeedLatent(recipe.state.latent.seed)  # type: ignore[union-attr]


def test_that_a_batch_is_stopped_and_says_that_it_can_go_on(batch: OpenBatch) -> None:
    desk, flow = batch("waits")
    flow.window.seeds.setText("3,4")
    flow.window.set_folder(desk.folder / "out")
    flow.window.start.click()
    desk.wait_until(lambda: "1 of 3" in flow.window.state.text())
    flow.window.start.click()
    desk.wait_until(lambda: not flow.process.is_at_work and "Stopped" in flow.window.state.text())


def test_that_a_batch_that_fails_says_why(batch: OpenBatch) -> None:
    desk, flow = batch("refuses")
    flow.window.seeds.setText("3")
    flow.window.start.click()
    desk.wait_until(lambda: not flow.process.is_at_work and flow.window.start.text() == "Make them")
    assert flow.window.state.text()
    assert flow.window.start.isEnabled()
    assert flow.window.bar.fraction == 0.0
    assert flow.window.left_out.isHidden()


def test_that_nothing_of_the_last_batch_is_shown_in_the_next(batch: OpenBatch) -> None:
    desk, flow = batch("whole")
    flow.window.seeds.setText("3")
    flow.window.set_folder(desk.folder / "out")
    flow.window.start.click()
    desk.wait_until(lambda: not flow.process.is_at_work and flow.window.sheet.sheet is not None)
    flow.process.program = (*flow.process.program[:2], "refuses")
    flow.window.start.click()
    assert flow.window.sheet.sheet is None
    assert flow.window.left_out.isHidden()
    desk.wait_until(lambda: not flow.process.is_at_work)


def test_that_a_reason_for_leaving_photos_out_is_given_once() -> None:
    skipped = [BatchSkipped(f"{n}.jpg", "It is no picture.") for n in range(5)]
    skipped.append(BatchSkipped("away.jpg", "Graft could not read away.jpg: it is not there."))
    assert skipped_words(skipped) == (
        "Left out: 0.jpg, 1.jpg, 2.jpg and 2 more: It is no picture; "
        "away.jpg: Graft could not read it: it is not there."
    )


def test_that_the_choices_of_a_dialog_are_called_by_their_labels(desk: Desk) -> None:
    dialog = network_dialog(desk)
    assert dialog.whose.accessibleName() == "Network"
    dialog.reject()


def test_that_photos_dropped_on_the_batch_are_counted(batch: OpenBatch, tmp_path: Path) -> None:
    desk, flow = batch("whole")
    folder = tmp_path / "holiday"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (64, 64)).save(folder / f"{number}.png")
    assert not flow.window.search.isEnabled()
    desk.drop(folder / "0.png", on=flow.window)
    desk.wait_until(lambda: flow.window.photos.folder == folder)
    assert flow.window.search.isEnabled()
    assert flow.window.start.isEnabled()
