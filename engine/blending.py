"""Mixing the weights of two generators or more, layer by layer.

How much of B every part takes is a `Shares` (from `engine.resolve`, or made here), and so it is for every further
network, which is laid over the ones before it; this module applies that to tensors. A share of 0 copies A's tensor
and 1 copies B's, bit for bit; anything else, also beyond 0 and 1, is the line through both. Noise maps, mean latents
and 2-D filters are tensors like any other: nothing is left behind by accident.

Source: Pinkney & Adler 2020, arXiv:2010.05334, and the behaviour of the authors' published script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import EngineError, ModelError
from engine.families.roles import Part, TensorRole, alike
from engine.network import Network, Origin
from engine.network_config import MappingConfig, NetworkConfig
from engine.network_metadata import SourceFile
from engine.shares import Shares, greatest, pinkney_shares, weights_of
from engine.weighted_sum import weigh_into

MAX_NUMBER = 1e6
"""Beyond any use, and far enough from where float32 weights overflow."""


class Kept(StrEnum):
    """What published blending scripts leave with the low-resolution model whatever the curve says."""

    FIRST_CONV = "first_conv"
    """``b4.conv1``: TensorFlow calls it ``4x4/Conv``, a name that the original script does not look for."""
    SKIP = "skip"
    """The skip convolutions of resnet networks."""
    NOISE_MAPS = "noise_maps"
    """The noise constants, which are not trained. (Trained noise strengths do follow the curve.)"""


PINKNEY: frozenset[Kept] = frozenset(Kept)
"""The original script, justinpinkney/stylegan2."""
T27: frozenset[Kept] = PINKNEY - {Kept.FIRST_CONV}
"""The t27 port to PyTorch, where ``b4.conv1`` has a name like any other."""
FOLLOW: frozenset[Kept] = frozenset()
"""Graft's own: every tensor of a layer follows the layer."""


def layer_shares(shares: Sequence[float], mapping: float = 0.0, w_avg: float = 0.0) -> Shares:
    """One share of B per position for everything in the layer there."""
    curve = tuple(float(share) for share in shares)
    return Shares(curve, curve, curve, curve, curve, mapping, w_avg)


def share_of(role: TensorRole, shares: Shares, kept: frozenset[Kept] = FOLLOW) -> float:
    """Share of B of one tensor."""
    held = {
        Kept.FIRST_CONV: role.layer == "b4.conv1",
        Kept.SKIP: role.part is Part.SKIP,
        Kept.NOISE_MAPS: role.part is Part.NOISE_MAP,
    }
    if any(held[rule] for rule in kept):
        return 0.0
    match role.part:
        case Part.MAPPING:
            return shares.mapping
        case Part.W_AVG:
            return shares.w_avg
        case Part.CONV_AFFINE:
            return shares.conv_affine[role.position]
        case Part.TORGB:
            return shares.torgb[role.position]
        case Part.TORGB_AFFINE:
            return shares.torgb_affine[role.position]
        case Part.NOISE_MAP | Part.NOISE_STRENGTH:
            return shares.noise[role.position]
        case Part.CONV | Part.SKIP | Part.FILTER:
            return shares.conv[role.position]


