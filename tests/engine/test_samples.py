"""What comes with Graft fits together: run tests/app/samples.py when it does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.embedded_models import register_embedded
from engine.latents import LatentStore
from engine.library import Library
from engine.look_file import LOOK_SUFFIX, file_name, looks_folder, read_look, sample_looks
from engine.look_shelf import shelf_looks
from engine.sample_portraits import portraits_folder, register_sample_portraits

MODELS = {"portrait", "toon", "woodblock", "pencil"}
LAYERS_AT_256_PX = 14


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "library.sqlite3")
    register_embedded(opened)
    yield opened
    opened.close()


def test_that_there_are_sample_looks_enough_each_with_a_name_of_its_own() -> None:
    looks = sample_looks()
    names = [look.name for look in looks.values()]
    assert len(looks) == len(list(looks_folder().glob("*.json"))), "a look cannot be read"
    assert len(names) >= 8
    assert len({name.lower() for name in names}) == len(names)
    assert len({file_name(look) for look in looks.values()}) == len(names)


@pytest.mark.parametrize("path", sorted(looks_folder().glob(f"*{LOOK_SUFFIX}")), ids=lambda path: path.stem)
def test_that_a_sample_look_does_something_with_models_that_come_with_graft(path: Path) -> None:
    look = read_look(path)
    assert len(look.models) == 2
    assert {ref.name for ref in look.models} <= MODELS
    assert look.embedded == {ref.name for ref in look.models}  # so it outlives these weights
    assert look.blend.alpha != 0
    assert look.blend.curve is None or len(look.blend.curve) == LAYERS_AT_256_PX
    assert look.blend.swap_resolution in (4, 8, 16, 32, 64, 128)
    assert look.truncation_psi is None


def test_that_every_look_whose_models_are_here_can_be_put_on(library: Library) -> None:
    here = {record.ref.name for record in library.models() if record.embedded}
    for one in shelf_looks((), sample_looks(), library.models()):
        assert {ref.name for ref in one.missing} == {ref.name for ref in one.look.models} - here
    first = next(iter(shelf_looks((), sample_looks(), library.models())))
    assert [ref.name for ref in first.look.models] == ["portrait", "toon"], "the window opens on it"


def test_that_the_sample_portrait_was_found_in_the_portrait_model_that_is_shipped(library: Library) -> None:
    found = register_sample_portraits(library, LatentStore())
    assert len(found) == len(list(portraits_folder().glob("*.safetensors"))) == 1, (
        "the model “portrait” has changed: run python tests/app/samples.py portrait"
    )
    assert [model.name for model in found.values()] == ["portrait"]
