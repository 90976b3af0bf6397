"""Photos written again: 8 or 16 bits, with their profile, what the camera noted, and the recipe of the edit.

PNG and TIFF are written here, in strips and by several threads: a photo has up to 250 megapixels, and Pillow knows no
colours of 16 bits. WebP and JPEG are Pillow's.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, JpegImagePlugin, TiffImagePlugin, TiffTags

from engine.errors import StorageError
from engine.export.embedded import PNG_SIGNATURE, XMP_TAG, png_text_chunk, with_jpeg_recipe, xmp_packet
from engine.export.stills import ICC_TAG, JPEG_QUALITY, MAX_JPEG_PX, MAX_WEBP_PX, srgb_icc
from engine.paste.original import Samples

STRIP_BYTES = 4 * 2**20
LEVEL = 4
MOST_THREADS = 8
_WINDOW = b"\x78\x5e"  # how a zlib stream begins
_MAX_TIFF_BYTES = 2**32 - 2**20

Bytes: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFile:
    """Attributes:
    samples: ``[H, W, 3 or 4]``, uint8 or uint16.
    profile: None is sRGB.
    exif: A TIFF structure; empty for none.
    recipe_json: None for none.
    """

    samples: Samples
    profile: bytes | None = None
    exif: bytes = b""
    recipe_json: str | None = None

    @property
    def icc(self) -> bytes:
        return self.profile or srgb_icc()


def encoded_photo(photo: PhotoFile, suffix: str) -> Iterable[Bytes]:
    """The content of a picture file, piece by piece.

    Args:
        suffix: One of `engine.export.stills.STILL_SUFFIXES`. WebP and JPEG have 8 bits a sample, JPEG no
            transparency: samples are rounded, and laid over white.

    Raises:
        StorageError: the photo is too large for the format.
    """
    match suffix:
        case ".png":
            return _png(photo)
        case ".tif" | ".tiff":
            return _tiff(photo)
        case ".webp":
            _check_edge(photo, "WebP", MAX_WEBP_PX)
            xmp = b"" if photo.recipe_json is None else xmp_packet(photo.recipe_json)
            options = {"lossless": True, "method": 2, "quality": 50, "exact": True, "xmp": xmp}
            return (_pillow(Image.fromarray(eight_bits(photo.samples)), "WEBP", photo, **options),)
        case _:
            _check_edge(photo, "JPEG", MAX_JPEG_PX)
            image = Image.fromarray(opaque(eight_bits(photo.samples)))
            plain = _pillow(image, "JPEG", photo, quality=JPEG_QUALITY, subsampling=0)
            return (plain if photo.recipe_json is None else with_jpeg_recipe(plain, photo.recipe_json),)


def eight_bits(samples: Samples) -> NDArray[np.uint8]:
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def opaque(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Transparent parts laid over white."""
    if samples.shape[2] == 3:
        return samples
    share = samples[..., 3:].astype(np.uint16)
    return ((samples[..., :3] * share + 255 * (255 - share) + 127) // 255).astype(np.uint8)


def jpeg_change(jpeg: bytes, samples: NDArray[np.uint8]) -> tuple[float, int]:
    """By how much a JPEG differs from what went into it: on average, and at most."""
    total, most = 0, 0
    with JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg)) as image:  # our own: no bomb, however large
        for rows in _strips(samples):
            part = np.asarray(image.crop((0, rows.start, image.width, rows.stop)))
            apart = cv2.absdiff(part, np.ascontiguousarray(samples[rows]))
            total, most = total + int(apart.sum(dtype=np.int64)), max(most, int(apart.max()))
    return total / samples.size, most


def _pillow(image: Image.Image, kind: str, photo: PhotoFile, **options: object) -> bytes:
    file = io.BytesIO()
    exif = b"Exif\0\0" + photo.exif if photo.exif else b""
    try:
        image.save(file, kind, icc_profile=photo.icc, **({"exif": exif} if exif else {}), **options)
    except (OSError, ValueError) as error:
        raise StorageError(f"The picture could not be encoded as {kind}.", "Try PNG.") from error
    return file.getvalue()


def _check_edge(photo: PhotoFile, kind: str, most: int) -> None:
    if (longest := max(photo.samples.shape[:2])) > most:
        raise StorageError(f"The photo is {longest} px wide or high; {kind} ends at {most}.", "Use PNG or TIFF.")


# --- strips ---------------------------------------------------------------------------------------------------------


