"""What the library holds, as frozen data, and the descriptor as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.framing import Framing, FramingKind
from engine.likeness import Likeness
from engine.look import Look
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

KEPT_DESCRIPTORS = 1000


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model on the shelf.

    Attributes:
        path: The file that is read: converted to safetensors.
        source: The file the user gave, when it is another.
        note: Lineage and licence, as plain JSON.
        embedded: Whether it came with Graft.
        added_at: Seconds since 1970; None for one that an older Graft put there.
    """

    ref: ModelRef
    descriptor: NetworkDescriptor
    path: Path
    source: Path | None = None
    note: Mapping[str, Any] = field(default_factory=dict)
    embedded: bool = False
    added_at: int | None = None


@dataclass(frozen=True, slots=True)
class LatentRecord:
    """A portrait on the shelf.

    Attributes:
        model: The one it was found for.
        source: The photo it was found in, where that is known.
        likeness: Of what the model shows to that photo.
    """

    latent: StoredLatent
    model: ModelRef | None = None
    source: PortraitSource | None = None
    likeness: Likeness | None = None


@dataclass(frozen=True, slots=True)
class LookRecord:
    """A look that the user keeps; its name is `look.name`."""

    id: int
    look: Look


@dataclass(frozen=True, slots=True)
class Link:
    """An address of the user's own that a model can be downloaded from; `sha256` where they know it."""

    url: str
    name: str
    sha256: str | None = None


DIRECTION_SOURCES = ("ganspace-w", "ganspace-act", "sefa", "import", "difference")


@dataclass(frozen=True, slots=True)
class DirectionRecord:
    """A direction that the user keeps, or one that was just found.

    Attributes:
        key: In the latent store: the step of one sigma, ``[rows, w_dim]`` or ``[1, w_dim]``.
        model: The one that it was found in.
        layer_range: The rows of ``ws`` that it is meant for, half open; None for all.
        source: One of `DIRECTION_SOURCES`.
        index: Its place among those found together, from 0; None for a single one.
        strength_range: How far its slider goes, in sigmas.
    """

    key: str
    name: str
    model: ModelRef | None = None
    layer_range: tuple[int, int] | None = None
    source: str = "import"
    index: int | None = None
    strength_range: tuple[float, float] = (-3.0, 3.0)


def descriptor_to_json(descriptor: NetworkDescriptor) -> str:
    return json.dumps(asdict(descriptor), separators=(",", ":"))


@lru_cache(maxsize=KEPT_DESCRIPTORS)
def descriptor_from_json(text: str) -> NetworkDescriptor:
    """Twin of `descriptor_to_json`, for our own files.

    Raises:
        ValueError, TypeError, KeyError: it is not one.
    """
    fields = json.loads(text)
    framing = fields.pop("framing")
    layers = tuple(LayerSpec(**{**layer, "kind": LayerKind(layer["kind"])}) for layer in fields.pop("layers"))
    kind = FramingKind(framing.pop("kind"))
    parent = fields.pop("tuned_from", None)
    tuned_from = None if parent is None else ModelRef(**parent)
    return NetworkDescriptor(**fields, layers=layers, framing=Framing(kind, **framing), tuned_from=tuned_from)
