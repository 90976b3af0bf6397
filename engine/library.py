"""The library: which models, portraits and looks there are, and where a model's file is.

A model is known by the SHA-256 of the file that the user gave; what is read is its conversion to safetensors. Paths
stay in here: states, recipes and sessions know hashes and names only.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.atomic import storage_error
from engine.database import DamagedDatabaseError, database_files, in_plain_words, open_database, transaction
from engine.descriptor import NetworkDescriptor
from engine.errors import MissingModelError, RecipeError, StorageError, printable
from engine.library_records import (
    LatentRecord,
    LookRecord,
    ModelRecord,
    descriptor_from_json,
    descriptor_to_json,
)
from engine.look import MAX_LOOK_BYTES, VERSION_FIELD, Look, clean_name, look_from_json, look_of, look_to_json
from engine.state import ModelRef, StoredLatent
from engine.state_json import parse_json, state_from_json

LIBRARY_VERSION = 2
MAX_NAME_CHARS = 100
MAX_THUMBNAIL_BYTES = 1 << 20
MODEL_SUFFIXES = frozenset({".safetensors", ".pkl", ".pt", ".pth", ".ckpt"})

_SCHEMA = """
CREATE TABLE models (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, source TEXT,
    source_size INTEGER, descriptor TEXT NOT NULL, note TEXT NOT NULL, embedded INTEGER NOT NULL,
    used INTEGER NOT NULL, thumbnail BLOB);
CREATE TABLE latents (key TEXT PRIMARY KEY, noise_key TEXT, name TEXT NOT NULL, model_sha256 TEXT, model_name TEXT,
    added INTEGER NOT NULL, thumbnail BLOB);
CREATE TABLE looks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL, thumbnail BLOB,
    trashed INTEGER);
