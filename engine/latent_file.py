"""A latent in a file of its own: safetensors with ``ws`` and, when the noise was fitted too, ``noise.<position>``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.atomic import storage_error, write_atomic
from engine.checkpoints.safetensors_file import header_bytes, parse_header
from engine.errors import EngineError, LatentError, ModelError
from engine.export.embedded import open_plain_file
from engine.latents import MAX_BLOB_BYTES, LatentStore
from engine.state import ModelRef, StoredLatent
from engine.state_json import model_from_json
from engine.strict_json import parse_json_object

LATENT_VERSION = 1
METADATA_KEY = "graft-latent"

Arrays: TypeAlias = dict[str, NDArray[np.float32]]


def write_latent(path: Path, latent: StoredLatent, model: ModelRef, store: LatentStore) -> None:
    """Write the arrays of `latent` and for which model it was found (by hash and name).

    Raises:
        LatentError: an array is not in the store.
        StorageError: the file could not be written.
    """
    arrays: Arrays = {"ws": store.ws(latent.key)}
    if latent.noise_key is not None:
        arrays |= {f"noise.{place}": noise for place, noise in store.noise(latent.noise_key).items()}
    facts = {"version": LATENT_VERSION, "model": {"sha256": model.sha256, "name": model.name}}
    write_atomic(path, safetensors.numpy.save(arrays, {METADATA_KEY: json.dumps(facts)}))


def read_latent(path: Path, store: LatentStore) -> StoredLatent:
    """Put the arrays of a latent file into the store.

    Raises:
        LatentError: it is none, or damaged.
        StorageError: it cannot be read.
    """
    return read_latent_and_model(path, store)[0]


def read_latent_and_model(path: Path, store: LatentStore) -> tuple[StoredLatent, ModelRef | None]:
    """Like `read_latent`, and the model that it was found for, if the file says so. Raises as `read_latent`."""
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
    return latent, _model_in(header.metadata.get(METADATA_KEY, ""))


def _model_in(facts: str) -> ModelRef | None:
    """The model that a latent file names; None when it names none that can be read."""
    try:
        return model_from_json(parse_json_object(facts)["model"], "model")
    except (EngineError, KeyError):
        return None


def _position(label: str, file: str) -> int:
    digits = label.removeprefix("noise.")
    if not (label.startswith("noise.") and digits.isdecimal() and digits.isascii() and len(digits) <= 2):
        raise LatentError(f"{file} holds a tensor “{label:.60}”, which is no part of a latent.")
    return int(digits)
