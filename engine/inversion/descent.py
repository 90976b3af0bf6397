"""The optimiser of `engine.inversion.project`: what moves, how far, and what holds it back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.inversion.noise_maps import normalize_, regularizer
from engine.inversion.objective import Objective, Phase, as_rgb
from engine.inversion.schedules import learning_rate
from engine.inversion.w_space import measure_w_space
from engine.messages import LatentSpaceChoice
from engine.network import Network

PEAK_RATE = 0.15
WARM_UP_STEPS = 8
DESCENT = 0.5
"""Share of the steps over which the rate falls to nothing."""
BETAS = (0.8, 0.95)
PULL_TO_MEAN = 1e-2
PULL_TOGETHER = 1e-2
"""Keeps the rows of W+ near each other, where the model has seen them."""
NOISE_FROM = 0.5
"""Share of the steps after which noise maps move too: earlier they would paint what the latent can say."""
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


class Descent:
    """Starts at a latent with the network's own noise maps. Nothing here is random.

    Args:
        start: A latent near the solution, ``[1, num_ws, w_dim]``; None for the mean.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        space: LatentSpaceChoice,
        *,
        optimise_noise: bool,
        seed: int,
        start: Tensor | None = None,
    ) -> None:
        descriptor = network.descriptor
        self._network = network
        self._objective = objective
        with torch.inference_mode(False), torch.no_grad():
            self._shape = measure_w_space(network, seed)
            rows = 1 if space is LatentSpaceChoice.W else descriptor.num_ws
            coordinates = torch.zeros(1, rows, descriptor.w_dim, device=network.device)
            if start is not None:
                found = self._shape.encode(start)
                coordinates.copy_(found.mean(dim=1, keepdim=True) if rows == 1 else found)
            own = {layer.name: network.noise_map(layer.position) for layer in descriptor.layers if layer.has_noise}
            maps = {name: one.clone() for name, one in own.items() if one is not None}
        self._now = State(coordinates.requires_grad_(True), maps if optimise_noise else {})
        groups = [{"params": [coordinates], "share": 1.0}]
        if self._now.maps:
            groups.append({"params": list(self._now.maps.values()), "share": NOISE_RATE})
        self._optimizer = torch.optim.Adam(groups, betas=BETAS)
        self._phase: Phase | None = None
        self._noise_has_moved = False
        self._start = None if start is None else self._snapshot()
        self._best: State | None = None
        self._best_value = math.inf

    def step(self, step: int, steps: int, phase: Phase) -> Tensor | None:
        """Move once.

        Returns:
            The picture before the move, ``[1, C, s, s]``; None when it was not finite, and then nothing has moved.
        """
        if phase is not self._phase:  # distances of different phases do not compare
            self._phase, self._best_value = phase, math.inf
        noise_moves = bool(self._now.maps) and step >= NOISE_FROM * steps
        for one in self._now.maps.values():
            one.requires_grad_(noise_moves)
        with torch.inference_mode(False), torch.enable_grad():
            image = self._render(self._now, phase.size_px, with_grad=True)
            distance = self._objective.measure(as_rgb(image), features=phase.features).sum()
            loss = distance + self._pulls()
            if noise_moves:
                unlike_noise = torch.stack([regularizer(one) for one in self._now.maps.values()]).sum()
                loss = loss + NOISE_REGULARIZE * unlike_noise
            value = loss.item()
            if not math.isfinite(value):
                return None
            if distance.item() < self._best_value:
                self._best, self._best_value = self._snapshot(), distance.item()
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        self._move(step, steps, noise_moves)
        return image.detach()

    def look(self, size_px: int) -> Tensor:
        """The picture as it is now, ``[1, C, size_px, size_px]``."""
        return self._render(self._now, size_px).detach()

    def best(self) -> tuple[State, Tensor | None]:
        """The best state so far, and its picture at full size; None for one that is not finite.

        The last state was moved to but not looked at, so it is compared here; so is a start that was near, which a
        short descent may not better at full size.
        """
        candidates = [state for state in (self._start, self._best, self._snapshot()) if state is not None]
        seen = []
        for state in candidates:
            image = self._render(state, self._network.descriptor.img_resolution)
            value = self._objective.value(as_rgb(image))
            seen.append((value if math.isfinite(value) else math.inf, state, image))
        value, state, image = min(seen, key=lambda one: one[0])
        return state, image if math.isfinite(value) else None

    @torch.no_grad()
    def ws(self, state: State) -> Tensor:
        """``[1, num_ws, w_dim]``."""
        return self._decoded(state).clone()

    def noise(self, state: State) -> dict[int, NDArray[np.float32]] | None:
        """Maps by position, or None when they are the network's own."""
        position = {layer.name: layer.position for layer in self._network.descriptor.layers}
        return {position[name]: one.cpu().numpy() for name, one in state.maps.items()} or None

    def _snapshot(self) -> State:
        maps = self._now.maps if self._noise_has_moved else {}
        coordinates = self._now.coordinates.detach().clone()
        return State(coordinates, {name: one.detach().clone() for name, one in maps.items()})

    def _decoded(self, state: State) -> Tensor:
        return self._shape.decode(state.coordinates).expand(-1, self._network.descriptor.num_ws, -1)

    def _render(self, state: State, size_px: int, *, with_grad: bool = False) -> Tensor:
        full = self._network.descriptor.img_resolution
        with torch.set_grad_enabled(with_grad):
            return self._network.synthesis(
                self._decoded(state),
                noise=state.maps or None,
                max_resolution=size_px if size_px < full else None,
                with_grad=with_grad,
            )

    def _pulls(self) -> Tensor:
        at = self._now.coordinates
        pull = PULL_TO_MEAN * at.square().mean()
        return pull + PULL_TOGETHER * (at - at.mean(dim=1, keepdim=True)).square().mean()

    def _move(self, step: int, steps: int, noise_moves: bool) -> None:
        # A step later than the share of steps done, so that the first one moves.
        ramp_up = min(WARM_UP_STEPS / steps, 0.5)
        rate = learning_rate((step + 1) / (steps + 1), PEAK_RATE, ramp_up, DESCENT)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]
        self._optimizer.step()
        if noise_moves:
            self._noise_has_moved = True
            for one in self._now.maps.values():
                normalize_(one)
