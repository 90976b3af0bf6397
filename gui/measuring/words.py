"""What the figures of a measurement mean, in plain words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from engine.measure_events import CopiesChecked, MeasureProgress, MetricMeasured
from gui.measuring.story import MeasureStory
from gui.widgets.job_card import words_for_time

NOTHING = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class MetricWords:
    """Attributes:
    question: What the metric asks, before it is measured.
    tooltip: How it is computed.
    """

    metric: str
    name: str
    digits: int
    question: str
    tooltip: str


METRICS = (
    MetricWords(
        "kid", "KID", 4, "How far are its pictures, as a whole, from the real ones?",
        "Kernel inception distance, here by Graft's own features: smaller is better, about 0 is as good as real. "
        "Fair also with few pictures",
    ),
    MetricWords(
        "fid", "FID", 2, "How far are they in average and spread?",
        "Fréchet inception distance, here by Graft's own features: smaller is better. Reads high with few pictures, "
        "so look at the one beside it",
    ),
    MetricWords(
        "precision", "Precision", 2, "How many of its pictures could pass for real ones?",
        "The share of its pictures that lie among the real ones: larger is better",
    ),
    MetricWords(
        "recall", "Recall", 2, "How much of the real variety can it draw?",
        "The share of real pictures that lie among its own: larger is better; low when it always draws the same",
    ),
    MetricWords(
        "ppl", "PPL", 1, "How evenly do its pictures change from one latent to the next?",
        "Perceptual path length: smaller is smoother. It compares models with each other; there is no real one",
    ),
)  # fmt: skip


def figure(words: MetricWords, measured: MetricMeasured | None, *, floor: bool = False) -> str:
    """A metric's number, or that of real pictures against real ones."""
    if measured is None:
        return NOTHING
    value = measured.floor if floor else measured.value
    if not math.isfinite(value):
        return NOTHING
    value = round(value, words.digits) + 0.0  # no “-0.00”
    told = f"{value:.{words.digits}f}".replace("-", "\N{MINUS SIGN}")
    if floor or not math.isfinite(measured.standard_error):
        return told
    return f"{told} ± {measured.standard_error:.{words.digits}f}"


def meaning(measured: MetricMeasured) -> str:
    """One sentence on one number."""
    match measured.metric:
        case "kid":
            return _distance(measured)
        case "fid":
            return _times(measured)
        case "precision":
            return _share(measured, "of its pictures could pass for real ones")
        case "recall":
            return _share(measured, "of the real pictures lie within what it draws")
        case _:
            return "Smaller is smoother; compare it with that of another model."


def _distance(measured: MetricMeasured) -> str:
    doubt = measured.standard_error if math.isfinite(measured.standard_error) else 0.0
    if measured.value <= max(measured.floor, 0.0) + 2 * doubt:
        return "Too close to tell from real pictures by this number."
    if measured.floor > doubt:
        return f"{measured.value / measured.floor:.1f} times as far from the real ones as these are from each other."
    return "Farther from the real pictures than these are from each other."


def _times(measured: MetricMeasured) -> str:
    if not measured.floor > 0:
        return "Smaller is better."
    times = measured.value / measured.floor
    if times < 1.1:
        return "As close to the real pictures as these are to each other."
    return f"{times:.1f} times the distance between two halves of the real pictures."


def _share(measured: MetricMeasured, what: str) -> str:
    ours = f"{_hundredths(measured.value)} in 100 {what}"
    if not math.isfinite(measured.floor):
        return f"{ours}."
    return f"{ours}; with real ones it would be {_hundredths(measured.floor)}."


def _hundredths(share: float) -> int:
    return round(100 * share)


def copies_words(found: CopiesChecked) -> str:
    """What the search for copies came to."""
    if found.below:
        some = "One sample lies" if found.below == 1 else f"{found.below:,} of {found.samples:,} samples lie"
        return f"{some} closer to an original than any two originals lie to each other: look at the first pairs."
    return (
        f"None of {found.samples:,} samples lies closer to one of the {found.originals:,} originals than the closest "
        "two originals lie to each other. Look all the same: no number can tell a copy."
    )


def features_words(story: MeasureStory) -> str:
    """By what pictures were compared: said always, for nobody should put these numbers beside published ones."""
    notices = [text for text in story.notices if not text.startswith("Preparing")]
    if notices:
        return re.sub(r" \(graft-[^)]*\)", "", " ".join(notices))  # whose full name the tooltip has
    return (
        "Pictures are compared by Graft's own features, not by Inception's: these numbers compare with each other, "
        "never with published ones."
    )


def progress_words(progress: MeasureProgress | None) -> str:
    if progress is None:
        return "Getting ready"
    told = f"{progress.text}, {progress.done:,} of {progress.total:,}"
    if progress.done < progress.total and math.isfinite(progress.time_left_s):
        return f"{told}, {words_for_time(progress.time_left_s)} left for this step"
    return told
