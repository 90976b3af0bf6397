"""Which networks stay in memory, and what is said when one cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from shelf import Shelf
from small_networks import random_network

from engine.errors import CorruptModelError, MissingModelError, OutOfMemoryError
from engine.models import ModelPool, read_network, weight_bytes
from engine.network import Network
from engine.state import ModelRef

PLENTY = 1 << 40


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


class Loads:
    """Reads networks and remembers which."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, path: Path, device: str) -> Network:
        self.names.append(path.stem)
        return read_network(path, device)


def test_that_a_network_is_read_once_while_there_is_room(shelf: Shelf) -> None:
    loads = Loads()
    pool = ModelPool(shelf, "cpu", PLENTY, load=loads)
    a, b = shelf.put("a", seed=1), shelf.put("b", seed=2)
    first = pool.networks([a, b])
    assert pool.networks([b, a]) == first[::-1]
    assert loads.names == ["a", "b"]


def test_that_what_was_used_longest_ago_goes_first_but_never_what_is_wanted_now(shelf: Shelf) -> None:
    loads = Loads()
    refs = [shelf.put(name, seed=seed) for seed, name in enumerate("abc")]
    size = weight_bytes(random_network(read_network(shelf.paths[refs[0].sha256], "cpu").config))
    pool = ModelPool(shelf, "cpu", 2 * size, load=loads)
    pool.networks(refs[:2])
    pool.networks(refs[:1])
    pool.networks(refs[2:])
    assert [ref.name for ref in refs if ref.sha256 in pool] == ["a", "c"]
    pool.networks(refs)
    assert pool.used_bytes == 3 * size
    assert loads.names == ["a", "b", "c", "b"]


def test_that_a_model_which_is_nowhere_is_named_with_its_hash(shelf: Shelf) -> None:
    ref = ModelRef("c0ffee" + "0" * 58, "toon")
    with pytest.raises(MissingModelError, match="“toon” is not on this computer") as caught:
        ModelPool(shelf, "cpu", PLENTY).networks([ref])
    assert (caught.value.sha256, caught.value.name) == (ref.sha256, "toon")
    assert "c0ffee000000" in caught.value.hint


def test_that_a_model_whose_file_has_gone_is_missing(shelf: Shelf) -> None:
    ref = shelf.put("a")
    shelf.paths[ref.sha256].unlink()
    with pytest.raises(MissingModelError):
        ModelPool(shelf, "cpu", PLENTY).networks([ref])


def test_that_a_model_too_big_for_memory_is_refused_before_it_is_read(shelf: Shelf) -> None:
    loads = Loads()
    pool = ModelPool(shelf, "cpu", PLENTY, load=loads, free=lambda _device: 100)
    with pytest.raises(OutOfMemoryError, match=r"“a” needs .* GiB of memory"):
        pool.networks([shelf.put("a")])
    assert loads.names == []


def test_that_others_make_room_for_a_model_that_would_not_fit(shelf: Shelf) -> None:
    pool = ModelPool(shelf, "cpu", PLENTY, free=lambda _device: PLENTY if not pool.used_bytes else 0)
    a, b = shelf.put("a", seed=1), shelf.put("b", seed=2)
    pool.networks([a])
    pool.networks([b])
    assert (a.sha256 in pool, b.sha256 in pool) == (False, True)


def test_that_a_saved_network_is_read_where_it_lies(tmp_path: Path) -> None:
    network = random_network()
    network.save(tmp_path / "net.safetensors")
    before = sorted(tmp_path.iterdir())
    read = read_network(tmp_path / "net.safetensors", "cpu")
    assert sorted(tmp_path.iterdir()) == before
    assert read.sha256 == network.sha256
    assert all(torch.equal(read.tensors[name], tensor) for name, tensor in network.tensors.items())


def test_that_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    random_network().save(tmp_path / "net.safetensors")
    data = (tmp_path / "net.safetensors").read_bytes()
    (tmp_path / "net.safetensors").write_bytes(data[:-100])
    with pytest.raises(CorruptModelError):
        read_network(tmp_path / "net.safetensors", "cpu")


def test_that_what_is_held_beside_the_weights_counts_and_goes_with_them(shelf: Shelf) -> None:
    refs = [shelf.put(name, seed=seed) for seed, name in enumerate("abc")]
    size = weight_bytes(random_network(read_network(shelf.paths[refs[0].sha256], "cpu").config))
    pool = ModelPool(shelf, "cpu", 6 * size)
    pool.extra_bytes = lambda network: weight_bytes(network)
    pool.other_bytes = lambda: size
    told: list[bool] = []
    pool.on_drop = lambda: told.append(refs[0].sha256 in pool)
    pool.networks(refs[:2])
    assert (pool.used_bytes, told) == (5 * size, [])
    pool.networks(refs[2:])
    assert (pool.used_bytes, told) == (5 * size, [False])
    pool.clear()
    assert pool.used_bytes == size


def test_that_what_can_be_computed_again_goes_before_any_network(shelf: Shelf) -> None:
    room = 0
    asked: list[int] = []

    def make_room() -> None:
        nonlocal room
        asked.append(room)
        room = PLENTY

    pool = ModelPool(shelf, "cpu", PLENTY, free=lambda _device: room)
    pool.on_pressure = make_room
    a, b = shelf.put("a", seed=1), shelf.put("b", seed=2)
    pool.networks([a])
    assert asked == [0]
    room = 0
    pool.networks([b])
    assert asked == [0, 0]
    assert a.sha256 in pool
