"""What stands on a contact sheet: the state of every picture, and the words beside them. Pure; no torch.

The figures of the papers are plans like any other: seeds down and swap resolutions across (Pinkney & Adler 2020,
arXiv:2010.05334), seeds and alphas, and the style mixing matrix (Karras et al. 2019, arXiv:1812.04948, figure 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from engine.animation.parameters import Kind, parameter, screen_name
from engine.errors import JobError
from engine.state import EditState, MixSource, SeedLatent, View, with_alpha, with_seed, with_swap_resolution

MAX_PICTURES = 400
MAX_ON_AXIS = 64

Shown: TypeAlias = tuple[EditState, View]


@dataclass(frozen=True, slots=True)
class SheetPlan:
    """Attributes:
    cells: ``cells[row][column]``: what to draw, or None for an empty place.
    from_a_to_b: The first column shows A and the last one B.
    """

    cells: tuple[tuple[Shown | None, ...], ...]
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    title: str = ""
    from_a_to_b: bool = False

    @property
    def count(self) -> int:
        return sum(cell is not None for row in self.cells for cell in row)


@dataclass(frozen=True, slots=True)
class Stop:
    """One place along an axis.

    Attributes:
        change: Makes the state of that place.
        view: Of the state; None leaves what the other axis says.
    """

    label: str
    change: Callable[[EditState], EditState]
    view: View | None = None


def seed_stops(seeds: Sequence[int]) -> tuple[Stop, ...]:
    return tuple(Stop(f"seed {seed}", partial(with_seed, seed=seed)) for seed in seeds)


def swap_stops(swaps: Sequence[int]) -> tuple[Stop, ...]:
    """A, the blend swapped at each resolution, B."""
    blends = (Stop(f"swap {swap}", partial(with_swap_resolution, swap_resolution=swap)) for swap in swaps)
    return (Stop("A", _same, View.A), *blends, Stop("B", _same, View.B))


def alpha_stops(alphas: Sequence[float]) -> tuple[Stop, ...]:
    return tuple(Stop(f"alpha {alpha:g}", partial(with_alpha, alpha=alpha)) for alpha in alphas)


def parameter_stops(path: str, values: Sequence[float], state: EditState) -> tuple[Stop, ...]:
    """Any number of the state, by its path (see `engine.animation.parameters`).

    Raises:
        JobError: there is no such parameter, or it is no number.
    """
    found = parameter(path)
    if found is None or not found.is_there(state):
        raise JobError(f"“{path:.60}” is nothing that this picture has.", "Try blend.alpha, or truncation_psi.")
    if found.kind in (Kind.VECTOR, Kind.LATENT) or isinstance(found.get(state), str):
        raise JobError(f"“{path:.60}” is not a single number.", "Name one entry of it, such as blend.curve[4].")
    whole = found.kind in (Kind.WHOLE, Kind.RESOLUTION, Kind.HELD)
    name = screen_name(path, state).lower()
    numbers = [int(value) if whole else float(value) for value in values]
    return tuple(Stop(f"{name} {number:g}", partial(_put, found.set, number)) for number in numbers)


def grid(state: EditState, columns: Sequence[Stop], rows: Sequence[Stop], title: str = "") -> SheetPlan:
    """Every column with every row; a row's change comes first.

    Raises:
        JobError: it is too much for one sheet, or nothing.
    """
    _check_size(len(columns), len(rows))
    cells = tuple(
        tuple((column.change(row.change(state)), column.view or row.view or View.BLEND) for column in columns)
        for row in rows
    )
    views = [column.view for column in columns]
    return SheetPlan(
        cells=cells,
        columns=tuple(stop.label for stop in columns),
        rows=tuple(stop.label for stop in rows),
        title=title or _title(state),
        from_a_to_b=len(views) > 1 and views[0] is View.A and views[-1] is View.B,
    )


def mixing_matrix(
    state: EditState, column_seeds: Sequence[int], row_seeds: Sequence[int], layers: tuple[int, int], num_ws: int
) -> SheetPlan:
    """Columns give the rows of ``ws`` in `layers` (half open), rows all others; both stand alone at the edges.

    Args:
        num_ws: Of model A.

    Raises:
        JobError: as `grid`, or there are no such layers.
    """
    _check_size(len(column_seeds) + 1, len(row_seeds) + 1)
    first, stop = layers
    if not 0 <= first < stop <= num_ws:
        raise JobError(f"Layers {first} to {stop} are not there; this model has 0 to {num_ws}.")
    strengths = tuple(1.0 if first <= row < stop else 0.0 for row in range(num_ws))
    plain = replace(state, mix=())
    head: list[Shown | None] = [None, *((with_seed(plain, seed), View.BLEND) for seed in column_seeds)]
    cells = [tuple(head)]
    for seed in row_seeds:
        own = with_seed(plain, seed)
        mixed = (replace(own, mix=(MixSource(SeedLatent(other), strengths),)) for other in column_seeds)
        cells.append(((own, View.BLEND), *((one, View.BLEND) for one in mixed)))
    return SheetPlan(
        cells=tuple(cells),
        columns=("", *(f"seed {seed}" for seed in column_seeds)),
        rows=("", *(f"seed {seed}" for seed in row_seeds)),
        title=f"{_title(state)}: layers {first} to {stop - 1} from the columns",
    )


def _same(state: EditState) -> EditState:
    return state


def _put(change: Callable[[EditState, object], EditState], value: object, state: EditState) -> EditState:
    return change(state, value)


def _check_size(columns: int, rows: int) -> None:
    if not columns or not rows:
        raise JobError("There is nothing to draw on the sheet.", "Give at least one row and one column.")
    if columns > MAX_ON_AXIS or rows > MAX_ON_AXIS or columns * rows > MAX_PICTURES:
        rule = f"a sheet takes {MAX_PICTURES}, at most {MAX_ON_AXIS} in a row"
        raise JobError(f"That is {columns} by {rows} pictures; {rule}.", "Give fewer.")


def _title(state: EditState) -> str:
    pair = (("A", state.model_a), ("B", state.model_b))
    named = [f"{letter} {ref.name}" for letter, ref in pair if ref is not None]
    named += [overlay.model.name for overlay in state.overlays]
    return f"{', '.join(named)}, psi {state.truncation_psi:g}"
