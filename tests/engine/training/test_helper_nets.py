"""Training the landmark and the sketch network, on drawn faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_faces import draw_face, face_points
from typer.testing import CliRunner

from engine.cli import app
from engine.errors import JobError
from engine.helper_file import load_helper
from engine.inversion.landmarks import load_finder
from engine.line_drawing import draw_lines, load_sketch_net
from engine.nets.landmarks import FRAME_EYES, FRAME_PX, LANDMARKS, MIRRORED, LandmarkNet
from engine.nets.sketch import SketchNet
from engine.training.bending import draw_bend, placed
from engine.training.config import Precision
from engine.training.face_views import draw_view
from engine.training.landmark_net import LandmarkTask
from engine.training.parts import open_parts, split
from engine.training.sketch_net import SketchTask, draw_pair

COUNT = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as portrait-data makes it, in two parts."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    points = [face_points(rng) for _ in range(COUNT)]
    pictures = np.stack([draw_face(one, rng) for one in points])
    drawings = np.where(pictures.min(axis=3, keepdims=True) < 80, np.uint8(0), np.uint8(255)).repeat(3, axis=3)
    for style, rows in (("portrait", pictures), ("lines", drawings)):
        (folder / style).mkdir()
        (folder / "landmarks" / style).mkdir(parents=True)
        for part in (slice(0, 14), slice(14, COUNT)):
            np.save(folder / style / f"{part.start:07d}.npy", rows[part])
            np.save(folder / "landmarks" / style / f"{part.start:07d}.npy", np.stack(points[part]).astype(np.float32))
    return folder


def test_that_every_landmark_has_a_mirror_image() -> None:
    assert len(set(LANDMARKS)) == len(LANDMARKS) == len(MIRRORED)
    assert [MIRRORED[place] for place in MIRRORED] == list(range(len(LANDMARKS)))
    assert LANDMARKS[:2] == (0, 1)
    assert MIRRORED[:2] == (1, 0)


@pytest.mark.parametrize("seed", range(4))
def test_that_landmarks_move_with_their_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = face_points(rng)[list(LANDMARKS)]
    affine = placed(np.array([128.0, 140.0]), 1.4, rng.normal() * 0.3, FRAME_PX, mirror=bool(seed % 2))
    bend = draw_bend(affine, FRAME_PX, points[:2], rng, 2.0)
    moved = bend.moved(points)
    x, y = np.round(moved).astype(int).T
    inside = (x > 0) & (y > 0) & (x < FRAME_PX) & (y < FRAME_PX)
    assert inside.sum() > 60
    away = np.linalg.norm(bend.places()[y[inside], x[inside]] - points[inside], axis=1)
    assert away.max() < 2.5  # of rounding to a pixel of the frame, which are 1.4 of the picture


def test_that_a_view_depends_on_its_numbers_alone(data: Path) -> None:
    pictures = open_parts(data / "portrait", np.uint8, (None, None, 3))
    points = open_parts(data / "landmarks" / "portrait", np.float32, (189, 2))
    views = [
        draw_view(pictures[3], points[3].astype(float), np.random.default_rng(seed), lambda: pictures[5])
        for seed in (7, 7, 8)
    ]
    np.testing.assert_array_equal(views[0].picture, views[1].picture)
    assert not np.array_equal(views[0].picture, views[2].picture)
    assert views[0].picture.shape == (FRAME_PX, FRAME_PX, 3)


def test_that_a_gentle_view_is_framed_nearly_right(data: Path) -> None:
    pictures = open_parts(data / "portrait", np.uint8, (None, None, 3))
    points = open_parts(data / "landmarks" / "portrait", np.float32, (189, 2))
    rng = np.random.default_rng(0)
    for row in range(12):
        view = draw_view(pictures[row], points[row].astype(float), rng, lambda: pictures[0], gentle=True)
        assert view.face
        assert np.abs(view.points[:2] - np.array(FRAME_EYES)).max() < 25


def test_that_some_views_show_no_face_and_say_so(data: Path) -> None:
    pictures = open_parts(data / "portrait", np.uint8, (None, None, 3))
    points = open_parts(data / "landmarks" / "portrait", np.float32, (189, 2))
    rng = np.random.default_rng(0)
    views = [draw_view(pictures[0], points[0].astype(float), rng, lambda: pictures[1]) for _ in range(60)]
    without = [view for view in views if not view.face]
    assert 2 <= len(without) <= 20
    assert not any(view.seen.any() for view in without)


def test_that_photo_and_drawing_stay_on_each_other(data: Path) -> None:
    photos, drawings = (open_parts(data / name, np.uint8, (None, None, 3)) for name in ("portrait", "lines"))
    points = open_parts(data / "landmarks" / "lines", np.float32, (189, 2))
    shown, ink = draw_pair(photos[0], drawings[0], points[0], photos[1], np.random.default_rng(1))
    assert shown.shape[:2] == ink.shape
    dark = shown.mean(axis=2)
    assert dark[ink > 0.8].mean() < dark[ink < 0.2].mean() - 0.05


def test_that_both_networks_learn(data: Path) -> None:
    cpu = torch.device("cpu")
    for task in (LandmarkTask(data, cpu, 0), SketchTask(data, cpu, 0)):
        optimizer = torch.optim.AdamW(task.module.parameters(), lr=2e-3)
        totals = []
        for _ in range(8):
            losses = task.losses(np.random.default_rng(0), 4, Precision.FLOAT32)  # the same batch each time
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            totals.append(float(total.detach()))
        assert totals[-1] < 0.9 * totals[0]


def test_that_the_verbs_write_files_that_the_engine_opens(data: Path, tmp_path: Path) -> None:
    for verb in ("landmarks", "sketch"):
        run = tmp_path / verb
        options = ["--data", str(data), "--out", str(run), "--steps", "2", "--batch", "2", "--device", "cpu"]
        result = CliRunner().invoke(app, ["train", verb, *options])
        assert result.exit_code == 0, result.output
        card, _ = load_helper(run / f"{verb}.safetensors", verb)
        assert card.lineage[0]["steps"] == 2
        assert "CC BY" in card.licence
    load_finder(tmp_path / "landmarks" / "landmarks.safetensors")
    picture = np.full((64, 96, 3), 200, np.uint8)
    assert draw_lines(load_sketch_net(tmp_path / "sketch"), picture).shape == (64, 96)


def test_that_a_saved_network_sees_what_the_trained_one_saw(data: Path, tmp_path: Path) -> None:
    task = LandmarkTask(data, torch.device("cpu"), 3)
    task.module.eval()
    path = tmp_path / "landmarks.safetensors"
    task.save(path, 0, 2, {})
    images = torch.rand(1, 3, FRAME_PX, FRAME_PX) * 2 - 1
    _, tensors = load_helper(path, "landmarks")
    with torch.no_grad():
        stored, live = LandmarkNet.from_tensors(tensors)(images), task.module(images)
    torch.testing.assert_close(stored.points, live.points, atol=0.3, rtol=0)  # half precision


def test_that_a_drawing_is_the_same_in_a_batch(data: Path) -> None:
    torch.manual_seed(0)
    net = SketchNet().eval()
    images = torch.rand(3, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(net(images)[1:2], net(images[1:2]), atol=1e-5, rtol=0)
    for shape in ((1, 3, 60, 96), (1, 1, 64, 64), (1, 3, 0, 32)):
        with pytest.raises(ValueError, match="multiples of 32"):
            net(torch.zeros(shape))


def test_that_folders_that_are_not_portrait_data_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="has no pictures in portrait/"):
        LandmarkTask(tmp_path, torch.device("cpu"), 0)
    (tmp_path / "portrait").mkdir()
    np.save(tmp_path / "portrait" / "0000000.npy", np.zeros((30, 64, 64, 3), np.float32))
    with pytest.raises(JobError, match="something else"):
        LandmarkTask(tmp_path, torch.device("cpu"), 0)
    (tmp_path / "portrait" / "0000000.npy").write_bytes(b"no array")
    with pytest.raises(JobError, match="damaged"):
        LandmarkTask(tmp_path, torch.device("cpu"), 0)


def test_that_rows_to_measure_on_are_never_learned() -> None:
    learned, kept = split(10_000)
    assert (len(learned), len(kept)) == (9_600, 400)
    assert not set(learned) & set(kept)
    with pytest.raises(JobError, match="at least 20"):
        split(19)


def test_that_parts_are_one_array(data: Path) -> None:
    parts = open_parts(data / "landmarks" / "portrait", np.float32, (189, 2))
    assert len(parts) == COUNT
    np.testing.assert_array_equal(parts[14], np.load(data / "landmarks" / "portrait" / "0000014.npy")[0])
    with pytest.raises(IndexError):
        parts[COUNT]
