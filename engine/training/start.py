"""Where a run begins: new networks, a trained generator, another run, or its own newest checkpoint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from engine.errors import JobError, ModelError, UnsupportedModelError
from engine.framing import Framing
from engine.nets.discriminator import Discriminator, DiscriminatorConfig
from engine.network import Network, Origin, load_network
from engine.network_metadata import NetworkMetadata
from engine.places import embedded_models_folder
from engine.strict_json import decode
from engine.training.checkpoint import Checkpoint, newest_checkpoint
from engine.training.fresh import (
    W_AVG_BETA,
    discriminator_config,
    generator_config,
    new_discriminator,
    new_network,
)
from engine.training.growth import grow_discriminator, grow_network
from engine.training.trainer import Models

CHECKPOINTS = "checkpoints"
BEGUN = "begun"
"""A step of a lineage that is in checkpoints only."""


@dataclass(frozen=True, slots=True)
class NewNetwork:
    """Sizes of a network that starts from nothing, see `engine.training.fresh`, and how faces sit in its pictures."""

    resolution: int = 64
    channel_base: int = 4096
    channel_max: int = 128
    w_dim: int = 256
    mapping_layers: int = 4
    framing: Framing = Framing()


@dataclass(frozen=True, eq=False)
class Start:
    """Attributes:
    models: Ready to train.
    trained: The generator knows something already.
    new_discriminator: The discriminator knows nothing yet.
    notices: Sentences for the user.
    """

    models: Models
    trained: bool
    new_discriminator: bool
    notices: tuple[str, ...] = ()


def start_from_nothing(sizes: NewNetwork, seed: int) -> Start:
    """Raises:
    JobError: sizes that make no network.
    """
    size = sizes.resolution
    if size < 8 or size & (size - 1):
        raise JobError(f"The training size is {size} px; it must be 8, 16, 32 ... 1024.")
    config = generator_config(
        size,
        channel_base=sizes.channel_base,
        channel_max=sizes.channel_max,
        w_dim=sizes.w_dim,
        mapping_layers=sizes.mapping_layers,
    )
    network = new_network(config, seed)
    network.origin = Origin(framing=sizes.framing)
    discriminator = new_discriminator(discriminator_config(config), seed + 1)
    return Start(Models(network, copy_of(network), discriminator), trained=False, new_discriminator=True)


def start_from(source: str, seed: int, *, grow: bool = False) -> Start:
    """Begin with something trained.

    Args:
        source: A model file, the name of a model that comes with Graft, or the folder of another run: its averaged
            generator and its discriminator.
        grow: Double the resolution.

    Raises:
        ModelError, JobError: it cannot be trained on; says why.
    """
    path = Path(source)
    notices: list[str] = []
    discriminator: Discriminator | None = None
    if path.is_dir():
        network, discriminator, found = _from_run(path)
        notices += found
    else:
        file = path if path.exists() else _embedded(source)
        network = _tracking(load_network(file))
        network.origin = _begun(network.origin, file)
    if network.config.img_channels != 3:
        count = network.config.img_channels
        raise UnsupportedModelError(f"The model makes pictures of {count} channels; training knows three, RGB.")
    if grow:
        before = network.config.img_resolution
        network = grow_network(network, seed)
        if discriminator is not None:
            width = network.config.synthesis.blocks[-1].out_channels
            discriminator = grow_discriminator(discriminator, width, seed + 1)
        notices.append(f"The model was grown from {before} to {2 * before} px.")
    opponent = discriminator or new_discriminator(discriminator_config(network.config), seed + 1)
    models = Models(network, copy_of(network), opponent)
    return Start(models, trained=True, new_discriminator=discriminator is None, notices=tuple(notices))


def models_of(checkpoint: Checkpoint) -> Models:
    """The networks in a checkpoint.

    Raises:
        JobError: they do not fit their description.
    """
    try:
        metadata = NetworkMetadata.from_json_text(checkpoint.state["network"])
        config = decode(DiscriminatorConfig, checkpoint.state["discriminator"], "discriminator")
        discriminator = Discriminator(config)
        discriminator.load_state_dict(dict(checkpoint.groups["discriminator"]))
        return Models(
            _network(metadata, checkpoint.groups["generator"]),
            _network(metadata, checkpoint.groups["average"]),
            discriminator,
        )
    except (KeyError, TypeError, ValueError, RuntimeError, ModelError) as error:
        raise JobError(f"The checkpoint's networks do not fit its description: {error}.") from None


def description_of(models: Models) -> dict[str, Any]:
    """The part of a checkpoint's state that `models_of` reads."""
    network = models.network
    origin = network.origin
    metadata = NetworkMetadata(network.config, origin.source, origin.lineage, origin.warnings, origin.framing)
    return {"network": metadata.to_json_text(), "discriminator": asdict(models.discriminator.config)}


