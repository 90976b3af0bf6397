"""Where a model comes from, in a line: what its file says about how it was made, with the names of its parents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.errors import printable
from engine.library_records import ModelRecord
from engine.state import ModelRef

PARENTS = "parents"
_TRAINED = "train"


def origin_line(record: ModelRecord, shelf: Iterable[ModelRecord]) -> str:
    """For example "fine-tuned from portrait". Empty when the file says nothing.

    Args:
        shelf: Models whose names may be told.
    """
    steps = _steps(record)
    if not steps:
        return ""
    others = [one for one in shelf if one.ref != record.ref]
    last, before = steps[-1], steps[:-1]
    match last.get("step"):
        case "blend" | "overlay":
            parents = _parents(record, {one.ref.sha256: one.ref.name for one in others})
            if not parents:
                return "blended from other models"
            return f"blended from {', '.join(parents[:-1])} and {parents[-1]}" if parents[1:] else "blended"
        case "train":
            parent = _parent(last, before, others)
            if parent:
                return f"fine-tuned from {parent}"
            if all(step.get("step") == _TRAINED and "from" not in step for step in before):
                pictures = last.get("pictures")
                return f"trained on {pictures:,} pictures" if isinstance(pictures, int) else "trained here"
            return "fine-tuned"
        case "pivot":
            parent, portrait = _parent(last, before, others) or "a model", printable(str(last.get("portrait")), 60)
            return f"{parent} tuned to “{portrait}”"
        case other:
            return printable(str(other), 40) if other else ""


def _steps(record: ModelRecord) -> list[Mapping[str, Any]]:
    found = record.note.get("lineage")
    return [step for step in found if isinstance(step, Mapping)] if isinstance(found, list) else []


def _parent(last: Mapping[str, Any], before: list[Mapping[str, Any]], others: list[ModelRecord]) -> str:
    """What the model is called now that the step names, the step's own word, or a model with the same history."""
    named = next((one.ref.name for one in others if one.ref.sha256 == last.get("from_sha256")), "")
    if named:
        return named
    told = last.get("from")
    if isinstance(told, str) and told:
        return printable(told, 60)
    if not before:
        return ""
    return next((one.ref.name for one in others if _steps(one) == before), "")


def _parents(record: ModelRecord, names: Mapping[str, str]) -> list[str]:
    """What the blended models are called now, or were when they were blended."""
    noted = record.note.get(PARENTS)
    found = [one for one in noted if isinstance(one, Mapping)] if isinstance(noted, list) else []
    return [names.get(str(one.get("sha256"))) or printable(str(one.get("name")), 60) for one in found]


def parents_note(models: Iterable[ModelRef]) -> dict[str, Any]:
    """For the note of a model: which models of the library it was blended from."""
    return {PARENTS: [{"sha256": ref.sha256, "name": ref.name} for ref in models]}
