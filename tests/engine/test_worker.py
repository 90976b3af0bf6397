"""The engine thread: what is shown, in which order, and that nothing ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scripted_backend import Gate, Recorder, ScriptedBackend, request, running

from engine.errors import EngineError, ModelError, OutOfMemoryError
from engine.job_table import JobSteps, Step
from engine.messages import (
    EngineReady,
    EngineStopped,
    Frame,
    JobFinished,
    JobOutcome,
    OpenPortrait,
    RenderFailed,
    RenderRequest,
    StillExported,
)
from engine.state import EditState, View, with_alpha
from engine.worker import EngineThread

ROOT = Path(__file__).parents[2]


def test_that_the_last_slider_value_is_always_shown() -> None:
    backend = ScriptedBackend()
    with running(backend) as (engine, recorder):
        for generation in range(1, 2001):
            engine.request_preview(request(generation))
        last = recorder.wait_for_frame(2000)
    assert last.image[0, 0, 0] == 2000 % 256
    assert recorder.of(Frame)[-1] is last


def test_that_ten_thousand_events_cost_two_renders_when_the_first_is_slow() -> None:
    backend = ScriptedBackend()
    backend.preview_gate = Gate()
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        backend.preview_gate.wait_for_arrival()
        for generation in range(2, 10_002):
            engine.request_preview(request(generation))
        backend.preview_gate.open(2)
        recorder.wait_for_frame(10_001)
    assert backend.previewed == [1, 10_001]
    assert recorder.generations == [1, 10_001]


def test_that_a_running_preview_is_shown_although_a_newer_one_waits() -> None:
    backend = ScriptedBackend()
    backend.preview_gate = Gate()
    with running(backend) as (engine, recorder):
        for generation in (1, 2, 3):
            engine.request_preview(request(generation))
            backend.preview_gate.wait_for_arrival()  # the render of this one has begun
            engine.request_preview(request(generation + 1))
            backend.preview_gate.open()
        backend.preview_gate.open()
        recorder.wait_for_frame(4)
    assert recorder.generations == [1, 2, 3, 4]


def test_that_frames_never_go_back_in_time() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks = 3
    with running(backend, refine_after_s=0.0) as (engine, recorder):
        for generation in range(500):
            engine.request_preview(request(generation, full=generation % 7 == 0))
        recorder.wait_for_frame(499)
    assert recorder.generations == sorted(recorder.generations)


def test_that_every_view_is_shown_in_the_order_wanted_within_one_budget() -> None:
    backend = ScriptedBackend()
    views = (View.B, View.BLEND, View.A)
    with running(backend, preview_budget_s=0.3) as (engine, recorder):
        engine.request_preview(request(1, views=views))
        recorder.wait(Frame, lambda frame: frame.view is View.A)
    assert tuple(frame.view for frame in recorder.of(Frame)) == views
    assert backend.budgets == pytest.approx([0.1] * 3)


@pytest.mark.parametrize("full", [True, False])
def test_that_a_coarse_picture_is_refined_once_the_hand_rests(full: bool) -> None:
    backend = ScriptedBackend()
    backend.refine_blocks = 3
    with running(backend, refine_after_s=0.01) as (engine, recorder):
        engine.request_preview(request(1, full=full))
        recorder.wait_for_frame(1)
    coarse, fine = recorder.of(Frame)
    assert (coarse.is_final, coarse.size_px, coarse.full_size_px) == (False, 4, 8)
    assert (fine.is_final, fine.size_px) == (True, 8)
    assert backend.refined == [1, 1, 1]
    assert fine.elapsed_s >= coarse.elapsed_s > 0


def test_that_the_time_of_a_picture_goes_to_the_views_that_need_it() -> None:
    backend = ScriptedBackend()
    backend.ready = {View.A, View.B}
    with running(backend, preview_budget_s=0.3) as (engine, recorder):
        engine.request_preview(request(1, views=(View.A, View.BLEND, View.B)))
        recorder.wait(Frame, lambda frame: frame.view is View.B)
    assert backend.budgets == pytest.approx([0.3] * 3)


def test_that_sizes_on_the_way_up_are_shown_if_they_are_worth_it() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks, backend.worth_showing = 4, {1}
    with running(backend, refine_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
    assert [(frame.size_px, frame.is_final) for frame in recorder.of(Frame)] == [(4, False), (6, False), (8, True)]


def test_that_what_is_on_screen_already_is_not_climbed_again_where_it_cannot_be_left() -> None:
    """The window asks once more, for the full picture, when the hand rests: by then there is a first picture."""
    backend = ScriptedBackend()
    backend.refine_blocks = 1
    with running(backend, preview_budget_s=0.3, refine_after_s=1000.0) as (engine, recorder):
        engine.request_preview(request(1))
        recorder.wait_for_frame(1, final=False)
        engine.request_preview(request(2, full=True))
        recorder.wait_for_frame(2)
        engine.request_preview(request(3, views=(View.A,)))
        recorder.wait_for_frame(3, final=False)
    assert backend.budgets == pytest.approx([0.3, 0.0, 0.3])


def test_that_a_refine_gives_way_between_two_blocks_to_a_newer_request() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks = 3
    backend.refine_gate = Gate()
    with running(backend, refine_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1, full=True))
        backend.refine_gate.wait_for_arrival()
        engine.request_preview(request(2, full=True))
        backend.refine_gate.open(4)
        recorder.wait_for_frame(2)
    assert backend.refined == [1, 2, 2, 2]
    assert [(frame.generation, frame.is_final) for frame in recorder.of(Frame)] == [
        (1, False),
        (2, False),
        (2, True),
    ]


def test_that_an_expected_failure_is_told_and_the_next_picture_comes() -> None:
    backend = ScriptedBackend()
    failure = ModelError("The model “toon” is broken.", "Load it again.")

    def draw(wanted: object) -> None:
        if wanted.generation == 1:  # type: ignore[attr-defined]
            raise failure

    backend.draw = draw
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        assert recorder.wait_for_failure(1).error is failure
        engine.request_preview(request(2))
        recorder.wait_for_frame(2)
    assert failure.__traceback__ is None  # it would keep the tensors of the whole render alive


def test_that_a_bug_is_told_in_a_plain_sentence_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    backend = ScriptedBackend()

    def draw(wanted: object) -> None:
        if wanted.generation == 1:  # type: ignore[attr-defined]
            raise ZeroDivisionError("secret detail")

    backend.draw = draw
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        error = recorder.wait_for_failure(1).error
        engine.request_preview(request(2))
        recorder.wait_for_frame(2)
    assert type(error) is EngineError
    assert "drawing the picture" in error.user_message
    assert "secret" not in error.user_message
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_that_memory_which_runs_out_is_said_and_released(error: Exception) -> None:
    backend = ScriptedBackend()

    def draw(_wanted: object) -> None:
        raise error

    backend.draw = draw
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        found = recorder.wait_for_failure(1).error
    assert type(found) is OutOfMemoryError
    assert backend.released == 1


def test_that_a_refine_which_fails_is_told_once() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks = 2
    blocks = iter([None, ModelError("It broke.")])

    class Breaking(Gate):
        def pass_through(self) -> None:
            if (error := next(blocks)) is not None:
                raise error

    backend.refine_gate = Breaking()
    with running(backend, refine_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1))
        assert recorder.wait_for_failure(1).error.user_message == "It broke."
    assert len(recorder.of(RenderFailed)) == 1


def test_that_a_picture_which_finds_no_memory_is_drawn_once_more() -> None:
    backend = ScriptedBackend()
    backend.can_make_do = True
    failures = iter([MemoryError()])

    def draw(_wanted: object) -> None:
        for failure in failures:
            raise failure

    backend.draw = draw
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
    assert backend.released == 1
    assert recorder.of(RenderFailed) == []


def test_that_it_is_drawn_once_more_only_once() -> None:
    backend = ScriptedBackend()
    backend.can_make_do = True

    def draw(_wanted: object) -> None:
        raise MemoryError

    backend.draw = draw
    with running(backend) as (engine, recorder):
        engine.request_preview(request(1))
        assert type(recorder.wait_for_failure(1).error) is OutOfMemoryError
    assert backend.previewed == [1, 1]


def test_that_a_refine_which_finds_no_memory_begins_again_smaller() -> None:
    backend = ScriptedBackend()
    backend.can_make_do = True
    backend.refine_blocks = 2
    blocks = iter([None, MemoryError()])

    class Breaking(Gate):
        def pass_through(self) -> None:
            if (error := next(blocks, None)) is not None:
                raise error

    backend.refine_gate = Breaking()
    with running(backend, refine_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
    assert backend.previewed == [1, 1]
    assert recorder.of(RenderFailed) == []


# --- drawing ahead ------------------------------------------------------------------------------------------------


def test_that_nothing_is_drawn_ahead_while_a_picture_or_a_job_waits() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks, backend.foresee_blocks = 2, 2
    backend.foresee_gate = Gate()
    done: list[list[int]] = []

    def steps() -> JobSteps:
        for _ in range(3):
            done.append(list(backend.foreseen))
            yield Step("working")
        return StillExported(Path("a.png"), (1, 1), 0.0)

    backend.begin = lambda job: steps()
    with running(backend, refine_after_s=0.0, foresee_after_s=0.0) as (engine, recorder):
        job_id = engine.submit(OpenPortrait(Path("a.png")))
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
        recorder.wait_for_end(job_id)
        backend.foresee_gate.wait_for_arrival()
        assert backend.foreseen == []
        assert backend.refined == [1, 1]
        backend.foresee_gate.open(2)
        backend.foresee_gate.wait_for_arrival()
    assert done == [[]] * 3


def test_that_drawing_ahead_gives_way_after_one_block_and_is_taken_up_for_the_new_state() -> None:
    backend = ScriptedBackend()
    backend.foresee_blocks = 1000
    backend.foresee_gate = Gate()
    with running(backend, foresee_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1))
        backend.foresee_gate.wait_for_arrival()
        engine.request_preview(request(2))
        backend.foresee_gate.open()
        recorder.wait_for_frame(2)
        backend.foresee_gate.wait_for_arrival()
        assert backend.foreseen == [1]
        assert backend.left == [1]
        backend.foresee_gate.open(1000)


def test_that_drawing_ahead_waits_for_the_hand_to_rest_and_a_second_look_is_no_move() -> None:
    backend = ScriptedBackend()
    backend.foresee_blocks = 1
    rested = EditState()
    moved = with_alpha(rested, 0.5)
    with running(backend, foresee_after_s=0.0) as (engine, recorder):
        engine.request_preview(RenderRequest(1, rested))
        recorder.wait_for_frame(1)
        engine._foresee_after_s = 1000.0
        engine.request_preview(RenderRequest(2, rested, full=True))
        backend_took(backend, 2)
        assert engine._foresee_at < time.perf_counter() + 1.0
        engine.request_preview(RenderRequest(3, moved))
        recorder.wait_for_frame(3)
        engine.request_preview(RenderRequest(4, moved, full=True))
        recorder.wait_for_frame(4)
        assert engine._foresee_at > time.perf_counter() + 900.0
    assert 3 not in backend.foreseen
    assert 4 not in backend.foreseen


def backend_took(backend: ScriptedBackend, generation: int) -> None:
    """Wait until it has drawn ahead for this request."""
    deadline = time.perf_counter() + 20.0
    while generation not in backend.foreseen:
        assert time.perf_counter() < deadline
        threading.Event().wait(0.001)


def test_that_drawing_ahead_ends_and_the_thread_sleeps() -> None:
    backend = ScriptedBackend()
    backend.foresee_blocks = 3
    with running(backend, foresee_after_s=0.0) as (engine, _recorder):
        engine.request_preview(request(1))
        backend_took(backend, 1)
        deadline = time.perf_counter() + 20.0
        while engine._foresight is not None and time.perf_counter() < deadline:
            threading.Event().wait(0.001)
        with engine._condition:
            assert engine._idle_s(time.perf_counter()) is None
    assert backend.foreseen == [1, 1, 1]


@pytest.mark.parametrize(("error", "released"), [(ModelError("It broke."), 0), (MemoryError(), 1)])
def test_that_what_fails_ahead_of_a_request_is_nobody_s_business(error: Exception, released: int) -> None:
    backend = ScriptedBackend()
    backend.foresee_blocks, backend.foresee_fails = 5, error
    with running(backend, foresee_after_s=0.0) as (engine, recorder):
        engine.request_preview(request(1))
        backend_took(backend, 1)
        engine.request_preview(request(2))
        recorder.wait_for_frame(2)
    assert recorder.of(RenderFailed) == []
    assert backend.foreseen.count(1) == 1
    assert backend.released >= released


def test_that_the_engine_says_when_it_is_ready_and_when_it_has_stopped() -> None:
    backend = ScriptedBackend()
    backend.kernels = True
    with running(backend) as (_engine, recorder):
        ready = recorder.wait(EngineReady)
    assert (ready.device, ready.dtype, ready.kernels) == ("cpu", "float32", True)
    assert [stopped.error for stopped in recorder.of(EngineStopped)] == [None]
    assert backend.closed


def test_that_a_request_made_before_the_engine_is_ready_is_served() -> None:
    backend, gate, recorder = ScriptedBackend(), Gate(), Recorder()

    def build() -> ScriptedBackend:
        gate.pass_through()
        return backend

    engine = EngineThread(recorder, build)
    engine.request_preview(request(1))
    engine.start()
    gate.wait_for_arrival()
    engine.request_preview(request(2))
    gate.open()
    recorder.wait_for_frame(2)
    assert engine.stop()
    assert recorder.generations == [2]


def test_that_an_engine_which_cannot_start_says_so_and_fails_its_jobs() -> None:
    recorder = Recorder()

    def build() -> ScriptedBackend:
        raise ImportError("no torch here")

    engine = EngineThread(recorder, build)
    early = engine.submit(OpenPortrait(Path("a.png")))
    engine.start()
    stopped = recorder.wait(EngineStopped)
    late = engine.submit(OpenPortrait(Path("b.png")))
    assert stopped.error is not None
    assert [recorder.wait_for_end(job_id).outcome for job_id in (early, late)] == [JobOutcome.FAILED] * 2
    assert len(recorder.of(JobFinished)) == 2
    assert engine.stop()


def test_that_stopping_waits_for_the_block_at_work_only() -> None:
    backend = ScriptedBackend()
    backend.refine_blocks = 1000
    backend.refine_gate = Gate()
    with running(backend, refine_after_s=0.0) as (engine, _recorder):
        engine.request_preview(request(1))
        backend.refine_gate.wait_for_arrival()
        stopper = threading.Thread(target=engine.stop)
        stopper.start()
        backend.refine_gate.open(1000)
        stopper.join(5.0)
        assert not stopper.is_alive()
    assert len(backend.refined) < 1000


def test_that_an_engine_that_never_started_can_be_stopped() -> None:
    assert EngineThread(Recorder(), ScriptedBackend).stop()


def test_that_the_window_can_import_the_engine_thread_without_torch() -> None:
    code = "import sys, engine.worker, engine.resolve, engine.latents; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
