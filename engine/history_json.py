"""History entries <-> plain JSON values, for session files and the journal. Read as strictly as states are."""

from __future__ import annotations

from typing import Any

from engine.errors import RecipeFormatError
from engine.history import MAX_ENTRIES, MAX_SHEETS
from engine.history_entry import HistoryEntry
from engine.state import EditState
from engine.state_json import (
    Fields,
    read_bool,
    read_items,
    read_number,
    read_text,
    state_from_json,
    state_to_json,
    whole_number,
)
from engine.variations import MAX_COUNT, MAX_SEED, Sheet, Vary

MAX_LABEL_CHARS = 100
MAX_LOCKS = 200


def entry_to_json(entry: HistoryEntry) -> dict[str, Any]:
    """What is not there is left out: most entries have a label, a parent and a state."""
    document: dict[str, Any] = {"label": entry.label[:MAX_LABEL_CHARS], **marks_to_json(entry)}
    if entry.parent is not None:
        document["parent"] = entry.parent
    return document | {"state": state_to_json(entry.state)}


def entry_from_json(value: object, where: str) -> HistoryEntry:
    """Whether the parent is there is not looked into: see `engine.history_entry.parents_of`."""
    fields = Fields(value, where)
    entry = _with_marks(
        fields,
        state=fields.read("state", state_from_json),
        label=fields.read("label", _read_label, ""),
        parent=fields.optional("parent", whole_number(0, MAX_ENTRIES)),
    )
    fields.finish()
    return entry


def marks_to_json(entry: HistoryEntry) -> dict[str, Any]:
    """What the user and the sheets of variations left on an entry."""
    marks: dict[str, Any] = {}
    if entry.name:
        marks["name"] = entry.name[:MAX_LABEL_CHARS]
    if entry.is_starred:
        marks["starred"] = True
    if entry.sheets:
        marks["sheets"] = [_sheet_to_json(sheet) for sheet in entry.sheets]
    return marks


def marked_from_json(value: object, state: EditState, label: str, parent: int | None) -> HistoryEntry:
    """An entry from its parts and what `marks_to_json` wrote."""
    fields = Fields(value, "marks")
    entry = _with_marks(fields, state, label, parent)
    fields.finish()
    return entry


def _with_marks(fields: Fields, state: EditState, label: str, parent: int | None) -> HistoryEntry:
    return HistoryEntry(
        state,
        label,
        parent,
        name=fields.read("name", _read_label, ""),
        is_starred=fields.read("starred", read_bool, False),
        sheets=fields.items("sheets", _sheet_from_json, MAX_SHEETS),
    )


def _read_label(value: object, where: str) -> str:
    return read_text(value, where, MAX_LABEL_CHARS)


def _sheet_to_json(sheet: Sheet) -> dict[str, Any]:
    document: dict[str, Any] = {
        "seed": sheet.seed,
        "what": [part.value for part in sheet.what],
        "distance": sheet.distance,
        "count": sheet.count,
    }
    return document | ({"locks": list(sheet.locks)} if sheet.locks else {})


def _sheet_from_json(value: object, where: str) -> Sheet:
    fields = Fields(value, where)
    sheet = Sheet(
        seed=fields.whole("seed", 0, MAX_SEED),
        what=fields.items("what", _read_part, len(Vary)),
        distance=fields.read("distance", read_number),
        count=fields.whole("count", 0, MAX_COUNT),
        locks=fields.read("locks", _read_locks, ()),
    )
    fields.finish()
    return sheet


def _read_part(value: object, where: str) -> Vary:
    if value not in [part.value for part in Vary]:
        raise RecipeFormatError(f"{where} must be one of {', '.join(Vary)}.")
    return Vary(value)


def _read_locks(value: object, where: str) -> tuple[str, ...]:
    return read_items(value, where, _read_label, MAX_LOCKS)
