"""Recipes inside picture files: how they get in, and how they are found again without decoding a pixel.

PNG has them as plain text in an ``iTXt`` chunk ``graft-recipe`` (compressed when long). The others have them in
their XMP packet, as base64 of zlib of the JSON, in the property ``graft:recipe``, which most tools leave alone. Films
have it in their comment.

Only the standard library is needed: the window reads a dropped picture with this.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from engine.atomic import storage_error
from engine.errors import RecipeFormatError
from engine.recipe import MAX_RECIPE_BYTES, Recipe, recipe_from_json

PNG_KEYWORD = b"graft-recipe"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_TAG = 700
MAX_FILE_BYTES = 4 << 30
MAX_CHUNKS = 100_000
MAX_PLAIN_TEXT = 4096
"""Longer recipes (they hold arrays) are compressed."""

FILM_ENDS_BYTES = 16 << 20
"""How far from either end of a film its comment is looked for."""

_FILM_MARK = b"graft-recipe:"
_FILM_STARTS = (b"\x1aE\xdf\xa3", b"GIF8")
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_XMP_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_JPEG_MORE_BYTES = 65_000
_NAMESPACE = "urn:graft:recipe"
_PROPERTY = re.compile(rb"graft:recipe\s*(?:=\s*[\"']|>)\s*([A-Za-z0-9+/=\s]+?)\s*[\"'<]")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a PNG, TIFF, WebP, JPEG or JSON file; its content decides which it is, not its name.

    Raises:
        RecipeFormatError: there is none, or it is damaged.
        RecipeVersionError: it was written by a newer Graft.
        StorageError: the file cannot be read.
    """
    recipe = find_recipe(path)
    if recipe is None:
        hint = "Recipes are in pictures that Graft exported, and in .json files."
        raise RecipeFormatError(f"{path.name:.100} holds no Graft recipe.", hint)
    return recipe


def find_recipe(path: Path) -> Recipe | None:
    """Like `read_recipe`, for files that may well be something else: None when there is no recipe.

    Raises:
        RecipeFormatError: there is one, and it is damaged.
        RecipeVersionError: it was written by a newer Graft.
        StorageError: the file cannot be read.
    """
    try:
        with open_plain_file(path) as file:
            text = _find_recipe(file)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error
    except (struct.error, zlib.error, ValueError, EOFError):
        raise RecipeFormatError(f"{path.name:.100} is damaged; its recipe cannot be read.") from None
    return None if text is None else recipe_from_json(text)


def open_plain_file(path: Path) -> BinaryIO:
    """Open a file of the user's for reading; never waits on a pipe or device.

    Raises:
        OSError, RecipeFormatError: it cannot be read, or is no plain file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
        os.close(handle)
        rule = f"is not a plain file, or is larger than {MAX_FILE_BYTES >> 30} GiB"
        raise RecipeFormatError(f"{path.name:.100} {rule}.")
    return os.fdopen(handle, "rb")


def _find_recipe(file: BinaryIO) -> bytes | None:
    head = file.read(12)
    file.seek(0)
    if head.startswith(PNG_SIGNATURE):
        return _from_png(file)
    if head.startswith(b"\xff\xd8\xff"):
        return _from_jpeg(file)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _from_xmp(_webp_xmp(file))
    if head[:4] in (b"II*\0", b"MM\0*"):
        return _from_xmp(_tiff_xmp(file))
    if head[4:8] == b"ftyp" or head.startswith(_FILM_STARTS):
        return _from_film(file)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        text = _bounded(file, os.fstat(file.fileno()).st_size)
        return text.removeprefix(b"\xef\xbb\xbf")
    return None


def _bounded(file: BinaryIO, size: int) -> bytes:
    """Read exactly `size` bytes, unless that is more than any recipe may have."""
    if size > MAX_RECIPE_BYTES:
        raise RecipeFormatError(f"The recipe is {size:,} bytes long; {MAX_RECIPE_BYTES:,} is the most that is read.")
    data = file.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, MAX_RECIPE_BYTES + 1)
    if len(text) > MAX_RECIPE_BYTES or not unpacker.eof:
        raise RecipeFormatError(f"The recipe is cut off, or unpacks to more than {MAX_RECIPE_BYTES:,} bytes.")
    return text


# --- PNG ----------------------------------------------------------------------------------------------------------


def png_text_chunk(recipe_json: str) -> bytes:
    """The body of the ``iTXt`` chunk for a recipe."""
    text = recipe_json.encode("ascii")
    packed = len(text) > MAX_PLAIN_TEXT
    return PNG_KEYWORD + b"\0" + bytes([packed, 0]) + b"\0\0" + (zlib.compress(text, 6) if packed else text)


def _from_png(file: BinaryIO) -> bytes | None:
    file.seek(len(PNG_SIGNATURE))
    for _ in range(MAX_CHUNKS):
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return None
        if kind == b"iTXt" and size > len(PNG_KEYWORD):
            body = _bounded(file, size)
            keyword, _, rest = body.partition(b"\0")
            if keyword == PNG_KEYWORD:
                (checksum,) = struct.unpack(">I", file.read(4))
                if checksum != zlib.crc32(kind + body):
                    raise EOFError
                text = rest[2:].split(b"\0", 2)[-1]  # behind the language and the translated keyword
                return _inflated(text) if rest[:1] == b"\1" else text
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(size + 4, os.SEEK_CUR)
    return None


# --- XMP ----------------------------------------------------------------------------------------------------------


def xmp_packet(recipe_json: str) -> bytes:
    """An XMP packet with nothing but the recipe in it."""
    content = base64.b64encode(zlib.compress(recipe_json.encode("ascii"), 6)).decode()
    return _packet(f"<graft:recipe>{content}</graft:recipe>", f'xmlns:graft="{_NAMESPACE}"')


def _packet(properties: str, namespace: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {namespace}>{properties}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _from_xmp(packet: bytes | None) -> bytes | None:
    found = _PROPERTY.search(packet or b"")
    if found is None:
        return None
    return _inflated(base64.b64decode(b"".join(found.group(1).split()), validate=True))


def _webp_xmp(file: BinaryIO) -> bytes | None:
    file.seek(12)
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return None
        kind, size = struct.unpack("<4sI", head)
        if kind == b"XMP ":
            return _bounded(file, size)
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _tiff_xmp(file: BinaryIO) -> bytes | None:
    order = "<" if file.read(4)[:1] == b"I" else ">"
    file.seek(struct.unpack(order + "I", file.read(4))[0])
    (count,) = struct.unpack(order + "H", file.read(2))
    for _ in range(count):
        tag, kind, size, offset = struct.unpack(order + "HHII", file.read(12))
        if tag == XMP_TAG and kind in (1, 7):
            file.seek(offset)
            return _bounded(file, size)
    return None


# --- films --------------------------------------------------------------------------------------------------------


def film_comment(recipe_json: str) -> str:
    """What a film's comment says. Found by its words, so that no container has to be taken apart."""
    content = base64.b64encode(zlib.compress(recipe_json.encode("ascii"), 6)).decode()
    return f"{_FILM_MARK.decode()}{content};"


