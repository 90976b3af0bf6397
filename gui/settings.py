"""Settings of the window: one small JSON file, whole or not there, never in the way of a start."""

from __future__ import annotations

import base64
import json
import logging
import os
from pathlib import Path
from typing import TypeAlias, TypeVar

from engine.atomic import write_atomic
from engine.errors import EngineError

FILE_NAME = "settings.json"
MAX_BYTES = 1 << 20
RECENT_FILES = 8

Plain: TypeAlias = str | int | float | bool | list[str]
P = TypeVar("P", str, int, float, bool, list[str])

log = logging.getLogger(__name__)


class Settings:
    """Names to plain values. A damaged file is set aside beside itself and the defaults are used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values = self._read()
        self._changed = False

    def get(self, name: str, default: P) -> P:
        """The value, or `default` where it is missing or of another kind."""
        value = self._values.get(name, default)
        return value if type(value) is type(default) else default

    def plain(self, name: str) -> Plain | None:
        """The value of whatever kind, None where it is missing."""
        return self._values.get(name)

    def set(self, name: str, value: Plain) -> None:
        if self._values.get(name) != value:
            self._values[name] = value
            self._changed = True

    def get_bytes(self, name: str) -> bytes:
        try:
            return base64.b64decode(self.get(name, ""), validate=True)
        except ValueError:
            return b""

    def set_bytes(self, name: str, value: bytes) -> None:
        self.set(name, base64.b64encode(value).decode("ascii"))

    def forget(self, name: str) -> None:
        self._changed |= self._values.pop(name, None) is not None

    def folder(self, name: str) -> Path:
        """The folder last used for `name`, or the user's home where it has gone."""
        found = Path(self.get(f"folder.{name}", ""))
        return found if found.is_absolute() and found.is_dir() else Path.home()

    def set_folder(self, name: str, folder: Path) -> None:
        self.set(f"folder.{name}", str(folder))

    def recent_files(self) -> tuple[Path, ...]:
        return tuple(Path(text) for text in self.get("recent_files", []))

    def add_recent_file(self, path: Path) -> None:
        others = [text for text in self.get("recent_files", []) if text != str(path)]
        self.set("recent_files", [str(path), *others][:RECENT_FILES])

    def save(self) -> None:
        """Write what changed.

        Raises:
            StorageError: the file could not be written.
        """
        if self._changed:
            write_atomic(self._file, json.dumps(self._values, indent=1, sort_keys=True).encode())
            self._changed = False

    def _read(self) -> dict[str, Plain]:
        try:
            with open(self._file, "rb") as file:
                found = json.loads(file.read(MAX_BYTES))
            if not isinstance(found, dict):
                raise ValueError("not an object")
            return {str(name): value for name, value in found.items() if _is_plain(value)}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            log.warning("settings could not be read, defaults are used: %s", error)
            self._set_aside()
            return {}

    def _set_aside(self) -> None:
        try:
            os.replace(self._file, self._file.with_suffix(".damaged.json"))
        except OSError as error:
            log.warning("the damaged settings could not be set aside: %s", error)


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return isinstance(value, str | int | float | bool)


def save_quietly(settings: Settings) -> None:
    """Save where a failure only costs the layout: while closing."""
    try:
        settings.save()
    except EngineError as error:
        log.warning("settings not saved: %s", error.user_message)
