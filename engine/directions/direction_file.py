"""Files of directions: Graft's own, in safetensors with names and units, and those of other programs.

A file of Graft's own holds one tensor ``direction.<n>`` per direction, the step of one sigma, float32
``[rows, w_dim]``, and in its metadata what each is called, which rows it is meant for, and the model by hash.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from engine.atomic import storage_error, write_atomic
from engine.checkpoints.regular_file import open_regular, shown_name
from engine.checkpoints.safetensors_file import Header, header_bytes, parse_header
from engine.directions.foreign_file import directions_in
from engine.directions.read_direction import MAX_DIRECTIONS, ReadDirection, Space, as_rows
from engine.errors import CorruptModelError, LatentError, ModelError, RecipeError, printable
from engine.library_records import DIRECTION_SOURCES
from engine.state_json import (
    Fields,
    model_from_json,
    model_to_json,
    parse_json,
    read_bool,
    read_items,
    read_layer_range,
    read_number,
    read_text,
    whole_number,
)

FILE_VERSION = 1
METADATA_KEY = "graft-directions"
MAX_FILE_BYTES = 256 << 20
MAX_NAME_CHARS = 100
SUFFIXES = (".safetensors", ".npy", ".npz", ".pt", ".pth", ".pkl")


def read_directions(path: Path) -> tuple[ReadDirection, ...]:
    """Every direction of a file, at most 256; its content decides what it is, not its name.

    Raises:
        LatentError: there are none in it, or they are damaged.
        ModelError: the file cannot be read, or asks for more than to be read.
    """
    try:
        with open_regular(path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    if len(data) > MAX_FILE_BYTES:
        limit = f"{MAX_FILE_BYTES >> 20} MiB is the limit"
        raise LatentError(f"{shown_name(path)} is too large for a file of directions; {limit}.")
    stem = printable(path.stem, MAX_NAME_CHARS) or "direction"
    header = _header(data)
    found = directions_in(data, stem) if header is None else _in_safetensors(data, header, stem)
    if not found:
        raise LatentError(f"{shown_name(path)} holds no directions.")
    return found


def write_directions(path: Path, directions: Sequence[ReadDirection]) -> None:
    """Write Graft's own kind of file.

    Args:
        directions: Each the step of one sigma.

    Raises:
        StorageError: it could not be written.
    """
    arrays = {f"direction.{index}": direction.values for index, direction in enumerate(directions)}
    document = {"version": FILE_VERSION, "directions": [_to_json(direction) for direction in directions]}
    write_atomic(path, safetensors.numpy.save(arrays, {METADATA_KEY: json.dumps(document)}))


def _to_json(direction: ReadDirection) -> dict[str, Any]:
    return {
        "name": printable(direction.name, MAX_NAME_CHARS),
        "model": model_to_json(direction.model),
        "layer_range": None if direction.rows is None else list(direction.rows),
        "sigma": float(np.linalg.norm(direction.values, axis=1).max()),
        "in_sigmas": direction.in_sigmas,
        "source": direction.source,
        "number": direction.number,
        "strength_range": None if direction.reach is None else list(direction.reach),
    }


def _header(data: bytes) -> Header | None:
    """None for a file that is no safetensors."""
    try:
        return parse_header(data[8 : 8 + header_bytes(data[:8], len(data))], len(data))
    except ModelError:
        if data[8:10] == b'{"' and len(data) > 10:
            raise
        return None


def _in_safetensors(data: bytes, header: Header, stem: str) -> tuple[ReadDirection, ...]:
    try:
        arrays = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CorruptModelError("The file's numbers are damaged and cannot be read.") from error
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        names = sorted(arrays)[:MAX_DIRECTIONS]
        alone = len(names) == 1
        return tuple(ReadDirection(as_rows(arrays[name], name), stem if alone else name) for name in names)
    try:
        document = Fields(parse_json(text, "The list of directions", 1 << 20), "directions")
        if (version := document.whole("version", 1, 1 << 30)) > FILE_VERSION:
            raise LatentError(f"This file of directions was written by a newer Graft (version {version}).")
        facts = document.items("directions", _from_json, MAX_DIRECTIONS)
    except RecipeError as error:
        raise LatentError(error.user_message, error.hint) from error
    found = []
    for index, described in enumerate(facts):
        array = arrays.get(f"direction.{index}")
        if array is None:
            raise LatentError(f"The file names the direction “{described.name:.60}” and does not hold it.")
        values = as_rows(array, described.name)
        found.append(
            ReadDirection(
                values, described.name or stem, Space.W, described.in_sigmas, described.model, described.rows,
                described.source, described.number, described.reach,
            )
        )  # fmt: skip
    return tuple(found)


def _from_json(value: object, where: str) -> ReadDirection:
    """Everything but the numbers themselves."""
    fields = Fields(value, where)
    fields.number("sigma", 0.0)  # for other programs: the numbers say it
    source = fields.read("source", lambda text, place: read_text(text, place, 40), "import")
    found = ReadDirection(
        values=np.zeros((1, 1), np.float32),
        name=fields.read("name", lambda text, place: read_text(text, place, 2 * MAX_NAME_CHARS), ""),
        in_sigmas=fields.read("in_sigmas", read_bool, False),
        model=fields.optional("model", model_from_json),
        rows=fields.optional("layer_range", read_layer_range),
        source=source if source in DIRECTION_SOURCES else "import",
        number=fields.optional("number", whole_number(0, 1_000_000)),
        reach=fields.optional("strength_range", _read_reach),
    )
    fields.finish()
    return found


def _read_reach(value: object, where: str) -> tuple[float, float]:
    ends = read_items(value, where, read_number, 2)
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise LatentError(f"{where} must be two numbers, the lower one first.")
    return ends[0], ends[1]
