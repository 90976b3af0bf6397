"""Networks to files of other programs, each read back and compared before it gets its name.

A file that does not draw what the network draws is of no use to anybody, so the comparison is part of writing: it is
made on the temporary file, and the largest difference of any pixel is told.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.atomic import storage_error, write_atomic
from engine.blending import scratch_for
from engine.checkpoints.convert import open_checkpoint
from engine.errors import ModelError
from engine.export.network_formats import FORMATS, NetworkFormat
from engine.export.network_layouts import nvidia_tensors, rosinality_tensors
from engine.latents import seed_to_z
from engine.network import Network
from engine.network_config import NetworkConfig
from engine.state import SeedLatent

COMPARED_SEEDS = (1, 2, 3)
COMPARED_PSI = 0.7
OPSET = 18
ALLOWED_ERROR = 1e-3
"""Of pixels that run from -1 to 1: half of what one step of 8 bits is. More means that the file is wrong."""

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class WrittenNetwork:
    """Attributes:
    max_error: Largest difference of any pixel (nominally -1 to 1) between the file, read back, and the network.
    notes: What the format cannot say, as sentences.
    """

    path: Path
    format: NetworkFormat
    max_error: float
    notes: tuple[str, ...] = ()


@torch.no_grad()
def write_network(path: Path, network: Network, form: NetworkFormat) -> WrittenNetwork:
    """Write a network, read the file back, compare, and only then give it its name.

    Args:
        network: On the CPU; not changed.

    Raises:
        ModelError: the format cannot hold this network, or what was written draws something else.
        StorageError: it cannot be written; an older file is then as it was.
    """
    suffix = FORMATS[form].suffix
    if path.suffix.lower() != suffix:
        raise ModelError(f"“{path.name:.80}” must end in {suffix} for this format.")
    try:
        with tempfile.TemporaryDirectory(prefix="graft-export-") as folder:
            draft = Path(folder) / f"network{suffix}"
            notes = _write_draft(draft, network, form)
            if form in (NetworkFormat.ONNX, NetworkFormat.ONNX_SYNTHESIS):
                error = onnx_error(draft, network)
            else:
                error, more = _reread_error(draft, network, form, Path(folder) / "cache")
                notes += more
            if not error <= ALLOWED_ERROR:
                raise ModelError(
                    f"The written file draws pictures that differ by {error:.2g}; it was not kept.",
                    "Save it in Graft's own format.",
                )
            with open(draft, "rb") as file:
                write_atomic(path, iter(lambda: file.read(_CHUNK_BYTES), b""))
    except OSError as problem:
        raise storage_error("write the network", problem) from problem
    return WrittenNetwork(path, form, error, notes)


def _write_draft(draft: Path, network: Network, form: NetworkFormat) -> tuple[str, ...]:
    match form:
        case NetworkFormat.GRAFT:
            network.save(draft)
            return ()
        case NetworkFormat.NVIDIA:
            torch.save(nvidia_tensors(network), draft)
            return ()
        case NetworkFormat.ROSINALITY:
            tensors, mean = rosinality_tensors(network)
            torch.save({"g_ema": tensors, "latent_avg": mean}, draft)
            return ()
        case NetworkFormat.ONNX | NetworkFormat.ONNX_SYNTHESIS:
            write_onnx(draft, network, from_ws=form is NetworkFormat.ONNX_SYNTHESIS)
            return ("Noise is the network's own, as constants.",)


# --- comparing ------------------------------------------------------------------------------------------------------


def _reread_error(
    draft: Path, network: Network, form: NetworkFormat, cache: Path
) -> tuple[float, tuple[str, ...]]:
    opened = open_checkpoint(draft, cache_dir=cache)
    tensors = {name: torch.from_numpy(values) for name, values in opened.tensors.items()}
    config = opened.config
    if form is NetworkFormat.NVIDIA:  # whose generators are told the clamp when they are made, not by the tensors
        clamped = network.family.blended_clamps(config.synthesis, network.config.synthesis, lambda position: True)
        config = replace(config, synthesis=clamped)
    found = Network.from_tensors(config, tensors)
    z, c = _inputs(network)
    error = 0.0
    for row in range(len(z)):
        label = None if c is None else c[row : row + 1]
        wanted = _picture(network, z[row : row + 1], label)
        error = max(error, float((_picture(found, z[row : row + 1], label) - wanted).abs().max()))
    return error, _unsaid(network.config, opened.config)


def _unsaid(wanted: NetworkConfig, found: NetworkConfig) -> tuple[str, ...]:
    """What a reader has to be told, because the format does not record it."""
    clamps = {block.conv1.conv_clamp for block in wanted.synthesis.blocks}
    if clamps == {block.conv1.conv_clamp for block in found.synthesis.blocks}:
        return ()
    names = ", ".join("none" if clamp is None else f"{clamp:g}" for clamp in sorted(clamps, key=str))
    return (f"The format does not record the network's clamp: tell the code that loads it conv_clamp {names}.",)


def _inputs(network: Network) -> tuple[Tensor, Tensor | None]:
    z_dim, c_dim = network.descriptor.z_dim, network.descriptor.c_dim
    z = torch.cat([torch.from_numpy(seed_to_z(SeedLatent(seed), z_dim)) for seed in COMPARED_SEEDS])
    if not c_dim:
        return z, None
    classes = torch.arange(len(z)) % c_dim
    return z, torch.nn.functional.one_hot(classes, c_dim).float()


def _picture(network: Network, z: Tensor, c: Tensor | None) -> Tensor:
    image = network.synthesis(network.mapping(z, c, truncation_psi=COMPARED_PSI))
    assert image is not None, "a whole network makes a picture"
    return image


# --- ONNX -----------------------------------------------------------------------------------------------------------


class _FromZ(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.generator = network.module
        self.num_ws = network.descriptor.num_ws

    def forward(self, z: Tensor, truncation_psi: Tensor, c: Tensor | None = None) -> Tensor:
        mapping = self.generator.mapping
        w = mapping.w_avg + (mapping(z, c) - mapping.w_avg) * truncation_psi
        image: Tensor = self.generator.synthesis(w[:, None].expand(-1, self.num_ws, -1))
        return image


class _FromWs(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.synthesis = network.module.synthesis

    def forward(self, ws: Tensor) -> Tensor:
        image: Tensor = self.synthesis(ws)
        return image


def write_onnx(path: Path, network: Network, *, from_ws: bool = False) -> None:
    """One ONNX file with weights inside, for any batch.

    Inputs are ``z`` [batch, z_dim], ``truncation_psi`` [] and, for several classes, ``c`` [batch, c_dim]; or, with
    `from_ws`, ``ws`` [batch, num_ws, w_dim]. The output ``image`` is [batch, C, H, W], nominally in [-1, 1].

    Args:
        network: On the CPU. It is copied: exporting touches the modules it traces.
    """
    copied = scratch_for(network)
    batch = torch.export.Dim("batch", min=1, max=4096)
    z, c = _inputs(copied)
    module: nn.Module
    shapes: dict[str, dict[int, object] | None]
    if from_ws:
        module = _FromWs(copied)
        arguments: tuple[Tensor, ...] = (copied.mapping(z, c),)
        shapes = {"ws": {0: batch}}
    else:
        module = _FromZ(copied)
        arguments = (z, torch.tensor(1.0)) if c is None else (z, torch.tensor(1.0), c)
        shapes = {"z": {0: batch}, "truncation_psi": None, "c": {0: batch}}
    names = list(shapes)[: len(arguments)]
    with _quiet_exporter():
        program = torch.onnx.export(
            module.eval(), arguments, dynamo=True, opset_version=OPSET, external_data=False, verbose=False,
            dynamic_shapes={name: shapes[name] for name in names}, input_names=names, output_names=["image"],
        )  # fmt: skip
    assert program is not None, "the exporter returns a program when it is not given a file"
    program.save(str(path))


def onnx_error(path: Path, network: Network) -> float:
    """Largest difference of any pixel between a network and its ONNX file, run by onnxruntime in batches of 1 and 2.

    Raises:
        ModelError: onnxruntime cannot run it.
    """
    import onnxruntime

    z, c = _inputs(network)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        error = 0.0
        for rows in (slice(0, 1), slice(1, 3)):
            label = None if c is None else c[rows]
            ws = network.mapping(z[rows], label, truncation_psi=COMPARED_PSI)
            given = {"ws": ws, "z": z[rows], "truncation_psi": torch.tensor(COMPARED_PSI), "c": label}
            feed = {name: value.numpy() for name in names if (value := given[name]) is not None}
            (image,) = session.run(None, feed)
            wanted = network.synthesis(ws)
            assert wanted is not None, "a whole network makes a picture"
            error = max(error, float((torch.from_numpy(image) - wanted).abs().max()))
    except RuntimeError as problem:  # what all of onnxruntime's errors are
        hint = "Save it in Graft's own format."
        raise ModelError(f"The ONNX file cannot be run: {problem!s:.150}", hint) from problem
    return error


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """The exporter tells its own developers a good deal on the way."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
