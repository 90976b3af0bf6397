from __future__ import annotations

import numpy as np
from fake_engine import FakeEngine
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from engine.latents import LatentStore
from engine.library import Library
from engine.messages import MakeThumbnail
from engine.state import EditState, ModelRef, with_seed
from gui.engine_bridge import EngineBridge
from gui.state_pictures import StatePictures
from gui.thumbnails import Thumbnails

START = EditState(ModelRef("a" * 64, "portrait"))


def seeds(*numbers: int) -> list[EditState]:
    return [with_seed(START, number) for number in numbers]


def test_that_pictures_come_in_the_wanted_order_and_the_oldest_go(qtbot: QtBot, tmp_path: object) -> None:
    engines: list[FakeEngine] = []

    def make(publish: object) -> FakeEngine:
        engines.append(FakeEngine(Library.__new__(Library), LatentStore(), publish))  # type: ignore[arg-type]
        return engines[-1]

    bridge = EngineBridge(make)
    bridge.start()
    thumbnails = Thumbnails(bridge)
    pictures = StatePictures(thumbnails, prefix="test:", size_px=32, kept=4)
    came: list[EditState] = []
    pictures.ready.connect(lambda state, picture: came.append(state))
    pictures.want("one", seeds(1, 2))
    pictures.want("other", seeds(3))
    pictures.want("one", seeds(2, 4))
    qtbot.waitUntil(lambda: len(came) >= 4)
    assert set(came) == set(seeds(1, 2, 3, 4))  # the first was under way already
    assert came.index(seeds(2)[0]) < came.index(seeds(3)[0])
    drew = [job for job in engines[0].submitted if isinstance(job, MakeThumbnail)]
    assert {job.size_px for job in drew} == {32}
    picture = pictures.picture(seeds(3)[0])
    assert isinstance(picture, QImage)
    assert picture.width() == 32
    assert pictures.picture(seeds(9)[0]) is None
    pictures.keep(seeds(5)[0], np.zeros((8, 8, 4), np.uint8))
    pictures.keep(EditState(), np.zeros((8, 8, 4), np.uint8))
    assert pictures.picture(seeds(1)[0]) is None
    assert pictures.picture(seeds(5)[0]) is not None
    assert pictures.picture(EditState()) is None
    bridge.stop()
