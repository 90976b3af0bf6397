"""A latent in a file of its own: safetensors with ``ws`` and, when the noise was fitted too, ``noise.<position>``.

Under the metadata key ``graft-latent`` lies a JSON object: ``version``, ``model`` (hash and name), and where they are
known ``source`` (`PortraitSource`), ``likeness`` (`Likeness`) and ``found`` (whatever made it notes how).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.atomic import storage_error, write_atomic
from engine.checkpoints.safetensors_file import header_bytes, parse_header
from engine.errors import EngineError, LatentError, ModelError
from engine.export.embedded import open_plain_file
from engine.latents import MAX_BLOB_BYTES, LatentStore
from engine.library_records import LatentRecord
from engine.likeness import Likeness
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent
from engine.state_json import model_from_json
from engine.strict_json import parse_json_object

LATENT_VERSION = 1
METADATA_KEY = "graft-latent"

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
T = TypeVar("T")


def write_latent(
    path: Path,
    latent: StoredLatent,
    model: ModelRef,
    store: LatentStore,
    *,
    source: PortraitSource | None = None,
    likeness: Likeness | None = None,
    found: Mapping[str, Any] | None = None,
) -> None:
    """Write the arrays of `latent`, for which model it was found (by hash and name), and what else is known of it.

    Args:
        found: Plain JSON; `read_note` gives it back.

    Raises:
        LatentError: an array is not in the store.
        StorageError: the file could not be written.
    """
    arrays: Arrays = {"ws": store.ws(latent.key)}
    if latent.noise_key is not None:
        arrays |= {f"noise.{place}": noise for place, noise in store.noise(latent.noise_key).items()}
    facts: dict[str, Any] = {"version": LATENT_VERSION, "model": {"sha256": model.sha256, "name": model.name}}
    if source is not None:
        facts["source"] = json.loads(source.to_json_text())
    if likeness is not None:
        facts["likeness"] = json.loads(likeness.to_json_text())
    if found is not None:
        facts["found"] = dict(found)
    write_atomic(path, safetensors.numpy.save(arrays, {METADATA_KEY: json.dumps(facts, allow_nan=False)}))


def read_latent(path: Path, store: LatentStore) -> StoredLatent:
    """Put the arrays of a latent file into the store.

    Raises:
        LatentError: it is none, or damaged.
        StorageError: it cannot be read.
    """
    return read_latent_and_model(path, store)[0]


def read_latent_and_model(path: Path, store: LatentStore) -> tuple[StoredLatent, ModelRef | None]:
    """Like `read_latent`, and the model that it was found for, if the file says so. Raises as `read_latent`."""
    record = read_latent_record(path, store)
    return record.latent, record.model


def read_note(path: Path) -> dict[str, Any] | None:
    """What `write_latent` was given as `found`; None for any other file. Reads its header alone."""
    try:
        with open_plain_file(path) as file:
            size = path.stat().st_size
            header = parse_header(file.read(header_bytes(file.read(8), size)), size)
        found = parse_json_object(header.metadata.get(METADATA_KEY, ""))["found"]
    except (OSError, EngineError, ValueError, KeyError):
        return None
    return found if isinstance(found, dict) else None


def read_latent_record(path: Path, store: LatentStore) -> LatentRecord:
    """Like `read_latent`, with all that the file says of it: what it does not, or not so that it can be read, is
    None. Raises as `read_latent`.
    """
    name = path.name[:80]
    try:
        with open_plain_file(path) as file:
            data = file.read(MAX_BLOB_BYTES + 1)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    try:
        if len(data) > MAX_BLOB_BYTES:
            raise LatentError(f"{name} is larger than any latent.")
        header = parse_header(data[8 : 8 + header_bytes(data[:8], len(data))], len(data))
        arrays = safetensors.numpy.load(data)
    except (ModelError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise LatentError(f"{name} is not a latent file, or is damaged.") from error
    if "ws" not in arrays:
        raise LatentError(f"{name} holds no tensor “ws”, so it is not a latent.")
    key = store.put_ws(arrays.pop("ws"))
    noise = {_position(label, name): array for label, array in arrays.items()}
    latent = StoredLatent(key, path.stem, store.put_noise(noise) if noise else None)
    try:
        facts = parse_json_object(header.metadata.get(METADATA_KEY, ""))
    except EngineError:
        facts = {}
    return LatentRecord(
        latent,
        _fact(facts, "model", lambda value: model_from_json(value, "model")),
        _fact(facts, "source", lambda value: PortraitSource.from_json_text(json.dumps(value))),
        _fact(facts, "likeness", lambda value: Likeness.from_json_text(json.dumps(value))),
    )


def _fact(facts: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T | None:
    try:
        return read(facts[name]) if name in facts else None
    except EngineError:
        return None


def _position(label: str, file: str) -> int:
    digits = label.removeprefix("noise.")
    if not (label.startswith("noise.") and digits.isdecimal() and digits.isascii() and len(digits) <= 2):
        raise LatentError(f"{file} holds a tensor “{label:.60}”, which is no part of a latent.")
    return int(digits)
