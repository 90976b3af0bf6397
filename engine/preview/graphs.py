"""Work on a device as recorded graphs: launched at once, instead of kernel by kernel from Python.

A block of a preview is some fifty short kernels, and on a large GPU launching them takes longer than running them. A
CUDA graph launches them together, but always on the same addresses. So what differs from frame to frame is copied
into buffers that stay where they are, weights are mixed in place, and results are copied out: a graph per block, so
that a picture can start, stop and be given up between any two, as without graphs.
"""

from __future__ import annotations

import logging
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from functools import cache
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor

Tensors: TypeAlias = tuple[Tensor | None, ...]
Work: TypeAlias = Callable[..., Tensors]
"""A pure function of tensors that are copied for it, and of others at addresses that stay."""
Replay: TypeAlias = Callable[[], Tensors]
"""Does recorded work again, on what now lies at its addresses. The results are the same tensors every time."""

MAX_GRAPHS = 96
"""Per pair of models: nine blocks on A's weights, B's and the mixture, with and without noise, are 54."""

log = logging.getLogger(__name__)


class Capture(Protocol):
    """How work is recorded."""

    @property
    def held_bytes(self) -> int:
        """What recordings hold together for their intermediate results."""
        ...

    def record(self, work: Callable[[], Tensors]) -> Replay:
        """Record without changing anything.

        What a replay returns is good until the next replay of any recording: they share their memory.

        Raises:
            RuntimeError: from torch; nothing was recorded.
        """
        ...


class _Without(Enum):
    """Why there is no graph."""

    SEEN_ONCE = 0
    FAILED = 1


class GraphedCalls:
    """Records work when it comes for the second time, and from then on replays it.

    Args:
        max_graphs: Those that were not used for longest go.
    """

    def __init__(self, capture: Capture, max_graphs: int = MAX_GRAPHS) -> None:
        self._capture = capture
        self._max_graphs = max_graphs
        self._graphs: OrderedDict[Hashable, Replay | _Without] = OrderedDict()
        self._buffers: dict[Hashable, _Buffer] = {}

    @property
    def held_bytes(self) -> int:
        """What the copies of inputs take."""
        return sum(buffer.tensor.nbytes for buffer in self._buffers.values())

    def run(self, key: Hashable, work: Work, inputs: Sequence[Tensor | None]) -> Tensors:
        """What ``work(*inputs)`` returns, as fresh tensors.

        Args:
            key: Names everything that the result depends on besides what is in tensors: which work it is, at what
                addresses its other tensors lie, numbers.
            work: It is kept, and with it must be every tensor that it reads.
            inputs: Not written to.
        """
        layouts = tuple(None if given is None else (given.shape, given.stride(), given.dtype) for given in inputs)
        key = (key, layouts)
        known = self._graphs.pop(key, None)
        if known is None or known is _Without.FAILED:
            self._keep(key, known or _Without.SEEN_ONCE)
            return work(*inputs)
        held = [None if given is None else self._held(slot, given) for slot, given in enumerate(inputs)]
        replay = self._recorded(lambda: work(*held)) if isinstance(known, _Without) else known
        self._keep(key, replay)
        if isinstance(replay, _Without):
            return work(*inputs)
        return tuple(None if result is None else result.clone() for result in replay())

    def _held(self, slot: int, given: Tensor) -> Tensor:
        place = (slot, given.shape, given.stride(), given.dtype)
        if place not in self._buffers:
            self._buffers[place] = _Buffer(given)
        return self._buffers[place].hold(given)

    def _recorded(self, work: Callable[[], Tensors]) -> Replay | _Without:
        try:
            return self._capture.record(work)
        except RuntimeError as error:
            if not any(known is _Without.FAILED for known in self._graphs.values()):
                log.warning("Part of the previews runs without a CUDA graph: %s", error)
            return _Without.FAILED

    def _keep(self, key: Hashable, known: Replay | _Without) -> None:
        self._graphs[key] = known
        while len(self._graphs) > self._max_graphs:
            self._graphs.popitem(last=False)


class _Buffer:
    """Where an input lies for graphs; what it holds already is not copied again."""

    def __init__(self, like: Tensor) -> None:
        self.tensor = torch.empty_like(like)
        self._given: weakref.ref[Tensor] | None = None
        self._version = 0

    def hold(self, given: Tensor) -> Tensor:
        if self._given is None or self._given() is not given or self._version != given._version:
            self._given = None
            self.tensor.copy_(given)
            # torch counts how often a tensor was written to.
            self._given, self._version = weakref.ref(given), given._version
        return self.tensor


class CudaCapture:
    """CUDA graphs with one memory pool. For one thread.

    Graphs that share a pool may overwrite each other's results: these have to be copied out before the next replay.
    Inputs must lie outside the pool, in memory that was allocated as usual.

    Args:
        tunes: Whether to try out which of cuDNN's algorithms is the fastest, instead of going by its rules of thumb.
            That takes far longer than drawing, and would be in the middle of a model's first drag.
        checks: Whether replays make sure that what they read is still there. For tests.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
    """

    def __init__(self, device: str, *, tunes: bool = False, checks: bool = False) -> None:
        self._device = torch.device(device)
        self._tunes = tunes
        self._checks = checks
        self._room: tuple[torch.cuda.Stream, Any] | None = None
        self._alive: weakref.WeakSet[_CudaGraph] = weakref.WeakSet()
        self._pool_bytes = 0

    @property
    def held_bytes(self) -> int:
        return self._pool_bytes if self._alive else 0

    def record(self, work: Callable[[], Tensors]) -> Replay:
        outside = torch.cuda.current_stream(self._device)
        before = torch.backends.cudnn.benchmark
        try:
            # Only here: exports have to come out the same every time, whichever algorithm is fastest today.
            torch.backends.cudnn.benchmark = self._tunes
            with torch.cuda.device(self._device):
                graph = self._recorded(work, outside)
        except RuntimeError:
            self._room = None  # the pool of a capture that failed is not to be had again
            raise
        finally:
            torch.backends.cudnn.benchmark = before
            torch.cuda.set_stream(outside)  # which `torch.cuda.graph` does not do when the capture fails
        self._alive.add(graph)
        return graph

    def _recorded(self, work: Callable[[], Tensors], outside: torch.cuda.Stream) -> _CudaGraph:
        if self._room is None or not self._alive:
            # torch refuses to go on with a pool whose graphs have all gone.
            stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._room, self._pool_bytes = (stream, torch.cuda.graph_pool_handle()), 0
        stream, pool = self._room
        stream.wait_stream(outside)
        with torch.cuda.stream(stream):
            work()  # libraries set themselves up, for this stream, and choose their algorithms
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on allocating meanwhile.
        with torch.cuda.graph(
            graph, pool=pool, stream=stream, capture_error_mode="thread_local", check_input_liveness=self._checks
        ):
            before = torch.cuda.memory_reserved()
            results = work()
        self._pool_bytes += max(0, torch.cuda.memory_reserved() - before)
        outside.wait_stream(stream)
        return _CudaGraph(graph, results)


class _CudaGraph:
    def __init__(self, graph: torch.cuda.CUDAGraph, results: Tensors) -> None:
        self._graph = graph
        self._results = results

    def __call__(self) -> Tensors:
        self._graph.replay()
        return self._results


@cache
def capture_on(device: str) -> Capture | None:
    """How previews on a device are recorded; None where there is nothing to gain."""
    return CudaCapture(device) if device.startswith("cuda") else None
