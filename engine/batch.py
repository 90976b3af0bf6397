"""One look for many faces: seeds, or the photos of a folder. What is there already is not made again.

Beside the pictures lies ``graft-batch.json``: which picture was made of what, under a hash of all that decides it. A
run that was killed goes on where it stopped, and one with another look makes only what changes: the latents that were
found are kept in ``latents``, by photo, model and search.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.atomic import check_writable, is_disk_full, storage_error, write_atomic
from engine.batch_events import BatchEvent, BatchFinished, BatchPicture, BatchProgress, BatchSkipped, BatchStarted
from engine.errors import CorruptModelError, EngineError, JobError, NoFaceError
from engine.export.sheets import contact_sheet, write_sheet
from engine.export.stills import still_suffix
from engine.file_hash import file_sha256
from engine.headless import Headless
from engine.inversion.photo_faces import open_faces
from engine.latent_file import read_latent, write_latent
from engine.messages import InvertPortrait, PortraitInverted
from engine.picture_folder import PHOTO_SUFFIXES, picture_files
from engine.state import EditState, Latent, ModelRef, View, with_latent, with_seed
from engine.state_json import state_to_json
from engine.strict_json import parse_json_object

MANIFEST = "graft-batch.json"
MANIFEST_VERSION = 1
LATENTS = "latents"
SHEET = "sheet.png"
SHEET_CELL_PX = 192
MAX_ON_SHEET = 200
MAX_MANIFEST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """Attributes:
    state: What is done to every face; its own latent is replaced.
    view: Which of the pictures is written.
    seeds: Faces from seeds.
    photos: A folder; every face in it is looked for in model A, the largest of each photo.
    folder: Where the pictures go.
    suffix: Their format, one of `engine.export.stills.STILL_SUFFIXES`.
    size_px: Smaller than the model's own; None leaves that.
    steps: Of the search for a photo's face; 0 takes what the encoder says.
    """

    state: EditState
    folder: Path
    view: View = View.BLEND
    seeds: tuple[int, ...] = ()
    photos: Path | None = None
    suffix: str = ".png"
    size_px: int | None = None
    steps: int = 60
    with_sheet: bool = True


@dataclass(frozen=True, slots=True)
class _Face:
    """A seed or a photo; `stem` is what its picture is called."""

    name: str
    stem: str
    seed: int | None = None
    photo: Path | None = None


def run_batch(order: BatchOrder, engine: Headless) -> Iterator[BatchEvent]:
    """Make the pictures one by one.

    Raises:
        EngineError: nothing can be made at all: no faces, a folder that cannot be written, a model that is missing;
            or nothing more, because the disk is full.
    """
    _prepare_folder(order)
    faces = _faces(order)
    begun = time.monotonic()
    yield BatchStarted(len(faces), str(order.folder))
    made, kept, failed = 0, 0, 0
    manifest = _Manifest(order.folder)
    for index, face in enumerate(faces):
        elapsed = time.monotonic() - begun
        left = elapsed / made * (len(faces) - index) if made else float("nan")
        yield BatchProgress(f"{face.name}, {index + 1} of {len(faces)}", index, len(faces), elapsed, left)
        file = order.folder / f"{face.stem}{order.suffix}"
        try:
            key = _order_key(order, face)
            if manifest.has(face.name, key, file):
                kept += 1
                yield BatchPicture(face.name, str(file), is_new=False)
                continue
            state = _state_for(order, face, engine)
            engine.export(file, engine.render(state, order.view, order.size_px), state, order.view)
        except EngineError as error:
            if is_disk_full(error):
                raise  # the others would be looked for in vain
            failed += 1
            yield BatchSkipped(face.name, f"{error.user_message} {error.hint}".strip())
            continue
        manifest.put(face.name, key, file)
        made += 1
        yield BatchPicture(face.name, str(file), is_new=True)
    sheet = _draw_sheet(order, faces, manifest) if order.with_sheet and made + kept else ""
    yield BatchFinished(made, kept, failed, sheet, time.monotonic() - begun)


def _faces(order: BatchOrder) -> list[_Face]:
    """Raises:
    JobError: there are none.
    """
    faces = [_Face(f"seed {seed}", f"seed-{seed}", seed=seed) for seed in dict.fromkeys(order.seeds)]
    if order.photos is not None:
        taken = {face.stem.casefold() for face in faces}
        for name in picture_files(order.photos, PHOTO_SUFFIXES):
            photo = order.photos / name
            if photo.is_relative_to(order.folder):  # pictures of an earlier run, when one folder lies in the other
                continue
            stem = _free_stem("-".join(Path(name).with_suffix("").parts), taken)
            faces.append(_Face(name, stem, photo=photo))
    if not faces:
        raise JobError("There is nothing to put the look on.", "Give a folder of photos, or seeds.")
    return faces


def _free_stem(wanted: str, taken: set[str]) -> str:
    stem, number = wanted, 2
    while stem.casefold() in taken:
        stem, number = f"{wanted}-{number}", number + 1
    taken.add(stem.casefold())
    return stem


def _prepare_folder(order: BatchOrder) -> None:
    still_suffix(Path(f"x{order.suffix}"))
    if order.photos is not None and order.photos.resolve() == order.folder.resolve():
        raise JobError("The pictures would go among the photos themselves.", "Choose another folder for them.")
    try:
        (order.folder / LATENTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder for the pictures", error) from error
    check_writable(order.folder / MANIFEST)


# --- one face -------------------------------------------------------------------------------------------------------


def _state_for(order: BatchOrder, face: _Face, engine: Headless) -> EditState:
    if face.seed is not None:
        return with_seed(order.state, face.seed)
    assert face.photo is not None, "a face is a seed or a photo"
    latent = _found_latent(order, face.photo, engine)
    return replace(with_latent(order.state, latent), truncation_psi=1.0, truncation_cutoff=None)


def _found_latent(order: BatchOrder, photo: Path, engine: Headless) -> Latent:
    model, sha256 = _model_of(order), _file_hash(photo)
    kept = order.folder / LATENTS / f"{_short(sha256, model.sha256, str(order.steps))}.safetensors"
    if kept.is_file():
        try:
            return replace(read_latent(kept, engine.store), name=photo.stem)
        except EngineError:  # damaged: it is found again
            kept.unlink(missing_ok=True)
    faces = open_faces(photo)
    if not faces.likely:
        raise NoFaceError("No face was found in it.")
    face = faces.likely[0]
    job = InvertPortrait(
        photo, faces.face(face).points, model, photo.stem, steps=order.steps, optimise_noise=order.steps > 0
    )
    result = engine.search_crop(job, faces.cut(face, *engine.crop_of(model)), sha256)
    assert isinstance(result, PortraitInverted)
    write_latent(kept, result.latent, model, engine.store)
    return result.latent


def _model_of(order: BatchOrder) -> ModelRef:
    if order.state.model_a is None:
        raise JobError("The look names no model A.", "Choose a model first.")
    return order.state.model_a


# --- what is there already ------------------------------------------------------------------------------------------


class _Manifest:
    """Which picture is there, and of what. A damaged one is begun anew: then pictures are made again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / MANIFEST
        self._entries: dict[str, list[str]] = {}
        try:
            data = self._file.read_bytes() if self._file.is_file() else b""
            document = parse_json_object(data.decode("utf-8")) if 0 < len(data) <= MAX_MANIFEST_BYTES else {}
        except (OSError, UnicodeDecodeError, CorruptModelError):
            document = {}
        entries = document.get("pictures")
        if document.get("graft_batch") == MANIFEST_VERSION and isinstance(entries, dict):
            self._entries = {
                name: entry for name, entry in entries.items()
                if isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
            }  # fmt: skip

    def has(self, name: str, key: str, file: Path) -> bool:
        return self._entries.get(name) == [key, file.name] and file.is_file()

    def put(self, name: str, key: str, file: Path) -> None:
        self._entries[name] = [key, file.name]
        document = {"graft_batch": MANIFEST_VERSION, "pictures": self._entries}
        write_atomic(self._file, json.dumps(document, indent=1).encode())

    def file(self, face: _Face, order: BatchOrder) -> Path | None:
        entry = self._entries.get(face.name)
        path = order.folder / entry[1] if entry else None
        return path if path is not None and path.name == f"{face.stem}{order.suffix}" and path.is_file() else None


