"""The jobs and the verb: a real portrait, put back into a larger photo."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from photos import wide_profile
from PIL import Image
from typer.testing import CliRunner

from engine.cli import app
from engine.errors import RecipeFormatError, StorageError
from engine.export.embedded import read_recipe
from engine.file_hash import file_sha256
from engine.framing import FacePoints
from engine.headless import Headless, open_headless
from engine.imaging import rgb_to_bgrx
from engine.messages import InvertPortrait, PortraitInverted
from engine.paste.jobs import CHANGED
from engine.paste.masks import decode_mask, encode_mask, read_mask
from engine.paste_events import (
    MASK_PX,
    MaskPreset,
    PasteBack,
    PastedBack,
    PastePreview,
    PasteSettings,
    PreviewPaste,
)
from engine.places import Places
from engine.portrait_source import PortraitSource
from engine.recipe import recipe_from_json, recipe_to_json
from engine.state import EditState

SAMPLE = Path(__file__).parents[3] / "resources" / "portraits" / "composite_f_white.jpg"
FACE = FacePoints((516.0, 426.0), (595.0, 426.0), (555.0, 510.0))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample on a larger canvas, in a profile of its own, with its orientation in the EXIF."""
    canvas = Image.effect_mandelbrot((1100, 900), (-2, -1.5, 1, 1.5), 40).convert("RGB")
    canvas.paste(Image.open(SAMPLE).convert("RGB").resize((512, 512)), (300, 200))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    path = tmp_path_factory.mktemp("photo") / "Aunt Mary.png"
    canvas.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, icc_profile=wide_profile())
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Headless]:
    root = tmp_path_factory.mktemp("home")
    with open_headless("cpu", places=Places(root / "config", root / "data", root / "cache")) as headless:
        yield headless


@pytest.fixture(scope="module")
def state(engine: Headless, photo: Path) -> EditState:
    model = engine.model("portrait")
    found = engine.run(InvertPortrait(photo, FACE, model, "Mary", steps=0))
    assert isinstance(found, PortraitInverted)
    return EditState(model_a=model, latent=found.latent, truncation_psi=1.0)


def source_of(engine: Headless, photo: Path) -> PortraitSource:
    known = engine.library.model(engine.model("portrait").sha256)
    assert known is not None
    return PortraitSource(photo, file_sha256(photo), FACE, known.descriptor.framing)


