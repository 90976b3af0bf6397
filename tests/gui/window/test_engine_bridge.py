"""The bridge: nothing stale is shown, the last value always is, every job comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_engine import FakeEngine, paint
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from engine.errors import DeviceError, EngineError
from engine.latents import LatentStore
from engine.library import Library
from engine.messages import (
    EngineStopped,
    ExportStill,
    Frame,
    Held,
    JobFinished,
    JobOutcome,
    MakeThumbnail,
    RenderFailed,
)
from engine.state import EditState, ModelRef, View, with_alpha
from gui.engine_bridge import EngineBridge

STATE = EditState(model_a=ModelRef("a" * 64, "a"))
VIEWS = (View.BLEND,)


class Bench:
    """A bridge over an engine that answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.library = Library(folder / "library.sqlite3")
        store = LatentStore(folder / "latents")
        self.engines: list[FakeEngine] = []
        self.bridge = EngineBridge(lambda publish: self._make(store, publish))
        self.frames: list[Frame] = []
        self.bridge.frame_ready.connect(self.frames.append)
        self.bridge.start()

    def _make(self, store: LatentStore, publish: object) -> FakeEngine:
        self.engines.append(FakeEngine(self.library, store, publish, automatic=False))  # type: ignore[arg-type]
        return self.engines[-1]

    @property
    def engine(self) -> FakeEngine:
        return self.engines[-1]

    def ask(self, alpha: float) -> int:
        return self.bridge.request_preview(with_alpha(STATE, alpha), VIEWS, held=Held.ALPHA)


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.bridge.stop()
    bench.library.close()


def test_that_generations_rise(bench: Bench) -> None:
    assert [bench.ask(0.1), bench.ask(0.2), bench.ask(0.3)] == [1, 2, 3]


def test_that_a_frame_older_than_the_one_shown_is_dropped(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.1)
    bench.ask(0.2)
    first, second = bench.engine.requests
    bench.engine.answer(second)
    bench.engine.answer(first)
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    qtbot.wait(0)
    assert [frame.generation for frame in bench.frames] == [2]


def test_that_a_late_frame_of_a_long_drag_is_shown_while_the_hand_still_moves(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.0)
    for step in range(1, 2000):
        bench.ask(step / 2000)
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: len(bench.frames) == 1)
    assert not bench.bridge.is_settled


def test_that_a_coarser_picture_never_replaces_a_finer_one_of_the_same_state(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[-1], size_px=16)
    bench.engine.answer(bench.engine.requests[-1])
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    assert [frame.size_px for frame in bench.frames] == [64, 64]


def test_that_a_coarser_picture_of_a_newer_state_replaces_a_finer_one(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0])
    bench.ask(0.6)
    bench.engine.answer(bench.engine.requests[1], size_px=16)
    qtbot.waitUntil(lambda: len(bench.frames) == 2)
    assert [(frame.generation, frame.size_px) for frame in bench.frames] == [(1, 64), (2, 16)]
    assert not bench.bridge.is_settled


def test_that_every_size_on_the_way_up_is_shown_and_only_the_last_settles(bench: Bench, qtbot: QtBot) -> None:
    settled: list[bool] = []
    bench.bridge.settled_changed.connect(settled.append)
    bench.ask(0.5)
    for size_px in (8, 16, 32):
        bench.engine.answer(bench.engine.requests[0], size_px=size_px)
    qtbot.waitUntil(lambda: len(bench.frames) == 3)
    assert not bench.bridge.is_settled
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    assert [frame.size_px for frame in bench.frames] == [8, 16, 32, 64]
    assert settled == [False, True]


def test_that_a_picture_which_memory_keeps_small_settles_all_the_same(bench: Bench, qtbot: QtBot) -> None:
    """The engine has said that nothing finer will follow: nobody waits for it, and nothing is asked for again."""
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0], size_px=32, is_final=True)
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    qtbot.wait(250)
    assert len(bench.engine.requests) == 1


def test_that_asking_again_for_what_is_shown_settles_although_a_coarser_answer_is_dropped(
    bench: Bench, qtbot: QtBot
) -> None:
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[1], size_px=32, is_final=True)
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    assert [frame.size_px for frame in bench.frames] == [64]


def test_that_views_which_are_no_longer_wanted_do_not_make_requests_pile_up(bench: Bench, qtbot: QtBot) -> None:
    bench.bridge.request_preview(STATE, (View.BLEND, View.A))
    bench.engine.answer(bench.engine.requests[0])
    for step in range(50):
        bench.ask(step / 50)
        bench.engine.answer(bench.engine.requests[-1])
    qtbot.waitUntil(lambda: len(bench.frames) == 52)
    assert bench.bridge.state_of(2) is None
    assert bench.bridge.state_of(51) is not None


