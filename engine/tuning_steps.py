"""The steps of a lineage that say that a model was tuned to a portrait. Light."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.errors import printable
from engine.state import ModelRef

PIVOT = "pivot"
NAME_CHARS = 100

_SHA256 = re.compile(r"[0-9a-f]{64}")


def pivot_step(parent: ModelRef, portrait: str, **facts: Any) -> dict[str, Any]:
    """
    Args:
        parent: What was tuned.
        facts: Plain JSON, for example how many steps it took.
    """
    return {"step": PIVOT, "from": parent.name, "from_sha256": parent.sha256, "portrait": portrait, **facts}


def tuned_from(lineage: Sequence[Any]) -> ModelRef | None:
    """What a model was tuned from, however often: the one before the tunings that its lineage ends with.

    None for a model that is as it was trained or blended, or whose lineage does not say it properly.
    """
    first: Mapping[str, Any] | None = None
    for step in reversed(lineage):
        if not isinstance(step, Mapping) or step.get("step") != PIVOT:
            break
        first = step
    return None if first is None else parent_of(first)


def parent_of(step: Mapping[str, Any]) -> ModelRef | None:
    """The model that a step says it began with."""
    name, sha256 = step.get("from"), step.get("from_sha256")
    if not isinstance(name, str) or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        return None
    return ModelRef(sha256, printable(name, NAME_CHARS) or sha256[:8])
