"""Films: exactly the frames that were asked for, or nothing; and the recipe inside."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scripted_backend import Recorder
from small_networks import random_network, small_config

from engine.animation.film import frame_states
from engine.animation.quick_starts import there_and_back, walk
from engine.animation.timeline import FRAME_RATES, Timeline, frame_count
from engine.backend import TorchBackend, open_pipeline
from engine.device import DeviceChoice
from engine.errors import JobError, RenderCancelled, StorageError
from engine.export.embedded import find_recipe, read_recipe
from engine.export.video_files import VideoFile, open_film
from engine.export.video_format import VideoFormat, VideoQuality, video_format
from engine.imaging import to_rgb
from engine.latents import LatentStore
from engine.library import Library
from engine.messages import ExportVideo, Job, JobFinished, JobOutcome, JobProgress, LoadModel, ModelLoaded
from engine.messages import VideoExported as Exported
from engine.recipe import Recipe, make_recipe, recipe_to_json
from engine.state import EditState, ModelRef, SeedLatent, StoredLatent, View
from engine.worker import EngineThread

ROOT = Path(__file__).parents[2]
FILES = (VideoFormat.MP4, VideoFormat.WEBM, VideoFormat.GIF)
RECIPE = recipe_to_json(Recipe(EditState(latent=SeedLatent(7))))


def picture(index: int, size: tuple[int, int] = (64, 64)) -> NDArray[np.uint8]:
    """Smooth colours that move with the number of the frame."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    planes = [(x * 2 + index * 5) % 256, np.full_like(x, 40 + index % 150), (y * 2) % 256]
    return np.stack(planes, -1).astype(np.uint8)


def write(path: Path, frames: int, fps: Fraction = Fraction(25), size: tuple[int, int] = (64, 64)) -> None:
    film = open_film(path, video_format(path), fps, VideoQuality.GOOD, RECIPE, loop=True)
    for index in range(frames):
        film.add(picture(index, size), RECIPE)
    film.finish()


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


# --- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("frames", [1, 2, 31])
def test_that_a_film_has_exactly_the_frames_that_were_written(tmp_path: Path, kind: VideoFormat, frames: int) -> None:
    path = tmp_path / f"film{kind.value}"
    write(path, frames)
    found = decoded(path)
    assert len(found) == frames
    for index in (0, frames - 1):
        difference = np.abs(found[index].astype(int) - picture(index)).mean()
        assert difference < 8, f"frame {index} of {kind}: {difference}"
    assert read_recipe(path).state.latent == SeedLatent(7)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", FRAME_RATES)
def test_that_a_film_has_exactly_its_rate(tmp_path: Path, name: str) -> None:
    write(tmp_path / "film.mp4", 12, FRAME_RATES[name])
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert stream.average_rate == FRAME_RATES[name]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(12 / float(FRAME_RATES[name]), abs=1e-3)


def test_that_a_gif_keeps_its_rate_over_its_length(tmp_path: Path) -> None:
    write(tmp_path / "film.gif", 30, Fraction(30))
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 30
        assert film.info["loop"] == 0
        delays = []
        for index in range(30):
            film.seek(index)
            delays.append(film.info["duration"])
    assert sum(delays) == pytest.approx(1000, abs=10)


@pytest.mark.parametrize("kind", [VideoFormat.MP4, VideoFormat.WEBM])
def test_that_colours_are_those_that_players_expect(tmp_path: Path, kind: VideoFormat) -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    flat[:, :32], flat[:, 32:] = (200, 40, 40), (30, 180, 90)
    path = tmp_path / f"film{kind.value}"
    film = VideoFile(path, kind, Fraction(25), VideoQuality.BEST, RECIPE, loop=True)
    for _ in range(3):
        film.add(flat, RECIPE)
    film.finish()
    with av.open(str(path)) as opened:
        context = opened.streams.video[0].codec_context
        assert (context.colorspace, context.color_range, context.pix_fmt) == (1, 1, "yuv420p")
    found = decoded(path)[1]
    assert np.abs(found[32, 8].astype(int) - flat[32, 8]).max() < 6
    assert np.abs(found[32, 56].astype(int) - flat[32, 56]).max() < 6


@pytest.mark.parametrize("kind", FILES)
def test_that_odd_sizes_are_filled_up(tmp_path: Path, kind: VideoFormat) -> None:
    path = tmp_path / f"film{kind.value}"
    write(path, 3, size=(65, 63))
    found = decoded(path)
    assert len(found) == 3
    assert found[0].shape == ((63, 65, 3) if kind is VideoFormat.GIF else (64, 66, 3))


def test_that_an_mp4_begins_to_play_before_it_is_all_there(tmp_path: Path) -> None:
    write(tmp_path / "film.mp4", 5)
    content = (tmp_path / "film.mp4").read_bytes()
    assert 0 < content.find(b"moov") < content.find(b"mdat")


