"""Work ahead of requests, on real networks: what it saves, what it costs, what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from shelf import Shelf

from engine import backend as backend_module
from engine.backend import TorchBackend
from engine.foresight import likely_states
from engine.latents import LatentStore
from engine.messages import Held, RenderRequest
from engine.model_group import ModelGroup
from engine.state import EditState, ModelRef, SeedLatent, View, with_alpha, with_seed, with_swap_resolution
from engine.worker import Shot

STOPS = (4, 8, 16, 32, 64)
LONG_S = 1000.0
PREVIEW = 64 * 64 * 4


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def state(shelf: Shelf) -> EditState:
    a, b = (shelf.put(name, seed=seed) for seed, name in enumerate("ab"))
    return EditState(a, b, SeedLatent(3))


@pytest.fixture
def backend(shelf: Shelf, state: EditState, tmp_path: Path) -> Iterator[TorchBackend]:
    backend = TorchBackend(shelf, LatentStore(tmp_path), "cpu")
    for _ in backend._calibrate(state):  # done once per model, and not what is looked at here
        pass
    yield backend
    backend.close()


def shown(backend: TorchBackend, state: EditState, views: tuple[View, ...] = (View.BLEND,)) -> list[Shot]:
    return [one.preview(LONG_S) for one in backend.passes(RenderRequest(1, state, views))]


def drawn_ahead(
    backend: TorchBackend, state: EditState, held: Held | None = None, views: tuple[View, ...] = (View.BLEND,)
) -> int:
    """Draw ahead to the end; in how many steps."""
    return sum(1 for _ in backend.foresee(RenderRequest(2, state, views, held=held)))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Blocks, as they are run."""
    blocks: list[int] = []
    run_block = ModelGroup.run_block

    def counted(pair: ModelGroup, index: int, *args: object, **options: object) -> object:
        blocks.append(index)
        return run_block(pair, index, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelGroup, "run_block", counted)
    return blocks


def test_that_likely_pictures_are_at_hand_and_are_the_right_ones(
    backend: TorchBackend, state: EditState, ran: list[int], shelf: Shelf, tmp_path: Path
) -> None:
    shown(backend, state)
    drawn_ahead(backend, state, Held.ALPHA)
    ran.clear()
    states = likely_states(state, STOPS, Held.ALPHA)
    assert len(states) == 5
    found = [shown(backend, other)[0] for other in states]
    assert ran == []
    fresh = TorchBackend(shelf, LatentStore(tmp_path), "cpu")
    for other, shot in zip(states, found, strict=True):
        assert shot.is_final
        assert np.array_equal(shot.image, shown(fresh, other)[0].image)


def test_that_stages_which_several_stops_share_are_computed_once(
    backend: TorchBackend, state: EditState, ran: list[int]
) -> None:
    lowest = with_swap_resolution(state, 4)
    shown(backend, lowest)
    ran.clear()
    drawn_ahead(backend, lowest)
    # A at 4 px is there. A at 8, 16 and 32 px is needed for the next stop each, B above only for one.
    assert sorted(ran) == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4]


def test_that_all_views_on_screen_are_drawn_ahead_but_none_twice(
    backend: TorchBackend, state: EditState, ran: list[int]
) -> None:
    views = (View.BLEND, View.A, View.B)
    shown(backend, state, views)
    drawn_ahead(backend, state, Held.SEED, views)
    ran.clear()
    for seed in (2, 4):
        assert all(one.is_ready for one in backend.passes(RenderRequest(3, with_seed(state, seed), views)))
    assert all(one.is_ready for one in backend.passes(RenderRequest(4, with_swap_resolution(state, 8), views)))
    assert drawn_ahead(backend, state, Held.SEED, views) == 6, "only looked at: nothing is left to draw"
    assert ran == []


def test_that_what_is_on_screen_is_never_driven_out(backend: TorchBackend, state: EditState, ran: list[int]) -> None:
    pipeline = backend._pipeline
    (one,) = backend.passes(RenderRequest(1, state))
    one.preview(LONG_S)
    keys = one._synthesis.keys
    # Room for the present picture and its stages, and for hardly anything else.
    pipeline.cache.budget_bytes = sum(
        sum(memory.values()) for key, (_, memory) in pipeline.cache._entries.items() if key in keys
    )
    pipeline.pictures.budget_bytes = PREVIEW + PREVIEW // 2
    drawn_ahead(backend, state, Held.SEED)
    assert keys[-1] in pipeline.pictures
    assert all(key in pipeline.cache for key in keys[:-1])
    assert not pipeline.cache.pinned
    assert not pipeline.pictures.pinned


def test_that_it_stops_when_its_part_of_the_room_is_full(
    backend: TorchBackend, state: EditState, ran: list[int]
) -> None:
    pipeline = backend._pipeline
    shown(backend, state)
    pipeline.pictures.budget_bytes = 6 * PREVIEW
    drawn_ahead(backend, state, Held.SEED)
    assert len(pipeline.pictures) == 1 + 3


def test_that_a_cpu_works_ahead_of_one_state_for_a_while_only(
    backend: TorchBackend, state: EditState, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(backend, state)
    ran.clear()
    backend._foreseen, backend._foresight_s = state, backend_module.FORESIGHT_CPU_S
    assert drawn_ahead(backend, state) == 0
    assert ran == []
    assert drawn_ahead(backend, with_alpha(state, 0.5)) > 0
    backend._foreseen, backend._foresight_s = state, backend_module.FORESIGHT_CPU_S
    backend.device = "cuda"
    assert drawn_ahead(backend, state) > 0, "an accelerator is done soon anyway"


def test_that_every_step_is_one_block_at_most(backend: TorchBackend, state: EditState, ran: list[int]) -> None:
    shown(backend, state)
    ran.clear()
    steps: Callable[[], object] = backend.foresee(RenderRequest(1, state, held=Held.SEED)).__next__
    before = 0
    while True:
        try:
            steps()
        except StopIteration:
            break
        assert len(ran) <= before + 1
        before = len(ran)
    assert before > 10


def test_that_nothing_is_drawn_ahead_where_memory_has_run_out(
    backend: TorchBackend, state: EditState, ran: list[int]
) -> None:
    shown(backend, state)
    ran.clear()
    backend._limit.px = 32
    assert drawn_ahead(backend, state) == 0


def test_that_a_model_alone_has_only_its_neighbours(shelf: Shelf, backend: TorchBackend, state: EditState) -> None:
    a: ModelRef | None = state.model_a
    alone = EditState(a)
    shown(backend, alone)
    drawn_ahead(backend, alone, Held.SEED)
    assert len(backend._pipeline.pictures) == 1 + 1  # seed 0 has one neighbour
