"""Portraits in the library: the user's own, and those that come with Graft."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.errors import CorruptModelError
from engine.library_file import LibraryFile, clean_file_name
from engine.library_records import LatentRecord
from engine.likeness import Likeness
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

T = TypeVar("T")

log = logging.getLogger(__name__)


class LatentTable:
    def __init__(self, file: LibraryFile) -> None:
        self._file = file

    def add(
        self,
        latent: StoredLatent,
        model: ModelRef | None,
        thumbnail: bytes = b"",
        *,
        source: PortraitSource | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        """Put a portrait on the shelf, or replace the one with the same ``ws``."""
        name = clean_file_name(latent.name) or "portrait"
        found_in = source and source.to_json_text()
        how_like = likeness and likeness.to_json_text()
        whose = (model and model.sha256, model and model.name)
        values = (latent.key, latent.noise_key, name, *whose, thumbnail or None, found_in, how_like)
        with self._file.writing("keep the portrait") as connection:
            connection.execute(
                "INSERT OR REPLACE INTO latents"
                " (key, noise_key, name, model_sha256, model_name, thumbnail, source, likeness, added)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(added), 0) + 1 FROM latents))",
                values,
            )

    def on_shelf(self) -> tuple[LatentRecord, ...]:
        """The newest first."""
        return self._select("trashed IS NULL ORDER BY added DESC")

    def in_trash(self) -> tuple[LatentRecord, ...]:
        """The one that went there last first."""
        return self._select("trashed IS NOT NULL ORDER BY trashed DESC")

    def thumbnail(self, key: str) -> bytes | None:
        return self._file.thumbnail("SELECT thumbnail FROM latents WHERE key = ?", key)

    def set_thumbnail(self, key: str, png: bytes) -> None:
        self._file.set_thumbnail("UPDATE latents SET thumbnail = ? WHERE key = ?", png, key)

    def rename(self, key: str, name: str) -> None:
        with self._file.writing("rename the portrait") as connection:
            cleaned = clean_file_name(name) or "portrait"
            connection.execute("UPDATE latents SET name = ? WHERE key = ?", (cleaned, key))

    def tell_of(self, key: str, *, source: PortraitSource | None = None, likeness: Likeness | None = None) -> None:
        """Keep what became known of a portrait since: where its photo is now, or how like it is. None changes
        nothing."""
        values = (source and source.to_json_text(), likeness and likeness.to_json_text(), key)
        with self._file.writing("keep what is known of the portrait") as connection:
            news = "source = coalesce(?, source), likeness = coalesce(?, likeness)"
            connection.execute(f"UPDATE latents SET {news} WHERE key = ?", values)

    def forget(self, key: str) -> None:
        """Take a portrait off the shelf for good. Its arrays stay: old states may name them."""
        with self._file.writing("forget the portrait") as connection:
            connection.execute("DELETE FROM latents WHERE key = ?", (key,))

    def trash(self, key: str) -> None:
        with self._file.writing("move the portrait to the trash") as connection:
            newest = "(SELECT coalesce(max(trashed), 0) + 1 FROM latents)"
            connection.execute(f"UPDATE latents SET trashed = {newest} WHERE key = ?", (key,))

    def restore(self, key: str) -> None:
        with self._file.writing("bring the portrait back") as connection:
            connection.execute("UPDATE latents SET trashed = NULL WHERE key = ?", (key,))

    def add_sample(self, latent: StoredLatent, model: ModelRef) -> None:
        """Put a portrait that comes with Graft on the shelf, unless it was there before: it may be taken off."""
        if self._file.row("SELECT 1 FROM samples WHERE key = ?", latent.key) is None:
            self.add(latent, model)
            with self._file.writing("keep the sample portrait") as connection:
                connection.execute("INSERT OR IGNORE INTO samples VALUES (?)", (latent.key,))

    def forget_samples_except(self, kept: Sequence[str]) -> None:
        """Take the other sample portraits off the shelf: they, or their models, no longer come with Graft."""
        marks = ",".join("?" * len(kept))
        gone = f"SELECT key FROM samples WHERE key NOT IN ({marks})"
        with self._file.writing("bring the sample portraits up to date") as connection:
            connection.execute(f"DELETE FROM latents WHERE key IN ({gone})", tuple(kept))
            connection.execute(f"DELETE FROM samples WHERE key NOT IN ({marks})", tuple(kept))

    def _select(self, which: str) -> tuple[LatentRecord, ...]:
        columns = "key, name, noise_key, model_sha256, model_name, source, likeness"
        rows = self._file.rows(f"SELECT {columns} FROM latents WHERE {which}")
        return tuple(
            LatentRecord(
                StoredLatent(key, name, noise_key),
                ModelRef(sha256, model_name) if sha256 else None,
                _read(PortraitSource.from_json_text, source),
                _read(Likeness.from_json_text, likeness),
            )
            for key, name, noise_key, sha256, model_name, source, likeness in rows
        )


def _read(parse: Callable[[str], T], text: str | None) -> T | None:
    """A portrait whose photo cannot be told any more is still a portrait."""
    try:
        return parse(text) if text else None
    except CorruptModelError as error:
        log.warning("a portrait on the shelf: %s", error.user_message)
        return None
