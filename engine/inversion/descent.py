"""The optimiser of `engine.inversion.project`: what moves, how far, and what holds it back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.inversion.curvature import Curvature
from engine.inversion.noise_maps import normalize_, regularizer
from engine.inversion.objective import Objective, Phase, as_rgb
from engine.inversion.schedules import Hold, learning_rate
from engine.inversion.w_space import measure_w_space
from engine.messages import LatentSpaceChoice
from engine.network import Network

PEAK_RATE = 0.15
"""In units of W's spread; with a curvature, in strides."""
GUIDED_RATE = 0.1
REST_RATE = 0.5
"""Share of it for all that the curvature does not know, in units of W's spread: in long searches it counts."""
WARM_UP_STEPS = 8
GUIDED_WARM_UP_STEPS = 2
DESCENT = 0.5
"""Share of the steps over which the rate falls to nothing."""
GUIDED_DESCENT = 0.25
BETAS = (0.8, 0.95)
NOISE_FROM = 0.5
"""Share of the steps after which noise maps move too: earlier they would paint what the latent can say."""
GUIDED_NOISE_FROM = 0.75
NOISE_RATE = 0.5
NOISE_REGULARIZE = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Attributes:
    coordinates: ``[1, 1 or num_ws, w_dim]`` in the units of `engine.inversion.w_space`.
    maps: Noise maps ``[r, r]`` by layer name; empty for the network's own.
    """

    coordinates: Tensor
    maps: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """Attributes:
    image: What `state` shows, ``[1, C, S, S]``, at full size.
    value: Its distance from the target, features included.
    """

    state: State
    image: Tensor
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Attributes:
    image: What was compared, ``[1, C, s, s]``.
    look: The same state at full size, if it was looked at.
    """

    image: Tensor
    look: Look | None


