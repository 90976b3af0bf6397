"""Results of stages, kept under keys that name exactly what they depend on, within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class StageCache:
    """Least recently used goes first. Not thread-safe: it belongs to the thread that computes.

    Nothing is ever invalidated. A key holds everything that decides its result (latents, shares, noise, the models'
    hashes, the key of the stage before), so what changes has another key, and what comes back is found again.

    Args:
        budget_bytes: How much the kept results may hold together. A single larger one is not kept.
        max_entries: How many are kept at most: of a small model, thousands would fit that no hand ever comes back to.

    Attributes:
        used_bytes: How much they hold now.
    """

    def __init__(self, budget_bytes: int, max_entries: int = 512) -> None:
        self.budget_bytes = budget_bytes
        self.max_entries = max_entries
        self.used_bytes = 0
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any | None:
        """The result, or None. The caller knows its type by the key; it is shared: never write into it."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, result: Any, size_bytes: int) -> None:
        """Keep `result`, and let go of the oldest ones until the budget holds."""
        if (old := self._entries.pop(key, None)) is not None:
            self.used_bytes -= old[1]
        if size_bytes > self.budget_bytes:
            return
        self._entries[key] = (result, size_bytes)
        self.used_bytes += size_bytes
        while self.used_bytes > self.budget_bytes or len(self._entries) > self.max_entries:
            _, (_, freed) = self._entries.popitem(last=False)
            self.used_bytes -= freed

    def clear(self) -> None:
        self._entries.clear()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)


class ReadOnlyCache(StageCache):
    """Finds what another cache holds and leaves nothing in it."""

    def __init__(self, other: StageCache) -> None:
        super().__init__(0)
        self._other = other

    def get(self, key: Hashable) -> Any | None:
        return self._other.get(key)
