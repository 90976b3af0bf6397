"""Signals that ask a long run to save and stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SAME_WISH_S = 1.0

@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """A first signal asks the run to save and stop; a second one, later, does what it always did.

    At once after the first it is the same wish: a launcher passes on what the terminal sent to all processes.
    Those that the process was started to ignore stay ignored: nohup means that the run outlives its terminal.
    """
    stop = threading.Event()
    asked_at = 0.0
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1")
    before: Mapping[int, Any] = {}

    def ask(number: int, _frame: object) -> None:
        nonlocal asked_at
        if not stop.is_set():
            asked_at = time.monotonic()
            stop.set()
        elif time.monotonic() - asked_at > SAME_WISH_S:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
