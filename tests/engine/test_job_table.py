"""Jobs on the engine thread: they take turns, can be paused and cancelled, and end exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scripted_backend import PATIENCE_S, Gate, ScriptedBackend, request, running

from engine.errors import OutOfMemoryError, PortraitError, RenderCancelled, UnreadableImageError
from engine.framing import FacePoints, Framing
from engine.job_table import Background, JobSteps, Step
from engine.likeness import Likeness
from engine.messages import (
    InvertPortrait,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    OpenPortrait,
    PortraitInverted,
    StillExported,
)
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

RESULT = StillExported(Path("still.png"), (8, 8), 1.0)
JOB = OpenPortrait(Path("ada.png"))
HEAVY = InvertPortrait(Path("ada.png"), FacePoints((1, 1), (2, 1), (1, 2)), ModelRef("a" * 64, "m"), "Ada")


def scripted(script: Callable[[], JobSteps]) -> ScriptedBackend:
    backend = ScriptedBackend()
    backend.begin = lambda _job: script()
    return backend


def test_that_a_job_tells_its_steps_and_then_its_result() -> None:
    def script() -> JobSteps:
        yield Step("one", 0.25)
        yield Step("two", 0.5)
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        end = recorder.wait_for_end(job_id)
    assert (end.job, end.outcome, end.result, end.error) == (JOB, JobOutcome.DONE, RESULT, None)
    steps = recorder.of(JobProgress)
    assert [(step.fraction, step.text) for step in steps] == [(0.25, "one"), (0.5, "two")]
    assert steps[1].remaining_s == pytest.approx(steps[1].elapsed_s)


def test_that_a_blocking_call_runs_elsewhere_while_pictures_are_drawn() -> None:
    gate = Gate()
    threads: list[str] = []

    def decode() -> int:
        threads.append(threading.current_thread().name)
        gate.pass_through()
        return 42

    def script() -> JobSteps:
        answer = yield Background(decode, "Decoding")
        yield Step(f"got {answer}")
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
        assert recorder.of(JobFinished) == []
        gate.open()
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.DONE
    assert threads != ["graft-engine"]
    assert [step.text for step in recorder.of(JobProgress)] == ["Decoding", "got 42"]


def test_that_an_error_from_the_background_reaches_the_job() -> None:
    def decode() -> None:
        raise UnreadableImageError("This is no picture.")

    def script() -> JobSteps:
        try:
            yield Background(decode)
        except PortraitError as error:
            yield Step(error.user_message)
            raise
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        end = recorder.wait_for_end(engine.submit(JOB))
    assert end.outcome is JobOutcome.FAILED
    assert end.error is not None
    assert end.error.user_message == "This is no picture."
    assert recorder.of(JobProgress)[-1].text == "This is no picture."


def test_that_a_bug_in_a_job_ends_that_job_only() -> None:
    def script() -> JobSteps:
        yield Step("fine so far")
        raise KeyError("oops")

    with running(scripted(script)) as (engine, recorder):
        first, second = engine.submit(JOB), engine.submit(JOB)
        ends = [recorder.wait_for_end(job_id) for job_id in (first, second)]
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
    assert [end.outcome for end in ends] == [JobOutcome.FAILED] * 2
    assert all(end.error is not None and "opening a portrait" in end.error.user_message for end in ends)
    assert len(recorder.of(JobFinished)) == 2


def test_that_a_job_out_of_memory_frees_the_caches() -> None:
    def script() -> JobSteps:
        yield Step("one")
        raise MemoryError

    backend = scripted(script)
    with running(backend) as (engine, recorder):
        end = recorder.wait_for_end(engine.submit(JOB))
    assert type(end.error) is OutOfMemoryError
    assert backend.released == 1


def test_that_a_cancelled_job_can_give_the_best_so_far() -> None:
    gate = Gate()

    def script() -> JobSteps:
        try:
            while True:
                yield Step("improving")
                gate.pass_through()
        except RenderCancelled:
            return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.cancel(job_id)
        gate.open()
        end = recorder.wait_for_end(job_id)
    assert (end.outcome, end.result) == (JobOutcome.CANCELLED, RESULT)


def test_that_a_job_cancelled_before_its_turn_never_begins() -> None:
    begun: list[Job] = []
    gate = Gate()

    def script() -> JobSteps:
        begun.append(JOB)
        yield Step("one")
        gate.pass_through()
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        first = engine.submit(HEAVY)
        gate.wait_for_arrival()
        second = engine.submit(HEAVY)
        engine.cancel(second)
        gate.open()
        assert recorder.wait_for_end(second).outcome is JobOutcome.CANCELLED
        assert recorder.wait_for_end(first).outcome is JobOutcome.DONE
    assert len(begun) == 1


def test_that_cancelling_does_not_wait_for_a_call_that_may_be_left() -> None:
    gate = Gate()

    def script() -> JobSteps:
        yield Background(gate.pass_through)
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.cancel(job_id)
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.CANCELLED
        gate.open()


def test_that_a_file_being_written_is_finished_and_told_as_done() -> None:
    gate = Gate()

    def script() -> JobSteps:
        yield Background(gate.pass_through, may_be_left=False)
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.cancel(job_id)
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
        assert recorder.of(JobFinished) == []
        gate.open()
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.DONE


def test_that_a_paused_job_stands_still_says_so_and_goes_on() -> None:
    gate = Gate()

    def script() -> JobSteps:
        yield Step("one", 0.5)
        gate.pass_through()
        yield Step("two")
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.pause(job_id)
        gate.open()
        paused = recorder.wait(JobProgress, lambda event: event.paused)
        assert paused.text == "two"
        engine.request_preview(request(1))
        recorder.wait_for_frame(1)
        assert recorder.of(JobFinished) == []
        engine.resume(job_id)
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.DONE
    assert [event.paused for event in recorder.of(JobProgress)][-1] is False


def test_that_a_paused_job_can_be_cancelled() -> None:
    gate = Gate()

    def script() -> JobSteps:
        yield Step("one")
        gate.pass_through()
        yield Step("two")
        return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(JOB)
        gate.wait_for_arrival()
        engine.pause(job_id)
        gate.open()
        recorder.wait(JobProgress, lambda event: event.paused)
        engine.cancel(job_id)
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.CANCELLED


def test_that_a_search_is_told_to_have_taken_as_long_as_it_worked_without_its_pauses() -> None:
    gate = Gate()

    def script() -> JobSteps:
        begun = time.perf_counter()
        yield Step("one")
        gate.pass_through()
        yield Step("two")
        return _found(time.perf_counter() - begun)

    with running(scripted(script)) as (engine, recorder):
        begun = time.perf_counter()
        job_id = engine.submit(HEAVY)
        gate.wait_for_arrival()
        engine.pause(job_id)
        gate.open()
        recorder.wait(JobProgress, lambda event: event.paused)
        paused = time.perf_counter()
        while time.perf_counter() - paused < 0.3:
            threading.Event().wait(0.05)
        engine.resume(job_id)
        result = recorder.wait_for_end(job_id).result
        whole_s = time.perf_counter() - begun
    assert isinstance(result, PortraitInverted)
    assert result.elapsed_s <= whole_s - 0.29


def _found(elapsed_s: float) -> PortraitInverted:
    face, picture = HEAVY.face, np.zeros((2, 2, 4), np.uint8)
    return PortraitInverted(
        latent=StoredLatent("0" * 64, "Ada"), model=HEAVY.model, target=picture, image=picture, steps=1,
        elapsed_s=elapsed_s, likeness=Likeness(0.1, 0.1, "none", 0.1),
        source=PortraitSource("ada.png", "", face, Framing()), start=HEAVY.start,
    )  # fmt: skip


def test_that_previews_come_between_the_steps_of_a_job() -> None:
    gate = Gate()

    def script() -> JobSteps:
        for number in range(3):
            gate.pass_through()
            yield Step(str(number))
        return RESULT

    with running(scripted(script), job_turn_s=60.0) as (engine, recorder):
        job_id = engine.submit(JOB)
        for generation in range(3):
            gate.wait_for_arrival()
            engine.request_preview(request(generation))
            gate.open()
            recorder.wait_for_frame(generation)
        recorder.wait_for_end(job_id)
    order = [
        event.generation if hasattr(event, "generation") else event.text
        for event in recorder.events
        if hasattr(event, "generation") or isinstance(event, JobProgress)
    ]
    assert order == ["0", 0, "1", 1, "2", 2]


def test_that_a_job_gets_its_turn_during_an_endless_drag() -> None:
    def script() -> JobSteps:
        yield Step("one")
        return RESULT

    backend = scripted(script)
    generations = iter(range(1_000_000))

    with running(backend, job_turn_s=0.0) as (engine, recorder):
        # Every picture is followed by the next request before the engine looks up again.
        backend.draw = lambda _request: engine.request_preview(request(next(generations)))
        engine.request_preview(request(next(generations)))
        job_id = engine.submit(JOB)
        assert recorder.wait_for_end(job_id).outcome is JobOutcome.DONE
        backend.draw = lambda _request: None


def test_that_small_jobs_overtake_a_long_one_and_heavy_ones_wait_for_each_other() -> None:
    begun: list[str] = []
    over = threading.Event()

    def heavy(job: InvertPortrait) -> JobSteps:
        begun.append(job.name)
        yield Step("improving")
        yield Background(lambda: over.wait(PATIENCE_S))
        return RESULT

    def small() -> JobSteps:
        yield Step("quick")
        return RESULT

    backend = ScriptedBackend()
    backend.begin = lambda job: heavy(job) if isinstance(job, InvertPortrait) else small()
    other = InvertPortrait(HEAVY.path, HEAVY.face, HEAVY.model, "Bob")
    with running(backend) as (engine, recorder):
        first, second = engine.submit(HEAVY), engine.submit(other)
        recorder.wait_for_end(engine.submit(JOB))
        assert begun == ["Ada"]
        engine.cancel(first)
        recorder.wait_for_text(second, "improving")
        over.set()
        recorder.wait_for_end(second)
    assert begun == ["Ada", "Bob"]


def test_that_stopping_ends_every_job_as_cancelled_once() -> None:
    gate = Gate()

    def script() -> JobSteps:
        gate.pass_through()
        yield Step("one")
        try:
            yield Background(gate.pass_through)
        except RenderCancelled:
            return RESULT
        raise AssertionError("the call never returns")

    with running(scripted(script)) as (engine, recorder):
        ids = [engine.submit(JOB), engine.submit(HEAVY), engine.submit(JOB)]
        gate.wait_for_arrival()
        stopper = threading.Thread(target=engine.stop)
        stopper.start()
        gate.open(10)
        stopper.join(5.0)
        assert not stopper.is_alive()
        late = engine.submit(JOB)
    ends = recorder.of(JobFinished)
    assert sorted(end.job_id for end in ends) == sorted([*ids, late])
    assert {end.outcome for end in ends if end.job_id != late} == {JobOutcome.CANCELLED}
    assert recorder.wait_for_end(late).outcome is JobOutcome.FAILED


def test_that_a_job_ended_by_stopping_still_keeps_the_best_so_far() -> None:
    kept: list[str] = []

    def script() -> JobSteps:
        try:
            while True:
                yield Step("improving")
        except RenderCancelled:
            yield Step("drawing the best")
            yield Background(lambda: kept.append("best"), "Keeping it", may_be_left=False)
            return RESULT

    with running(scripted(script)) as (engine, recorder):
        job_id = engine.submit(HEAVY)
        recorder.wait_for_text(job_id, "improving")
        engine.stop()
        end = recorder.wait_for_end(job_id)
    assert (end.outcome, end.result) == (JobOutcome.CANCELLED, RESULT)
    assert kept == ["best"]


def test_that_commands_for_jobs_that_are_gone_do_nothing() -> None:
    with running(ScriptedBackend()) as (engine, _recorder):
        engine.cancel("job-77")
        engine.pause("job-77")
        engine.resume("job-77")
