"""A whole window over a scripted engine, in folders of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from fake_engine import FakeEngine, descriptor, sha_of
from pytestqt.qtbot import QtBot

from engine.latents import LatentStore
from engine.library import Library
from engine.messages import Publish
from engine.places import Places
from gui.app import Studio


@pytest.fixture
def make_desk(qtbot: QtBot, tmp_path: Path) -> Iterator[MakeDesk]:
    """Opens windows; a second one on the same folder is the next start of the program."""
    studios: list[Studio] = []

    def make(
        *,
        home: str = "home",
        models: tuple[str, ...] = ("portrait", "toon"),
        looks: Path | None = None,
        **script: object,
    ) -> Desk:
        root = tmp_path / home
        nothing = tmp_path / "nothing"
        nothing.mkdir(exist_ok=True)
        engines: list[FakeEngine] = []

        def make_engine(library: Library, store: LatentStore, publish: Publish) -> FakeEngine:
            engines.append(FakeEngine(library, store, publish, **script))  # type: ignore[arg-type]
            return engines[-1]

        places = Places(root / "config", root / "data", root / "cache")
        studio = Studio(places, make_engine, embedded_models=nothing, sample_looks_folder=looks or nothing)
        qtbot.addWidget(studio.window)
        studios.append(studio)
        refs = {}
        for name in models:
            refs[name] = studio.library.add_model(tmp_path / f"{name}.pkl", sha_of(name.encode()), name, descriptor())
        studio.show()
        desk = Desk(studio, engines[0], refs, qtbot, tmp_path)
        desk.wait_until(lambda: engines[0].started)
        if models and engines[0].automatic:
            desk.settle()
        return desk

    yield make
    for studio in studios:
        studio.window.close()
        studio.close()


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    """A window that shows portrait and toon, settled."""
    return make_desk()
