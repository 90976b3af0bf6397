"""A picture's blend as one network: everything of the edit that weights can hold.

Steps along directions and of style channels are constants added to styles (a row of ``ws`` is read through an affine
map, so a step in it is a step in the style), and a constant added to a style is a bias. What decides a single picture
(latent, truncation, mixing, noise) is not the network's.
"""

from __future__ import annotations

from typing import Any

import torch

from engine.blending import blend_stack
from engine.errors import ModelError
from engine.latents import LatentStore
from engine.model_group import ModelGroup
from engine.nets.linear import FullyConnected
from engine.network import Network, Origin
from engine.resolved_edit import ResolvedEdit
from engine.state import BlendSpace, StyleEdit, View

LATENTS_SAVED_AS_WEIGHTS = (
    "A blend of latents takes two networks, and a file holds one: the blend of the weights is in it."
)


def baked_network(group: ModelGroup, edit: ResolvedEdit, store: LatentStore) -> tuple[Network, tuple[str, ...]]:
    """A new network that draws what `edit` draws, and sentences on what it cannot.

    Args:
        group: The edit's networks.
        store: Where its directions are.

    Raises:
        ModelError: there is nothing but model A in the edit.
        LatentError: a direction is lost.
    """
    if len(group.networks) == 1 and not edit.directions and not edit.style_edits:
        reason = edit.warnings[0] if edit.warnings else "There is no model B."
        raise ModelError(f"There is no blend to save. {reason:.200}", "Choose two models that fit together.")
    network = blend_stack(group.networks, edit.for_view(View.WEIGHTS).stack)
    step: dict[str, Any] = {"step": "styles"}
    if edit.directions:
        _bake_directions(network, edit, store)
        step["directions"] = {one.key: list(one.amounts) for one in edit.directions}
    if edit.style_edits:
        for change in edit.style_edits:
            _add_to_style(network, change)
        step["channels"] = [[one.position, one.channel, one.amount, one.torgb] for one in edit.style_edits]
    if len(step) > 1:
        origin = network.origin
        network.origin = Origin(origin.source, (*origin.lineage, step), origin.warnings, origin.framing)
    return network, (LATENTS_SAVED_AS_WEIGHTS,) if edit.space is BlendSpace.LATENTS else ()


@torch.no_grad()
def _bake_directions(network: Network, edit: ResolvedEdit, store: LatentStore) -> None:
    """What the layers read of the steps in their rows goes into the biases of their affines."""
    steps = torch.zeros(edit.num_ws, network.descriptor.w_dim, dtype=torch.float64)
    for direction in edit.directions:
        rows = torch.tensor(store.ws(direction.key), dtype=torch.float64)[: edit.num_ws]
        rows = torch.cat([rows, rows[-1:].expand(edit.num_ws - len(rows), -1)])
        steps += torch.tensor(direction.amounts, dtype=torch.float64)[:, None] * rows
    for layer in network.descriptor.layers:
        if layer.w_index >= 0:
            affine = _affine(network, layer.name)
            weight = affine.weight.double().cpu() * (affine.weight_gain / affine.bias_gain)
            affine.bias.add_((weight @ steps[layer.w_index]).to(affine.bias))


@torch.no_grad()
def _add_to_style(network: Network, change: StyleEdit) -> None:
    layer = "torgb" if change.torgb else f"conv{change.position % 2}"
    affine = _affine(network, f"b{4 << change.position // 2}.{layer}")
    affine.bias[change.channel] += change.amount / affine.bias_gain


def _affine(network: Network, layer: str) -> FullyConnected:
    affine = network.module.synthesis.get_submodule(f"{layer}.affine")
    assert isinstance(affine, FullyConnected), "every layer with a style has one"
    if affine.activation != "linear":
        raise ModelError(f"{layer} bends its styles ({affine.activation:.20}); steps of them are no biases there.")
    return affine
