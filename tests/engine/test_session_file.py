from __future__ import annotations

import io
import json
import os
import struct
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edit_states import seeded_state, store_with_portrait
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import atomic
from engine.errors import EngineError, LatentError, RecipeFormatError, RecipeVersionError, StorageError
from engine.history import History, HistoryEntry
from engine.latents import LatentStore
from engine.session_file import SessionDocument, open_session, save_session
from engine.state import EditState, StoredLatent, with_alpha, with_latent, with_seed
from engine.variations import Sheet, Vary

finite = st.floats(allow_nan=False, allow_infinity=False)
plain_values = st.none() | st.booleans() | st.integers() | finite | st.text()
PLAIN = {"text": "wide", "count": 3, "zoom": 1.5, "shown": True, "nothing": None}


def sample(store: LatentStore) -> SessionDocument:
    _, portrait = store_with_portrait(store)
    states = [EditState(), with_seed(EditState(), 7), with_alpha(with_latent(EditState(), portrait), 0.25)]
    entries = tuple(HistoryEntry(state, f"step {i}") for i, state in enumerate(states))
    on_shelf = StoredLatent(store.put_ws(np.ones((10, 32))), "on the shelf")
    return SessionDocument(entries, 1, PLAIN, (portrait, on_shelf))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    store = LatentStore()
    path = tmp_path / "evening.graft"
    save_session(path, sample(store), store)
    return path


def test_that_a_session_opens_on_another_machine_as_it_was_saved(tmp_path: Path) -> None:
    here, there = LatentStore(), LatentStore()
    document = sample(here)
    save_session(tmp_path / "s.graft", document, here)
    assert open_session(tmp_path / "s.graft", there) == document
    for latent in document.latents:
        assert np.array_equal(there.ws(latent.key), here.ws(latent.key))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(seeded_state, min_size=1, max_size=5), st.data())
def test_that_any_session_comes_back_as_it_was(tmp_path: Path, states: list[EditState], data: st.DataObject) -> None:
    document = SessionDocument(
        tuple(HistoryEntry(state, data.draw(st.sampled_from(["", "seed", "alpha"]))) for state in states),
        data.draw(st.integers(0, len(states) - 1)),
        data.draw(st.dictionaries(st.text(max_size=5), plain_values)),
    )
    save_session(tmp_path / "s.graft", document, LatentStore())
    assert open_session(tmp_path / "s.graft", LatentStore()) == document


