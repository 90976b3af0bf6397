"""Get models: the list, a download from a server on this computer, its card, and the way onto the shelf."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from loopback import Answer, Loopback, ranged, serving
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.catalogue import CatalogueEntry, Licence
from engine.library_links import LinkTable
from engine.state import ModelRef
from gui.app import Studio
from gui.get_models.details import Standing
from gui.get_models.flow import CARD_PREFIX, GetModelsFlow
from gui.get_models.window import GetModelsWindow
from gui.widgets.job_card import JobState

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

MODEL = b"\x80\x02" + bytes(range(256)) * 800
SHA256 = hashlib.sha256(MODEL).hexdigest()
LICENCE = Licence("Some licence", "https://example.org/licence", "Not for sale.")
FACES = CatalogueEntry("faces", "Great faces", "", "Maker", LICENCE, "faces", 256, "ffhq", "StyleGAN2", "https://x.org")

Respond = Callable[[int, Any], Answer]


class Shop:
    """A desk with a catalogue of one, served as the test says."""

    def __init__(self, desk: Desk, server: Loopback, **entry: Any) -> None:
        self.desk = desk
        self.entry = replace(FACES, url=f"{server.base}/great.pkl", **entry)
        other = replace(FACES, id="alias", name="Alias-free cats", url=f"{server.base}/3.pkl", readable=False)
        studio = desk.studio
        self.flow = GetModelsFlow(
            studio.window, studio.collection, studio.bridge, studio.window.parts.shelf.tray, studio.messages,
            studio.places, studio.opener.use_model, studio, catalogue=(self.entry, other),
        )  # fmt: skip
        studio.__dict__["get_models"] = self.flow
        studio.window.actions_["get_models"].trigger()

    @property
    def window(self) -> GetModelsWindow:
        return self.flow.window

    @property
    def state(self) -> Standing:
        return self.flow.standing(self.entry)

    def buy(self) -> None:
        self.window.details.primary.click()

    def wait_for(self, standing: Standing) -> None:
        self.desk.wait_until(lambda: self.state is standing)

    @property
    def card_state(self) -> JobState | None:
        card = self.desk.studio.window.parts.shelf.tray.card(CARD_PREFIX + self.entry.url)
        return card.state if card is not None else None

    @property
    def folder(self) -> Path:
        return self.desk.studio.places.downloads_folder


@pytest.fixture
def open_shop(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shop]]:
    monkeypatch.setattr("fake_engine.sha_of", lambda content: hashlib.sha256(content).hexdigest())
    servers: list[Loopback] = []
    managers = []

    def make(respond: Respond | None = None, **entry: Any) -> Shop:
        manager = serving(respond or (lambda number, handler: ranged(handler, MODEL)))
        managers.append(manager)
        servers.append(manager.__enter__())
        return Shop(desk, servers[-1], **entry)

    yield make
    desk.studio.window.close()
    desk.studio.close()
    for manager in managers:
        manager.__exit__(None, None, None)


def test_that_the_real_catalogue_opens_with_the_first_entry_and_its_licence(desk: Desk) -> None:
    desk.studio.window.actions_["get_models"].trigger()
    window = desk.studio.get_models.window
    assert len(window.entries.items) > 20
    assert window.details.licence.text().startswith("NVIDIA")
    assert window.details.primary.text() == "Accept and download"
    window.search.setText("cats 512")
    assert {item.name for item in window.entries.items} >= {"AFHQ cats"}
    assert all("512" in item.caption for item in window.entries.items)
    window.search.setText("no such thing")
    assert window.nothing.isVisibleTo(window)


def test_that_a_model_is_downloaded_and_stands_on_the_shelf_with_its_licence(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    assert shop.window.details.gist.text() == "Not for sale."
    shop.buy()
    shop.wait_for(Standing.HERE)
    record = shop.desk.studio.collection.model(SHA256)
    assert record is not None
    assert record.ref.name == "Great faces"
    assert record.note["licence"] == "Some licence. Not for sale."
    assert record.note["from"] == shop.entry.url
    assert (shop.folder / "great.pkl").read_bytes() == MODEL
    assert shop.card_state is JobState.DONE
    assert shop.window.details.primary.text() == "Use as B"
    shop.buy()
    assert shop.desk.state.model_b == ModelRef(SHA256, "Great faces")


def test_that_closing_the_window_disturbs_no_download_and_a_click_on_its_card_brings_it_back(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(lambda number, handler: ranged(handler, MODEL, pause_s=0.01))
    shop.buy()
    shop.window.close()
    shop.desk.wait_until(lambda: shop.card_state is JobState.RUNNING)
    shop.desk.studio.window.parts.shelf.tray.card_opened.emit(CARD_PREFIX + shop.entry.url)
    assert shop.window.isVisible()
    shop.wait_for(Standing.HERE)


def test_that_a_download_pauses_and_goes_on_where_it_was(open_shop: Callable[..., Shop]) -> None:
    requests: list[str | None] = []

    def respond(number: int, handler: Any) -> Answer:
        requests.append(handler.headers.get("Range"))
        return ranged(handler, MODEL, stall_after=40_000 if number == 0 else None)

    shop = open_shop(respond)
    shop.buy()
    shop.desk.wait_until(lambda: shop.flow._kept_bytes(shop.entry) == 40_000)
    assert shop.window.details.primary.text() == "Pause"
    shop.buy()
    shop.wait_for(Standing.PARTLY)
    assert shop.card_state is JobState.PAUSED
    assert shop.window.details.primary.text() == "Resume"
    shop.buy()
    shop.wait_for(Standing.HERE)
    assert requests == [None, "bytes=40000-"]


def test_that_cancelling_deletes_what_has_come(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(lambda number, handler: ranged(handler, MODEL, stall_after=40_000))
    shop.buy()
    shop.desk.wait_until(lambda: shop.flow._kept_bytes(shop.entry) == 40_000)
    shop.window.details.cancel.click()
    shop.wait_for(Standing.THERE)
    assert shop.card_state is None
    assert [path for path in shop.folder.iterdir() if not path.name.endswith(".lock")] == []


def test_that_a_wrong_checksum_is_told_and_nothing_reaches_the_shelf(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(sha256=hashlib.sha256(b"published").hexdigest())
    shop.buy()
    shop.desk.wait_until(lambda: shop.card_state is JobState.FAILED)
    assert "not the file that its maker published" in shop.desk.message()
    assert "not the file" in shop.window.details.state.text()
    assert shop.desk.studio.collection.model(SHA256) is None


def test_that_a_web_page_in_place_of_the_file_is_told(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(lambda number, handler: Answer(b"<html>log in</html>", headers={"Content-Type": "text/html"}))
    shop.buy()
    shop.desk.wait_until(lambda: shop.card_state is JobState.FAILED)
    assert "gave a web page" in shop.desk.message()


def test_that_a_file_that_changed_since_the_first_time_waits_for_the_users_word(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop()
    LinkTable(shop.desk.studio.library.file).note_fetched(shop.entry.url, "ab" * 32, 5)
    shop.flow._reload()
    shop.buy()
    shop.wait_for(Standing.CHANGED)
    assert shop.window.details.primary.text() == "Accept the other file"
    shop.buy()
    shop.wait_for(Standing.HERE)


def test_that_a_model_which_cannot_be_run_yet_says_so_and_is_only_kept(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    url = shop.flow.entries[1].url
    shop.window.entries.picked.emit(url)
    shop.window.entries.select(url)
    shop.flow._show_entry()
    assert "does not run them yet" in shop.window.details.state.text()
    shop.buy()
    shop.desk.wait_until(lambda: "is here" in shop.desk.message())
    assert shop.desk.studio.collection.model(SHA256) is None


def test_that_an_address_of_ones_own_is_added_downloaded_and_forgotten(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop()
    url = shop.entry.url.replace("great", "mine")
    shop.window.from_link.click()
    form = shop.window.form
    form.address.setText("http://example.org/m.pkl")
    QTest.keyClick(form.address, Qt.Key.Key_Return)
    assert "not encrypted" in form.problem.text()
    form.address.setText(url)
    form.sha256.setText("12")
    QTest.keyClick(form.address, Qt.Key.Key_Return)
    assert "no SHA-256" in form.problem.text()
    form.sha256.setText(hashlib.sha256(MODEL).hexdigest().upper())
    QTest.keyClick(form.sha256, Qt.Key.Key_Return)
    assert shop.window.entries.selected_key == url
    assert shop.window.details.title.text() == "mine"
    assert "ask the maker" in shop.window.details.licence.text()
    shop.buy()
    shop.desk.wait_until(lambda: shop.desk.studio.collection.model(SHA256) is not None)
    shop.window.details.forget.click()
    assert url not in [entry.url for entry in shop.flow.entries]


def test_that_closing_graft_stops_a_download_whose_rest_comes_after_the_next_start(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(lambda number, handler: ranged(handler, MODEL, stall_after=40_000))
    shop.buy()
    shop.desk.wait_until(lambda: shop.flow._kept_bytes(shop.entry) == 40_000)
    shop.desk.studio.window.close()
    assert shop.desk.studio.close()
    assert not shop.flow.transfers._running or all(
        not running.thread.is_alive() for running in shop.flow.transfers._running.values()
    )
    assert shop.flow._kept_bytes(shop.entry) == 40_000


def test_that_the_window_is_made_only_when_it_is_wanted(desk: Desk) -> None:
    assert isinstance(inspect.getattr_static(Studio, "get_models"), cached_property)
    assert "get_models" not in desk.studio.__dict__