def test_that_a_recipe_too_long_for_the_film_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.video_files.MAX_COMMENT_BYTES", 10)
    write(tmp_path / "film.mp4", 2)
    assert find_recipe(tmp_path / "film.mp4") is None
    assert read_recipe(tmp_path / "film.mp4.json").state.latent == SeedLatent(7)


@pytest.mark.parametrize("kind", FILES)
def test_that_a_damaged_or_foreign_film_has_no_recipe(tmp_path: Path, kind: VideoFormat) -> None:
    path = tmp_path / f"film{kind.value}"
    write(path, 2)
    content = path.read_bytes()
    place = content.find(b"graft-recipe:")
    path.write_bytes(content.replace(b"graft-recipe:", b"graft-recide:"))
    assert find_recipe(path) is None
    path.write_bytes(content[: place + 40])
    with pytest.raises(Exception, match="recipe"):
        find_recipe(path)


def test_that_there_are_no_other_formats(tmp_path: Path) -> None:
    for name in ("film.avi", "film.mov", "film.png", "film.mp4.txt"):
        with pytest.raises(StorageError, match="does not write films"):
            video_format(tmp_path / name)
    assert video_format(tmp_path / "FILM.MP4") is VideoFormat.MP4
    assert video_format(tmp_path / "frames") is VideoFormat.FRAMES


def test_that_a_film_without_frames_is_none(tmp_path: Path) -> None:
    film = open_film(tmp_path / "a.mp4", VideoFormat.MP4, Fraction(25), VideoQuality.GOOD, RECIPE, loop=True)
    with pytest.raises(StorageError):
        film.finish()
    film.discard()
    assert list(tmp_path.iterdir()) == []