def test_that_rest_asks_for_the_full_picture(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0], size_px=16)
    qtbot.waitUntil(lambda: len(bench.engine.requests) == 2)
    assert bench.engine.requests[1].full
    assert bench.engine.requests[1].held is Held.ALPHA
    assert bench.engine.requests[1].state == bench.engine.requests[0].state


def test_that_a_whole_picture_is_not_asked_for_again(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.5)
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: bench.bridge.is_settled)
    qtbot.wait(250)
    assert len(bench.engine.requests) == 1


def test_that_an_error_of_a_picture_nobody_wants_any_more_is_not_shown(bench: Bench, qtbot: QtBot) -> None:
    failures: list[EngineError] = []
    bench.bridge.render_failed.connect(failures.append)
    bench.ask(0.1)
    bench.ask(0.2)
    bench.engine.publish(RenderFailed(1, EngineError("old")))
    bench.engine.publish(RenderFailed(2, EngineError("new")))
    qtbot.waitUntil(lambda: bool(failures))
    assert [error.user_message for error in failures] == ["new"]
    assert bench.bridge.is_settled


def test_that_events_of_other_threads_arrive_in_the_gui_thread(bench: Bench, qtbot: QtBot) -> None:
    threads: list[QThread] = []
    bench.bridge.frame_ready.connect(lambda frame: threads.append(QThread.currentThread()))
    bench.ask(0.5)
    worker = threading.Thread(target=lambda: bench.engine.answer(bench.engine.requests[0]))
    worker.start()
    worker.join()
    qtbot.waitUntil(lambda: bool(threads))
    assert threads == [bench.bridge.thread()]


def test_that_a_job_comes_back_to_who_sent_it(bench: Bench, qtbot: QtBot) -> None:
    ends: list[JobFinished] = []
    job_id = bench.bridge.submit(MakeThumbnail(STATE, "tag"), ends.append)
    bench.bridge.submit(MakeThumbnail(STATE, "other"))
    bench.engine.perform(job_id)
    qtbot.waitUntil(lambda: bool(ends))
    assert [end.job_id for end in ends] == [job_id]
    assert bench.bridge.busy_jobs == 1


def test_that_an_engine_that_dies_ends_its_jobs_and_can_be_replaced(
    bench: Bench, qtbot: QtBot, tmp_path: Path
) -> None:
    ends: list[JobFinished] = []
    bench.ask(0.5)
    bench.bridge.submit(ExportStill(STATE, tmp_path / "x.png"), ends.append)
    with qtbot.waitSignal(bench.bridge.engine_stopped) as told:
        bench.engine.publish(EngineStopped(DeviceError("The device is gone.")))
    assert told.args[0].user_message == "The device is gone."
    assert [end.outcome for end in ends] == [JobOutcome.FAILED]
    bench.bridge.restart()
    assert len(bench.engines) == 2
    assert bench.engine.requests[0].state == with_alpha(STATE, 0.5)
    bench.engine.answer(bench.engine.requests[0])
    qtbot.waitUntil(lambda: bool(bench.frames))


def test_that_a_job_for_an_engine_that_does_not_run_fails_with_a_sentence(bench: Bench, qtbot: QtBot) -> None:
    ends: list[JobFinished] = []
    with qtbot.waitSignal(bench.bridge.engine_stopped):
        bench.engine.publish(EngineStopped(DeviceError("The device is gone.")))
    bench.bridge.submit(MakeThumbnail(STATE, "tag"), ends.append)
    qtbot.waitUntil(lambda: bool(ends))
    assert ends[0].error is not None
    assert "not running" in ends[0].error.user_message


def test_that_stopping_takes_in_how_jobs_ended(bench: Bench) -> None:
    ends: list[JobFinished] = []
    bench.bridge.submit(MakeThumbnail(STATE, "tag"), ends.append)
    assert bench.bridge.stop()
    assert [end.outcome for end in ends] == [JobOutcome.CANCELLED]


def test_that_nothing_is_shown_after_stopping(bench: Bench, qtbot: QtBot) -> None:
    bench.ask(0.5)
    request = bench.engine.requests[0]
    bench.bridge.stop()
    bench.engine.answer(request)
    qtbot.wait(20)
    assert bench.frames == []


def test_that_the_painter_of_these_tests_tells_states_apart() -> None:
    assert (paint(STATE, View.BLEND) != paint(with_alpha(STATE, 0.123), View.BLEND)).any()
