"""Loading a checkpoint with a portrait encoder in it: the generator goes onto the shelf, the encoder is kept.

Parts of the job `LoadModel` (see `engine.job_table`). Knows no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.canonical import check_canonical
from engine.checkpoints.convert import OpenedCheckpoint
from engine.checkpoints.encoders import KeptEncoder, keep_encoder
from engine.checkpoints.layouts import WITH_ENCODER
from engine.checkpoints.safetensors_file import Header
from engine.descriptor import NetworkDescriptor
from engine.encoder_events import EncoderKept
from engine.encoder_links import link_encoder, published_for, title_of
from engine.errors import EngineError
from engine.job_table import Background, JobSteps
from engine.messages import ModelLoaded
from engine.network_metadata import SourceFile
from engine.published_encoder import LATENT_AVG, read_published
from engine.state import ModelRef

MEAN_TOLERANCE = 1e-5
"""Mean latents this near each other are the same: both are rounded means of the same many samples."""
_W_AVG = "mapping.w_avg"
_BLOCK_BYTES = 4 << 20


class ShelvedModel(Protocol):
    @property
    def ref(self) -> ModelRef: ...

    @property
    def path(self) -> Path: ...

    @property
    def descriptor(self) -> NetworkDescriptor: ...


class Shelf(Protocol):
    def models(self) -> Sequence[ShelvedModel]: ...


def has_encoder(opened: OpenedCheckpoint) -> bool:
    """Whether the file that was opened holds an encoder beside its generator. What Graft saved of it does not."""
    return opened.metadata.source == SourceFile(WITH_ENCODER, opened.sha256)


def load_with_encoder(
    path: Path,
    opened: OpenedCheckpoint,
    descriptor: NetworkDescriptor,
    shelf: Shelf | None,
    shelve: Callable[[], ModelRef],
    weights: Path,
) -> JobSteps:
    """Put the generator on the shelf, unless the very same is there, and use the encoder for it from now on.

    Args:
        shelf: Where the same generator may be; None not to look for it.
        weights: The user's weights folder.
    """
    twin: ModelRef | None = None
    if shelf is not None:
        known = shelf
        twin = yield Background(lambda: find_twin(opened, known), "Looking whether its model is here")
    model = twin or (yield Background(shelve))
    try:
        kept: KeptEncoder = yield Background(
            lambda: keep_encoder(path, weights, sha256=opened.sha256), f"Keeping the encoder of {path.name}"
        )
        sizes = kept.metadata.sizes
        sizes.check_fits(descriptor.num_ws, descriptor.w_dim, model.name)
        yield Background(lambda: link_encoder(kept.path, model), may_be_left=False)
    except EngineError as error:
        return ModelLoaded(model, descriptor, (*opened.warnings, f"Its encoder is left out: {error.user_message}"))
    return ModelLoaded(model, descriptor, (*opened.warnings, *sizes.remarks), sizes.words, is_twin=twin is not None)


def load_encoder_alone(path: Path, shelf: Shelf, weights: Path) -> JobSteps:
    """Keep an encoder without its generator, and use it for the model that has its mean latent, if one has."""
    kept: KeptEncoder = yield Background(lambda: keep_encoder(path, weights), f"Keeping the encoder {path.name}")
    model: ModelRef | None = yield Background(lambda: find_by_mean(kept.path, shelf), "Looking for its model")
    if model is not None:
        found = model
        yield Background(lambda: link_encoder(kept.path, found), may_be_left=False)
    return EncoderKept(kept.path, title_of(kept.path), kept.metadata.sizes, model)


def find_twin(opened: OpenedCheckpoint, shelf: Shelf) -> ModelRef | None:
    """The model on a shelf that is the same generator, number by number, from another file.

    Its mean latent may be another or missing: an encoder has its own.
    """
    wanted = _without_mean(check_file(opened.safetensors_path))
    for record in shelf.models():
        if record.ref.sha256 == opened.sha256:
            return None  # this file was here before
        with suppress(EngineError, OSError):
            found = _without_mean(check_file(record.path))
            if found == wanted and _same_numbers(record.path, opened.safetensors_path):
                return record.ref
    return None


def find_by_mean(encoder: Path, shelf: Shelf) -> ModelRef | None:
    """The model on a shelf whose mean latent an encoder has. One it was linked to before comes first."""
    header, metadata = read_published(encoder)
    models = shelf.models()
    before = [record.ref for record in models if published_for(record.ref, encoder.parent) == encoder]
    if before:
        return before[0]
    if LATENT_AVG not in header.tensors:
        return None
    mean = _numbers(encoder, header, LATENT_AVG)[0]
    for record in models:
        descriptor = record.descriptor
        if metadata.sizes.fits(descriptor.num_ws, descriptor.w_dim):
            with suppress(EngineError, OSError):
                found = check_file(record.path)
                entry = found.tensors.get(_W_AVG)
                if entry is not None and entry.dtype == "float32":
                    w_avg = _numbers(record.path, found, _W_AVG)
                    if np.abs(w_avg - mean).max() <= MEAN_TOLERANCE and np.any(mean):
                        return record.ref
    return None


def check_file(path: Path) -> Header:
    with open(path, "rb") as file:
        return check_canonical(file).header


def _without_mean(header: Header) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {name: (entry.dtype, entry.shape) for name, entry in header.tensors.items() if name != _W_AVG}


def _same_numbers(a: Path, b: Path) -> bool:
    """Tensor by tensor, the small ones first: other models differ in those already."""
    first, second = check_file(a).tensors, check_file(b).tensors
    names = sorted((name for name in first if name != _W_AVG), key=lambda name: first[name].end - first[name].begin)
    with open(a, "rb") as left, open(b, "rb") as right:
        for name in names:
            left.seek(first[name].begin)
            right.seek(second[name].begin)
            remaining = first[name].end - first[name].begin
            while remaining:
                piece = left.read(min(remaining, _BLOCK_BYTES))
                if not piece or piece != right.read(len(piece)):
                    return False
                remaining -= len(piece)
    return True


def _numbers(path: Path, header: Header, name: str) -> NDArray[np.float32]:
    entry = header.tensors[name]
    with open(path, "rb") as file:
        file.seek(entry.begin)
        return np.frombuffer(file.read(entry.end - entry.begin), "<f4").reshape(entry.shape)
