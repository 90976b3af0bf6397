"""Blocks that are recorded once and replayed give what running them gives, whatever changes in between.

There is no GPU here. `Tape` stands for one, and is as strict: what it replays are the very operations on the very
tensors that it saw, so that anything Python worked out meanwhile does not reach it.
"""

from __future__ import annotations

import gc
import logging
import random
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from small_networks import latents, random_network, small_config
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.nets.noise import NoiseInput
from engine.network import Carry
from engine.preview.arithmetic import Arithmetic
from engine.preview.blocks import PreviewBlocks
from engine.preview.graphs import CudaCapture, GraphedCalls, Replay, Tensors, capture_on
from engine.preview.mixing import BlockShares, ConvShares, MixShares
from engine.preview.packing import PackedNetwork

CHANNELS = (6, 8, 6, 4)
ON_A, ON_B, HALF = (1.0, 0.0), (0.0, 1.0), (0.5, 0.5)
LIKE_CUDA = Arithmetic("cpu", torch.float32, torch.float32, channels_last=True, modulates_activations=False)
LIKE_MPS = Arithmetic("cpu", torch.float32, torch.float32, channels_last=False, modulates_activations=False)
WAITS_FOR_THE_DEVICE = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.lift_fresh.default)


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers every operation with its tensors."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._steps: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func not in WAITS_FOR_THE_DEVICE, f"{func} cannot be recorded"
        result = func(*args, **(kwargs or {}))
        self._steps.append((func, args, kwargs or {}, result))
        return result

    def run_again(self) -> None:
        for func, args, kwargs, result in self._steps:
            for old, new in zip(tree_leaves(result), tree_leaves(func(*args, **kwargs)), strict=True):
                if isinstance(old, Tensor):
                    old.copy_(new)


class TapeCapture:
    """Implements `Capture`. As graphs with one pool do, a replay spoils the results of all others."""

    def __init__(self, fails: Callable[[int], bool] = lambda number: False) -> None:
        self._fails = fails
        self._results: list[Tensors] = []
        self.attempts = self.replays = 0
        self.held_bytes = 0

    def record(self, work: Callable[[], Tensors]) -> Replay:
        self.attempts += 1
        if self._fails(self.attempts):
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        with Tape() as tape:
            results = work()
        self._results.append(results)

        def replay() -> Tensors:
            for spoiled in self._results:
                for tensor in spoiled:
                    if tensor is not None:
                        tensor.fill_(torch.nan)
            tape.run_again()
            self.replays += 1
            return results

        return replay


def packed(seed: int, arithmetic: Arithmetic = LIKE_CUDA, conv_clamp: float | None = None) -> PackedNetwork:
    return PackedNetwork(random_network(small_config(CHANNELS, conv_clamp=conv_clamp), seed), arithmetic)


def pair(capture: TapeCapture | None, arithmetic: Arithmetic = LIKE_CUDA) -> PreviewBlocks:
    # Clamps that bite, and differ.
    return PreviewBlocks([packed(1, arithmetic, 1.5), packed(2, arithmetic, 2.5)], capture)


def shares(index: int, mix: Callable[[], MixShares]) -> BlockShares:
    conv0 = ConvShares(mix(), mix(), mix()) if index else None
    return BlockShares(mix(), conv0, ConvShares(mix(), mix(), mix()), mix(), mix())


def all_on(index: int, share: MixShares) -> BlockShares:
    return shares(index, lambda: share)


def draw(
    blocks: PreviewBlocks, given: Sequence[BlockShares], ws: Tensor, noise: NoiseInput, carry: Carry | None = None
) -> Iterator[Carry]:
    start = len(CHANNELS) - len(given)
    for index, share in enumerate(given, start):
        carry = blocks.run(index, share, carry, ws, noise)
        yield carry


def picture(blocks: PreviewBlocks, share: MixShares = ON_A, seed: int = 0, strength: float = 1.0) -> Tensor:
    ws = latents(random_network(small_config(CHANNELS)), 1, seed)
    given = [all_on(index, share) for index in range(len(CHANNELS))]
    *_, last = draw(blocks, given, ws, NoiseInput(strength=strength))
    assert last.img is not None
    return last.img


