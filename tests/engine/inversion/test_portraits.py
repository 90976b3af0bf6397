"""Portraits through the child process, as the window opens them."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import UnreadableImageError
from engine.framing import Framing, FramingKind
from engine.inversion import portraits
from engine.inversion.portraits import cut_portrait, open_portrait, read_portrait

SAMPLE = Path(__file__).parents[3] / "resources" / "portraits" / "composite_f_white.jpg"


def refusal(path: Path) -> UnreadableImageError:
    with pytest.raises(UnreadableImageError) as caught:
        read_portrait(path)
    assert len(caught.value.user_message) <= 300
    return caught.value


def test_that_a_portrait_comes_with_preview_and_face() -> None:
    opened = open_portrait(SAMPLE)
    assert opened.size_px == (512, 512)
    assert opened.scale == 1.0
    assert opened.notes == ()
    assert len(opened.faces) == 1
    wanted = np.asarray(Image.open(SAMPLE))
    assert opened.preview.shape == (512, 512, 4)
    assert opened.preview.flags.c_contiguous
    np.testing.assert_array_equal(opened.preview[:, :, 2::-1], wanted)


def test_that_the_preview_of_a_large_picture_is_small_and_its_faces_are_in_full_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.open(SAMPLE).resize((2048, 2048)).save(path)
    opened = open_portrait(path)
    assert opened.size_px == (2048, 2048)
    assert opened.preview.shape == (1600, 1600, 4)
    assert opened.scale == pytest.approx(1600 / 2048)
    small = open_portrait(SAMPLE)
    np.testing.assert_allclose(opened.faces[0].left_eye, np.array(small.faces[0].left_eye) * 4, atol=12)


def test_that_a_picture_without_a_face_opens_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), (90, 120, 90)).save(path)
    assert open_portrait(path).faces == ()


def test_that_a_cut_portrait_has_the_models_size() -> None:
    face = open_portrait(SAMPLE).faces[0]
    cut = cut_portrait(SAMPLE, face, Framing(FramingKind.EYES), 64)
    assert cut.shape == (64, 64, 3)
    assert cut.std() > 20


@pytest.mark.parametrize("name", ["no suffix", "wrong.png", "line\nbreak.jpg", "türkçe \u202egnp.exe", "x" * 250])
def test_that_neither_name_nor_suffix_matters(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(SAMPLE.read_bytes())
    assert read_portrait(path).pixels.shape == (512, 512, 3)


def test_that_a_refusal_names_the_file_and_shows_no_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "line\nbreak\u202e.jpg"
    path.write_bytes(b"no picture")
    assert refusal(path).user_message == "line?break?.jpg: This file is not a picture that Graft can read."


def test_that_a_missing_file_a_folder_and_a_pipe_are_told_apart_at_once(tmp_path: Path) -> None:
    started = time.perf_counter()
    assert "No such file" in refusal(tmp_path / "gone.jpg").user_message
    assert "folder" in refusal(tmp_path).user_message
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "device" in refusal(tmp_path / "pipe").user_message
        (tmp_path / "round.jpg").symlink_to(tmp_path / "and round.jpg")
        (tmp_path / "and round.jpg").symlink_to(tmp_path / "round.jpg")
        assert "cannot be read" in refusal(tmp_path / "round.jpg").user_message
    assert "\0" not in refusal(Path("nul\0byte")).user_message
    assert time.perf_counter() - started < 1.0


def test_that_a_decoder_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portraits, "_CHILD", "import threading; threading.Event().wait()")
    monkeypatch.setattr(portraits, "MAX_DECODE_S", 0.2)
    assert "took longer" in refusal(SAMPLE).user_message


def test_that_a_decoder_that_dies_is_an_error_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portraits, "_CHILD", "import os; os.abort()")
    assert "Decoding this picture failed" in refusal(SAMPLE).user_message


@pytest.mark.parametrize(
    "header",
    [
        {"width": 100_000, "height": 100_000, "notes": []},
        {"width": -5, "height": -5, "notes": []},
        {"width": 4, "height": 4},
        {"width": "many", "height": 4, "notes": []},
        {"width": 4, "height": 4, "notes": []},
        ["no", "object"],
    ],
    ids=["huge", "negative", "incomplete", "words", "too few pixels", "list"],
)
def test_that_nothing_a_decoder_says_is_taken_on_trust(header: object) -> None:
    answer = io.BytesIO(json.dumps(header).encode() + b"\n" + bytes(10))
    with pytest.raises(UnreadableImageError, match="Decoding this picture failed"):
        portraits._read_answer(answer)


@pytest.mark.skipif(sys.platform != "linux", reason="address space can be capped on Linux only")
def test_that_a_decoder_cannot_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    hungry = (
        "import sys; sys.path.insert(0, sys.argv[1]); import engine.inversion.decode_child as c;"
        "import engine.inversion.decode as d; c.MAX_MEMORY_BYTES = 1 << 30;"
        "d._decoded = lambda image: bytearray(2 << 30); c.main()"
    )
    monkeypatch.setattr(portraits, "_CHILD", hungry)
    assert "more memory" in refusal(SAMPLE).user_message


def test_that_a_decoder_gets_no_secrets_and_no_switches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIBHEIF_SECURITY_LIMITS", "OFF")
    monkeypatch.setenv("SECRET_TOKEN", "x")
    tell = (
        "import json, os, sys; names = [n for n in os.environ if 'LIBHEIF' in n or 'SECRET' in n];"
        "print(json.dumps({'error': ','.join(names) or 'clean'}))"
    )
    monkeypatch.setattr(portraits, "_CHILD", tell)
    assert refusal(SAMPLE).user_message.endswith("clean")
