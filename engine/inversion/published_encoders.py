"""pSp, e4e and ReStyle encoders at work: from a cut-out portrait to a latent.

Source: Richardson et al. 2021, arXiv:2008.00951; Tov et al. 2021, arXiv:2102.02766; Alaluf et al. 2021,
arXiv:2104.02699. Codes of z+ (one z per layer): Yang et al. 2022, arXiv:2203.13248.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.checkpoints.safetensors_file import Header
from engine.encoder_links import title_of
from engine.errors import CorruptModelError, ModelError
from engine.imaging import from_rgb
from engine.job_table import Step
from engine.nets.feature_pyramid import AllStyles, SingleStyle, StyleRows
from engine.nets.irse import IrSe50, ResNet34
from engine.network import Network
from engine.published_encoder import (
    CAR_ROWS,
    DEFAULT_STEPS,
    INPUT_PX,
    LATENT_AVG,
    CodeSpace,
    Heads,
    PublishedMetadata,
    PublishedSizes,
    Trunk,
    read_published,
)

COMPARED_PX = 64
"""Two readings of one code are told apart by pictures of this size: faces differ in them as they do in large ones."""
_TRUNK_PARTS = ("input_layer", "body", "conv1", "bn1", "relu")


@dataclass(frozen=True, slots=True, eq=False)
class PublishedEncoder:
    """A published encoder, ready to run (`engine.inversion.encoder.PortraitEncoderLike`).

    Attributes:
        trunk, heads: Float32, frozen.
        latent_avg: ``[rows or 1, w_dim]`` float32; None where the file has none.
        steps: How often it looks, when it looks again at what it has made.
    """

    title: str
    metadata: PublishedMetadata
    trunk: nn.Module
    heads: nn.Module
    latent_avg: Tensor | None
    steps: int = DEFAULT_STEPS

    @property
    def name(self) -> str:
        return f"{self.metadata.sizes.name} “{self.title}”"

    def encode(self, target: NDArray[np.uint8], network: Network) -> Tensor:
        """The latent of a portrait.

        Args:
            target: Cut out by FFHQ's framing, ``[S, S, 3]`` uint8 RGB, S the network's size.

        Returns:
            ws ``[1, num_ws, w_dim]``, float32, on the network's device.

        Raises:
            SpaceMismatchError: the network has other latents.
            CorruptModelError: what comes out are no numbers.
        """
        *_, ws = self.encode_steps(target, network)
        return ws

    def encode_steps(self, target: NDArray[np.uint8], network: Network) -> Iterator[Tensor]:
        """The same look by look: one for most encoders, `steps` for ReStyle's. Raises as `encode`."""
        sizes, descriptor = self.metadata.sizes, network.descriptor
        sizes.check_fits(descriptor.num_ws, descriptor.w_dim, "this model")
        self.trunk.to(network.device)
        self.heads.to(network.device)
        images = from_rgb(target, network.device)
        looks = self.looks(images, network)
        for _ in range(self.steps if sizes.is_iterative else 1):
            with torch.inference_mode(False), torch.no_grad():  # not around the yield: it would reach the caller
                ws = self._to_ws(next(looks), images, network)
            if not bool(ws.isfinite().all()):
                raise CorruptModelError("The encoder gives values that are no numbers.", "Start from the mean.")
            yield ws

    def codes(self, images: Tensor, network: Network, stage: int | None = None) -> Tensor:
        """What the encoder says of pictures ``[N, 3, S, S]`` in [-1, 1], the mean added where it is to be.

        Args:
            stage: See `engine.nets.feature_pyramid.StyleRows`.

        Returns:
            ``[N, rows, w_dim]``: rows of w+ or z+, as many as the encoder has, or one.
        """
        sizes = self.metadata.sizes
        codes = self._read(_seen(images, sizes), stage)
        return codes + self.mean(network) if sizes.adds_mean else codes

    def looks(self, images: Tensor, network: Network) -> Iterator[Tensor]:
        """What `codes` gives; of ReStyle, then, without end, every look's correction of the code before.

        ReStyle's first look is at the picture of the mean latent.
        """
        sizes = self.metadata.sizes
        if not sizes.is_iterative:
            yield self.codes(images, network)
            return
        portraits = _seen(images, sizes)
        ws = fitted(self.mean(network), network)
        codes = self.mean(network)
        while True:
            made = _seen(network.synthesis(ws), sizes).expand(len(portraits), -1, -1, -1)
            codes = codes + self._read(torch.cat([portraits, made], dim=1), None)
            yield codes
            ws = fitted(codes, network)

    def mean(self, network: Network) -> Tensor:
        """The mean latent, ``[1, rows or 1, w_dim]``: the file's, else the network's."""
        avg = network.w_avg[None] if self.latent_avg is None else self.latent_avg.to(network.device)
        return avg[None].float()

    def _read(self, pictures: Tensor, stage: int | None) -> Tensor:
        found: Tensor = self.heads(self.trunk(pictures), stage)
        return found

    def _to_ws(self, codes: Tensor, images: Tensor, network: Network) -> Tensor:
        space = self.metadata.sizes.space
        if space is CodeSpace.W_PLUS:
            return fitted(codes, network)
        mapped = mapped_rows(codes, network)
        if space is CodeSpace.Z_PLUS:
            return mapped
        return nearest([fitted(codes, network), mapped], images, network)


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What an encoder has said of one portrait (`engine.inversion.encoder.PortraitEncoderLike`)."""

    name: str
    ws: Tensor

    def encode(self, target: NDArray[np.uint8], network: Network) -> Tensor:
        return self.ws


def look_by_look(
    encoder: PublishedEncoder, target: NDArray[np.uint8], network: Network
) -> Generator[Step, None, Encoded]:
    """Have an encoder look as often as it does, as part of a job that can be left between two looks."""
    found: Tensor | None = None
    for look, found in enumerate(encoder.encode_steps(target, network), 1):  # noqa: B007 - the last one is wanted
        yield Step(f"Look {look} of {encoder.steps}", look / encoder.steps)
    assert found is not None, "every encoder looks once"
    return Encoded(encoder.name, found)


def fitted(codes: Tensor, network: Network) -> Tensor:
    """Codes as ``ws`` of a network: a single row is repeated, rows it has no layers for are cut off."""
    rows = network.descriptor.num_ws
    return codes.expand(-1, rows, -1).contiguous() if codes.shape[1] == 1 else codes[:, :rows].contiguous()


def mapped_rows(codes: Tensor, network: Network) -> Tensor:
    """Codes of z+ through the mapping network row by row: ``[N, rows, z_dim]`` to ws ``[N, num_ws, w_dim]``."""
    if network.descriptor.z_dim != codes.shape[-1] or network.descriptor.c_dim:
        return fitted(codes, network)
    rows = fitted(codes, network)
    return network.mapping(rows.flatten(0, 1))[:, 0].reshape(*rows.shape[:2], -1)


def nearest(readings: list[Tensor], images: Tensor, network: Network) -> Tensor:
    """The reading of a code whose picture is most like the portrait, where the file does not say what codes are."""
    size = network.descriptor.img_resolution
    drawn_px = min(COMPARED_PX, size) if network.descriptor.architecture == "skip" else None
    wanted = F.adaptive_avg_pool2d(images, min(COMPARED_PX, size))

    def distance(ws: Tensor) -> float:
        made = F.adaptive_avg_pool2d(network.synthesis(ws, max_resolution=drawn_px), wanted.shape[-1])
        return float((made - wanted).square().mean())

    return min(readings, key=distance)


def _seen(images: Tensor, sizes: PublishedSizes) -> Tensor:
    """Pictures as an encoder reads them: 256 px by averaging, of a car the middle, for one channel in grey."""
    seen = images if images.shape[-1] == INPUT_PX else F.adaptive_avg_pool2d(images, INPUT_PX)
    if sizes.input_channels == 1:
        grey = seen.new_tensor([0.299, 0.587, 0.114])[:, None, None]
        seen = (seen * grey).sum(dim=1, keepdim=True)
        seen = (seen + 1) / 2 if sizes.is_drawing else seen
    return seen[:, :, slice(*CAR_ROWS)] if sizes.is_car else seen


def load_published(path: Path, steps: int = DEFAULT_STEPS) -> PublishedEncoder:
    """Open an encoder that was kept (`engine.checkpoints.encoders`). Its numbers stay in the file until used.

    Raises:
        ModelError: it is none, or a damaged one.
    """
    header, metadata = read_published(path)
    tensors = _mapped(path, header)
    avg = tensors.pop(LATENT_AVG, None)
    with torch.device("meta"):
        trunk, heads = build(metadata.sizes)
    own = {name: tensor for name, tensor in tensors.items() if name.partition(".")[0] in _TRUNK_PARTS}
    trunk.load_state_dict(own, assign=True)
    heads.load_state_dict({name: tensor for name, tensor in tensors.items() if name not in own}, assign=True)
    frozen = [part.eval().requires_grad_(False) for part in (trunk, heads)]
    return PublishedEncoder(title_of(path), metadata, frozen[0], frozen[1], avg, steps)


def build(sizes: PublishedSizes) -> tuple[nn.Module, nn.Module]:
    """Trunk and heads, uninitialised."""
    trunk = (IrSe50 if sizes.trunk is Trunk.IR_SE50 else ResNet34)(sizes.input_channels, sizes.widths)
    if sizes.heads is Heads.SINGLE:
        return trunk, SingleStyle(sizes.w_dim)
    if sizes.heads is Heads.DENSE:
        return trunk, AllStyles(sizes.w_dim, sizes.rows)
    pyramid = sizes.heads is Heads.PYRAMID
    return trunk, StyleRows(sizes.widths[1:], sizes.rows, pyramid=pyramid, deltas=sizes.deltas)


def _mapped(path: Path, header: Header) -> dict[str, Tensor]:
    """Views into the file. Private ones: nobody writes to them, and if somebody did, the file would stay as it is."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < max(entry.end for entry in header.tensors.values()):
                raise CorruptModelError("The encoder file has become shorter while it was read.")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.") from error
    return {
        name: torch.frombuffer(data, dtype=torch.float32, count=(entry.end - entry.begin) // 4, offset=entry.begin)
        .reshape(entry.shape)
        for name, entry in header.tensors.items()
    }  # fmt: skip
