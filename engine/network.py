"""The engine's public face of one generator: load it, map latents, make pictures, save it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from engine.atomic import write_atomic
from engine.descriptor import NetworkDescriptor
from engine.errors import DeviceError, ModelError
from engine.families import describe
from engine.families.registry import Family, family_of
from engine.framing import Framing
from engine.nets.mapping import truncate
from engine.nets.noise import NoiseInput, NoiseModeName
from engine.nets.stylegan2 import NO_OFFSETS, BlockNoise, BlockOffsets, Generator, SynthesisLayer
from engine.network_config import FAMILY, MappingConfig, NetworkConfig
from engine.network_inputs import (
    check_early_exit,
    check_latents,
    check_truncation,
    check_ws,
    checked_noise,
)
from engine.network_metadata import METADATA_KEY, NetworkMetadata, SourceFile
from engine.network_tensors import expected_tensors

W_AVG_SAMPLES = 10_000
W_AVG_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Carry:
    """What one block hands to the next. Never written to, so it can be kept and shared.

    Attributes:
        x: Features, ``[N, C, r, r]``.
        img: The picture so far, ``[N, img_channels, r, r]``; None where the architecture has none yet.
    """

    x: Tensor
    img: Tensor | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a network came from.

    Attributes:
        source: The file it was read from, before any conversion.
        lineage: What was done to it since, oldest first, as JSON objects.
        warnings: Sentences for the user about its conversion.
        framing: How faces sit in its pictures.
    """

    source: SourceFile = SourceFile("graft")
    lineage: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    framing: Framing = Framing()


