"""Tuned models, kept as small differences to their parents."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from shelf import Shelf
from small_networks import random_network, small_config
from typer.testing import CliRunner

from engine.checkpoints.convert import open_checkpoint
from engine.errors import CorruptModelError, EngineError, MissingModelError, ModelError, UnsupportedModelError
from engine.headless import _drive
from engine.inspection import inspect_file
from engine.job_handlers import JobHandlers
from engine.library import Library
from engine.messages import LoadModel, ModelLoaded
from engine.models import ModelPool, read_network
from engine.network import Network, load_network
from engine.pivot_file import PIVOT_KEY, SCALE, is_pivot, make_pivot, read_pivot
from engine.places import user_places
from engine.state import ModelRef
from engine.training.start import start_from
from engine.tuning_steps import pivot_step, tuned_from

LAYERS = (32, 32, 24, 16, 8)
MIB = 1 << 20


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return Shelf(folder)


@pytest.fixture
def parent(shelf: Shelf) -> ModelRef:
    return shelf.put("base", channels=LAYERS)


def tensors_of(network: Network) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in network.tensors.items()}


def moved(network: Network, amount: float = 0.02) -> dict[str, NDArray[np.float32]]:
    """As tuning leaves the tensors: everything that it may change is a little off."""
    rng = np.random.default_rng(5)
    return {
        name: np.asarray(values + amount * rng.standard_normal(values.shape), np.float32)
        if name.startswith("synthesis.") and "noise_const" not in name else values
        for name, values in tensors_of(network).items()
    }  # fmt: skip


@pytest.fixture
def child(shelf: Shelf, parent: ModelRef) -> Path:
    """A tuned model, on disk in a folder of its own."""
    path = shelf.paths[parent.sha256]
    network = read_network(path, "cpu")
    step = pivot_step(parent, "Anna", steps=7)
    pivot = make_pivot(
        parent, tensors_of(network), moved(network), [step], parent_bytes=path.stat().st_size
    )
    target = shelf.folder.parent / "elsewhere" / "anna.safetensors"
    target.parent.mkdir()
    pivot.save(target)
    return target


def opened(path: Path, shelf: Shelf) -> Network:
    found = open_checkpoint(path, find=shelf.locate)
    tensors = {name: torch.from_numpy(values) for name, values in found.tensors.items()}
    return Network.from_tensors(found.config, tensors)


def test_that_a_tuned_model_is_small_and_draws_what_was_tuned(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    network = read_network(shelf.paths[parent.sha256], "cpu")
    exact = Network.from_tensors(
        network.config, {name: torch.from_numpy(values) for name, values in moved(network).items()}
    )
    found = opened(child, shelf)
    ws = network.mapping(torch.randn(2, network.descriptor.z_dim, generator=torch.Generator().manual_seed(1)))
    away = (exact.synthesis(ws) - network.synthesis(ws)).abs().mean()
    assert (found.synthesis(ws) - exact.synthesis(ws)).abs().mean() < 0.15 * away
    changed = sum(values.size for name, values in moved(network).items() if not np.array_equal(
        values, network.tensors[name].numpy()))  # fmt: skip
    assert child.stat().st_size < 0.3 * 4 * changed + 20_000  # 4 bits each, and a header that is large here


def test_that_codes_stay_near_what_they_stand_for(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    network = read_network(shelf.paths[parent.sha256], "cpu")
    before, after = tensors_of(network), moved(network)
    found = open_checkpoint(child, find=shelf.locate).tensors
    for name, values in after.items():
        difference = values - before[name]
        if difference.size < 256 or difference.ndim < 2:
            np.testing.assert_allclose(found[name], values, atol=1e-6)
            continue
        rows = difference.reshape(len(difference), -1)
        error = (found[name] - values).reshape(len(difference), -1)
        assert (np.sqrt(np.square(error).mean(axis=1)) <= 0.25 * np.sqrt(np.square(rows).mean(axis=1))).all()


def test_that_what_is_not_tuned_is_the_parents(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    base = read_network(shelf.paths[parent.sha256], "cpu")
    found = opened(child, shelf)
    kept = [name for name in base.tensors if name.startswith("mapping") or name.endswith("noise_const")]
    assert kept
    for name in kept:
        assert torch.equal(found.tensors[name], base.tensors[name])


def test_that_it_says_what_it_was_tuned_from(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    metadata = open_checkpoint(child, find=shelf.locate).metadata
    assert metadata.lineage[-1]["portrait"] == "Anna"
    assert tuned_from(metadata.lineage) == parent


def test_that_of_a_tuning_of_a_tuning_the_first_parent_counts(parent: ModelRef) -> None:
    second = pivot_step(ModelRef("b" * 64, "anna"), "Bob")
    trained = {"step": "train", "pictures": 7}
    assert tuned_from([trained, pivot_step(parent, "Anna"), second]) == parent
    assert tuned_from([pivot_step(parent, "Anna"), trained]) is None
    assert tuned_from([{"step": "pivot", "from": "x", "from_sha256": "short"}]) is None


# --- where the parent is --------------------------------------------------------------------------------------------


def test_that_the_parent_is_found_beside_the_file(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    shelf.paths[parent.sha256].rename(child.parent / "renamed.safetensors")
    assert load_network(child).descriptor.tuned_from == parent


def test_that_the_parent_is_found_in_the_library(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    places = user_places().make()
    library = Library(places.library_file)
    path = shelf.paths[parent.sha256]
    library.add_model(path, parent.sha256, "base", shelf.kept[parent.sha256].descriptor)
    library.trash_model(parent.sha256)  # its file stays where it is
    library.close()
    assert load_network(child).descriptor.tuned_from == parent


def test_that_a_missing_parent_is_named(child: Path) -> None:
    with pytest.raises(MissingModelError, match="tuning of “base”") as caught:
        load_network(child)
    assert caught.value.name == "base"
    assert caught.value.sha256[:12] in caught.value.hint
    with pytest.raises(MissingModelError):
        inspect_file(child)


def test_that_it_loads_again_once_the_parent_is_there(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    with pytest.raises(MissingModelError):
        open_checkpoint(child)
    assert open_checkpoint(child, find=shelf.locate).is_difference
    assert open_checkpoint(child, find=shelf.locate).tensors  # now out of the cache


def test_that_a_pool_finds_the_parent_on_its_shelf(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    sha256 = hashlib.sha256(child.read_bytes()).hexdigest()
    shelf.paths[sha256] = child
    pool = ModelPool(shelf, "cpu", 64 * MIB)
    network = pool.networks([ModelRef(sha256, "anna")])[0]
    assert network.descriptor.tuned_from == parent
    assert network.origin.lineage[-1]["steps"] == 7


def test_that_dropping_it_puts_it_on_the_shelf(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    class Pipeline:
        models = None

    handlers = JobHandlers(Pipeline(), shelf, None)  # type: ignore[arg-type]
    loaded = _drive(handlers.begin(LoadModel(child)), lambda text, fraction=None: None)
    assert isinstance(loaded, ModelLoaded)
    assert loaded.descriptor.tuned_from == parent


def test_that_it_is_written_whole_for_others(child: Path, shelf: Shelf, parent: ModelRef, tmp_path: Path) -> None:
    from engine.cli import app

    shelf.paths[parent.sha256].rename(child.parent / "base.safetensors")
    whole = tmp_path / "whole.safetensors"
    result = CliRunner().invoke(app, ["convert", str(child), str(whole)])
    assert result.exit_code == 0, result.output
    with safe_open(whole, "np") as file:
        assert PIVOT_KEY not in (file.metadata() or {})
    for name, values in load_network(child).tensors.items():
        assert torch.equal(load_network(whole).tensors[name], values)
    assert load_network(whole).descriptor.tuned_from == parent  # a whole file of it can be carried just so


def test_that_inspecting_tells_of_the_tuning(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    shelf.paths[parent.sha256].rename(child.parent / "base.safetensors")
    found = inspect_file(child)
    assert found.facts["tuned_from"]["sha256"] == parent.sha256
    assert "tuned from   base" in found.text


# --- damaged and lying files ----------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any], dict[str, NDArray[Any]]], None]
CODED = "synthesis.b8.conv0.weight"
PLAIN = "synthesis.b8.conv0.bias"


def rewritten(path: Path, change: Change) -> Path:
    with safe_open(path, "np") as file:
        document = json.loads(file.metadata()[PIVOT_KEY])
    tensors = load_file(path)
    change(document, tensors)
    target = path.with_name("changed.safetensors")
    save_file(tensors, target, {PIVOT_KEY: json.dumps(document)})
    return target


def _set(name: str, value: Any) -> Change:
    return lambda document, tensors: document.__setitem__(name, value)


def _tensor(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Change:
    return lambda document, tensors: tensors.__setitem__(name, change(tensors[name]))


def _first(value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(values: NDArray[Any]) -> NDArray[Any]:
        values.reshape(-1)[0] = value
        return values

    return change


def _other_parent(document: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
    document["parent"]["sha256"] = "d" * 64


def _of_mapping(document: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
    tensors["mapping.fc0.bias"] = np.zeros(16, np.float32)


def _lost_scales(document: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
    del tensors[CODED + SCALE]


LIES: dict[str, tuple[Change, type[EngineError], str]] = {
    "wrong shape": (_tensor(PLAIN, lambda one: one[:-1]), CorruptModelError, "shape"),
    "too few codes": (_tensor(CODED, lambda one: one[:-1]), CorruptModelError, "shape"),
    "too few scales": (_tensor(CODED + SCALE, lambda one: one[:-1]), CorruptModelError, "shape"),
    "no scales": (_lost_scales, CorruptModelError, "no proper scales"),
    "codes of two dimensions": (_tensor(CODED, lambda one: one[None]), CorruptModelError, "shape"),
    "a code that means nothing": (_tensor(CODED, _first(0)), CorruptModelError, "mean nothing"),
    "NaN": (_tensor(PLAIN, _first(float("nan"))), CorruptModelError, "not finite"),
    "an infinite scale": (_tensor(CODED + SCALE, _first(float("inf"))), CorruptModelError, "not finite"),
    "a scale that overflows": (_tensor(CODED + SCALE, lambda one: one * 0 + 3e38), CorruptModelError, "not finite"),
    "a tensor of the mapping": (_of_mapping, CorruptModelError, "does not have or keeps"),
    "doubles": (_tensor(PLAIN, lambda one: one.astype(np.float64)), UnsupportedModelError, "float64"),
    "another parent": (_other_parent, CorruptModelError, "names one parent"),
    "other content": (_set("content", "0" * 64), CorruptModelError, "another “base”"),
    "no steps": (_set("steps", []), CorruptModelError, "what was done"),
    "a step of another kind": (_set("steps", [{"step": "train"}]), CorruptModelError, "what was done"),
    "steps that are no objects": (_set("steps", [7]), CorruptModelError, "object"),
    "a newer format": (_set("format", 2), UnsupportedModelError, "newer Graft"),
    "no format": (_set("format", True), CorruptModelError, "format number"),
    "an unknown key": (_set("command", "rm"), CorruptModelError, "unknown key"),
}


@pytest.mark.parametrize("lie", LIES)
def test_that_lies_are_refused_in_words(child: Path, shelf: Shelf, lie: str) -> None:
    change, kind, words = LIES[lie]
    with pytest.raises(kind, match=words) as caught:
        open_checkpoint(rewritten(child, change), find=shelf.locate)
    assert len(caught.value.user_message) <= 300


def test_that_a_wrong_model_in_the_parents_place_is_refused(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    other = random_network(small_config(channels=LAYERS), 9)  # of the same shape
    smaller = random_network(small_config(channels=LAYERS[:4]), 9)
    for network, words in ((other, "another “base”"), (smaller, "does not have")):
        path = shelf.folder / "other.safetensors"
        network.save(path)
        shelf.paths[parent.sha256] = path
        with pytest.raises(CorruptModelError, match=words):
            open_checkpoint(child, find=shelf.locate)


def test_that_tunings_do_not_stack(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    found = opened(child, shelf)
    sha256 = hashlib.sha256(child.read_bytes()).hexdigest()
    anna = ModelRef(sha256, "anna")
    grandchild = make_pivot(anna, tensors_of(found), moved(found), [pivot_step(anna, "Bob")])
    path = child.with_name("bob.safetensors")
    grandchild.save(path)
    shelf.paths[sha256] = child
    with pytest.raises(CorruptModelError, match="a tuning itself"):
        open_checkpoint(path, find=shelf.locate)


def test_that_one_that_is_its_own_parent_is_refused(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    shelf.paths[parent.sha256] = child
    with pytest.raises(CorruptModelError, match="a tuning itself"):
        open_checkpoint(child, find=shelf.locate)


def test_that_a_header_that_announces_too_much_is_refused(child: Path, shelf: Shelf, tmp_path: Path) -> None:
    content = child.read_bytes()
    bomb = tmp_path / "bomb.safetensors"
    bomb.write_bytes(struct.pack("<Q", 1 << 30) + content[8:])
    with pytest.raises(ModelError):
        open_checkpoint(bomb, find=shelf.locate)
    deep = b'{"__metadata__":{"' + PIVOT_KEY.encode() + b'":"' + b"[" * 200_000 + b'"}}'
    bomb.write_bytes(struct.pack("<Q", len(deep)) + deep)
    with pytest.raises(CorruptModelError):
        open_checkpoint(bomb, find=shelf.locate)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.999])
def test_that_a_file_that_was_cut_short_is_refused(child: Path, shelf: Shelf, share: float) -> None:
    content = child.read_bytes()
    child.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError):
        open_checkpoint(child, find=shelf.locate)


def test_that_damage_anywhere_is_an_error_of_ours_or_does_no_harm(child: Path, shelf: Shelf) -> None:
    content, rng = child.read_bytes(), np.random.default_rng(3)
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            damaged[place] = rng.integers(0, 256)
        path = child.with_name("damaged.safetensors")
        path.write_bytes(damaged)
        try:
            found = open_checkpoint(path, find=shelf.locate)
        except EngineError:
            continue
        assert all(np.isfinite(values).all() for values in found.tensors.values())


def test_that_a_file_read_alone_tells_its_parent(child: Path, parent: ModelRef) -> None:
    with open(child, "rb") as file:
        assert is_pivot(file, child.stat().st_size)
        found = read_pivot(file)
    assert found.parent == replace(parent, name="base")
    assert found.parent_bytes > 0


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_that_one_can_be_trained_further(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    shelf.paths[parent.sha256].rename(child.parent / "base.safetensors")
    start = start_from(str(child), 0)
    assert start.models.network.origin.lineage[-2]["portrait"] == "Anna"
    assert start.models.network.descriptor.tuned_from is None  # what is trained is no tuning any more
    name = "synthesis.b8.conv0.weight"
    assert torch.equal(start.models.network.tensors[name], load_network(child).tensors[name])


def test_that_a_damaged_conversion_of_the_parent_is_not_taken(child: Path, shelf: Shelf, parent: ModelRef) -> None:
    good = shelf.paths[parent.sha256].rename(child.parent / "base.safetensors")
    converted = user_places().make().models_cache / f"{parent.sha256}.safetensors"
    tensors = load_file(good)
    with safe_open(good, "np") as file:
        metadata = file.metadata()
    tensors["mapping.fc0.bias"][0] += 1.0  # not even one that was tuned
    save_file(tensors, converted, metadata)
    found = open_checkpoint(child).tensors
    expected = open_checkpoint(child, find=lambda sha256: good).tensors
    assert all(np.array_equal(found[name], values) for name, values in expected.items())
