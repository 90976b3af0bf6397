"""Painting a mask: what a stroke changes, and the way back."""

from __future__ import annotations

import numpy as np
import pytest

from engine.paste_events import MASK_PX
from gui.paste.mask_brush import MOST_STEPS, Brush, MaskPainter

HARD = Brush(20, 0.0)


@pytest.fixture
def painter() -> MaskPainter:
    return MaskPainter()


def stroke(painter: MaskPainter, *places: tuple[float, float], brush: Brush = HARD, adds: bool = True) -> None:
    painter.begin_stroke(*places[0], brush, adds=adds)
    for place in places[1:]:
        painter.stroke_to(*place)
    painter.end_stroke()


def test_that_a_dab_is_a_disc_of_the_brush_s_size(painter: MaskPainter) -> None:
    stroke(painter, (100, 200))
    assert painter.mask[200, 100] == 255
    assert (painter.mask > 127).sum() == pytest.approx(np.pi * 20**2, rel=0.05)
    y, x = np.argwhere(painter.mask > 127).mean(axis=0)
    assert (x + 0.5, y + 0.5) == (pytest.approx(100, abs=0.6), pytest.approx(200, abs=0.6))


def test_that_a_quick_stroke_has_no_gaps(painter: MaskPainter) -> None:
    stroke(painter, (50, 50), (400, 300))
    line = np.linspace((50, 50), (400, 300), 200).astype(int)
    assert (painter.mask[line[:, 1], line[:, 0]] == 255).all()


def test_that_softness_fades_and_crossing_oneself_does_not_add_up(painter: MaskPainter) -> None:
    stroke(painter, (256, 256), brush=Brush(60, 1.0))
    once = painter.mask
    assert 0 < once[256, 296] < once[256, 276] < 255
    painter.start(np.zeros((MASK_PX, MASK_PX), np.uint8))
    stroke(painter, (256, 256), (256.5, 256), (256, 256), brush=Brush(60, 1.0))
    assert np.abs(painter.mask.astype(int) - once).max() < 12


def test_that_removing_takes_away_and_undo_brings_back(painter: MaskPainter) -> None:
    painter.start(np.full((MASK_PX, MASK_PX), 255, np.uint8))
    stroke(painter, (256, 256), adds=False)
    assert painter.mask[256, 256] == 0
    assert painter.mask[10, 10] == 255
    removed = painter.mask
    assert painter.undo()
    assert (painter.mask == 255).all()
    assert not painter.undo()
    assert painter.redo()
    assert np.array_equal(painter.mask, removed)
    assert not painter.redo()


def test_that_a_new_stroke_ends_what_could_be_redone(painter: MaskPainter) -> None:
    stroke(painter, (100, 100))
    painter.undo()
    stroke(painter, (300, 300))
    assert not painter.can_redo
    assert painter.mask[100, 100] == 0


def test_that_another_mask_is_a_step_and_the_same_one_is_none(painter: MaskPainter) -> None:
    stroke(painter, (100, 100))
    painted = painter.mask
    assert painter.replace(np.zeros_like(painted))
    assert not painter.replace(np.zeros_like(painted))
    painter.undo()
    assert np.array_equal(painter.mask, painted)
    painter.invert()
    assert painter.mask[100, 100] == 0
    assert painter.mask[400, 400] == 255


def test_that_masks_that_were_given_out_are_never_written(painter: MaskPainter) -> None:
    stroke(painter, (100, 100))
    given, copy = painter.mask, painter.mask.copy()
    stroke(painter, (110, 110), adds=False)
    painter.undo()
    assert np.array_equal(given, copy)


def test_that_strokes_beside_the_square_change_nothing_and_make_no_step(painter: MaskPainter) -> None:
    stroke(painter, (-500, -500), (-400, 2000))
    assert not painter.can_undo
    stroke(painter, (-5, 100))
    assert painter.mask[100, 0] == 255


def test_that_steps_back_are_bounded(painter: MaskPainter) -> None:
    for step in range(MOST_STEPS + 10):
        stroke(painter, (step % 500, step * 5 % 500), brush=Brush(3, 0), adds=True)
        painter.invert()
    count = 0
    while painter.undo():
        count += 1
    assert count == MOST_STEPS
