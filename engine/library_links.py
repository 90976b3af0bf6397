"""Links of the user's own, and what was downloaded from where: later downloads are compared with the first."""

from __future__ import annotations

from engine.library_file import LibraryFile, clean_file_name
from engine.library_records import Link


class LinkTable:
    def __init__(self, file: LibraryFile) -> None:
        self._file = file

    def add(self, url: str, name: str, sha256: str | None = None) -> Link:
        """Keep a link, or bring the known one up to date."""
        link = Link(url, clean_file_name(name) or "model", sha256)
        with self._file.writing("keep the link") as connection:
            connection.execute(
                "INSERT OR REPLACE INTO links (url, name, sha256, added)"
                " VALUES (?, ?, ?, (SELECT coalesce(max(added), 0) + 1 FROM links))",
                (link.url, link.name, link.sha256),
            )
        return link

    def all(self) -> tuple[Link, ...]:
        """The newest first."""
        return tuple(Link(*row) for row in self._file.rows("SELECT url, name, sha256 FROM links ORDER BY added DESC"))

    def remove(self, url: str) -> None:
        with self._file.writing("forget the link") as connection:
            connection.execute("DELETE FROM links WHERE url = ?", (url,))

    def fetched_sha256(self, url: str) -> str | None:
        """What the first download from an address was; None before it."""
        row = self._file.row("SELECT sha256 FROM fetched WHERE url = ?", url)
        return str(row[0]) if row else None

    def fetched(self) -> dict[str, str]:
        """The SHA-256 of what came from each address."""
        return {str(url): str(sha256) for url, sha256 in self._file.rows("SELECT url, sha256 FROM fetched")}

    def note_fetched(self, url: str, sha256: str, size: int) -> None:
        """Remember a download. The first counts, unless the user has accepted another file in its place."""
        with self._file.writing("note the download") as connection:
            connection.execute("INSERT OR REPLACE INTO fetched VALUES (?, ?, ?)", (url, sha256, size))
