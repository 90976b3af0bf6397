from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from edit_states import store_with_portrait

from engine import library as libraries
from engine.atomic import write_atomic
from engine.database import NewerDatabaseError
from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.embedded_models import register_embedded
from engine.errors import MissingModelError, StorageError
from engine.framing import Framing, FramingKind
from engine.library import Library
from engine.library_records import descriptor_from_json, descriptor_to_json
from engine.look import Look, apply_look, look_of
from engine.network_config import (
    BlockConfig,
    ConvConfig,
    DenseConfig,
    MappingConfig,
    NetworkConfig,
    SynthesisConfig,
    ToRGBConfig,
)
from engine.network_metadata import METADATA_KEY, NetworkMetadata, SourceFile
from engine.state import EditState, ModelRef, StoredLatent, with_alpha, with_seed
from engine.state_json import state_to_json

MODEL = ModelRef("ab" * 32, "portrait")
SINCE_2 = "ALTER TABLE looks ADD COLUMN trashed INTEGER; CREATE TABLE samples (key TEXT PRIMARY KEY)"
VERSION_1 = """
CREATE TABLE models (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, source TEXT,
    source_size INTEGER, descriptor TEXT NOT NULL, note TEXT NOT NULL, embedded INTEGER NOT NULL,
    used INTEGER NOT NULL, thumbnail BLOB);
CREATE TABLE latents (key TEXT PRIMARY KEY, noise_key TEXT, name TEXT NOT NULL, model_sha256 TEXT, model_name TEXT,
    added INTEGER NOT NULL, thumbnail BLOB);
CREATE TABLE looks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL, thumbnail BLOB);
CREATE TABLE hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed_ns INTEGER NOT NULL, sha256 TEXT NOT NULL)
"""

LAYERS = (
    LayerSpec("b4.const", 4, LayerKind.CONST, -1, 0, 32, False),
    LayerSpec("b4.conv1", 4, LayerKind.CONV, 0, 1, 32, True),
    LayerSpec("b4.torgb", 4, LayerKind.TORGB, 1, 1, 3, False),
)
EYES = Framing(FramingKind.EYES, 0.5, 0.25)
DESCRIPTOR = NetworkDescriptor("stylegan2", 4, 3, 2, 64, 64, 0, LAYERS, "skip", EYES)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "home" / "library.sqlite3")
    yield opened
    opened.close()