def _from_film(file: BinaryIO) -> bytes | None:
    """Looks at both ends, where comments are. A GIF breaks its comments into blocks of at most 255 bytes."""
    is_gif = file.read(4) == b"GIF8"
    size = os.fstat(file.fileno()).st_size
    for start in (0, max(0, size - FILM_ENDS_BYTES)):
        file.seek(start)
        end = file.read(FILM_ENDS_BYTES)
        place = end.find(_FILM_MARK)
        if place < 0:
            continue
        text = _unblocked(end, place - 1) if is_gif else end[place:]
        content, _, rest = text.removeprefix(_FILM_MARK).partition(b";")
        if not rest and not text.endswith(b";"):
            raise EOFError
        return _inflated(base64.b64decode(content, validate=True))
    return None


def _unblocked(data: bytes, place: int) -> bytes:
    """The content of a GIF's blocks from `place` on, where the length of the first one is."""
    found = []
    while place < len(data) and data[place]:
        found.append(data[place + 1 : place + 1 + data[place]])
        place += 1 + data[place]
    return b"".join(found)


# --- JPEG: its segments hold 64 KiB, so a long packet continues in extension segments -----------------------------


def with_jpeg_recipe(jpeg: bytes, recipe_json: str) -> bytes:
    """Put the recipe into a JPEG file's bytes, after its first segment (JFIF)."""
    packet = xmp_packet(recipe_json)
    segments = [_JPEG_XMP + packet]
    if len(packet) > _JPEG_MORE_BYTES:
        guid = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper()
        note = f"<xmpNote:HasExtendedXMP>{guid}</xmpNote:HasExtendedXMP>"
        segments = [_JPEG_XMP + _packet(note, 'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"')]
        for start in range(0, len(packet), _JPEG_MORE_BYTES):
            head = _JPEG_XMP_MORE + guid.encode() + struct.pack(">II", len(packet), start)
            segments.append(head + packet[start : start + _JPEG_MORE_BYTES])
    written = b"".join(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body for body in segments)
    (first,) = struct.unpack(">H", jpeg[4:6])
    split = 4 + first
    return jpeg[:split] + written + jpeg[split:]


def _from_jpeg(file: BinaryIO) -> bytes | None:
    pieces: dict[int, bytes] = {}
    total = 0
    for body in _app1_segments(file):
        if body.startswith(_JPEG_XMP) and (found := _from_xmp(body)) is not None:
            return found
        if body.startswith(_JPEG_XMP_MORE):
            start = len(_JPEG_XMP_MORE) + 32
            total, offset = struct.unpack(">II", body[start : start + 8])
            pieces[offset] = body[start + 8 :]
    packet = io.BytesIO()
    for offset in sorted(pieces):
        if offset != packet.tell():
            raise EOFError
        packet.write(pieces[offset])
    if packet.tell() != total:
        raise EOFError
    return _from_xmp(packet.getvalue())


def _app1_segments(file: BinaryIO) -> Iterator[bytes]:
    """Bodies of the APP1 segments before the picture data; together never more than a recipe may have."""
    file.seek(2)
    left = MAX_RECIPE_BYTES
    for _ in range(MAX_CHUNKS):
        mark, kind = struct.unpack(">BB", file.read(2))
        while kind == 0xFF:  # fill bytes
            (kind,) = file.read(1)
        if mark != 0xFF or kind in (0xD9, 0xDA):
            return
        (size,) = struct.unpack(">H", file.read(2))
        if kind != 0xE1:
            file.seek(size - 2, os.SEEK_CUR)
            continue
        left -= size
        if left < 0 or size < 2:
            raise EOFError
        yield _bounded(file, size - 2)
