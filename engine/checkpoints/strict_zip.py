"""A zip reader with one opinion: stored members that tile the file exactly, each said twice in the same words.

Compressed, encrypted, spanned, prefixed, commented, overlapping or doubled archives are refused, so that there is
nothing another zip reader could see differently and nothing that unpacks to more than its size.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from engine.checkpoints.opcodes import incomplete
from engine.checkpoints.records import shown
from engine.errors import CorruptModelError, UnsafeModelError, UnsupportedModelError

MAX_MEMBERS = 20_000
MAX_NAME_BYTES = 512

_END = struct.Struct("<IHHHHIIH")
_END64 = struct.Struct("<IQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<IIQI")
_CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<IHHHHHIIIHH")
_DESCRIPTOR = b"PK\x07\x08"
_SIZES_FOLLOW = 0x0008
_UTF8 = 0x0800
_IN_EXTRA = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Member:
    """One stored file: its bytes are ``data[start : start + size]``."""

    name: str
    start: int
    size: int
    crc32: int


def _bad(problem: str) -> CorruptModelError:
    return CorruptModelError(f"The zip archive is not one that a model is stored in: {problem}.")


def read_member(data: memoryview, member: Member) -> memoryview:
    """The member's bytes, checked against its CRC.

    Raises:
        CorruptModelError: they were altered.
    """
    piece = data[member.start : member.start + member.size]
    if zlib.crc32(piece) != member.crc32:
        raise CorruptModelError(f"The file is damaged: the checksum of its part {member.name:.100} is wrong.")
    return piece


def list_members(data: memoryview) -> dict[str, Member]:
    """All members by name, in the order of the file.

    Raises:
        ModelError: the archive breaks any of the rules above.
    """
    count, directory, size = _find_directory(data)
    if count > MAX_MEMBERS:
        raise _bad(f"it has {count:,} members, more than {MAX_MEMBERS:,}")
    members: dict[str, Member] = {}
    pos, expected_start = directory, 0
    for _ in range(count):
        member, pos, offset, sizes_follow = _read_entry(data, pos, directory + size)
        if member.name in members:
            raise _bad(f"it has two members called {member.name:.100}")
        if offset != expected_start:
            raise _bad("its members overlap or leave gaps")
        placed, expected_start = _place(data, member, offset, sizes_follow, directory)
        members[member.name] = placed
    if pos != directory + size or expected_start != directory:
        raise _bad("its table of contents does not fit its members")
    return members


def _find_directory(data: memoryview) -> tuple[int, int, int]:
    """Member count, offset and size of the central directory."""
    end = len(data) - _END.size
    if end < 0 or bytes(data[end : end + 4]) != b"PK\x05\x06":
        raise CorruptModelError(
            "The file is incomplete or has something appended: it does not end as a zip archive must.",
            "Download or copy it again.",
        )
    _, disk, start_disk, on_disk, count, size, offset, comment = _END.unpack_from(data, end)
    if comment or disk or start_disk or on_disk != count:
        raise _bad("it has a comment or spans several files")
    locator = end - _LOCATOR64.size
    if locator >= 0 and bytes(data[locator : locator + 4]) == b"PK\x06\x07":
        end, count, size, offset = _read_end64(data, locator, (count, size, offset))
    if offset + size != end:
        raise _bad("its table of contents is not where it must be")
    return count, offset, size


def _read_end64(data: memoryview, locator: int, short: tuple[int, int, int]) -> tuple[int, int, int, int]:
    _, disk, end64, disks = _LOCATOR64.unpack_from(data, locator)
    if disk or disks != 1 or end64 + _END64.size != locator or bytes(data[end64 : end64 + 4]) != b"PK\x06\x06":
        raise _bad("its 64-bit end record is malformed")
    _, length, _, _, disk, start_disk, on_disk, count, size, offset = _END64.unpack_from(data, end64)
    if length != _END64.size - 12 or disk or start_disk or on_disk != count:
        raise _bad("its 64-bit end record is malformed")
    for small, large, limit in zip(short, (count, size, offset), (0xFFFF, _IN_EXTRA, _IN_EXTRA), strict=True):
        if small not in (large, limit):
            raise _bad("its two end records disagree")
    return end64, count, size, offset


def _read_entry(data: memoryview, pos: int, limit: int) -> tuple[Member, int, int, bool]:
    """One central entry: the member (not placed yet), the next position, its header's offset, its flag."""
    if pos + _CENTRAL.size > limit or bytes(data[pos : pos + 4]) != b"PK\x01\x02":
        raise _bad("its table of contents is cut short")
    (_, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment_len, disk, _, _, offset) = (
        _CENTRAL.unpack_from(data, pos)
    )
    name_end = pos + _CENTRAL.size + name_len
    after = name_end + extra_len
    if after > limit or name_len > MAX_NAME_BYTES:
        raise _bad("its table of contents is cut short")
    name = _member_name(bytes(data[pos + _CENTRAL.size : name_end]))
    if flags & ~(_SIZES_FOLLOW | _UTF8):
        raise UnsafeModelError(f"The zip member {name:.100} is encrypted or has odd flags (0x{flags:04x}).")
    if method:
        raise UnsupportedModelError(f"The zip member {name:.100} is compressed; model files store theirs plain.")
    if comment_len or disk:
        raise _bad("a member has a comment or lies in another file")
    size, packed, offset = _apply_zip64(data[name_end:after], size, packed, offset)
    if packed != size:
        raise _bad(f"the sizes of {name:.100} disagree")
    return Member(name, 0, size, crc), after, offset, bool(flags & _SIZES_FOLLOW)


