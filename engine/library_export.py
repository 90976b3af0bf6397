"""Things of the library as files in a folder: models as they were given, looks and portraits in Graft's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from engine.atomic import TEMP_SUFFIX, storage_error
from engine.errors import MissingModelError
from engine.latent_file import write_latent
from engine.latents import LatentStore
from engine.library import Library
from engine.library_tags import Kind
from engine.library_trash import Thing
from engine.look_file import LOOK_SUFFIX, file_name, write_look


def export_things(library: Library, store: LatentStore, things: Iterable[Thing], folder: Path) -> tuple[Path, ...]:
    """Write each under a name that nothing in the folder has. Directions are passed over.

    Raises:
        StorageError: the folder cannot be written; what was written before stays.
        MissingModelError: a model's file is gone.
        LatentError: a portrait's arrays are gone.
    """
    looks = {str(record.id): record.look for record in library.looks()}
    latents = {record.latent.key: record for record in library.latents()}
    written: list[Path] = []
    for kind, key in things:
        if kind is Kind.MODEL:
            written.append(_export_model(library, key, folder))
        elif kind is Kind.LOOK and key in looks:
            path = free_path(folder / file_name(looks[key]))
            write_look(path, looks[key])
            written.append(path)
        elif kind is Kind.PORTRAIT and key in latents and (model := latents[key].model) is not None:
            path = free_path(folder / f"{file_stem(latents[key].latent.name)}.safetensors")
            write_latent(path, latents[key].latent, model, store)
            written.append(path)
    return tuple(written)


def _export_model(library: Library, sha256: str, folder: Path) -> Path:
    record = library.model(sha256)
    source = library.locate(sha256) if record is not None else None
    if record is None or source is None:
        name = record.ref.name if record is not None else sha256[:12]
        raise MissingModelError(f"The file of the model “{name:.60}” is gone.", "Locate it first.", sha256=sha256)
    if record.source is not None and record.source.is_file():
        source = record.source  # as its maker gave it
    target = free_path(folder / f"{file_stem(record.ref.name)}{source.suffix}")
    temp = target.with_name(f".{target.name}{TEMP_SUFFIX}")
    try:
        shutil.copyfile(source, temp)
        os.replace(temp, target)
    except OSError as error:
        temp.unlink(missing_ok=True)
        raise storage_error(f"export {target.name}", error) from error
    return target


def file_stem(name: str) -> str:
    """A name that every system's folders take, without a suffix."""
    return "".join("_" if ch in '/\\:*?"<>|' else ch for ch in name).strip(". ")[:100] or "thing"


def free_path(path: Path) -> Path:
    """The path, or, if something is there, the first with a number that is free."""
    suffix = LOOK_SUFFIX if path.name.endswith(LOOK_SUFFIX) else path.suffix
    stem = path.name.removesuffix(suffix)
    free, number = path, 1
    while free.exists():
        number += 1
        free = path.with_name(f"{stem} {number}{suffix}")
    return free
