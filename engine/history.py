"""Undo and redo over edit states, as a tree: a whole drag is one step, and an edit after undo begins a branch beside
what was undone. Nothing is lost that was ever an entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.change_label import BLEND_LABELS, FIELD_LABELS, NOISE_LABELS, change_label
from engine.history_entry import HistoryEntry, parents_of, without
from engine.state import EditState
from engine.variations import Sheet

__all__ = ["BLEND_LABELS", "FIELD_LABELS", "NOISE_LABELS", "History", "HistoryEntry", "change_label"]

MAX_ENTRIES = 2000
MAX_BYTES = 32 << 20
MAX_SHEETS = 16
"""Of one entry; the newest are kept."""


class History:
    """A tree of entries with a place in it, and the live state while a hand is on a control.

    Entries are numbered in the order in which they came: a parent is always before its children, and the first is the
    root. Undo goes to the parent, redo to the child that was visited last (or else the newest).

    When there are more than `max_entries`, or they weigh more than `max_bytes`, a fiftieth goes: the oldest that
    nothing hangs on and that are not on the present path, unmarked ones first, and before the marked ones the root.
    """

    def __init__(self, state: EditState, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._max_entries = max(1, max_entries)
        self._max_bytes = max_bytes
        self._live: EditState | None = None
        self._gesture_label = ""
        self._dropped: list[int] = []
        self._next_number = 0
        self._set_entries([HistoryEntry(state, "start")])
        self._index = 0

    @classmethod
    def from_entries(cls, entries: Sequence[HistoryEntry], index: int, tip: int | None = None) -> History:
        """A history that was saved. Needs at least one entry.

        Args:
            index: The place to stand on.
            tip: Where redo leads to from there, in the end; by default along the newest children.

        Raises:
            ValueError: a parent is not before its child.
        """
        history = cls(entries[0].state)
        history._next_number = 0
        history._set_entries(list(entries))
        for place in (tip, index):
            if place is not None:
                history._stand_on(min(max(place, 0), len(entries) - 1))
        history._trim()
        history._dropped.clear()
        return history

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def state(self) -> EditState:
        """What is shown: the live state during a gesture, else the entry that one stands on."""
        return self._entries[self._index].state if self._live is None else self._live

    @property
    def entries(self) -> tuple[HistoryEntry, ...]:
        """All of them, as they came."""
        return tuple(self._entries)

    @property
    def index(self) -> int:
        return self._index

    @property
    def in_gesture(self) -> bool:
        return self._live is not None

    def number(self, index: int) -> int:
        """Names an entry for as long as it is there, whatever goes before it."""
        return self._numbers[index]

    def parent(self, index: int) -> int | None:
        return self._parents[index]

    def children(self, index: int) -> Sequence[int]:
        """The oldest first."""
        return self._children[index]

    @property
    def path(self) -> tuple[int, ...]:
        """From the root over the present entry to where redo leads."""
        back = list(self._ancestors(self._index))
        return (*reversed(back), *self._onward(self._index))

    @property
    def tip(self) -> int:
        """Where redo leads to in the end."""
        return self.path[-1]

    def beside(self, step: int) -> int | None:
        """The entry as far from the root as this one, on the branch before (-1) or after (1): of the fork that is
        nearest on the way back. None when there is no branch on that side."""
        for height, place in enumerate(self._ancestors(self._index)):
            parent = self._parents[place]
            siblings = self._children[parent] if parent is not None else [place]
            at = siblings.index(place) + step
            if 0 <= at < len(siblings):
                branch = [siblings[at], *self._onward(siblings[at])]
                return branch[min(height, len(branch) - 1)]
        return None

    def _ancestors(self, index: int) -> Iterator[int]:
        """The entry itself, its parent, and so on."""
        place: int | None = index
        while place is not None:
            yield place
            place = self._parents[place]

    def _onward(self, index: int) -> Iterator[int]:
        """Where redo leads from an entry, step by step."""
        place = self._next(index)
        while place is not None:
            yield place
            place = self._next(place)

    def _next(self, index: int) -> int | None:
        visited, children = self._visited[index], self._children[index]
        return visited if visited is not None else children[-1] if children else None

    # --- a hand on a control --------------------------------------------------------------------------------------

    def begin_gesture(self, label: str = "") -> None:
        """A hand takes hold. A gesture that was still open ends first."""
        self.end_gesture()
        self._live = self.state
        self._gesture_label = label

    def end_gesture(self) -> bool:
        """The hand lets go: one entry, or none when nothing changed. True when there is a new one."""
        live, self._live = self._live, None
        return live is not None and self._commit(live, self._gesture_label)

    def cancel_gesture(self) -> EditState:
        """Back to where the gesture began."""
        self._live = None
        return self.state

    def apply(self, state: EditState, label: str = "", *, merge: bool = False) -> bool:
        """Go to a new state: an entry of its own, or, during a gesture, a part of it.

        Args:
            label: By default, what `change_label` says.
            merge: Let repeated steps of one kind (an arrow key held down) be one entry.

        Returns:
            Whether the state differs from the one before.
        """
        if state == self.state:
            return False
        if self._live is not None:
            self._live = state
            return True
        return self._commit(state, label, merge=merge)

    def keep(self, state: EditState, label: str = "") -> int | None:
        """Hang a state on the present entry without going there.

        Returns:
            Its place; None when it is the present state or hangs there already.
        """
        self.end_gesture()
        if state == self.state or self._child_with(state) is not None:
            return None
        added = self._add(HistoryEntry(state, label or change_label(self.state, state), self._index))
        number = self._numbers[added]
        self._trim(protected=added)
        return self._numbers.index(number)

    # --- moving ---------------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        live_differs = self._live is not None and self._live != self._entries[self._index].state
        return self._parents[self._index] is not None or live_differs

    @property
    def can_redo(self) -> bool:
        return self._next(self._index) is not None

    @property
    def undo_label(self) -> str:
        """What `undo` would take back; empty when there is nothing."""
        return self._entries[self._index].label if self._parents[self._index] is not None else ""

    @property
    def redo_label(self) -> str:
        onward = self._next(self._index)
        return "" if onward is None else self._entries[onward].label

    def undo(self) -> EditState | None:
        """One step back, ending an open gesture first; None when there is none."""
        self.end_gesture()
        parent = self._parents[self._index]
        return None if parent is None else self.go_to(parent)

    def redo(self) -> EditState | None:
        self.end_gesture()
        onward = self._next(self._index)
        return None if onward is None else self.go_to(onward)

    def go_to(self, index: int) -> EditState:
        """Stand on an entry. All others stay."""
        self.end_gesture()
        if not 0 <= index < len(self._entries):
            raise IndexError(f"there are {len(self._entries)} history entries, not {index}")
        self._stand_on(index)
        return self.state

    # --- marking --------------------------------------------------------------------------------------------------

    def mark(self, index: int, *, name: str | None = None, is_starred: bool | None = None) -> bool:
        """Name an entry, give it a star or take that away. Returns whether anything changed."""
        entry = self._entries[index]
        marked = replace(
            entry,
            name=entry.name if name is None else name,
            is_starred=entry.is_starred if is_starred is None else is_starred,
        )
        self._entries[index] = marked
        return marked != entry

    def note_sheet(self, sheet: Sheet) -> bool:
        """Remember that this sheet was shown round the present entry. Returns whether that is news."""
        entry = self._entries[self._index]
        if entry.sheets and entry.sheets[-1] == sheet:
            return False
        others = tuple(one for one in entry.sheets if one != sheet)
        self._entries[self._index] = replace(entry, sheets=(*others, sheet)[-MAX_SHEETS:])
        return True

    def take_dropped(self) -> tuple[int, ...]:
        """The numbers of entries that went since this was asked last, because there were too many."""
        dropped, self._dropped = tuple(self._dropped), []
        return dropped

    # --- inside ---------------------------------------------------------------------------------------------------

    def _set_entries(
        self, entries: list[HistoryEntry], numbers: list[int] | None = None, sizes: list[int] | None = None
    ) -> None:
        """Take a whole tree, and forget which way was gone.

        Args:
            numbers, sizes: Of each entry, where they are known.
        """
        self._parents = parents_of(entries)
        self._entries = entries
        self._sizes = [_approximate_bytes(entry.state) for entry in entries] if sizes is None else sizes
        self._numbers = list(range(len(entries))) if numbers is None else numbers
        self._next_number = max(self._next_number, self._numbers[-1] + 1)
        self._visited: list[int | None] = [None] * len(entries)
        self._children: list[list[int]] = [[] for _ in entries]
        for place, parent in enumerate(self._parents):
            if parent is not None:
                self._children[parent].append(place)

    def _stand_on(self, index: int) -> None:
        self._index = index
        place = index
        while (parent := self._parents[place]) is not None:
            self._visited[parent] = place
            place = parent

    def _commit(self, state: EditState, label: str, *, merge: bool = False) -> bool:
        before = self._entries[self._index]
        if state == before.state:
            return False
        label = label or change_label(before.state, state)
        parent = self._parents[self._index]
        is_merged = merge and before.label == label and not before.is_marked and not self._children[self._index]
        if (there := self._child_with(state)) is not None:
            self._stand_on(there)
        elif is_merged and parent is not None:
            self._replace_present(replace(before, state=state))
        else:
            self._stand_on(self._add(HistoryEntry(state, label, self._index)))
            self._trim()
        return True

    def _replace_present(self, entry: HistoryEntry) -> None:
        """Put the entry's new state in place of the old, under a new number."""
        self._dropped.append(self._numbers[self._index])
        self._entries[self._index] = entry
        self._sizes[self._index] = _approximate_bytes(entry.state)
        self._numbers[self._index] = self._take_number()

    def _child_with(self, state: EditState) -> int | None:
        return next((child for child in self._children[self._index] if self._entries[child].state == state), None)

    def _add(self, entry: HistoryEntry) -> int:
        added = len(self._entries)
        self._entries.append(entry)
        self._parents.append(entry.parent)
        self._sizes.append(_approximate_bytes(entry.state))
        self._numbers.append(self._take_number())
        self._visited.append(None)
        self._children.append([])
        if entry.parent is not None:
            self._children[entry.parent].append(added)
        return added

    def _take_number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    # --- not too many ---------------------------------------------------------------------------------------------

    def _trim(self, protected: int | None = None) -> None:
        over = len(self._entries) - self._max_entries
        too_heavy = sum(self._sizes) - self._max_bytes
        if over <= 0 and too_heavy <= 0:
            return
        over += self._max_entries // 50  # some at once: a full history is not rebuilt with every step
        gone: set[int] = set()
        hanging = [len(children) for children in self._children]
        path = {*self.path, *(() if protected is None else (protected,))}
        while over > 0 or too_heavy > 0:
            place = self._next_to_go(gone, hanging, path)
            if place is None:
                break
            gone.add(place)
            parent = self._parents[place]
            if parent is not None:
                hanging[parent] -= 1
            over -= 1
            too_heavy -= self._sizes[place]
        self._drop(gone)

    def _next_to_go(self, gone: set[int], hanging: list[int], path: set[int]) -> int | None:
        """
        Args:
            hanging: How many children every entry still has.
            path: What is not to go.
        """
        leaves = [place for place, count in enumerate(hanging) if not count and place not in gone]
        loose = [place for place in leaves if place not in path]
        plain = next((place for place in loose if not self._entries[place].is_marked), None)
        if plain is not None:
            return plain
        first = next(place for place in range(len(hanging)) if place not in gone)
        if first != self._index:
            return first
        return next((place for place in (*loose, *leaves) if place != self._index), None)

    def _drop(self, gone: set[int]) -> None:
        if not gone:
            return
        self._dropped += [self._numbers[place] for place in gone]
        visited, here = self._visited, self._index
        entries, places = without(self._entries, gone)
        self._set_entries(
            entries, [self._numbers[place] for place in places], [self._sizes[place] for place in places]
        )
        for place, child in enumerate(visited):
            if child is not None and place in places and child in places:
                self._visited[places[place]] = places[child]
        self._stand_on(places[here])


def _approximate_bytes(state: EditState) -> int:
    """About what a state's JSON weighs."""
    curves = [state.blend.curve or (), state.noise.layer_strengths, state.noise.layer_seeds]
    curves += [source.strengths for source in state.mix] + [overlay.curve or () for overlay in state.overlays]
    parts = len(state.mix) + len(state.overlays) + len(state.directions) + len(state.style_edits)
    return 700 + 150 * parts + 8 * sum(map(len, curves))