STEPS = st.lists(st.tuples(st.sampled_from(("apply", "undo", "redo", "jump", "keep", "mark")), st.integers(0, 5)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_that_any_walk_through_the_tree_comes_back(tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    history = History(EditState())
    for step, value in steps:
        if step == "apply":
            history.apply(with_seed(EditState(), value))
        elif step == "keep":
            history.keep(with_alpha(history.state, value / 5))
        elif step == "jump":
            history.go_to(value % len(history.entries))
        elif step == "mark":
            history.mark(history.index, name=f"no. {value}", is_starred=value > 2)
            history.note_sheet(Sheet(value, (Vary.PAD, Vary.MIX), 0.25, 8, ("alpha",)))
        else:
            getattr(history, step)()
    document = SessionDocument(tuple(history.entries), history.index, tip=history.tip)
    save_session(tmp_path / "s.graft", document, LatentStore())
    opened = open_session(tmp_path / "s.graft", LatentStore())
    assert opened == document
    again = History.from_entries(opened.entries, opened.index, opened.tip)
    assert (again.state, again.path) == (history.state, history.path)


def test_that_a_session_of_the_first_version_is_one_line(saved: Path) -> None:
    steps = [{"label": f"step {seed}", "state": {"latent": {"seed": seed}}} for seed in range(3)]
    rebuilt(saved, {"session.json": session_json(history=steps, index=1)})
    opened = open_session(saved, LatentStore())
    history = History.from_entries(opened.entries, opened.index, opened.tip)
    assert history.path == (0, 1, 2)
    assert history.state == with_seed(EditState(), 1)


def test_that_what_hung_on_a_step_whose_latent_is_gone_is_kept(tmp_path: Path) -> None:
    store = LatentStore()
    gone = with_latent(EditState(), StoredLatent("0" * 64))
    tree = (
        HistoryEntry(EditState()),
        HistoryEntry(gone, parent=0),
        HistoryEntry(with_seed(EditState(), 1), parent=0),
        HistoryEntry(with_seed(EditState(), 2), parent=1),
    )
    save_session(tmp_path / "s.graft", SessionDocument(tree, 3, tip=3), store)
    opened = open_session(tmp_path / "s.graft", store)
    assert [entry.parent for entry in opened.entries] == [None, 0, 0]
    assert (opened.index, opened.tip) == (2, 2)


def test_that_the_same_session_is_the_same_file_whenever_it_is_saved(tmp_path: Path) -> None:
    store = LatentStore()
    document = sample(store)
    save_session(tmp_path / "a.graft", document, store)
    save_session(tmp_path / "b.graft", document, store)
    assert (tmp_path / "a.graft").read_bytes() == (tmp_path / "b.graft").read_bytes()


def test_that_an_old_step_whose_latent_is_gone_does_not_stop_the_save(tmp_path: Path) -> None:
    store = LatentStore()
    document = sample(store)
    gone = HistoryEntry(with_latent(EditState(), StoredLatent("0" * 64)))
    save_session(tmp_path / "s.graft", replace(document, entries=(gone, *document.entries), index=2), store)
    opened = open_session(tmp_path / "s.graft", store)
    assert opened.entries == document.entries
    assert opened.index == 1
    with pytest.raises(LatentError):
        save_session(tmp_path / "s.graft", replace(document, entries=(gone,), index=0), store)
    assert open_session(tmp_path / "s.graft", store) == opened


def test_that_a_failing_save_leaves_the_older_session(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr(atomic.os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(StorageError, match="the disk is full"):
        save_session(saved, SessionDocument((HistoryEntry(EditState()),), 0), LatentStore())
    assert saved.read_bytes() == before


def test_that_a_save_clears_away_what_a_killed_save_left(saved: Path) -> None:
    left = saved.with_name(".evening.graft.0123456789ab.graft-tmp")
    left.write_bytes(b"half")
    save_session(saved, SessionDocument((HistoryEntry(EditState()),), 0), LatentStore())
    assert [path.name for path in saved.parent.iterdir()] == ["evening.graft"]


def rebuilt(path: Path, changes: dict[str, bytes | None]) -> Path:
    """The archive again with members added, replaced or (None) dropped."""
    with zipfile.ZipFile(path) as archive:
        members: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    members.update(changes)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(zipfile.ZipInfo(name), content)
    return path


def refused(path: Path) -> str:
    """Open it: must be refused within 2 s, in words, with nothing written beside it."""
    before = sorted(path.parent.rglob("*"))
    store = LatentStore()
    start = time.perf_counter()
    with pytest.raises(EngineError) as caught:
        open_session(path, store)
    assert time.perf_counter() - start < 2
    assert sorted(path.parent.rglob("*")) == before
    assert caught.value.user_message.isprintable()
    return caught.value.user_message


@pytest.mark.parametrize(
    "name",
    [
        "../../.bashrc",
        "/etc/x",
        "C:\\x",
        "..\\x",
        "\\\\host\\share",
        "latents/../../x.safetensors",
        "latents/" + "a" * 64 + ".safetensors/..",
        "latents/" + "A" * 64 + ".safetensors",
        "SESSION.JSON",
        "inner.graft",
        "latents/",
        "\x1b[31m.json",
    ],
)
def test_that_a_member_with_another_name_is_refused(saved: Path, name: str) -> None:
    assert "no part of a session" in refused(rebuilt(saved, {name: b"evil"}))


def test_that_names_with_nul_are_refused(saved: Path) -> None:
    data = saved.read_bytes().replace(b"session.json", b"session\0json")
    saved.write_bytes(data)
    refused(saved)


def test_that_a_member_twice_is_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        text = archive.read("session.json")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("session.json", text)
    assert "twice" in refused(saved)


def test_that_a_link_among_the_members_is_refused(saved: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    refused(saved)


def test_that_a_packed_bomb_is_refused_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "bomb.graft"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", b" " * (50 << 20))
    assert "is packed" in refused(path)


def test_that_many_members_a_comment_and_zip64_lies_are_refused(saved: Path) -> None:
    data = saved.read_bytes()
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for i in range(5000):
            archive.writestr(zipfile.ZipInfo(f"latents/{i:064x}.safetensors"), b"")
    lying = data[:-22] + struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1) + data[-22:]
    for hostile in (many.getvalue(), data[:-2] + b"\5\0hello", lying, data + b"tail", b"\xff\xd8" + data):
        saved.write_bytes(hostile)
        refused(saved)


def test_that_overlapping_members_are_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    directory = struct.unpack("<I", data[-6:-2])[0]
    second = data.index(b"PK\1\2", directory + 4)
    data[second + 42 : second + 46] = data[directory + 42 : directory + 46]  # starts where the first one starts
    saved.write_bytes(data)
    refused(saved)


def test_that_an_encrypted_member_is_refused(saved: Path) -> None:
    data = bytearray(saved.read_bytes())
    directory = struct.unpack("<I", data[-6:-2])[0]
    data[directory + 8] |= 1
    saved.write_bytes(data)
    assert "packed" in refused(saved)


def session_json(**changes: object) -> bytes:
    whole = {"graft_session": 1, "index": 0, "history": [{"label": "", "state": {}}], **changes}
    return json.dumps(whole).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 100_000,
        b'{"graft_session": 1, "index": NaN}',
        b'{"graft_session": 1, "graft_session": 1}',
        session_json(index=1),
        session_json(index=-1),
        session_json(index=True),
        session_json(history=[]),
        session_json(history=[{"state": {"latent": {"key": "../../x"}}}]),
        session_json(history=[{"state": {}}] * 2001),
        session_json(graft_session=2, history=[{"state": {}}, {"state": {}, "parent": 1}]),
        session_json(graft_session=2, history=[{"state": {}}, {"state": {}, "parent": -1}]),
        session_json(graft_session=2, history=[{"state": {}}, {"state": {}, "parent": 0.5}]),
        session_json(graft_session=2, tip=7),
        session_json(graft_session=2, history=[{"state": {}, "name": "x" * 200}]),
        session_json(graft_session=2, history=[{"state": {}, "starred": "yes"}]),
        session_json(graft_session=2, history=[{"state": {}, "sheets": [{"seed": -1}]}]),
        session_json(graft_session=2, history=[
            {"state": {}, "sheets": [{"seed": 1, "what": ["face"], "distance": 1, "count": 8}]}
        ]),
        session_json(graft_session=2, history=[
            {"state": {}, "sheets": [{"seed": 1, "what": [["pad"]], "distance": 1, "count": 8}]}
        ]),
        session_json(settings={"a": []}),
        session_json(settings={"a": "x" * 30_000}),
        session_json(settings=[]),
        session_json(latents=[{"path": "\\\\evil\\x"}]),
        session_json(model_path="http://evil/x"),
        session_json(latents=[{"key": "0" * 64}]),
        b'{"graft_session": 1, "index": 0, "history": [{"state": {}}], "settings": {"a": 1e400}}',
    ],
)
def test_that_hostile_session_text_is_refused(saved: Path, text: bytes) -> None:
    refused(rebuilt(saved, {"session.json": text}))


def test_that_a_session_from_the_future_is_refused_and_kept(saved: Path) -> None:
    rebuilt(saved, {"session.json": session_json(graft_session=3)})
    before = saved.read_bytes()
    with pytest.raises(RecipeVersionError, match="session was written by a newer Graft"):
        open_session(saved, LatentStore())
    assert saved.read_bytes() == before


def test_that_a_changed_latent_is_refused_and_not_stored(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        first, second = [name for name in archive.namelist() if name.startswith("latents/")][:2]
        swapped = {first: archive.read(second)}
        cut = {first: archive.read(first)[:-4]}
    original = saved.read_bytes()
    store = LatentStore()
    for changes in (swapped, cut):
        saved.write_bytes(original)
        with pytest.raises(RecipeFormatError, match="A latent in the session"):
            open_session(rebuilt(saved, dict(changes)), store)
    assert not store.has(first.removeprefix("latents/").removesuffix(".safetensors"))


def test_that_things_that_are_no_session_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "junk").write_bytes(os.urandom(1000))
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "empty", "junk", "folder", "gone"):
        refused(tmp_path / name)


def test_that_any_damage_gives_the_session_or_words(saved: Path) -> None:
    data = saved.read_bytes()
    draw = np.random.RandomState(1)
    opened = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[draw.randint(len(data))] ^= 1 << draw.randint(8)
        saved.write_bytes(damaged[: draw.randint(len(data))] if draw.randint(3) == 0 else damaged)
        try:
            open_session(saved, LatentStore())
            opened += 1
        except EngineError as error:
            last = error.user_message
    assert opened < 60  # the checksums of the zip find nearly everything
    assert last.endswith(".")
