"""The engine thread: what is shown, in which order, and that nothing ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from scripted_backend import Gate, Recorder, ScriptedBackend, request, running

from engine.errors import EngineError, ModelError, OutOfMemoryError
from engine.messages import EngineReady, EngineStopped, Frame, JobFinished, JobOutcome, OpenPortrait, RenderFailed
from engine.state import View
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


def test_that_the_engine_says_when_it_is_ready_and_when_it_has_stopped() -> None:
    backend = ScriptedBackend()
    with running(backend) as (_engine, recorder):
        ready = recorder.wait(EngineReady)
    assert (ready.device, ready.dtype) == ("cpu", "float32")
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
