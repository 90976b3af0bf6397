"""Comparing in the window: the bar, pins, blinking, a portrait's photo, the values under the cursor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from hand import click, double_click, hover, key
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox

from engine.messages import InvertPortrait
from engine.state import View, with_alpha, with_seed
from gui.canvas import CanvasMode
from gui.compare.bar import CompareBar
from gui.compare.photos import read_photo
from gui.compare.pins import Pin, pins_from_plain, pins_to_plain
from gui.comparison import CompareStyle, Still

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def act(desk: Desk, name: str) -> None:
    desk.studio.window.actions_[name].trigger()


def bar(desk: Desk) -> CompareBar:
    return desk.studio.compare.bar


def choose(box: QComboBox, value: str) -> None:
    box.setCurrentIndex(box.findData(value))
    box.activated.emit(box.currentIndex())


def edit(desk: Desk, alpha: float) -> None:
    desk.studio.session.edit(with_alpha(desk.state, alpha))
    desk.settle()


def test_that_the_bar_comes_with_the_mode_and_goes_with_it(desk: Desk) -> None:
    act(desk, "show_compare")
    assert bar(desk).isVisible()
    act(desk, "show_triptych")
    assert not bar(desk).isVisible()


def test_that_both_sides_and_the_way_are_chosen_in_the_bar_and_the_way_is_remembered(make_desk: MakeDesk) -> None:
    desk = make_desk()
    act(desk, "show_compare")
    choose(bar(desk).left, "b")
    click(bar(desk).style_row, bar(desk).style_row.segment_rect(1).center())
    canvas = desk.studio.canvas
    assert canvas.comparison.plates == (View.B, View.BLEND)
    assert canvas.comparison.style is CompareStyle.PAIR
    assert set(canvas.wanted_views) == {View.B, View.BLEND}
    bar(desk).exchange.click()
    assert canvas.comparison.plates == (View.BLEND, View.B)
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(models=())
    act(again, "show_compare")
    assert bar(again).comparison.style is CompareStyle.PAIR


def test_that_a_pin_keeps_the_picture_and_a_double_click_goes_back_in_one_step(desk: Desk) -> None:
    pinned, frame = desk.state, desk.studio.viewer.frame(View.BLEND)
    act(desk, "pin")
    assert "Pin 1" in desk.message()
    edit(desk, 0.3)
    act(desk, "show_compare")
    canvas, strip = desk.studio.canvas, bar(desk).pins
    assert canvas.comparison.plates == (Still.PIN, View.BLEND)
    assert frame is not None
    kept = canvas._frame_of(Still.PIN)
    assert kept is not None
    np.testing.assert_array_equal(kept.picture.pixels, frame.image)
    act(desk, "pin")
    assert [item.name for item in strip.items] == ["Pin 1", "Pin 2"]
    edit(desk, 0.7)
    steps = len(desk.studio.session.history.entries)
    double_click(strip, strip.place_of("1").center())
    assert desk.state == pinned
    assert len(desk.studio.session.history.entries) == steps + 1
    act(desk, "undo")
    assert desk.state.blend.alpha == 0.7


def test_that_the_same_picture_is_not_pinned_twice_and_delete_takes_a_pin_off(desk: Desk) -> None:
    act(desk, "pin")
    act(desk, "pin")
    assert len(desk.studio.compare.board.pins) == 1
    act(desk, "show_compare")
    key(bar(desk).pins, Qt.Key.Key_Delete)
    assert desk.studio.compare.board.pins == ()
    assert desk.studio.canvas.comparison.plates == (View.A, View.BLEND)
    assert not desk.studio.canvas.has_still(Still.PIN)


def test_that_pins_come_back_with_the_session_and_are_drawn_again(desk: Desk) -> None:
    act(desk, "pin")
    pinned = desk.state
    edit(desk, 0.3)
    path = desk.folder / "pins.graft"
    desk.studio.documents.save(path)
    desk.studio.documents.wait()
    desk.studio.compare.unpin("1")
    desk.studio.documents.open(path)
    desk.wait_until(lambda: desk.studio.compare.board.pins)
    (pin,) = desk.studio.compare.board.pins
    assert pin.state == pinned
    desk.studio.compare.compare_with(pin.key)
    desk.wait_until(lambda: desk.studio.canvas.has_still(Still.PIN))
    kept = desk.studio.canvas._frame_of(Still.PIN)
    assert kept is not None
    np.testing.assert_array_equal(kept.picture.pixels, desk.engine.painter(pinned, View.BLEND, 64))


def test_that_nonsense_for_a_pin_in_a_session_is_passed_over(desk: Desk) -> None:
    plain = pins_to_plain((Pin(1, desk.state), Pin(2, with_seed(desk.state, 5))))
    assert [pin.state for pin in pins_from_plain(plain, 7)] == [desk.state, with_seed(desk.state, 5)]
    assert [pin.name for pin in pins_from_plain(plain | {"pin.0": "{", "pin.5": 3}, 7)] == ["Pin 7"]


def test_that_b_blinks_and_goes_back_to_how_one_looked(desk: Desk) -> None:
    canvas = desk.studio.canvas
    for _ in range(2):
        desk.press(Qt.Key.Key_B)
        assert canvas.look.style is CompareStyle.BLINK
        assert desk.studio.window.actions_["blink"].isChecked()
        desk.press(Qt.Key.Key_B)
        assert canvas.mode is CanvasMode.TRIPTYCH
        assert canvas.comparison.style is CompareStyle.WIPE


def test_that_a_portrait_is_compared_with_its_photo_until_it_is_deleted(desk: Desk, tmp_path: Path) -> None:
    studio = desk.studio
    act(desk, "compare_photo")
    assert "no photo" in desk.message()
    photo = tmp_path / "me.jpg"
    photo.write_bytes(b"a photo")
    desk.drop(photo)
    desk.wait_until(lambda: studio.canvas.is_aligning)
    studio.portraits.start(studio.portraits._points)
    job_id = desk.engine.job_id(InvertPortrait)
    desk.engine.perform(job_id)
    desk.wait_until(lambda: studio.collection.latents())
    key_ = studio.collection.latents()[0].latent.key
    desk.settle()
    act(desk, "compare_photo")
    desk.wait_until(lambda: studio.canvas.has_still(Still.PHOTO))
    assert studio.canvas.comparison.plates == (Still.PHOTO, View.BLEND)
    file = studio.places.cache / "portraits" / f"{key_}.png"
    assert file.stat().st_mode & 0o077 == 0
    studio.session.edit(with_seed(desk.state, 3))
    assert studio.canvas.comparison.plates == (View.A, View.BLEND)
    studio.library.forget_latent(key_)
    studio.collection.refresh()
    desk.wait_until(lambda: not file.exists())


def test_that_a_damaged_photo_is_none(tmp_path: Path) -> None:
    assert read_photo(tmp_path / "nothing.png") is None
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    assert read_photo(bad) is None


def test_that_i_shows_the_values_under_the_cursor_in_place_of_the_caption(desk: Desk) -> None:
    status, canvas = desk.studio.status, desk.studio.canvas
    desk.press(Qt.Key.Key_I)
    hover(canvas, canvas.frames()[View.BLEND].centre)
    assert status.reading.text().startswith("x 32  y 32    A ")
    assert not status.caption.isVisible()
    desk.press(Qt.Key.Key_I)
    assert status.caption.isVisible()
