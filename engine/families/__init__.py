"""Families turn weights into nets. This file is light: what needs torch is in `engine.families.registry`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.descriptor import NetworkDescriptor
from engine.families import stylegan2_layout
from engine.framing import Framing
from engine.network_config import NetworkConfig
from engine.tuning_steps import tuned_from


def describe(
    config: NetworkConfig, framing: Framing | None = None, lineage: Sequence[Any] = ()
) -> NetworkDescriptor:
    """What the window needs to know of a network, without building it.

    Args:
        framing: How faces sit in its pictures; None for the FFHQ alignment.
        lineage: What was done to it, oldest first: it tells what it was tuned from.
    """
    described = stylegan2_layout.describe(config, framing or Framing())
    return replace(described, tuned_from=tuned_from(lineage))
