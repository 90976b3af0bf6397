"""What a hand does with the controls, step by step, and how long the engine takes to draw each step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from statistics import median

from preview_networks import Subject

from engine.backend import screen_pixels
from engine.exit_colours import ExitColourShelf
from engine.pipeline import Pipeline
from engine.preview.exit_colour import ExitCorrection
from engine.shares import layer_position
from engine.state import (
    Blend,
    EditState,
    MixSource,
    SeedLatent,
    View,
    with_alpha,
    with_curve,
    with_mix_source,
    with_noise,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)
from engine.synthesis import Synthesis

GOLDEN = 0.5 * (5**0.5 - 1)
SEED = 2143
OTHER_SEED = 99
MARKS_PX = (64, 128, 256)

Change = Callable[[EditState, float], EditState]
"""The state with a control at a place from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Action:
    """One control being dragged.

    Attributes:
        start: What is on screen before.
        change: What a place of the control means.
    """

    start: EditState
    change: Change

    def places(self, first: int = 1) -> Iterator[EditState]:
        """Without end, and never the same place twice: nothing is found that was drawn before."""
        return (self.change(self.start, (k * GOLDEN) % 1.0) for k in count(first))


def base_state(subject: Subject) -> EditState:
    swap = min(16, subject.resolution // 2)
    return EditState(subject.a, subject.b, SeedLatent(SEED), blend=Blend(swap_resolution=swap))


def actions(subject: Subject) -> dict[str, Action]:
    """Every drag but that of swap resolution, which has stops, by name."""
    base = base_state(subject)
    positions = layer_position(subject.resolution, 1) + 1
    upper = layer_position(min(128, subject.resolution // 2), 0)
    # Row 2i - 1 is the first of block i; ToRGB of the block below reads it too.
    fine = layer_position(min(256, subject.resolution), 0) - 1

    def mixed(state: EditState, place: float) -> EditState:
        strengths = tuple(0.2 + 0.7 * place if row >= fine else 0.0 for row in range(positions))
        return with_mix_source(state, 0, MixSource(SeedLatent(OTHER_SEED), strengths))

    def at_alpha(state: EditState, place: float) -> EditState:
        return with_alpha(state, 0.15 + 0.7 * place)

    return {
        "latent": Action(base, lambda state, place: with_pad(state, 0.8 * place - 0.4, 0.3 - 0.5 * place)),
        "psi": Action(base, lambda state, place: with_truncation(state, 0.3 + 0.6 * place)),
        "alpha-upper": Action(with_curve(base, tuple(float(at >= upper) for at in range(positions))), at_alpha),
        "alpha-all": Action(with_curve(base, (1.0,) * positions), at_alpha),
        "noise": Action(base, lambda state, place: with_noise(state, strength=0.2 + place)),
        "mix-upper": Action(base, mixed),
    }


SWAP = "swap"
SWAP_UNSEEN, SWAP_CACHED = "swap-unseen", "swap-cached"
ACTION_NAMES = ("latent", "psi", SWAP, "alpha-upper", "alpha-all", "noise", "mix-upper")


@dataclass(frozen=True, slots=True)
class Climb:
    """One frame drawn.

    Attributes:
        marks: Seconds until there were pixels of at least so many px, by that number.
        settled_s: Seconds until there were those of the finished picture.
        blocks: Seconds of every block that had to be run, by its resolution.
    """

    marks: Mapping[int, float]
    settled_s: float
    blocks: Mapping[int, float]


@dataclass(slots=True)
class Drag:
    """Everything measured of one action: the first frame apart, as it finds nothing prepared.

    Attributes:
        rounds: The steps of every round.
    """

    cold: Climb | None = None
    rounds: list[list[Climb]] = field(default_factory=list)

    def summary(self, textbook_s: Sequence[float]) -> dict[str, object]:
        """Medians over all steps.

        Args:
            textbook_s: What the textbook forward took around every round. The ratio is the median of the rounds' own
                ones: a slow spell of the machine then slows both sides of it.
        """
        steps = [step for taken in self.rounds for step in taken]
        times: dict[str, Callable[[Climb], float]] = {
            **{f"first_{px}": (lambda step, px=px: step.marks[px]) for px in steps[0].marks},  # type: ignore[misc]
            "settled": lambda step: step.settled_s,
        }
        ratios = {
            name: median(yard / median(map(of, taken)) for yard, taken in zip(textbook_s, self.rounds, strict=True))
            for name, of in times.items()
        }
        return {
            **{f"{name}_ms": ms(median(map(of, steps))) for name, of in times.items()},
            **{f"{name}_ratio": round(ratio, 2) for name, ratio in ratios.items()},
            "settled_worst_ms": ms(max(step.settled_s for step in steps)),
            "cold_ms": None if self.cold is None else ms(self.cold.settled_s),
            "textbook_ms": ms(median(textbook_s)),
            "steps": len(steps),
            "block_ms": block_medians(steps),
        }


def ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


def block_medians(climbs: Sequence[Climb]) -> dict[str, float]:
    """Milliseconds of a block, over the climbs that ran it."""
    edges = sorted({edge for climb in climbs for edge in climb.blocks})
    return {str(edge): ms(median(climb.blocks[edge] for climb in climbs if edge in climb.blocks)) for edge in edges}


def climb(
    pipeline: Pipeline, state: EditState, synchronize: Callable[[], None], exits: ExitCorrection | None = None
) -> Climb:
    """Draw `state` as the engine thread does, with a picture for the screen at every mark and at the end.

    Args:
        exits: Corrects the colours of pictures on the way.
    """
    began = time.perf_counter()
    edit = pipeline.resolve_view(state, View.BLEND)
    synthesis = pipeline.start(edit)
    wanted = [px for px in MARKS_PX if px <= edit.img_resolution] or [edit.img_resolution]
    if synthesis.kept_picture() is not None:
        settled_s = time.perf_counter() - began
        return Climb(dict.fromkeys(wanted, settled_s), settled_s, {})
    marks: dict[int, float] = {}
    blocks: dict[int, float] = {}
    shown_px = 0
    while True:
        due = [px for px in wanted if px not in marks and synthesis.size_px >= px]
        if (due or synthesis.done) and synthesis.size_px > shown_px:
            shown_px = synthesis.size_px
            _show(synthesis, exits)
        marks.update(dict.fromkeys(due, time.perf_counter() - began))
        if synthesis.done:
            return Climb(marks, time.perf_counter() - began, blocks)
        started = time.perf_counter()
        synthesis.step()
        synchronize()
        blocks[4 << (synthesis.index - 1)] = time.perf_counter() - started


def _show(synthesis: Synthesis, exits: ExitCorrection | None) -> None:
    """What `engine.backend.SynthesisPass` does with a picture."""
    if synthesis.done:
        pixels = screen_pixels(synthesis)
        synthesis.keep_picture(pixels)
        if exits is not None:
            exits.settle(View.BLEND, synthesis.edit, pixels, synthesis.exits)
        return
    image = synthesis.image
    assert image is not None, "pictures are shown where there is one"
    synthesis.screen.to_bgrx(image if exits is None else exits.corrected(View.BLEND, synthesis.edit, image))


class Drags:
    """All drags of one subject, taken up again in every round.

    Args:
        synchronize: Waits for the device.
    """

    def __init__(self, pipeline: Pipeline, subject: Subject, synchronize: Callable[[], None]) -> None:
        self.done: dict[str, Drag] = {}
        self._pipeline = pipeline
        self._subject = subject
        self._synchronize = synchronize
        self._exits = ExitCorrection(ExitColourShelf(None))
        self._actions = actions(subject)
        self._places = {name: action.places() for name, action in self._actions.items()}
        self._seeds = count(SEED + 1)

    def take(self, name: str, steps: int) -> tuple[str, ...]:
        """One round of an action. It goes on from a settled picture, as a hand does.

        Returns:
            Under what names it is found in `done`.
        """
        if name == SWAP:
            self._swap(steps)
            return SWAP_UNSEEN, SWAP_CACHED
        drag = self.done.setdefault(name, Drag())
        first = self._climb(next(self._places[name]))
        drag.cold = drag.cold or first
        drag.rounds.append([self._climb(next(self._places[name])) for _ in range(steps)])
        return (name,)

    def _swap(self, steps: int) -> None:
        """Up through the stops, and down again, with a latent that was not seen before.

        Up to 128 px: at higher stops more of the picture is the same, and sooner there.
        """
        unseen, cached = (self.done.setdefault(name, Drag()) for name in (SWAP_UNSEEN, SWAP_CACHED))
        state = with_seed(base_state(self._subject), next(self._seeds))
        stops = [4 << i for i in range(6) if 4 << i < self._subject.resolution]
        kept = stops[-(steps + 1) :]
        first = self._climb(with_swap_resolution(state, kept[0]))
        unseen.cold = unseen.cold or first
        unseen.rounds.append([self._climb(with_swap_resolution(state, stop)) for stop in kept[1:]])
        cached.rounds.append([self._climb(with_swap_resolution(state, stop)) for stop in reversed(kept[:-1])])

    def _climb(self, state: EditState) -> Climb:
        return climb(self._pipeline, state, self._synchronize, self._exits)


def settled_state(subject: Subject) -> EditState:
    """What is drawn to be exported: A alone, which the textbook can draw as well."""
    return replace(base_state(subject), model_b=None)
