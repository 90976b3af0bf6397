"""Results of stages, kept under keys that name exactly what they depend on, within a budget of bytes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Hashable, Mapping
from typing import Any, TypeAlias

Memory: TypeAlias = Mapping[Hashable, int]
"""What keeping a result holds on to: bytes by block of memory, however many tensors look at the same one."""


class StageCache:
    """Least recently used goes first. Not thread-safe: it belongs to the thread that computes.

    Nothing is ever invalidated. A key holds everything that decides its result (latents, shares, noise, the models'
    hashes, the key of the stage before), so what changes has another key, and what comes back is found again.

    Args:
        budget_bytes: How much the kept results may hold together. A single larger one is not kept.
        max_entries: How many are kept at most: of a small model, thousands would fit that no hand ever comes back to.

    Attributes:
        used_bytes: How much they hold now. Memory that several results share counts once.
        pinned: Keys that nothing drives out for now; what finds no room beside them is not kept.
    """

    def __init__(self, budget_bytes: int, max_entries: int = 512) -> None:
        self.budget_bytes = budget_bytes
        self.max_entries = max_entries
        self.used_bytes = 0
        self.pinned: Collection[Hashable] = frozenset()
        self._entries: OrderedDict[Hashable, tuple[Any, Memory]] = OrderedDict()
        self._holders: Counter[Hashable] = Counter()

    def get(self, key: Hashable) -> Any | None:
        """The result, or None. The caller knows its type by the key; it is shared: never write into it."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, result: Any, memory: Memory) -> bool:
        """Keep `result`, and let go of the oldest ones until the budget holds.

        Returns:
            Whether it was kept.
        """
        self.drop(key)
        if sum(memory.values()) > self.budget_bytes:
            return False
        self._entries[key] = (result, memory)
        for block, size in memory.items():
            self.used_bytes += 0 if self._holders[block] else size
            self._holders[block] += 1
        while self.used_bytes > self.budget_bytes or len(self._entries) > self.max_entries:
            # The newest is the last that is looked at: it goes when all others are pinned.
            self.drop(next(old for old in self._entries if old not in self.pinned or old == key))
        return key in self._entries

    def drop(self, key: Hashable) -> None:
        """Let go of one result, if it is here."""
        _, memory = self._entries.pop(key, (None, {}))
        for block, size in memory.items():
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                self.used_bytes -= size

    def clear(self) -> None:
        self._entries.clear()
        self._holders.clear()
        self.used_bytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)


class ReadOnlyCache(StageCache):
    """Finds what another cache holds and leaves nothing in it."""

    def __init__(self, other: StageCache) -> None:
        super().__init__(0)
        self._other = other

    def get(self, key: Hashable) -> Any | None:
        return self._other.get(key)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._other


class PickyCache(ReadOnlyCache):
    """Finds what another cache holds, and leaves there only what is worth it.

    Args:
        wanted: Keys of what is.
        budget_bytes: How much may be left there in all.
    """

    def __init__(self, other: StageCache, wanted: Collection[Hashable], budget_bytes: int) -> None:
        super().__init__(other)
        self._wanted = wanted
        self._left_bytes = budget_bytes

    def put(self, key: Hashable, result: Any, memory: Memory) -> bool:
        size = sum(memory.values())
        if key not in self._wanted or size > self._left_bytes:
            return False
        self._left_bytes -= size
        return self._other.put(key, result, memory)
