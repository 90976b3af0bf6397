"""Looks in files of their own, and those that come with Graft."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from engine.atomic import storage_error, write_atomic
from engine.errors import EngineError, RecipeFormatError, printable
from engine.export.embedded import find_recipe, open_plain_file
from engine.look import MAX_LOOK_BYTES, VERSION_FIELD, Look, clean_name, look_from_json, look_of, look_to_json
from engine.places import resources_folder

LOOK_SUFFIX = ".look.json"
MAX_STEM_CHARS = 80

_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


def is_look(head: bytes) -> bool:
    """Whether a file that starts so is a look."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and f'"{VERSION_FIELD}"'.encode() in head


def read_look(path: Path) -> Look:
    """The look in a file, or the look of the picture whose recipe the file holds.

    Raises:
        RecipeFormatError: there is neither, or it is damaged.
        RecipeVersionError: it was written by a newer Graft.
        StorageError: the file cannot be read.
    """
    look = look_in(path)
    if look is not None:
        return look
    recipe = find_recipe(path)
    if recipe is None:
        hint = "Looks are in .look.json files; a picture that Graft exported holds one too."
        raise RecipeFormatError(f"{printable(path.name, 100)} holds no look.", hint)
    look = look_of(recipe.state, stem_of(path))
    directions = {use.key for use in look.directions}
    return replace(look, arrays={key: recipe.arrays[key] for key in directions})


def look_in(path: Path) -> Look | None:
    """The look in a look's own file; None for any other file. Raises as `read_look`."""
    try:
        with open_plain_file(path) as file:
            text = file.read(MAX_LOOK_BYTES + 1)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    return look_from_json(text.removeprefix(b"\xef\xbb\xbf")) if is_look(text) else None


def write_look(path: Path, look: Look) -> None:
    """
    Raises:
        StorageError: the file could not be written.
    """
    write_atomic(path, (look_to_json(look, indent=2) + "\n").encode())


def file_name(look: Look) -> str:
    """What a look's file is called, on every system."""
    stem = _NOT_IN_FILE_NAMES.sub("_", look.name)[:MAX_STEM_CHARS].strip(" .")
    return (stem or "look") + LOOK_SUFFIX


def stem_of(path: Path) -> str:
    """A file's name without its suffixes."""
    name = path.name
    return clean_name(name[: -len(LOOK_SUFFIX)] if name.lower().endswith(LOOK_SUFFIX) else path.stem)


def looks_folder() -> Path:
    return resources_folder() / "looks"


def sample_looks(folder: Path | None = None) -> dict[str, Look]:
    """The looks that come with Graft, by the stem of their file, in the order of their files' names.

    A file that is no look is passed over: it must not keep the window from opening.
    """
    found: dict[str, Look] = {}
    for path in sorted((folder or looks_folder()).glob(f"*{LOOK_SUFFIX}")):
        try:
            look = read_look(path)
        except EngineError:
            continue
        found[stem_of(path)] = look
    return found
