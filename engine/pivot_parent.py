"""Finding and reading the model that a tuned one is a difference to. Knows no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.canonical import check_canonical, is_canonical, read_tensors
from engine.checkpoints.regular_file import open_regular
from engine.errors import CorruptModelError, MissingModelError, ModelError
from engine.file_hash import file_sha256
from engine.library import Library
from engine.moved_files import find_by_content
from engine.network_metadata import NetworkMetadata
from engine.pivot_file import PivotFile, compose, is_pivot, read_pivot
from engine.places import embedded_models_folder, user_places
from engine.state import ModelRef

Find: TypeAlias = Callable[[str], Path | None]
"""A file to read the model of this SHA-256 from; None where there is none."""

Composed: TypeAlias = tuple[NetworkMetadata, dict[str, NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class ParentPlaces:
    """Where to look for the parent of a tuned model, besides the user's library, Graft's cache and its own models.

    Attributes:
        find: Is asked first.
        folder: Where the file of the tuned model was given.
    """

    find: Find | None = None
    folder: Path | None = None


def read_tuned(path: Path, places: ParentPlaces) -> Composed:
    """The whole model of a file of differences, put together with its parent.

    Args:
        path: A file that `engine.pivot_file.is_pivot` says is one.

    Raises:
        MissingModelError: the parent is nowhere; names it.
        ModelError: either file is damaged, or they do not belong together.
    """
    with open_regular(path) as file:
        pivot = read_pivot(file)
    refused: ModelError | None = None
    for candidate in _candidates(pivot, places):
        try:
            return compose(pivot, *_read_whole(candidate, pivot.parent))
        except ModelError as error:  # a conversion may be damaged, and the file it came from whole
            refused = refused or error
        except OSError:
            continue
    if refused is not None:
        raise refused
    name, sha256 = pivot.parent.name, pivot.parent.sha256
    raise MissingModelError(
        f"This is a tuning of “{name:.60}”, and that model is not on this computer.",
        f"Add “{name:.60}” first: the SHA-256 of its file starts with {sha256[:12]}.",
        sha256=sha256,
        name=name,
    )


def _read_whole(path: Path, parent: ModelRef) -> Composed:
    with open_regular(path) as file:
        size = path.stat().st_size
        if is_pivot(file, size):
            raise CorruptModelError(
                f"“{parent.name:.60}”, which was tuned here, is a tuning itself; only whole models can be tuned so.",
                "Graft saves the tuning of a tuned model against the first parent.",
            )
        if is_canonical(file, size):
            checked = check_canonical(file)
            return checked.metadata, read_tensors(file, checked)
    from engine.checkpoints.convert import open_checkpoint  # which reads tuned models through this module

    opened = open_checkpoint(path)
    return opened.metadata, opened.tensors


def _candidates(pivot: PivotFile, places: ParentPlaces) -> Iterator[Path]:
    """Files that are, or were made from, the parent's."""
    sha256, size = pivot.parent.sha256, pivot.parent_bytes
    if places.find is not None and (found := places.find(sha256)) is not None:
        yield found
    here = user_places()
    if here.library_file.is_file():
        with closing(Library(here.library_file)) as library:
            found = library.locate(sha256)
        if found is not None:
            yield found
    converted = here.models_cache / f"{sha256}.safetensors"
    if converted.is_file():
        yield converted
    folders = (embedded_models_folder(), *(() if places.folder is None else (places.folder,)))
    if size and (found := find_by_content(sha256, size, folders, _hash_of)) is not None:
        yield found


def _hash_of(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
