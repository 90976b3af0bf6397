"""Seeds, the pad around them, and the store of latents."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import LatentError, LatentShapeError
from engine.latents import LatentStore, seed_to_z
from engine.state import SeedLatent

PAD = st.floats(-2, 2)


def some_ws(seed: int = 0, rows: int = 6, width: int = 8) -> np.ndarray:
    return np.random.RandomState(seed).randn(rows, width).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "latents"


def test_that_a_seed_is_what_numpy_draws() -> None:
    expected = np.random.RandomState(85).randn(1, 512).astype(np.float32)
    assert np.array_equal(seed_to_z(SeedLatent(85), 512), expected)


def test_that_a_place_on_the_pad_never_changes_between_versions() -> None:
    z = seed_to_z(SeedLatent(7, 0.3, -0.4), 512)
    assert hashlib.sha256(z.tobytes()).hexdigest()[:16] == "bb4d0476a92bd452"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), x=PAD, y=PAD)
def test_that_the_pad_turns_z_by_its_radius_and_keeps_its_length(seed: int, x: float, y: float) -> None:
    start = seed_to_z(SeedLatent(seed), 64).astype(np.float64)[0]
    moved = seed_to_z(SeedLatent(seed, x, y), 64).astype(np.float64)[0]
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(start), rel=1e-6)
    cosine = start @ moved / (start @ start)
    assert cosine == pytest.approx(np.cos(np.pi / 2 * min(1.0, np.hypot(x, y))), abs=1e-6)


def test_that_opposite_edges_of_the_pad_are_opposite_latents() -> None:
    assert np.allclose(seed_to_z(SeedLatent(3, 1, 0), 32), -seed_to_z(SeedLatent(3, -1, 0), 32), atol=1e-6)


@pytest.mark.parametrize("on_disk", [True, False])
def test_that_what_is_put_comes_back(on_disk: bool, folder: Path) -> None:
    store = LatentStore(folder if on_disk else None)
    ws, noise = some_ws(), {0: np.ones((4, 4), np.float32), 3: some_ws(1, 8, 8)}
    ws_key, noise_key = store.put_ws(ws), store.put_noise(noise)
    assert np.array_equal(store.ws(ws_key), ws)
    assert {p: a.tolist() for p, a in store.noise(noise_key).items()} == {p: a.tolist() for p, a in noise.items()}
    assert store.shapes([ws_key, noise_key, "0" * 64]) == {ws_key: (6, 8)}


def test_that_the_key_is_the_content_and_the_file_outlives_the_store(folder: Path) -> None:
    key = LatentStore(folder).put_ws(some_ws())
    assert LatentStore(None).put_ws(some_ws().astype(np.float64)) == key
    assert LatentStore(None).put_ws(some_ws(1)) != key
    assert [path.name for path in folder.iterdir()] == [f"{key}.safetensors"]
    assert np.array_equal(LatentStore(folder).ws(key), some_ws())


def test_that_a_key_never_changes_between_versions() -> None:
    store = LatentStore(None)
    assert store.put_ws(np.arange(6).reshape(2, 3))[:16] == "5d832bff08bcf9cc"


def test_that_arrays_from_the_store_cannot_be_written_to() -> None:
    store = LatentStore(None)
    ws = some_ws()
    kept = store.ws(store.put_ws(ws))
    ws[0, 0] = 99
    assert kept[0, 0] != 99
    with pytest.raises(ValueError, match="read-only"):
        kept[0, 0] = 1


def test_that_an_entry_travels_as_bytes(folder: Path) -> None:
    home, away = LatentStore(folder), LatentStore(None)
    key = home.put_noise({2: some_ws(0, 8, 8)})
    assert away.import_bytes(home.export_bytes(key)) == key
    assert np.array_equal(away.noise(key)[2], home.noise(key)[2])


def test_that_a_damaged_file_is_told_from_a_missing_one(folder: Path) -> None:
    store = LatentStore(folder)
    key, other = store.put_ws(some_ws()), store.put_ws(some_ws(1))
    (folder / f"{key}.safetensors").write_bytes((folder / f"{other}.safetensors").read_bytes())
    with pytest.raises(LatentError, match="damaged"):
        LatentStore(folder).ws(key)
    (folder / f"{key}.safetensors").write_bytes(b"nonsense")
    with pytest.raises(LatentError, match="damaged"):
        LatentStore(folder).ws(key)
    with pytest.raises(LatentError, match="not on this computer"):
        store.ws("ab" * 32)


def test_that_a_key_from_a_stranger_cannot_leave_the_folder(folder: Path) -> None:
    LatentStore(folder).put_ws(some_ws())
    (folder.parent / "outside.safetensors").write_bytes(b"")
    assert not LatentStore(folder).has("../outside")


@pytest.mark.parametrize(
    ("array", "error", "says"),
    [
        (np.zeros(8), LatentShapeError, r"\[8\]"),
        (np.zeros((65, 8)), LatentShapeError, r"\[65, 8\]"),
        (np.full((2, 8), np.nan), LatentError, "not finite"),
    ],
)
def test_that_arrays_which_are_no_latent_are_refused(array: np.ndarray, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        LatentStore(None).put_ws(array)


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"])
def test_that_bytes_which_are_no_latent_are_refused(data: bytes) -> None:
    with pytest.raises(LatentError):
        LatentStore(None).import_bytes(data)


def test_that_a_latent_is_not_taken_for_noise() -> None:
    store = LatentStore(None)
    with pytest.raises(LatentError, match="latent where noise"):
        store.noise(store.put_ws(some_ws()))
    with pytest.raises(LatentError, match="noise maps where"):
        store.ws(store.put_noise({0: np.zeros((4, 4))}))


def test_that_many_threads_can_share_a_store(folder: Path) -> None:
    store = LatentStore(folder)
    keys: list[str] = []
    threads = [
        threading.Thread(target=lambda n=n: keys.extend(store.put_ws(some_ws(seed)) for seed in range(n, n + 20)))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 80
    assert len(set(keys)) == 23
    assert all(np.isfinite(store.ws(key)).all() for key in keys)


def test_that_what_is_let_go_of_is_forgotten_in_memory_and_stays_on_disk(tmp_path: Path) -> None:
    for store, stays in ((LatentStore(), False), (LatentStore(tmp_path), True)):
        key = store.put_ws(some_ws())
        store.let_go(key, "unknown")
        assert store.has(key) is stays
