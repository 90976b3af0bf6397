"""The mix and noise panels in the running window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk, drop_mime
from hand import drag
from pictures_with_recipes import picture_with_recipe, plain_picture
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from engine.messages import LoadModel, MakeThumbnail
from engine.state import EditState, NoiseMode, SeedLatent, StoredLatent, View, with_latent, with_noise, with_seed
from gui.collection import png_bytes
from gui.panels.mix_panel import MixPanel
from gui.panels.noise_panel import NoisePanel
from gui.widgets.drops import PORTRAIT_KIND
from gui.widgets.layer_matrix import RowWish
from gui.widgets.matrix_columns import Detail
from gui.widgets.seed_strip import PX_PER_SEED


def mix(desk: Desk) -> MixPanel:
    return desk.studio.window.parts.controls.mix


def noise(desk: Desk) -> NoisePanel:
    return desk.studio.window.parts.controls.noise


def still(desk: Desk, state: EditState, name: str = "still.png") -> Path:
    path = desk.folder / name
    path.write_bytes(picture_with_recipe(state, desk.studio.store))
    return path


def keys(desk: Desk, *which: Qt.Key, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    matrix = mix(desk).matrix
    matrix.setFocus()
    for key in which:
        QTest.keyClick(matrix, key, held)


# --- sources --------------------------------------------------------------------------------------------------------


def test_that_every_source_is_drawn_by_itself_in_model_a(desk: Desk) -> None:
    panel = mix(desk)
    panel.add_latent(SeedLatent(77))
    desk.wait_until(lambda: panel.matrix.rows[0].icon is not None)
    wanted = [job for job in desk.engine.submitted if isinstance(job, MakeThumbnail) and job.tag.startswith("mix:")]
    assert [(job.state.model_a, job.state.model_b, job.state.latent, job.view) for job in wanted] == [
        (desk.state.model_a, None, SeedLatent(77), View.A)
    ]
    assert 'src="data:image/png' in panel.matrix.rows[0].tooltip
    panel.matrix.strengths_changed.emit(0, (0.5,) * 10)
    desk.settle()
    assert panel.matrix.rows[0].icon is not None
    again = [job for job in desk.engine.submitted if isinstance(job, MakeThumbnail) and job.tag.startswith("mix:")]
    assert len(again) == 1


def test_that_a_source_that_goes_while_it_is_drawn_and_comes_back_is_drawn(desk: Desk) -> None:
    desk.engine.manual_jobs = (MakeThumbnail,)
    panel = mix(desk)
    for _ in range(2):
        panel.add_latent(SeedLatent(77))
        desk.settle()
        desk.wait_until(lambda: any(getattr(job, "tag", "").startswith("mix:") for job in desk.engine.jobs.values()))
        panel.matrix.row_wished.emit(0, RowWish.REMOVE)
        for job_id in list(desk.engine.jobs):
            desk.engine.perform(job_id)
        desk.settle()
    panel.add_latent(SeedLatent(77))

    def drawn() -> bool:
        for job_id in list(desk.engine.jobs):
            desk.engine.perform(job_id)
        return panel.matrix.rows[0].icon is not None

    desk.wait_until(drawn)


def test_that_keys_mute_solo_double_move_and_remove_a_source_each_as_one_step(desk: Desk) -> None:
    panel = mix(desk)
    for seed in (1, 2, 3):
        panel.add_latent(SeedLatent(seed))
    assert panel.matrix.current_row == 2
    steps = len(desk.studio.session.history.entries)

    def seeds() -> list[int]:
        return [source.latent.seed for source in desk.state.mix if isinstance(source.latent, SeedLatent)]

    keys(desk, Qt.Key.Key_M)
    assert [source.muted for source in desk.state.mix] == [False, False, True]
    keys(desk, Qt.Key.Key_S)
    assert [source.muted for source in desk.state.mix] == [True, True, False]
    keys(desk, Qt.Key.Key_S)
    assert [source.muted for source in desk.state.mix] == [False, False, False]
    keys(desk, Qt.Key.Key_Up, held=Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier)
    assert seeds() == [1, 3, 2]
    assert panel.matrix.current_row == 1
    keys(desk, Qt.Key.Key_D)
    assert seeds() == [1, 3, 3, 2]
    keys(desk, Qt.Key.Key_Delete, held=Qt.KeyboardModifier.ControlModifier)
    assert seeds() == [1, 3, 2]
    assert len(desk.studio.session.history.entries) == steps + 6
    for _ in range(6):
        desk.studio.session.undo()
    assert seeds() == [1, 2, 3]
    assert not any(source.muted for source in desk.state.mix)


def test_that_a_seed_is_typed_for_a_new_source_and_over_an_old_one(desk: Desk) -> None:
    panel = mix(desk)
    panel.add_typed_seed()
    editor = panel.matrix._edit
    assert editor.isVisible()
    QTest.keyClicks(editor, "2143")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert desk.state.mix[0].latent == SeedLatent(2143)


def test_that_a_source_becomes_the_main_latent_and_the_main_latent_a_source(desk: Desk) -> None:
    panel, before = mix(desk), desk.state.latent
    panel.add_latent(SeedLatent(5))
    menu = {action.text(): action for action in panel.matrix.context_menu().actions()}
    menu["Use as main latent"].trigger()
    assert desk.state.latent == SeedLatent(5)
    assert desk.state.mix[0].latent == before


def test_that_the_columns_are_chosen_and_remembered(make_desk: MakeDesk) -> None:
    first = make_desk()
    mix(first).add_seed()
    mix(first).pick_detail(Detail.GROUPS)
    assert mix(first).matrix.column_count == 3
    first.studio.window.close()
    first.studio.close()
    second = make_desk()
    mix(second).add_seed()
    assert mix(second).matrix.column_count == 3


def test_that_the_parameter_names_the_row_that_keys_act_on(desk: Desk) -> None:
    panel = mix(desk)
    panel.add_seed()
    panel.add_seed()
    assert panel.matrix.parameter == "mix[1].strengths"
    keys(desk, Qt.Key.Key_Up, held=Qt.KeyboardModifier.AltModifier)
    assert panel.matrix.parameter == "mix[0].strengths"


# --- dropped pictures -----------------------------------------------------------------------------------------------


def test_that_a_dropped_still_gives_its_latent_as_a_source(desk: Desk) -> None:
    before = desk.state
    desk.drop(still(desk, with_seed(before, 99)), on=mix(desk))
    desk.wait_until(lambda: desk.state.mix)
    assert desk.state.mix[0].latent == SeedLatent(99)
    assert desk.state.latent == before.latent


def test_that_a_dropped_portrait_still_brings_its_arrays_under_the_files_name(
    desk: Desk, make_desk: MakeDesk
) -> None:
    other = make_desk(home="elsewhere")
    key = other.studio.store.put_ws(np.full((10, 64), 0.5, np.float32))
    path = still(other, with_latent(other.state, StoredLatent(key, "private name")), "Ada at noon.png")
    assert not desk.studio.store.has(key)
    desk.drop(path, on=mix(desk))
    desk.wait_until(lambda: desk.state.mix)
    assert desk.state.mix[0].latent == StoredLatent(key, "Ada at noon")
    assert desk.studio.store.has(key)
    assert mix(desk).matrix.rows[0].name == "Ada at noon"


def test_that_a_portrait_of_the_shelf_is_dragged_into_the_mix(desk: Desk) -> None:
    key = desk.studio.store.put_ws(np.full((10, 64), 0.5, np.float32))
    desk.studio.collection.add_latent(StoredLatent(key, "Ada"), desk.state.model_a, plain_picture())
    before = desk.state.latent
    mime = QMimeData()
    mime.setData(PORTRAIT_KIND, key.encode())
    drop_mime(mime, mix(desk))
    assert desk.state.mix[0].latent == StoredLatent(key, "Ada")
    assert desk.state.latent == before
    mime.setData(PORTRAIT_KIND, b"of another window")
    drop_mime(mime, mix(desk))
    assert len(desk.state.mix) == 1


def test_that_a_photo_is_told_to_have_no_latent_and_one_click_looks_for_it(desk: Desk) -> None:
    photo = desk.folder / "me.png"
    photo.write_bytes(png_bytes(plain_picture()))
    desk.drop(photo, on=mix(desk))
    desk.wait_until(lambda: "carries no recipe" in desk.message())
    assert desk.state.mix == ()
    desk.studio.messages.bar._action.click()
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)


def test_that_other_files_go_where_they_always_go_and_bad_ones_are_told(desk: Desk) -> None:
    model = desk.folder / "third.pkl"
    model.write_bytes(b"\x80\x04third")
    desk.drop(model, on=mix(desk))
    desk.wait_until(lambda: LoadModel(model) in desk.engine.submitted)
    broken = desk.folder / "broken.png"
    content = picture_with_recipe(desk.state, desk.studio.store)
    broken.write_bytes(content.replace(b'"graft_recipe":1', b'"graft_recipe":9'))
    desk.drop(broken, desk.folder / "gone.png", on=mix(desk))
    desk.wait_until(lambda: "gone.png" in desk.message() or "newer" in desk.message())
    assert desk.state.mix == ()


def test_that_several_stills_are_mixed_in_in_their_order_also_by_the_menu(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [still(desk, with_seed(desk.state, seed), f"{seed}.png") for seed in (3, 1, 2)]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(file) for file in files], ""))
    mix(desk).picture_wanted.emit()
    desk.wait_until(lambda: len(desk.state.mix) == 3)
    assert [source.latent for source in desk.state.mix] == [SeedLatent(3), SeedLatent(1), SeedLatent(2)]


# --- noise ----------------------------------------------------------------------------------------------------------


def test_that_scrubbing_a_layers_seed_is_one_step_and_giving_it_back_leaves_no_trace(desk: Desk) -> None:
    panel, before = noise(desk), desk.state
    strip = panel.seeds
    middle = strip.cell(4).center()
    drag(strip, middle, middle + QPointF(1.5 * PX_PER_SEED, 0))
    assert desk.state.noise.layer_seeds == (None, None, None, None, 1.5)
    assert panel.layer.text() == "16 px, first: strength 1.00, seed 1.5"
    assert len(desk.studio.session.history.entries) == 2
    QTest.keyClick(strip, Qt.Key.Key_Delete)
    assert desk.state == before


def test_that_a_drag_begins_at_the_noise_that_is_there(desk: Desk) -> None:
    desk.studio.session.edit(with_noise(desk.state, mode=NoiseMode.RANDOM, seed=40))
    strip = noise(desk).seeds
    middle = strip.cell(5).center()
    drag(strip, middle, middle + QPointF(0.5 * PX_PER_SEED, 0))
    assert desk.state.noise.layer_seeds[5] == 40.5


def test_that_a_locked_layer_keeps_its_noise_through_dice_scrub_and_surprise(desk: Desk) -> None:
    desk.studio.session.edit(with_noise(desk.state, mode=NoiseMode.RANDOM, seed=40))
    panel = noise(desk)
    QTest.mouseClick(panel.seeds, Qt.MouseButton.LeftButton, pos=panel.seeds.lock_rect(3).center().toPoint())
    assert desk.studio.session.locks == {"noise.layer.3"}
    assert panel.strip.is_column_locked(3)
    panel.dice.click()
    assert desk.state.noise.seed != 40
    drag(panel.seed, (5, 10), (60, 10))
    desk.studio.window.actions_["surprise"].trigger()
    assert desk.state.noise.layer_seeds == (None, None, None, 40.0)
    panel.strip.randomise()
    assert desk.state.noise.layer_strengths[3] == 1.0
    assert desk.state.noise.layer_strengths[4] != 1.0


def test_that_locks_are_shown_on_every_control_that_they_are_of(desk: Desk) -> None:
    latent = desk.studio.window.parts.controls.latent
    latent.pad.set_locked(True)
    assert desk.studio.session.locks == {"seed"}
    assert latent.seed.is_locked
    assert latent.seed_lock.isChecked()
    desk.studio.session.set_locks(frozenset({"psi", "mix", "noise.seed"}))
    assert not latent.pad.is_locked
    assert latent.psi.is_locked
    assert mix(desk).matrix.is_locked
    assert noise(desk).seed.is_locked