def _order_key(order: BatchOrder, face: _Face) -> str:
    """A hash of everything that decides the picture of a face."""
    whose = f"seed {face.seed}" if face.photo is None else f"photo {_file_hash(face.photo)} {order.steps}"
    shared = replace(order.state, latent=EditState().latent)
    return _short(json.dumps(state_to_json(shared)), order.view.value, str(order.size_px), order.suffix, whose)


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _file_hash(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error


# --- the sheet ------------------------------------------------------------------------------------------------------


def _draw_sheet(order: BatchOrder, faces: Sequence[_Face], manifest: _Manifest) -> str:
    found = [(face.stem, file) for face in faces if (file := manifest.file(face, order)) is not None][:MAX_ON_SHEET]
    pictures = list(_small(file for _, file in found))
    path = order.folder / SHEET
    names = [order.state.model_a, order.state.model_b]
    title = " x ".join(ref.name for ref in names if ref is not None)
    write_sheet(path, contact_sheet(pictures, [stem for stem, _ in found], title=title, cell_px=SHEET_CELL_PX))
    return str(path)


def _small(files: Iterable[Path]) -> Iterator[NDArray[np.uint8]]:
    for file in files:
        with Image.open(file) as picture:
            shown = picture.convert("RGB")
            shown.thumbnail((SHEET_CELL_PX, SHEET_CELL_PX), Image.Resampling.LANCZOS)
            yield np.asarray(shown)