CREATE TABLE samples (key TEXT PRIMARY KEY);
CREATE TABLE hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed_ns INTEGER NOT NULL, sha256 TEXT NOT NULL)
"""

_MIGRATIONS = {
    # Looks go to the trash and come back; sample portraits are put on the shelf once.
    1: "ALTER TABLE looks ADD COLUMN trashed INTEGER; CREATE TABLE samples (key TEXT PRIMARY KEY)",
}


class Library:
    """The library file of one user. Every method may be called from any thread, and from several running Grafts.

    A damaged file is set aside and a new one begun; `notice` then says so.

    Args:
        file: The SQLite file; its folder is made if need be.

    Raises:
        StorageError: it can be neither opened nor made.
    """

    def __init__(self, file: Path) -> None:
        self.notice = ""
        self._guard = threading.RLock()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error("make the folder of the library", error) from error
        try:
            self._connection = open_database(file, LIBRARY_VERSION, _SCHEMA, "the library", _MIGRATIONS)
        except DamagedDatabaseError:
            kept = _set_aside(file)
            self.notice = (
                f"The library file was damaged. Graft began a new one and kept the old as {kept.name}. "
                "Model files were not touched: drop them on the window to add them again."
            )
            self._connection = open_database(file, LIBRARY_VERSION, _SCHEMA, "the library", _MIGRATIONS)

    def close(self) -> None:
        with self._guard:
            self._connection.close()

    # --- models ---------------------------------------------------------------------------------------------------

    def add_model(
        self,
        path: Path,
        sha256: str,
        name: str,
        descriptor: NetworkDescriptor,
        *,
        source: Path | None = None,
        note: Mapping[str, Any] | None = None,
        embedded: bool = False,
    ) -> ModelRef:
        """Put a model on the shelf, or bring up to date where its files are. A known model keeps its name.

        Args:
            path: Graft safetensors file to read.
            sha256: Of the file that the user gave.
            source: That file, when it is another than `path`; without it, `path` must have that hash.
            note: Lineage and licence, plain JSON.

        Returns:
            What states call it. The name is made unlike that of every other model.
        """
        size = _size_of(source or path)
        with self._writing("keep the model in the library"):
            row = self._row("SELECT name FROM models WHERE sha256 = ?", sha256)
            unique = str(row[0]) if row else self._free_name(name, sha256)
            self._connection.execute(
                "INSERT INTO models (sha256, name, path, source, source_size, descriptor, note, embedded, used)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM models))"
                " ON CONFLICT (sha256) DO UPDATE SET path = excluded.path,"
                " source = coalesce(excluded.source, source), source_size = excluded.source_size,"
                " descriptor = excluded.descriptor, note = excluded.note, embedded = excluded.embedded,"
                " used = excluded.used",
                (
                    sha256,
                    unique,
                    _as_column(path.absolute()),
                    _as_column(source.absolute()) if source else None,
                    size,
                    descriptor_to_json(descriptor),
                    json.dumps(dict(note or {})),
                    embedded,
                ),
            )
        return ModelRef(sha256, unique)

    def models(self) -> tuple[ModelRecord, ...]:
        """Every model, the one used last first."""
        rows = self._rows(f"SELECT {_MODEL_COLUMNS} FROM models ORDER BY used DESC")
        return tuple(record for row in rows if (record := _model_record(row)) is not None)

    def model(self, sha256: str) -> ModelRecord | None:
        rows = self._rows(f"SELECT {_MODEL_COLUMNS} FROM models WHERE sha256 = ?", sha256)
        return _model_record(rows[0]) if rows else None

    def find(self, text: str) -> ModelRecord:
        """The model of a name, or of a hash that starts so (6 digits or more).

        Raises:
            MissingModelError: there is none, or more than one.
        """
        wanted = text.strip().lower()
        models = self.models()
        found = [record for record in models if record.ref.name.lower() == wanted]
        if not found and len(wanted) >= 6:
            found = [record for record in models if record.ref.sha256.startswith(wanted)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(record.ref.name for record in models[:8]) or "none yet"
        problem = "Several models are called" if found else "There is no model"
        raise MissingModelError(
            f"{problem} “{text:.60}” in the library.", f"There are: {names}. A path to a model file works too."
        )

    def locate(self, sha256: str) -> Path | None:
        """A file to read this model from, or None when every known one is gone.

        The converted file, else the user's own if its content is still the same, else a file with that content in a
        folder where other models came from.
        """
        row = self._row("SELECT path, source, source_size FROM models WHERE sha256 = ?", sha256)
        if row is None:
            return None
        path, source, size = _as_path(row[0]), row[1], row[2]
        if path.is_file() and (source or self.hash_of(path) == sha256):  # a conversion has another hash
            return path
        for candidate in self._candidates(source, size):
            if self.hash_of(candidate) == sha256:
                return candidate
        return None

    def relocate(self, sha256: str, path: Path) -> Path:
        """Tell the library where a missing model is. The model's other facts stay, when it is known.

        Raises:
            MissingModelError: the file is another model.
            StorageError: it cannot be read.
        """
        try:
            found = _sha256_of(path)
        except OSError as error:
            raise storage_error(f"read {path.name}", error) from error
        if found != sha256:
            raise MissingModelError(
                f"{path.name:.80} is another model: its SHA-256 starts with {found[:12]}, not {sha256[:12]}.",
                "Look for the file that the recipe was made with.",
                sha256=sha256,
            )
        with self._writing("keep the model's place"):
            change = "UPDATE models SET source = ?, source_size = ? WHERE sha256 = ?"
            self._connection.execute(change, (_as_column(path.absolute()), _size_of(path), sha256))
        return path

    def touch(self, sha256: str) -> None:
        """The model was used just now."""
        with self._writing("note a model's use"):
            newest = "(SELECT max(used) + 1 FROM models)"
            self._connection.execute(f"UPDATE models SET used = {newest} WHERE sha256 = ?", (sha256,))

    def rename_model(self, sha256: str, name: str) -> ModelRef:
        with self._writing("rename the model"):
            unique = self._free_name(name, sha256)
            self._connection.execute("UPDATE models SET name = ? WHERE sha256 = ?", (unique, sha256))
        return ModelRef(sha256, unique)

    def forget_model(self, sha256: str) -> None:
        """Take a model off the shelf. Its files stay."""
        with self._writing("forget the model"):
            self._connection.execute("DELETE FROM models WHERE sha256 = ?", (sha256,))

    def set_model_thumbnail(self, sha256: str, png: bytes) -> None:
        self._set_thumbnail("UPDATE models SET thumbnail = ? WHERE sha256 = ?", png, sha256)

    def model_thumbnail(self, sha256: str) -> bytes | None:
        return self._thumbnail("SELECT thumbnail FROM models WHERE sha256 = ?", sha256)

    # --- portraits ------------------------------------------------------------------------------------------------

    def add_latent(self, latent: StoredLatent, model: ModelRef | None, thumbnail: bytes = b"") -> None:
        """Put a portrait on the shelf, or replace the one with the same ``ws``."""
        name = _clean_name(latent.name) or "portrait"
        values = (latent.key, latent.noise_key, name, model and model.sha256, model and model.name, thumbnail or None)
        with self._writing("keep the portrait"):
            self._connection.execute(
                "INSERT OR REPLACE INTO latents (key, noise_key, name, model_sha256, model_name, thumbnail, added)"
                " VALUES (?, ?, ?, ?, ?, ?, (SELECT coalesce(max(added), 0) + 1 FROM latents))",
                values,
            )

    def latents(self) -> tuple[LatentRecord, ...]:
        """Every portrait, the newest first."""
        rows = self._rows("SELECT key, name, noise_key, model_sha256, model_name FROM latents ORDER BY added DESC")
        return tuple(
            LatentRecord(StoredLatent(key, name, noise_key), ModelRef(sha256, model_name) if sha256 else None)
            for key, name, noise_key, sha256, model_name in rows
        )

    def latent_thumbnail(self, key: str) -> bytes | None:
        return self._thumbnail("SELECT thumbnail FROM latents WHERE key = ?", key)

    def rename_latent(self, key: str, name: str) -> None:
        with self._writing("rename the portrait"):
            cleaned = _clean_name(name) or "portrait"
            self._connection.execute("UPDATE latents SET name = ? WHERE key = ?", (cleaned, key))

    def forget_latent(self, key: str) -> None:
        """Take a portrait off the shelf. Its arrays stay: old states may name them."""
        with self._writing("forget the portrait"):
            self._connection.execute("DELETE FROM latents WHERE key = ?", (key,))

    # --- looks ----------------------------------------------------------------------------------------------------

    def add_look(self, look: Look, thumbnail: bytes = b"") -> LookRecord:
        """Keep a look. Its name is made unlike that of every other one on the shelf."""
        with self._writing("keep the look"):
            named = replace(look, name=self._free_look_name(look.name))
            insert = "INSERT INTO looks (name, state, thumbnail) VALUES (?, ?, ?)"
            values = (named.name, look_to_json(named), thumbnail or None)
            return LookRecord(self._connection.execute(insert, values).lastrowid or 0, named)

    def looks(self) -> tuple[LookRecord, ...]:
        """Every look on the shelf, the newest first."""
        return self._looks("trashed IS NULL ORDER BY id DESC")

    def trashed_looks(self) -> tuple[LookRecord, ...]:
        """Every look in the trash, the one that went there last first."""
        return self._looks("trashed IS NOT NULL ORDER BY trashed DESC")

    def look_thumbnail(self, look_id: int) -> bytes | None:
        return self._thumbnail("SELECT thumbnail FROM looks WHERE id = ?", look_id)

    def rename_look(self, look_id: int, name: str) -> str:
        """Give a look another name, and return it: it is made unlike that of every other one."""
        with self._writing("rename the look"):
            free = self._free_look_name(name, look_id)
            self._connection.execute("UPDATE looks SET name = ? WHERE id = ?", (free, look_id))
        return free

    def trash_look(self, look_id: int) -> None:
        """Take a look off the shelf. It stays in the trash."""
        with self._writing("move the look to the trash"):
            newest = "(SELECT coalesce(max(trashed), 0) + 1 FROM looks)"
            self._connection.execute(f"UPDATE looks SET trashed = {newest} WHERE id = ?", (look_id,))

    def restore_look(self, look_id: int) -> None:
        """Bring a look back from the trash."""
        with self._writing("bring the look back"):
            row = self._row("SELECT name FROM looks WHERE id = ?", look_id)
            if row is not None:
                change = "UPDATE looks SET trashed = NULL, name = ? WHERE id = ?"
                self._connection.execute(change, (self._free_look_name(row[0], look_id), look_id))

    def _looks(self, which: str) -> tuple[LookRecord, ...]:
        rows = self._rows(f"SELECT id, name, state FROM looks WHERE {which}")
        return tuple(record for row in rows if (record := _look_record(row)) is not None)

    def _free_look_name(self, name: str, look_id: int = 0) -> str:
        rows = self._rows("SELECT name FROM looks WHERE trashed IS NULL AND id != ?", look_id)
        return _free(clean_name(name), {str(row[0]).lower() for row in rows})

    # --- samples --------------------------------------------------------------------------------------------------

    def add_sample_latent(self, latent: StoredLatent, model: ModelRef) -> None:
        """Put a portrait that comes with Graft on the shelf, unless it was there before: it may be taken off."""
        if self._row("SELECT 1 FROM samples WHERE key = ?", latent.key) is None:
            self.add_latent(latent, model)
            with self._writing("keep the sample portrait"):
                self._connection.execute("INSERT OR IGNORE INTO samples VALUES (?)", (latent.key,))

    def forget_sample_latents_except(self, kept: Sequence[str]) -> None:
        """Take the other sample portraits off the shelf: they, or their models, no longer come with Graft."""
        marks = ",".join("?" * len(kept))
        gone = f"SELECT key FROM samples WHERE key NOT IN ({marks})"
        with self._writing("bring the sample portraits up to date"):
            self._connection.execute(f"DELETE FROM latents WHERE key IN ({gone})", tuple(kept))
            self._connection.execute(f"DELETE FROM samples WHERE key NOT IN ({marks})", tuple(kept))

    # --- files ----------------------------------------------------------------------------------------------------

    def hash_of(self, path: Path) -> str | None:
        """SHA-256 of a file, remembered until its size or time of change differs; None when it cannot be read."""
        try:
            status = path.stat()
            row = self._row("SELECT size, changed_ns, sha256 FROM hashes WHERE path = ?", _as_column(path))
            if row is not None and row[:2] == (status.st_size, status.st_mtime_ns):
                return str(row[2])
            found = _sha256_of(path)
        except OSError:
            return None
        with self._writing("remember a file's hash"):
            values = (_as_column(path), status.st_size, status.st_mtime_ns, found)
            self._connection.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", values)
        return found

    def forget_embedded_except(self, kept: Sequence[str]) -> None:
        """Take embedded models off the shelf that no longer come with Graft."""
        marks = ",".join("?" * len(kept))
        with self._writing("bring the embedded models up to date"):
            self._connection.execute(f"DELETE FROM models WHERE embedded AND sha256 NOT IN ({marks})", tuple(kept))

    def _candidates(self, source: str | bytes | None, size: int | None) -> Iterator[Path]:
        if source:
            yield _as_path(source)
        rows = self._rows("SELECT source FROM models WHERE source IS NOT NULL UNION SELECT path FROM models")
        for folder in sorted({_as_path(row[0]).parent for row in rows}):
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                continue
            for name in names:
                path = folder / name
                if path.suffix.lower() in MODEL_SUFFIXES and size is not None and _size_of(path) == size:
                    yield path

    # --- inside ---------------------------------------------------------------------------------------------------

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._guard, in_plain_words("read the library"):
            return self._connection.execute(query, values).fetchall()

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        rows = self._rows(query, *values)
        return rows[0] if rows else None

    @contextmanager
    def _writing(self, doing: str) -> Iterator[None]:
        with self._guard, in_plain_words(doing), transaction(self._connection):
            yield

    def _set_thumbnail(self, change: str, png: bytes, key: str) -> None:
        if len(png) > MAX_THUMBNAIL_BYTES:
            raise StorageError(f"A thumbnail of {len(png):,} bytes is too large for the library.")
        with self._writing("keep a thumbnail"):
            self._connection.execute(change, (png, key))

    def _thumbnail(self, query: str, key: object) -> bytes | None:
        row = self._row(query, key)
        return bytes(row[0]) if row and row[0] else None

    def _free_name(self, name: str, sha256: str) -> str:
        taken = {str(row[0]).lower() for row in self._rows("SELECT name FROM models WHERE sha256 != ?", sha256)}
        return _free(_clean_name(name) or sha256[:8], taken)


_MODEL_COLUMNS = "sha256, name, path, source, descriptor, note, embedded"


def _model_record(row: Sequence[Any]) -> ModelRecord | None:
    """None for a row that an older or broken Graft left: the shelf goes on without it."""
    sha256, name, path, source, descriptor, note, embedded = row
    try:
        described, noted = descriptor_from_json(descriptor), json.loads(note)
    except (ValueError, TypeError, KeyError):
        return None
    return ModelRecord(
        ModelRef(sha256, name),
        described,
        _as_path(path),
        _as_path(source) if source else None,
        noted,
        bool(embedded),
    )


def _look_record(row: Sequence[Any]) -> LookRecord | None:
    """None for a row that cannot be read. Before version 2 of the library a look was a whole state."""
    look_id, name, text = row
    try:
        document = parse_json(text, "The look", MAX_LOOK_BYTES)
        is_look = isinstance(document, dict) and VERSION_FIELD in document
        look = look_from_json(text) if is_look else look_of(state_from_json(document), name)
    except RecipeError:
        return None
    return LookRecord(look_id, replace(look, name=name))


def _free(wanted: str, taken: Collection[str]) -> str:
    """A name that is not among `taken` (in small letters): with a number, where need be."""
    free, number = wanted, 1
    while free.lower() in taken:
        number += 1
        free = f"{wanted} {number}"
    return free


def _clean_name(name: str) -> str:
    return printable(" ".join(name.replace("\\", "/").rpartition("/")[2].split()), MAX_NAME_CHARS)


def _as_column(path: Path) -> str | bytes:
    """A path for SQLite: text, or its bytes when they are none, which Linux allows."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return text


def _as_path(column: str | bytes) -> Path:
    return Path(os.fsdecode(column))


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _set_aside(file: Path) -> Path:
    """Rename a damaged database, and what SQLite keeps beside it, to a free name."""
    number = 1
    while (kept := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    try:
        for path, target in zip(database_files(file), database_files(kept), strict=True):
            if path.exists():
                os.replace(path, target)
    except OSError as error:
        raise storage_error(f"set the damaged {file.name} aside", error) from error
    return kept