def copy_of(network: Network) -> Network:
    """The same network with tensors of its own."""
    tensors = {name: tensor.detach().clone() for name, tensor in network.tensors.items()}
    return Network.from_tensors(network.config, tensors, network.device, origin=network.origin)


def _from_run(folder: Path) -> tuple[Network, Discriminator, tuple[str, ...]]:
    found = newest_checkpoint(folder / CHECKPOINTS)
    if found.checkpoint is None:
        reason = f" {found.refused[0]}" if found.refused else ""
        raise JobError(f"The folder {folder.name:.80} holds no usable checkpoint of a training run.{reason}")
    models = models_of(found.checkpoint)
    return models.average, models.discriminator, found.refused


def _begun(origin: Origin, file: Path) -> Origin:
    """The origin of what is trained from a model: `with_training` makes one step of this and what follows."""
    begun: dict[str, Any] = {"step": BEGUN}
    if re.fullmatch(r"[0-9a-f]{64}", file.stem):  # in the cache, under the hash of what the user gave
        begun["from_sha256"] = file.stem
    else:
        with open(file, "rb") as opened:
            begun |= {"from": file.stem, "from_sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
    return replace(origin, lineage=(*origin.lineage, begun))


def with_training(origin: Origin, step: Mapping[str, Any]) -> Origin:
    """The origin of a snapshot: a step of training, and what it began with if that was a model."""
    *before, last = origin.lineage or ({},)
    if last.get("step") != BEGUN:
        return replace(origin, lineage=(*origin.lineage, dict(step)))
    trained = dict(step) | {name: value for name, value in last.items() if name != "step"}
    return replace(origin, lineage=(*before, trained))


def _embedded(name: str) -> Path:
    folder = embedded_models_folder()
    path = folder / f"{Path(name).name}.safetensors"
    if path.is_file():
        return path
    known = ", ".join(sorted(file.stem for file in folder.glob("*.safetensors") if _makes_pictures(file)))
    raise JobError(f"There is no model file or run {name:.150}.", f"Models that come with Graft: {known}.")


def _makes_pictures(path: Path) -> bool:
    """Whether it is a generator, not one of the helper networks beside them."""
    try:
        load_network(path)
    except ModelError:
        return False
    return True


def _network(metadata: NetworkMetadata, tensors: Mapping[str, Tensor]) -> Network:
    origin = Origin(metadata.source, metadata.lineage, metadata.warnings, metadata.framing)
    return Network.from_tensors(metadata.network, dict(tensors), origin=origin)


def _tracking(network: Network) -> Network:
    """The same network, keeping track of its mean latent: a run moves it, so from now on it belongs to the file."""
    mapping = network.config.mapping
    if mapping.has_w_avg:
        return network
    tensors = {**network.tensors, "mapping.w_avg": network.w_avg}
    config = replace(network.config, mapping=replace(mapping, has_w_avg=True, w_avg_beta=W_AVG_BETA))
    return Network.from_tensors(config, tensors, origin=network.origin)