def _member_name(raw: bytes) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _bad("a member's name is not text") from None
    parts = name.split("/")
    if not name or "\\" in name or not name.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise UnsafeModelError(f"The zip archive has a member with the odd name {shown(name)}; it was not opened.")
    return name


def _apply_zip64(extra: memoryview, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Take the values that do not fit 32 bits from the entry's extra field, in their fixed order."""
    values = [size, packed, offset]
    pos = 0
    while pos + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, pos)
        body = bytes(extra[pos + 4 : pos + 4 + length])
        pos += 4 + length
        if kind != 1:
            continue
        wanted = [index for index, value in enumerate(values) if value == _IN_EXTRA]
        if len(body) != 8 * len(wanted):
            raise _bad("a member's 64-bit sizes are malformed")
        for index, value in zip(wanted, struct.unpack(f"<{len(wanted)}Q", body), strict=True):
            values[index] = value
    return values[0], values[1], values[2]


def _place(
    data: memoryview, member: Member, offset: int, sizes_follow: bool, limit: int
) -> tuple[Member, int]:
    """Check the local header at `offset`; the member with its start, and the offset of the next header."""
    if offset + _LOCAL.size > limit or bytes(data[offset : offset + 4]) != b"PK\x03\x04":
        raise _bad(f"{member.name:.100} is not where the table of contents says")
    _, _, flags, method, _, _, crc, packed, size, name_len, extra_len = _LOCAL.unpack_from(data, offset)
    name_start = offset + _LOCAL.size
    start = name_start + name_len + extra_len
    end = start + member.size
    if end > limit:
        raise incomplete(end, limit)
    if bytes(data[name_start : name_start + name_len]) != member.name.encode():
        raise _bad(f"{member.name:.100} has another name at its data")
    if method or flags & ~(_SIZES_FOLLOW | _UTF8) or bool(flags & _SIZES_FOLLOW) != sizes_follow:
        raise _bad(f"{member.name:.100} has other flags at its data")
    size, packed, _ = _apply_zip64(data[name_start + name_len : start], size, packed, 0)
    said = (crc, packed, size)
    if said != (member.crc32, member.size, member.size) and not (sizes_follow and said == (0, 0, 0)):
        raise _bad(f"{member.name:.100} has another size or checksum at its data")
    if sizes_follow:
        end = _skip_descriptor(data, member, end)
    return Member(member.name, start, member.size, member.crc32), end


def _skip_descriptor(data: memoryview, member: Member, end: int) -> int:
    """torch writes sizes once more after the data, of 8 bytes each in large files, else of 4."""
    for layout in ("<4sIII", "<4sIQQ"):
        length = struct.calcsize(layout)
        if end + length <= len(data):
            found = struct.unpack_from(layout, data, end)
            follows = bytes(data[end + length : end + length + 2])
            if found == (_DESCRIPTOR, member.crc32, member.size, member.size) and follows == b"PK":
                return end + length
    raise _bad(f"the sizes after {member.name:.100} are wrong")
