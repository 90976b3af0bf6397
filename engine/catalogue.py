"""The catalogue of published checkpoints: ``resources/catalogue.toml``, read strictly, and the user's own links."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.errors import DownloadError, printable
from engine.library_records import Link
from engine.places import resources_folder
from engine.web_stream import check_address

FORMAT_VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True)
class Licence:
    """Attributes:
    gist: The part that an artist must know, in a sentence.
    """

    name: str
    url: str
    gist: str = ""


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A checkpoint that can be downloaded.

    Attributes:
        id: What the command line calls it; of a user's own link, its address.
        draws: What its pictures show.
        resolution: Edge length in pixels; 0 when nobody said.
        framing: How faces sit in its pictures, in words.
        page: Where the maker publishes it.
        size: In bytes, where it is known.
        sha256: Where it is published.
        readable: Whether this Graft runs models of its kind.
        is_own: The user put it there.
    """

    id: str
    name: str
    url: str
    maker: str = ""
    licence: Licence | None = None
    draws: str = ""
    resolution: int = 0
    framing: str = ""
    family: str = ""
    page: str = ""
    size: int | None = None
    sha256: str | None = None
    readable: bool = True
    is_own: bool = False

    @property
    def search_text(self) -> str:
        """What a search looks through, in small letters."""
        licence = self.licence.name if self.licence else ""
        parts = (self.id, self.name, self.maker, self.draws, self.family, self.framing, licence, str(self.resolution))
        return " ".join(parts).lower()


class CatalogueError(ValueError):
    """The file that ships with Graft is not what it must be."""


def catalogue_file() -> Path:
    return resources_folder() / "catalogue.toml"


def read_catalogue(path: Path | None = None) -> tuple[CatalogueEntry, ...]:
    """The entries, in the order of the file.

    Raises:
        CatalogueError: the file breaks its rules; says where.
        OSError: it cannot be read.
    """
    with open(path or catalogue_file(), "rb") as file:
        try:
            document = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise CatalogueError(str(error)) from error
    if document.get("format") != FORMAT_VERSION:
        raise CatalogueError(f"format {document.get('format')!r}, not {FORMAT_VERSION}")
    licences = {key: _licence(key, fields) for key, fields in document.get("licence", {}).items()}
    sources = document.get("source", {})
    entries = tuple(_entry(fields, sources, licences) for fields in document.get("model", []))
    for label, values in (("id", [one.id for one in entries]), ("url", [one.url for one in entries])):
        if len(set(values)) != len(values):
            raise CatalogueError(f"two models have one {label}")
    return entries


def own_entry(link: Link) -> CatalogueEntry:
    """A link of the user's as an entry."""
    return CatalogueEntry(link.url, link.name, link.url, page=link.url, sha256=link.sha256, is_own=True)


def find_entry(text: str, entries: Iterable[CatalogueEntry]) -> CatalogueEntry | None:
    """The entry of an id, a name or an address, in small or capital letters."""
    wanted = text.strip().lower()
    return next((one for one in entries if wanted in (one.id.lower(), one.name.lower(), one.url.lower())), None)


def check_link(url: str, sha256: str = "") -> tuple[str, str | None]:
    """An address and a checksum as a user typed them, cleaned.

    Raises:
        DownloadError: says what is wrong with them.
    """
    address = check_address(url.strip())
    digest = re.sub(r"[\s:]", "", sha256.removeprefix("sha256:")).lower()
    if digest and not _SHA256.fullmatch(digest):
        raise DownloadError(
            f"“{printable(sha256.strip(), 30)}” is no SHA-256: that is 64 digits and letters from a to f.",
            "Leave it empty if none is published.",
        )
    return address, digest or None


def name_of_link(url: str) -> str:
    """A name for an address: its file's, without the suffix."""
    name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
    return printable(name.rsplit(".", 1)[0] if "." in name[1:] else name, 60) or "model"


def _licence(key: str, fields: Mapping[str, Any]) -> Licence:
    licence = Licence(_text(fields, "name", key), _https(fields, "url", key), str(fields.get("gist", "")))
    _only(fields, {"name", "url", "gist"}, key)
    return licence


def _entry(
    fields: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]], licences: Mapping[str, Licence]
) -> CatalogueEntry:
    where = str(fields.get("id"))
    _only(fields, {"id", "name", "source", "draws", "resolution", "framing", "file", "size", "sha256"}, where)
    if not _ID.fullmatch(where):
        raise CatalogueError(f"{where}: an id is small letters, digits and hyphens")
    source = sources.get(_text(fields, "source", where))
    if source is None:
        raise CatalogueError(f"{where}: no source {fields['source']}")
    _only(source, {"maker", "page", "base", "licence", "family", "readable"}, str(fields["source"]))
    licence = licences.get(_text(source, "licence", where))
    sha256, size, resolution = fields.get("sha256"), fields.get("size"), fields.get("resolution")
    if licence is None:
        raise CatalogueError(f"{where}: no licence {source['licence']}")
    if sha256 is not None and not _SHA256.fullmatch(str(sha256)):
        raise CatalogueError(f"{where}: its sha256 is none")
    if type(resolution) is not int or not 4 <= resolution <= 8192 or not (size is None or type(size) is int):
        raise CatalogueError(f"{where}: its resolution or size is no sensible number")
    return CatalogueEntry(
        id=where,
        name=_text(fields, "name", where),
        url=_https(source, "base", where) + _text(fields, "file", where),
        maker=_text(source, "maker", where),
        licence=licence,
        draws=_text(fields, "draws", where),
        resolution=resolution,
        framing=_text(fields, "framing", where),
        family=_text(source, "family", where),
        page=_https(source, "page", where),
        size=size,
        sha256=sha256,
        readable=source.get("readable", True) is True,
    )


def _text(fields: Mapping[str, Any], key: str, where: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise CatalogueError(f"{where}: {key} must be a text")
    return value


def _https(fields: Mapping[str, Any], key: str, where: str) -> str:
    value = _text(fields, key, where)
    if not value.startswith("https://"):
        raise CatalogueError(f"{where}: {key} must begin with https://")
    return value


def _only(fields: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(fields) - known:
        raise CatalogueError(f"{where}: it says {', '.join(sorted(unknown))}, which nobody reads")
