from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from training_fixtures import picture_folder, pictures

from engine.errors import JobError
from engine.training.dataset import Order, open_dataset
from engine.training.dataset_check import FolderReport, check_folder


def check(folder: Path, resolution: int = 16) -> tuple[FolderReport, list[NDArray[np.uint8]]]:
    found: list[NDArray[np.uint8]] = []
    return check_folder(folder, resolution, found.append), found


def reasons(report: FolderReport) -> dict[str, str]:
    return {refusal.name: refusal.reason for refusal in report.refused}


def test_that_what_cannot_be_learned_from_is_left_out_with_its_reason(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set", 6)
    (folder / "nonsense.png").write_bytes(b"nonsense")
    good = (folder / "000.png").read_bytes()
    (folder / "cut.png").write_bytes(good[: len(good) // 2])
    Image.fromarray(pictures(1, 8)[0]).save(folder / "small.png")
    Image.new("RGB", (32, 32), (9, 99, 9)).save(folder / "flat.png")
    (folder / "twin.png").write_bytes(good)
    (folder / "page.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    (folder / "notes.txt").write_text("not a picture, and not meant to be one")
    report, found = check(folder)
    assert report.accepted == len(found) == 6
    assert reasons(report) == {
        "nonsense.png": "it is damaged or not a picture",
        "cut.png": "it is damaged or not a picture",
        "page.png": "it is damaged or not a picture",
        "small.png": "it is 8x8 px, smaller than 16 px",
        "flat.png": "it is one flat colour",
        "twin.png": "it is the same picture as 000.png",
    }
    assert report.notices == ("6 of 12 files are left out; dataset.json in the run names them.",)


def test_that_too_few_pictures_are_refused_with_numbers_and_examples(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set", 3)
    (folder / "bad.png").write_bytes(b"x")
    with pytest.raises(JobError) as caught:
        open_dataset(folder, 16, 8, tmp_path / "cache")
    assert caught.value.user_message == (
        "Too few pictures to learn from: 3 of 4 pictures can be used, at least 8 are needed, one batch. "
        "For example bad.png: it is damaged or not a picture."
    )
    assert "smaller batch" in caught.value.hint
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["missing", "empty"])
def test_that_a_folder_without_pictures_is_refused(tmp_path: Path, make: object) -> None:
    folder = tmp_path / "set"
    make(folder)  # type: ignore[operator]
    with pytest.raises(JobError, match=r"no folder|holds no pictures"):
        open_dataset(folder, 16, 2, tmp_path / "cache")


def test_that_grey_oblong_and_mixed_pictures_are_told_of(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set", 4)
    grey = pictures(1, seed=9)[0].mean(axis=2).astype(np.uint8)
    Image.fromarray(grey, "L").save(folder / "grey.png")
    wide = np.concatenate([pictures(1, 32, seed=8)[0]] * 2, axis=1)
    Image.fromarray(wide).save(folder / "wide.png")
    report, _ = check(folder)
    assert report.accepted == 6
    assert report.notices == (
        "1 of 6 pictures are grey; the model will make grey pictures now and then.",
        "1 of 6 pictures are not square; their middle is used.",
        "The pictures differ in size, 16 to 64 px; all are made 16 px.",
    )


def test_that_a_set_of_grey_pictures_is_told_of(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index, picture in enumerate(pictures(3)):
        Image.fromarray(picture[..., 0], "L").save(folder / f"{index}.png")
    report, found = check(folder)
    assert report.notices == ("All pictures are grey; the model will learn grey.",)
    assert found[0].shape == (16, 16, 3)


def test_that_pictures_are_turned_upright_and_made_smaller_by_averaging(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    upright = np.kron(pictures(1)[0], np.ones((2, 2, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    Image.fromarray(np.rot90(upright)).save(folder / "turned.png", exif=exif)
    _, found = check(folder)
    np.testing.assert_array_equal(found[0], pictures(1)[0])


def test_that_transparent_and_palette_pictures_can_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    made = pictures(2)
    Image.fromarray(np.dstack([made[0], np.full((16, 16), 9, np.uint8)]), "RGBA").save(folder / "a.png")
    Image.fromarray(made[1]).convert("P").save(folder / "b.png")
    assert check(folder)[0].accepted == 2


def test_that_grey_of_16_bits_keeps_its_steps(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    grey = pictures(1)[0][..., 0]
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "a.png")
    _, found = check(folder)
    np.testing.assert_array_equal(found[0], np.repeat(grey[..., None], 3, axis=2))


def test_that_what_is_transparent_becomes_mid_grey_whatever_its_colour(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    made, alpha = pictures(1)[0], np.full((16, 16), 255, np.uint8)
    alpha[:4] = 0
    Image.fromarray(np.dstack([made, alpha])).save(folder / "a.png")
    _, found = check(folder)
    np.testing.assert_array_equal(found[0][4:], made[4:])
    assert (found[0][:4] == 128).all()


def test_that_colours_are_read_by_the_pictures_profile(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = plain.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    Image.fromarray(pictures(1)[0]).save(folder / "a.png", icc_profile=swapped)
    _, found = check(folder)
    np.testing.assert_allclose(found[0], pictures(1)[0][..., [1, 0, 2]], atol=3)


def test_that_a_set_is_prepared_once_and_anew_when_a_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, cache = picture_folder(tmp_path / "set", 4), tmp_path / "cache"
    first = open_dataset(folder, 16, 2, cache)
    with monkeypatch.context() as patch:
        patch.setattr("engine.training.dataset.check_folder", None)
        again = open_dataset(folder, 16, 2, cache)
    np.testing.assert_array_equal(first.pictures, again.pictures)
    assert (first.sha256, first.report) == (again.sha256, again.report)
    Image.fromarray(pictures(9)[8]).save(folder / "more.png")
    assert len(open_dataset(folder, 16, 2, cache)) == 5
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


def test_that_only_old_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    folder, cache = picture_folder(tmp_path / "set", 4), tmp_path / "cache"
    old, young = cache / ".a.graft-tmp", cache / ".b.graft-tmp"
    for path, age_s in ((old, 1e6), (young, 10.0)):
        path.mkdir(parents=True)
        (path / "raw").write_bytes(b"x")
        for item in (path / "raw", path):
            os.utime(item, (time.time() - age_s,) * 2)
    open_dataset(folder, 16, 2, cache)
    assert not old.exists()
    assert young.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_that_a_pipe_among_the_pictures_is_not_waited_for(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "set", 4)
    os.mkfifo(folder / "pipe.png")
    assert reasons(check(folder)[0]) == {}  # it is not even among them


def test_that_a_damaged_cache_is_refused_with_a_way_out(tmp_path: Path) -> None:
    folder, cache = picture_folder(tmp_path / "set", 4), tmp_path / "cache"
    open_dataset(folder, 16, 2, cache)
    (made,) = cache.iterdir()
    (made / "pictures.npy").write_bytes(b"x")
    with pytest.raises(JobError, match="are damaged") as caught:
        open_dataset(folder, 16, 2, cache)
    assert "Delete that folder" in caught.value.hint


def test_that_arrays_of_pictures_are_taken_as_they_are(tmp_path: Path) -> None:
    large = np.repeat(np.repeat(pictures(5), 2, axis=1), 2, axis=2)
    np.save(tmp_path / "faces.npy", large)
    dataset = open_dataset(tmp_path / "faces.npy", 16, 2, tmp_path / "cache")
    np.testing.assert_array_equal(dataset.pictures, pictures(5))
    assert dataset.report.accepted == 5


@pytest.mark.parametrize("shape", [(4, 20, 20, 3), (4, 8, 8, 3), (4, 16, 16), (4, 16, 16, 4)])
def test_that_arrays_that_do_not_fit_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "faces.npy", np.zeros(shape, np.uint8))
    with pytest.raises(JobError, match="needed are uint8"):
        open_dataset(tmp_path / "faces.npy", 16, 2, tmp_path / "cache")


def test_that_an_array_that_would_need_a_pickle_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "faces.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(JobError, match="not an array of pictures"):
        open_dataset(tmp_path / "faces.npy", 16, 2, tmp_path / "cache")


def test_that_a_batch_is_the_pictures_as_floats(tmp_path: Path) -> None:
    dataset = open_dataset(picture_folder(tmp_path / "set", 4), 16, 2, tmp_path / "cache")
    batch = dataset.batch(np.array([2, 0]), torch.device("cpu"))
    assert batch.shape == (2, 3, 16, 16)
    wanted = torch.from_numpy(pictures(4)[[2, 0]]).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(batch, wanted)


def test_that_each_round_shows_every_picture_once_in_an_order_of_its_own() -> None:
    order = Order(10, seed=3)
    shown = np.concatenate([order.at(position, 5) for position in range(0, 30, 5)]).reshape(3, 10)
    assert (np.sort(shown, axis=1) == np.arange(10)).all()
    assert len({tuple(row) for row in shown.tolist()}) == 3
    np.testing.assert_array_equal(Order(10, seed=3).at(7, 9), shown.ravel()[7:16])
    assert (Order(10, seed=4).at(0, 10) != shown[0]).any()
