"""What a run is said to be doing."""

from __future__ import annotations

import math

from engine.training_runs import RunGlance, RunState
from gui.widgets.job_card import words_for_time


def state_words(run: RunGlance) -> str:
    """One line for a list."""
    seen, total = run.story.images_seen, run.story.total_images or (run.plan.total_images if run.plan else 0)
    share = f"{100 * seen // total} %" if total else f"{seen:,} images"
    match run.state:
        case RunState.STARTING:
            return "looking through the pictures"
        case RunState.TRAINING:
            return f"training, {share}"
        case RunState.WAITING:
            return f"waiting, {share}"
        case RunState.STOPPING:
            return f"saving, {share}"
        case RunState.DONE:
            return f"done, {seen:,} images"
        case RunState.FAILED:
            return f"failed at {share}" if seen else "could not start"
        case RunState.INTERRUPTED:
            return f"interrupted at {share}" if seen else "not begun"
        case _:
            return f"paused at {share}" if run.plan else f"{seen:,} images"


def state_sentence(run: RunGlance) -> tuple[str, str]:
    """A sentence over a run's page, and the theme's colour for it; empty while all is as expected."""
    story = run.story
    match run.state:
        case RunState.WAITING if story.paused is not None:
            told = f"Waiting: {story.paused.reason} {story.paused.hint} It goes on by itself then."
            return told, "text"
        case RunState.STOPPING:
            return "Saving everything, then it pauses.", "muted"
        case RunState.FAILED:
            kept = f" It can go on from {story.saved_images:,} images." if story.saved_images else ""
            return f"{run.problem}{kept}", "error"
        case RunState.INTERRUPTED if story.started is not None:
            return f"The trainer ended without a word. It can go on from {story.saved_images:,} images.", "text"
        case RunState.STARTING:
            return "Looking through the pictures. The first start with a folder takes longest.", "muted"
        case _:
            return "", "muted"


def figures(run: RunGlance) -> str:
    """How far it is, in figures."""
    story = run.story
    total = story.total_images or (run.plan.total_images if run.plan else 0)
    is_under_way = total and run.state is not RunState.DONE
    parts = [f"{story.images_seen:,} of {total:,} images" if is_under_way else f"{story.images_seen:,} images"]
    if story.progress:
        last = story.progress[-1]
        parts.append(f"{last.images_per_s:.3g} images/s")
        if run.state is RunState.TRAINING and math.isfinite(last.time_left_s):
            parts.append(f"{words_for_time(last.time_left_s)} left")
        elif not run.state.is_alive:
            parts.append(f"{words_for_time(last.elapsed_s)} in all")
        if last.ada_p:
            parts.append(f"augmentation {last.ada_p:.2f}")
    return "   ".join(parts)


def origin_words(run: RunGlance) -> str:
    """Where it comes from: model, pictures, size."""
    story, plan = run.story, run.plan
    parts = []
    if plan is not None:
        grown = ", grown" if plan.grow else ""
        parts.append(f"from {plan.source_name}{grown}" if plan.source else "from nothing")
    if story.started is not None:
        parts.append(f"{story.started.pictures:,} pictures")
        parts.append(f"{story.started.resolution} px")
    return ", ".join(parts)
