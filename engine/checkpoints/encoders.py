"""Keep the portrait encoder of a stranger's file: read in quarantine, checked, and laid beside the user's weights.

Knows no torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from engine.atomic import BesideFile, remove_leftovers, storage_error
from engine.checkpoints.child import run_quarantine
from engine.checkpoints.regular_file import open_regular, unreadable
from engine.checkpoints.safetensors_file import header_bytes, parse_header
from engine.errors import CorruptModelError, EngineError
from engine.published_encoder import FILE_START, METADATA_KEY, PublishedMetadata, read_published

_BLOCK_BYTES = 4 << 20
MAX_STEM_CHARS = 60


@dataclass(frozen=True, slots=True)
class KeptEncoder:
    """Attributes:
    path: Its file, in Graft's format.
    """

    path: Path
    metadata: PublishedMetadata


def keep_encoder(
    source: Path, folder: Path, *, sha256: str = "", timeout_s: float = 120.0
) -> KeptEncoder:
    """Read the encoder out of a file, running nothing that is in it, and keep it; once for every content.

    Args:
        source: A checkpoint of pSp, e4e, ReStyle or a relative.
        folder: Where the user's weights are; made if need be.
        sha256: Of the file, when it is known; otherwise it is found.

    Raises:
        ModelError: it holds no encoder, or not one that Graft runs.
        OutOfMemoryError: it is too large for this machine.
        StorageError: it cannot be kept.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(f"create its folder {folder}", error) from error
    remove_leftovers(folder)
    with open_regular(source) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            sha256 = sha256 or _digest(file)
            known = _known(folder, sha256)
            if known is None:
                stem = re.sub(r"[^\w-]+", "-", source.stem)[:MAX_STEM_CHARS].strip("-")
                target = folder / f"{FILE_START}{stem or 'unnamed'}-{sha256[:12]}.safetensors"
                known = _extract(file, size, sha256, target, timeout_s)
        except OSError as error:
            raise unreadable(source, error) from None
    return known


def inspect_encoder(source: Path, *, timeout_s: float = 60.0) -> PublishedMetadata:
    """What the encoder in a file is, without keeping it. Its numbers are not looked at.

    Raises:
        ModelError: it holds no encoder, or not one that Graft runs.
        StorageError: there is no room for a note.
    """
    try:
        scratch = tempfile.TemporaryDirectory()
    except OSError as error:
        raise storage_error("keep a note of the encoder", error) from error
    with scratch as folder, open_regular(source) as file, tempfile.TemporaryFile(dir=folder) as note:
        try:
            size = os.fstat(file.fileno()).st_size
            sha256 = _digest(file)
            file.seek(0)
        except OSError as error:
            raise unreadable(source, error) from None
        run_quarantine(
            file, note, size=size, sha256=sha256, timeout_s=timeout_s, scratch=Path(folder), what="encoder-note"
        )
        note.seek(0)
        length = header_bytes(note.read(8), os.fstat(note.fileno()).st_size)
        text = parse_header(note.read(length), 8 + length).metadata.get(METADATA_KEY, "")
        return PublishedMetadata.from_json_text(text)


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def _known(folder: Path, sha256: str) -> KeptEncoder | None:
    """What was kept of this very file before. Written whole or not at all, so its header is enough."""
    for path in sorted(folder.glob(f"{FILE_START}*-{sha256[:12]}.safetensors")):
        with suppress(EngineError, OSError):
            metadata = read_published(path)[1]
            if metadata.source_sha256 == sha256:
                return KeptEncoder(path, metadata)
    return None


def _extract(file: BinaryIO, size: int, sha256: str, target: Path, timeout_s: float) -> KeptEncoder:
    beside = BesideFile(target)
    try:
        with open(beside.temp, "r+b") as out:
            file.seek(0)
            run_quarantine(
                file, out, size=size, sha256=sha256, timeout_s=timeout_s, scratch=target.parent, what="encoder"
            )
            metadata = _checked(out, beside.temp, sha256)
    except BaseException:
        beside.discard()
        raise
    beside.commit()
    return KeptEncoder(target, metadata)


def _checked(out: BinaryIO, path: Path, sha256: str) -> PublishedMetadata:
    """What the quarantine wrote, down to the last number.

    Raises:
        ModelError: it is not what it should be.
    """
    header, metadata = read_published(path)
    if metadata.source_sha256 != sha256:
        raise CorruptModelError("The safe reader gave an encoder of another file.")
    for name, entry in header.tensors.items():
        out.seek(entry.begin)
        left = entry.end - entry.begin
        while left:
            raw = out.read(min(left, _BLOCK_BYTES))
            if not raw:
                raise CorruptModelError("The encoder became shorter while it was read.")
            left -= len(raw)
            if not np.isfinite(np.frombuffer(raw, "<f4")).all():
                raise CorruptModelError(f"The encoder's tensor {name:.120} holds values that are no numbers.")
    return metadata
