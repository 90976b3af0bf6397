from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_library import MODEL, add

from engine.errors import MissingModelError, StorageError
from engine.latent_file import read_latent_and_model
from engine.latents import LatentStore
from engine.library import Library
from engine.library_directions import DirectionTable
from engine.library_export import export_things
from engine.library_records import DirectionRecord
from engine.library_tags import Kind, TagTable
from engine.library_trash import empty_trash, rename, restore, trash
from engine.look import look_of
from engine.look_file import read_look
from engine.state import EditState, StoredLatent


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library(tmp_path / "home" / "library.sqlite3")
    yield opened
    opened.close()


def test_that_models_looks_and_portraits_go_out_as_files_that_come_back(library: Library, tmp_path: Path) -> None:
    ref, _, source = add(library, tmp_path, "toon")
    rename(library, (Kind.MODEL, ref.sha256), "a: toon?")
    look = library.add_look(look_of(EditState(model_a=MODEL), "Warm"))
    store = LatentStore()
    key = store.put_ws(np.ones((10, 64), np.float32))
    library.add_latent(StoredLatent(key, "Ada"), MODEL)
    out = tmp_path / "out"
    out.mkdir()
    things = [(Kind.MODEL, ref.sha256), (Kind.LOOK, str(look.id)), (Kind.PORTRAIT, key), (Kind.DIRECTION, "d")]
    for _ in range(2):
        paths = export_things(library, store, things, out)
    assert [path.name for path in paths] == ["a_ toon_ 2.pkl", "Warm 2.look.json", "Ada 2.safetensors"]
    assert paths[0].read_bytes() == source.read_bytes()
    assert read_look(paths[1]).name == "Warm"
    assert read_latent_and_model(paths[2], LatentStore())[0].key == key
    assert len(list(out.iterdir())) == 6


def test_that_a_model_without_a_file_and_a_folder_that_is_none_are_told(library: Library, tmp_path: Path) -> None:
    ref, converted, source = add(library, tmp_path, "toon")
    with pytest.raises(StorageError, match=r"could not export toon\.pkl"):
        export_things(library, LatentStore(), [(Kind.MODEL, ref.sha256)], tmp_path / "nowhere")
    converted.unlink()
    source.unlink()
    with pytest.raises(MissingModelError, match="“toon” is gone"):
        export_things(library, LatentStore(), [(Kind.MODEL, ref.sha256)], tmp_path)


def test_that_every_kind_is_renamed_thrown_away_brought_back_and_forgotten_alike(
    library: Library, tmp_path: Path
) -> None:
    ref, _, _ = add(library, tmp_path, "toon")
    look = library.add_look(look_of(EditState(model_a=MODEL), "Warm"))
    library.add_latent(StoredLatent("k", "Ada"), ref)
    directions = DirectionTable(library.file)
    directions.put(DirectionRecord("d", "smile", ref))
    things = [(Kind.MODEL, ref.sha256), (Kind.LOOK, str(look.id)), (Kind.PORTRAIT, "k"), (Kind.DIRECTION, "d")]
    for thing in things:
        rename(library, thing, "new name")
    TagTable(library.file).add(things, ["old"])

    def names() -> list[str]:
        return [
            *(record.ref.name for record in library.models()), *(record.look.name for record in library.looks()),
            *(record.latent.name for record in library.latents()), *(record.name for record in directions.kept()),
        ]  # fmt: skip

    assert names() == ["new name"] * 4
    latent = library.latents()[0]
    assert latent.model is not None
    assert latent.model.name == "new name"  # the portrait knows what its model is called now
    trash(library, things)
    assert names() == []
    restore(library, things)
    assert names() == ["new name"] * 4
    trash(library, things)
    assert empty_trash(library) == 4
    assert empty_trash(library) == 0
    restore(library, things)
    assert names() == []
    assert TagTable(library.file).all() == {}
