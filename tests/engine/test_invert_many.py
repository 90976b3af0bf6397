"""A folder of photos searched for portraits: found once, gone on with after any end, and told what was left out."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fake_portraits import LOG, MODEL, PROGRAM
from PIL import Image

from engine.errors import JobError, StorageError
from engine.export.embedded import read_recipe
from engine.file_lock import held_alone
from engine.found_portraits import CROPS, LIST, FoundPortraits, ReportOrder
from engine.invert_events import (
    InvertEvent,
    InvertFinished,
    InvertProgress,
    InvertStarted,
    PhotoLeftOut,
    PortraitFound,
    read_invert_event,
)
from engine.invert_many import LOCK, NO_FACE, ManyOrder, find_many
from engine.invert_tasks import SearchSettings
from engine.latent_file import read_latent_record
from engine.latents import LatentStore
from engine.places import HOME_VARIABLE, resources_folder
from engine.state import StoredLatent

FAKE = Path(__file__).with_name("fake_portraits.py")
ROOT = Path(__file__).resolve().parents[2]
PORTRAITS = resources_folder() / "portraits"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def put(photos: Path, *names: str) -> None:
    for name in names:
        path = photos / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"the content of {name}".encode())


@pytest.fixture
def order(photos: Path, tmp_path: Path) -> ManyOrder:
    settings = SearchSettings(steps=5)
    return ManyOrder(photos, tmp_path / "out", MODEL, settings=settings, jobs=1, program=PROGRAM)


def end(order: ManyOrder) -> InvertFinished:
    *_, last = find_many(order)
    assert isinstance(last, InvertFinished)
    return last


def left_out(events: list[InvertEvent]) -> dict[str, str]:
    return {event.photo: event.problem for event in events if isinstance(event, PhotoLeftOut)}


def searched(folder: Path) -> Counter[str]:
    return Counter((folder / LOG).read_text().splitlines())


def test_that_every_portrait_is_told_with_files_that_say_where_it_was_found(order: ManyOrder) -> None:
    put(order.photos, "anna.jpg", "trip/bert.png", "none.jpg", "junk.webp", "notes.txt")
    events = list(find_many(order))
    assert events[0] == InvertStarted(4, str(order.folder), 1)
    found = [event for event in events if isinstance(event, PortraitFound)]
    assert {(event.photo, event.name, event.is_new) for event in found} == {
        ("anna.jpg", "anna", True), ("trip/bert.png", "trip-bert", True),
    }  # fmt: skip
    assert left_out(events) == {"none.jpg": NO_FACE, "junk.webp": "It is no picture."}
    record = read_latent_record(Path(found[0].latent), LatentStore())
    assert record.model == MODEL
    assert record.source is not None
    assert record.source.path == order.photos.absolute() / found[0].photo
    assert record.likeness is not None
    progress = [event for event in events if isinstance(event, InvertProgress)]
    assert [event.fraction for event in progress] == sorted(event.fraction for event in progress)
    last = events[-1]
    assert isinstance(last, InvertFinished)
    assert (last.made, last.kept, last.left_out) == (2, 0, 2)


def test_that_a_second_run_searches_nothing_and_tells_the_same(order: ManyOrder) -> None:
    put(order.photos, "anna.jpg", "none.jpg", "many.jpg")
    first = end(replace(order, all_faces=True))
    assert (first.made, first.left_out) == (4, 1)
    before = searched(order.folder)
    broken = replace(order, all_faces=True, program=(sys.executable, "-c", "raise SystemExit(3)"))
    again = end(broken)  # nobody is asked
    assert (again.made, again.kept, again.left_out) == (0, 4, 1)
    assert again.summary == first.summary
    assert searched(order.folder) == before


def test_that_only_what_changed_is_searched_again(order: ManyOrder) -> None:
    put(order.photos, "anna.jpg", "bert.jpg")
    end(order)
    put(order.photos, "a-new-one.jpg")
    (order.photos / "bert.jpg").write_bytes(b"another picture of bert")
    events = list(find_many(order))
    assert {(event.photo, event.is_new) for event in events if isinstance(event, PortraitFound)} == {
        ("anna.jpg", False), ("bert.jpg", True), ("a-new-one.jpg", True),
    }  # fmt: skip
    more_steps = replace(order, settings=replace(order.settings, steps=9))
    assert end(more_steps).made == 3
    assert searched(order.folder) == {
        "anna.jpg 1 5": 1, "bert.jpg 1 5": 2, "a-new-one.jpg 1 5": 1,
        "anna.jpg 1 9": 1, "bert.jpg 1 9": 1, "a-new-one.jpg 1 9": 1,
    }  # fmt: skip


def test_that_the_other_faces_of_a_photo_are_added_to_the_largest(order: ManyOrder) -> None:
    put(order.photos, "many.jpg")
    assert end(order).made == 1
    events = list(find_many(replace(order, all_faces=True)))
    found = [(event.name, event.is_new) for event in events if isinstance(event, PortraitFound)]
    assert found == [("many", False), ("many, face 2", True), ("many, face 3", True)]
    assert end(order).kept == 1


def test_that_no_portrait_takes_the_files_of_another_or_of_the_user(order: ManyOrder) -> None:
    put(order.photos, "one.jpg", "one.png", "b/one.jpg", "b-one.jpg", "many.jpg", "many-face-2.jpg", "report.jpg")
    order.folder.mkdir()
    Image.new("RGB", (4, 4)).save(order.folder / "one.png")
    mine = (order.folder / "one.png").read_bytes()
    events = list(find_many(replace(order, all_faces=True)))
    files = Counter(event.picture for event in events if isinstance(event, PortraitFound))
    assert set(files.values()) == {1}
    assert len(files) == 11
    assert (order.folder / "one.png").read_bytes() == mine
    names = {event.photo: event.name for event in events if isinstance(event, PortraitFound) and event.face == 1}
    put(order.photos, "a.jpg", "one.bmp")  # come before the others, and take nothing from them
    later = {event.photo: event.name for event in find_many(order) if isinstance(event, PortraitFound)}
    assert {photo: later[photo] for photo in names} == names


@pytest.mark.parametrize("name", ["größe ∆ 顔.jpg", "x" * 240 + ".jpg", "= 1+1.jpg", "<b>.jpg", " .jpg", "%41.jpg"])
def test_that_any_name_of_a_photo_will_do(order: ManyOrder, name: str) -> None:
    put(order.photos, name)
    assert end(order).made == 1
    assert end(order).kept == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_that_a_name_that_is_no_text_will_do(order: ManyOrder) -> None:
    with open(os.path.join(os.fsencode(order.photos), b"caf\xe9.jpg"), "wb") as file:
        file.write(b"x")
    assert end(order).made == 1
    assert end(order).kept == 1


def test_that_a_deleted_file_and_a_damaged_list_are_made_good(order: ManyOrder) -> None:
    put(order.photos, "anna.jpg", "bert.jpg", "none.jpg")
    end(order)
    (order.folder / "bert.png").unlink()
    again = end(order)
    assert (again.made, again.kept) == (1, 1)
    before = searched(order.folder)
    for damage in ('{"graft_portraits": 1}\n{"found": 3}\n', "no list at all", '{"graft_portraits": 1}\n{"named', ""):
        (order.folder / LIST).write_text(damage)
        last = end(order)
        assert (last.made, last.kept, last.left_out) == (0, 2, 1), damage  # the latents say what they are
    assert searched(order.folder) == before
    outside = {"photo": "anna.jpg", "stem": "../anna"}
    (order.folder / LIST).write_text('{"graft_portraits": 1}\n' + json.dumps({"named": outside}) + "\n")
    assert FoundPortraits(order.folder).stem("anna.jpg") == "anna"


def test_that_a_worker_that_dies_is_replaced_and_its_photo_is_tried_again_the_next_time(
    order: ManyOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.invert_many.PATIENCE_S", 0.1)
    put(order.photos, "a.jpg", "dies.jpg", "x.jpg", "y.jpg")
    events = list(find_many(order))
    assert list(left_out(events)) == ["dies.jpg"]
    assert len([event for event in events if isinstance(event, PortraitFound)]) == 3
    last = end(order)
    assert (last.made, last.kept) == (1, 3)


def test_that_workers_that_only_die_and_a_full_disk_end_the_run(
    order: ManyOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.invert_many.PATIENCE_S", 0.05)
    put(order.photos, *(f"always{number}.jpg" for number in range(5)))
    with pytest.raises(JobError, match="broke down several times"):
        end(order)
    put(order.photos, "a full one.jpg")
    with pytest.raises(JobError, match="the disk is full"):
        end(order)


def test_that_one_worker_too_many_does_not_end_the_run(order: ManyOrder) -> None:
    put(order.photos, *(f"{number}.jpg" for number in range(6)))
    order.folder.mkdir()
    (order.folder / "only-one").touch()
    assert end(replace(order, jobs=3)).made == 6


def test_that_folders_that_cannot_be_are_refused(order: ManyOrder) -> None:
    with pytest.raises(JobError, match="holds no pictures"):
        end(order)
    put(order.photos, "a.jpg")
    for folder in (order.photos, order.photos / ".." / "photos"):
        with pytest.raises(JobError, match="among the photos themselves"):
            end(replace(order, folder=folder))
    crops = order.photos / CROPS
    put(crops, "a.jpg")
    with pytest.raises(JobError, match="among the photos themselves"):
        end(replace(order, photos=crops, folder=order.photos))
    file = order.photos / "a.jpg"
    with pytest.raises(StorageError, match=r"part of its path is a file|a file of that name"):
        end(replace(order, folder=file))


def test_that_results_inside_the_folder_of_photos_are_no_photos(order: ManyOrder) -> None:
    put(order.photos, "a.jpg")
    inside = replace(order, folder=order.photos / "found")
    assert end(inside).made == end(inside).kept == 1
    outside = replace(order, photos=order.photos / "more", folder=order.photos)  # and the other way round
    put(outside.photos, "b.jpg")
    assert end(outside).made == 1


def test_that_a_second_graft_in_one_folder_is_refused(order: ManyOrder) -> None:
    put(order.photos, "a.jpg")
    order.folder.mkdir()
    with held_alone(order.folder / LOCK) as is_mine:
        assert is_mine
        with pytest.raises(JobError, match="Another Graft is finding portraits"):
            end(order)
    assert end(order).made == 1


def test_that_a_photo_that_went_away_is_left_out(order: ManyOrder) -> None:
    put(order.photos, "a.jpg")
    (order.photos / "gone.jpg").symlink_to(order.photos / "nowhere.jpg")
    (order.photos / "round").symlink_to(order.photos)  # a folder in itself
    events = list(find_many(order))
    assert "not there" in left_out(events)["gone.jpg"]
    assert events[0] == InvertStarted(2, str(order.folder), 1)


def test_that_a_missing_encoder_is_told_once_and_before_anything_is_done(
    order: ManyOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    put(order.photos, "a.jpg")
    with pytest.raises(JobError, match="An encoder is needed"):
        end(replace(order, settings=SearchSettings(steps=0)))
    assert not order.folder.exists()


def killed_run(order: ManyOrder, after: int, rest_s: float) -> list[PortraitFound]:
    """Start a run, kill it a moment after its portrait of that number; what it has told."""
    command = [sys.executable, str(FAKE), "run", str(order.photos), str(order.folder)]
    told: list[PortraitFound] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            event = read_invert_event(line)
            told += [event] if isinstance(event, PortraitFound) and event.is_new else []
            if len(told) == after:
                threading.Timer(rest_s, child.send_signal, [signal.SIGKILL]).start()
                after = -1
    return told


def test_that_a_run_that_is_killed_again_and_again_does_nothing_twice_and_loses_nothing(order: ManyOrder) -> None:
    put(order.photos, *(f"{number:02}.jpg" for number in range(12)), "many.jpg")
    draw, told = random.Random(4), Counter[tuple[str, int]]()
    for kill in range(6):
        for event in killed_run(order, 1 + kill % 3, draw.uniform(0.0, 0.01)):
            told[event.photo, event.face] += 1
            assert all(Path(file).is_file() for file in (event.latent, event.picture, event.crop))
    last = killed_run(order, 1000, 0.0)
    told.update((event.photo, event.face) for event in last)
    assert set(told.values()) == {1}  # nothing that was told was done again
    whole = end(replace(order, all_faces=True))
    assert (whole.made, whole.kept) == (0, 15)
    untold = sum(searched(order.folder).values()) - 15
    assert untold <= 2 * 6  # at most what each of two workers had in hand at each kill


def rows(order: ManyOrder) -> Iterator[dict[str, str]]:
    with open(order.folder / "report.csv", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def test_that_the_report_has_the_least_alike_first_or_is_by_name(order: ManyOrder) -> None:
    put(order.photos, "bertram.jpg", "al.jpg", "none.jpg")
    finished = end(order)
    assert [row["photo"] for row in rows(order)] == ["bertram.jpg", "al.jpg", "none.jpg"]
    assert [row["problem"] for row in rows(order)] == ["", "", NO_FACE]
    assert "2 portraits" in finished.summary
    assert "bertram.jpg" in finished.summary
    page = Path(finished.report).read_text()
    assert "bertram.png" in page
    assert NO_FACE in page
    with Image.open(order.folder / "report.png") as picture:
        assert picture.height > 2 * 176
    end(replace(order, report_order=ReportOrder.NAME))
    assert [row["photo"] for row in rows(order)] == ["al.jpg", "bertram.jpg", "none.jpg"]


def test_that_a_report_that_says_the_same_is_not_drawn_again_and_pages_go_away(
    order: ManyOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.inversion_report.ROWS_ON_PAGE", 2)
    put(order.photos, "a.jpg", "b.jpg", "c.jpg", "<i>&amp;.jpg")
    finished = end(order)
    assert "&lt;i&gt;&amp;amp;.jpg" in Path(finished.report).read_text()
    pages = sorted(path.name for path in order.folder.glob("report*.png"))
    assert pages == ["report-1.png", "report-2.png"]
    written = (order.folder / "report-1.png").stat().st_mtime_ns
    end(order)
    assert (order.folder / "report-1.png").stat().st_mtime_ns == written
    for name in ("b.jpg", "c.jpg"):
        (order.photos / name).unlink()
    end(order)
    assert sorted(path.name for path in order.folder.glob("report*.png")) == ["report.png"]


def test_that_the_verb_finds_every_face_with_the_real_engine(photos: Path, tmp_path: Path) -> None:
    sides = [Image.open(PORTRAITS / f"composite_{name}.jpg").resize((400, 400)) for name in ("f_multi", "m_white")]
    both = Image.new("RGB", (800, 400))
    for place, side in enumerate(sides):
        both.paste(side, (400 * place, 0))
    both.save(photos / "both.png")
    (photos / "broken.jpg").write_bytes(b"no picture at all")
    Image.new("RGB", (300, 200), "grey").save(photos / "wall.png")
    command = [sys.executable, str(ROOT / "main.py"), "invert", str(photos), "--steps", "0", "--all-faces", "--json"]
    command += ["-o", str(tmp_path / "out"), "--device", "cpu"]
    environment = {**os.environ, HOME_VARIABLE: str(tmp_path / "home")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    events = [event for line in done.stdout.splitlines() if (event := read_invert_event(line)) is not None]
    found = [event for event in events if isinstance(event, PortraitFound)]
    assert [(event.photo, event.face, event.name) for event in found] == [
        ("both.png", 1, "both"), ("both.png", 2, "both, face 2"),
    ]  # fmt: skip
    assert left_out(events)["wall.png"] == NO_FACE
    assert "not a picture" in left_out(events)["broken.jpg"]
    records = [read_latent_record(Path(event.latent), LatentStore()) for event in found]
    for event, record in zip(found, records, strict=True):
        state = read_recipe(Path(event.picture)).state
        assert isinstance(state.latent, StoredLatent)
        assert state.latent.key == record.latent.key
        assert state.model_a == record.model
        assert record.likeness is not None
        assert record.likeness.pixel < 0.12
    eyes = {record.source.face.left_eye[0] < 400 for record in records if record.source is not None}
    assert eyes == {True, False}  # one in each half of the photo
