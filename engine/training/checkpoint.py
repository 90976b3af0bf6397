"""Checkpoints of a training run: complete or not there at all.

A run's folder ``checkpoints`` holds one folder per checkpoint, named after the images seen. Each is made under a
temporary name: the tensors first, then ``manifest.json`` with the SHA-256 of every file and of itself, then one
rename. A reader takes the newest whose every byte is as the manifest says.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor

from engine.atomic import TEMP_SUFFIX, storage_error, sync_folder, write_atomic
from engine.errors import CorruptModelError, JobError
from engine.strict_json import parse_json_object

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 4 << 20

_NAME = re.compile(r"\d{12}")
_TEMP_NAME = re.compile(r"\.\d{12}\.[0-9a-f]{12}" + re.escape(TEMP_SUFFIX))


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Attributes:
    images_seen: Its place in the run.
    state: JSON-ready: counters and everything else that is not a tensor.
    groups: Tensors by group (``generator``, ``optimizer_g`` ...) and name.
    """

    images_seen: int
    state: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, Tensor]]


def save_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int) -> Path:
    """Write a checkpoint and then delete all but the newest `keep`.

    Returns:
        Its folder.

    Raises:
        StorageError: it could not be written; what was there before is untouched.
        JobError: a tensor holds NaN or infinity.
    """
    for group, tensors in checkpoint.groups.items():
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                raise JobError(
                    f"The training went astray: {group}.{name:.120} holds numbers that are not finite. "
                    "The last good checkpoint was kept.",
                    "Resume with a smaller learning rate.",
                )
    final = folder / f"{checkpoint.images_seen:012d}"
    temp = folder / f".{final.name}.{secrets.token_hex(6)}{TEMP_SUFFIX}"
    try:
        temp.mkdir(parents=True)
        files = {}
        for group, tensors in checkpoint.groups.items():
            data = to_safetensors({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
            write_atomic(temp / f"{group}.safetensors", data, verify=False)
            files[f"{group}.safetensors"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        write_atomic(temp / MANIFEST, _manifest(checkpoint, files))
        _remove(folder, [final] if final.exists() else [])
        os.rename(temp, final)
        sync_folder(folder)
    except OSError as error:
        raise storage_error(f"save the checkpoint {final.name}", error) from error
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    _remove(folder, _complete_names(folder)[max(2, keep) :])
    return final


@dataclass(frozen=True, eq=False)
class Found:
    """Attributes:
    checkpoint: The newest complete one, or None.
    refused: A sentence for each newer one that was damaged.
    """

    checkpoint: Checkpoint | None
    refused: tuple[str, ...]


def newest_checkpoint(folder: Path) -> Found:
    """Read the newest checkpoint that is complete and undamaged."""
    refused: list[str] = []
    for path in _complete_names(folder):
        try:
            return Found(read_checkpoint(path), tuple(refused))
        except JobError as error:
            refused.append(error.user_message)
    return Found(None, tuple(refused))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read one checkpoint's folder.

    Raises:
        JobError: it is incomplete or damaged; says in which file.
    """
    try:
        manifest = _read_manifest(path / MANIFEST)
        groups = {}
        for name, entry in manifest["files"].items():
            data = (path / Path(name).name).read_bytes()
            if len(data) != entry["bytes"] or hashlib.sha256(data).hexdigest() != entry["sha256"]:
                raise JobError(f"The checkpoint {path.name} is damaged: {name:.80} is not as it was written.")
            groups[name.removesuffix(".safetensors")] = from_safetensors(data)
        return Checkpoint(manifest["images_seen"], manifest["state"], groups)
    except FileNotFoundError as error:
        missing = Path(error.filename).name
        raise JobError(f"The checkpoint {path.name} is incomplete: {missing:.80} is missing.") from None
    except OSError as error:
        raise JobError(f"The checkpoint {path.name} cannot be read: {error.strerror}.") from None
    except (KeyError, TypeError, AttributeError, SafetensorError):
        raise JobError(f"The checkpoint {path.name} is damaged: its manifest does not fit.") from None


def remove_unfinished(folder: Path) -> int:
    """Delete what a killed run left half written; call it when no other process trains here."""
    leftovers = [path for path in _listed(folder) if _TEMP_NAME.fullmatch(path.name)]
    for path in leftovers:
        shutil.rmtree(path, ignore_errors=True)
    return len(leftovers)


def _manifest(checkpoint: Checkpoint, files: Mapping[str, Any]) -> bytes:
    body = {
        "format": FORMAT_VERSION,
        "images_seen": checkpoint.images_seen,
        "state": dict(checkpoint.state),
        "files": dict(files),
    }
    document = {"sha256": _digest(body), "body": body}
    return json.dumps(document, allow_nan=False, sort_keys=True, indent=1).encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, allow_nan=False, sort_keys=True).encode()).hexdigest()


def _read_manifest(path: Path) -> dict[str, Any]:
    checkpoint = path.parent.name
    with open(path, "rb") as file:
        data = file.read(MAX_MANIFEST_BYTES)
    try:
        document = parse_json_object(data.decode())
    except (CorruptModelError, UnicodeDecodeError):
        raise JobError(f"The checkpoint {checkpoint} is damaged: its manifest cannot be read.") from None
    body: dict[str, Any] = document["body"]
    if _digest(body) != document["sha256"]:
        raise JobError(f"The checkpoint {checkpoint} is damaged: its manifest is not as it was written.")
    if body["format"] != FORMAT_VERSION:
        raise JobError(f"The checkpoint {checkpoint} has another format than {FORMAT_VERSION}.")
    return body


def _complete_names(folder: Path) -> list[Path]:
    """Folders that were renamed into place, newest first."""
    return sorted((path for path in _listed(folder) if _NAME.fullmatch(path.name)), reverse=True)


def _listed(folder: Path) -> Iterable[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(folder: Path, paths: Iterable[Path]) -> None:
    """Delete checkpoints; each loses its name first, so that none is ever seen half deleted."""
    for path in paths:
        doomed = folder / f".{path.name}.{secrets.token_hex(6)}{TEMP_SUFFIX}"
        with contextlib.suppress(OSError):  # an old checkpoint too many does no harm
            os.rename(path, doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def flattened_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An Adam's state as tensors by name: ``{parameter number}.{step, exp_avg, exp_avg_sq}``."""
    return {
        f"{index}.{name}": value
        for index, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
    }


@torch.no_grad()
def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Inverse of `flattened_optimizer`, for an optimiser of the same parameters and settings.

    Raises:
        JobError: the parameters are others.
    """
    document = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    fits = all(
        index < len(parameters) and entry["exp_avg"].shape == parameters[index].shape
        for index, entry in state.items()
    )
    if not fits:
        raise JobError(
            "The checkpoint's optimiser belongs to other parameters than those that learn now.",
            "Resume with the settings of the run (trainable, frozen layers), or start a new run from its model.",
        )
    for index, entry in state.items():
        for name, value in entry.items():
            if value.ndim:  # fused kernels want the moments laid out in memory as the weights are
                entry[name] = torch.empty_like(parameters[index]).copy_(value)
    optimizer.load_state_dict({**document, "state": state})
