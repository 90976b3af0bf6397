"""One run that trains an encoder: from what a command line asks for to the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from engine.atomic import check_writable, storage_error
from engine.device import choose_device
from engine.encoder_file import EncoderMetadata, ModelMark
from engine.errors import JobError
from engine.inversion.distance import default_distance
from engine.inversion.encoder import load_encoder, save_encoder
from engine.inversion.w_space import WSpace
from engine.nets.encoder import Encoder
from engine.network import Network, load_network
from engine.places import embedded_models_folder, user_places
from engine.training.checkpoint import newest_checkpoint
from engine.training.curvature import BATCH, DRAWS, measure_curvature
from engine.training.dataset import open_dataset
from engine.training.encoder import EncoderTask, continued, new_encoder, sizes_for
from engine.training.events import Notice
from engine.training.supervised import CHECKPOINTS, FitConfig, FitEvent, fit

ENCODER_FILE = "encoder.safetensors"


@dataclass(frozen=True, slots=True)
class EncoderOrder:
    """Attributes:
    model: A model file, or the name of a model that comes with Graft.
    data: Portraits framed as the model's own pictures; see `open_dataset`.
    out: Folder of the run; ``encoder.safetensors`` is written into it.
    earlier: An encoder to go on from.
    draws: For what makes searches with this model several times as quick, measured in the end; 0 leaves it out.
    """

    model: str
    data: Path
    out: Path
    config: FitConfig
    earlier: Path | None = None
    draws: int = DRAWS
    device: str = "auto"


def train_encoder_events(order: EncoderOrder, should_stop: Callable[[], bool]) -> Iterator[FitEvent]:
    """Train, or go on with the run in the folder, and write the encoder; also when asked to stop early.

    Raises:
        EngineError: the model, the pictures or the folder cannot be used.
    """
    path = model_file(order.model)
    device = choose_device(order.device).name
    network = load_network(path, device)
    module, lineage = _begin(order, network)
    dataset = open_dataset(
        order.data, network.config.img_resolution, order.config.batch, user_places().cache / "training"
    )
    target = order.out / ENCODER_FILE
    order.out.mkdir(parents=True, exist_ok=True)
    check_writable(target)
    task = EncoderTask(module.to(device), network, dataset, default_distance())
    yield from fit(task, order.config, order.out, should_stop)
    found = newest_checkpoint(order.out / CHECKPOINTS).checkpoint
    if found is not None:
        module.load_state_dict(dict(found.groups["average"]))
    elif order.earlier is None:
        return
    with torch.no_grad():
        figures = {name: round(value, 5) for name, value in task.figures(module.eval()).items()}
    done = _lineage_entry(order, network, found.images_seen if found else 0, len(dataset), figures)
    mark = ModelMark(path.stem, file_sha256(path))
    sizes, curvature = sizes_for(network), None
    if order.draws:
        yield Notice("Measuring how the pictures answer to the latents; this takes some minutes")
        space = WSpace(module.mean, module.axes)
        faces = task.faces(order.config.seed, BATCH)
        curvature = measure_curvature(network, space, default_distance(), faces, order.config.seed, order.draws)
        sizes = replace(sizes, curvature=len(curvature.strengths))
    metadata = EncoderMetadata(mark, sizes, network.origin.framing, (*lineage, done))
    save_encoder(target, module, metadata, curvature)


def _begin(order: EncoderOrder, network: Network) -> tuple[Encoder, tuple[dict[str, Any], ...]]:
    if order.earlier is None:
        return new_encoder(network, order.config.seed), ()
    earlier = load_encoder(order.earlier)
    return continued(earlier, network, order.config.seed), earlier.metadata.lineage


def model_file(text: str) -> Path:
    """The file that a user means: an encoder belongs to a file, so a run's folder will not do.

    Raises:
        JobError: there is none.
    """
    path = Path(text).expanduser()
    if path.is_file():
        return path
    embedded = embedded_models_folder() / f"{path.name}.safetensors"
    if len(path.parts) == 1 and embedded.is_file():
        return embedded
    raise JobError(f"There is no model file {text:.150}.", "Export the model first if it is a run of the trainer.")


def file_sha256(path: Path) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise storage_error(f"read {path.name}", error) from error


def _lineage_entry(
    order: EncoderOrder, network: Network, steps: int, pictures: int, figures: dict[str, float]
) -> dict[str, Any]:
    return {
        "operation": "train encoder",
        "steps": steps,
        "batch": order.config.batch,
        "learning_rate": order.config.learning_rate,
        "seed": order.config.seed,
        "pictures": pictures,
        "img_resolution": network.config.img_resolution,
        "figures": figures,
    }
