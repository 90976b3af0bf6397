"""Which published encoder is used for which model: a small file beside them, in the user's weights folder. Light."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from engine.atomic import write_atomic
from engine.errors import EngineError
from engine.published_encoder import FILE_START, PublishedMetadata, read_published
from engine.state import ModelRef
from engine.strict_json import decode, parse_json_object

LINKS_NAME = "encoders.json"
FORMAT_VERSION = 1
MAX_LINKS = 500
MAX_FILES = 64
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EncoderLink:
    """Attributes:
    encoder: Name of the file in the weights folder.
    """

    encoder: str
    model: ModelRef


@dataclass(frozen=True, slots=True)
class _Links:
    links: tuple[EncoderLink, ...]


@dataclass(frozen=True, slots=True)
class KnownEncoder:
    """A published encoder that was kept.

    Attributes:
        models: What it is used for.
        waiting: What it was linked to, too, but others later.
    """

    path: Path
    metadata: PublishedMetadata
    models: tuple[ModelRef, ...]
    waiting: tuple[ModelRef, ...] = ()

    @property
    def title(self) -> str:
        """What the file was called that it was read from."""
        return title_of(self.path)


def title_of(path: Path) -> str:
    return path.stem.removeprefix(FILE_START).rpartition("-")[0] or path.stem


def link_encoder(path: Path, model: ModelRef) -> None:
    """Use an encoder for a model from now on, before others that it has.

    Raises:
        StorageError: that cannot be kept.
    """
    link = EncoderLink(path.name, model)
    others = [one for one in read_links(path.parent) if not _same(one, link)]
    _write(path.parent, [*others, link][-MAX_LINKS:])


def unlink_encoder(path: Path, model: ModelRef) -> None:
    """Use an encoder for a model no longer. Its file stays.

    Raises:
        StorageError: that cannot be kept.
    """
    link = EncoderLink(path.name, model)
    _write(path.parent, [one for one in read_links(path.parent) if not _same(one, link)])


def read_links(folder: Path) -> tuple[EncoderLink, ...]:
    """What is linked, the newest last. A damaged file is as none: what is in it can be said again."""
    try:
        with open(folder / LINKS_NAME, "rb") as file:
            document = parse_json_object(file.read(MAX_BYTES).decode("utf-8"))
        if document.pop("format", None) != FORMAT_VERSION:
            return ()
        return decode(_Links, document, "encoders").links
    except (OSError, ValueError, EngineError):
        return ()


def published_for(model: ModelRef, folder: Path) -> Path | None:
    """The published encoder that is used for a model: the one linked last."""
    for link in reversed(read_links(folder)):
        if link.model.sha256 == model.sha256 and _is_name(link.encoder):
            with suppress(EngineError):
                read_published(folder / link.encoder)
                return folder / link.encoder
    return None


def known_encoders(folder: Path) -> tuple[KnownEncoder, ...]:
    """Every published encoder that was kept, by name; damaged ones are passed over."""
    links = read_links(folder)
    newest = {link.model.sha256: link.encoder for link in links if (folder / link.encoder).is_file()}
    found = []
    for path in sorted(folder.glob(f"{FILE_START}*.safetensors"))[:MAX_FILES]:
        with suppress(EngineError):
            own = [link.model for link in links if link.encoder == path.name]
            used = tuple(model for model in own if newest[model.sha256] == path.name)
            waiting = tuple(model for model in own if model not in used)
            found.append(KnownEncoder(path, read_published(path)[1], used, waiting))
    return tuple(found)


def _same(a: EncoderLink, b: EncoderLink) -> bool:
    return a.encoder == b.encoder and a.model.sha256 == b.model.sha256


def _is_name(text: str) -> bool:
    return text.startswith(FILE_START) and os.path.basename(text) == text and "\\" not in text


def _write(folder: Path, links: list[EncoderLink]) -> None:
    document = {"format": FORMAT_VERSION, "links": [asdict(link) for link in links]}
    write_atomic(folder / LINKS_NAME, json.dumps(document, indent=1).encode())
