"""PySide6 6.12.0 on Python 3.11 drops a reference of True with every signal and aborts after some hundred."""

from __future__ import annotations

import sys

import pytest
from PySide6.QtCore import QObject, Signal

EMISSIONS = 10_000


class Emitter(QObject):
    nothing = Signal()
    flag = Signal(bool)
    thing = Signal(object)


@pytest.mark.parametrize("name", ["nothing", "flag", "thing"])
def test_that_signals_do_not_eat_references_of_true(name: str) -> None:
    emitter = Emitter()
    heard = []
    signal = getattr(emitter, name)
    signal.connect(lambda *values: heard.append(len(values)))
    values = () if name == "nothing" else (True,)
    before = sys.getrefcount(True)
    for _ in range(EMISSIONS):
        signal.emit(*values)
    assert len(heard) == EMISSIONS
    assert abs(sys.getrefcount(True) - before) < EMISSIONS // 100
