"""Undo and redo over edit states: a whole drag is one step, and nothing that was undone is lost until a new step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from engine.state import Blend, EditState, Noise, SeedLatent

MAX_ENTRIES = 500
MAX_BYTES = 4 << 20

FIELD_LABELS = {
    "model_a": "model A",
    "model_b": "model B",
    "latent": "latent",
    "truncation_psi": "psi",
    "truncation_cutoff": "psi cutoff",
    "class_index": "class",
    "mix": "style mixing",
    "overlays": "further models",
    "directions": "directions",
    "style_edits": "style channels",
}
BLEND_LABELS = {
    "swap_resolution": "swap resolution",
    "level": "swap level",
    "width": "blend width",
    "low": "structure side",
    "alpha": "alpha",
    "curve": "alpha curve",
    "mapping": "mapping source",
    "w_avg": "mean latent source",
    "noise": "noise source",
    "affines": "affine source",
    "torgb": "ToRGB source",
    "space": "blend space",
}
NOISE_LABELS = {
    "mode": "noise mode",
    "strength": "noise strength",
    "seed": "noise seed",
    "layer_strengths": "layer noise",
    "layer_seeds": "layer noise seed",
}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Attributes:
    label: What led to this state, in a word or two.
    """

    state: EditState
    label: str = ""


class History:
    """A line of entries with a place on it, and the live state while a hand is on a control.

    The oldest entries are dropped when there are more than `max_entries` or they weigh more than `max_bytes`.
    """

    def __init__(self, state: EditState, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._entries = [HistoryEntry(state, "start")]
        self._sizes = [_approximate_bytes(state)]
        self._index = 0
        self._live: EditState | None = None
        self._gesture_label = ""
        self._max_entries = max(1, max_entries)
        self._max_bytes = max_bytes

    @classmethod
    def from_entries(cls, entries: Sequence[HistoryEntry], index: int) -> History:
        """A history that was saved; `index` is the place to stand on. Needs at least one entry."""
        history = cls(entries[0].state)
        history._entries = list(entries)
        history._sizes = [_approximate_bytes(entry.state) for entry in entries]
        history._index = min(max(index, 0), len(entries) - 1)
        history._trim()
        return history

    @property
    def state(self) -> EditState:
        """What is shown: the live state during a gesture, else the entry that one stands on."""
        return self._entries[self._index].state if self._live is None else self._live

    @property
    def entries(self) -> tuple[HistoryEntry, ...]:
        return tuple(self._entries)

    @property
    def index(self) -> int:
        return self._index

    @property
    def in_gesture(self) -> bool:
        return self._live is not None

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

    @property
    def can_undo(self) -> bool:
        return self._index > 0 or (self._live is not None and self._live != self._entries[self._index].state)

    @property
    def can_redo(self) -> bool:
        return self._index + 1 < len(self._entries)

    @property
    def undo_label(self) -> str:
        """What `undo` would take back; empty when there is nothing."""
        return self._entries[self._index].label if self._index > 0 else ""

    @property
    def redo_label(self) -> str:
        return self._entries[self._index + 1].label if self.can_redo else ""

    def undo(self) -> EditState | None:
        """One step back, ending an open gesture first; None when there is none."""
        self.end_gesture()
        return self.go_to(self._index - 1) if self._index > 0 else None

    def redo(self) -> EditState | None:
        self.end_gesture()
        return self.go_to(self._index + 1) if self.can_redo else None

    def go_to(self, index: int) -> EditState:
        """Stand on an entry. Those after it stay until the next change."""
        self.end_gesture()
        if not 0 <= index < len(self._entries):
            raise IndexError(f"there are {len(self._entries)} history entries, not {index}")
        self._index = index
        return self.state

    def _commit(self, state: EditState, label: str, *, merge: bool = False) -> bool:
        before = self._entries[self._index]
        if state == before.state:
            return False
        label = label or change_label(before.state, state)
        at_end = not self.can_redo
        del self._entries[self._index + 1 :], self._sizes[self._index + 1 :]
        if merge and at_end and self._index > 0 and before.label == label:
            del self._entries[-1], self._sizes[-1]
        if not self._entries or self._entries[-1].state != state:
            self._entries.append(HistoryEntry(state, label))
            self._sizes.append(_approximate_bytes(state))
        self._index = len(self._entries) - 1
        self._trim()
        return True

    def _trim(self) -> None:
        total = sum(self._sizes)
        while self._index > 0 and (len(self._entries) > self._max_entries or total > self._max_bytes):
            total -= self._sizes.pop(0)
            del self._entries[0]
            self._index -= 1


def change_label(old: EditState, new: EditState) -> str:
    """Name the change between two states: "alpha", "seed", or "several changes"."""
    labels = [label for name, label in FIELD_LABELS.items() if getattr(old, name) != getattr(new, name)]
    labels += _changed(old.blend, new.blend, BLEND_LABELS) + _changed(old.noise, new.noise, NOISE_LABELS)
    if labels == ["model A", "model B"] and (old.model_a, old.model_b) == (new.model_b, new.model_a):
        return "swap A and B"
    if labels == ["latent"]:
        return _latent_label(old, new)
    if set(labels) == {"swap resolution", "alpha curve"}:
        return "swap resolution"
    return labels[0] if len(labels) == 1 else "several changes" if labels else "no change"


def _changed(old: Blend | Noise, new: Blend | Noise, labels: dict[str, str]) -> list[str]:
    names = [item.name for item in fields(old) if getattr(old, item.name) != getattr(new, item.name)]
    return [labels[name] for name in names]


def _latent_label(old: EditState, new: EditState) -> str:
    if not isinstance(new.latent, SeedLatent):
        return "portrait"
    same_seed = isinstance(old.latent, SeedLatent) and old.latent.seed == new.latent.seed
    return "seed pad" if same_seed else "seed"


def _approximate_bytes(state: EditState) -> int:
    return len(repr(state))
