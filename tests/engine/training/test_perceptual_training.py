"""What the feature net learns from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_faces import draw_face, face_points
from torch import Tensor
from typer.testing import CliRunner

from engine.errors import JobError
from engine.helper_file import load_helper
from engine.inversion.distance import default_distance
from engine.nets.perceptual import KIND, PerceptualNet, feature_distance
from engine.training.cli import app
from engine.training.config import Precision
from engine.training.perceptual import task as task_module
from engine.training.perceptual.damage import FAMILIES, Faces, damaged
from engine.training.perceptual.photography import rephotographed
from engine.training.perceptual.sources import Sources
from engine.training.perceptual.task import PerceptualTask, comparison, varied
from engine.training.supervised import FitConfig, fit

SMALL = (8, 8, 12, 16, 16)
CPU = torch.device("cpu")


def write_faces(folder: Path, count: int, style: str = "portrait") -> Path:
    rng = np.random.default_rng(1)
    points = [face_points(rng) for _ in range(count)]
    pictures = np.stack([draw_face(one, rng) for one in points])
    for place, array in ((style, pictures), (f"landmarks/{style}", np.stack(points).astype(np.float32))):
        (folder / place).mkdir(parents=True)
        np.save(folder / place / "0000000.npy", array)
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("faces"), 24)


@pytest.fixture(scope="module")
def faces(data: Path) -> Faces:
    return Sources(data).faces(range(12))


def apart(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().mean(dim=(1, 2, 3))


@pytest.mark.parametrize("family", range(len(FAMILIES)), ids=list(FAMILIES))
def test_that_a_damage_grows_with_its_strength_and_is_minded_more(faces: Faces, family: int) -> None:
    here, there = faces[torch.arange(6)], faces[torch.arange(6, 12)]
    changes, minds = [], []
    for strength in (0.0, 0.25, 1.0):
        strengths, whole = torch.full((6,), strength), torch.zeros(6, dtype=torch.bool)
        pictures, minded = damaged(here, there, torch.full((6,), family), strengths, whole, seed=3)
        assert float(pictures.abs().max()) <= 1
        changes.append(apart(pictures, here.images))
        minds.append(minded)
    assert float(changes[0].max()) < 0.005
    assert bool((changes[1] < changes[2]).all())
    assert bool((minds[0] < minds[1]).all())
    assert bool((minds[1] < minds[2]).all())


def test_that_a_local_damage_leaves_the_rest_alone(faces: Faces) -> None:
    noise = torch.full((12,), list(FAMILIES).index("noise"))
    spots, _ = damaged(faces, faces, noise, torch.ones(12), torch.ones(12, dtype=torch.bool), seed=4)
    assert float((spots - faces.images)[:, :, :8, :8].abs().max()) < 1e-3
    assert bool((apart(spots, faces.images) > 0.003).all())


def test_that_photographing_again_changes_much_and_is_minded_little(faces: Faces) -> None:
    pictures, minded = rephotographed(faces.images, torch.Generator().manual_seed(2))
    assert 0 <= float(minded.min()) <= float(minded.max()) <= 0.3
    assert float(apart(pictures, faces.images).max()) > 0.03
    still = minded == 0
    assert float(apart(pictures, faces.images)[still].sum()) < 0.01


def test_that_landmarks_follow_when_the_framing_changes(faces: Faces) -> None:
    dots = torch.full_like(faces.images, -1)
    place = ((faces.points[:, 0] + 1) / 2 * 127).round().long()
    for row, (x, y) in enumerate(place.tolist()):
        dots[row, :, y - 2 : y + 3, x - 2 : x + 3] = 1
    moved = varied(Faces(dots, faces.points), torch.Generator().manual_seed(1))
    found = ((moved.points[:, 0] + 1) / 2 * 127).round().long()
    for row, (x, y) in enumerate(found.tolist()):
        assert float(moved.images[row, :, y, x].mean()) > 0


def test_that_a_comparison_is_a_pure_function_of_its_random_numbers(data: Path) -> None:
    sources = Sources(data)
    first, again, other = (comparison(sources.learned, sources, np.random.default_rng(seed), 4) for seed in (1, 1, 2))
    torch.testing.assert_close(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert first.images.shape == (4, 4, 3, 128, 128)
    assert bool((first.minded[0] < 0.31).all())
    assert bool((first.family[:2] == 0).all())


def test_that_training_puts_changes_into_order(data: Path, tmp_path: Path) -> None:
    task = PerceptualTask(data, CPU, seed=1, widths=SMALL)
    with torch.no_grad():
        before = task.figures(task.module)["in order"]
    config = FitConfig(
        steps=25, batch=6, learning_rate=4e-3, average=0.8, checkpoint_steps=25, precision=Precision.FLOAT32
    )
    list(fit(task, config, tmp_path, lambda: False))
    with torch.no_grad():
        after = task.figures(task.module)
    assert after["in order"] > before + 0.02
    assert set(task_module.WEIGHTS) < set(after)


def test_that_every_style_is_learned_from_and_the_last_pictures_are_kept_back(tmp_path: Path) -> None:
    write_faces(tmp_path, 20)
    write_faces(tmp_path, 22, "toon")
    sources = Sources(tmp_path)
    assert sources.styles == ("portrait", "toon")
    assert sorted([*sources.learned, *sources.kept]) == list(range(42))
    assert sources.kept == [16, 17, 18, 19, 38, 39, 40, 41]
    assert sources.faces([0, 41]).images.shape == (2, 3, 128, 128)


def test_that_a_folder_without_pictures_or_with_small_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="holds no pictures with landmarks"):
        Sources(tmp_path)
    write_faces(tmp_path, 20)
    small = np.zeros((20, 64, 64, 3), np.uint8)
    np.save(tmp_path / "portrait" / "0000000.npy", small)
    with pytest.raises(JobError, match="64 by 64 px; needed are squares of 128 px"):
        Sources(tmp_path)


def test_that_the_verb_writes_a_net_that_the_judge_takes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "perceptual" in {command.name for command in app.registered_commands}
    monkeypatch.setattr(PerceptualTask, "figures", one_figure)
    arguments = ["perceptual", "--data", str(data), "--out", str(tmp_path), "--steps", "2", "--batch", "2"]
    result = CliRunner().invoke(app, [*arguments, "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "perceptual.safetensors" in result.output
    card, tensors = load_helper(tmp_path / "perceptual.safetensors", KIND)
    assert card.lineage[0]["figures"] == {"in order": 0.5}
    net = PerceptualNet.from_tensors(tensors)
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    assert float(feature_distance(net(images[:1]), net(images[1:]))) > 0
    assert default_distance(tmp_path).name.startswith("Graft's own")


def one_figure(_task: PerceptualTask, _module: torch.nn.Module) -> Mapping[str, float]:
    return {"in order": 0.5}
