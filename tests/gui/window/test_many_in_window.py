"""A folder of photos from the window: what is asked for, what comes onto the shelf, and what goes on after an end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from test_every_control import what_is_missing

from engine.invert_events import PortraitFound
from engine.library_tags import Kind
from engine.state import StoredLatent
from gui.left_out_words import left_out_words
from gui.many.flow import CARD_ID, ManyFlow, arguments_for, text_of, wish_of
from gui.many.pair_list import MOST, PairList, pair_of
from gui.many.window import GOES_ON, NOTHING

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
VERB = Path(__file__).with_name("fake_verb.py")
OpenMany = Callable[[str], tuple[Desk, ManyFlow]]


@pytest.fixture
def many(make_desk: MakeDesk) -> OpenMany:
    def open_window(behaviour: str) -> tuple[Desk, ManyFlow]:
        desk = make_desk()
        flow = desk.studio.many_portraits
        flow.process.program = (sys.executable, str(VERB), behaviour)
        desk.studio.window.actions_["invert_many"].trigger()
        return desk, flow

    return open_window


def choose_photos(desk: Desk, flow: ManyFlow) -> Path:
    photos = desk.folder / "Holiday"
    photos.mkdir(exist_ok=True)
    Image.new("RGB", (64, 64)).save(photos / "anna.png")
    desk.drop(photos / "anna.png", on=flow.window)
    desk.wait_until(lambda: flow.window.photos.folder == photos)
    return photos


def test_that_what_is_found_goes_on_the_shelf_one_by_one_with_all_that_is_known(many: OpenMany) -> None:
    desk, flow = many("whole")
    window, collection = flow.window, desk.studio.collection
    assert window.focusWidget() is window.photos.drop
    assert not window.start.isEnabled()
    assert window.note.text() == NOTHING
    before = len(collection.latents())
    photos = choose_photos(desk, flow)
    window.faces.picked.emit("all")
    window.faces.set_current("all")
    window.editability.set_value(0.2)
    window.start.click()
    assert window.start.text() == "Stop"
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is not None
    desk.wait_until(lambda: window.start.text() == "Find them" and len(collection.latents()) == before + 2)
    assert window.state.text() == "2 found, 1 left out, in 4 s. 2 portraits: like."
    assert window.left_out.text() == "Left out: wall.png: No face was found in it."
    assert desk.message().startswith("2 portraits are on the shelf.")
    assert window.report.isVisible()
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is None
    record = next(record for record in collection.latents() if record.latent.name == "bert, face 2")
    assert record.model is not None
    assert record.model.sha256 == window.model.currentData()
    assert record.source is not None
    assert record.source.path == Path("/photos/bert, face 2.jpg")
    assert record.likeness is not None
    assert collection.tags((Kind.PORTRAIT, record.latent.key)) == ("holiday",)
    assert collection.latent_picture(record.latent.key) is not None
    assert desk.studio.photos.has(record.latent.key)
    arguments = json.loads((desk.folder / "Holiday portraits" / "arguments.json").read_text())
    assert arguments[:2] == ["invert", str(photos)]
    assert {"--all-faces", "--no-noise"} <= set(arguments)
    assert arguments[arguments.index("--steps") + 1] == "50"
    assert arguments[arguments.index("--editability") + 1] == "0.2"


def test_that_a_portrait_is_put_under_the_sliders_from_the_list(many: OpenMany) -> None:
    desk, flow = many("whole")
    choose_photos(desk, flow)
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.pairs.count() == 2 and not flow.process.is_at_work)
    flow.window.pairs.setCurrentRow(1)
    desk.press(Qt.Key.Key_Return, on=flow.window.pairs)
    desk.wait_until(lambda: isinstance(desk.state.latent, StoredLatent) and desk.state.latent.name == "anna")


def test_that_a_stopped_folder_goes_on_also_in_another_window(many: OpenMany) -> None:
    desk, flow = many("waits")
    photos = choose_photos(desk, flow)
    flow.window.quality.set_current("200")
    flow.window.start.click()
    desk.wait_until(lambda: "1 of 4, 12 s left" in flow.window.state.text())
    flow.window.start.click()
    desk.wait_until(lambda: "Stopped" in flow.window.state.text())
    assert flow.window.note.text() == GOES_ON
    again = ManyFlow(
        desk.studio.window, desk.studio.session, desk.studio.collection, desk.studio.store,
        desk.studio.window.parts.shelf.tray, desk.studio.messages, desk.studio.settings, (),
        lambda key, crop: None, lambda record: None,
    )  # fmt: skip
    wish = again.window.wish()
    assert wish is not None
    assert (wish.photos, wish.steps) == (photos, 200)
    assert again.window.note.text() == GOES_ON
    again.close()


def test_that_what_is_stopped_is_not_told_as_broken(many: OpenMany) -> None:
    desk, flow = many("waits")
    choose_photos(desk, flow)
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.left_out.text() == "Left out: wall.png: No face was found in it.")
    flow.window.start.click()
    late = {"event": "PhotoLeftOut", "photo": "anna.png", "problem": "The search broke down over it."}
    flow.process.said.emit(json.dumps(late))
    desk.wait_until(lambda: "Stopped" in flow.window.state.text())
    assert flow.window.left_out.text() == "Left out: wall.png: No face was found in it."


def test_that_a_search_that_fails_says_why(many: OpenMany) -> None:
    desk, flow = many("refuses")
    choose_photos(desk, flow)
    flow.window.start.click()
    desk.wait_until(lambda: not flow.process.is_at_work and flow.window.start.text() == "Find them")
    assert "at least 10 are needed" in flow.window.state.text()
    assert not flow.window.report.isVisible()


def test_that_a_search_at_once_needs_an_encoder(many: OpenMany) -> None:
    desk, flow = many("whole")
    choose_photos(desk, flow)
    flow.window.quality.set_current("0")
    flow.window.check()
    assert "needs an encoder" in flow.window.note.text()
    assert not flow.window.start.isEnabled()


def test_that_a_portrait_that_was_thrown_away_does_not_come_back(many: OpenMany) -> None:
    desk, flow = many("whole")
    collection = desk.studio.collection
    choose_photos(desk, flow)
    before = len(collection.latents())
    flow.window.start.click()
    desk.wait_until(lambda: len(collection.latents()) == before + 2 and not flow.process.is_at_work)
    collection.trash([(Kind.PORTRAIT, record.latent.key) for record in collection.latents()[:2]])
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.pairs.count() == 2 and not flow.process.is_at_work)
    assert len(collection.latents()) == before


def test_that_files_that_are_gone_disturb_nothing(many: OpenMany) -> None:
    desk, flow = many("whole")
    failed: list[object] = []
    flow._shelver.failed.connect(failed.append)
    files = ("/nowhere/a.safetensors", "/nowhere/a.png", "/nowhere/c.png")
    flow._shelver.put(PortraitFound("a.jpg", 1, "a", *files, is_new=True))
    desk.wait_until(lambda: failed)
    assert flow.window.pairs.count() == 0


def test_that_a_wish_is_remembered_whole_or_not_at_all(many: OpenMany) -> None:
    desk, flow = many("whole")
    choose_photos(desk, flow)
    wish = flow.window.wish()
    assert wish is not None
    assert wish_of(text_of(wish)) == wish
    for text in ("", "{}", "[]", text_of(wish).replace("steps", "stops"), "{\"photos\": 3}"):
        assert wish_of(text) is None
    noise = arguments_for(replace(wish, space="w+noise"))
    assert "--noise" in noise
    assert noise[noise.index("--space") + 1] == "w+"
    assert arguments_for(replace(wish, space="w"))[noise.index("--space") + 1] == "w"


def test_that_the_newest_are_shown_and_the_list_does_not_grow_for_ever(qtbot: QtBot) -> None:
    pairs = PairList()
    qtbot.addWidget(pairs)
    pair = pair_of(QImage(), QImage(8, 8, QImage.Format.Format_RGB32))
    for number in range(MOST + 5):
        pairs.add(str(number), f"portrait {number}", pair, "")
    pairs.add("7", "portrait 7 again", pair, "")
    assert pairs.count() == MOST
    assert pairs.item(0).text() == "portrait 7 again"


def test_that_a_reason_is_told_once_with_whom_it_is_about() -> None:
    left_out = [(f"{number}.jpg", "No face.") for number in range(5)] + [("x.jpg", "Junk.")]
    assert left_out_words(left_out) == "Left out: 0.jpg, 1.jpg, 2.jpg and 2 more: No face; x.jpg: Junk."


def test_that_every_control_of_the_window_says_what_it_is(many: OpenMany) -> None:
    desk, flow = many("whole")
    choose_photos(desk, flow)
    assert not what_is_missing(flow.window)
    flow.window.start.click()
    desk.wait_until(lambda: flow.window.report.isVisible())
    assert not what_is_missing(flow.window)
