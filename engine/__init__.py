"""Graft's engine: everything that computes. Import what you need from the top:

    from engine import blend_networks, load_network

Names are looked up when first used, so that the light half (`engine.state`, `engine.recipe`, ...) needs no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.blending import blend_networks
    from engine.network import Network, load_network

__all__ = ["Network", "blend_networks", "load_network"]


def __getattr__(name: str) -> object:
    """PEP 562: import the heavy half on demand."""
    if name == "blend_networks":
        from engine.blending import blend_networks

        return blend_networks
    if name in ("Network", "load_network"):
        from engine import network

        found: object = getattr(network, name)
        return found
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
