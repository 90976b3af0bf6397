"""Which parameters learn: whole networks, or those that a short fine-tune should touch."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from torch import nn

from engine.errors import JobError
from engine.nets.discriminator import Discriminator
from engine.nets.stylegan2 import Generator


class Trainable(StrEnum):
    """The part of the generator that learns."""

    ALL = "all"
    SYNTHESIS = "synthesis"
    MAPPING = "mapping"


def frozen_discriminator_layers(resolutions: tuple[int, ...], count: int) -> tuple[str, ...]:
    """The names of the first `count` layers, from the picture inwards: FreezeD.

    Args:
        resolutions: From the picture's size down to 4, as `DiscriminatorConfig.resolutions`.
        count: Single layers: ``fromrgb`` is one, each block has three (skip, conv1, conv0 share its resolution).

    Raises:
        JobError: there are not so many layers before the last block.

    Source: Mo et al. 2020, arXiv:2002.10964.
    """
    names = [f"b{resolutions[0]}.fromrgb"]
    for resolution in resolutions[:-1]:
        names += [f"b{resolution}.{layer}" for layer in ("conv0", "conv1", "skip")]
    if not 0 <= count <= len(names):
        raise JobError(
            f"{count} discriminator layers cannot be frozen: this one has {len(names)} before its last block.",
            "Choose fewer; 10 is a good number for 256 px.",
        )
    return tuple(names[:count])


def learning_discriminator_parameters(discriminator: Discriminator, frozen_layers: int) -> Iterator[nn.Parameter]:
    """All but those of the frozen layers."""
    frozen = frozen_discriminator_layers(discriminator.config.resolutions, frozen_layers)
    for name, parameter in discriminator.named_parameters():
        if not name.startswith(tuple(f"{layer}." for layer in frozen)):
            yield parameter


def learning_generator_parameters(
    generator: Generator, trainable: Trainable, frozen_below: int
) -> Iterator[nn.Parameter]:
    """The parameters of the chosen part.

    Args:
        frozen_below: Synthesis blocks of fewer px than this stay as they are; 0 or 4 for none.
    """
    for name, parameter in generator.named_parameters():
        part, _, rest = name.partition(".")
        if part == "mapping":
            learns = trainable is not Trainable.SYNTHESIS
        else:
            learns = trainable is not Trainable.MAPPING and int(rest[1:].split(".")[0]) >= frozen_below
        if learns:
            yield parameter
