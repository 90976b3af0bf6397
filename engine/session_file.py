"""Sessions: the history of one sitting and the latents it needs, in one file.

A ``.graft`` file is a zip whose members are stored, not packed: ``session.json`` and ``latents/<key>.safetensors``.
It is read member by member under the names it must have, with caps, and never extracted to disk: no name in it ever
becomes a path.
"""

from __future__ import annotations

import io
import json
import math
import os
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from engine.atomic import remove_leftovers, storage_error, write_atomic
from engine.errors import EngineError, RecipeError, RecipeFormatError
from engine.export.embedded import open_plain_file
from engine.history import MAX_ENTRIES, HistoryEntry
from engine.history_entry import parents_of, without
from engine.history_json import entry_from_json, entry_to_json
from engine.recipe import ArrayStore, migrated, read_timeline, timeline_keys
from engine.state import StoredLatent, latent_keys
from engine.state_json import (
    Fields,
    latent_from_json,
    latent_to_json,
    parse_json,
    whole_number,
)

if TYPE_CHECKING:
    from engine.animation.timeline import Timeline

SESSION_SUFFIX = ".graft"
VERSION_FIELD = "graft_session"
SESSION_VERSION = 2
DOCUMENT_NAME = "session.json"
MAX_DOCUMENT_BYTES = 64 << 20
MAX_MEMBER_BYTES = 256 << 20
MAX_MEMBERS = 4096
MAX_HISTORY = MAX_ENTRIES
MAX_LATENTS = 2000
MAX_SETTINGS = 1000
MAX_SETTING_CHARS = 20_000


def _line_to_tree(document: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had a line of entries, which is a tree of entries that name no parent."""
    return document


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _line_to_tree}
"""``MIGRATIONS[n]`` turns a version n document into a version n + 1 one."""

Setting: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SessionDocument:
    """What a session file holds.

    Attributes:
        entries: The undo history, a tree (see `HistoryEntry.parent`); at least one.
        index: The entry that is shown.
        tip: Where redo leads to from there, in the end; None is not known.
        settings: How the window showed it: plain values by name.
        latents: Portraits on the shelf, also those that no entry shows.
        timeline: What moves in the film that is being made; None while there is none.
    """

    entries: tuple[HistoryEntry, ...]
    index: int
    settings: Mapping[str, Setting] = field(default_factory=dict)
    latents: tuple[StoredLatent, ...] = ()
    tip: int | None = None
    timeline: Timeline | None = None


def save_session(path: Path, document: SessionDocument, store: ArrayStore) -> None:
    """Write a session with the arrays that its states name. An older file survives any failure.

    Entries whose arrays are gone are left out, except the one that is shown, and so is a timeline.

    Raises:
        StorageError: the file could not be written.
        EngineError: from the store, when an array of the shown state is gone.
    """
    kept, index, tip = _kept(document, store)
    latents = tuple(latent for latent in document.latents if all(map(store.has, _keys_of(latent))))
    timeline = document.timeline if all(map(store.has, timeline_keys(document.timeline))) else None
    text = _document_to_json(SessionDocument(kept, index, document.settings, latents, tip, timeline))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(DOCUMENT_NAME), text)  # ZipInfo: 1980, not today
        for key in sorted(_array_keys(kept, latents) | timeline_keys(timeline)):
            archive.writestr(zipfile.ZipInfo(_member_name(key)), store.export_bytes(key))
    write_atomic(path, content.getbuffer())
    remove_leftovers(path.parent)


def _kept(document: SessionDocument, store: ArrayStore) -> tuple[tuple[HistoryEntry, ...], int, int | None]:
    """What is written of the history, and the places of the shown entry and of the tip in it."""
    entries, shown = document.entries, document.index
    gone = {
        place
        for place, entry in enumerate(entries)
        if place != shown and not all(map(store.has, latent_keys(entry.state)))
    }
    surplus = len(entries) - len(gone) - MAX_HISTORY
    if surplus > 0:
        gone |= set([place for place in range(len(entries)) if place not in gone and place != shown][:surplus])
    kept, places = without(entries, gone)
    return tuple(kept), places[shown], None if document.tip is None else places.get(document.tip)


def open_session(path: Path, store: ArrayStore) -> SessionDocument:
    """Read a session and put its arrays into the store.

    Raises:
        RecipeVersionError: it was written by a newer Graft.
        RecipeFormatError: it is damaged, or no session.
        StorageError: it cannot be read, or the store cannot take its arrays.
    """
    try:
        with open_plain_file(path) as file:
            members = _read_members(file)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    document = _document_from_json(members.pop(DOCUMENT_NAME))
    needed = _array_keys(document.entries, document.latents) | timeline_keys(document.timeline)
    for key in sorted(needed):
        content = members.get(_member_name(key))
        if content is None:
            raise RecipeFormatError(f"The session lacks the latent {key[:12]}… that it needs.")
        if not store.has(key):
            _import(store, key, content)
    return document


def _read_members(file: BinaryIO) -> dict[str, bytes]:
    """Every member by name, after checking that the archive is exactly what `save_session` writes."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, archive.start_dir)
            return {member.filename: archive.read(member) for member in members}
    except RecipeError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OverflowError, OSError):
        raise RecipeFormatError("The session file is damaged, or is no session.") from None


