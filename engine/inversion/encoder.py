"""A trained encoder: read strictly, run on a portrait, written with what it belongs to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save as to_safetensors
from torch import Tensor

from engine.atomic import write_atomic
from engine.checkpoints.safetensors_file import TensorEntry
from engine.encoder_file import METADATA_KEY, EncoderMetadata, EncoderSizes, parse_encoder_header
from engine.errors import CorruptModelError, ModelError, SpaceMismatchError, UnsupportedModelError
from engine.imaging import from_rgb
from engine.inversion.curvature import Curvature
from engine.inversion.w_space import WSpace
from engine.nets.encoder import Encoder
from engine.network import Network
from engine.published_encoder import DEFAULT_STEPS, FILE_START

_DTYPES: dict[str, np.dtype[Any]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4"), "int8": np.dtype("i1")}
_DIRECTIONS = "curvature.directions"
_STRENGTHS = "curvature.strengths"


class PortraitEncoderLike(Protocol):
    """Whatever finds a portrait in a model at once."""

    @property
    def name(self) -> str:
        """In a few words, for the user."""
        ...

    def encode(self, target: NDArray[np.uint8], network: Network) -> Tensor:
        """The latent of a portrait.

        Args:
            target: Cut out by the framing of the model, ``[S, S, 3]`` uint8 RGB, S the network's size.

        Returns:
            ws ``[1, num_ws, w_dim]``, float32, on the network's device.

        Raises:
            SpaceMismatchError: it is for other latents or larger portraits than the network's.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PortraitEncoder:
    """Graft's own encoder, trained for one generator (`PortraitEncoderLike`).

    Attributes:
        metadata: The generator it belongs to, and its sizes.
        module: Float32, frozen.
        curvature: Of the generator, for a search that goes on from what was found.
    """

    metadata: EncoderMetadata
    module: Encoder
    curvature: Curvature | None = None

    @property
    def name(self) -> str:
        return "Graft's own encoder"

    def encode(self, target: NDArray[np.uint8], network: Network) -> Tensor:
        """See `PortraitEncoderLike`."""
        return self.encode_batch([target], network)

    def encode_batch(self, targets: Sequence[NDArray[np.uint8]], network: Network) -> Tensor:
        """The latents of several portraits of one size, ``[N, num_ws, w_dim]``; at least one.

        Raises:
            SpaceMismatchError: the network has other latents, or the portraits are smaller than the encoder reads.
        """
        sizes, descriptor = self.metadata.sizes, network.descriptor
        if (sizes.num_ws, sizes.w_dim) != (descriptor.num_ws, descriptor.w_dim):
            raise SpaceMismatchError(
                f"The encoder gives latents of {sizes.num_ws} x {sizes.w_dim}; "
                f"this model takes {descriptor.num_ws} x {descriptor.w_dim}.",
                "Start from the mean.",
            )
        if targets[0].shape[0] % sizes.input_px:
            raise SpaceMismatchError(
                f"The portrait has {targets[0].shape[0]} px; the encoder reads multiples of {sizes.input_px}.",
                "Start from the mean.",
            )
        module = self.module.to(network.device)
        with torch.inference_mode(False), torch.no_grad():
            portraits = torch.cat([from_rgb(target, network.device) for target in targets])
            ws: Tensor = module(portraits)
        return ws


def curvature_of(encoder: PortraitEncoderLike | None) -> Curvature | None:
    return encoder.curvature if isinstance(encoder, PortraitEncoder) else None


def open_encoder(path: Path, looks: int | None = None) -> PortraitEncoderLike:
    """Read an encoder file of any kind that Graft knows.

    Args:
        looks: How often a published encoder looks that looks more than once; None for the usual number.

    Raises:
        ModelError: it is no encoder, is damaged, or was written by a newer Graft.
    """
    if path.name.startswith(FILE_START):
        from engine.inversion.published_encoders import load_published

        return load_published(path, looks or DEFAULT_STEPS)
    return load_encoder(path)


