"""One entry of the history, and trees of them as plain tuples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from engine.state import EditState
from engine.variations import Sheet


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Attributes:
    label: What led to this state, in a word or two.
    parent: Place of the entry that this one was made from, which is always before its own. None is the entry
        just before it, and nothing for the first: so entries without parents are one line.
    name: What the user calls it.
    sheets: Sheets of variations that were shown round it, the oldest first.
    """

    state: EditState
    label: str = ""
    parent: int | None = None
    name: str = ""
    is_starred: bool = False
    sheets: tuple[Sheet, ...] = ()

    @property
    def is_marked(self) -> bool:
        """Whether the user said that this one matters."""
        return self.is_starred or bool(self.name)

    @property
    def title(self) -> str:
        return self.name or self.label


def parents_of(entries: Sequence[HistoryEntry]) -> list[int | None]:
    """The parent of every entry: None for the first alone.

    Raises:
        ValueError: a parent is not before its child.
    """
    parents: list[int | None] = []
    for place, entry in enumerate(entries):
        parent = place - 1 if entry.parent is None else entry.parent
        if place and not 0 <= parent < place:
            raise ValueError(f"the parent of entry {place} is {parent}, which is not before it")
        parents.append(parent if place else None)
    return parents


def without(
    entries: Sequence[HistoryEntry], dropped: Collection[int]
) -> tuple[list[HistoryEntry], dict[int, int]]:
    """The tree without some entries: what hung on them hangs on what they hung on, or else on the first that is left.

    Returns:
        The entries that are left, and their new places by their old ones.
    """
    gone, parents = set(dropped), parents_of(entries)
    kept: list[HistoryEntry] = []
    places: dict[int, int] = {}
    for place, entry in enumerate(entries):
        if place in gone:
            continue
        parent = parents[place]
        while parent is not None and parent in gone:
            parent = parents[parent]
        new_parent = None if not kept else 0 if parent is None else places[parent]
        if entry.parent is None and new_parent == len(kept) - 1:
            new_parent = None  # still the one just before
        places[place] = len(kept)
        kept.append(entry if entry.parent == new_parent else replace(entry, parent=new_parent))
    return kept, places
