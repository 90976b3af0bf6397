"""What a measurement's figures are said to mean."""

from __future__ import annotations

import math

import pytest

from engine.measure_events import CopiesChecked, MeasureProgress, MetricMeasured
from gui.measuring.story import MeasureStory
from gui.measuring.words import METRICS, NOTHING, copies_words, features_words, figure, meaning, progress_words

WORDS = {words.metric: words for words in METRICS}


def measured(metric: str, value: float, floor: float = math.nan, error: float = math.nan) -> MetricMeasured:
    return MetricMeasured(metric, value, error, floor, metric in ("precision", "recall"))


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (measured("kid", 0.006, -0.011, 0.01), "Too close to tell from real pictures by this number."),
        (measured("kid", 0.30, 0.10, 0.01), "3.0 times as far from the real ones as these are from each other."),
        (measured("kid", 0.30, -0.01, 0.01), "Farther from the real pictures than these are from each other."),
        (measured("fid", 24.0, 10.0), "2.4 times the distance between two halves of the real pictures."),
        (measured("fid", 9.0, 10.0), "As close to the real pictures as these are to each other."),
        (measured("precision", 0.5, 0.75),
         "50 in 100 of its pictures could pass for real ones; with real ones it would be 75."),
        (measured("recall", 0.25), "25 in 100 of the real pictures lie within what it draws."),
        (measured("ppl", 3.0), "Smaller is smoother; compare it with that of another model."),
    ],
)  # fmt: skip
def test_that_a_number_is_read_beside_its_floor(found: MetricMeasured, sentence: str) -> None:
    assert meaning(found) == sentence


def test_that_figures_are_as_fine_as_they_can_be_trusted() -> None:
    assert figure(WORDS["kid"], measured("kid", 0.00571, -0.00001, 0.0096)) == "0.0057 ± 0.0096"
    assert figure(WORDS["kid"], measured("kid", 0.00571, -0.00001), floor=True) == "0.0000"
    assert figure(WORDS["kid"], measured("kid", 0.1, -0.0111), floor=True) == "\N{MINUS SIGN}0.0111"
    assert figure(WORDS["ppl"], measured("ppl", 3.0), floor=True) == NOTHING
    assert figure(WORDS["fid"], None) == NOTHING


def test_that_samples_nearer_than_any_two_originals_are_named() -> None:
    found = CopiesChecked(500, 200, 0.1, 0.3, 0.2, 0.4, 0, 9, "")
    assert copies_words(found).startswith("None of 500 samples lies closer to one of the 200 originals")
    assert copies_words(CopiesChecked(500, 200, 0.1, 0.3, 0.2, 0.4, 1, 9, "")).startswith("One sample lies closer")


def test_that_the_features_are_named_before_and_without_their_fingerprint() -> None:
    assert "not by Inception's" in features_words(MeasureStory())
    notices = ["Preparing the pictures.", "By our features (graft-perceptual-0123/mean+std), not others."]
    assert features_words(MeasureStory(notices=notices)) == "By our features, not others."


def test_that_the_time_left_is_that_of_a_step() -> None:
    assert progress_words(None) == "Getting ready"
    assert progress_words(MeasureProgress("Generating", 5, 10, 1.0, 90.0)) == (
        "Generating, 5 of 10, 2 min left for this step"
    )
    assert progress_words(MeasureProgress("Generating", 10, 10, 1.0, 0.0)) == "Generating, 10 of 10"
