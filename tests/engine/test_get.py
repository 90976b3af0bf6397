from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Answer, Loopback, ranged, serving
from test_cli import done, graft

from engine import catalogue, get_cli
from engine.catalogue import CatalogueError, check_link, find_entry, name_of_link, own_entry, read_catalogue
from engine.errors import DownloadError
from engine.library import Library
from engine.library_links import LinkTable
from engine.library_records import Link
from engine.places import embedded_models_folder, user_places

TOON = embedded_models_folder() / "toon.safetensors"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[Loopback]:
    content = TOON.read_bytes()
    with serving(lambda n, handler: ranged(handler, content)) as running:
        yield running


def complaint(*arguments: object) -> str:
    result = graft(*arguments)
    assert result.exit_code == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_that_every_entry_of_the_catalogue_says_what_one_must_know_before_a_download() -> None:
    entries = read_catalogue()
    assert len(entries) > 20
    for entry in entries:
        assert entry.url.startswith("https://")
        assert entry.page.startswith("https://")
        assert entry.licence is not None
        assert entry.licence.url.startswith("https://")
        assert entry.licence.gist.endswith(".")
        assert entry.maker
        assert entry.draws
        assert entry.resolution
        assert entry.framing
        assert re.search(r"\.pkl$", entry.url)


def test_that_models_which_the_loader_refuses_are_marked() -> None:
    kinds = {entry.family: entry.readable for entry in read_catalogue()}
    assert kinds == {"StyleGAN2": True, "StyleGAN3": False, "StyleGAN2 (TensorFlow)": False}


def test_that_an_entry_is_found_by_id_name_or_address() -> None:
    entries = read_catalogue()
    for text in ("ffhq-256", "FFHQ faces, 256", entries[8].url):
        assert find_entry(text, entries) == entries[8]
    assert find_entry("nothing", entries) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("format = 1", "format = 2"), "format 2"),
        (('id = "ffhq-1024"', 'id = "metfaces-1024"'), "two models have one id"),
        (('file = "metfaces.pkl"', 'file = "ffhq.pkl"'), "two models have one url"),
        (('id = "ffhq-1024"', 'id = "FFHQ !"'), "an id is small letters"),
        (("resolution = 1024", 'resolution = "big"'), "no sensible number"),
        (('source = "ada"', 'source = "nobody"'), "no source nobody"),
        (('licence = "nvidia-ada"', 'licence = "mine"'), "no licence mine"),
        (("https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada", "http://nvlabs-fi-cdn.nvidia.com/x"), "begin with https"),
        (('draws = "photographs of faces"', 'sha256 = "12"\ndraws = "faces"'), "its sha256 is none"),
        (('draws = "photographs of faces"', 'paints = "faces"'), "which nobody reads"),
        (("format = 1", "format = "), "Invalid value"),
    ],
)
def test_that_a_slip_in_the_catalogue_is_named(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    text = catalogue.catalogue_file().read_text()
    (tmp_path / "c.toml").write_text(text.replace(*change, 1))
    with pytest.raises(CatalogueError, match=complaint):
        read_catalogue(tmp_path / "c.toml")


def test_that_a_checksum_may_be_typed_as_it_is_published() -> None:
    typed = "SHA256:" + " ".join(["AB" * 8] * 4)
    assert check_link(" https://example.org/m.pkl ", typed.replace("SHA256", "sha256")) == (
        "https://example.org/m.pkl",
        "ab" * 32,
    )
    assert check_link("https://example.org/m.pkl") == ("https://example.org/m.pkl", None)
    with pytest.raises(DownloadError, match="is no SHA-256"):
        check_link("https://example.org/m.pkl", "ab" * 20)


def test_that_a_link_is_named_after_its_file() -> None:
    assert name_of_link("https://example.org/a/my%20toon.v2.pkl?dl=1") == "my toon.v2"
    assert name_of_link("https://example.org/") == "model"
    assert own_entry(Link("https://example.org/a.pkl", "a", None)).is_own


def test_that_the_list_names_every_model_and_what_cannot_be_run() -> None:
    out = done("get", "--list")
    assert "ffhq-256" in out
    assert out.count("does not run it yet") == 17
    rows = json.loads(done("get", "--list", "--json"))
    assert len(rows) == len(read_catalogue())
    assert rows[0]["licence"]["url"].startswith("https://")


def test_that_the_licence_comes_before_the_download() -> None:
    told = complaint("get", "ffhq-256")
    assert "NVIDIA Source Code License" in told
    assert "--accept-licence" in told


def test_that_a_model_of_the_catalogue_arrives_in_the_library_with_its_licence(
    server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    toon = replace(read_catalogue()[0], id="toon-2", name="Toon again", url=f"{server.base}/toon-2.safetensors")
    monkeypatch.setattr(get_cli, "read_catalogue", lambda: (toon,))
    monkeypatch.setattr("engine.headless.register_embedded", lambda library: ())
    assert "is in the library" in done("get", "toon-2", "--accept-licence")
    with closing(Library(user_places().library_file)) as library:
        (record,) = library.models()
        assert record.note["licence"].startswith("NVIDIA Source Code License")
        assert record.note["from"] == toon.url
        assert record.note["lineage"]
        assert LinkTable(library.file).fetched_sha256(toon.url) == record.ref.sha256


def test_that_an_address_of_ones_own_is_remembered_and_a_changed_file_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(get_cli, "_shelve", lambda *_: None)
    bodies = [b"\x80first", b"\x80another", b"\x80another"]
    with serving(lambda n, handler: Answer(bodies[n])) as server:
        url = f"{server.base}/mine.pkl"
        done("get", url)
        assert "another file the first time" in complaint("get", url)
        done("get", url, "--accept-changed")
    with closing(Library(user_places().library_file)) as library:
        assert [link.url for link in LinkTable(library.file).all()] == [url]


def test_that_an_unknown_name_is_answered_with_where_to_look() -> None:
    assert "get --list" in complaint("get", "fffhq")