def blend_networks(
    low: Network,
    high: Network,
    swap_resolution: int,
    level: int = 0,
    width: float = 0.0,
    alpha: float | Sequence[float] | Tensor | NDArray[np.floating[Any]] | None = None,
    *,
    kept: frozenset[Kept] | None = None,
) -> Network:
    """Layer swapping: the low resolutions of one generator and the high ones of another, as a new network.

    With `alpha` None this is what the original script does, exactly: mapping, mean latent, noise maps, ``b4.conv1``
    and resnet skips are those of `low`; weights, biases, affines, ToRGB and noise strengths follow the step.

    Args:
        low: Gives the blocks up to `swap_resolution`: structure, pose.
        high: Gives the blocks above: texture, colour.
        swap_resolution: A power of two from 4 px to the networks' size.
        level: 0 or 1: swap before or within the next block. See `engine.shares.pinkney_shares`.
        width: 0 swaps hard; otherwise the width of a sigmoid in positions.
        alpha: A number scales the share of `high` everywhere: 0 is `low`, 1 the same as None, beyond extrapolates.
            A sequence of `num_ws` numbers (or a tensor or array) is the share of `high` per position and replaces the
            step; then every tensor of a layer follows it, so that all ones is the synthesis of `high`.
        kept: What stays with `low`; None means `PINKNEY`, or `FOLLOW` when `alpha` is a sequence.

    Returns:
        A network of its own tensors, on the device of `low`.

    Raises:
        ModelError: the networks do not fit together; names the layer and both shapes.
        EngineError: an argument is out of its range.
    """
    num_ws = low.descriptor.num_ws
    if isinstance(alpha, Tensor | np.ndarray):
        alpha = alpha.tolist()
    if isinstance(alpha, Sequence):
        if len(alpha) != num_ws:
            raise EngineError(f"alpha has {len(alpha)} entries; these models have {num_ws} positions.")
        curve = layer_shares([_number("alpha", share) for share in alpha])
        return blend(low, high, curve, FOLLOW if kept is None else kept)
    if swap_resolution not in low.descriptor.resolutions:
        stops = ", ".join(str(stop) for stop in low.descriptor.resolutions)
        raise EngineError(f"swap_resolution is {swap_resolution}; this model has {stops}.")
    if level not in (0, 1):
        raise EngineError(f"level is {level}; it must be 0 or 1.")
    step = pinkney_shares(num_ws, int(swap_resolution), level, _number("width", width))
    scale = 1.0 if alpha is None else _number("alpha", alpha)
    return blend(low, high, layer_shares([scale * share for share in step]), PINKNEY if kept is None else kept)


def _number(name: str, value: float) -> float:
    number = float(value)
    if not abs(number) <= MAX_NUMBER:
        raise EngineError(f"{name} is {number}; it must be a number from {-MAX_NUMBER:g} to {MAX_NUMBER:g}.")
    return number


def blend(a: Network, b: Network, shares: Shares, kept: frozenset[Kept] = FOLLOW) -> Network:
    """A new network with share 0 to 1 of B in every part; see `blend_stack`."""
    return blend_stack((a, b), (shares,), kept)


def blend_stack(networks: Sequence[Network], stack: Sequence[Shares], kept: frozenset[Kept] = FOLLOW) -> Network:
    """A new network of several, each laid over the ones before it.

    Its lineage is that of the first, continued by the hashes of the others and their shares.

    Args:
        networks: At least one.
        stack: What every network but the first takes.

    Raises:
        ModelError: the networks do not fit together; names the layer and both shapes.
    """
    a = networks[0]
    target = scratch_for(a)
    blend_into(target, networks, stack, kept)
    lineage = a.origin.lineage
    for index, (network, shares) in enumerate(zip(networks[1:], stack, strict=True)):
        step = {"step": "blend", "a": a.sha256, "b": network.sha256} if index == 0 else _laid_over(network)
        lineage = (*lineage, {**step, "shares": _per_part(shares), "kept": sorted(kept)})
    target.origin = Origin(SourceFile("graft"), lineage, framing=a.origin.framing)
    return target


@torch.no_grad()
def carry_over(
    blended: Network,
    tuned: Network,
    parent: Network,
    layers: Sequence[tuple[Shares, frozenset[Kept], bool]],
    strength: float,
) -> None:
    """Add what tuning changed to the layers that a blend takes from other models, in place; see `engine.carry`.

    Args:
        blended: A blend of `tuned` with others.
        parent: What `tuned` was tuned from.
        layers: What each of the others took over what was below it, what was kept from it, and whether its layers
            get what was tuned.
        strength: 1 adds all of it.

    Raises:
        ModelError: `parent` cannot be that.
    """
    check_blendable(tuned, parent)
    for name, tensor in blended.tensors.items():
        role = blended.family.role_of(name)
        if role.part in (Part.MAPPING, Part.W_AVG):
            continue
        weights = weights_of([share_of(role, shares, kept) for shares, kept, _ in layers])[1:]
        taken = sum(weight for weight, (_, _, gets) in zip(weights, layers, strict=True) if gets)
        if taken > 0.0:
            difference = tuned.tensors[name] - parent.tensors[name]
            tensor.add_(difference.to(tensor.device), alpha=strength * taken)
    step = {"step": "carry", "tuned": tuned.sha256, "parent": parent.sha256, "share": strength}
    blended.origin = replace(blended.origin, lineage=(*blended.origin.lineage, step))


