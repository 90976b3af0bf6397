"""Files of directions: Graft's own, those of other programs, and those that mean harm."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from numpy.typing import NDArray

from engine.directions.bounded_zip import MAX_UNPACKED_BYTES
from engine.directions.direction_file import read_directions, write_directions
from engine.directions.read_direction import ReadDirection, Space, fitted
from engine.errors import EngineError, LatentError, LatentShapeError, UnsafeModelError
from engine.state import ModelRef

DRAW = np.random.RandomState(8)
ROW = DRAW.randn(1, 512)


def npy(array: NDArray[Any]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("array", [ROW, ROW[0], ROW.astype(np.float32), ROW[np.newaxis], np.asfortranarray(ROW)])
def test_that_an_interfacegan_boundary_is_one_direction(array: NDArray[Any], tmp_path: Path) -> None:
    (found,) = read_directions(written(tmp_path / "stylegan_ffhq_age_w_boundary.npy", npy(array)))
    np.testing.assert_allclose(found.values, ROW, rtol=1e-6)
    assert (found.name, found.space, found.in_sigmas) == ("stylegan_ffhq_age_w_boundary", Space.W, False)


def test_that_a_boundary_in_z_is_known_by_its_name(tmp_path: Path) -> None:
    (found,) = read_directions(written(tmp_path / "stylegan_ffhq_age_c_gender_boundary.npy", npy(ROW)))
    assert found.space is Space.Z


def test_that_an_array_with_a_row_per_layer_is_one_direction(tmp_path: Path) -> None:
    rows = DRAW.randn(18, 512)
    (found,) = read_directions(written(tmp_path / "smile.npy", npy(rows)))
    assert found.values.shape == (18, 512)
    assert fitted(found, 512, 14).shape == (14, 512)


def test_that_equal_rows_become_one(tmp_path: Path) -> None:
    (found,) = read_directions(written(tmp_path / "smile.npy", npy(np.repeat(ROW, 18, axis=0))))
    assert fitted(found, 512, 14).shape == (1, 512)


def test_that_another_width_is_refused_with_both_widths(tmp_path: Path) -> None:
    (found,) = read_directions(written(tmp_path / "smile.npy", npy(ROW)))
    with pytest.raises(LatentShapeError, match="“smile” has 512 values per layer; latents of this model have 256"):
        fitted(found, 256, 14)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_that_ganspaces_components_come_in_sigmas(save: Any, tmp_path: Path) -> None:
    golden = np.load(Path(__file__).parents[2] / "golden" / "directions" / "ganspace.npz")
    components, sigmas = golden["ipca1_comp"], golden["lat_stdev_on_W"]
    path = tmp_path / "stylegan2-ffhq_style_ipca_c12.npz"
    save(
        path, act_comp=components[:, None], act_mean=golden["ipca1_mean"], act_stdev=golden["ipca1_act_stdev"],
        lat_comp=components[:, None], lat_mean=golden["ipca1_mean"], lat_stdev=sigmas, var_ratio=sigmas,
        random_stdevs=golden["random_stdevs"],
    )  # fmt: skip
    found = read_directions(path)
    assert len(found) == 12
    assert all(direction.in_sigmas and direction.source == "ganspace-w" for direction in found)
    np.testing.assert_allclose(found[3].values[0], components[3] * sigmas[3], rtol=1e-6)
    assert (found[3].number, found[3].name) == (3, "stylegan2-ffhq_style_ipca_c12 4")


def test_that_an_edit_saved_by_ganspace_is_read_without_running_it(tmp_path: Path) -> None:
    edit = {
        "name": "Older", "edit_start": 2, "edit_end": 5, "latent_space": "W",
        "lat_comp": ROW[None].astype(np.float32), "lat_stdev": np.float32([2.0]),
    }  # fmt: skip
    (found,) = read_directions(written(tmp_path / "edit.pkl", pickle.dumps(edit, protocol=3)))
    np.testing.assert_allclose(found.values, 2.0 * ROW, rtol=1e-6)
    assert (found.name, found.rows, found.in_sigmas) == ("Older", (2, 5), True)


def test_that_eigenvectors_in_a_torch_file_are_read_by_column(tmp_path: Path) -> None:
    vectors = torch.linalg.svd(torch.randn(600, 512, generator=torch.Generator().manual_seed(1)))[2].T
    torch.save({"ckpt": "some/path.pt", "eigvec": vectors}, tmp_path / "factor.pt")
    found = read_directions(tmp_path / "factor.pt")
    np.testing.assert_allclose(found[2].values[0], vectors[:, 2], rtol=1e-6)
    assert (len(found), found[2].source) == (256, "sefa")


def test_that_one_tensor_in_a_torch_file_is_one_direction(tmp_path: Path) -> None:
    torch.save(torch.ones(1, 512), tmp_path / "smile.pt")
    (found,) = read_directions(tmp_path / "smile.pt")
    assert (found.values.shape, found.name) == ((1, 512), "smile")


def test_that_grafts_own_file_comes_back_as_it_was(tmp_path: Path) -> None:
    given = (
        ReadDirection(
            ROW.astype(np.float32), "Age", in_sigmas=True, model=ModelRef("a" * 64, "portrait"), rows=(0, 8),
            source="ganspace-w", number=3, reach=(-3.0, 5.0),
        ),
        ReadDirection(DRAW.randn(14, 512).astype(np.float32), "Smile", in_sigmas=True),
    )  # fmt: skip
    write_directions(tmp_path / "mine.safetensors", given)
    again = read_directions(tmp_path / "mine.safetensors")
    for one, other in zip(given, again, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        assert (one.name, one.model, one.rows, one.source, one.number, one.reach, one.in_sigmas) == (
            other.name, other.model, other.rows, other.source, other.number, other.reach, other.in_sigmas,
        )  # fmt: skip


def test_that_safetensors_of_others_are_read_by_their_tensors_names(tmp_path: Path) -> None:
    content = safetensors.numpy.save({"age": ROW.astype(np.float32), "smile": ROW[0].astype(np.float16)})
    found = read_directions(written(tmp_path / "pack.safetensors", content))
    assert [direction.name for direction in found] == ["age", "smile"]


# --- bad input ------------------------------------------------------------------------------------------------------


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("open('/tmp/graft-was-here', 'w').close()",)


def test_that_a_pickle_in_an_array_file_is_never_run(tmp_path: Path) -> None:
    bomb = np.empty(1, object)
    bomb[0] = _Bomb()
    for path, content in (
        (tmp_path / "a.npy", npy(bomb)),
        (tmp_path / "b.pkl", pickle.dumps({"lat_comp": _Bomb()})),
        (tmp_path / "c.pt", pickle.dumps(_Bomb())),
    ):
        with pytest.raises(UnsafeModelError):
            read_directions(written(path, content))
    assert not Path("/tmp/graft-was-here").exists()


def test_that_an_archive_of_pickles_is_refused(tmp_path: Path) -> None:
    bomb = np.empty(1, object)
    bomb[0] = _Bomb()
    np.savez_compressed(tmp_path / "a.npz", lat_comp=bomb)
    with pytest.raises(UnsafeModelError):
        read_directions(tmp_path / "a.npz")


def test_that_an_archive_that_unpacks_to_too_much_is_left(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(
        "lat_comp.npy", "w"
    ) as file:
        head = npy(np.zeros((1, 1), np.float32))[:128]
        file.write(head.replace(b"(1, 1)", b"(9, 9)"))
        zeros = bytes(16 << 20)
        for _ in range((MAX_UNPACKED_BYTES >> 24) + 1):
            file.write(zeros)
    assert path.stat().st_size < 8 << 20
    with pytest.raises(UnsafeModelError, match="unpacks to more"):
        read_directions(path)


def test_that_ganspaces_large_activations_are_not_unpacked(tmp_path: Path) -> None:
    np.savez_compressed(
        tmp_path / "conv.npz", act_comp=np.zeros((70, 1 << 20), np.float32), lat_comp=ROW[None], lat_stdev=np.ones(1)
    )
    assert len(read_directions(tmp_path / "conv.npz")) == 1


@pytest.mark.parametrize(
    "array",
    [
        np.float32(3.0),
        np.zeros((0, 512), np.float32),
        np.zeros((300, 512), np.float32),
        np.zeros((2, 3, 4, 5), np.float32),
        np.arange(512),
        np.where(np.arange(512) == 7, np.nan, 1.0),
        np.where(np.arange(512) == 7, np.inf, 1.0),
        np.full(512, 1e300),
    ],
)
def test_that_an_array_that_is_no_direction_is_refused_in_words(array: NDArray[Any], tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        read_directions(written(tmp_path / "odd.npy", npy(array)))
    assert caught.value.user_message.endswith(".")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"hello", b"PK\x03\x04" + bytes(40), b"\x93NUMPY\x01\x00", npy(ROW)[:900], pickle.dumps([1, 2]),
        pickle.dumps({"a": 1}), b"\x10\0\0\0\0\0\0\0{\"a\": 1}        ",
    ],
)  # fmt: skip
def test_that_a_file_without_directions_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    for name in ("x.npy", "x.npz", "x.pt", "x.safetensors"):
        with pytest.raises(EngineError):
            read_directions(written(tmp_path / name, content))


def test_that_a_folder_and_a_missing_file_are_refused_in_words(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.npy"):
        with pytest.raises(EngineError):
            read_directions(path)


@pytest.mark.parametrize(
    "document",
    [
        "{", "[]", '{"version": 1}', '{"version": 2, "directions": []}',
        '{"version": 1, "directions": [{"name": "x", "layer_range": [5, 2]}]}',
        '{"version": 1, "directions": [{"name": "x", "strength_range": [3, -3]}]}',
        '{"version": 1, "directions": [{"name": "x"}, {"name": "not there"}]}',
    ],
)  # fmt: skip
def test_that_a_damaged_list_of_directions_is_refused_in_words(document: str, tmp_path: Path) -> None:
    content = safetensors.numpy.save({"direction.0": ROW.astype(np.float32)}, {"graft-directions": document})
    with pytest.raises(LatentError):
        read_directions(written(tmp_path / "x.safetensors", content))
