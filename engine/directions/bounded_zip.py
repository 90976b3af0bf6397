"""Arrays out of compressed .npz archives, as numpy.savez_compressed writes them; no more is unpacked than allowed."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Collection, Iterator

from engine.errors import CorruptModelError, UnsafeModelError

MAX_MEMBERS = 1000
MAX_UNPACKED_BYTES = 256 << 20
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def unpacked_members(data: bytes, wanted: Collection[str] | None = None) -> Iterator[tuple[str, bytes]]:
    """Names, without ``.npy``, and contents of the archive's arrays.

    Args:
        wanted: Only these are unpacked; None for all.

    Raises:
        UnsafeModelError: it unpacks to more than any file of directions, or asks for more than plain unpacking.
        CorruptModelError: it is damaged, or no archive of arrays.
    """
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise CorruptModelError(f"The archive has {len(members):,} parts; {MAX_MEMBERS:,} are the limit.")
            for member in members:
                name = member.filename.removesuffix(".npy")
                if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
                    raise UnsafeModelError("The archive is encrypted or packed in an unusual way; it was not opened.")
                if wanted is not None and name not in wanted:
                    continue
                if name == member.filename:
                    raise CorruptModelError(f"The archive has a part {name:.80} that is no array.")
                with archive.open(member) as file:
                    content = file.read(left + 1)  # whatever size the table of contents claims
                left -= len(content)
                if left < 0:
                    limit = f"{MAX_UNPACKED_BYTES >> 20} MiB are the limit"
                    raise UnsafeModelError(f"The archive unpacks to more than directions ever need; {limit}.")
                yield name, content
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError) as error:
        raise CorruptModelError("The archive of arrays is damaged.") from error
