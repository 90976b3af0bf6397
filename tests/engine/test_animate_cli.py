"""``animate``: from a recipe, a session or seeds to a film."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from engine.animation.quick_starts import there_and_back, walk
from engine.animation.timeline import Timeline
from engine.cli import app
from engine.embedded_models import register_embedded
from engine.export.embedded import read_recipe
from engine.history import HistoryEntry
from engine.latents import LatentStore
from engine.library import Library
from engine.places import user_places
from engine.session_file import SessionDocument, open_session, save_session
from engine.state import EditState, SeedLatent

TINY = ["--size", "32", "--fast"]


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))


def run(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == status, done.output
    return done.output


def frames_of(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def test_that_a_walk_through_seeds_becomes_a_film_that_can_be_made_again(tmp_path: Path) -> None:
    said = run("animate", "--walk", "1,5", "--seconds", "0.5", "--fps", "10", *TINY, "-o", tmp_path / "walk.mp4")
    assert "5 frames, 32 x 32 px" in said
    assert frames_of(tmp_path / "walk.mp4") == 5
    run("animate", tmp_path / "walk.mp4", "--once", "--fps", "29.97", *TINY, "-o", tmp_path / "again.gif")
    assert frames_of(tmp_path / "again.gif") == 15
    timeline = read_recipe(tmp_path / "again.gif").timeline
    assert timeline is not None
    assert (timeline.loop, timeline.fps) == (False, Fraction(30000, 1001))
    assert [key.value for key in timeline.tracks[0].keys] == [SeedLatent(1), SeedLatent(5)]


def test_that_a_session_keeps_its_timeline_and_is_rendered_without_a_window(tmp_path: Path) -> None:
    library, store = Library(user_places().make().library_file), LatentStore()
    a, b = register_embedded(library)[:2]
    library.close()
    timeline = there_and_back(Timeline(duration_s=0.5, fps=Fraction(12)), "blend.alpha", 0.0, 1.0)
    document = SessionDocument((HistoryEntry(EditState(a, b)),), 0, timeline=timeline)
    save_session(tmp_path / "one.graft", document, store)
    assert open_session(tmp_path / "one.graft", store).timeline == timeline
    run("animate", tmp_path / "one.graft", *TINY, "-o", tmp_path / "film.webm")
    assert frames_of(tmp_path / "film.webm") == 6


def test_that_a_session_brings_the_latents_of_its_timeline(tmp_path: Path) -> None:
    import numpy as np

    from engine.state import StoredLatent

    store = LatentStore()
    key = store.put_ws(np.random.RandomState(0).randn(4, 8).astype(np.float32))
    timeline = walk(Timeline(), (StoredLatent(key, "ann"), SeedLatent(2)))
    save_session(
        tmp_path / "one.graft", SessionDocument((HistoryEntry(EditState()),), 0, timeline=timeline), store
    )
    elsewhere = LatentStore()
    assert open_session(tmp_path / "one.graft", elsewhere).timeline == timeline
    assert elsewhere.has(key)


@pytest.mark.parametrize(("arguments", "status", "words"), [
    ((), 1, "Nothing moves"),
    (("--walk", "1", "-o", "film.avi"), 1, "does not write films"),
    (("--walk", "1", "--fps", "99"), 2, "from 1 to 60"),
    (("--walk", "x"), 2, "numbers and ranges"),
    (("--walk", "1", "-o", "no/where/film.mp4"), 1, "not there"),
])  # fmt: skip
def test_that_what_cannot_be_animated_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = arguments if "-o" in arguments else (*arguments, "-o", "film.mp4")
    assert words in " ".join(run("animate", *given, *TINY, status=status).split())
    assert not [path for path in tmp_path.iterdir() if path.name != "home"]
