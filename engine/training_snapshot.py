"""From a training run to a model file of its own, without torch: the best snapshot, or the newest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors
from safetensors.numpy import save as to_safetensors

from engine.atomic import storage_error, write_atomic
from engine.errors import JobError
from engine.network_metadata import METADATA_KEY, NetworkMetadata
from engine.strict_json import parse_json_object
from engine.training_runs import checkpoints_of

BEST = "best.safetensors"
AVERAGE = "average.safetensors"


class Snapshot(StrEnum):
    BEST = "best"  # by the measured distance; the newest as long as nothing was measured
    NEWEST = "newest"


def keep_snapshot(run: Path, which: Snapshot, folder: Path, name: str) -> Path:
    """Write a snapshot of a run as a model file; one with the same content that is there already is taken instead.

    Args:
        folder: Where models are kept; made if need be.
        name: Of the file, without suffix; a number is added when another model has it.

    Raises:
        JobError: the run has nothing to keep yet, or its files are damaged.
        StorageError: it cannot be read or written.
    """
    data = _best(run) if which is Snapshot.BEST else None
    if data is None:
        data = _newest(run)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder for models", error) from error
    path, number = folder / f"{name}.safetensors", 2
    while path.exists():
        if path.stat().st_size == len(data) and path.read_bytes() == data:
            return path
        path, number = folder / f"{name} {number}.safetensors", number + 1
    write_atomic(path, data)
    return path


def _best(run: Path) -> bytes | None:
    try:
        return (run / BEST).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise storage_error(f"read {BEST}", error) from error


def _newest(run: Path) -> bytes:
    """The averaged generator of the newest checkpoint, with what was done to it."""
    for checkpoint in checkpoints_of(run):
        try:
            body = parse_json_object((checkpoint / "manifest.json").read_text("utf-8"))["body"]
            data = (checkpoint / AVERAGE).read_bytes()
            if hashlib.sha256(data).hexdigest() != body["files"][AVERAGE]["sha256"]:
                raise JobError(f"The checkpoint {checkpoint.name} is damaged.", "Wait for the next one.")
            metadata = NetworkMetadata.from_json_text(body["state"]["network"])
            config = parse_json_object(body["state"]["config"])
            tensors = from_safetensors(data)
        except FileNotFoundError:
            continue  # the trainer has just put a newer one in its place
        except OSError as error:
            raise storage_error(f"read the checkpoint {checkpoint.name}", error) from error
        except (KeyError, TypeError, SafetensorError):
            raise JobError(f"The checkpoint {checkpoint.name} is damaged.", "Wait for the next one.") from None
        step = {"step": "train", "images": body["images_seen"], "dataset": body["state"]["dataset"]}
        told = ("batch", "learning_rate", "r1_gamma", "augmentation", "trainable", "seed")
        step |= {key: config[key] for key in told if key in config}
        described = replace(metadata, lineage=(*metadata.lineage, step))
        return to_safetensors(tensors, {METADATA_KEY: described.to_json_text()})
    raise JobError("This training has saved nothing yet.", "Wait for its first checkpoint.")