def upright(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).transpose(Image.Transpose.ROTATE_270))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_that_the_face_comes_back_into_its_photo(
    engine: Headless, state: EditState, photo: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    result = engine.run(PasteBack(state, photo, source_of(engine, photo), out))
    assert isinstance(result, PastedBack)
    before = upright(photo)
    with Image.open(out) as written:
        assert written.size == result.size_px == (1100, 900)
        assert written.info["icc_profile"] == wide_profile()
        exif = written.getexif()
        assert exif.get(0x0112, 1) == 1
        assert exif[0x010F] == "A camera"
        after = np.asarray(written.convert("RGB"))
    changed = np.argwhere((after != before).any(axis=2))
    if suffix == ".jpg":
        assert result.seam.outside > 0
        assert any("JPEG changes every pixel" in note for note in result.notes)
    else:
        assert result.seam.outside == 0
        (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
        assert 340 < left < right < 780
        assert 250 < top < bottom < 690
        assert len(changed) > 10_000
        assert result.notes == ()
    assert result.seam.result < 1.3 * result.seam.photo + 1
    recipe = read_recipe(out)
    assert recipe.state.model_a == replace(state).model_a
    assert recipe.paste is not None
    assert recipe.paste.sha256 == file_sha256(photo)
    assert str(photo.parent) not in recipe_to_json(recipe)
    assert "Mary" not in recipe_to_json(recipe)
    assert recipe_from_json(recipe_to_json(recipe)).paste == recipe.paste


def test_that_exif_is_left_out_when_it_is_not_wanted(
    engine: Headless, state: EditState, photo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    engine.run(PasteBack(state, photo, source_of(engine, photo), out, settings=PasteSettings(keep_exif=False)))
    assert 0x010F not in Image.open(out).getexif()


def test_that_a_changed_photo_is_told(engine: Headless, state: EditState, photo: Path, tmp_path: Path) -> None:
    source = replace(source_of(engine, photo), sha256="0" * 64)
    result = engine.run(PasteBack(state, photo, source, tmp_path / "out.png"))
    assert isinstance(result, PastedBack)
    assert CHANGED in result.notes


def test_that_a_full_disk_leaves_nothing(
    engine: Headless, state: EditState, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"the old one")
    real = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, "full")
        return real(handle, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="disk is full"):
        engine.run(PasteBack(state, photo, source_of(engine, photo), out))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert out.read_bytes() == b"the old one"


def test_that_the_preview_shows_what_is_written(
    engine: Headless, state: EditState, photo: Path, tmp_path: Path
) -> None:
    source = source_of(engine, photo)
    picture = rgb_to_bgrx(engine.render(state))
    shown = engine.run(PreviewPaste(photo, source, picture))
    assert isinstance(shown, PastePreview)
    assert shown.patch is not None
    assert shown.size_px == (1100, 900)
    again = engine.run(PreviewPaste(photo, source, picture, mask=shown.mask))
    assert isinstance(again, PastePreview)
    assert again.photo is shown.photo
    assert again.patch is not None
    assert np.array_equal(again.patch, shown.patch)
    pasted = shown.photo.copy()
    left, top = shown.place
    pasted[top : top + shown.patch.shape[0], left : left + shown.patch.shape[1]] = shown.patch
    out = tmp_path / "out.png"
    engine.run(PasteBack(state, photo, source, out, mask=shown.mask))
    from engine.paste.colours import to_srgb

    written = to_srgb(np.asarray(Image.open(out).convert("RGB")), wide_profile())
    assert np.abs(pasted[..., 2::-1].astype(int) - written).mean() < 1
    bare = engine.run(PreviewPaste(photo, source))
    assert isinstance(bare, PastePreview)
    assert bare.patch is None


def test_that_presets_grow_and_stay_in_the_square(engine: Headless, photo: Path) -> None:
    source, sizes = source_of(engine, photo), []
    for preset in MaskPreset:
        shown = engine.run(PreviewPaste(photo, source, settings=PasteSettings(preset=preset)))
        assert isinstance(shown, PastePreview)
        mask = shown.mask
        assert mask.shape == (MASK_PX, MASK_PX)
        assert mask.dtype == np.uint8
        assert not mask[0].any()
        assert mask[300, 256] > 250  # below the eyes, in the middle
        sizes.append(float((mask > 127).mean()))
    assert 0.08 < sizes[0] < sizes[1] < sizes[2] < 1


def test_that_masks_travel_as_pictures(tmp_path: Path) -> None:
    mask = np.arange(MASK_PX * MASK_PX, dtype=np.uint32).reshape(MASK_PX, MASK_PX).astype(np.uint8)
    assert np.array_equal(decode_mask(encode_mask(mask)), mask)
    for damaged in (b"", b"junk", encode_mask(mask)[:100]):
        with pytest.raises(RecipeFormatError):
            decode_mask(damaged)
    path = tmp_path / "mine.png"
    Image.fromarray(mask).resize((100, 100)).save(path)
    assert read_mask(path).shape == (MASK_PX, MASK_PX)


def test_that_the_verb_pastes_and_pastes_again(
    state: EditState, engine: Headless, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    found, out, again = tmp_path / "found.png", tmp_path / "out.png", tmp_path / "again.png"
    engine.export(found, engine.render(state), state)
    eyes, mouth = "516,426,595,426", "555,510"
    common = ["--device", "cpu"]
    run = CliRunner().invoke
    done = run(app, ["paste", str(found), str(photo), "--eyes", eyes, "--mouth", mouth, "-o", str(out), *common])
    assert done.exit_code == 0, done.output
    assert "1100 x 900 px" in done.output
    assert "Across the seam" in done.output
    done = run(app, ["paste", str(out), str(photo), "-o", str(again), *common])
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == again.read_bytes()
    other = tmp_path / "other.tif"
    options = ["--mask", "head", "--seam", "feather", "--feather", "0.05", "--detail", "0", "--no-exif"]
    done = run(app, ["paste", str(out), str(photo), "-o", str(other), *options, *common])
    assert done.exit_code == 0, done.output
    assert not np.array_equal(np.asarray(Image.open(other).convert("RGB")), np.asarray(Image.open(out)))


def test_that_the_verb_refuses_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Path) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    run = CliRunner().invoke
    for arguments, status in (
        (["paste", str(tmp_path / "no.png"), str(photo), "-o", str(tmp_path / "o.png")], 1),
        (["paste", str(photo), str(photo), "-o", str(tmp_path / "o.png")], 1),
        (["paste", str(photo), str(photo), "-o", str(tmp_path / "o.txt")], 1),
        (["paste", str(photo), str(photo), "-o", str(tmp_path / "o.png"), "--feather", "9"], 2),
        (["paste", str(photo), str(photo), "-o", str(tmp_path / "o.png"), "--eyes", "1,2"], 2),
    ):
        done = run(app, arguments)
        assert done.exit_code == status, done.output
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize("verb", ["paste", "invert", "toonify"])
def test_that_no_verb_writes_over_the_photo(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    before = photo.read_bytes()
    given = [str(photo)] * (2 if verb == "paste" else 1)
    done = CliRunner().invoke(app, [verb, *given, "-o", str(photo)])
    assert done.exit_code == 1, done.output
    assert "what this begins with" in done.output
    assert photo.read_bytes() == before
