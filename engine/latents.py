"""Seeds to z, and the store of the arrays that an `EditState` names by their content.

Stored are two kinds: ``ws``, float32 ``[num_ws, w_dim]``, and noise maps, float32 ``[r, r]`` by position (see
`engine.descriptor.LayerSpec.position`). A key is the SHA-256 of what the array *is* (kind, shapes and values, little
endian), not of a file, so it stays the same whatever library writes the file. On disk an entry is
``<key>.safetensors`` with the tensor ``ws``, or the tensors ``noise.<position>``.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.atomic import storage_error, write_atomic
from engine.errors import LatentError, LatentShapeError
from engine.state import SeedLatent

Array: TypeAlias = NDArray[np.float32]
NoiseMaps: TypeAlias = Mapping[int, Array]

MAX_BLOB_BYTES = 256 << 20
MAX_ROWS = 64
MAX_WIDTH = 65_536
MAX_NOISE_SIZE = 4096
KEPT_IN_MEMORY = 64

_KEY = re.compile(r"[0-9a-f]{64}")
_NOISE_NAME = re.compile(r"noise\.(\d{1,2})")


def seed_to_z(latent: SeedLatent, z_dim: int) -> Array:
    """The z of a seed and a place on its pad, the same on every machine.

    The seed gives ``numpy.random.RandomState(seed).randn``: first z, then two directions, which are made orthogonal
    to z and to each other and as long as z. A pad of (0, 0) is z itself; at radius ``r = min(1, hypot(x, y))``
    z has turned by ``r * 90`` degrees towards ``cos(phi) * d1 + sin(phi) * d2``. Its length never changes.

    Returns:
        ``[1, z_dim]``.
    """
    draws = np.random.RandomState(latent.seed % 2**32).randn(3, z_dim)
    z = draws[0]
    radius = min(1.0, math.hypot(latent.pad_x, latent.pad_y))
    if radius > 0.0:
        angle, turn = math.atan2(latent.pad_y, latent.pad_x), 0.5 * math.pi * radius
        d1 = _perpendicular(draws[1], (z,))
        d2 = _perpendicular(draws[2], (z, d1))
        z = math.cos(turn) * z + math.sin(turn) * (math.cos(angle) * d1 + math.sin(angle) * d2)
    found: Array = z[np.newaxis].astype(np.float32)
    return found


def _perpendicular(direction: NDArray[np.float64], others: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """`direction` without its parts along `others` (which are perpendicular), as long as the first of them."""
    for other in others:
        square = _dot(other, other)
        direction = direction - other * (_dot(direction, other) / square if square else 0.0)
    length = math.sqrt(_dot(direction, direction))
    return direction * (math.sqrt(_dot(others[0], others[0])) / length) if length else direction


def _dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return math.fsum((a * b).tolist())  # exactly rounded: BLAS sums in an order that depends on the machine


class LatentStore:
    """Arrays by content, in memory and, given a folder, on disk. Every method may be called from any thread.

    Arrays that come out are shared and read-only.

    Args:
        folder: Where the files are; made when first written to. None keeps everything in memory only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._recent: OrderedDict[str, dict[str, Array]] = OrderedDict()

    def put_ws(self, ws: NDArray[np.floating]) -> str:
        """Keep ``ws`` ``[num_ws, w_dim]`` as float32 and return its key.

        Raises:
            LatentShapeError: another number of axes, or sizes that no generator has.
            LatentError: a value is not finite.
            StorageError: the file could not be written.
        """
        return self._put({"ws": _frozen(ws)})

    def put_noise(self, maps: Mapping[int, NDArray[np.floating]]) -> str:
        """Keep noise maps, ``[r, r]`` by position, as float32 and return their key. Raises as `put_ws`."""
        return self._put({f"noise.{position}": _frozen(noise) for position, noise in maps.items()})

    def ws(self, key: str) -> Array:
        """``[num_ws, w_dim]``.

        Raises:
            LatentError: it is not here, is damaged, or the key is that of noise maps.
        """
        tensors = self._get(key)
        if "ws" not in tensors:
            raise LatentError(f"The entry {key[:8]} holds noise maps where a latent is wanted.")
        return tensors["ws"]

    def noise(self, key: str) -> NoiseMaps:
        """Noise maps ``[r, r]`` by position. Raises as `ws`."""
        tensors = self._get(key)
        if "ws" in tensors:
            raise LatentError(f"The entry {key[:8]} holds a latent where noise maps are wanted.")
        return {int(name.removeprefix("noise.")): array for name, array in tensors.items()}

    def has(self, key: str) -> bool:
        with self._lock:
            if key in self._recent:
                return True
        path = self._path(key)
        return path is not None and path.is_file()

    def let_go(self, *keys: str) -> None:
        """Forget entries that nobody will ask for again; what is on disk stays there."""
        with self._lock:
            for key in keys:
                self._recent.pop(key, None)

    def shapes(self, keys: Iterable[str]) -> dict[str, tuple[int, int]]:
        """``(num_ws, w_dim)`` of those keys that are here and hold a latent."""
        found = {}
        for key in keys:
            if self.has(key) and (ws := self._get(key).get("ws")) is not None:
                found[key] = (ws.shape[0], ws.shape[1])
        return found

    def export_bytes(self, key: str) -> bytes:
        """The entry as a safetensors file, for a recipe that travels. Raises as `ws`."""
        return _encoded(self._get(key))

    def import_bytes(self, data: bytes) -> str:
        """Take an entry that `export_bytes` made, perhaps elsewhere, and return its key.

        Raises:
            LatentError: the bytes are not such an entry.
            StorageError: the file could not be written.
        """
        return self._put(_decoded(data))

    def _put(self, tensors: dict[str, Array]) -> str:
        _check(tensors)
        key = _content_key(tensors)
        path = self._path(key)
        if path is not None and not path.is_file():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error("make the folder for latents", error) from error
            write_atomic(path, _encoded(tensors))
        self._remember(key, tensors)
        return key

    def _get(self, key: str) -> dict[str, Array]:
        with self._lock:
            if (tensors := self._recent.get(key)) is not None:
                self._recent.move_to_end(key)
                return tensors
        path = self._path(key)
        if path is None or not path.is_file():
            raise LatentError(f"The latent {key[:8]} is not on this computer.", "Open the file that holds it again.")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise storage_error("read a stored latent", error) from error
        tensors = _decoded(data)
        if _content_key(tensors) != key:
            raise LatentError(f"The stored latent {key[:8]} is damaged: its contents are not what its name says.")
        self._remember(key, tensors)
        return tensors

    def _remember(self, key: str, tensors: dict[str, Array]) -> None:
        with self._lock:
            self._recent[key] = tensors
            self._recent.move_to_end(key)
            while self._folder is not None and len(self._recent) > KEPT_IN_MEMORY:
                self._recent.popitem(last=False)

    def _path(self, key: str) -> Path | None:
        if self._folder is None or not _KEY.fullmatch(key):
            return None
        return self._folder / f"{key}.safetensors"