def make_file(path: Path, content: bytes) -> tuple[Path, str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def add(library: Library, folder: Path, name: str) -> tuple[ModelRef, Path, Path]:
    """A model with its source file and its conversion."""
    source, sha256 = make_file(folder / "downloads" / f"{name}.pkl", f"pickle of {name}".encode())
    converted, _ = make_file(folder / "cache" / f"{sha256}.safetensors", b"converted")
    return library.add_model(converted, sha256, name, DESCRIPTOR, source=source), converted, source


def test_that_a_descriptor_comes_back_from_json_as_it_was() -> None:
    assert descriptor_from_json(descriptor_to_json(DESCRIPTOR)) == DESCRIPTOR


def test_that_a_model_is_on_the_shelf_after_a_restart(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "portrait")
    library.set_model_thumbnail(ref.sha256, b"\x89PNG")
    again = Library(tmp_path / "home" / "library.sqlite3")
    record = again.model(ref.sha256)
    assert record is not None
    assert (record.ref, record.descriptor, record.path, record.source) == (ref, DESCRIPTOR, converted, source)
    assert again.model_thumbnail(ref.sha256) == b"\x89PNG"
    assert again.locate(ref.sha256) == converted
    again.close()


def test_that_adding_a_model_again_changes_its_files_and_not_its_name(library: Library, tmp_path: Path) -> None:
    ref, converted, _ = add(library, tmp_path, "portrait")
    elsewhere = converted.rename(tmp_path / "other.safetensors")
    assert library.add_model(elsewhere, ref.sha256, "another name", DESCRIPTOR, source=elsewhere) == ref
    assert library.locate(ref.sha256) == elsewhere
    assert len(library.models()) == 1


def test_that_two_models_never_share_a_name(library: Library, tmp_path: Path) -> None:
    first, _, _ = add(library, tmp_path / "a", "toon")
    path, sha256 = make_file(tmp_path / "b" / "toon.pkl", b"quite another")
    second = library.add_model(path, sha256, "Toon", DESCRIPTOR)
    assert (first.name, second.name) == ("toon", "Toon 2")
    assert library.rename_model(sha256, "toon").name == "toon 2"
    assert library.find("TOON").ref == first


def test_that_the_model_used_last_comes_first(library: Library, tmp_path: Path) -> None:
    a, _, _ = add(library, tmp_path, "a")
    b, _, _ = add(library, tmp_path, "b")
    assert [record.ref for record in library.models()] == [b, a]
    library.touch(a.sha256)
    assert [record.ref for record in library.models()] == [a, b]


def test_that_a_model_is_found_by_name_or_hash_and_otherwise_the_choices_are_named(
    library: Library, tmp_path: Path
) -> None:
    ref, _, _ = add(library, tmp_path, "portrait")
    add(library, tmp_path, "toon")
    assert library.find("Portrait").ref == ref
    assert library.find(ref.sha256[:8]).ref == ref
    with pytest.raises(MissingModelError, match="no model “ffhq”") as caught:
        library.find("ffhq")
    assert "portrait" in caught.value.hint
    assert "toon" in caught.value.hint
    with pytest.raises(MissingModelError):
        library.find(ref.sha256[:3])


def test_that_a_model_is_still_found_when_its_conversion_is_gone(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "portrait")
    converted.unlink()
    assert library.locate(ref.sha256) == source
    source.rename(source.with_name("renamed by hand.pkl"))
    assert library.locate(ref.sha256) == source.with_name("renamed by hand.pkl")
    source.with_name("renamed by hand.pkl").unlink()
    assert library.locate(ref.sha256) is None
    assert library.locate("0" * 64) is None


def test_that_a_file_that_was_exchanged_is_not_taken_for_the_model(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "portrait")
    converted.unlink()
    source.write_bytes(b"P" + source.read_bytes()[1:])  # as long as before
    assert library.locate(ref.sha256) is None


def test_that_a_model_file_of_ours_that_was_overwritten_is_not_taken_for_the_old_one(
    library: Library, tmp_path: Path
) -> None:
    path, sha256 = make_file(tmp_path / "mixed.safetensors", b"first blend")
    library.add_model(path, sha256, "mixed", DESCRIPTOR)
    assert library.locate(sha256) == path
    path.write_bytes(b"other blend")
    os.utime(path, ns=(1, 1))
    assert library.locate(sha256) is None


def test_that_a_missing_model_can_be_located_by_its_hash_only(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "portrait")
    content = source.read_bytes()
    converted.unlink()
    source.unlink()
    moved, _ = make_file(tmp_path / "usb" / "x.pkl", content)
    wrong, _ = make_file(tmp_path / "usb" / "y.pkl", b"another")
    with pytest.raises(MissingModelError, match=r"y\.pkl is another model"):
        library.relocate(ref.sha256, wrong)
    with pytest.raises(StorageError, match=r"gone\.pkl"):
        library.relocate(ref.sha256, tmp_path / "gone.pkl")
    assert library.locate(ref.sha256) is None
    assert library.relocate(ref.sha256, moved) == moved
    assert library.locate(ref.sha256) == moved
    record = library.model(ref.sha256)
    assert record is not None
    assert record.ref == ref


def test_that_forgetting_a_model_leaves_its_files(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "portrait")
    library.forget_model(ref.sha256)
    assert library.model(ref.sha256) is None
    assert converted.exists()
    assert source.exists()


def test_that_a_hash_is_computed_once_until_the_file_changes(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sha256 = make_file(tmp_path / "m.safetensors", b"one")
    counted: list[Path] = []
    real = libraries.file_sha256
    monkeypatch.setattr(libraries, "file_sha256", lambda file: counted.append(file) or real(file))  # type: ignore[func-returns-value]
    assert [library.hash_of(path), library.hash_of(path)] == [sha256, sha256]
    assert len(counted) == 1
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert library.hash_of(path) == hashlib.sha256(b"two").hexdigest()
    assert library.hash_of(tmp_path / "gone") is None


def test_that_portraits_are_kept_with_their_picture_and_model(library: Library) -> None:
    _, portrait = store_with_portrait()
    model = ModelRef("ab" * 32, "portrait")
    library.add_latent(portrait, model, b"\x89PNG")
    library.add_latent(StoredLatent("cd" * 32), None)
    newest, oldest = library.latents()
    assert (oldest.latent, oldest.model) == (portrait, model)
    assert (newest.latent.name, newest.model) == ("portrait", None)
    assert library.latent_thumbnail(portrait.key) == b"\x89PNG"
    assert library.latent_thumbnail("cd" * 32) is None
    library.rename_latent(portrait.key, "  Agatha\n ")
    assert library.latents()[1].latent.name == "Agatha"
    library.forget_latent(portrait.key)
    assert len(library.latents()) == 1


def test_that_looks_are_kept(library: Library) -> None:
    warm = look_of(with_alpha(EditState(), 0.3), "warm")
    kept = library.add_look(warm, b"png")
    assert library.looks() == (kept,)
    assert kept.look == warm
    assert library.look_thumbnail(kept.id) == b"png"
    assert library.look_thumbnail(kept.id + 1) is None


def test_that_a_look_in_the_trash_comes_back_as_it_was(library: Library) -> None:
    first, second = library.add_look(Look("warm"), b"png"), library.add_look(Look("cold"))
    library.trash_look(first.id)
    library.trash_look(second.id)
    assert library.looks() == ()
    assert library.trashed_looks() == (second, first)
    library.restore_look(first.id)
    assert library.looks() == (first,)
    assert library.look_thumbnail(first.id) == b"png"
    library.add_look(Look("COLD"))
    library.restore_look(second.id)
    assert [record.look.name for record in library.looks()] == ["COLD", "cold 2", "warm"]


def test_that_no_two_looks_on_the_shelf_have_one_name(library: Library) -> None:
    kept = [library.add_look(Look(name)) for name in ("Ink", "ink", "Ink")]
    assert [record.look.name for record in kept] == ["Ink", "ink 2", "Ink 3"]
    assert library.rename_look(kept[2].id, " INK\n") == "INK 3"
    assert library.rename_look(kept[0].id, "Ink") == "Ink"


def test_that_a_library_of_version_1_keeps_its_looks(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite3"
    state = with_seed(with_alpha(EditState(MODEL, MODEL), 0.3), 7)
    connection = sqlite3.connect(file)
    for statement in VERSION_1.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO looks VALUES (4, 'warm', ?, NULL)", (json.dumps(state_to_json(state)),))
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with closing(Library(file)) as library:
        (kept,) = library.looks()
        assert kept.id == 4
        assert apply_look(kept.look, EditState()).blend.alpha == 0.3
        assert kept.look.models == (MODEL,)
        library.trash_look(4)
        assert library.notice == ""
    with closing(Library(file)) as library:
        assert len(library.trashed_looks()) == 1


def test_that_models_and_portraits_of_a_library_of_the_second_version_stay_on_the_shelf(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite3"
    connection = sqlite3.connect(file)
    for statement in (*VERSION_1.split(";"), *SINCE_2.split(";")):
        connection.execute(statement)
    model = (MODEL.sha256, "portrait", "/models/portrait.pkl", descriptor_to_json(DESCRIPTOR), "{}")
    connection.execute("INSERT INTO models VALUES (?, ?, ?, NULL, 5, ?, ?, 0, 1, NULL)", model)
    connection.execute("INSERT INTO latents VALUES ('k', NULL, 'Ada', NULL, NULL, 1, NULL)")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()
    with closing(Library(file)) as library:
        (record,) = library.models()
        assert (record.ref, record.added_at) == (MODEL, None)
        assert [one.latent.name for one in library.latents()] == ["Ada"]
        library.trash_model(MODEL.sha256)
        assert (library.models(), [one.ref for one in library.trashed_models()]) == ((), [MODEL])
        assert library.file.rows("SELECT key FROM directions UNION ALL SELECT key FROM tags") == []


def test_that_what_comes_back_from_the_trash_has_a_name_of_its_own(library: Library, tmp_path: Path) -> None:
    first, _, _ = add(library, tmp_path / "a", "toon")
    library.trash_model(first.sha256)
    path, sha256 = make_file(tmp_path / "b" / "toon.pkl", b"quite another")
    assert library.add_model(path, sha256, "toon", DESCRIPTOR).name == "toon"
    library.restore_model(first.sha256)
    assert {record.ref.name for record in library.models()} == {"toon", "toon 2"}
    assert library.trashed_models() == ()


def test_that_a_model_in_the_trash_is_back_when_its_file_is_opened_again(library: Library, tmp_path: Path) -> None:
    ref, _, _ = add(library, tmp_path, "toon")
    library.trash_model(ref.sha256)
    assert library.locate(ref.sha256) is not None  # old pictures still show
    add(library, tmp_path, "toon")
    assert [record.ref for record in library.models()] == [ref]


def test_that_an_embedded_model_cannot_go_to_the_trash(library: Library, tmp_path: Path) -> None:
    path, sha256 = make_file(tmp_path / "portrait.safetensors", b"came along")
    library.add_model(path, sha256, "portrait", DESCRIPTOR, embedded=True)
    library.trash_model(sha256)
    assert library.trashed_models() == ()


def test_that_a_portrait_goes_to_the_trash_and_comes_back(library: Library) -> None:
    library.add_latent(StoredLatent("k1", "Ada"), MODEL, b"png")
    library.trash_latent("k1")
    assert (library.latents(), len(library.trashed_latents())) == ((), 1)
    library.restore_latent("k1")
    assert library.latents()[0].latent.name == "Ada"
    assert library.latent_thumbnail("k1") == b"png"


def test_that_a_sample_portrait_that_was_taken_off_does_not_come_back(library: Library) -> None:
    _, portrait = store_with_portrait()
    library.add_sample_latent(portrait, MODEL)
    library.add_sample_latent(portrait, MODEL)
    assert [record.latent for record in library.latents()] == [portrait]
    library.forget_latent(portrait.key)
    library.add_sample_latent(portrait, MODEL)
    assert library.latents() == ()


def test_that_only_samples_leave_with_their_model(library: Library) -> None:
    _, portrait = store_with_portrait()
    own = StoredLatent("cd" * 32, "mine")
    library.add_sample_latent(portrait, MODEL)
    library.add_latent(own, MODEL)
    library.forget_sample_latents_except([portrait.key])
    assert len(library.latents()) == 2
    library.forget_sample_latents_except([])
    assert [record.latent for record in library.latents()] == [own]


def test_that_names_are_short_printable_and_no_paths(library: Library, tmp_path: Path) -> None:
    path, sha256 = make_file(tmp_path / "m", b"m")
    ref = library.add_model(path, sha256, "/home/agatha/\x1b[31m" + "x" * 500, DESCRIPTOR)
    assert ref.name.isprintable()
    assert ref.name.startswith("?[31mxxx")
    assert len(ref.name) == 100


@pytest.mark.parametrize("damage", ["garbage", "cut", "text"])
def test_that_a_damaged_library_is_set_aside_and_a_new_one_begun(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "library.sqlite3"
    first = Library(file)
    for number in range(50):
        first.add_look(Look(f"look {number}"), os.urandom(2000))
    first.close()
    good = file.read_bytes()
    noise = good[:100] + os.urandom(len(good) - 100)
    broken = {"garbage": noise, "cut": good[: len(good) // 2], "text": b"hello" * 500}[damage]
    file.write_bytes(broken)
    library = Library(file)
    assert library.notice.endswith("add them again.")
    assert library.looks() == ()
    library.add_look(Look("new"))
    library.close()
    assert (tmp_path / "library.sqlite3.damaged-1").read_bytes() == broken
    again = Library(file)
    assert again.notice == ""
    assert len(again.looks()) == 1
    again.close()


def test_that_a_library_of_a_newer_graft_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite3"
    Library(file).close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(NewerDatabaseError, match="newer Graft") as caught:
        Library(file)
    assert "GRAFT_HOME" in caught.value.hint
    assert file.read_bytes() == before


def test_that_one_broken_row_does_not_hide_the_others(library: Library, tmp_path: Path) -> None:
    ref, _, _ = add(library, tmp_path, "good")
    other, _, _ = add(library, tmp_path, "bad")
    library.add_look(Look("good"))
    library.add_look(Look("bad"))
    connection = sqlite3.connect(tmp_path / "home" / "library.sqlite3")
    connection.execute("UPDATE models SET descriptor = '{}' WHERE sha256 = ?", (other.sha256,))
    connection.execute("UPDATE looks SET state = '[' WHERE name = 'bad'")
    connection.commit()
    connection.close()
    assert [record.ref for record in library.models()] == [ref]
    assert [record.look.name for record in library.looks()] == ["good"]


def test_that_a_library_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="folder of the library"):
        Library(tmp_path / "file" / "library.sqlite3")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="open the library"):
        Library(tmp_path / "folder")


def test_that_many_threads_and_two_grafts_may_write_at_once(library: Library, tmp_path: Path) -> None:
    other = Library(tmp_path / "home" / "library.sqlite3")
    finished: list[int] = []

    def work(which: Library, base: int) -> None:
        for number in range(20):
            which.add_look(Look(f"{base + number}"))
            which.looks()
        finished.append(base)

    threads = [threading.Thread(target=work, args=(lib, 100 * i)) for i, lib in enumerate((library, library, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == [0, 100, 200]
    assert len(other.looks()) == 60
    other.close()


def fake_network(path: Path, seed: int) -> Path:
    """A file with the header of the smallest network there is; its numbers do not matter here."""
    dense = DenseConfig(8, 8, "lrelu", 1.0 + seed, 1.0)
    affine = DenseConfig(8, 4, "linear", 1.0, 1.0)
    conv1 = ConvConfig(4, 4, 3, True, "lrelu", 1.0, None, affine)
    torgb = ToRGBConfig(4, 3, 1, None, 1.0, affine)
    block = BlockConfig(4, "skip", False, None, conv1, torgb, None, (1.0,))
    network = NetworkConfig(MappingConfig(8, 0, 8, None, (dense,), True), SynthesisConfig(8, 4, 3, (block,)))
    metadata = NetworkMetadata(network, SourceFile("graft"), ({"op": "train"},), framing=EYES)
    header = {
        "__metadata__": {METADATA_KEY: metadata.to_json_text()},
        "mapping.w_avg": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    raw = json.dumps(header).encode()
    write_atomic(path, len(raw).to_bytes(8, "little") + raw + b"\0\0\0\0")
    return path


def test_that_the_embedded_generators_are_on_the_shelf_at_every_start(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    portrait, toon = fake_network(folder / "portrait.safetensors", 1), fake_network(folder / "toon.safetensors", 2)
    (folder / "perceptual.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (folder / "broken.safetensors").write_bytes(b"")
    refs = register_embedded(library, folder)
    assert [ref.name for ref in refs] == ["portrait", "toon"]
    assert register_embedded(library, folder) == refs
    record = library.find("portrait")
    assert record.embedded
    assert record.descriptor.img_resolution == 4
    assert record.descriptor.framing == EYES
    assert record.note["lineage"] == [{"op": "train"}]
    assert library.locate(record.ref.sha256) == portrait
    toon.unlink()
    fake_network(portrait, 3)
    (updated,) = register_embedded(library, folder)
    assert updated.name == "portrait"
    assert updated.sha256 != record.ref.sha256
    assert [known.ref for known in library.models()] == [updated]


def test_that_a_checkout_that_moved_is_found_again(library: Library, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    fake_network(tmp_path / "old" / "portrait.safetensors", 1)
    (ref,) = register_embedded(library, tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert register_embedded(library, tmp_path / "new") == (ref,)
    assert library.locate(ref.sha256) == tmp_path / "new" / "portrait.safetensors"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is text")
def test_that_a_model_whose_file_name_is_no_text_is_kept_and_found(library: Library, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    source, sha256 = make_file(folder / os.fsdecode(b"mod\xe8le.pkl"), b"pickle")
    converted, _ = make_file(tmp_path / "cache" / f"{sha256}.safetensors", b"converted")
    ref = library.add_model(converted, sha256, source.stem, DESCRIPTOR, source=source)
    assert ref.name == "mod?le"
    assert library.models()[0].source == source
    assert library.locate(sha256) == converted
    converted.unlink()
    assert library.locate(sha256) == source
    assert library.relocate(sha256, source) == source
    source.rename(source.with_name("moved.pkl"))
    assert library.locate(sha256) == source.with_name("moved.pkl")
