"""Signals that ask a long run to save and stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """A first signal asks the run to save and stop; a second one does what it always did.

    Those that the process was started to ignore stay ignored: nohup means that the run outlives its terminal.
    """
    stop = threading.Event()
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    before: Mapping[int, Any] = {}

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, before[number])

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
