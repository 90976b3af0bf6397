"""LPIPS on VGG16 as judge of likeness, for users who have the weights: Graft may not ship them.

Looked for in one folder, told by content and not by name: torchvision's ``vgg16`` and, optionally, the five linear
layers of LPIPS (or one file of the ``lpips`` package that holds both). Files are read as foreign model files
are: nothing in them is run.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.checkpoints.reader import parse
from engine.checkpoints.records import ArrayRecord, Budget, TensorRecord
from engine.checkpoints.tensors import lazy_tensor
from engine.errors import CorruptModelError, EngineError
from engine.inversion.distance import WITH_PLAIN, FeatureDistance, PerceptualDistance, at_least, default_distance
from engine.nets.vgg16 import STAGES, Vgg16Features, layer_indices, lpips

SUFFIXES = (".pth", ".pt", ".safetensors")
MAX_FILES = 32
MAX_FILE_BYTES = 1 << 30
JUDGED_PX = 256
"""Pictures are averaged down to this before VGG16 sees them, as published projectors do."""
SMALLEST_PX = 64

_VGG = re.compile(r"(?:features|(?:net\.)?slice[1-5])\.(\d+)\.(weight|bias)")
_LINEAR = re.compile(r"lin([0-4])\.model\.1\.weight")


def choose_distance(folder: Path | None = None) -> PerceptualDistance:
    """LPIPS if its weights are in `folder`, otherwise the default. The `name` of the answer says which.

    Args:
        folder: Where the user keeps weights (`engine.places.Places.weights_folder`); None for nowhere.
    """
    found: dict[str, Tensor] = {}
    path: Path | None = None
    try:
        for path in _candidates(folder):
            found |= _known_tensors(path)
        if any(name.startswith("features.") for name in found):
            return lpips_distance(found)
    except (EngineError, OSError) as error:
        reason = error.user_message if isinstance(error, EngineError) else error.strerror
        at_fault = f"{path.name:.60}: " if path else ""
        return default_distance(note=f" (VGG16 could not be used: {at_fault}{reason})")
    return default_distance()


def lpips_distance(tensors: Mapping[str, Tensor]) -> FeatureDistance:
    """Build the judge.

    Args:
        tensors: ``features.{i}.weight`` and ``.bias`` as torchvision names them, and none or all of
            ``lin{k}.model.1.weight`` ``[1, C, 1, 1]`` as LPIPS names them.

    Raises:
        CorruptModelError: tensors are missing or of the wrong shape.
    """
    net = Vgg16Features.from_tensors(_checked(tensors))
    linear = [tensors.get(f"lin{stage}.model.1.weight") for stage in range(len(STAGES))]
    known = [one.flatten() for one in linear if one is not None]
    if not known:
        name, weights = f"VGG16 features{WITH_PLAIN}", None
    elif [len(one) for one in known] == [stage[-1] for stage in STAGES]:
        name, weights = f"LPIPS (VGG16){WITH_PLAIN}", known
    else:
        raise CorruptModelError(
            "The LPIPS weights do not belong to VGG16.", "Use the linear layers of its vgg variant."
        )

    def compare(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        return lpips(a, b, None if weights is None else [one.to(a[0].device) for one in weights])

    return FeatureDistance(name, net, compare, _for_vgg)


def _checked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    wanted: dict[str, tuple[int, ...]] = {}
    channels = 3
    for stage, indices in zip(STAGES, layer_indices(), strict=True):
        for width, index in zip(stage, indices, strict=True):
            wanted |= {f"features.{index}.weight": (width, channels, 3, 3), f"features.{index}.bias": (width,)}
            channels = width
    for name, shape in wanted.items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            found = list(tensors[name].shape) if name in tensors else "missing"
            raise CorruptModelError(f"The VGG16 weights do not fit: {name} is {found}, not {list(shape)}.")
    return {name: tensors[name] for name in wanted}


def _for_vgg(images: Tensor) -> Tensor:
    size = images.shape[-1]
    return F.avg_pool2d(images, size // JUDGED_PX) if size > JUDGED_PX else at_least(images, SMALLEST_PX)


def _candidates(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path.is_file()]
    return [path for path in files if 0 < path.stat().st_size <= MAX_FILE_BYTES][:MAX_FILES]


def _known_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file that belong to VGG16 or LPIPS, under their canonical names."""
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    table = parse(data, Budget.for_file(len(data)))
    if not isinstance(table, dict):
        return {}
    named = {_canonical(str(name)): record for name, record in table.items()}
    return {
        name: torch.from_numpy(lazy_tensor(name, record).read())
        for name, record in named.items()
        if name and isinstance(record, TensorRecord | ArrayRecord)
    }


def _canonical(name: str) -> str:
    """torchvision's or LPIPS's own name for a tensor; an empty string for one that is not wanted."""
    if match := _VGG.fullmatch(name):
        return f"features.{match[1]}.{match[2]}"
    return name if _LINEAR.fullmatch(name) else ""
