"""Families turn weights into nets. This file is light: what needs torch is in `engine.families.registry`."""

from __future__ import annotations

from engine.descriptor import NetworkDescriptor
from engine.families import stylegan2_layout
from engine.framing import Framing
from engine.network_config import NetworkConfig


def describe(config: NetworkConfig, framing: Framing | None = None) -> NetworkDescriptor:
    """What the window needs to know of a network, without building it.

    Args:
        framing: How faces sit in its pictures; None for the FFHQ alignment.
    """
    return stylegan2_layout.describe(config, framing or Framing())
