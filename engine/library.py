"""The library: which models, portraits and looks there are, and where a model's file is.

A model is known by the SHA-256 of the file that the user gave; what is read is its conversion to safetensors. Paths
stay in here: states, recipes and sessions know hashes and names only.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.atomic import storage_error
from engine.descriptor import NetworkDescriptor
from engine.errors import MissingModelError
from engine.file_hash import file_sha256
from engine.library_file import LibraryFile, as_column, as_path, clean_file_name, free_name
from engine.library_latents import LatentTable
from engine.library_looks import LookTable
from engine.library_records import (
    LatentRecord,
    LookRecord,
    ModelRecord,
    descriptor_from_json,
    descriptor_to_json,
)
from engine.likeness import Likeness
from engine.look import Look
from engine.moved_files import find_by_content
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

MODEL_SUFFIXES = frozenset({".safetensors", ".pkl", ".pt", ".pth", ".ckpt"})


class Library:
    """The library file of one user. Every method may be called from any thread, and from several running Grafts.

    A damaged file is set aside and a new one begun; `notice` then says so.

    Args:
        path: The SQLite file; its folder is made if need be.

    Raises:
        StorageError: it can be neither opened nor made.

    Attributes:
        file: The connection, for tables that have a module of their own (`engine.library_file`).
        other_folders: Where moved files are looked for besides the folders of the known ones.
    """

    def __init__(self, path: Path) -> None:
        self.file = LibraryFile(path)
        self.other_folders: tuple[Path, ...] = ()
        self._latents = LatentTable(self.file)
        self._look_table = LookTable(self.file)

    @property
    def notice(self) -> str:
        """What is to be told about opening the file; usually nothing."""
        return self.file.notice

    def close(self) -> None:
        self.file.close()

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
        """Put a model on the shelf, or bring up to date where its files are. A known model keeps its name and what
        was added to its note; one from the trash is back.

        Args:
            path: Graft safetensors file to read.
            sha256: Of the file that the user gave.
            source: That file, when it is another than `path`; without it, `path` must have that hash.
            note: Lineage and licence, plain JSON.

        Returns:
            What states call it. The name is made unlike that of every other model.
        """
        size = _size_of(source or path)
        with self.file.writing("keep the model in the library") as connection:
            row = self.file.row("SELECT name, note FROM models WHERE sha256 = ?", sha256)
            unique = self._free_name(str(row[0]) if row else name, sha256)
            noted = {**(_note(row[1]) if row else {}), **(note or {})}
            connection.execute(
                "INSERT INTO models (sha256, name, path, source, source_size, descriptor, note, embedded, used,"
                " added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(used), 0) + 1 FROM models), ?)"
                " ON CONFLICT (sha256) DO UPDATE SET path = excluded.path,"
                " source = coalesce(excluded.source, source), source_size = excluded.source_size,"
                " descriptor = excluded.descriptor, note = excluded.note, embedded = excluded.embedded,"
                " used = excluded.used, name = excluded.name, trashed = NULL",
                (
                    sha256,
                    unique,
                    as_column(path.absolute()),
                    as_column(source.absolute()) if source else None,
                    size,
                    descriptor_to_json(descriptor),
                    json.dumps(noted),
                    embedded,
                    int(time.time()),
                ),
            )
        return ModelRef(sha256, unique)

    def models(self) -> tuple[ModelRecord, ...]:
        """Every model on the shelf, the one used last first."""
        return self._models("trashed IS NULL ORDER BY used DESC")

    def trashed_models(self) -> tuple[ModelRecord, ...]:
        """Every model in the trash, the one that went there last first."""
        return self._models("trashed IS NOT NULL ORDER BY trashed DESC")

    def _models(self, which: str) -> tuple[ModelRecord, ...]:
        rows = self.file.rows(f"SELECT {_MODEL_COLUMNS} FROM models WHERE {which}")
        return tuple(record for row in rows if (record := _model_record(row)) is not None)

    def model(self, sha256: str) -> ModelRecord | None:
        """A model by its hash, also one in the trash."""
        rows = self.file.rows(f"SELECT {_MODEL_COLUMNS} FROM models WHERE sha256 = ?", sha256)
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
        folder where other models came from, or in one of `other_folders`; that one is remembered. Looking for it
        takes a while.
        """
        row = self.file.row("SELECT path, source, source_size FROM models WHERE sha256 = ?", sha256)
        if row is None:
            return None
        path, source, size = as_path(row[0]), as_path(row[1]) if row[1] else None, row[2]
        if path.is_file() and (source or self.hash_of(path) == sha256):  # a conversion has another hash
            return path
        if source is not None and self.hash_of(source) == sha256:
            return source
        found = find_by_content(sha256, size, self._folders(), self.hash_of) if size is not None else None
        if found is not None:
            with self.file.writing("keep the model's place") as connection:
                change = "UPDATE models SET source = ? WHERE sha256 = ?"
                connection.execute(change, (as_column(found.absolute()), sha256))
        return found

    def is_here(self, record: ModelRecord) -> bool:
        """Whether a file of the model is where the library thinks; its content is not looked at."""
        return record.path.is_file() or (record.source is not None and record.source.is_file())

    def relocate(self, sha256: str, path: Path) -> Path:
        """Tell the library where a missing model is. The model's other facts stay, when it is known.

        Raises:
            MissingModelError: the file is another model.
            StorageError: it cannot be read.
        """
        try:
            found = file_sha256(path)
        except OSError as error:
            raise storage_error(f"read {path.name}", error) from error
        if found != sha256:
            raise MissingModelError(
                f"{path.name:.80} is another model: its SHA-256 starts with {found[:12]}, not {sha256[:12]}.",
                "Look for the file that the recipe was made with.",
                sha256=sha256,
            )
        with self.file.writing("keep the model's place") as connection:
            change = "UPDATE models SET source = ?, source_size = ? WHERE sha256 = ?"
            connection.execute(change, (as_column(path.absolute()), _size_of(path), sha256))
        return path

    def touch(self, sha256: str) -> None:
        """The model was used just now."""
        with self.file.writing("note a model's use") as connection:
            newest = "(SELECT max(used) + 1 FROM models)"
            connection.execute(f"UPDATE models SET used = {newest} WHERE sha256 = ?", (sha256,))

    def rename_model(self, sha256: str, name: str) -> ModelRef:
        with self.file.writing("rename the model") as connection:
            unique = self._free_name(name, sha256)
            connection.execute("UPDATE models SET name = ? WHERE sha256 = ?", (unique, sha256))
            for table in ("latents", "directions"):
                connection.execute(f"UPDATE {table} SET model_name = ? WHERE model_sha256 = ?", (unique, sha256))
        return ModelRef(sha256, unique)

    def add_to_note(self, sha256: str, facts: Mapping[str, Any]) -> None:
        """Add to what is noted about a model, for example its licence. Plain JSON."""
        with self.file.writing("keep the model's note") as connection:
            row = self.file.row("SELECT note FROM models WHERE sha256 = ?", sha256)
            if row is not None:
                changed = json.dumps({**_note(row[0]), **facts})
                connection.execute("UPDATE models SET note = ? WHERE sha256 = ?", (changed, sha256))

    def trash_model(self, sha256: str) -> None:
        """Take a model off the shelf. It stays in the trash, and its files where they are. An embedded one stays."""
        with self.file.writing("move the model to the trash") as connection:
            newest = "(SELECT coalesce(max(trashed), 0) + 1 FROM models)"
            connection.execute(f"UPDATE models SET trashed = {newest} WHERE sha256 = ? AND NOT embedded", (sha256,))

    def restore_model(self, sha256: str) -> None:
        with self.file.writing("bring the model back") as connection:
            row = self.file.row("SELECT name FROM models WHERE sha256 = ?", sha256)
            if row is not None:
                free = self._free_name(str(row[0]), sha256)
                connection.execute("UPDATE models SET trashed = NULL, name = ? WHERE sha256 = ?", (free, sha256))

    def forget_model(self, sha256: str) -> None:
        """Forget a model for good. Its files stay."""
        with self.file.writing("forget the model") as connection:
            connection.execute("DELETE FROM models WHERE sha256 = ?", (sha256,))

    def set_model_thumbnail(self, sha256: str, png: bytes) -> None:
        self.file.set_thumbnail("UPDATE models SET thumbnail = ? WHERE sha256 = ?", png, sha256)

    def model_thumbnail(self, sha256: str) -> bytes | None:
        return self.file.thumbnail("SELECT thumbnail FROM models WHERE sha256 = ?", sha256)

    # --- portraits: see `LatentTable` -------------------------------------------------------------------------------

    def add_latent(
        self,
        latent: StoredLatent,
        model: ModelRef | None,
        thumbnail: bytes = b"",
        *,
        source: PortraitSource | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        self._latents.add(latent, model, thumbnail, source=source, likeness=likeness)

    def tell_of_latent(
        self, key: str, *, source: PortraitSource | None = None, likeness: Likeness | None = None
    ) -> None:
        self._latents.tell_of(key, source=source, likeness=likeness)

    def latents(self) -> tuple[LatentRecord, ...]:
        return self._latents.on_shelf()

    def trashed_latents(self) -> tuple[LatentRecord, ...]:
        return self._latents.in_trash()

    def latent_thumbnail(self, key: str) -> bytes | None:
        return self._latents.thumbnail(key)

    def set_latent_thumbnail(self, key: str, png: bytes) -> None:
        self._latents.set_thumbnail(key, png)

    def rename_latent(self, key: str, name: str) -> None:
        self._latents.rename(key, name)

    def trash_latent(self, key: str) -> None:
        self._latents.trash(key)

    def restore_latent(self, key: str) -> None:
        self._latents.restore(key)

    def forget_latent(self, key: str) -> None:
        self._latents.forget(key)

    def add_sample_latent(self, latent: StoredLatent, model: ModelRef) -> None:
        self._latents.add_sample(latent, model)

    def forget_sample_latents_except(self, kept: Sequence[str]) -> None:
        self._latents.forget_samples_except(kept)

    # --- looks: see `LookTable` -------------------------------------------------------------------------------------

    def add_look(self, look: Look, thumbnail: bytes = b"") -> LookRecord:
        return self._look_table.add(look, thumbnail)

    def looks(self) -> tuple[LookRecord, ...]:
        return self._look_table.on_shelf()

    def trashed_looks(self) -> tuple[LookRecord, ...]:
        return self._look_table.in_trash()

    def look_thumbnail(self, look_id: int) -> bytes | None:
        return self._look_table.thumbnail(look_id)

    def set_look_thumbnail(self, look_id: int, png: bytes) -> None:
        self._look_table.set_thumbnail(look_id, png)

    def rename_look(self, look_id: int, name: str) -> str:
        return self._look_table.rename(look_id, name)

    def trash_look(self, look_id: int) -> None:
        self._look_table.trash(look_id)

    def restore_look(self, look_id: int) -> None:
        self._look_table.restore(look_id)

    # --- files ----------------------------------------------------------------------------------------------------

    def hash_of(self, path: Path) -> str | None:
        """SHA-256 of a file, remembered until its size or time of change differs; None when it cannot be read."""
        try:
            status = path.stat()
            row = self.file.row("SELECT size, changed_ns, sha256 FROM hashes WHERE path = ?", as_column(path))
            if row is not None and row[:2] == (status.st_size, status.st_mtime_ns):
                return str(row[2])
            found = file_sha256(path)
        except OSError:
            return None
        with self.file.writing("remember a file's hash") as connection:
            values = (as_column(path), status.st_size, status.st_mtime_ns, found)
            connection.execute("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", values)
        return found

    def forget_embedded_except(self, kept: Sequence[str]) -> None:
        """Take embedded models off the shelf that no longer come with Graft."""
        marks = ",".join("?" * len(kept))
        with self.file.writing("bring the embedded models up to date") as connection:
            connection.execute(f"DELETE FROM models WHERE embedded AND sha256 NOT IN ({marks})", tuple(kept))

    def _folders(self) -> Iterator[Path]:
        """Where a moved file may be: where models are or were, then where else one may look."""
        rows = self.file.rows("SELECT source FROM models WHERE source IS NOT NULL UNION SELECT path FROM models")
        yield from sorted({as_path(row[0]).parent for row in rows})
        yield from self.other_folders

    # --- inside ---------------------------------------------------------------------------------------------------

    def _free_name(self, name: str, sha256: str) -> str:
        rows = self.file.rows("SELECT name FROM models WHERE trashed IS NULL AND sha256 != ?", sha256)
        taken = {str(row[0]).lower() for row in rows}
        return free_name(clean_file_name(name) or sha256[:8], taken)


_MODEL_COLUMNS = "sha256, name, path, source, descriptor, note, embedded, added_at"


def _model_record(row: Sequence[Any]) -> ModelRecord | None:
    """None for a row that an older or broken Graft left: the shelf goes on without it."""
    sha256, name, path, source, descriptor, note, embedded, added_at = row
    try:
        described, noted = descriptor_from_json(descriptor), json.loads(note)
    except (ValueError, TypeError, KeyError):
        return None
    return ModelRecord(
        ModelRef(sha256, name),
        described,
        as_path(path),
        as_path(source) if source else None,
        noted,
        bool(embedded),
        added_at,
    )


def _note(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None

