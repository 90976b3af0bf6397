"""Images per second of a training step, beside a plain float32 loop.

    python tests/benchmarks/training_speed.py --sizes 64,128,256

The plain loop is what one writes first: float32, torch's default memory layout, Adam one tensor after another, and
fresh pictures for the discriminator's step. Both alternate, so that other work on the machine slows both down.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch.optim import Adam

from engine.training.config import Precision, TrainingConfig
from engine.training.forward import draw_latents, map_mixed, synthesize
from engine.training.fresh import discriminator_config, generator_config, new_discriminator, new_network
from engine.training.losses import looks_fake, looks_real, r1_penalty
from engine.training.memory import keep_freed_memory
from engine.training.start import copy_of
from engine.training.trainer import Models, Trainer
from engine.training.world import SoloWorld


def make_models(size: int, base: int, widest: int) -> Models:
    network = new_network(generator_config(size, channel_base=base, channel_max=widest), 0)
    return Models(network, copy_of(network), new_discriminator(discriminator_config(network.config), 1))


def plain_step(models: Models, batch: int, device: torch.device) -> Callable[[torch.Tensor], None]:
    generator, discriminator = models.network.module.to(device), models.discriminator.to(device)
    adams = [Adam(net.parameters(), 0.002, betas=(0.0, 0.99), foreach=False) for net in (generator, discriminator)]
    rng = torch.Generator(device).manual_seed(0)
    steps = 0

    def fakes() -> torch.Tensor:
        ws, _ = map_mixed(generator, draw_latents(rng, batch, models.network.config.z_dim), 0.9, rng)
        return synthesize(generator, ws, rng, Precision.FLOAT32)

    def learn(adam: Adam, loss: torch.Tensor) -> None:
        adam.zero_grad()
        loss.backward()
        adam.step()

    def step(reals: torch.Tensor) -> None:
        nonlocal steps
        generator.requires_grad_(True)
        discriminator.requires_grad_(False)
        learn(adams[0], looks_real(discriminator(fakes())))
        generator.requires_grad_(False)
        discriminator.requires_grad_(True)
        learn(adams[1], looks_fake(discriminator(fakes())) + looks_real(discriminator(reals)))
        if steps % 16 == 0:
            watched = reals.clone().requires_grad_()
            learn(adams[1], r1_penalty(discriminator(watched), watched).mean() * 4)
        steps += 1

    return step


def seconds(step: Callable[[torch.Tensor], None], reals: torch.Tensor) -> float:
    began = time.perf_counter()
    step(reals)
    if reals.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="64,128,256")
    parser.add_argument("--base", type=int, default=4096)
    parser.add_argument("--max", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--return-memory", action="store_true", help="As if the trainer did not keep freed memory.")
    given = parser.parse_args()
    if not given.return_memory:
        keep_freed_memory()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    for size in (int(text) for text in given.sizes.split(",")):
        config = TrainingConfig(batch=given.batch)
        trainer = Trainer(make_models(size, given.base, given.max), config, SoloWorld(device))
        plain = plain_step(make_models(size, given.base, given.max), given.batch, device)
        reals = torch.rand(given.batch, 3, size, size, device=device) * 2 - 1
        seconds(trainer.step, reals), seconds(plain, reals)  # the first step also holds the penalty
        pairs = [(seconds(trainer.step, reals), seconds(plain, reals)) for _ in range(given.steps)]
        ours, theirs = (median(column) for column in zip(*pairs, strict=True))
        print(
            f"{size} px, {given.base} / {given.max}, batch {given.batch}, {device.type}, {given.threads} threads: "
            f"{given.batch / ours:.1f} images/s, plain {given.batch / theirs:.1f}, {theirs / ours:.2f} times as fast"
        )


if __name__ == "__main__":
    main()
