"""Exploring with the real engine: what the sheet shows is what one gets, and it can be seen again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window import Graft

from engine.state import with_seed
from gui.pixels import from_qimage, to_thumbnail


def test_that_a_picture_of_the_sheet_is_the_one_that_is_taken(open_home: Callable[[str], Graft]) -> None:
    graft = open_home("home")
    graft.studio.session.edit(with_seed(graft.state, 44))
    graft.settle()
    QTest.keyClick(graft.studio.canvas, Qt.Key.Key_E)
    sheet = graft.studio.explore.page.sheet
    graft.wait_until(lambda: all(cell.picture is not None for cell in sheet.cells))
    seen = [cell.state for cell in sheet.cells]
    QTest.keyClick(sheet, Qt.Key.Key_Up)
    shown = sheet.cells[sheet.current]
    QTest.keyClick(sheet, Qt.Key.Key_K)
    QTest.keyClick(sheet, Qt.Key.Key_Return)
    assert graft.state == shown.state
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    assert shown.picture is not None
    thumbnail = from_qimage(shown.picture)[..., :3].astype(float)
    taken = from_qimage(to_thumbnail(graft.picture(), len(thumbnail)))[..., :3].astype(float)
    start = from_qimage(to_thumbnail(graft.picture(), len(thumbnail)))[::-1, ..., :3].astype(float)
    assert np.abs(taken - thumbnail).mean() < 4.0 < np.abs(start - thumbnail).mean()

    path = graft.studio.places.data / "explored.graft"
    graft.studio.documents.save(path)
    graft.studio.documents.open(path)
    graft.studio.documents.wait()
    assert len(graft.studio.session.history.entries) == 3
    graft.studio.commands.undo()
    QTest.keyClick(graft.studio.canvas, Qt.Key.Key_E)
    assert [cell.state for cell in sheet.cells] == seen
    assert [cell.is_kept for cell in sheet.cells].count(True) == 1