def same(found: Carry, wanted: Carry) -> bool:
    assert found.img is not None
    assert wanted.img is not None
    return torch.allclose(found.x, wanted.x, atol=1e-5) and torch.allclose(found.img, wanted.img, atol=1e-5)


@pytest.mark.parametrize("arithmetic", [LIKE_CUDA, LIKE_MPS])
@pytest.mark.parametrize("seed", range(4))
def test_that_replayed_blocks_give_what_running_them_gives_in_any_order(seed: int, arithmetic: Arithmetic) -> None:
    rng = random.Random(seed)
    capture = TapeCapture(fails=lambda number: number % 7 == 0)
    graphed, eager = pair(capture, arithmetic), pair(None, arithmetic)
    network = random_network(small_config(CHANNELS))
    ends = [ON_A, ON_B, HALF, (0.25, 0.75), (1.5, -0.5)]
    given = [all_on(index, ON_A) for index in range(len(CHANNELS))]
    ws, noise, kept = latents(network, 1), NoiseInput(), []
    below: Carry | None = None
    start = 0
    for _ in range(120):
        match rng.randrange(6):
            case 0:  # alpha
                share = rng.choice(ends)
                given = [all_on(index, share) for index in range(len(CHANNELS))]
            case 1:  # swap resolution
                cut = rng.randrange(len(CHANNELS) + 1)
                given = [all_on(index, ON_B if index < cut else ON_A) for index in range(len(CHANNELS))]
            case 2:  # every part of every layer by itself
                given = [shares(index, lambda: rng.choice(ends)) for index in range(len(CHANNELS))]
            case 3:
                ws = latents(network, 1, rng.randrange(100))
            case 4:
                noise = NoiseInput("const", rng.choice([0.0, 1.0, 1.0, rng.random()]))
            case 5:
                noise = NoiseInput("random", rng.random(), seed=rng.randrange(3))
        found = list(draw(graphed, given[start:], ws, noise, below))
        wanted = list(draw(eager, given[start:], ws, noise, below))
        assert all(same(one, other) for one, other in zip(found, wanted, strict=True))
        kept.append((found[-1], found[-1].x.clone(), wanted[-1]))
        # Go on from the middle, as after a change above it.
        if len(found) > 1 and rng.random() < 0.5:
            drawn = rng.randrange(1, len(found))
            below, start = found[drawn - 1], start + drawn
        else:
            below, start = None, 0
    assert capture.replays > 100
    assert all(torch.equal(carry.x, before) and same(carry, wanted) for carry, before, wanted in kept)


def test_that_the_second_picture_is_recorded_and_all_later_ones_replay_it() -> None:
    capture = TapeCapture()
    blocks = pair(capture)
    for attempts, replays in ((0, 0), (4, 4), (4, 8)):
        picture(blocks, seed=replays)
        assert (capture.attempts, capture.replays) == (attempts, replays)


def test_that_a_mixture_is_recorded_once_for_all_its_shares() -> None:
    capture, eager = TapeCapture(), pair(None)
    blocks = pair(capture)
    for alpha in (0.1, 0.3, 0.2, 0.45):
        share = (1.0 - alpha, alpha)
        assert torch.allclose(picture(blocks, share), picture(eager, share), atol=1e-5)
    assert capture.attempts == len(CHANNELS)


def test_that_a_noise_strength_needs_no_new_recording_but_no_noise_does() -> None:
    capture, eager = TapeCapture(), pair(None)
    blocks = pair(capture)
    for strength in (1.0, 0.5, 0.7, 0.0, 0.0, 0.2):
        assert torch.allclose(picture(blocks, strength=strength), picture(eager, strength=strength), atol=1e-5)
    assert capture.attempts == 2 * len(CHANNELS)


def test_that_a_mixture_is_clamped_as_its_larger_part_also_in_a_recording() -> None:
    capture, eager = TapeCapture(), pair(None)
    blocks = pair(capture)
    for share in ((0.6, 0.4), (0.6, 0.4), (0.4, 0.6), (0.4, 0.6), (0.6, 0.4)):
        assert torch.allclose(picture(blocks, share), picture(eager, share), atol=1e-5)


