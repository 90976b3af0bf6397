"""Measuring a model and making practice pictures, with a verb that does nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PIL import Image
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QFileDialog, QMenu

from gui.measuring.flow import CARD_ID, MeasureFlow
from gui.measuring.words import NOTHING
from gui.training.practice_flow import CARD_ID as PRACTICE_CARD

VERB = Path(__file__).with_name("fake_verb.py")
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

OpenFlow = Callable[..., tuple[Desk, MeasureFlow]]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        Image.new("RGB", (64, 64), (10 * number, 90, 120)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def measuring(make_desk: MakeDesk) -> OpenFlow:
    def open_window(behaviour: str) -> tuple[Desk, MeasureFlow]:
        desk = make_desk()
        flow = desk.studio.measuring
        flow.process.program = (sys.executable, str(VERB), behaviour)
        desk.studio.window.actions_["measure"].trigger()
        return desk, flow

    return open_window


def test_that_a_measured_model_shows_its_figures_beside_those_of_real_pictures(
    measuring: OpenFlow, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, flow = measuring("whole")
    window, results = flow.window, flow.window.results
    assert not results.save_report.isEnabled()
    desk.drop(pictures, on=window.data.drop)
    desk.drop(pictures / "0.png", on=window.originals.drop)
    desk.wait_until(lambda: "4 pictures" in window.data.drop.caption)
    window.samples.set_value(300)
    window.start.click()
    assert window.start.text() == "Cancel"
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is not None
    desk.wait_until(lambda: not flow.process.is_at_work and window.start.text() == "Measure")
    assert results.state.text() == "Measured portrait in 1 min."
    shown = {name: (results.values[name].text(), results.floors[name].text()) for name in results.values}
    assert shown == {
        "kid": ("0.2500 ± 0.0100", "0.0500"), "fid": ("30.00", "12.00"), "precision": ("0.50", "0.75"),
        "recall": ("0.25", "0.80"), "ppl": ("31.5 ± 2.0", NOTHING),
    }  # fmt: skip
    assert results.meanings["kid"].text().startswith("5.0 times as far")
    assert results.meanings["recall"].text().startswith("25 in 100")
    assert "2 of 300 samples lie closer" in results.copies.text()
    assert "not Inception's" in results.features.text()
    assert "0123456789ab" not in results.features.text()
    assert results.sheet.sheet is not None
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is None
    saved = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(saved), ""))
    results.save_sheet.click()
    with Image.open(tmp_path / "mine.png") as sheet:
        assert sheet.size == (96, 64)
    results.save_report.click()
    arguments = json.loads((tmp_path / "mine.json").read_text())
    assert arguments[0] == "measure"
    assert arguments[arguments.index("--data") + 1] == str(pictures)
    assert arguments[arguments.index("--originals") + 1] == str(pictures)
    assert arguments[arguments.index("--samples") + 1] == "300"


def test_that_a_measurement_can_be_cancelled(measuring: OpenFlow, pictures: Path) -> None:
    desk, flow = measuring("waits")
    results = flow.window.results
    flow.window.data.choose(pictures)
    flow.window.start.click()
    desk.wait_until(lambda: results.meanings["ppl"].text().startswith("Smaller"))
    assert results.state.text() == "Measuring portrait. Generating, 75 of 300, 15 s left for this step"
    assert results.bar.fraction == 0.25
    flow.window.start.click()
    desk.wait_until(lambda: results.state.text() == "Cancelled. What was known by then stays below.")
    assert not flow.process.is_at_work
    assert not results.save_report.isEnabled()


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("refuses", "The folder few holds 9 pictures; at least 10 are needed."),
        ("breaks", "The measurement broke down: RuntimeError: out of luck"),
    ],
)
def test_that_a_measurement_that_fails_says_why(measuring: OpenFlow, behaviour: str, sentence: str) -> None:
    desk, flow = measuring(behaviour)
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.results.state.text() == sentence)
    assert flow.window.start.text() == "Measure"


def test_that_a_program_that_is_not_there_is_a_sentence(measuring: OpenFlow) -> None:
    desk, flow = measuring("whole")
    flow.process.program = ("/nowhere/python",)
    flow.window.start.click()
    desk.wait_until(lambda: "could not be started" in flow.window.results.state.text())


def test_that_a_measurement_goes_on_behind_a_closed_window(measuring: OpenFlow) -> None:
    desk, flow = measuring("whole")
    flow.window.start.click()
    flow.window.close()
    desk.wait_until(lambda: desk.message() == "“portrait” is measured.")


def test_that_closing_graft_ends_a_measurement(measuring: OpenFlow) -> None:
    desk, flow = measuring("waits")
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.results.bar.fraction == 0.25)
    desk.studio.window.close()
    desk.studio.close()
    assert not flow.process.is_at_work


def test_that_a_model_is_measured_from_its_menu_on_the_shelf(measuring: OpenFlow) -> None:
    desk, flow = measuring("waits")
    flow.window.close()
    shelf = desk.studio.window.parts.shelf
    shelf.models.menu_requested.emit(desk.models["toon"].sha256, QPoint(0, 0))
    menu = next(menu for menu in shelf.findChildren(QMenu) if menu.isVisible())
    next(action for action in menu.actions() if action.text() == "Measure…").trigger()
    menu.close()
    assert flow.window.isVisible()
    assert flow.window.order().name == "toon"


def test_that_practice_pictures_become_the_pictures_to_train_on(
    make_desk: MakeDesk, pictures: Path, tmp_path: Path
) -> None:
    desk = make_desk()
    training = desk.studio.training
    practice = training.practice
    practice.process.program = (sys.executable, str(VERB), "whole")
    desk.studio.window.actions_["train"].trigger()
    training.window.setup.practice.click()
    window = practice.window
    assert not window.start.isEnabled()
    assert window.state.text() == "Choose the folder of the London set first."
    desk.drop(pictures, on=window.london.drop)
    window.styles["pencil"].setChecked(True)
    window.then.setCurrentText("Pencil")
    window.styles["toon"].setChecked(False)
    window.count.set_value(40)
    window.choose_out(tmp_path / "made")
    window.start.click()
    desk.wait_until(lambda: not window.isVisible())
    assert training.window.setup.plan().data == str(tmp_path / "made" / "pencil")
    desk.wait_until(lambda: "3 pictures" in training.window.setup.pictures.caption)
    arguments = json.loads((tmp_path / "made" / "arguments.json").read_text())
    assert arguments[:2] == ["train", "portrait-data"]
    assert arguments[arguments.index("--count") + 1] == "40"
    assert [word for word in arguments if word in ("portrait", "toon", "pencil")] == ["portrait", "pencil"]


def test_that_making_practice_pictures_can_be_cancelled_from_its_card(make_desk: MakeDesk, pictures: Path) -> None:
    desk = make_desk()
    practice = desk.studio.training.practice
    practice.process.program = (sys.executable, str(VERB), "waits")
    practice.open()
    practice.window.london.choose(pictures)
    practice.window.start.click()
    desk.wait_until(lambda: practice.window.bar.fraction == 0.25)
    assert practice.window.state.text() == "10 of 40 pictures, 15 s left"
    card = desk.studio.window.parts.shelf.tray.card(PRACTICE_CARD)
    assert card is not None
    card.cancel_requested.emit(PRACTICE_CARD)
    desk.wait_until(lambda: "Cancelled" in practice.window.state.text())
    assert desk.studio.window.parts.shelf.tray.card(PRACTICE_CARD) is None
