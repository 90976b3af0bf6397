from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from edit_states import store_with_portrait
from test_library import DESCRIPTOR, make_file

from engine.latent_file import read_latent_and_model, write_latent
from engine.latents import LatentStore
from engine.library import Library
from engine.sample_portraits import (
    portraits_folder,
    register_sample_portraits,
    sample_name,
    sample_photos,
    short_name,
)
from engine.state import ModelRef, StoredLatent


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "library.sqlite3")
    yield opened
    opened.close()


def shelved(library: Library, folder: Path, name: str, *, embedded: bool = True) -> ModelRef:
    path, sha256 = make_file(folder / f"{name}.safetensors", name.encode())
    return library.add_model(path, sha256, name, DESCRIPTOR, embedded=embedded)


def sample(folder: Path, model: ModelRef) -> StoredLatent:
    store, portrait = store_with_portrait()
    folder.mkdir(exist_ok=True)
    write_latent(folder / "composite_f_multi.safetensors", portrait, model, store)
    return portrait


def test_that_a_latent_file_says_in_which_model_it_was_found(library: Library, tmp_path: Path) -> None:
    model = shelved(library, tmp_path, "portrait")
    portrait = sample(tmp_path / "samples", model)
    latent, found = read_latent_and_model(tmp_path / "samples" / "composite_f_multi.safetensors", LatentStore())
    assert (latent.key, latent.noise_key, found) == (portrait.key, portrait.noise_key, model)


def test_that_a_sample_is_on_the_shelf_and_its_latent_in_the_store(library: Library, tmp_path: Path) -> None:
    model = shelved(library, tmp_path, "portrait")
    portrait = sample(tmp_path / "samples", model)
    store = LatentStore()
    found = register_sample_portraits(library, store, tmp_path / "samples")
    assert found == {StoredLatent(portrait.key, "Composite woman", portrait.noise_key): model}
    (record,) = library.latents()
    assert (record.latent, record.model) == (next(iter(found)), model)
    assert store.has(portrait.key)


def test_that_new_weights_take_a_sample_off_the_shelf_in_silence(library: Library, tmp_path: Path) -> None:
    model = shelved(library, tmp_path, "portrait")
    sample(tmp_path / "samples", model)
    register_sample_portraits(library, LatentStore(), tmp_path / "samples")
    library.forget_embedded_except([])
    shelved(library, tmp_path, "other")
    assert register_sample_portraits(library, LatentStore(), tmp_path / "samples") == {}
    assert library.latents() == ()


def test_that_a_model_of_the_users_own_is_no_home_for_a_sample(library: Library, tmp_path: Path) -> None:
    model = shelved(library, tmp_path, "portrait", embedded=False)
    sample(tmp_path / "samples", model)
    assert register_sample_portraits(library, LatentStore(), tmp_path / "samples") == {}


def test_that_a_broken_sample_is_passed_over(library: Library, tmp_path: Path) -> None:
    (tmp_path / "composite_f_multi.safetensors").write_bytes(b"broken")
    assert register_sample_portraits(library, LatentStore(), tmp_path) == {}


def test_that_every_photo_has_a_name_of_its_own() -> None:
    names = [sample_name(path.stem) for path in sample_photos()]
    assert len(set(names)) == len(names) == 10
    assert sample_name("me") == short_name("me") == "me"
    assert short_name("composite_m_african") == "Composite man"
    assert portraits_folder().is_dir()
