"""What is counted for previews is what they hold."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import pytest
import torch
from shelf import Shelf
from small_networks import latents, random_network, small_config
from test_preview_half import half_config, network_with_styles
from torch import Tensor

from engine.latents import LatentStore
from engine.models import ModelPool, weight_bytes
from engine.nets.noise import NoiseInput
from engine.network import Network
from engine.pipeline import Pipeline
from engine.preview.arithmetic import Arithmetic
from engine.preview.blocks import PreviewBlocks
from engine.preview.memory import mixture_bytes, preview_bytes
from engine.preview.mixing import BlockShares, ConvShares, MixShares
from engine.preview.packing import PackedNetwork
from engine.stage_cache import StageCache
from engine.state import EditState

PLAIN = Arithmetic("cpu", torch.float32, torch.float32, channels_last=True, modulates_activations=True)
MIXED = Arithmetic("cpu", torch.bfloat16, torch.float16, channels_last=True, modulates_activations=False)


def held_bytes(blocks: PreviewBlocks, *own: Network) -> int:
    """All that tensors hold which hang on `blocks`, but for the networks' own."""
    known = {tensor.untyped_storage().data_ptr() for network in own for tensor in network.tensors.values()}
    found: dict[int, int] = {}
    seen: set[int] = set()
    waiting: list[Any] = [blocks]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, torch.nn.Module)):
            continue
        seen.add(id(one))
        if isinstance(one, Tensor):
            found[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
        elif isinstance(one, (dict, list, tuple)) or type(one).__module__.startswith("engine.preview"):
            waiting.extend(gc.get_referents(one))
    return sum(size for address, size in found.items() if address not in known)


def draw(blocks: PreviewBlocks, network: Network, share: MixShares, noise: NoiseInput) -> None:
    conv, carry = ConvShares(share, share, share), None
    for index in range(len(network.descriptor.resolutions)):
        shares = BlockShares(share, conv if index else None, conv, share, share)
        carry = blocks.run(index, shares, carry, latents(network, 1), noise)


@pytest.mark.parametrize("arithmetic", [PLAIN, MIXED])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_that_models_hold_at_most_what_is_counted_for_them_and_not_much_less(
    arithmetic: Arithmetic, count: int
) -> None:
    config = half_config((64, 64, 32, 16))
    networks = [network_with_styles(1.0 + number, config) for number in range(count)]
    blocks = PreviewBlocks([PackedNetwork(network, arithmetic) for network in networks])
    alone = [tuple(float(at == other) for other in range(count)) for at in range(count)]
    for share in (*alone, (1.0 / count,) * count):
        for noise in (NoiseInput(), NoiseInput("random", seed=1), NoiseInput("random", seed=2)):
            draw(blocks, networks[0], share, noise)
    counted = sum(preview_bytes(network, arithmetic) for network in networks) + mixture_bytes(networks[0], count)
    assert 0.6 * counted < held_bytes(blocks, *networks) <= counted


def test_that_a_network_which_previews_cannot_pack_costs_nothing_more() -> None:
    assert preview_bytes(random_network(small_config(architecture="resnet")), PLAIN) == 0


def test_that_the_pool_counts_previews_and_forgets_a_pair_with_its_model(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    refs = [shelf.put(name, seed=seed) for seed, name in enumerate("abc")]
    pool = ModelPool(shelf, "cpu", 1 << 30)
    pipeline = Pipeline(pool, LatentStore(), StageCache(1 << 20))
    pair = pipeline.group(pipeline.resolve(EditState(model_a=refs[0], model_b=refs[1])))
    each = weight_bytes(pair.a) + preview_bytes(pair.a, pipeline.arithmetic)
    assert pool.used_bytes == 2 * each
    pool.budget_bytes = 2 * each
    pipeline.group(pipeline.resolve(EditState(model_a=refs[2])))
    assert len(pipeline._groups) == 1
    assert pool.used_bytes <= 2 * each
    pipeline.forget()
    assert (pool.used_bytes, pipeline._groups) == (0, {})
