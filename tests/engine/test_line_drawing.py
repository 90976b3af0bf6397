"""Photos as line drawings: the network's file, the functions, the job and the verb."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from engine.cli import app
from engine.errors import ModelError, NoFaceError, StorageError
from engine.framing import FacePoints
from engine.helper_file import LICENCE, HelperCard, save_helper
from engine.job_handlers import JobHandlers
from engine.job_table import Background
from engine.line_drawing import SKETCH_FILE, draw_lines, draw_portrait, enlarged, load_sketch_net
from engine.messages import DrawLines, LinesDrawn
from engine.nets.sketch import SketchNet

PORTRAITS = Path(__file__).parents[2] / "resources" / "portraits"
SAMPLE = PORTRAITS / "composite_f_white.jpg"
CARD = HelperCard("sketch", 256, (), (), LICENCE)


@pytest.fixture(scope="module")
def net() -> SketchNet:
    return load_sketch_net()


def test_that_a_face_becomes_few_dark_lines_on_white(net: SketchNet) -> None:
    drawing = draw_portrait(SAMPLE)
    assert drawing.lines.shape == (512, 512)
    ink = drawing.lines < 128
    assert 0.02 < ink.mean() < 0.15
    assert (drawing.lines > 250).mean() > 0.8
    ys, xs = np.mgrid[0:512, 0:512]
    for x in (0.5 - 0.235 / 2, 0.5 + 0.235 / 2):  # there is an eye at either place
        assert ink[np.hypot(xs - x * 512, ys - 0.46 * 512) < 25].any()


def test_that_lines_follow_the_photo(net: SketchNet) -> None:
    image = np.asarray(Image.open(SAMPLE).convert("RGB").resize((256, 256)))
    lines, moved = draw_lines(net, image), draw_lines(net, np.roll(image, 32, axis=1))
    assert np.corrcoef(lines[:, 32:192].ravel(), moved[:, 64:224].ravel())[0, 1] > 0.9
    assert np.corrcoef(lines.ravel(), moved.ravel())[0, 1] < 0.5


def test_that_a_picture_of_any_size_is_drawn_at_its_size(net: SketchNet) -> None:
    for shape in ((1, 1), (33, 70), (64, 32)):
        assert draw_lines(net, np.full((*shape, 3), 90, np.uint8)).shape == shape


def test_that_a_given_face_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("engine.line_drawing.locate_faces", refuse)
    face = FacePoints((216.0, 226.0), (295.0, 226.0), (255.0, 310.0))
    assert draw_portrait(SAMPLE, face, size_px=96).lines.shape == (96, 96)


def test_that_a_photo_without_a_face_is_only_drawn_whole(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (300, 200), (90, 120, 90)).save(path)
    with pytest.raises(NoFaceError):
        draw_portrait(path)
    with pytest.raises(NoFaceError):
        draw_portrait(SAMPLE, number=2)
    assert max(draw_portrait(path, whole=True).lines.shape) == 1024


def test_that_enlarging_keeps_paper_white_and_ink_black() -> None:
    lines = np.full((64, 64), 255, np.uint8)
    cv2.line(lines, (10, 10), (50, 40), 0, 3)
    large, small = enlarged(lines, 4), enlarged(lines, 0.5)
    assert (large.shape, small.shape) == ((256, 256), (32, 32))
    assert large.min() < 40
    assert large.max() == 255
    assert abs((large < 128).mean() - (lines < 128).mean()) < 0.02


def test_that_only_a_sketch_network_is_read(tmp_path: Path) -> None:
    path = tmp_path / SKETCH_FILE
    tensors = SketchNet((2, 2, 2, 2, 2)).state_dict()
    save_helper(path, CARD, tensors)
    load_sketch_net(tmp_path)
    for card, stored in (
        (HelperCard("landmarks", 256, (), (), LICENCE), tensors),
        (CARD, SketchNet((2, 2, 2)).state_dict()),
        (CARD, {"x": torch.zeros(1)}),
        (CARD, {**tensors, "ink.bias": torch.zeros(5)}),
    ):
        save_helper(path, card, stored)
        with pytest.raises(ModelError) as caught:
            load_sketch_net(tmp_path)
        assert len(caught.value.user_message) <= 300
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_sketch_net(tmp_path)


def test_that_the_job_writes_the_drawing(tmp_path: Path) -> None:
    path = tmp_path / "lines.png"
    result = finished(DrawLines(SAMPLE, path))
    assert isinstance(result, LinesDrawn)
    assert result.size_px == (512, 512)
    with Image.open(path) as written:
        assert written.size == (512, 512)
    with pytest.raises(StorageError):
        finished(DrawLines(SAMPLE, tmp_path / "lines.txt"))


def test_that_the_verb_writes_the_drawing(tmp_path: Path) -> None:
    out = tmp_path / "lines.png"
    result = CliRunner().invoke(app, ["sketch", str(SAMPLE), "--out", str(out), "--size", "128"])
    assert result.exit_code == 0, result.output
    assert "128 x 128 px" in result.output
    with Image.open(out) as written:
        pixels = np.asarray(written.convert("L"))
    assert pixels.shape == (128, 128)
    assert pixels.min() < 100 < 200 < np.median(pixels)
    missing = CliRunner().invoke(app, ["sketch", str(tmp_path / "no.jpg"), "--out", str(out)])
    assert missing.exit_code == 1
    assert "no.jpg" in missing.output


def finished(job: DrawLines) -> object:
    """Run a job that needs no engine."""
    steps = JobHandlers(None, None, None).begin(job)  # type: ignore[arg-type]
    assert isinstance(steps, Generator)
    answer = None
    try:
        while True:
            item = steps.send(answer)
            answer = item.call() if isinstance(item, Background) else None
    except StopIteration as stop:
        return stop.value
