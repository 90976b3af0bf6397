"""One look on many faces: made once, taken up where it stopped, and told when a face cannot be made."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_networks import random_network, small_config

from engine.atomic import storage_error
from engine.batch import LATENTS, MANIFEST, BatchOrder, run_batch
from engine.batch_events import (
    BatchEvent,
    BatchFinished,
    BatchPicture,
    BatchProgress,
    BatchSkipped,
    read_batch_event,
)
from engine.errors import JobError, StorageError
from engine.event_lines import to_json_line
from engine.export.embedded import read_recipe
from engine.export.sheets import contact_sheet
from engine.file_hash import file_sha256
from engine.headless import Headless, open_headless
from engine.inversion.photo_faces import open_faces
from engine.messages import InvertPortrait, PortraitInverted
from engine.places import HOME_VARIABLE, resources_folder
from engine.state import EditState, SeedLatent, StoredLatent, with_alpha

ROOT = Path(__file__).resolve().parents[2]
PORTRAIT = resources_folder() / "portraits" / "composite_f_multi.jpg"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headless]:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    with ExitStack() as stack:
        yield stack.enter_context(open_headless("cpu"))


@pytest.fixture
def state(engine: Headless, tmp_path: Path) -> EditState:
    """Two tiny relatives."""
    refs = []
    for seed in range(2):
        path = tmp_path / f"tiny{seed}.safetensors"
        random_network(small_config((6, 6, 4)), seed).save(path)
        refs.append(engine.model(str(path)))
    return EditState(model_a=refs[0], model_b=refs[1])


def events(order: BatchOrder, engine: Headless) -> list[BatchEvent]:
    return list(run_batch(order, engine))


def end(found: list[BatchEvent]) -> BatchFinished:
    assert isinstance(found[-1], BatchFinished)
    return found[-1]


def test_that_every_seed_gets_a_picture_with_its_recipe_and_all_stand_on_a_sheet(
    engine: Headless, state: EditState, tmp_path: Path
) -> None:
    found = events(BatchOrder(state, tmp_path / "out", seeds=(3, 1, 3)), engine)
    assert (end(found).made, end(found).kept, end(found).failed) == (2, 0, 0)
    recipe = read_recipe(tmp_path / "out" / "seed-1.png")
    assert recipe.state == replace(state, latent=SeedLatent(1))
    with Image.open(end(found).sheet) as sheet:
        assert sheet.width > 2 * 192


def test_that_a_second_run_makes_nothing_and_another_look_makes_all(
    engine: Headless, state: EditState, tmp_path: Path
) -> None:
    order = BatchOrder(state, tmp_path / "out", seeds=(1, 2))
    events(order, engine)
    assert (end(events(order, engine)).made, end(events(order, engine)).kept) == (0, 2)
    other = end(events(replace(order, state=with_alpha(state, 0.3)), engine))
    assert (other.made, other.kept) == (2, 0)


def test_that_a_picture_that_was_deleted_or_a_damaged_list_is_made_good(
    engine: Headless, state: EditState, tmp_path: Path
) -> None:
    order = BatchOrder(state, tmp_path / "out", seeds=(1, 2))
    events(order, engine)
    (tmp_path / "out" / "seed-2.png").unlink()
    assert end(events(order, engine)).made == 1
    (tmp_path / "out" / MANIFEST).write_text('{"graft_batch": 1, "pictures": {"seed 1": 7')
    assert end(events(order, engine)).made == 2


def test_that_a_photo_is_found_once_for_all_looks(engine: Headless, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    shutil.copy(PORTRAIT, photos / "one.jpg")
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    Image.new("RGB", (300, 200), "grey").save(photos / "wall.png")
    order = BatchOrder(engine.default_state(), tmp_path / "out", photos=photos, steps=0)
    found = events(order, engine)
    assert {event.name for event in found if isinstance(event, BatchSkipped)} == {"broken.jpg", "wall.png"}
    (picture,) = (event for event in found if isinstance(event, BatchPicture))
    state = read_recipe(Path(picture.file)).state
    assert isinstance(state.latent, StoredLatent)
    assert state.truncation_psi == 1.0
    (latent,) = (tmp_path / "out" / LATENTS).iterdir()
    written = latent.stat().st_mtime_ns
    again = events(replace(order, state=with_alpha(order.state, 0.2)), engine)
    assert end(again).made == 1
    assert latent.stat().st_mtime_ns == written


def test_that_a_face_that_is_cut_out_is_searched_as_one_that_is_not(engine: Headless) -> None:
    model = engine.model("portrait")
    faces = open_faces(PORTRAIT)
    job = InvertPortrait(PORTRAIT, faces.face(1).points, model, "one", steps=1, optimise_noise=False)
    crop = faces.cut(1, *engine.crop_of(model))
    whole, cut = engine.run(job), engine.search_crop(job, crop, file_sha256(PORTRAIT))
    assert isinstance(whole, PortraitInverted)
    assert isinstance(cut, PortraitInverted)
    assert (cut.latent, cut.source, cut.likeness) == (whole.latent, whole.source, whole.likeness)


def test_that_photos_of_one_name_do_not_overwrite_each_other(engine: Headless, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "b").mkdir(parents=True)
    for name in ("one.jpg", "one.png", "b/one.jpg"):
        Image.open(PORTRAIT).save(photos / name)
    order = BatchOrder(engine.default_state(), tmp_path / "out", photos=photos, steps=0, with_sheet=False)
    files = {event.file for event in events(order, engine) if isinstance(event, BatchPicture)}
    assert len(files) == 3


def test_that_an_empty_order_and_the_photos_own_folder_are_refused(
    engine: Headless, state: EditState, tmp_path: Path
) -> None:
    with pytest.raises(JobError, match="nothing to put the look on"):
        events(BatchOrder(state, tmp_path / "out"), engine)
    shutil.copy(PORTRAIT, tmp_path / "one.jpg")
    with pytest.raises(JobError, match="among the photos"):
        events(BatchOrder(state, tmp_path, photos=tmp_path), engine)


def test_that_events_travel_as_lines() -> None:
    event = BatchProgress("seed 4, 1 of 9", 0, 9, 0.5, float("nan"))
    again = read_batch_event(to_json_line(event))
    assert isinstance(again, BatchProgress)
    assert again.text == event.text
    assert np.isnan(again.time_left_s)
    assert read_batch_event('{"event": "BatchProgress", "te') is None


def test_that_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    command = [sys.executable, str(ROOT / "main.py"), "batch", "--seeds", "0-7", "--size", "64", "--json"]
    command += ["-o", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        assert child.stdout is not None
        made = 0
        for line in child.stdout:
            made += isinstance(read_batch_event(line), BatchPicture)
            if made == 3:
                child.send_signal(signal.SIGKILL)
                break
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    last = read_batch_event(done.stdout.splitlines()[-1])
    assert isinstance(last, BatchFinished)
    assert last.made + last.kept == 8
    assert last.kept >= 2  # the third may have been killed between the picture and its entry
    for number in range(8):
        with Image.open(tmp_path / "out" / f"seed-{number}.png") as picture:
            picture.load()
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["graft_batch"] == 1


def test_that_long_names_are_cut_in_the_middle_of_a_sheet() -> None:
    pictures = [np.zeros((64, 48, 3), np.uint8)] * 5
    sheet = contact_sheet(pictures, ["a" * 200] * 5, title="Five", cell_px=96, columns=2)
    assert sheet.shape[1] == 2 * 16 + 2 * 96 + 4
    assert sheet.shape[0] > 3 * 96


def test_that_a_full_disk_ends_the_batch_at_once(
    engine: Headless, state: EditState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def write(path: Path, *_: object, **__: object) -> None:
        asked.append(path.name)
        full = OSError(errno.ENOSPC, "no room")
        raise storage_error(f"save {path.name}", full) from full

    monkeypatch.setattr("engine.headless.write_still", write)
    with pytest.raises(StorageError, match="the disk is full"):
        events(BatchOrder(state, tmp_path / "out", seeds=(1, 2, 3)), engine)
    assert asked == ["seed-1.png"]