class Network:
    """A generator, ready to run. Made by `load_network`, `Network.from_tensors` or `engine.blending`.

    Nothing here builds gradients unless asked for with ``with_grad=True``: then they flow to whatever tensor given
    to the call requires them (ws, z, noise maps), and to weights after ``net.module.requires_grad_(True)``.

    Attributes:
        config: What the network is, exactly.
        descriptor: The same for people and windows: sizes and layers.
        module: The nn.Module behind it. Its weights may be changed in place under ``torch.no_grad()``; to move it
            to another device use `to`.
        tensors: The live tensors of the open format, by name: writing into one changes the network.
        origin: File, lineage and conversion warnings.
    """

    def __init__(self, config: NetworkConfig, module: Generator, family: Family, origin: Origin) -> None:
        self.config = config
        self.module = module
        self.family = family
        self.origin = origin
        self.tensors: Mapping[str, Tensor] = _live_tensors(module, config)
        self._fingerprint: tuple[tuple[tuple[int, int], ...], str] | None = None

    @property
    def origin(self) -> Origin:
        return self._origin

    @origin.setter
    def origin(self, origin: Origin) -> None:
        self._origin = origin
        self.descriptor: NetworkDescriptor = describe(self.config, origin.framing, origin.lineage)

    @staticmethod
    def from_tensors(
        config: NetworkConfig,
        tensors: Mapping[str, Tensor],
        device: str | torch.device = "cpu",
        *,
        family: str = FAMILY,
        origin: Origin | None = None,
    ) -> Network:
        """Build from a configuration and the tensors of the open format.

        A network without a mean latent gets one from 10,000 seeded samples (labels drawn evenly when it is
        conditional); it is used for truncation but not saved, as it is not the file's.

        Args:
            tensors: See `engine.network_tensors.expected_tensors`. Float32 tensors on `device` are used as they
                are, not copied.

        Raises:
            CorruptModelError: a tensor is missing, too many, or of the wrong shape.
            DeviceError: `device` is not there.
        """
        made_by = family_of(family)
        module = made_by.build(config, tensors).to(_device(device))
        if not config.mapping.has_w_avg:
            module.mapping.w_avg.copy_(estimate_w_avg(module))
        return Network(config, module, made_by, origin or Origin())

    @property
    def device(self) -> torch.device:
        return self.w_avg.device

    @property
    def dtype(self) -> torch.dtype:
        return self.w_avg.dtype

    @property
    def w_avg(self) -> Tensor:
        """The mean latent that truncation pulls towards, ``[w_dim]``."""
        return self.module.mapping.w_avg

    def to(self, device: str | torch.device) -> Network:
        """Move to a device, in place; returns itself."""
        self.module.to(_device(device))
        self.tensors = _live_tensors(self.module, self.config)
        return self

    def replace_mapping(self, config: MappingConfig) -> None:
        """Put an uninitialised mapping network in the place of this one, in place; w_dim must be the same."""
        self.config = replace(self.config, mapping=config)
        self.module.mapping = self.family.build_mapping(config).to(self.device).requires_grad_(False).eval()
        self.descriptor = describe(self.config, self.origin.framing, self.origin.lineage)
        self.tensors = _live_tensors(self.module, self.config)

    @property
    def sha256(self) -> str:
        """Content hash of configuration and weights, in hex: equal for equal networks whatever file they came from.

        Recomputed only after weights have changed in place.
        """
        versions = tuple((id(tensor), tensor._version) for tensor in self.tensors.values())
        if self._fingerprint is None or self._fingerprint[0] != versions:
            digest = hashlib.sha256(self._metadata(Origin()).to_json_text().encode())
            for name, tensor in sorted(self.tensors.items()):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            self._fingerprint = (versions, digest.hexdigest())
        return self._fingerprint[1]

    # --- running it -------------------------------------------------------------------------------------------

    def mapping(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        *,
        with_grad: bool = False,
    ) -> Tensor:
        """Latents to styles.

        Args:
            z: ``[N, z_dim]``, floating point, usually standard normal.
            c: Labels ``[N, c_dim]``, one-hot rows; needed exactly when the network is conditional.
            truncation_psi: 1 leaves w as it is, 0 gives the mean latent. Unitless, any finite number.
            truncation_cutoff: Rows of ``ws`` that truncation affects, from the first; None means all.
            with_grad: Let gradients flow to `z`.

        Returns:
            ws, ``[N, num_ws, w_dim]``, float32, on the network's device.

        Raises:
            LatentShapeError: `z` or `c` does not fit.
            LatentError: psi is not a number, the cutoff is negative.
        """
        check_latents(self.descriptor, z, c)
        check_truncation(truncation_psi, truncation_cutoff)
        with torch.set_grad_enabled(with_grad):
            label = self._here(c) if c is not None and self.descriptor.c_dim > 0 else None
            w: Tensor = self.module.mapping(self._here(z), label)
            ws = w[:, None].repeat(1, self.descriptor.num_ws, 1)
            return truncate(ws, self.module.mapping.w_avg, truncation_psi, truncation_cutoff)

    def synthesis(
        self,
        ws: Tensor,
        noise_mode: NoiseModeName = "const",
        noise_strength: float | Sequence[float] = 1.0,
        noise_seed: int | None = None,
        *,
        noise: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
        max_resolution: int | None = None,
        with_grad: bool = False,
    ) -> Tensor:
        """Styles to pictures.

        Args:
            ws: ``[N, num_ws, w_dim]``, floating point.
            noise_mode: "const" uses the network's own maps, "random" draws one per picture, "none" adds nothing.
            noise_strength: Factor on the trained strengths: one for all, or one per position
                (``LayerSpec.position``; ``num_ws`` numbers). 1 is as trained, 0 is like "none".
            noise_seed: For "random": fixes the maps, independently of device and batch size.
            noise: Maps to use instead, by layer name (``b32.conv0``): ``[r, r]`` or ``[1 or N, 1, r, r]``.
            generator: For "random" without a seed.
            max_resolution: Stop after this block, for a coarse picture. Skip networks only.
            with_grad: Let gradients flow to `ws`, to `noise` and to weights that require them.

        Returns:
            ``[N, img_channels, r, r]``, float32, nominally in [-1, 1], not clamped, on the network's device.

        Raises:
            LatentShapeError: `ws` does not fit.
            LatentError: the noise asked for does not fit.
        """
        check_ws(self.descriptor, ws)
        source = self.noise_input(noise_mode, noise_strength, noise_seed, noise=noise, generator=generator)
        if max_resolution is not None:
            check_early_exit(self.descriptor, max_resolution)
        with torch.set_grad_enabled(with_grad):
            image = self.module.synthesis.forward(self._here(ws), source, max_resolution)
        assert image is not None, "a network's last block has a ToRGB layer"
        return image

    def run_block(
        self,
        index: int,
        carry: Carry | None,
        ws: Tensor,
        noise: BlockNoise = (None, None),
        offsets: BlockOffsets = NO_OFFSETS,
        *,
        with_grad: bool = False,
    ) -> Carry:
        """Run one block of the synthesis: a pure function of its arguments and of the block's weights.

        A caller that keeps the carry after block i can start again above it when only rows of ``ws``, noise or
        weights above have changed, and can stop at any block of a skip network for a coarse picture.

        Args:
            index: 0 for the 4 px block; block i makes ``4 << i`` px.
            carry: What block ``index - 1`` returned; None for block 0.
            ws: All rows, ``[N, num_ws, w_dim]``, float32, on the network's device; not checked.
            noise: What conv0 and conv1 add, every strength included; see `block_noise`.
            offsets: What is added to the styles of conv0, conv1 and ToRGB: a step in StyleSpace.
        """
        x, img = (None, None) if carry is None else (carry.x, carry.img)
        synthesis = self.module.synthesis
        with torch.set_grad_enabled(with_grad):
            return Carry(*synthesis.block(index, x, img, ws[:, synthesis.rows(index)], noise, offsets))

    def block_noise(self, index: int, source: NoiseInput, batch: int = 1) -> BlockNoise:
        """What `run_block` of a block is to be given for noise arguments bundled by `noise_input`."""
        with torch.no_grad():
            return self.module.synthesis.block_at(index).noise(source, batch)

    def noise_map(self, position: int) -> Tensor | None:
        """The network's own map at a position, ``[r, r]``; None where there is no noise."""
        layer = self._noise_layer(position)
        return None if layer is None else layer.noise_const

    def noise_strength(self, position: int) -> Tensor | None:
        """The trained noise strength at a position, 0-dimensional; None where there is no noise."""
        layer = self._noise_layer(position)
        return None if layer is None else layer.noise_strength

    def _noise_layer(self, position: int) -> SynthesisLayer | None:
        block = self.module.synthesis.block_at(position // 2)
        layer = block.conv1 if position % 2 else block.conv0
        return layer if layer is not None and layer.use_noise else None

    def noise_input(
        self,
        noise_mode: NoiseModeName = "const",
        noise_strength: float | Sequence[float] = 1.0,
        noise_seed: int | None = None,
        *,
        noise: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
    ) -> NoiseInput:
        """Check and bundle the noise arguments of `synthesis`, for `block_noise`.

        Raises:
            LatentError: as for `synthesis`.
        """
        return checked_noise(self.descriptor, noise_mode, noise_strength, noise_seed, noise or {}, generator)

    def _here(self, given: Tensor) -> Tensor:
        return given.to(self.device, self.dtype)

    # --- keeping it -------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """Write Graft's open format: one safetensors file, whole or not at all.

        Tensors carry NVIDIA's PyTorch names, as float32, or with `half` as float16: half the size, three digits.
        Under the metadata key ``graft`` lies a JSON object: ``format`` (version), ``family``, ``network``
        (`NetworkConfig`: every size, gain, clamp and filter), ``framing`` (how faces sit in the picture), ``lineage``
        (what was done, oldest first), ``source`` (layout and SHA-256 of the file it came from), ``warnings``.
        Loading it again gives the same network, bit for bit unless `half`.

        Raises:
            ModelError: `half`, and a weight does not fit.
            StorageError: the file cannot be written; an older one is left as it was.
        """
        dtype = torch.float16 if half else torch.float32
        tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in self.tensors.items()}
        for name, tensor in tensors.items():
            if half and not bool(tensor.isfinite().all()):
                raise ModelError(f"{name} holds values beyond 65504; half precision ends there.", "Save it in full.")
        metadata = {METADATA_KEY: self._metadata(self.origin).to_json_text()}
        write_atomic(Path(path), to_safetensors(tensors, metadata))

    def _metadata(self, origin: Origin) -> NetworkMetadata:
        return NetworkMetadata(self.config, origin.source, origin.lineage, origin.warnings, origin.framing)


def load_network(path: str | Path, device: str | torch.device = "cpu") -> Network:
    """Read a generator from any file Graft understands, without running anything in it.

    Args:
        path: A network pickle of NVIDIA's repositories, a rosinality checkpoint, or Graft's safetensors.
        device: "cpu", "cuda", "cuda:1" ... A CUDA device turns TF32 off for this process, so that float32 is float32.

    Raises:
        ModelError: with what is wrong with the file, in plain words.
        DeviceError: `device` is not there.
    """
    # The reader of foreign files needs no torch and this module needs no reader until now.
    from engine.checkpoints.convert import open_checkpoint

    opened = open_checkpoint(Path(path))
    found = opened.metadata
    origin = Origin(found.source, found.lineage, found.warnings, found.framing)
    tensors = {name: torch.from_numpy(values) for name, values in opened.tensors.items()}
    return Network.from_tensors(found.network, tensors, device, origin=origin)


@torch.no_grad()
def estimate_w_avg(module: Generator, samples: int = W_AVG_SAMPLES, seed: int = W_AVG_SEED) -> Tensor:
    """The mean of W over `samples` seeded latents, ``[w_dim]``; labels are drawn evenly. Drawn on the CPU."""
    mapping = module.mapping
    generator = torch.Generator().manual_seed(seed)
    device = mapping.w_avg.device
    z = torch.randn(samples, mapping.z_dim, generator=generator).to(device)
    c: Tensor | None = None
    if mapping.c_dim > 0:
        classes = torch.randint(mapping.c_dim, (samples,), generator=generator)
        c = torch.nn.functional.one_hot(classes, mapping.c_dim).to(device, torch.float32)
    w: Tensor = mapping(z, c)
    return w.double().mean(dim=0).to(mapping.w_avg)


def _live_tensors(module: Generator, config: NetworkConfig) -> Mapping[str, Tensor]:
    state = module.state_dict(keep_vars=True)
    return MappingProxyType({name: state[name] for name in expected_tensors(config)})


def _device(device: str | torch.device) -> torch.device:
    try:
        wanted = torch.device(device)
        torch.empty(1, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise DeviceError(f"There is no device {str(device)!r:.60} here.", 'Use "cpu".') from None
    if wanted.type == "cuda":
        # By default cuDNN rounds the factors of float32 convolutions to 10 bits (TF32): pictures would be 1e-3 off.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    return wanted