def _laid_over(network: Network) -> dict[str, str]:
    return {"step": "overlay", "model": network.sha256}


def _per_part(shares: Shares) -> dict[str, Any]:
    return {part: list(share) if isinstance(share, tuple) else share for part, share in asdict(shares).items()}


def scratch_for(a: Network) -> Network:
    """A copy of `a` with weights of its own, for `blend_into` to write to."""
    config = replace(a.config, mapping=replace(a.config.mapping, has_w_avg=True))
    tensors = {name: tensor.detach().clone() for name, tensor in a.tensors.items()}
    tensors.setdefault("mapping.w_avg", a.w_avg.clone())
    return Network.from_tensors(config, tensors, a.device, family=a.family.name, origin=a.origin)


@torch.no_grad()
def blend_into(
    target: Network,
    networks: Sequence[Network],
    stack: Sequence[Shares],
    kept: frozenset[Kept] = FOLLOW,
    *,
    previous: Sequence[Shares] | None = None,
) -> None:
    """Write the blend of `networks` into `target`, in place.

    Args:
        target: From `scratch_for` the first network. Only its tensors, clamps and, when the mapping is another one's,
            its mapping network change.
        stack: What every network but the first takes.
        previous: The stack that `target` holds already of the same networks and `kept`: only what differs is written.

    Raises:
        ModelError: the networks do not fit together; names the layer and both shapes. `target` is unchanged.
    """
    for other in networks[1:]:
        check_blendable(networks[0], other)
    _fit_mapping(target, networks, stack)
    _fit_clamps(target, networks, stack)
    roles = {name: target.family.role_of(name) for name in target.tensors}
    wanted = {name: _weights(role, stack, kept) for name, role in roles.items()}
    if previous is not None:
        held = {name: _weights(role, previous, kept) for name, role in roles.items()}
        wanted = {name: weights for name, weights in wanted.items() if weights != held[name]}
    _write(target, networks, wanted)


@torch.no_grad()
def blend_block(
    target: Network,
    networks: Sequence[Network],
    stack: Sequence[Shares],
    index: int,
    kept: frozenset[Kept] = FOLLOW,
) -> None:
    """Write the blend of one block (index i is resolution ``4 << i``) into `target`, in place.

    The caller has seen to it that the networks fit (`check_blendable`); this is the path of a slider drag.
    """
    _fit_clamps(target, networks, stack)
    roles = ((name, target.family.role_of(name)) for name in block_tensors(target, index))
    _write(target, networks, {name: _weights(role, stack, kept) for name, role in roles})


@torch.no_grad()
def blend_mapping(target: Network, networks: Sequence[Network], shares: Sequence[float]) -> None:
    """Write the blend of the mapping networks into `target`, in place; its mean latent stays.

    Args:
        shares: What every mapping network but the first takes.

    Raises:
        ModelError: a mixture is asked for of mappings that are built differently.
    """
    _fit_mapping_to(target, networks, weights_of(shares))
    names = [name for name in target.tensors if target.family.role_of(name).part is Part.MAPPING]
    _write(target, networks, dict.fromkeys(names, weights_of(shares)))


def block_tensors(network: Network, index: int) -> tuple[str, ...]:
    """Names of the tensors of one block of the synthesis."""
    prefix = f"synthesis.b{4 << index}."
    return tuple(name for name in network.tensors if name.startswith(prefix))


