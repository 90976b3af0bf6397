"""Make portrait pictures and the drawings that belong to them, on disk, in parts that a killed run keeps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.atomic import remove_leftovers, storage_error, write_atomic
from engine.errors import JobError
from engine.training.portrait_data.canvas import Canvas, Floats, Points
from engine.training.portrait_data.faces import FRAMING, Face, load_london
from engine.training.portrait_data.lines import lines
from engine.training.portrait_data.morph import Portrait, draw_mix
from engine.training.portrait_data.pencil import pencil
from engine.training.portrait_data.recolour import recoloured
from engine.training.portrait_data.toon import toon
from engine.training.portrait_data.warp import FoldError
from engine.training.portrait_data.woodblock import woodblock

PART = 250
MAX_TRIES = 100
RECIPE_FILE = "portrait-data.json"
RECIPE_VERSION = 1

LICENCE = (
    "Made from: DeBruine, L. and Jones, B. (2017), Face Research Lab London Set, doi 10.6084/m9.figshare.5047666.v5, "
    "CC BY 4.0. Every picture mixes two people; none shows a real one."
)

Painter: TypeAlias = Callable[[Portrait, np.random.Generator, Canvas], tuple[Floats, Points]]


def _portrait(portrait: Portrait, rng: np.random.Generator, canvas: Canvas) -> tuple[Floats, Points]:
    return recoloured(portrait, rng, canvas), portrait.points


STYLES: Mapping[str, Painter] = MappingProxyType(
    {"portrait": _portrait, "toon": toon, "woodblock": woodblock, "pencil": pencil, "lines": lines}
)
"""In this order: a style's random numbers follow from its place."""


@dataclass(frozen=True, slots=True)
class PortraitOrder:
    """What to make.

    Attributes:
        london: Folder of the photographed faces, see `load_london`.
        out: Each style gets a folder in it, with parts of up to 250 pictures: uint8 ``[N, S, S, 3]``; where the 189
            landmarks lie is in ``landmarks/STYLE``: float32 ``[N, 189, 2]``. Picture i of every style is the same
            nobody.
        count: Pictures per style.
        size: Height and width, in px.
        styles: Keys of `STYLES`.
        seed: Picture i depends on seed, i and size alone, not on how many are made or in which styles.
    """

    london: Path
    out: Path
    count: int = 8_000
    size: int = 256
    styles: tuple[str, ...] = tuple(STYLES)
    seed: int = 0


def make_portrait_data(order: PortraitOrder) -> Iterator[int]:
    """Make what is missing.

    Yields:
        How many pictures per style are done, after each.

    Raises:
        JobError: the faces cannot be used, or the folder holds pictures of another recipe.
        StorageError: a part cannot be written; those before stay.
    """
    _check(order)
    _claim(order)
    parts = [range(start, min(start + PART, order.count)) for start in range(0, order.count, PART)]
    missing = [part for part in parts if not _is_done(order, part)]
    done = order.count - sum(map(len, missing))
    yield done
    if not missing:
        return
    faces, canvas = load_london(order.london, order.size), Canvas(order.size)
    for part in missing:
        made: dict[str, list[tuple[Floats, Points]]] = {style: [] for style in order.styles}
        for index in part:
            for style, drawn in paint_one(faces, index, order.seed, order.styles, canvas).items():
                made[style].append(drawn)
            done += 1
            yield done
        for style, drawn_pictures in made.items():
            _keep(order, style, part, drawn_pictures)


def paint_one(
    faces: tuple[Face, ...], index: int, seed: int, styles: tuple[str, ...], canvas: Canvas
) -> dict[str, tuple[Floats, Points]]:
    """Picture number `index` in every style, with its landmarks.

    Raises:
        JobError: a hundred pairs in a row could not be mixed.
    """
    portrait = _drawn(faces, np.random.default_rng((seed, index)), canvas)
    # Each style has numbers of its own, so that none depends on which others are made.
    places = {style: place for place, style in enumerate(STYLES)}
    return {
        style: STYLES[style](portrait, np.random.default_rng((seed, index, places[style] + 1)), canvas)
        for style in styles
    }


def _drawn(faces: tuple[Face, ...], rng: np.random.Generator, canvas: Canvas) -> Portrait:
    for _ in range(MAX_TRIES):
        try:
            return draw_mix(faces, rng, canvas)
        except FoldError:
            continue
    raise JobError(f"Of {MAX_TRIES} pairs of faces none could be mixed.", "Check the landmarks of the faces.")


def _check(order: PortraitOrder) -> None:
    for style in order.styles:
        if style not in STYLES:
            raise JobError(f"There is no style {style!r:.40}.", f"There are {', '.join(STYLES)}.")
    if order.count < 1 or not 32 <= order.size <= 1024 or order.size & (order.size - 1):
        hint = "Sizes are 32, 64, 128 ... 1024 px."
        raise JobError(f"Cannot make {order.count} pictures of {order.size} px.", hint)


def _claim(order: PortraitOrder) -> None:
    """Write down what the folder is for, or see that it is for the same."""
    recipe: dict[str, Any] = {
        "version": RECIPE_VERSION,
        "size": order.size,
        "seed": order.seed,
        "framing": asdict(FRAMING),
        "licence": LICENCE,
    }
    path = order.out / RECIPE_FILE
    try:
        for style in order.styles:
            for folder in (order.out / style, _points_folder(order, style)):
                folder.mkdir(parents=True, exist_ok=True)
                remove_leftovers(folder)
        known = path.read_text("utf-8") if path.exists() else None
    except OSError as error:
        raise storage_error(f"use the folder {order.out.name}", error) from error
    text = json.dumps(recipe, indent=1)
    if known is None:
        write_atomic(path, text.encode())
    elif known != text:
        raise JobError(
            f"The folder {order.out.name:.100} holds pictures of another size, seed or recipe.",
            "Choose another folder, or the same settings.",
        )


def _is_done(order: PortraitOrder, part: range) -> bool:
    """Whether every style has these pictures; a part may hold more, from an earlier call that wanted more."""
    return all(_length(path) >= len(part) for style in order.styles for path in _paths(order, style, part))


def _length(path: Path) -> int:
    try:
        return len(np.load(path, mmap_mode="r", allow_pickle=False))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, EOFError):
        place = f"{path.parent.name}/{path.name}"
        raise JobError(f"The file {place} is damaged.", "Delete it; it is made again.") from None


def _keep(order: PortraitOrder, style: str, part: range, drawn: list[tuple[Floats, Points]]) -> None:
    pictures = np.stack([(np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8) for picture, _ in drawn])
    points = np.stack([points for _, points in drawn]).astype(np.float32)
    picture_path, points_path = _paths(order, style, part)
    write_atomic(points_path, _npy(points))
    write_atomic(picture_path, _npy(pictures))


def _paths(order: PortraitOrder, style: str, part: range) -> tuple[Path, Path]:
    name = f"{part.start:07d}.npy"
    return order.out / style / name, _points_folder(order, style) / name


def _points_folder(order: PortraitOrder, style: str) -> Path:
    return order.out / "landmarks" / style


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
