"""The bars around a photo, in a narrow window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from engine.paste_events import PasteSettings
from gui.paste.folding_bar import FoldingBar
from gui.paste.stage import PasteStage

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def controls(stage: PasteStage) -> list[QWidget]:
    return [
        stage.preset, stage.tool, stage.brush, stage.softness, stage.undo, stage.overlay,
        stage.seam, stage.feather, stage.detail, stage.opacity, stage.leave_button, stage.export,
    ]  # fmt: skip


def place(widget: QWidget, stage: PasteStage) -> QRect:
    return QRect(widget.mapTo(stage, widget.rect().topLeft()), widget.size())


def test_that_a_narrow_bar_folds_instead_of_cutting_its_controls_off(qtbot: QtBot) -> None:
    stage = PasteStage(PasteSettings())
    qtbot.addWidget(stage)
    stage.show()
    for width, folds in ((778, False), (590, True), (778, False)):
        stage.resize(width, 460)
        qtbot.waitUntil(lambda folds=folds: stage.mask_bar.is_folded is folds)
        qtbot.waitUntil(lambda: all(w.width() >= w.minimumSizeHint().width() for w in controls(stage)))
        assert isinstance(stage.seam_bar, FoldingBar)
        for control in controls(stage):
            assert stage.rect().contains(place(control, stage)), control.accessibleName()
