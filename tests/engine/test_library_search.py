from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_library import DESCRIPTOR, MODEL, add, make_file

from engine.errors import StorageError
from engine.library import Library
from engine.library_directions import DirectionTable
from engine.library_links import LinkTable
from engine.library_records import DirectionRecord, ModelRecord
from engine.library_search import Entry, matches, read_entries, search
from engine.library_tags import Kind, TagTable, clean_tags, tags_of_text
from engine.likeness import Likeness
from engine.lineage import origin_line, parents_note
from engine.look import look_of
from engine.moved_files import find_by_content
from engine.state import EditState, ModelRef, StoredLatent

TRAIN = {"step": "train", "pictures": 12000}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "home" / "library.sqlite3")
    yield opened
    opened.close()


def model(name: str, lineage: list[object] | None = None, **note: object) -> ModelRecord:
    ref = ModelRef((name * 64)[:64], name)
    return ModelRecord(ref, DESCRIPTOR, Path(f"/{name}"), note={"lineage": lineage or [], **note})


def found(entries: tuple[Entry, ...], query: str, **how: object) -> list[str]:
    return [one.name for one in search(entries, query, **how)]  # type: ignore[arg-type]


# --- search and tags ----------------------------------------------------------------------------------------------


def test_that_a_search_finds_by_name_tag_family_resolution_licence_and_lineage(
    library: Library, tmp_path: Path
) -> None:
    toon, _, _ = add(library, tmp_path / "a", "toon")
    add(library, tmp_path / "b", "portrait")
    library.add_to_note(toon.sha256, {"licence": "CC BY 4.0", "lineage": [{**TRAIN, "from": "portrait"}]})
    TagTable(library.file).set(Kind.MODEL, toon.sha256, ["Sunday painting"])
    entries = read_entries(library)
    for query in ("toon 4", "TOON", "stylegan2 toon", "cc by", "fine-tuned", "sunday", "#sun", "px toon"):
        assert found(entries, query) == ["toon"], query
    assert set(found(entries, "")) == {"toon", "portrait"}
    assert found(entries, "toon 512") == []
    assert found(entries, "#painting") == []  # a tag begins so
    assert found(entries, "portrait") == ["portrait", "toon"]  # its parent


def test_that_a_search_goes_over_everything_or_one_kind_and_the_trash_apart(library: Library, tmp_path: Path) -> None:
    add(library, tmp_path, "ada the model")
    library.add_latent(StoredLatent("k1", "Ada"), MODEL)
    library.add_latent(StoredLatent("k2", "Ada in the trash"), None)
    library.trash_latent("k2")
    look = library.add_look(look_of(EditState(model_a=MODEL), "Ada's look"))
    DirectionTable(library.file).put(DirectionRecord("d1", "ada smiles", MODEL, source="sefa"))
    entries = read_entries(library)
    assert [one.kind for one in search(entries, "ada")] == [Kind.MODEL, Kind.PORTRAIT, Kind.LOOK, Kind.DIRECTION]
    assert found(entries, "ada", kinds=[Kind.LOOK, Kind.DIRECTION]) == ["Ada's look", "ada smiles"]
    assert found(entries, "ada", trashed=True) == ["Ada in the trash"]
    TagTable(library.file).add([(Kind.LOOK, str(look.id)), (Kind.PORTRAIT, "k1")], ["green", "old"])
    assert found(read_entries(library), "", tags=["green", "old"]) == ["Ada", "Ada's look"]


def test_that_a_portrait_says_how_like_its_photo_it_is(library: Library) -> None:
    likeness = Likeness(0.028, 0.071, "test features", 0.011)
    library.add_latent(StoredLatent("a" * 64, "Ada"), MODEL, likeness=likeness)
    library.add_latent(StoredLatent("b" * 64, "Bob"), MODEL)
    found = {one.name: one for one in read_entries(library) if one.kind is Kind.PORTRAIT}
    assert found["Ada"].caption == f"2.8 % off, {MODEL.name}"
    assert found["Ada"].detail == likeness.sentence
    assert found["Bob"].caption == f"found in {MODEL.name}"
    assert found["Bob"].detail == ""


def test_that_tags_are_small_clean_and_each_there_once() -> None:
    assert clean_tags(["  Warm   light ", "#Warm light", "", "#", "x\x1by"]) == ("warm light", "x?y")
    assert tags_of_text("toon, Faces,,faces , #new") == ("faces", "new", "toon")
    assert len(clean_tags(str(number) for number in range(100))) == 20
    assert len(clean_tags(["a" * 500])[0]) == 40


def test_that_tags_can_be_set_added_and_forgotten(library: Library) -> None:
    tags = TagTable(library.file)
    assert tags.set(Kind.PORTRAIT, "k", ["b", "a"]) == ("a", "b")
    tags.add([(Kind.PORTRAIT, "k"), (Kind.LOOK, "1")], ["b", "c"])
    assert tags.all() == {(Kind.PORTRAIT, "k"): ("a", "b", "c"), (Kind.LOOK, "1"): ("b", "c")}
    tags.set(Kind.PORTRAIT, "k", [])
    tags.forget([(Kind.LOOK, "1")])
    assert tags.all() == {}


def test_that_words_of_a_query_may_stand_in_any_order() -> None:
    assert matches("256 toon", "toon stylegan2 256 px")
    assert matches("", "")
    assert not matches("toon 512", "toon 256")


# --- lineage ------------------------------------------------------------------------------------------------------