def check_blendable(a: Network, b: Network) -> None:
    """Raises:
    ModelError: the synthesis networks differ in more than their weights; says in what, with both values.
    """
    one, other = a.descriptor, b.descriptor
    if one.family != other.family:
        raise _misfit(f"A is {one.family}, B is {other.family}")
    if one.img_resolution != other.img_resolution:
        raise _misfit(f"A makes {one.img_resolution} px pictures, B {other.img_resolution} px")
    if one.w_dim != other.w_dim:
        raise _misfit(f"A's latents have {one.w_dim} values, B's {other.w_dim}")
    if one.architecture != other.architecture:
        raise _misfit(f"A's architecture is {one.architecture}, B's {other.architecture}")
    shapes_a, shapes_b = _synthesis_shapes(a.tensors), _synthesis_shapes(b.tensors)
    for name in (*shapes_a, *shapes_b):
        if shapes_a.get(name) != shapes_b.get(name):
            layer = name.removeprefix("synthesis.")
            raise _misfit(f"{layer} is {_described(shapes_a.get(name))} in A, {_described(shapes_b.get(name))} in B")
    if found := a.family.difference(a.config.synthesis, b.config.synthesis):
        raise _misfit(f"they differ in {found}")


def _misfit(reason: str) -> ModelError:
    hint = "Blending works on two models with one ancestor: fine-tune one from the other."
    return ModelError(f"These models cannot be blended: {reason}.", hint)


def _synthesis_shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in tensors.items() if name.startswith("synthesis.")}


def _described(shape: list[int] | None) -> str:
    return "missing" if shape is None else str(shape)


def _weights(role: TensorRole, stack: Sequence[Shares], kept: frozenset[Kept]) -> tuple[float, ...]:
    return weights_of([share_of(role, shares, kept) for shares in stack])


def _write(target: Network, networks: Sequence[Network], weights: Mapping[str, tuple[float, ...]]) -> None:
    for name, parts in weights.items():
        used = [(network, weight) for network, weight in zip(networks, parts, strict=True) if weight != 0.0]
        tensors = [_tensor(network, name) for network, _ in used]
        weigh_into(target.tensors[name], tensors, [weight for _, weight in used])


def _tensor(network: Network, name: str) -> Tensor:
    # A mean latent that was estimated is not among the tensors of the file.
    return network.w_avg if name == "mapping.w_avg" else network.tensors[name]


def _fit_mapping(target: Network, networks: Sequence[Network], stack: Sequence[Shares]) -> None:
    _fit_mapping_to(target, networks, weights_of([shares.mapping for shares in stack]))


def _fit_mapping_to(target: Network, networks: Sequence[Network], weights: Sequence[float]) -> None:
    """Rebuild the target's mapping network when it is to be a differently built one."""
    used = [network.config.mapping for network, weight in zip(networks, weights, strict=True) if weight != 0.0]
    one = used[0]
    for other in used[1:]:
        if not _same_structure(one, other):
            sizes = f"{len(one.layers)} layers from {one.z_dim} values, {len(other.layers)} from {other.z_dim}"
            hint = "Take the mapping from A or from B, not from both."
            raise ModelError(f"The mapping networks of A and B are built differently: {sizes}.", hint)
    if not _same_structure(one, target.config.mapping):
        target.replace_mapping(replace(one, has_w_avg=True))


def _same_structure(one: MappingConfig, other: MappingConfig) -> bool:
    def structure(config: MappingConfig) -> MappingConfig:
        return replace(config, has_w_avg=True, w_avg_beta=None)

    return alike(structure(one), structure(other))


def _fit_clamps(target: Network, networks: Sequence[Network], stack: Sequence[Shares]) -> None:
    """A layer saturates as in the network that it takes most from."""
    configs = [network.config.synthesis for network in networks]
    if all(config == configs[0] for config in configs):
        return
    count = networks[0].descriptor.num_ws
    takes = [greatest(weights_of([shares.conv[at] for shares in stack])) for at in range(count)]
    synthesis = configs[0]
    for index, config in enumerate(configs[1:], start=1):
        from_it = frozenset(at for at, taken in enumerate(takes) if taken == index)
        synthesis = target.family.blended_clamps(synthesis, config, from_it.__contains__)
    if synthesis != target.config.synthesis:
        target.config = NetworkConfig(target.config.mapping, synthesis)
        target.family.apply_clamps(target.module, synthesis)
