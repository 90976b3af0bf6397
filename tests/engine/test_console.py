from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine import console
from engine.console import Progress
from engine.errors import StorageError
from engine.places import user_places


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_that_progress_in_a_log_is_a_line_per_tenth() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for step in range(101):
        progress("Projecting", step / 100)
    progress.done()
    lines = stream.getvalue().splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[0] == "Projecting    0%"
    assert "\r" not in stream.getvalue()


def test_that_progress_on_a_terminal_stays_on_one_line_and_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "REDRAW_S", 0.0)
    stream = Terminal()
    progress = Progress(stream)
    progress("Reading a very long name")
    progress("Done", 1.0)
    progress.done()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().split("\r")[2].rstrip() == "Done  100%"
    assert stream.getvalue().endswith(" \r")


def test_that_every_place_is_under_graft_home_when_it_is_set(tmp_path: Path) -> None:
    places = user_places({"GRAFT_HOME": str(tmp_path / "stick")}).make()
    for path in (places.settings_file, places.library_file, places.latents_folder, places.autosave_folder):
        assert path.is_relative_to(tmp_path / "stick")
    assert places.autosave_folder.is_dir()
    left = places.latents_folder / ".ab.safetensors.0123456789ab.graft-tmp"
    left.write_bytes(b"half")
    places.make()
    assert not left.exists()
    elsewhere = user_places({})
    assert not elsewhere.data.is_relative_to(tmp_path)
    assert len({elsewhere.config, elsewhere.data, elsewhere.cache}) >= 2


def test_that_places_that_cannot_be_made_say_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="could not create its folder"):
        user_places({"GRAFT_HOME": str(tmp_path / "file")}).make()


def test_that_a_note_is_one_line_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("the model \x1b[2J\nis here")
    assert capsys.readouterr().err == "graft: the model ?[2J?is here\n"


def test_that_memory_that_ran_out_is_no_bug_to_report(capsys: pytest.CaptureFixture[str]) -> None:
    console.complain(MemoryError())
    complaint = capsys.readouterr().err
    assert complaint.startswith("graft: There was not enough memory")
    assert "use a smaller model" in complaint
    assert "report" not in complaint
