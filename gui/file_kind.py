"""What a dropped file is, by its content. Names lie, and most files are dropped, not chosen by type."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from engine.atomic import storage_error
from engine.export.embedded import open_plain_file
from engine.look_file import is_look
from engine.session_file import DOCUMENT_NAME, SESSION_SUFFIX

MODEL_SUFFIXES = (".pkl", ".pt", ".pth", ".ckpt", ".safetensors")
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".heic", ".heif", ".tif", ".tiff", ".bmp", ".gif", ".avif")
HEAD_BYTES = 4096

_PICTURE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8", b"BM", b"\x1aE\xdf\xa3")


class FileKind(StrEnum):
    PICTURE = "picture"  # a portrait, or a still or film with its recipe inside
    RECIPE = "recipe"
    LOOK = "look"
    SESSION = "session"
    MODEL = "model"
    DIRECTIONS = "directions"
    UNKNOWN = "unknown"


def file_kind(path: Path) -> FileKind:
    """
    Raises:
        StorageError: it cannot be read.
        RecipeFormatError: it is no plain file.
    """
    try:
        with open_plain_file(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    return _kind_of(head, path.suffix.lower())


def _kind_of(head: bytes, suffix: str) -> FileKind:
    if head.startswith(_PICTURE_STARTS) or head[4:8] == b"ftyp" or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return FileKind.PICTURE
    if head.startswith(b"\x93NUMPY") or (head.startswith(b"PK\x03\x04") and suffix == ".npz"):
        return FileKind.DIRECTIONS
    if head.startswith(b"PK\x03\x04"):
        is_session = DOCUMENT_NAME.encode() in head[:120] or suffix == SESSION_SUFFIX
        return FileKind.SESSION if is_session else FileKind.MODEL
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return FileKind.LOOK if is_look(head) else FileKind.RECIPE
    if head[:1] == b"\x80" or head[8:9] == b"{" or suffix in MODEL_SUFFIXES:
        return FileKind.MODEL
    if suffix == SESSION_SUFFIX:
        return FileKind.SESSION
    return FileKind.PICTURE if suffix in PICTURE_SUFFIXES else FileKind.UNKNOWN

