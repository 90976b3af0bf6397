"""Weights of the golden files that are given by a rule instead of numbers, and encoder checkpoints made of them.

The rule: ``offset + scale * normal``, the normals of numpy's legacy stream seeded by the CRC-32 of prefix and key.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GOLDEN = Path(__file__).parents[1] / "golden"

_SCALES = (  # of what has no fan-in: key, scale, offset
    (r"\.running_mean$", 0.1, 0.0),
    (r"res_layer\.4\.weight$", 0.05, 0.3),
    (r"shortcut_layer\.1\.weight$", 0.05, 0.6),
    (r"(input_layer|res_layer)\.2\.weight$", 0.1, 0.25),
    (r"decoder\.style\.\d+\.weight$", 100.0, 0.0),
    (r"decoder\.style\.\d+\.bias$", 10.0, 0.0),
    (r"modulation\.bias$", 0.2, 1.0),
    (r"activate\.bias$", 0.2, 0.0),
    (r"noise\.weight$", 0.3, 0.0),
    (r"to_rgbs?(\.\d+|\d*)\.bias$", 0.2, 0.0),
    (r"decoder\..*weight$|linear\.weight$|input\.input$|noises\.", 1.0, 0.0),
    (r"\.bias$", 0.1, 0.0),
)


def rule_normals(prefix: str, key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    seed = zlib.crc32((prefix + key).encode()) & 0xFFFFFFFF
    return np.random.RandomState(seed).standard_normal(math.prod(shape)).reshape(shape)


def listed_tensor(prefix: str, entry: dict[str, Any]) -> NDArray[np.float32]:
    """A tensor of a ``listing.json``, which spells its rule out."""
    rule, shape = entry["init"], tuple(entry["shape"])
    normals = rule_normals(prefix, entry["key"], shape)
    found = rule["offset"] + rule["scale"] * (np.abs(normals) if rule["op"] == "absnormal" else normals)
    return np.asarray(found, np.float32)


def rule_tensor(prefix: str, key: str, shape: tuple[int, ...], other_scales: dict[str, float]) -> Tensor:
    """A tensor of the small encoder checkpoints."""
    if key.endswith("num_batches_tracked"):
        return torch.zeros((), dtype=torch.int64)
    if key.endswith("kernel"):
        taps = np.array([1.0, 3.0, 3.0, 1.0])
        return torch.from_numpy((np.outer(taps, taps) / 64 * 4).astype(np.float32))
    normals = rule_normals(prefix, key, shape)
    if key.endswith("running_var"):
        return torch.from_numpy((0.7 + 0.3 * np.abs(normals)).astype(np.float32))
    scale, offset = _scale_of(key, shape)
    scale = next((other for pattern, other in other_scales.items() if re.search(pattern, key)), scale)
    return torch.from_numpy((offset + scale * normals).astype(np.float32))


def _scale_of(key: str, shape: tuple[int, ...]) -> tuple[float, float]:
    for pattern, scale, offset in _SCALES:
        if re.search(pattern, key):
            return scale, offset
    return (0.1, 1.0) if len(shape) == 1 else (math.sqrt(2 / math.prod(shape[1:])), 0.0)


def encoder_checkpoint(name: str) -> dict[str, Any]:
    """``state_dict``, ``opts`` and, where the original has one, ``latent_avg`` of a golden encoder."""
    meta = json.loads((GOLDEN / name / "meta.json").read_text())
    prefix, other_scales = meta["seed_prefix"], meta["other_scales"]
    state = {
        key: rule_tensor(prefix, key, tuple(shape), other_scales) for key, shape in meta["state_dict"].items()
    }
    checkpoint = {"state_dict": state, "opts": meta["opts"]}
    if meta["has_latent_avg"]:
        checkpoint["latent_avg"] = torch.from_numpy(golden_io(name)["latent_avg"])
    return checkpoint


def golden_io(name: str) -> dict[str, NDArray[Any]]:
    with np.load(GOLDEN / name / "io.npz") as file:
        return {key: file[key] for key in file.files}