def _strips(samples: Samples) -> Iterator[slice]:
    rows = max(1, STRIP_BYTES // (samples.shape[1] * samples.shape[2] * samples.itemsize))
    for top in range(0, len(samples), rows):
        yield slice(top, min(top + rows, len(samples)))


def _in_order(work: Callable[[slice], tuple[bytes, bytes]], strips: Iterable[slice]) -> Iterator[tuple[bytes, bytes]]:
    """Compress on several threads, and give what comes of it in order; few strips are held at a time."""
    count = min(MOST_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(count, "graft-encode") as pool:
        waiting: deque[Future[tuple[bytes, bytes]]] = deque()
        for strip in strips:
            waiting.append(pool.submit(work, strip))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


# --- PNG ------------------------------------------------------------------------------------------------------------


def _png(photo: PhotoFile) -> Iterator[bytes]:
    height, width, channels = photo.samples.shape
    colour, bits = (2 if channels == 3 else 6), 8 * photo.samples.itemsize
    yield PNG_SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    if photo.profile is None:
        yield _chunk(b"sRGB", b"\0")
    else:
        yield _chunk(b"iCCP", b"profile\0\0" + zlib.compress(photo.profile))
    if photo.exif:
        yield _chunk(b"eXIf", photo.exif)
    if photo.recipe_json is not None:
        yield _chunk(b"iTXt", png_text_chunk(photo.recipe_json))
    checksum = 1

    def work(rows: slice) -> tuple[bytes, bytes]:
        filtered = _filtered(photo.samples, rows)
        packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
        is_last = rows.stop == height
        packed = packer.compress(filtered) + packer.flush(zlib.Z_FINISH if is_last else zlib.Z_FULL_FLUSH)
        return packed, filtered

    begun = False
    for packed, filtered in _in_order(work, _strips(photo.samples)):
        checksum = zlib.adler32(filtered, checksum)
        yield _chunk(b"IDAT", packed if begun else _WINDOW + packed)
        begun = True
    yield _chunk(b"IDAT", struct.pack(">I", checksum)) + _chunk(b"IEND", b"")


def _filtered(samples: Samples, rows: slice) -> bytes:
    """Rows as PNG stores them: each byte less the one of the pixel to the left, or less the one above."""
    block = _big_endian_bytes(samples[rows])
    pixel = samples.shape[2] * samples.itemsize
    above = np.zeros_like(block)
    above[1:] = block[:-1]
    above[:1] = _big_endian_bytes(samples[rows.start - 1 : rows.start]) if rows.start else 0
    left = np.zeros_like(block)
    left[:, pixel:] = block[:, :-pixel]
    by_left, by_above = block - left, block - above
    cost_left, cost_above = (np.abs(each.view(np.int8)).sum(axis=1, dtype=np.int64) for each in (by_left, by_above))
    lines = np.empty((len(block), block.shape[1] + 1), np.uint8)
    lines[:, 0] = np.where(cost_left <= cost_above, 1, 2)
    lines[:, 1:] = np.where((cost_left <= cost_above)[:, None], by_left, by_above)
    return lines.tobytes()


def _big_endian_bytes(samples: Samples) -> NDArray[np.uint8]:
    ordered = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">"), copy=False))
    return ordered.view(np.uint8).reshape(len(samples), -1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


# --- TIFF -----------------------------------------------------------------------------------------------------------


def _tiff(photo: PhotoFile) -> Iterator[bytes]:
    """The directory comes first and tells where the strips are, so they are compressed before the first byte."""
    samples = photo.samples
    height, width, channels = samples.shape
    strips = list(_strips(samples))

    def work(rows: slice) -> tuple[bytes, bytes]:
        block = samples[rows]
        steps = block.copy()
        steps[:, 1:] -= block[:, :-1]
        return zlib.compress(steps.astype(steps.dtype.newbyteorder("<"), copy=False).tobytes(), LEVEL), b""

    packed = [strip for strip, _ in _in_order(work, strips)]
    lengths = [len(strip) for strip in packed]
    places = [0]  # from the directory's end, which it adds by itself
    for length in lengths:
        places.append(places[-1] + length + length % 2)
    if places[-1] > _MAX_TIFF_BYTES:
        raise StorageError("The photo is too large for TIFF, which ends at 4 GB.", "Use PNG.")
    directory = _directory(photo)
    bits = 8 * samples.itemsize
    rows = strips[0].stop
    directory.tagtype[273] = directory.tagtype[279] = TiffTags.LONG  # by itself it looks at numbers as they are now
    for tag, value in (
        (256, width), (257, height), (258, (bits,) * channels), (259, 8), (262, 2), (273, tuple(places[:-1])),
        (274, 1), (277, channels), (278, rows), (279, tuple(lengths)), (284, 1), (317, 2), (339, (1,) * channels),
    ):  # fmt: skip
        directory[tag] = value
    if channels == 4:
        directory[338] = (2,)
    yield struct.pack("<2sHI", b"II", 42, 8) + directory.tobytes(8)
    for strip in packed:
        yield strip + b"\0" * (len(strip) % 2)


def _directory(photo: PhotoFile) -> TiffImagePlugin.ImageFileDirectory_v2:
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    if photo.exif:
        noted = Image.Exif()
        noted.load(photo.exif)
        for tag, value in noted.items():
            directory[tag] = value
        for ifd in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if fields := noted.get_ifd(ifd):
                directory[ifd] = dict(fields)
    directory.tagtype[ICC_TAG] = directory.tagtype[XMP_TAG] = TiffTags.UNDEFINED
    directory[ICC_TAG] = photo.icc
    if photo.recipe_json is not None:
        directory[XMP_TAG] = xmp_packet(photo.recipe_json)
    return directory
