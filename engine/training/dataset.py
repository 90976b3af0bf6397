"""Training pictures at the training size, as one file that is mapped into memory, and the order they are shown in."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.atomic import TEMP_SUFFIX, storage_error, write_atomic
from engine.errors import CorruptModelError, JobError
from engine.picture_folder import picture_files
from engine.strict_json import parse_json_object
from engine.training.dataset_check import FolderReport, Picture, Refusal, check_folder

ARRAYS_VERSION, PICTURES_VERSION = 1, 2
"""Of what is made of either; 2: colour profiles, 16 bits and transparency count."""
ARRAY_FILE = "pictures.npy"
REPORT_FILE = "report.json"
LEFTOVER_AGE_S = 24 * 3600.0


@dataclass(frozen=True, eq=False)
class Dataset:
    """Attributes:
    pictures: ``[count, S, S, 3]``, mapped read-only.
    report: What the folder was found to be.
    sha256: Hash of what the pictures were made from: names, sizes and times of the files.
    """

    pictures: NDArray[np.uint8]
    report: FolderReport
    sha256: str

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def resolution(self) -> int:
        return int(self.pictures.shape[1])

    def batch(self, indices: NDArray[np.int64], device: torch.device) -> Tensor:
        """``[N, 3, S, S]``, float32 in [-1, 1]."""
        gathered = torch.from_numpy(self.pictures[indices]).to(device)
        return gathered.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def open_dataset(source: Path, resolution: int, minimum: int, cache: Path) -> Dataset:
    """Check and prepare the pictures, or take what was prepared before from the same files.

    Args:
        source: A folder of pictures, or of ``.npy`` files of uint8 ``[N, S, S, 3]`` (or one such file), as
            ``train portrait-data`` makes them.
        resolution: Height and width to train at.
        minimum: As many pictures as a batch has.
        cache: Folder for prepared pictures.

    Raises:
        JobError: too few usable pictures, or none; says how many and why.
        StorageError: the cache cannot be written.
    """
    arrays = _array_files(source)
    files = arrays or [source / name for name in picture_files(source)]
    key = _key(source, files, resolution, ARRAYS_VERSION if arrays else PICTURES_VERSION)
    folder = cache / f"{key[:24]}-{resolution}"
    if not (folder / REPORT_FILE).is_file():
        _prepare(source, arrays, resolution, minimum, folder)
    dataset = _open(folder, key)
    dataset.report.require(minimum)
    return dataset


def _array_files(source: Path) -> list[Path]:
    if source.suffix == ".npy" and source.is_file():
        return [source]
    return sorted(path for path in source.glob("*.npy") if path.is_file()) if source.is_dir() else []


def _key(source: Path, files: list[Path], resolution: int, version: int) -> str:
    digest = hashlib.sha256(f"{version} {resolution} {source.resolve()}".encode())
    for path in files:
        status = path.stat()
        digest.update(f"\0{path.name}\0{status.st_size}\0{status.st_mtime_ns}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _prepare(source: Path, arrays: list[Path], resolution: int, minimum: int, folder: Path) -> None:
    temp = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{TEMP_SUFFIX}")
    _remove_leftovers(folder.parent)
    try:
        temp.mkdir(parents=True)
        with open(temp / "raw", "wb") as raw:
            count = 0

            def keep(picture: Picture) -> None:
                nonlocal count
                raw.write(np.ascontiguousarray(picture).tobytes())
                count += 1

            report = _check_arrays(arrays, resolution, keep) if arrays else check_folder(source, resolution, keep)
        report.require(minimum)
        _with_header(temp / "raw", temp / ARRAY_FILE, (count, resolution, resolution, 3))
        write_atomic(temp / REPORT_FILE, json.dumps(asdict(report), indent=1).encode())
        os.rename(temp, folder)
    except OSError as error:
        raise storage_error("prepare the pictures", error) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)


def _remove_leftovers(cache: Path) -> None:
    """Delete what killed processes left half prepared; another process may be at work on what is younger."""
    for path in cache.glob(f".*{TEMP_SUFFIX}"):
        with contextlib.suppress(OSError):
            if time.time() - max(item.stat().st_mtime for item in (path, *path.iterdir())) > LEFTOVER_AGE_S:
                shutil.rmtree(path, ignore_errors=True)


def _check_arrays(arrays: list[Path], resolution: int, on_picture: Callable[[Picture], None]) -> FolderReport:
    count = 0
    for path in arrays:
        try:
            pictures = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError):
            raise JobError(f"The file {path.name:.100} is not an array of pictures.") from None
        size = pictures.shape[1] if pictures.ndim == 4 else 0
        square = pictures.ndim == 4 and pictures.shape[1:] == (size, size, 3) and pictures.dtype == np.uint8
        if not square or size < resolution or size % resolution:
            raise JobError(
                f"The file {path.name:.60} holds {pictures.dtype} {list(pictures.shape)}; needed are uint8 "
                f"[count, S, S, 3] with S a multiple of {resolution}."
            )
        factor = size // resolution
        for index in range(len(pictures)):
            cells = pictures[index].reshape(resolution, factor, resolution, factor, 3)
            on_picture((cells.mean(axis=(1, 3)) + 0.5).astype(np.uint8))
        count += len(pictures)
    return FolderReport(count, (), ())


def _with_header(raw: Path, target: Path, shape: tuple[int, ...]) -> None:
    with open(raw, "rb") as source, open(target, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        shutil.copyfileobj(source, file)
        file.flush()
        os.fsync(file.fileno())
    raw.unlink()


def _open(folder: Path, key: str) -> Dataset:
    try:
        document = parse_json_object((folder / REPORT_FILE).read_text("utf-8"))
        refused = tuple(Refusal(entry["name"], entry["reason"]) for entry in document["refused"])
        report = FolderReport(document["accepted"], refused, tuple(document["notices"]))
        pictures = np.load(folder / ARRAY_FILE, mmap_mode="r", allow_pickle=False)
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or len(pictures) != report.accepted:
            raise ValueError("does not fit its report")
    except (OSError, ValueError, TypeError, KeyError, CorruptModelError):
        raise JobError(
            f"The prepared pictures in {folder!s:.150} are damaged.", "Delete that folder; they are made again."
        ) from None
    return Dataset(pictures, report, key)


class Order:
    """An endless order in which each round shows every picture once. A pure function of seed and position.

    Args:
        count: Pictures in the set.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count = count
        self._seed = seed
        self._round = -1
        self._places = np.empty(0, np.int64)

    def at(self, position: int, count: int) -> NDArray[np.int64]:
        """Indices of the pictures number `position`, ``position + 1`` ... of the whole run, ``[count]``."""
        return np.array([self._index(place) for place in range(position, position + count)], np.int64)

    def _index(self, position: int) -> int:
        number, place = divmod(position, self._count)
        if number != self._round:
            self._places = np.random.default_rng((self._seed, number)).permutation(self._count)
            self._round = number
        return int(self._places[place])
