"""Loaded networks by content hash, as many as fit into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from engine.checkpoints.canonical import check_canonical, is_canonical, read_tensors
from engine.checkpoints.convert import discard_if_damaged
from engine.device import GIB, free_memory, return_freed_memory
from engine.errors import CorruptModelError, MissingModelError, ModelError, OutOfMemoryError
from engine.network import Network, Origin, load_network
from engine.network_metadata import NetworkMetadata
from engine.pivot_file import is_pivot
from engine.pivot_parent import Find, ParentPlaces, read_tuned
from engine.state import ModelRef

Load: TypeAlias = Callable[[Path, str], Network]


class ModelLocator(Protocol):
    """Where the files are: `engine.library.Library`."""

    def locate(self, sha256: str) -> Path | None: ...


class ModelPool:
    """Networks that were used last stay loaded. Belongs to the thread that computes.

    The weights are where the computing is, also on a GPU whose previews run on packed ones: exports, mapping and
    projection need them there, and sending them each time would take longer than what it saves, 120 MB at 1024 px.

    Args:
        locator: Finds the file of a model.
        device: Where the networks go.
        budget_bytes: How much their weights may take together. The models of one call always stay.
        load: Reads a network.
        free: Bytes that could be allocated on a device now.

    Attributes:
        extra_bytes: What is held of a network beside its weights, as long as it is loaded.
        other_bytes: What is held for several of them.
        on_drop: Told when a network has been let go of, to let go of it as well.
        on_pressure: Asked for room on the device before any network has to go.
    """

    def __init__(
        self,
        locator: ModelLocator,
        device: str,
        budget_bytes: int,
        *,
        load: Load | None = None,
        free: Callable[[str], int] = free_memory,
    ) -> None:
        self._locator = locator
        self.device = device
        self.budget_bytes = budget_bytes
        self._load = load or partial(read_network, find=locator.locate)
        self._free = free
        self._loaded: OrderedDict[str, Network] = OrderedDict()
        self.extra_bytes: Callable[[Network], int] = lambda network: 0
        self.other_bytes: Callable[[], int] = lambda: 0
        self.on_drop: Callable[[], None] = lambda: None
        self.on_pressure: Callable[[], None] = lambda: None
        self._bytes: dict[str, int] = {}

    def networks(self, refs: Sequence[ModelRef]) -> list[Network]:
        """Load what is not loaded yet, letting go of others when there is not enough room.

        Raises:
            MissingModelError: the library has no file of that hash.
            OutOfMemoryError: a model does not fit, even alone.
            ModelError: from the reader.
        """
        wanted = {ref.sha256 for ref in refs}
        for ref in refs:
            if ref.sha256 not in self._loaded:
                network = self._read(ref, wanted)
                self._loaded[ref.sha256] = network
                self._bytes[ref.sha256] = weight_bytes(network) + self.extra_bytes(network)
            self._loaded.move_to_end(ref.sha256)
        while self.used_bytes > self.budget_bytes and self._drop_oldest(wanted):
            pass
        return [self._loaded[ref.sha256] for ref in refs]

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._loaded

    @property
    def used_bytes(self) -> int:
        return sum(self._bytes.values()) + self.other_bytes()

    def clear(self) -> None:
        self._loaded.clear()
        self._bytes.clear()
        self.on_drop()
        return_freed_memory(self.device)

    def _read(self, ref: ModelRef, wanted: set[str]) -> Network:
        path = self._locator.locate(ref.sha256)
        if path is None or not path.is_file():
            raise MissingModelError(
                f"The model “{ref.name:.60}” is not on this computer.",
                f"Locate its file: the SHA-256 starts with {ref.sha256[:12]}.",
                sha256=ref.sha256,
                name=ref.name,
            )
        needed = path.stat().st_size
        if needed > self._free(self.device):
            self.on_pressure()
            return_freed_memory(self.device)
        while needed > self._free(self.device):
            if not self._drop_oldest(wanted):
                sizes = f"{needed / GIB:.1f} GiB of memory; {self._free(self.device) / GIB:.1f} GiB are free"
                hint = "Close other programs, or use a smaller model."
                raise OutOfMemoryError(f"The model “{ref.name:.60}” needs {sizes}.", hint)
        try:
            return self._load(path, self.device)
        except CorruptModelError:
            # A damaged conversion is gone from the cache by now; the file that it was made from may be there.
            other = self._locator.locate(ref.sha256)
            if other is None or other == path:
                raise
            return self._load(other, self.device)

    def _drop_oldest(self, wanted: set[str]) -> bool:
        oldest = next((sha256 for sha256 in self._loaded if sha256 not in wanted), None)
        if oldest is None:
            return False
        del self._loaded[oldest], self._bytes[oldest]
        self.on_drop()
        return_freed_memory(self.device)
        return True


def read_network(path: Path, device: str, find: Find | None = None) -> Network:
    """A network from a file that the library names.

    Args:
        find: Where to look first for the parent of a tuned model, which is kept as a difference.

    Graft's own format is read where it lies: it has been through `open_checkpoint` already, which would copy it into
    its cache under another hash. Anything else goes through `load_network`.

    Raises:
        MissingModelError: the parent of a tuned model is nowhere.
        ModelError: with what is wrong with the file. A damaged conversion is removed from the cache.
    """
    if discard_if_damaged(path):
        problem = "Graft's converted copy of this model was damaged, and was removed."
        raise CorruptModelError(problem, "Open the model's own file again.")
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size
            if is_canonical(file, size):
                checked = check_canonical(file)
                return _network(checked.metadata, read_tensors(file, checked), device)
            if is_pivot(file, size):
                return _network(*read_tuned(path, ParentPlaces(find)), device)
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.", "Open the model again.") from error
    return load_network(path, device)


def _network(found: NetworkMetadata, values: Mapping[str, NDArray[np.float32]], device: str) -> Network:
    tensors = {name: torch.from_numpy(one) for name, one in values.items()}
    origin = Origin(found.source, found.lineage, found.warnings, found.framing)
    return Network.from_tensors(found.network, tensors, device, origin=origin)


def weight_bytes(network: Network) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in network.tensors.values())