def test_that_a_lineage_is_told_in_a_line_with_the_names_of_today() -> None:
    root = model("root", [TRAIN])
    child = model("child", [TRAIN, {"step": "train", "images": 5}])
    told = model("told", [TRAIN, {**TRAIN, "from": "portrait"}])
    tuned = model("tuned", [{**TRAIN, "from": "old name", "from_sha256": root.ref.sha256}])
    blend = model("mix", [TRAIN, {"step": "blend"}], **parents_note([root.ref, ModelRef("9" * 64, "gone")]))
    renamed = replace(root, ref=ModelRef(root.ref.sha256, "my root"))
    shelf = (renamed, child, told, blend)
    assert origin_line(root, shelf) == "trained on 12,000 pictures"
    assert origin_line(child, shelf) == "fine-tuned from my root"
    assert origin_line(told, shelf) == "fine-tuned from portrait"
    assert origin_line(tuned, shelf) == "fine-tuned from my root"
    assert origin_line(tuned, ()) == "fine-tuned from old name"
    assert origin_line(blend, shelf) == "blended from my root and gone"
    assert origin_line(model("mute"), shelf) == ""
    assert origin_line(model("odd", [7, {"step": "\x1b[2J"}]), shelf) == "?[2J"
    assert origin_line(model("half", [{"step": "blend"}]), shelf) == "blended from other models"


# --- files that moved ---------------------------------------------------------------------------------------------


def test_that_a_moved_file_is_found_again_and_remembered(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "toon")
    converted.unlink()
    elsewhere = tmp_path / "Downloads" / "sorted"
    elsewhere.mkdir(parents=True)
    make_file(elsewhere / "decoy.pkl", b"x" * source.stat().st_size)
    moved = source.rename(elsewhere / "renamed.bin")
    record = library.model(ref.sha256)
    assert record is not None
    assert not library.is_here(record)
    assert library.locate(ref.sha256) is None
    library.other_folders = (tmp_path / "nowhere", tmp_path / "Downloads")
    assert library.locate(ref.sha256) == moved
    library.other_folders = ()
    assert library.locate(ref.sha256) == moved
    again = library.model(ref.sha256)
    assert again is not None
    assert library.is_here(again)


def test_that_only_files_of_the_right_size_are_read_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        make_file(tmp_path / f"{number}.pkl", b"x" * number)
    read: list[str] = []

    def hash_of(path: Path) -> str | None:
        read.append(path.name)
        return "right" if path.name == "3.pkl" else None

    assert find_by_content("right", 3, [tmp_path, tmp_path], hash_of) == tmp_path / "3.pkl"
    assert read == ["3.pkl"]
    monkeypatch.setattr("engine.moved_files.MAX_FILES", 2)
    assert find_by_content("right", 3, [tmp_path], hash_of) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_that_folders_that_lead_round_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "back").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "a" / "pipe.pkl")
    assert find_by_content("x", 0, [tmp_path], lambda path: None) is None


# --- a library file that goes away --------------------------------------------------------------------------------


def delete_files(file: Path) -> None:
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_that_a_library_file_deleted_while_open_is_written_again_with_all_that_was_in_it(
    library: Library, tmp_path: Path
) -> None:
    told: list[str] = []
    library.file.tell = told.append
    ref, _, _ = add(library, tmp_path, "toon")
    delete_files(library.file.path)
    library.add_latent(StoredLatent("k1", "Ada"), ref)
    assert [sentence.partition(".")[0] for sentence in told] == [
        "The library file was deleted while Graft was running"
    ]
    with closing(Library(library.file.path)) as again:
        assert [record.ref for record in again.models()] == [ref]
        assert [record.latent.name for record in again.latents()] == ["Ada"]
        assert again.notice == ""


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_that_a_library_that_cannot_be_written_again_is_told_once_and_goes_on(
    library: Library, tmp_path: Path
) -> None:
    told: list[str] = []
    library.file.tell = told.append
    ref, _, _ = add(library, tmp_path, "toon")
    delete_files(library.file.path)
    home = library.file.path.parent
    home.rmdir()
    home.write_text("a file stands where the folder was")
    library.add_latent(StoredLatent("k1", "Ada"), ref)
    assert len(library.latents()) == 1
    assert len(told) == 1
    assert "goes on without it" in told[0]
    home.unlink()
    assert len(library.latents()) == 1  # and back it is
    assert library.file.path.is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be exchanged there")
def test_that_a_library_file_that_was_exchanged_is_the_one_that_counts(library: Library, tmp_path: Path) -> None:
    told: list[str] = []
    library.file.tell = told.append
    with closing(Library(tmp_path / "other.sqlite3")) as other:
        LinkTable(other.file).add("https://example.org/a.pkl", "a")
        other.file.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    delete_files(library.file.path)
    (tmp_path / "other.sqlite3").rename(library.file.path)
    assert [link.name for link in LinkTable(library.file).all()] == ["a"]
    assert "exchanged" in told[0]


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be exchanged there")
def test_that_rubbish_in_place_of_the_library_file_does_not_stop_a_running_one(
    library: Library, tmp_path: Path
) -> None:
    add(library, tmp_path, "toon")
    delete_files(library.file.path)
    library.file.path.write_bytes(b"rubbish" * 1000)
    assert len(library.models()) == 1
    with pytest.raises((StorageError, sqlite3.Error)), closing(sqlite3.connect(library.file.path)) as plain:
        plain.execute("SELECT * FROM models")