def test_that_an_input_which_has_not_changed_is_not_copied_again(monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[Tensor] = []
    calls = GraphedCalls(TapeCapture())
    kept, other = torch.ones(3), torch.ones(3)
    copy = Tensor.copy_

    def noted_copy(self: Tensor, given: Tensor) -> Tensor:
        copied.append(given)
        return copy(self, given)

    monkeypatch.setattr(Tensor, "copy_", noted_copy)
    for first in (kept, kept, kept, other, kept):
        calls.run("sum", lambda a, b: (a + b,), (first, torch.ones(3)))
    assert [any(one is tensor for one in (kept, other)) for tensor in copied if tensor.shape == (3,)].count(True) == 3


def test_that_an_input_which_was_written_to_is_copied_again() -> None:
    calls = GraphedCalls(TapeCapture())
    given = torch.zeros(3)
    for value in (0.0, 0.0, 1.0, 2.0):
        given.fill_(value)
        (found,) = calls.run("double", lambda a: (a * 2,), (given,))
        assert found is not None
        assert found.tolist() == [2.0 * value] * 3


def test_that_a_new_input_at_the_place_of_one_that_died_is_copied() -> None:
    calls = GraphedCalls(TapeCapture())
    for value in range(50):
        (found,) = calls.run("double", lambda a: (a * 2,), (torch.full((4,), float(value)),))
        assert found is not None
        assert found.tolist() == [2.0 * value] * 4


def test_that_inputs_of_another_shape_have_a_recording_of_their_own() -> None:
    capture = TapeCapture()
    calls = GraphedCalls(capture)
    for size in (3, 4, 3, 4, 3):
        (found,) = calls.run("double", lambda a: (a * 2,), (torch.ones(size),))
        assert found is not None
        assert found.tolist() == [2.0] * size
    assert capture.attempts == 2


def test_that_recordings_used_longest_ago_are_let_go_with_what_they_hold() -> None:
    capture = TapeCapture()
    calls = GraphedCalls(capture, max_graphs=2)

    def use(name: str, times: int) -> weakref.ref[Tensor]:
        weight = torch.ones(2)
        for _ in range(times):
            calls.run(name, lambda a: (a * weight,), (torch.ones(2),))
        return weakref.ref(weight)

    held = {name: use(name, 2) for name in "ab"}
    capture._results.clear()
    calls.run("a", lambda a: (a,), (torch.ones(2),))
    use("c", 2)
    gc.collect()
    assert held["a"]() is not None
    assert held["b"]() is None


def test_that_a_recording_which_fails_leaves_the_block_as_it_is_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    capture = TapeCapture(fails=lambda number: number in (2, 3))
    blocks, eager = pair(capture), pair(None)
    with caplog.at_level(logging.WARNING, "engine.preview.graphs"):
        for seed in range(4):
            assert torch.allclose(picture(blocks, seed=seed), picture(eager, seed=seed), atol=1e-5)
    assert (capture.attempts, capture.replays) == (4, 2 * 3)
    assert len(caplog.records) == 1


def test_that_what_is_no_failure_of_the_device_is_not_hidden() -> None:
    def broken() -> Tensors:
        raise AssertionError("a bug")

    calls = GraphedCalls(TapeCapture())
    calls.run("work", lambda: (None,), ())
    with pytest.raises(AssertionError, match="a bug"):
        calls.run("work", broken, ())


def test_that_recordings_go_with_their_models() -> None:
    capture = TapeCapture()
    blocks = pair(capture)
    for _ in range(2):
        picture(blocks)
    weight = weakref.ref(blocks._networks[0].block(1).conv1.weight)
    assert blocks.graph_bytes > 0
    del blocks
    capture._results.clear()
    gc.collect()
    assert weight() is None


def test_that_only_cuda_is_recorded() -> None:
    assert capture_on("cpu") is None
    assert capture_on("mps") is None
    assert isinstance(capture_on("cuda:1"), CudaCapture)
    assert capture_on("cuda") is capture_on("cuda")


class FakeCuda:
    """Stands for `torch.cuda` where `CudaCapture` uses it, and writes down what is done to it."""

    def __init__(self, fails: bool = False) -> None:
        self.done: list[str] = []
        self.fails = fails
        self.current = "ours"
        self.pools = 0
        self.reserved = 1000

    def install(self, patch: pytest.MonkeyPatch) -> None:
        cuda = torch.cuda
        patch.setattr(cuda, "current_stream", lambda device=None: FakeStream(self, self.current))
        patch.setattr(cuda, "set_stream", lambda stream: setattr(self, "current", stream.name))
        patch.setattr(cuda, "Stream", lambda: FakeStream(self, f"side {self.pools + 1}"))
        patch.setattr(cuda, "stream", self.on)
        patch.setattr(cuda, "device", lambda device: self.nothing())
        patch.setattr(cuda, "graph", self.graph)
        patch.setattr(cuda, "CUDAGraph", lambda: self)
        patch.setattr(cuda, "graph_pool_handle", self.new_pool)
        patch.setattr(cuda, "memory_reserved", lambda: self.reserved)

    @contextmanager
    def nothing(self) -> Iterator[None]:
        yield

    @contextmanager
    def on(self, stream: FakeStream) -> Iterator[None]:
        before, self.current = self.current, stream.name
        yield
        self.current = before

    @contextmanager
    def graph(
        self, graph: Any, *, pool: int, stream: FakeStream, capture_error_mode: str, check_input_liveness: bool
    ) -> Iterator[None]:
        before, self.current = self.current, stream.name
        self.done.append(f"capture into {pool} on {stream.name}, {capture_error_mode}")
        yield
        if self.fails:
            raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        self.current = before

    def new_pool(self) -> int:
        self.pools += 1
        return self.pools

    def replay(self) -> None:
        self.done.append(f"replay on {self.current}")


class FakeStream:
    def __init__(self, cuda: FakeCuda, name: str) -> None:
        self._cuda, self.name = cuda, name

    def wait_stream(self, other: FakeStream) -> None:
        self._cuda.done.append(f"{self.name} waits for {other.name}")


@pytest.mark.parametrize("tunes", [False, True])
def test_that_a_cuda_capture_warms_up_on_its_own_stream_and_replays_on_ours(
    tunes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = FakeCuda()
    cuda.install(monkeypatch)
    tuned: list[bool] = []

    def work() -> Tensors:
        cuda.done.append(f"work on {cuda.current}")
        tuned.append(torch.backends.cudnn.benchmark)
        return (torch.ones(1),)

    capture = CudaCapture("cuda:0", tunes=tunes)
    replay = capture.record(work)
    assert cuda.done == [
        "side 1 waits for ours",
        "work on side 1",
        "capture into 1 on side 1, thread_local",
        "work on side 1",
        "ours waits for side 1",
    ]
    assert tuned == [tunes, tunes]
    assert not torch.backends.cudnn.benchmark
    assert cuda.current == "ours"
    replay()
    assert cuda.done[-1] == "replay on ours"


def test_that_cuda_recordings_share_a_pool_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda()
    cuda.install(monkeypatch)
    capture = CudaCapture("cuda")

    def grows() -> Tensors:
        cuda.reserved += 250
        return ()

    first, second = capture.record(grows), capture.record(grows)
    assert cuda.pools == 1
    assert capture.held_bytes == 500
    del first
    assert capture.held_bytes == 500
    del second
    gc.collect()
    assert capture.held_bytes == 0
    third = capture.record(grows)
    assert (cuda.pools, capture.held_bytes) == (2, 250)
    del third


def test_that_after_a_capture_that_failed_work_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(fails=True)
    cuda.install(monkeypatch)
    capture = CudaCapture("cuda", tunes=True)
    with pytest.raises(RuntimeError):
        capture.record(lambda: (torch.ones(1),))
    assert cuda.current == "ours"
    assert not torch.backends.cudnn.benchmark
    cuda.fails = False
    replay = capture.record(lambda: (torch.ones(1),))
    assert cuda.pools == 2
    del replay


def test_that_strengths_are_sent_to_the_device_only_when_they_change() -> None:
    blocks = pair(None)
    conv = blocks._block(2).conv1
    source = NoiseInput(strength=0.5)
    first, again = conv.noise(source, HALF), conv.noise(source, HALF)
    other = conv.noise(replace(source, strength=0.25), HALF)
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.strength is again.strength
    assert torch.allclose(other.strength * 2, first.strength)