def build_encoder(sizes: EncoderSizes) -> Encoder:
    return Encoder(sizes.input_px, sizes.widths, sizes.features, sizes.w_dim, sizes.num_ws)


def load_encoder(path: Path) -> PortraitEncoder:
    """Read an encoder file. Nothing in it is run, and no memory is taken before every size has been checked.

    Raises:
        ModelError: it is no encoder, is damaged, or was written by a newer Graft.
    """
    header, metadata = parse_encoder_header(path)
    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in build_encoder(metadata.sizes).state_dict().items()}
    sizes = metadata.sizes
    if sizes.curvature:
        wanted[_DIRECTIONS] = (sizes.curvature, sizes.num_ws, sizes.w_dim)
        wanted[_STRENGTHS] = (sizes.curvature,)
    for name, shape in wanted.items():
        entry = header.tensors.get(name)
        if entry is None:
            raise CorruptModelError(f"The encoder lacks the tensor {name}.")
        if entry.shape != shape:
            raise CorruptModelError(f"The encoder's tensor {name} has shape {list(entry.shape)}, not {list(shape)}.")
        read = ("int8",) if name == _DIRECTIONS else ("float16", "float32")
        if entry.dtype not in read:
            raise UnsupportedModelError(f"The encoder's tensor {name} is {entry.dtype}; {' or '.join(read)} is read.")
    if unknown := sorted(set(header.tensors) - set(wanted)):
        raise CorruptModelError(f"The encoder has a tensor {unknown[0]:.100} that it has no place for.")
    module = build_encoder(sizes)
    tensors = _tensors(path, header.tensors)
    directions, strengths = tensors.pop(_DIRECTIONS, None), tensors.pop(_STRENGTHS, None)
    module.load_state_dict(tensors)
    curvature = None
    if directions is not None and strengths is not None:
        if not bool((strengths > 0).all()) or not bool(directions.flatten(1).any(dim=1).all()):
            raise CorruptModelError("The encoder's curvature has a direction of no length or strength.")
        unit = F.normalize(directions.flatten(1)).view_as(directions)
        curvature = Curvature(WSpace(module.mean, module.axes), unit, strengths)
    return PortraitEncoder(metadata, module.eval().requires_grad_(False), curvature)


def save_encoder(path: Path, module: Encoder, metadata: EncoderMetadata, curvature: Curvature | None = None) -> None:
    """Write an encoder in half precision, whole or not at all. Directions of the curvature take a byte a number.

    Args:
        curvature: In the encoder's own coordinates; as many directions as the metadata say.

    Raises:
        ModelError: a weight does not fit into half precision.
        StorageError: the file cannot be written.
    """
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in module.state_dict().items()}
    for name, half in halves.items():
        if not bool(half.isfinite().all()):
            raise ModelError(f"The encoder's {name} holds values beyond 65504; half precision ends there.")
    if curvature is not None:
        directions = curvature.directions.cpu()
        largest = directions.abs().amax(dim=(1, 2), keepdim=True)
        halves[_DIRECTIONS] = (directions * (127 / largest)).round().to(torch.int8).contiguous()
        halves[_STRENGTHS] = curvature.strengths.cpu().float().contiguous()
    write_atomic(path, to_safetensors(halves, {METADATA_KEY: metadata.to_json_text()}))


def _tensors(path: Path, entries: Mapping[str, TensorEntry]) -> dict[str, Tensor]:
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size < max(entry.end for entry in entries.values()):
                raise CorruptModelError("The encoder file has become shorter while it was read.")
            found = {}
            for name, entry in entries.items():
                file.seek(entry.begin)
                values = np.frombuffer(file.read(entry.end - entry.begin), _DTYPES[entry.dtype])
                found[name] = torch.from_numpy(values.astype(np.float32).reshape(entry.shape))
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.") from error
    for name, tensor in found.items():
        if not bool(tensor.isfinite().all()):
            raise CorruptModelError(f"The encoder's tensor {name} holds values that are no numbers.")
    return found