class Descent:
    """Starts at a latent; nothing here is random.

    Args:
        start: ``[1, num_ws, w_dim]``; None for the mean.
        maps: Noise maps to start with, by layer name; None for the network's own.
        curvature: The network's own, if it is known: the descent is several times as quick.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        space: LatentSpaceChoice,
        hold: Hold,
        *,
        optimise_noise: bool,
        seed: int,
        start: Tensor | None = None,
        maps: dict[str, Tensor] | None = None,
        curvature: Curvature | None = None,
    ) -> None:
        descriptor = network.descriptor
        self._network = network
        self._objective = objective
        self._hold = hold
        with torch.inference_mode(False), torch.no_grad():
            known = None if curvature is None else curvature.to(network.device)
            self._shape = known.space if known is not None else measure_w_space(network, seed)
            rows = 1 if space is LatentSpaceChoice.W else descriptor.num_ws
            coordinates = torch.zeros(1, rows, descriptor.w_dim, device=network.device)
            if start is not None:
                found = self._shape.encode(start)
                coordinates.copy_(found.mean(dim=1, keepdim=True) if rows == 1 else found)
            own = {layer.name: network.noise_map(layer.position) for layer in descriptor.layers if layer.has_noise}
            self._maps = {name: (maps or {}).get(name, one).clone() for name, one in own.items() if one is not None}
            self._origin = coordinates
            self._axes = None if known is None else _search_axes(known, coordinates, hold)
            moving = coordinates.clone() if self._axes is None else coordinates.new_zeros(len(self._axes))
            self._rest = torch.zeros_like(coordinates)
        self._moving = moving.requires_grad_(True)
        self._optimise_noise = optimise_noise and bool(self._maps)
        self._has_own_maps = maps is not None
        groups: list[dict[str, Any]] = [{"params": [self._moving], "share": 1.0}]
        if self._axes is not None:
            groups.append({"params": [self._rest.requires_grad_(True)], "share": REST_RATE})
        if self._optimise_noise:
            groups.append({"params": list(self._maps.values()), "share": NOISE_RATE})
        self._groups = groups
        self._peak = PEAK_RATE if self._axes is None else GUIDED_RATE
        self._descent = DESCENT if self._axes is None else GUIDED_DESCENT
        self._noise_from = NOISE_FROM if self._axes is None else GUIDED_NOISE_FROM
        self._warm_up = WARM_UP_STEPS if self._axes is None else GUIDED_WARM_UP_STEPS
        self._lacking: Tensor | None = None
        self._present: Look | None = None
        self._best: Look | None = None

    @cached_property
    def _optimizer(self) -> torch.optim.Adam:
        """Made with the first step: what an encoder says needs none, and torch's first takes a second to import."""
        return torch.optim.Adam(self._groups, betas=BETAS)

    def look(self) -> Look:
        """The present state at full size, with what it shows; remembered if it is the best so far."""
        if self._present is None:
            with torch.inference_mode(False):
                image = self._render(self._coordinates(), self._network.descriptor.img_resolution)
                self._see(image, self._objective.value(as_rgb(image)))
        assert self._present is not None
        return self._present

    def step(self, step: int, steps: int, phase: Phase, *, look: bool) -> Step | None:
        """Move once.

        Args:
            look: Whether the state before the move is wanted at full size.

        Returns:
            What was seen before the move; None when it was not finite, and then nothing has moved.
        """
        coarse = phase.size_px < self._network.descriptor.img_resolution
        if look and (coarse or not phase.features):
            self.look()
        noise_moves = self._optimise_noise and not coarse and step >= self._noise_from * steps
        for one in self._maps.values():
            one.requires_grad_(noise_moves)
        with torch.inference_mode(False), torch.enable_grad():
            coordinates = self._coordinates()
            image = self._render(coordinates, phase.size_px, with_grad=True)
            if coarse:
                image = image + self._missing(image)
            distance = self._objective.measure(as_rgb(image), features=phase.features).sum()
            loss = distance + self._pulls(coordinates)
            if noise_moves:
                unlike_noise = torch.stack([regularizer(one) for one in self._maps.values()]).sum()
                loss = loss + NOISE_REGULARIZE * unlike_noise
            value = distance.item()
            if not math.isfinite(loss.item()):
                return None
            if not coarse and phase.features and (look or self._best is None or value < self._best.value):
                self._see(image.detach(), value)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        seen = Step(image.detach(), self._present)
        self._move(step, steps, noise_moves)
        return seen

    def best(self) -> Look | None:
        """The best that has been looked at, the present state among it; None when nothing was finite."""
        self.look()
        return self._best

    @torch.no_grad()
    def ws(self, state: State) -> Tensor:
        """``[1, num_ws, w_dim]``."""
        return self._decoded(state.coordinates).clone()

    def noise(self, state: State) -> dict[int, NDArray[np.float32]] | None:
        """Maps by position, or None when they are the network's own."""
        position = {layer.name: layer.position for layer in self._network.descriptor.layers}
        return {position[name]: one.cpu().numpy() for name, one in state.maps.items()} or None

    def _see(self, image: Tensor, value: float) -> None:
        if self._present is None:
            self._present = Look(self._snapshot(), image, value)
        if math.isfinite(value) and (self._best is None or value < self._best.value):
            self._best = self._present

    def _missing(self, image: Tensor) -> Tensor:
        """What the picture of the lower blocks lacks to be the full one reduced: mostly colours, and nearly the same
        from step to step. So the small picture leads to where the large one would."""
        if self._present is None and (self._lacking is None or self._lacking.shape != image.shape):
            self.look()
        if self._present is not None:
            factor = self._present.image.shape[-1] // image.shape[-1]
            self._lacking = F.avg_pool2d(self._present.image, factor) - image.detach()
        assert self._lacking is not None, "there is a picture at full size by now"
        return self._lacking

    def _coordinates(self) -> Tensor:
        if self._axes is None:
            return self._moving
        return self._origin + (self._moving @ self._axes).view_as(self._origin) + self._rest

    @torch.no_grad()
    def _snapshot(self) -> State:
        maps = {name: one.detach().clone() for name, one in self._maps.items()} if self._has_own_maps else {}
        return State(self._coordinates().detach().clone(), maps)

    def _decoded(self, coordinates: Tensor) -> Tensor:
        return self._shape.decode(coordinates).expand(-1, self._network.descriptor.num_ws, -1)

    def _render(self, coordinates: Tensor, size_px: int, *, with_grad: bool = False) -> Tensor:
        full = self._network.descriptor.img_resolution
        with torch.set_grad_enabled(with_grad):
            return self._network.synthesis(
                self._decoded(coordinates),
                noise=self._maps or None,
                max_resolution=size_px if size_px < full else None,
                with_grad=with_grad,
            )

    def _pulls(self, at: Tensor) -> Tensor:
        pull = self._hold.to_mean * at.square().mean()
        return pull + self._hold.together * (at - at.mean(dim=1, keepdim=True)).square().mean()

    def _move(self, step: int, steps: int, noise_moves: bool) -> None:
        # A step later than the share of steps done, so that the first one moves.
        ramp_up = min(self._warm_up / steps, 0.5)
        rate = learning_rate((step + 1) / (steps + 1), self._peak, ramp_up, self._descent)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self._optimizer.step()
        self._present = None
        if noise_moves:
            self._has_own_maps = True
            for one in self._maps.values():
                normalize_(one)


def _search_axes(curvature: Curvature, start: Tensor, hold: Hold) -> Tensor:
    """What one unit of a guided search is: ``[K, rows * w_dim]``. The last one shrinks what lies apart in the rows of
    the start, in which the others have no part."""
    _, rows, w_dim = start.shape
    if rows == 1:
        return curvature.in_w().strides(hold.longest_stride).flatten(1)
    held = curvature.held_together(2 * hold.together / (rows * w_dim))
    apart = start - start.mean(dim=1, keepdim=True)
    return torch.cat([held.strides(hold.longest_stride).flatten(1), apart.flatten(1)])