# --- full disks and killed processes -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["film.mp4", "film.webm", "film.gif", "frames"])
def test_that_a_full_disk_leaves_nothing_new_and_what_was_there(tmp_path: Path, name: str) -> None:
    """A limit on the size of files fails writes in the same places as a full disk does."""
    resource = pytest.importorskip("resource")
    path = tmp_path / name
    if path.suffix:
        path.write_bytes(b"the old film")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.RandomState(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        film = open_film(path, video_format(path), Fraction(25), VideoQuality.BEST, RECIPE, loop=True)

        def write_noise() -> None:
            for _ in range(40):
                film.add(noise.randint(0, 256, (256, 256, 3)).astype(np.uint8), RECIPE)
            film.finish()

        with pytest.raises(StorageError) as caught:
            write_noise()
        film.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.user_message.endswith("the file would be larger than this drive allows.")
    assert [one.name for one in tmp_path.iterdir()] == ([name] if path.suffix else [])
    assert not path.suffix or path.read_bytes() == b"the old film"


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "frames"])
def test_that_a_film_may_be_discarded_while_a_frame_is_added(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    film = open_film(path, video_format(path), Fraction(25), VideoQuality.GOOD, RECIPE, loop=True)
    ends: list[BaseException] = []

    def add_until_it_is_over() -> None:
        try:
            for index in range(10_000):
                film.add(picture(index), RECIPE)
        except RenderCancelled as over:
            ends.append(over)

    adder = threading.Thread(target=add_until_it_is_over)
    adder.start()
    while not list(tmp_path.iterdir()):
        pass
    film.discard()
    adder.join(20)
    assert len(ends) == 1
    assert list(tmp_path.iterdir()) == []


def test_that_frames_are_not_put_among_others(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(StorageError, match="not empty"):
        open_film(tmp_path / "frames", VideoFormat.FRAMES, Fraction(25), VideoQuality.GOOD, RECIPE, loop=True)
    assert [one.name for one in (tmp_path / "frames").iterdir()] == ["holiday.jpg"]


KILLED = """
import sys
sys.path[:0] = ["tests/engine", "."]
from pathlib import Path
from test_video import write
print("begins", flush=True)
write(Path(sys.argv[1]), 400)
print("done", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
@pytest.mark.parametrize("kind", [VideoFormat.MP4, VideoFormat.GIF])
def test_that_a_killed_film_is_whole_or_not_there(tmp_path: Path, kind: VideoFormat) -> None:
    path, moments = tmp_path / f"film{kind.value}", random.Random(1)
    for turn in range(3):
        command = [sys.executable, "-c", KILLED, str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begins\n"
            try:
                process.wait(moments.uniform(0.01, 0.6))
            except subprocess.TimeoutExpired:
                process.kill()
        assert not path.exists() or len(decoded(path)) == 400, f"turn {turn}"
    write(path, 3)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]  # what the killed ones left is swept away
    assert len(decoded(path)) == 3


# --- the job -------------------------------------------------------------------------------------------------------


@dataclass
class Room:
    engine: EngineThread
    recorder: Recorder
    library: Library
    store: LatentStore
    state: EditState

    def done(self, job: Job) -> JobFinished:
        return self.recorder.wait_for_end(self.engine.submit(job))


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    library, store, recorder = Library(tmp_path / "library.sqlite"), LatentStore(tmp_path / "latents"), Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(library, store, "cpu"))
    engine.start()
    refs: list[ModelRef] = []
    for seed, name in enumerate(("portrait", "toon")):
        random_network(small_config((8, 8, 8, 6, 4)), seed).save(tmp_path / f"{name}.safetensors")
        loaded = recorder.wait_for_end(engine.submit(LoadModel(tmp_path / f"{name}.safetensors"))).result
        assert isinstance(loaded, ModelLoaded)
        refs.append(loaded.model)
    yield Room(engine, recorder, library, store, EditState(*refs))
    assert engine.stop(20.0)
    library.close()


SHORT = there_and_back(Timeline(duration_s=0.5, fps=Fraction(24)), "blend.alpha", 0.0, 1.0)


def test_that_a_film_is_rendered_afresh_frame_by_frame(room: Room, tmp_path: Path) -> None:
    timeline = walk(SHORT, (SeedLatent(1), SeedLatent(2), SeedLatent(3)), 0.2)
    end = room.done(ExportVideo(room.state, timeline, tmp_path / "frames"))
    assert isinstance(end.result, Exported), end.error
    frames = sorted((tmp_path / "frames").glob("*.png"))
    assert len(frames) == end.result.frames == frame_count(timeline) == 14
    pipeline = open_pipeline(room.library, room.store, DeviceChoice("cpu", "float32", 1 << 28))
    for path, state in zip(frames, frame_states(timeline, room.state), strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), to_rgb(pipeline.render(state)))
        assert read_recipe(path).state == state
    film = read_recipe(tmp_path / "frames" / "film.json")
    assert (film.state, film.timeline) == (room.state, timeline)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("size_px", [None, 33, 96])
def test_that_a_film_file_has_its_frames_its_size_and_its_recipe(
    room: Room, tmp_path: Path, kind: VideoFormat, size_px: int | None
) -> None:
    path = tmp_path / f"film{kind.value}"
    end = room.done(ExportVideo(room.state, SHORT, path, View.BLEND, size_px, exact=size_px is None))
    assert isinstance(end.result, Exported), end.error
    found = decoded(path)
    assert len(found) == frame_count(SHORT) == 12
    edge = size_px or 64
    assert found[0].shape[0] == (edge if kind is VideoFormat.GIF else edge + edge % 2)
    recipe = read_recipe(path)
    assert (recipe.state, recipe.timeline, recipe.view) == (room.state, SHORT, View.BLEND)


def test_that_a_film_s_recipe_brings_its_latents_and_no_names(room: Room, tmp_path: Path) -> None:
    ws = np.random.RandomState(3).randn(10, 10).astype(np.float32)
    latents = (StoredLatent(room.store.put_ws(ws), "Ada Private"), SeedLatent(4))
    state = replace(room.state, truncation_psi=1.0)
    end = room.done(ExportVideo(state, walk(SHORT, latents, 0.1), tmp_path / "film.mp4"))
    assert end.outcome is JobOutcome.DONE, end.error
    assert b"Private" not in (tmp_path / "film.mp4").read_bytes()
    recipe = read_recipe(tmp_path / "film.mp4")
    assert set(recipe.arrays) == {latents[0].key}
    again = make_recipe(recipe.state, View.BLEND, room.store, timeline=recipe.timeline)
    assert again.timeline == recipe.timeline
    assert "Private" not in recipe_to_json(again)


@pytest.mark.parametrize("name", ["film.mp4", "frames"])
def test_that_a_cancelled_film_leaves_nothing(room: Room, tmp_path: Path, name: str) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    long = replace(SHORT, duration_s=600.0)
    job_id = room.engine.submit(ExportVideo(room.state, long, tmp_path / name))
    room.recorder.wait(JobProgress, lambda event: event.job_id == job_id and event.text.startswith("Frame 3 "))
    room.engine.cancel(job_id)
    assert room.recorder.wait_for_end(job_id).outcome is JobOutcome.CANCELLED
    assert {path.name for path in tmp_path.iterdir()} == before


def test_that_what_cannot_become_a_film_is_said_before_the_work(room: Room, tmp_path: Path) -> None:
    for job, kind in (
        (ExportVideo(room.state, SHORT, tmp_path / "film.avi"), StorageError),
        (ExportVideo(room.state, SHORT, tmp_path / "no" / "film.mp4"), StorageError),
        (ExportVideo(room.state, SHORT, tmp_path / "film.mp4", size_px=5), JobError),
        (ExportVideo(EditState(), SHORT, tmp_path / "film.mp4"), Exception),
    ):
        end = room.done(job)
        assert end.outcome is JobOutcome.FAILED
        assert isinstance(end.error, kind)
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("film")]
