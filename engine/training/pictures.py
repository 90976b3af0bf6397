"""What one looks at during a run: sample sheets and the loss curve."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from engine.atomic import storage_error, write_atomic
from engine.errors import CorruptModelError
from engine.imaging import to_rgb
from engine.network import Network
from engine.strict_json import parse_json_object
from engine.training.events import Progress

SHEET_SEED = 10_000
SHEET_PSI = 0.8
COLUMNS = 8
ROWS = 4

CURVES = (("generator", (196, 92, 46)), ("discriminator", (52, 110, 170)))
FIELDS = tuple(field.name for field in fields(Progress) if field.name not in ("total_images", "time_left_s"))
_WIDTH, _HEIGHT, _MARGIN = 960, 420, 48
_SMOOTHED_POINTS = 400


def save_sheet(path: Path, network: Network) -> None:
    """The same latents every time, so that sheets of one run can be compared. PNG, 8 by 4 pictures.

    Raises:
        StorageError: it cannot be written.
    """
    rng = torch.Generator().manual_seed(SHEET_SEED)
    rows = []
    for _ in range(ROWS):
        z = torch.randn(COLUMNS, network.config.z_dim, generator=rng)
        images = network.synthesis(network.mapping(z, truncation_psi=SHEET_PSI))
        rows.append(np.concatenate([to_rgb(image) for image in images], axis=1))
    write_atomic(path, png_bytes(Image.fromarray(np.concatenate(rows))))


def png_bytes(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


class LossLog:
    """``log.jsonl``, one line per report, beside ``losses.csv`` and ``losses.png`` drawn from it.

    Args:
        folder: Of the run.
        images_seen: Where the run is taken up again; what was logged beyond it is forgotten.
    """

    def __init__(self, folder: Path, images_seen: int) -> None:
        self._folder = folder
        self._rows = [row for row in _logged(folder / "log.jsonl") if row["images_seen"] <= images_seen]
        self._write_all()

    @property
    def rows(self) -> Sequence[Mapping[str, Any]]:
        return self._rows

    def add(self, row: Mapping[str, Any]) -> None:
        """Append one report: a mapping with the keys of `FIELDS`; NaN is kept as null.

        Raises:
            StorageError: it cannot be written.
        """
        kept = {name: _number(row[name]) for name in FIELDS}
        try:
            with open(self._folder / "log.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(kept) + "\n")
        except OSError as error:
            raise storage_error("write the training log", error) from error
        self._rows.append(kept)

    def draw(self) -> None:
        """Write ``losses.csv`` and ``losses.png``.

        Raises:
            StorageError: they cannot be written.
        """
        table = io.StringIO()
        writer = csv.DictWriter(table, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomic(self._folder / "losses.csv", table.getvalue().encode())
        write_atomic(self._folder / "losses.png", png_bytes(drawn_losses(self._rows)))

    def _write_all(self) -> None:
        text = "".join(json.dumps(row) + "\n" for row in self._rows)
        write_atomic(self._folder / "log.jsonl", text.encode())


def drawn_losses(rows: Sequence[Mapping[str, Any]]) -> Image.Image:
    """Both losses over the images seen, from 0 up, averaged to at most 400 points."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), (250, 249, 246))
    draw = ImageDraw.Draw(image)
    right, bottom = _WIDTH - _MARGIN // 2, _HEIGHT - _MARGIN
    points = {name: _averaged([(row["images_seen"], row[name]) for row in rows]) for name, _ in CURVES}
    values = [y for curve in points.values() for _, y in curve]
    top_value = max([1.0, *values]) * 1.05
    last = max([1, *(row["images_seen"] for row in rows)])
    for step in range(5):
        y = bottom - (bottom - _MARGIN // 2) * step / 4
        draw.line([(_MARGIN, y), (right, y)], (220, 217, 210))
        draw.text((6, y - 6), f"{top_value * step / 4:.2f}", (90, 90, 90))
        x = _MARGIN + (right - _MARGIN) * step / 4
        draw.text((x - 12, bottom + 8), f"{last * step / 4 / 1000:.1f}k", (90, 90, 90))
    for place, (name, colour) in enumerate(CURVES):
        line = [
            (_MARGIN + (right - _MARGIN) * x / last, bottom - (bottom - _MARGIN // 2) * max(y, 0) / top_value)
            for x, y in points[name]
        ]
        if len(line) > 1:
            draw.line(line, colour, 2)
        draw.text((_MARGIN + 12 + 120 * place, 6), name, colour)
    return image


def _averaged(points: Sequence[tuple[int, float | None]]) -> list[tuple[float, float]]:
    known = [(x, y) for x, y in points if y is not None]
    size = max(1, math.ceil(len(known) / _SMOOTHED_POINTS))
    groups = [known[i : i + size] for i in range(0, len(known), size)]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def _logged(path: Path) -> list[dict[str, Any]]:
    """The rows of an earlier log; a last line that was cut short is left out."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            row = parse_json_object(line)
        except CorruptModelError:
            continue
        if set(row) == set(FIELDS) and type(row["images_seen"]) is int:
            rows.append(row)
    return rows


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
