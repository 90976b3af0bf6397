"""The dialog that compiles the previews' kernels, with a verb that compiles nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from desk import Desk
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from engine.messages import EngineReady
from gui import verb_process
from gui.faster_previews import BUILT, CANCELLED, LOOKING, FasterPreviews
from gui.help_dialogs import About, previews_text
from gui.palette import Palette
from gui.theme import LIGHT, apply_theme

VERB = Path(__file__).with_name("fake_kernels.py")
HELPERS = ("compiler", "helper")
NOT_BUILT = "Not in use: not built.\nThey can be."

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

OpenDialog = Callable[[str], FasterPreviews]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    def use(behaviour: str) -> None:
        monkeypatch.setattr(
            verb_process, "graft_program", lambda: (sys.executable, str(VERB), behaviour, str(tmp_path))
        )

    return use


@pytest.fixture
def opened(qtbot: QtBot, pretend: Callable[[str], None]) -> OpenDialog:
    def open_dialog(behaviour: str) -> FasterPreviews:
        pretend(behaviour)
        dialog = FasterPreviews()
        qtbot.addWidget(dialog)
        dialog.show()
        assert dialog.status.text() == LOOKING
        wait_for_rest(qtbot, dialog)
        return dialog

    return open_dialog


def wait_for_rest(qtbot: QtBot, dialog: FasterPreviews) -> None:
    qtbot.waitUntil(lambda: dialog.build.isEnabled() and not dialog.process.is_at_work, timeout=20_000)


def begin_build(qtbot: QtBot, dialog: FasterPreviews, folder: Path) -> list[psutil.Process]:
    """Until the compiler and its helper are at work. Returns both."""
    dialog.build.click()
    files = [folder / f"{name}.pid" for name in HELPERS]
    qtbot.waitUntil(lambda: all(file.exists() for file in files), timeout=20_000)
    return [psutil.Process(int(file.read_text())) for file in files]


def shows_all(label: QLabel) -> bool:
    return label.height() >= label.heightForWidth(label.width())


def has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_that_what_was_built_is_told(opened: OpenDialog, tmp_path: Path) -> None:
    (tmp_path / "built").touch()
    dialog = opened("whole")
    assert dialog.status.text() == "Built: /a/graft_native.so (0.4 MB)"
    assert not dialog.outcome.isVisible()
    assert not dialog.bar.isVisible()


def test_that_a_build_asks_for_a_restart_and_can_be_removed(qtbot: QtBot, opened: OpenDialog) -> None:
    dialog = opened("whole")
    assert dialog.status.text() == NOT_BUILT
    dialog.build.click()
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=20_000)
    assert dialog.outcome.text() == BUILT
    wait_for_rest(qtbot, dialog)
    assert dialog.status.text().startswith("Built:")
    dialog.remove.click()
    assert not dialog.outcome.isVisible()
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=20_000)
    assert dialog.outcome.text() == "Deleted 1 compiled file(s)."
    wait_for_rest(qtbot, dialog)
    assert dialog.status.text() == NOT_BUILT


def test_that_a_build_that_is_refused_says_why_and_what_to_do(qtbot: QtBot, opened: OpenDialog) -> None:
    dialog = opened("refuses")
    dialog.build.click()
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=20_000)
    assert dialog.outcome.text() == "There is no C++ compiler. Get one."
    assert dialog.outcome.property("role") == "problem"
    assert dialog.build.isEnabled()
    assert dialog.status.text() == NOT_BUILT


def test_that_a_program_that_is_not_there_is_a_sentence(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb_process, "graft_program", lambda: ("/nowhere/python",))
    dialog = FasterPreviews()
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: "could not be started" in dialog.status.text(), timeout=20_000)
    assert dialog.build.isEnabled()


@pytest.mark.parametrize("behaviour", ["waits", "stubborn"])
def test_that_cancelling_ends_the_verb_and_its_compilers(
    qtbot: QtBot, opened: OpenDialog, tmp_path: Path, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = opened(behaviour)
    dialog.process._patience.setInterval(300 if behaviour == "stubborn" else 60_000)
    compilers = begin_build(qtbot, dialog, tmp_path)
    assert dialog.build.text() == "Cancel"
    assert dialog.bar.isVisible()
    assert dialog.progress.text().startswith("Compiling the kernels for this machine, ")
    assert not dialog.remove.isEnabled()
    dialog.build.click()
    assert dialog.progress.text().startswith("Ending")
    dialog.build.click()  # twice is the same as once
    qtbot.waitUntil(lambda: dialog.outcome.text() == CANCELLED, timeout=20_000)
    assert not dialog.process.is_at_work
    assert dialog.build.text() == "Build"
    assert not dialog.bar.isVisible()
    qtbot.waitUntil(lambda: all(map(has_ended, compilers)), timeout=20_000)
    # One whose compiler has died clears away what it left.
    assert (tmp_path / "workshop").exists() == (behaviour == "stubborn")


def test_that_closing_ends_a_build(qtbot: QtBot, opened: OpenDialog, tmp_path: Path) -> None:
    dialog = opened("waits")
    compilers = begin_build(qtbot, dialog, tmp_path)
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    assert not dialog.process.is_at_work
    assert not (tmp_path / "workshop").exists()
    qtbot.waitUntil(lambda: all(map(has_ended, compilers)), timeout=20_000)


def test_that_a_build_gives_way_to_the_window(qtbot: QtBot, opened: OpenDialog, tmp_path: Path) -> None:
    dialog = opened("waits")
    compilers = begin_build(qtbot, dialog, tmp_path)
    assert all(process.nice() != psutil.Process().nice() for process in compilers)
    dialog.close()


def test_that_closing_graft_ends_a_build(desk: Desk, pretend: Callable[[str], None], tmp_path: Path) -> None:
    pretend("waits")
    window = desk.studio.window
    window.actions_["faster_previews"].trigger()
    window.actions_["faster_previews"].trigger()
    (dialog,) = window.findChildren(FasterPreviews)
    desk.wait_until(dialog.build.isEnabled)
    compilers = begin_build(desk.qtbot, dialog, tmp_path)
    window.close()
    assert not dialog.isVisible()
    desk.wait_until(lambda: all(map(has_ended, compilers)))


def test_that_the_palette_offers_faster_previews(desk: Desk, pretend: Callable[[str], None]) -> None:
    pretend("whole")
    desk.studio.window.actions_["palette"].trigger()
    (palette,) = desk.studio.window.findChildren(Palette)
    palette.field.setText("faster")
    desk.press(Qt.Key.Key_Return, palette.field)
    (dialog,) = desk.studio.window.findChildren(FasterPreviews)
    dialog.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    desk.studio.window.actions_["faster_previews"].trigger()  # a fresh one, which looks again
    (dialog,) = desk.studio.window.findChildren(FasterPreviews)
    desk.wait_until(lambda: dialog.status.text() == NOT_BUILT)
    dialog.close()


def test_that_long_sentences_and_paths_fit(qtbot: QtBot, opened: OpenDialog, qapp: QApplication) -> None:
    dialog = opened("chatters")
    assert "kernels" in dialog.status.text()
    dialog.build.click()
    wait_for_rest(qtbot, dialog)
    assert len(dialog.outcome.text()) > 400
    apply_theme(qapp, LIGHT)
    qtbot.waitUntil(lambda: shows_all(dialog.outcome) and shows_all(dialog.status), timeout=5000)
    assert dialog.width() <= 520
    assert dialog.height() <= 640


def test_that_about_says_how_previews_are_drawn(desk: Desk) -> None:
    assert previews_text(EngineReady("cpu", "bfloat16", 1.0, kernels=True)) == (
        "Previews: bfloat16 on cpu, compiled kernels"
    )
    assert previews_text(None) == "Previews: the engine is starting."
    desk.studio.window.actions_["about"].trigger()
    (about,) = desk.studio.window.findChildren(About)
    assert about.previews.text() == "Previews: float32 on cpu"
    about.close()
