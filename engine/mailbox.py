"""A mailbox that holds one letter: the newest."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestSlot(Generic[T]):
    """Capacity one, newest wins. A thousand slider events cost one render, and the last is always served."""

    def __init__(self, condition: threading.Condition | None = None) -> None:
        """
        Args:
            condition: Shared with other sources that the same thread waits on; own one by default.
        """
        self._condition = condition or threading.Condition()
        self._value: T | None = None
        self.replaced = 0  # how many letters were never read

    def put(self, value: T) -> None:
        with self._condition:
            if self._value is not None:
                self.replaced += 1
            self._value = value
            self._condition.notify_all()

    def take(self) -> T | None:
        """Return the newest unread letter, or None at once."""
        with self._condition:
            value, self._value = self._value, None
            return value

    @property
    def waiting(self) -> bool:
        with self._condition:
            return self._value is not None