def _check_directory(file: BinaryIO) -> None:
    """Refuse a directory that is larger than ours can be, before anything reads it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(-min(size, 42), os.SEEK_END)
    tail = file.read()
    mark, _, _, _, count, directory, start, comment = struct.unpack("<4s4H2LH", tail[-22:].rjust(22, b"\0"))
    fits = count <= MAX_MEMBERS and directory <= MAX_MEMBERS * 256 and start + directory + 22 == size
    if mark != b"PK\5\6" or comment or not fits or b"PK\6\7" in tail:
        raise RecipeFormatError("The session file is cut off, or is no session.")


def _check_members(members: Sequence[zipfile.ZipInfo], end: int) -> None:
    names = {member.orig_filename for member in members}
    if len(members) > MAX_MEMBERS or len(names) != len(members) or DOCUMENT_NAME not in names:
        raise RecipeFormatError("The file is no Graft session: it must hold one session.json, and nothing twice.")
    place = 0
    for member in sorted(members, key=lambda entry: entry.header_offset):
        name = member.orig_filename
        key = name.removeprefix("latents/").removesuffix(".safetensors")
        if name != DOCUMENT_NAME and (name != _member_name(key) or not _is_key(key)):
            raise RecipeFormatError(f"The session holds “{name:.80}”, which is no part of a session.")
        most = MAX_DOCUMENT_BYTES if name == DOCUMENT_NAME else MAX_MEMBER_BYTES
        stored = member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size
        if not stored or member.flag_bits & 1 or member.file_size > most or member.header_offset < place:
            raise RecipeFormatError(f"The session's member {name:.80} is packed, too large or overlaps another.")
        place = member.header_offset + 30 + len(name) + member.file_size
    if place > end:
        raise RecipeFormatError("The session file is damaged: its members do not fit into it.")


def _import(store: ArrayStore, key: str, content: bytes) -> None:
    try:
        imported = store.import_bytes(content)
    except EngineError as error:
        raise RecipeFormatError(f"A latent in the session cannot be taken. {error.user_message}") from error
    if imported != key:
        raise RecipeFormatError("A latent in the session is not the one that its hash names.")


def _is_key(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _member_name(key: str) -> str:
    return f"latents/{key}.safetensors"


def _keys_of(latent: StoredLatent) -> frozenset[str]:
    return frozenset(key for key in (latent.key, latent.noise_key) if key)


def _array_keys(entries: Sequence[HistoryEntry], latents: Sequence[StoredLatent]) -> frozenset[str]:
    shown = [latent_keys(entry.state) for entry in entries]
    return frozenset[str]().union(*shown, *map(_keys_of, latents))


def _document_to_json(document: SessionDocument) -> str:
    whole: dict[str, Any] = {
        VERSION_FIELD: SESSION_VERSION,
        "index": document.index,
        "tip": document.tip,
        "history": [entry_to_json(entry) for entry in document.entries],
        "settings": dict(document.settings),
        "latents": [latent_to_json(latent) for latent in document.latents],
    }
    if document.timeline is not None:
        from engine.animation.timeline_json import timeline_to_json

        whole["timeline"] = timeline_to_json(document.timeline)
    return json.dumps(whole, allow_nan=False, separators=(",", ":"))


def _document_from_json(text: bytes) -> SessionDocument:
    whole = parse_json(text, "The session", MAX_DOCUMENT_BYTES)
    fields = Fields(migrated(whole, VERSION_FIELD, SESSION_VERSION, MIGRATIONS, "session"), "session")
    entries = fields.items("history", entry_from_json, MAX_HISTORY)
    index = fields.whole("index", 0, len(entries) - 1)
    tip = fields.optional("tip", whole_number(0, len(entries) - 1))
    no_settings: dict[str, Setting] = {}
    settings = fields.read("settings", _settings_from_json, no_settings)
    latents = fields.items("latents", latent_from_json, MAX_LATENTS)
    timeline = fields.optional("timeline", read_timeline)
    fields.finish()
    try:
        parents_of(entries)
    except ValueError as error:
        raise RecipeFormatError(f"The session's history is no tree: {error}.") from None
    stored = tuple(latent for latent in latents if isinstance(latent, StoredLatent))
    return SessionDocument(entries, index, settings, stored, tip, timeline)


def _settings_from_json(value: object, where: str) -> dict[str, Setting]:
    if type(value) is not dict or len(value) > MAX_SETTINGS:
        raise RecipeFormatError(f"{where} must be an object with at most {MAX_SETTINGS} fields.")
    settings: dict[str, Setting] = {}
    for name, setting in value.items():
        plain = isinstance(setting, str | int | float | bool | None) and len(str(setting)) <= MAX_SETTING_CHARS
        if not plain or (isinstance(setting, float) and not math.isfinite(setting)):
            raise RecipeFormatError(f"{where}.{name:.60} must be a plain value.")
        settings[name] = setting
    return settings
