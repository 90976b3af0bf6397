"""Events as lines of JSON, there and back."""

from __future__ import annotations

import json
import math

import pytest

from engine.event_lines import to_json_line
from engine.measure_events import MeasureStarted, MetricMeasured, read_measure_event
from engine.portrait_events import PortraitsMade, PortraitsProgress, read_portrait_event
from engine.verb_process import last_complaint


def test_that_events_come_back_as_they_were() -> None:
    started = MeasureStarted("toon", 256, ("kid", "ppl"), "faces", 900, 450, 0.7, 3, "cpu", "ours")
    assert read_measure_event(to_json_line(started)) == started
    made = PortraitsMade("faces", 2000, 256, ("portrait", "lines"), 61.5)
    assert read_portrait_event(to_json_line(made)) == made


def test_that_no_number_comes_back_as_no_number() -> None:
    line = to_json_line(MetricMeasured("ppl", 2.0, math.inf, math.nan, False))
    assert json.loads(line)["floor"] is None
    back = read_measure_event(line)
    assert isinstance(back, MetricMeasured)
    assert back.value == 2.0
    assert math.isnan(back.standard_error)
    assert math.isnan(back.floor)


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", "null", '{"event": "Unknown"}', '{"done": 1}', '{"event": "PortraitsProgress", "done": 1}',
        '{"event": "PortraitsProgress", "done": null, "total": 2, "elapsed_s": 1, "time_left_s": 1}',
        '{"event": "PortraitsProgress", "done": 1, "total": 2, "elapsed_s": NaN, "time_left_s": 1}',
        '{"event": ["PortraitsProgress"]}',
    ],
)  # fmt: skip
def test_that_a_line_that_is_no_event_is_none(line: str) -> None:
    assert read_portrait_event(line) is None


def test_that_another_verbs_events_are_none() -> None:
    assert read_measure_event(to_json_line(PortraitsProgress(1, 2, 0.1, math.nan))) is None


@pytest.mark.parametrize(
    ("errors", "sentence"),
    [
        ("", ""),
        ("a library warns\n", ""),
        ("graft: a note\na library warns\ngraft: The disk is full.\n", "The disk is full."),
        ("Traceback (most recent call last):\n  File\nValueError: no\n", "The work broke down: ValueError: no"),
    ],
)
def test_that_the_last_complaint_is_found(errors: str, sentence: str) -> None:
    assert last_complaint(errors, "The work") == sentence
