from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_cli import done, few_threads, home, pixels, refused  # noqa: F401 - two are fixtures

from engine.look import Look
from engine.look_file import looks_folder, write_look
from engine.state import Blend, ModelRef, Side


def test_that_the_looks_are_listed_with_their_models() -> None:
    text = done("looks")
    assert "Half toon" in text
    assert "portrait x toon" in text
    rows = json.loads(done("looks", "--json"))
    assert [row["name"] for row in rows] == [line.split("  ")[0] for line in text.splitlines()]
    assert all(row["sample"] for row in rows)


def test_that_a_look_is_put_on_by_name_and_options_change_it(tmp_path: Path) -> None:
    done("render", "--look", "half TOON", "--seed", 7, "-o", tmp_path / "half.png")
    done("render", "--look", "Toonify", "--seed", 7, "-o", tmp_path / "toonify.png")
    done("render", "--look", "Half toon", "--alpha", 0, "--seed", 7, "-o", tmp_path / "a.png")
    done("render", "--seed", 7, "--view", "a", "-o", tmp_path / "plain.png")
    assert (pixels(tmp_path / "half.png") != pixels(tmp_path / "toonify.png")).any()
    assert (pixels(tmp_path / "a.png") == pixels(tmp_path / "plain.png")).all()
    done("render", tmp_path / "plain.png", "--look", "Half toon", "--view", "blend", "-o", tmp_path / "again.png")
    assert (pixels(tmp_path / "again.png") == pixels(tmp_path / "half.png")).all()


def test_that_a_look_is_put_on_from_a_file(tmp_path: Path) -> None:
    unknown = "0" * 64  # embedded models are found by name
    refs = ModelRef(unknown, "portrait"), ModelRef(unknown, "toon")
    look = Look("mine", *refs, embedded=frozenset(("portrait", "toon")), blend=Blend(low=Side.B, alpha=0.5))
    write_look(tmp_path / "mine.look.json", look)
    done("render", "--look", tmp_path / "mine.look.json", "-o", tmp_path / "mine.png")
    done("render", tmp_path / "mine.png", "-o", tmp_path / "again.png")
    assert (pixels(tmp_path / "mine.png") == pixels(tmp_path / "again.png")).all()


def test_that_a_looks_file_is_described() -> None:
    path = looks_folder() / "02-half-toon.look.json"
    text = done("inspect", path)
    assert "the look “Half toon”" in text
    assert "model B      toon" in text
    assert "seed" not in text
    assert json.loads(done("inspect", path, "--json"))["kind"] == "look"


@pytest.mark.parametrize(
    ("name", "said"), [("nothing like it", "There is no look"), ("./nowhere.look.json", "nowhere.look.json")]
)
def test_that_a_look_that_is_not_there_is_refused_in_one_line(name: str, said: str, tmp_path: Path) -> None:
    assert said in refused("render", "--look", name, "-o", tmp_path / "x.png")


def test_that_a_look_that_lacks_a_model_names_it(tmp_path: Path) -> None:
    write_look(tmp_path / "x.look.json", Look("Etching", ModelRef("0" * 64, "etcher")))
    line = refused("render", "--look", tmp_path / "x.look.json", "-o", tmp_path / "x.png")
    assert "Etching needs the model “etcher”" in line