def _frozen(array: NDArray[np.floating]) -> Array:
    kept = np.array(array, dtype="<f4", order="C")
    kept.flags.writeable = False
    return kept


def _check(tensors: Mapping[str, Array]) -> None:
    if not tensors:
        raise LatentError("There is nothing to store.")
    for name, array in tensors.items():
        if name != "ws" and (len(tensors) == 1 or "ws" not in tensors) and _NOISE_NAME.fullmatch(name):
            fits, rule = _is_noise_shape(array.shape), f"[r, r] with r up to {MAX_NOISE_SIZE}"
        elif name == "ws" and len(tensors) == 1:
            fits, rule = _is_ws_shape(array.shape), f"[rows, width] with up to {MAX_ROWS} rows of {MAX_WIDTH}"
        else:
            raise LatentError(f"A stored latent has no place for a tensor “{name:.60}”.")
        if not fits:
            raise LatentShapeError(f"The array “{name}” has shape {list(array.shape)!s:.60}; the rule is {rule}.")
        if not np.isfinite(array).all():
            raise LatentError(f"The array “{name}” holds values that are not finite numbers.")


def _is_ws_shape(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and 1 <= shape[0] <= MAX_ROWS and 1 <= shape[1] <= MAX_WIDTH


def _is_noise_shape(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 and 1 <= shape[0] == shape[1] <= MAX_NOISE_SIZE


def _content_key(tensors: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(b"graft-latent-1\0")
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name}\0{'x'.join(map(str, array.shape))}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _encoded(tensors: Mapping[str, Array]) -> bytes:
    data: bytes = safetensors.numpy.save(dict(tensors))
    return data


def _decoded(data: bytes) -> dict[str, Array]:
    if len(data) > MAX_BLOB_BYTES:
        raise LatentError(f"The latent is {len(data) >> 20} MiB; at most {MAX_BLOB_BYTES >> 20} MiB are read.")
    try:
        arrays = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise LatentError("The latent's data are damaged and cannot be read.") from error
    if any(array.dtype != np.float32 for array in arrays.values()):
        raise LatentError("A stored latent must be of 32-bit floating-point numbers.")
    tensors = {name: _frozen(array) for name, array in arrays.items()}
    _check(tensors)
    return tensors
