"""What a search through a folder of photos has found so far: a list beside the results, a line for each.

``graft-portraits.json`` holds lines of JSON, and is only ever added to while a search runs, each line synced before
anybody is told: a run that is killed loses the line it was writing at most. Every latent file says the same of
itself, and is believed before the list: one that is damaged is begun anew from them. Light: the window asks how far
a folder is.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.atomic import storage_error, write_atomic
from engine.errors import CorruptModelError, printable
from engine.latent_file import read_note
from engine.likeness import Likeness
from engine.strict_json import decode, parse_json_object

LIST = "graft-portraits.json"
LIST_VERSION = 1
CROPS = "crops"
MAX_LIST_BYTES = 256 << 20
MAX_STEM_BYTES = 150

_OTHER_FACE = re.compile(r"-face-\d+$")
_OWN_NAME = re.compile(r"report(-\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """What the files of a photo are called; told before they are written, so that it stays.

    Attributes:
        photo: Name of the photo, relative to its folder, with ``/`` between.
        stem: Of the files of its largest face.
    """

    photo: str
    stem: str


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """What was seen in a photo: one without a face need not be opened again.

    Attributes:
        faces: Numbers of those that are worth a search, the largest first.
    """

    photo: str
    sha256: str
    faces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FoundPortrait:
    """Attributes:
    photo: As in `NamedPhoto`.
    face: Which of the photo's, from 1, the largest.
    stem: Of its own files.
    sha256: Of the photo.
    key: A hash of everything that decides the result.
    encoder: What found the start; empty where it was the mean.
    remark: What makes the face doubtful, or empty.
    """

    photo: str
    face: int
    stem: str
    sha256: str
    key: str
    model: str
    steps: int
    elapsed_s: float
    encoder: str
    remark: str
    likeness: Likeness

    @property
    def name(self) -> str:
        """What the user reads on the shelf."""
        return self.stem if self.face == 1 else f"{_OTHER_FACE.sub('', self.stem)}, face {self.face}"

    def files(self, folder: Path) -> PortraitFiles:
        return PortraitFiles.of(folder, self.stem)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: object) -> FoundPortrait:
        """Raises CorruptModelError."""
        return decode(FoundPortrait, value, "portrait")


class ReportOrder(StrEnum):
    """What comes first: the least like, or by name."""

    WORST = "worst"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A photo, or one face in it, in which nothing was found, and why."""

    photo: str
    problem: str


@dataclass(frozen=True, slots=True)
class PortraitFiles:
    """Of one portrait. The latent is written last: where it is, the others are."""

    latent: Path
    picture: Path
    crop: Path

    @staticmethod
    def of(folder: Path, stem: str) -> PortraitFiles:
        return PortraitFiles(folder / f"{stem}.safetensors", folder / f"{stem}.png", folder / CROPS / f"{stem}.png")

    @property
    def are_there(self) -> bool:
        return all(path.is_file() for path in (self.latent, self.picture, self.crop))


