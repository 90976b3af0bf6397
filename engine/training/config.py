"""Everything that decides how a training run goes, as plain data. No torch."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, get_type_hints

from engine.errors import CorruptModelError, JobError
from engine.strict_json import decode, parse_json_object

FORMAT_VERSION = 1


class Precision(StrEnum):
    """What convolutions are computed in; weights, optimisers and losses are always float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Augmentation(StrEnum):
    NONE = "none"
    ADA = "ada"
    DIFFAUGMENT = "diffaugment"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """One run's settings. Counts are in images shown to the discriminator unless another unit is named.

    Attributes:
        total_images: Where the run ends.
        batch: Images per step, over all devices.
        micro_batch: Images at once per device; gradients of the parts are added up. 0 for the whole batch.
        learning_rate: Of the generator; the mapping has its own factor in the network.
        discriminator_learning_rate: 0 for the same.
        r1_gamma: Weight of the gradient penalty, which is due every `r1_interval` steps.
        path_length_weight: 0 leaves out the path length, the usual choice for a fine-tune.
        mixing_probability: How often the upper rows of w come from another latent.
        average_images: Half-life of the averaged generator.
        average_rampup: See `engine.training.averaging`; null for a model that was trained before.
        warmup_images: So long only the discriminator learns, for one that starts anew beside a trained generator.
        mirror: Show each picture also mirrored.
        augmentation, ada_groups, ada_target, ada_kimg, ada_interval: See `engine.training.augment.ada`; the strength
            changes every `ada_interval` steps.
        diffaugment_policies: See `engine.training.augment.diffaugment`.
        trainable: The part of the generator that learns: all, synthesis, mapping.
        frozen_below: Generator blocks of fewer px do not learn.
        frozen_discriminator_layers: Layers of the discriminator, from the picture inwards, that do not learn.
        checkpoint_images, sheet_images, metric_images: How often each is due; 0 for never (metric, sheet).
        metric_samples: Generated pictures per measurement.
        kept_checkpoints: At least 2.
        seed: Fixes everything random.
    """

    total_images: int = 25_000
    batch: int = 16
    micro_batch: int = 0
    learning_rate: float = 0.0025
    discriminator_learning_rate: float = 0.0
    r1_gamma: float = 0.5
    r1_interval: int = 16
    path_length_weight: float = 0.0
    path_length_interval: int = 4
    mixing_probability: float = 0.9
    average_images: float = 5_000.0
    average_rampup: float | None = None
    warmup_images: int = 0
    mirror: bool = True
    augmentation: Augmentation = Augmentation.NONE
    ada_groups: tuple[str, ...] = ("blit", "geometry", "color")
    ada_target: float = 0.6
    ada_kimg: float = 100.0
    ada_interval: int = 4
    diffaugment_policies: tuple[str, ...] = ("color", "translation", "cutout")
    trainable: str = "all"
    frozen_below: int = 0
    frozen_discriminator_layers: int = 0
    precision: Precision = Precision.BFLOAT16
    checkpoint_images: int = 4_000
    sheet_images: int = 4_000
    metric_images: int = 8_000
    metric_samples: int = 1_000
    kept_checkpoints: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _LIMITS:
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value <= high):
                raise JobError(f"The training setting {name} is {value}; it must be from {low:g} to {high:g}.")
        for name, known in _CHOICES:
            given = getattr(self, name)
            for item in (given,) if isinstance(given, str) else given:
                if item not in known:
                    options = ", ".join(known)
                    raise JobError(f"The training setting {name} names {item!r:.40}; known are {options}.")
        if self.average_rampup is not None and not 0 < self.average_rampup <= 1:
            raise JobError(f"The training setting average_rampup is {self.average_rampup}; it is a share of 1.")
        if self.warmup_images >= self.total_images:
            raise JobError(
                f"The generator would learn nothing: it waits for {self.warmup_images:,} images, "
                f"and the run ends after {self.total_images:,}.",
                "Choose more images, or a smaller warmup_images.",
            )

    def to_json_text(self) -> str:
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=1, allow_nan=False)

    @staticmethod
    def from_json_text(text: str) -> TrainingConfig:
        """Strict twin of `to_json_text`.

        Raises:
            JobError: an unknown, missing, mistyped or impossible setting, or a newer version.
        """
        try:
            document = parse_json_object(text)
            version = document.pop("format", None)
            if version != FORMAT_VERSION:
                raise JobError(f"Training settings of format {version!r:.20}; this Graft reads {FORMAT_VERSION}.")
            return decode(TrainingConfig, document, "training settings")
        except CorruptModelError as error:
            raise JobError(error.user_message, "Correct the settings file, or start a new run.") from error

    @staticmethod
    def setting_types() -> dict[str, Any]:
        """Names and types of all settings, in order: what a command line or a form offers."""
        hints = get_type_hints(TrainingConfig)
        return {field.name: hints[field.name] for field in fields(TrainingConfig)}


_LIMITS: tuple[tuple[str, float, float], ...] = (
    ("total_images", 1, 1e10),
    ("batch", 1, 4096),
    ("micro_batch", 0, 4096),
    ("learning_rate", 0, 1),
    ("discriminator_learning_rate", 0, 1),
    ("r1_gamma", 0, 1e5),
    ("r1_interval", 1, 1e4),
    ("path_length_weight", 0, 1e4),
    ("path_length_interval", 1, 1e4),
    ("mixing_probability", 0, 1),
    ("average_images", 0, 1e8),
    ("warmup_images", 0, 1e9),
    ("ada_target", -1, 1),
    ("ada_kimg", 1e-3, 1e6),
    ("ada_interval", 1, 1e4),
    ("frozen_below", 0, 2048),
    ("frozen_discriminator_layers", 0, 100),
    ("checkpoint_images", 1, 1e10),
    ("sheet_images", 0, 1e10),
    ("metric_images", 0, 1e10),
    ("metric_samples", 16, 1e6),
    ("kept_checkpoints", 2, 1000),
    ("seed", 0, 2**32 - 1),
)

_CHOICES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ada_groups", ("blit", "geometry", "color")),
    ("diffaugment_policies", ("color", "translation", "cutout")),
    ("trainable", ("all", "synthesis", "mapping")),
)
