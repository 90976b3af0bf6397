"""A download under way on disk: the bytes so far in ``NAME.part``, and beside it which file they belong to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.atomic import CHUNK_BYTES, storage_error, sync_folder, write_atomic

PART_SUFFIX = ".part"
_MAX_NOTE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FileMark:
    """Which version of which file the server sent.

    Attributes:
        etag: Strong ones only: a weak one does not promise the same bytes.
        total: Its size, when the server said.
    """

    url: str
    etag: str = ""
    modified: str = ""
    total: int | None = None

    @property
    def validator(self) -> str:
        """For ``If-Range``; empty when the server gave nothing to know the file by."""
        return self.etag or self.modified

    def may_continue(self, other: FileMark) -> bool:
        """Whether `other` is, as far as one can tell, the same file."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified), (self.total, other.total))
        return self.url == other.url and all(a == b for a, b in pairs if a and b)


class PartialFile:
    """Belongs to whoever holds the lock."""

    def __init__(self, folder: Path, stem: str) -> None:
        self.path = folder / f"{stem}{PART_SUFFIX}"
        self.lock_path = folder / f"{stem}{PART_SUFFIX}.lock"
        self._note = folder / f"{stem}{PART_SUFFIX}.json"
        self._handle: int | None = None
        self._digest = hashlib.sha256()
        self.size = 0
        self.mark: FileMark | None = None

    def open(self, url: str, on_check: Callable[[int], None]) -> None:
        """Take up what an earlier download from `url` left, or begin.

        Args:
            on_check: Told how many bytes have been read again; may raise to leave.

        Raises:
            StorageError: the folder cannot be written.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            self.mark = self._read_note()
            if self.mark is None or self.mark.url != url:
                self.begin(FileMark(url))
                return
            while block := os.read(self._handle, CHUNK_BYTES):
                self._digest.update(block)
                self.size += len(block)
                on_check(self.size)
        except OSError as error:
            raise storage_error(f"write {self.path.name}", error) from error

    def begin(self, mark: FileMark) -> None:
        """Forget all bytes; what follows is the file of `mark`.

        Raises:
            StorageError
        """
        assert self._handle is not None
        try:
            os.ftruncate(self._handle, 0)
            os.lseek(self._handle, 0, os.SEEK_SET)
        except OSError as error:
            raise storage_error(f"write {self.path.name}", error) from error
        self._digest, self.size, self.mark = hashlib.sha256(), 0, mark
        write_atomic(self._note, json.dumps(asdict(mark)).encode(), mode=0o600, verify=False)

    def append(self, data: bytes) -> None:
        """Raises:
        StorageError: for example when the disk is full; the bytes before stay.
        """
        assert self._handle is not None
        view = memoryview(data)
        try:
            while view:
                written = os.write(self._handle, view)
                self._digest.update(view[:written])
                self.size += written
                view = view[written:]
        except OSError as error:
            raise storage_error(f"write {self.path.name}", error) from error

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def set_total(self) -> None:
        """The file has ended where the server had not said that it would."""
        if self.mark is not None and self.mark.total is None:
            self.mark = replace(self.mark, total=self.size)
            write_atomic(self._note, json.dumps(asdict(self.mark)).encode(), mode=0o600, verify=False)

    def head(self, length: int) -> bytes:
        with open(self.path, "rb") as file:
            return file.read(length)

    def move_to(self, target: Path) -> None:
        """Give the whole file its name.

        Raises:
            StorageError
        """
        assert self._handle is not None
        try:
            os.fsync(self._handle)
            self.close()
            os.replace(self.path, target)
        except OSError as error:
            raise storage_error(f"save {target.name}", error) from error
        with contextlib.suppress(OSError):
            self._note.unlink()
        sync_folder(target.parent)

    def discard(self) -> None:
        """Delete what there is."""
        self.close()
        for path in (self.path, self._note):
            with contextlib.suppress(OSError):
                path.unlink()

    def close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _read_note(self) -> FileMark | None:
        try:
            with open(self._note, "rb") as file:
                found: dict[str, Any] = json.loads(file.read(_MAX_NOTE_BYTES))
            mark = FileMark(**found)
        except (OSError, ValueError, TypeError):
            return None
        texts = (mark.url, mark.etag, mark.modified)
        is_sound = all(isinstance(text, str) for text in texts) and (mark.total is None or type(mark.total) is int)
        return mark if is_sound else None
