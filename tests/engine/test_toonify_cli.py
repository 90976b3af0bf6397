"""One photo in every style, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from engine.cli import app
from engine.export.embedded import find_recipe
from engine.places import HOME_VARIABLE, resources_folder

PHOTO = resources_folder() / "portraits" / "composite_f_multi.jpg"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


def graft(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_that_a_photo_becomes_a_picture_in_every_style_with_its_recipe(tmp_path: Path) -> None:
    code, said = graft("toonify", PHOTO, "--steps", 0, "-o", tmp_path / "styles")
    assert code == 0, said
    pictures = sorted((tmp_path / "styles").iterdir())
    assert f"{len(pictures)} styles" in said
    assert len(pictures) >= 6
    latents = set()
    for path in pictures:
        recipe = find_recipe(path)
        assert recipe is not None
        latents.add(recipe.state.latent)
    assert len(latents) == 1
    assert len({path.read_bytes() for path in pictures}) == len(pictures)


def test_that_they_fit_on_one_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jpg"
    code, said = graft("toonify", PHOTO, "--steps", 0, "-o", sheet)
    assert code == 0, said
    with Image.open(sheet) as picture:
        assert picture.width > 4 * 256
        assert picture.height > 3 * 256


def test_that_what_is_no_photo_is_one_sentence(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.jpg"
    nothing.write_bytes(b"")
    code, said = graft("toonify", nothing, "-o", tmp_path / "sheet.png")
    assert code == 1
    assert "nothing.jpg" in said
    assert not (tmp_path / "sheet.png").exists()
