"""Mixing, noise and the clipboard, end to end: the real window and the real engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from window import Graft

from engine.state import NoiseMode, SeedLatent, View, with_noise, with_seed

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def pull(widget: QWidget, start: QPointF, by: QPointF) -> None:
    """Press, drag in steps, let go."""
    QTest.mousePress(widget, LEFT, NONE, start.toPoint())
    for step in range(1, 6):
        QTest.mouseMove(widget, (start + by * (step / 5)).toPoint())
    QTest.mouseRelease(widget, LEFT, NONE, (start + by).toPoint())


def drop(path: Path, target: QWidget) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, LEFT, NONE)
    QApplication.sendEvent(target, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, LEFT, NONE))


def test_that_a_dropped_still_is_mixed_in_dragged_by_groups_muted_and_made_the_face(
    graft: Graft, tmp_path: Path
) -> None:
    studio = graft.studio
    panel = studio.window.parts.controls.mix
    studio.session.edit(with_seed(graft.state, 5))
    plain = graft.picture().copy()
    graft.export(tmp_path / "plain.png")
    studio.session.edit(with_seed(graft.state, 77))
    other = graft.picture().copy()
    graft.export(tmp_path / "other.png")
    studio.session.undo()

    drop(tmp_path / "other.png", panel)
    graft.wait_until(lambda: graft.state.mix)
    assert graft.state.mix[0].latent == SeedLatent(77)
    assert (graft.picture() != plain).any()
    graft.wait_until(lambda: panel.matrix.rows[0].icon is not None)

    matrix = panel.matrix
    for group in range(3):  # all of it, drawn with the hand: nothing is left of the first face
        pull(matrix, matrix.places.group(group).center(), QPointF(0, -90))
    assert set(graft.state.mix[0].strengths) == {1.0}
    assert (graft.picture() == other).all()
    QTest.keyClick(matrix, Qt.Key.Key_M)
    assert graft.state.mix[0].muted
    assert (graft.picture() == plain).all()
    QTest.keyClick(matrix, Qt.Key.Key_M)
    menu = {action.text(): action for action in matrix.context_menu().actions()}
    menu["Take none of it"].trigger()
    menu["Use as main latent"].trigger()
    assert (graft.picture() == other).all()


def test_that_a_layers_noise_is_scrubbed_and_locked_and_the_picture_follows(graft: Graft) -> None:
    studio = graft.studio
    panel = studio.window.parts.controls.noise
    studio.session.edit(with_noise(with_seed(graft.state, 5), mode=NoiseMode.RANDOM, seed=40))
    random = graft.picture().copy()
    count = panel.seeds.column_count
    studio.session.edit(with_noise(graft.state, layer_seeds=(40.0,) * count))
    assert (graft.picture() == random).all()  # a layer's own seed is the seed that all have
    studio.session.undo()

    pull(panel.seeds, panel.seeds.cell(4).center(), QPointF(60, 0))
    assert graft.state.noise.layer_seeds[4] == 41.5
    scrubbed = graft.picture().copy()
    assert (scrubbed != random).any()
    QTest.keyClick(panel.seeds, Qt.Key.Key_Delete)
    assert (graft.picture() == random).all()

    for layer in range(count):
        studio.session.set_lock(f"noise.layer.{layer}", True)
    panel.dice.click()
    assert graft.state.noise.seed != 40
    assert (graft.picture() == random).all()
    studio.session.set_locks(frozenset())
    panel.dice.click()
    assert (graft.picture() != random).any()


def test_that_a_copied_picture_is_the_exported_one_and_pastes_back_to_the_pixel(graft: Graft, tmp_path: Path) -> None:
    studio = graft.studio
    studio.session.edit(with_seed(graft.state, 5))
    wanted, before = graft.state, graft.picture().copy()
    exported = graft.export(tmp_path / "still.png")
    QTest.keyClick(studio.canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    graft.wait_until(lambda: "on the clipboard" in graft.message())
    image = QGuiApplication.clipboard().image().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(bytes(image.constBits()), np.uint8).reshape(image.height(), image.bytesPerLine())
    assert (rows[:, : 3 * image.width()].reshape(exported.shape) == exported).all()

    studio.session.edit(with_seed(graft.state, 6))
    assert (graft.picture() != before).any()
    QTest.keyClick(studio.canvas, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    graft.wait_until(lambda: graft.state == wanted)
    assert (graft.picture(View.BLEND) == before).all()
    studio.session.undo()
    assert graft.state.latent == SeedLatent(6)
    QGuiApplication.clipboard().clear()
