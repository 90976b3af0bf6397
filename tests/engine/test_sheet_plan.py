from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import EngineError, JobError
from engine.export.sheet_plan import (
    alpha_stops,
    grid,
    mixing_matrix,
    parameter_stops,
    seed_stops,
    swap_stops,
)
from engine.number_lists import read_numbers, read_seeds
from engine.state import EditState, MixSource, ModelRef, SeedLatent, View, with_alpha, with_curve, with_seed

STATE = EditState(model_a=ModelRef("a" * 64, "ay"), model_b=ModelRef("b" * 64, "bee"))


def test_that_the_swap_figure_has_a_at_the_left_and_b_at_the_right() -> None:
    plan = grid(with_curve(STATE, (0.5,) * 8), swap_stops([16, 8]), seed_stops([4, 5]))
    assert plan.columns == ("A", "swap 16", "swap 8", "B")
    assert plan.rows == ("seed 4", "seed 5")
    assert plan.from_a_to_b
    views = [cell[1] for cell in plan.cells[1] if cell is not None]
    assert views == [View.A, View.BLEND, View.BLEND, View.B]
    swapped = plan.cells[1][2]
    assert swapped is not None
    assert swapped[0].latent == SeedLatent(5)
    assert (swapped[0].blend.swap_resolution, swapped[0].blend.curve) == (8, None)


def test_that_any_number_can_be_an_axis() -> None:
    columns = parameter_stops("noise.strength", (0.0, 1.0), STATE)
    plan = grid(STATE, columns, alpha_stops((0.25, 2.0)))
    cell = plan.cells[1][0]
    assert cell is not None
    assert cell[0] == with_alpha(replace(STATE, noise=replace(STATE.noise, strength=0.0)), 2.0)
    assert plan.columns == ("noise strength 0", "noise strength 1")
    (stop,) = parameter_stops("blend.swap_resolution", (32.0,), STATE)
    assert stop.change(STATE).blend.swap_resolution == 32
    (stop,) = parameter_stops("latent.seed", (9.0,), STATE)
    assert stop.change(STATE).latent == SeedLatent(9)


@pytest.mark.parametrize("path", ["nonsense", "mix[0].strengths", "blend.mapping", "latent", "directions[0].amount"])
def test_that_what_is_no_number_of_the_picture_is_refused(path: str) -> None:
    with pytest.raises(JobError, match=r"nothing that this picture has|not a single number"):
        parameter_stops(path, (0.0,), STATE)


def test_that_a_mixing_matrix_takes_some_rows_from_the_columns() -> None:
    plan = mixing_matrix(STATE, [7, 8], [1], (2, 4), 6)
    assert plan.cells[0][0] is None
    assert plan.cells[0][1] == (with_seed(STATE, 7), View.BLEND)
    assert plan.cells[1][0] == (with_seed(STATE, 1), View.BLEND)
    mixed = plan.cells[1][2]
    assert mixed is not None
    assert mixed[0].mix == (MixSource(SeedLatent(8), (0.0, 0.0, 1.0, 1.0, 0.0, 0.0)),)
    assert plan.count == 5
    with pytest.raises(JobError, match="are not there"):
        mixing_matrix(STATE, [7], [1], (4, 7), 6)


def test_that_too_many_and_no_pictures_are_refused() -> None:
    with pytest.raises(JobError, match="21 by 20"):
        grid(STATE, alpha_stops([0.1] * 21), seed_stops(range(20)))
    with pytest.raises(JobError, match="nothing to draw"):
        grid(STATE, (), seed_stops([1]))


def test_that_lists_and_ranges_of_numbers_are_read() -> None:
    assert read_numbers("0, 0.5,1") == (0.0, 0.5, 1.0)
    assert read_numbers("-1..1/3") == (-1.0, 0.0, 1.0)
    assert read_seeds("1, 4,8 - 10") == [1, 4, 8, 9, 10]
    for wrong in ("", "5-1", "x", "0-4000000000"):
        with pytest.raises(EngineError, match="as seeds"):
            read_seeds(wrong)
    for wrong in ("", "a", "0..1/1", "0..1/900", "nan", "1e99"):
        with pytest.raises(EngineError, match="cannot be read"):
            read_numbers(wrong)
