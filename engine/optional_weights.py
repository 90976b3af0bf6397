"""Weights that Graft uses when a user has them, and may not ship: which there are, and which were found. Light."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.checkpoints.reader import parse
from engine.checkpoints.records import ArrayRecord, Budget, TensorRecord
from engine.errors import EngineError
from engine.published_encoder import FILE_START

SUFFIXES = (".pth", ".pt", ".safetensors")
MAX_FILES = 32
MAX_FILE_BYTES = 1 << 30

Table: TypeAlias = Mapping[str, TensorRecord | ArrayRecord]


@dataclass(frozen=True, slots=True)
class OptionalWeights:
    """Weights that one may have.

    Attributes:
        purpose: What Graft does with them, as a sentence.
        file: What their file is usually called.
        source: Where they come from, in words, with their licence.
    """

    title: str
    purpose: str
    file: str
    source: str


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """
    Attributes:
        path: The file that was found; None when there is none.
        problem: Why it cannot be used, as a sentence; empty when it can.
    """

    weights: OptionalWeights
    path: Path | None
    problem: str = ""


VGG16 = OptionalWeights(
    "VGG16",
    "Judges likeness while a portrait is searched for, instead of the small net that comes with Graft.",
    "vgg16-397923af.pth",
    "torchvision's vgg16, trained on ImageNet",
)
LPIPS = OptionalWeights(
    "LPIPS for VGG16",
    "Makes VGG16's judgement that of people: the linear layers of LPIPS.",
    "vgg.pth",
    "the lpips package, weights/v0.1/vgg.pth, BSD licence",
)
ARCFACE = OptionalWeights(
    "ArcFace IR-SE50",
    "Tells whether a found picture is the same person as the photo, as a number.",
    "model_ir_se50.pth",
    "InsightFace_Pytorch, as pSp and e4e use it; for research only",
)
YUNET = OptionalWeights(
    "YuNet",
    "Finds faces that the built-in finder misses: small, turned, half hidden.",
    "face_detection_yunet_2023mar.onnx",
    "OpenCV's model zoo, MIT licence",
)
ALL_WEIGHTS = (VGG16, LPIPS, ARCFACE, YUNET)

_MARKS = {
    VGG16.title: ("features.0.weight", "features.28.weight"),
    LPIPS.title: ("lin0.model.1.weight", "lin4.model.1.weight"),
    ARCFACE.title: ("input_layer.0.weight", "body.0.res_layer.0.weight", "output_layer.3.weight"),
}
_SHAPES = {  # of a tensor that tells the very net from its relatives
    VGG16.title: ("features.28.weight", (512, 512, 3, 3)),
    LPIPS.title: ("lin4.model.1.weight", (1, 512, 1, 1)),
    ARCFACE.title: ("output_layer.3.weight", (512, 25088)),
}
_YUNET_PATTERN = "face_detection_yunet*.onnx"


def look_for_weights(folder: Path) -> tuple[WeightsStatus, ...]:
    """Every kind of weights, and whether its file is in the folder. Reads tables of tensors, not tensors."""
    found: dict[str, WeightsStatus] = {}
    for path in _candidates(folder):
        try:
            table = weights_table(path)
        except (EngineError, OSError) as error:
            problem = error.user_message if isinstance(error, EngineError) else str(error.strerror)
            for weights in ALL_WEIGHTS:
                if path.name.startswith(weights.file.partition("-")[0].removesuffix(".pth")):
                    found.setdefault(weights.title, WeightsStatus(weights, path, problem))
            continue
        for weights in ALL_WEIGHTS:
            if _is(weights, table):
                found[weights.title] = WeightsStatus(weights, path, _misfit(weights, table))
    if onnx := sorted(folder.glob(_YUNET_PATTERN)) if folder.is_dir() else []:
        found[YUNET.title] = WeightsStatus(YUNET, onnx[0], "" if onnx[0].stat().st_size else "The file is empty.")
    return tuple(found.get(weights.title) or WeightsStatus(weights, None) for weights in ALL_WEIGHTS)


def identity_candidates(folder: Path) -> Iterator[Path]:
    """Files that hold ArcFace's IR-SE50."""
    for path in _candidates(folder):
        try:
            table = weights_table(path)
        except (EngineError, OSError):
            continue
        if _is(ARCFACE, table):
            yield path


def weights_table(path: Path) -> Table:
    """The tensors of a file by name, unread.

    Raises:
        ModelError: it is no file of tensors, or a damaged one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    table = parse(data, Budget.for_file(len(data)))
    if not isinstance(table, dict):
        return {}
    for wrapper in ("state_dict", "model"):
        if isinstance(inner := table.get(wrapper), dict):
            table = inner
    return {str(name): one for name, one in table.items() if isinstance(one, TensorRecord | ArrayRecord)}


def _is(weights: OptionalWeights, table: Table) -> bool:
    marks = _MARKS.get(weights.title, ())
    return bool(marks) and all(mark in table for mark in marks)


def _misfit(weights: OptionalWeights, table: Table) -> str:
    name, shape = _SHAPES[weights.title]
    found = table[name].shape
    return "" if found == shape else f"It is a relative: {name} is {list(found)}, not {list(shape)}."


def _candidates(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(FILE_START)
    ]
    return [path for path in files if 0 < path.stat().st_size <= MAX_FILE_BYTES][:MAX_FILES]