class FoundPortraits:
    """The list of a folder. Reading it changes nothing; `tidy` comes before anything is added.

    Args:
        folder: Where the results are, or will be.

    Raises:
        StorageError: the list cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / LIST
        self._stems: dict[str, str] = {}
        self._seen: dict[str, SeenPhoto] = {}
        self._found: dict[str, dict[int, FoundPortrait]] = {}
        self._taken: set[str] | None = None
        try:
            lines = _lines_of(self._file)
        except OSError as error:
            raise storage_error(f"read {LIST}", error) from error
        self._take_lines(lines)
        self._take_latents()

    # --- reading --------------------------------------------------------------------------------------------------

    def stem(self, photo: str) -> str | None:
        return self._stems.get(photo)

    def seen(self, photo: str, sha256: str) -> SeenPhoto | None:
        """None for a photo that was not opened yet, or has changed."""
        seen = self._seen.get(photo)
        return seen if seen is not None and seen.sha256 == sha256 else None

    def found(self, photo: str, face: int) -> FoundPortrait | None:
        """As the list has it, whatever it was searched with, if its files are there."""
        found = self._found.get(photo, {}).get(face)
        return found if found is not None and found.files(self.folder).are_there else None

    def found_in(self, photo: str) -> tuple[FoundPortrait, ...]:
        """Every face of a photo, the largest first, whose files are there."""
        faces = sorted(self._found.get(photo, {}))
        return tuple(found for face in faces if (found := self.found(photo, face)) is not None)

    def __len__(self) -> int:
        """Portraits on the list."""
        return sum(map(len, self._found.values()))

    # --- adding ---------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Write the list anew, without a line that a kill cut short, and without what is out of date.

        Raises:
            StorageError: it cannot be written.
        """
        entries: list[tuple[str, Mapping[str, Any]]] = []
        entries += [("named", asdict(NamedPhoto(photo, stem))) for photo, stem in self._stems.items()]
        entries += [("seen", asdict(seen)) for seen in self._seen.values()]
        entries += [("found", found.to_json()) for faces in self._found.values() for found in faces.values()]
        lines = [_line({"graft_portraits": LIST_VERSION}), *(_line({kind: value}) for kind, value in entries)]
        write_atomic(self._file, b"".join(lines))

    def name(self, photo: str) -> str:
        """The stem for a photo's files: as before, or a new one that takes nobody's place.

        Raises:
            StorageError: the list cannot be written.
        """
        if photo not in self._stems:
            stem = _free_stem(photo, self._taken_stems())
            self._append("named", asdict(NamedPhoto(photo, stem)))
            self._stems[photo] = stem
            self._taken_stems().add(stem.casefold())
        return self._stems[photo]

    def put_seen(self, seen: SeenPhoto) -> None:
        """Raises StorageError, as `name`."""
        if self._seen.get(seen.photo) != seen:
            self._append("seen", asdict(seen))
            self._seen[seen.photo] = seen

    def put_found(self, found: FoundPortrait) -> None:
        """Raises StorageError, as `name`."""
        self._append("found", found.to_json())
        self._found.setdefault(found.photo, {})[found.face] = found

    def _append(self, kind: str, value: Mapping[str, Any]) -> None:
        try:
            with open(self._file, "r+b") as file:
                end = file.seek(0, os.SEEK_END)
                try:
                    file.write(_line({kind: value}))
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(end)
                    raise
        except OSError as error:
            raise storage_error(f"add to {LIST}", error) from error

    def _taken_stems(self) -> set[str]:
        """Names that are given away, or that files of the user's have."""
        if self._taken is None:
            names = os.listdir(self.folder)
            files = {Path(name).stem.casefold() for name in names if name.lower().endswith((".png", ".safetensors"))}
            self._taken = files | {stem.casefold() for stem in self._stems.values()}
        return self._taken

    # --- what is there --------------------------------------------------------------------------------------------

    def _take_lines(self, lines: Sequence[str]) -> None:
        """What can be read of a list of ours; nothing of any other."""
        for number, line in enumerate(lines):
            try:
                document = parse_json_object(line)
                if number > 0:
                    ((kind, value),) = document.items()
                    self._take(kind, value)
                elif document != {"graft_portraits": LIST_VERSION}:
                    return
            except (CorruptModelError, ValueError):
                if number == 0:
                    return

    def _take(self, kind: str, value: object) -> None:
        match kind:
            case "named":
                named = decode(NamedPhoto, value, kind)
                self._stems[named.photo] = _checked_stem(named.stem)
            case "seen":
                seen = decode(SeenPhoto, value, kind)
                self._seen[seen.photo] = seen
            case "found":
                self._take_found(FoundPortrait.from_json(value))
            case _:
                raise CorruptModelError(f"The list holds “{kind:.40}”.")

    def _take_found(self, found: FoundPortrait) -> None:
        _checked_stem(found.stem)
        self._found.setdefault(found.photo, {})[found.face] = found
        self._stems.setdefault(found.photo, _OTHER_FACE.sub("", found.stem))

    def _take_latents(self) -> None:
        """What the latents say of themselves counts: the list may be older than they are by a moment."""
        for path in sorted(self.folder.glob("*.safetensors")):
            try:
                found = FoundPortrait.from_json(read_note(path))
                if found.stem == path.stem:
                    self._take_found(found)
            except CorruptModelError:
                continue


def stem_of_face(stem: str, face: int) -> str:
    """Of the files of a photo's further faces."""
    return stem if face == 1 else f"{stem}-face-{face}"


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, allow_nan=False).encode() + b"\n"


def _lines_of(file: Path) -> list[str]:
    """Whole ones; nothing for a file that is too large to be ours."""
    if not file.is_file() or file.stat().st_size > MAX_LIST_BYTES:
        return []
    text = file.read_bytes().decode("utf-8", "replace")
    return text[: text.rfind("\n") + 1].splitlines()


def _free_stem(photo: str, taken: set[str]) -> str:
    joined = re.sub(r'[\\/:*?"<>|]', "_", printable("-".join(Path(photo).with_suffix("").parts)))
    wanted = joined.encode()[:MAX_STEM_BYTES].decode("utf-8", "ignore").strip(". ") or "photo"
    if _OTHER_FACE.search(wanted) or _OWN_NAME.fullmatch(wanted):
        wanted = f"{wanted}-photo"
    stem, number = wanted, 2
    while stem.casefold() in taken:
        stem, number = f"{wanted}-{number}", number + 1
    return stem


def _checked_stem(stem: str) -> str:
    """Raises CorruptModelError for one that leads out of the folder."""
    if not stem or Path(stem).name != stem or "\0" in stem:
        raise CorruptModelError("The list names a file outside of its folder.")
    return stem
