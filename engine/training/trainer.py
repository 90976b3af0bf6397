"""One training step after another: the arithmetic of a run, without files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.errors import JobError, UnsupportedModelError
from engine.nets.discriminator import Discriminator
from engine.network import Network
from engine.training.augment.ada import ada_augment, adapted_strength
from engine.training.augment.diffaugment import diff_augment
from engine.training.averaging import average_decay, update_average
from engine.training.checkpoint import Checkpoint, flattened_optimizer, restore_optimizer
from engine.training.config import Augmentation, Precision, TrainingConfig
from engine.training.forward import draw_latents, map_mixed, mixed_precision, synthesize
from engine.training.freezing import (
    Trainable,
    learning_discriminator_parameters,
    learning_generator_parameters,
)
from engine.training.fresh import W_AVG_BETA
from engine.training.losses import looks_fake, looks_real, path_lengths, r1_penalty
from engine.training.optimizers import lazy_adam
from engine.training.world import World


@dataclass(frozen=True, eq=False)
class Models:
    """What is trained.

    Attributes:
        network: The generator that learns.
        average: Its moving average: the one that is shown and kept.
        discriminator: Its opponent.
    """

    network: Network
    average: Network
    discriminator: Discriminator


@dataclass(frozen=True, slots=True)
class TrainerState:
    """All that changes during a run beside tensors.

    Attributes:
        ada_p: Strength of the adaptive augmentation.
        sign_sum, sign_count: Signs of the logits of real pictures since it last changed.
        path_mean: Running mean of the path lengths.
        loss_scales: Of float16 training: the growing factor of each network, and its steps since the last change.
    """

    images_seen: int = 0
    steps: int = 0
    ada_p: float = 0.0
    sign_sum: float = 0.0
    sign_count: int = 0
    path_mean: float = 0.0
    loss_scales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Losses:
    """Means since the last time they were asked for; NaN for what did not come up."""

    generator: float
    discriminator: float
    real_sign: float
    r1: float
    path_length: float


class Trainer:
    """Models, optimisers and counters of a run.

    Everything random is drawn from a generator that is seeded anew for every step from the run's seed, the number
    of the step and the rank, so a run that is taken up again goes on with the very same numbers.

    Raises:
        UnsupportedModelError: the generator is conditional.
        JobError: frozen layers that the networks do not have.
    """

    def __init__(
        self, models: Models, config: TrainingConfig, world: World, state: TrainerState | None = None
    ) -> None:
        if models.network.config.c_dim:
            raise UnsupportedModelError(
                "The model draws by label; training knows unconditional models only.", "Choose another model."
            )
        if config.precision is Precision.FLOAT16 and world.device.type == "cpu":
            raise JobError("A processor trains in bfloat16 or float32, not in float16.", "Use --precision bfloat16.")
        here, rest = divmod(config.batch, world.size)
        if rest or (config.micro_batch and here % config.micro_batch):
            raise JobError(
                f"A batch of {config.batch} images cannot be dealt out to {world.size} devices in equal parts"
                f"{f' of {config.micro_batch}' if config.micro_batch else ''}.",
                "Choose another batch or micro_batch.",
            )
        self.models = models
        self.config = config
        self.world = world
        self.state = state or TrainerState()
        # The fastest memory layout for convolutions, on processors and on graphics cards.
        for module in (models.network.module, models.average.module, models.discriminator):
            module.requires_grad_(False)
            module.to(device=world.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        models.network.to(world.device)
        models.average.to(world.device)
        self._generator_parameters = list(
            learning_generator_parameters(
                models.network.module, Trainable(config.trainable), config.frozen_below
            )
        )
        self._discriminator_parameters = list(
            learning_discriminator_parameters(models.discriminator, config.frozen_discriminator_layers)
        )
        if not self._generator_parameters:
            raise JobError("With these settings no layer of the generator learns.", "Lower frozen_below.")
        lazy_path = config.path_length_interval if config.path_length_weight else None
        rate = config.learning_rate
        self.optimizer_g = lazy_adam(self._generator_parameters, rate, lazy_path)
        self.optimizer_d = lazy_adam(
            self._discriminator_parameters, config.discriminator_learning_rate or rate, config.r1_interval
        )
        scaled = config.precision is Precision.FLOAT16
        self._scalers = tuple(torch.amp.GradScaler(world.device.type, enabled=scaled) for _ in range(2))
        self._sums = torch.zeros(5, device=world.device)
        self._counts = [0] * 5

    # --- a step -----------------------------------------------------------------------------------------------

    @property
    def batch_here(self) -> int:
        """Images per step in this process."""
        return self.config.batch // self.world.size

    def step(self, reals: Tensor) -> None:
        """Learn from one batch.

        Args:
            reals: ``[batch_here, C, R, R]``, float32 in [-1, 1], on the trainer's device. Not modified.
        """
        config, state = self.config, self.state
        rng = self._random(state.steps)
        if config.mirror:
            mirrored = torch.rand(len(reals), generator=rng, device=rng.device) < 0.5
            reals = torch.where(mirrored[:, None, None, None], reals.flip(3), reals)
        part = config.micro_batch or self.batch_here
        learns = state.images_seen >= config.warmup_images
        fakes = self._generator_step(part, rng, learns=learns)
        if learns and config.path_length_weight and state.steps % config.path_length_interval == 0:
            self._path_step(part, rng)
        self._discriminator_step(fakes, torch.split(reals, part), rng)
        if state.steps % config.r1_interval == 0 and config.r1_gamma:
            self._r1_step(torch.split(reals, part), rng)
        self._advance()

    def _generator_step(self, part: int, rng: torch.Generator, *, learns: bool) -> list[Tensor]:
        """Returns the fakes, detached, for the discriminator's step."""
        fakes: list[Tensor] = []
        mean_latents: list[Tensor] = []
        if not learns:
            with torch.no_grad():
                return [self._fakes(count, rng)[0] for count in self._parts(part)]

        def losses() -> Iterator[Tensor]:
            for count in self._parts(part):
                images, _, mean_latent = self._fakes(count, rng)
                fakes.append(images.detach())
                mean_latents.append(mean_latent)
                loss = looks_real(self._judge(images, rng))
                self._note(0, loss)
                yield loss * (count / self.batch_here)

        self._learn(self.optimizer_g, self._scalers[0], self._generator_parameters, losses())
        self._follow_mean_latent(torch.stack(mean_latents).mean(dim=0))
        return fakes

    def _path_step(self, part: int, rng: torch.Generator) -> None:
        """On half a batch, as it takes twice the memory."""
        half = max(1, part // 2)
        mean = torch.tensor(self.state.path_mean, device=self.world.device)
        means = []

        def losses() -> Iterator[Tensor]:
            counts = [half] * max(1, self.batch_here // part)
            for count in counts:
                images, ws, _ = self._fakes(count, rng)
                noise = torch.randn(images.shape, generator=rng, device=rng.device)
                found = path_lengths(images, ws, noise, mean)
                self._note(4, found.lengths.mean())
                means.append(found.mean)
                weight = self.config.path_length_weight * self.config.path_length_interval
                yield found.penalty.mean() * (weight / len(counts))

        self._learn(self.optimizer_g, self._scalers[0], self._generator_parameters, losses())
        updated = torch.stack(means).mean()
        self.world.average([updated])
        self.state = replace(self.state, path_mean=float(updated))

    def _discriminator_step(self, fakes: Sequence[Tensor], reals: Sequence[Tensor], rng: torch.Generator) -> None:
        signs = torch.zeros((), device=self.world.device)

        def losses() -> Iterator[Tensor]:
            nonlocal signs
            for fake, real in zip(fakes, reals, strict=True):
                real_logits = self._judge(real, rng)
                loss = looks_fake(self._judge(fake, rng)) + looks_real(real_logits)
                signs = signs + real_logits.detach().sign().sum()
                self._note(1, loss)
                self._note(2, real_logits.detach().sign().mean())
                yield loss * (len(real) / self.batch_here)

        self._learn(self.optimizer_d, self._scalers[1], self._discriminator_parameters, losses())
        if self.config.augmentation is Augmentation.ADA:
            mean_sign = signs / self.batch_here
            self.world.average([mean_sign])
            signed = self.state.sign_sum + float(mean_sign) * self.config.batch
            self.state = replace(
                self.state, sign_sum=signed, sign_count=self.state.sign_count + self.config.batch
            )

    def _r1_step(self, reals: Sequence[Tensor], rng: torch.Generator) -> None:
        def losses() -> Iterator[Tensor]:
            for real in reals:
                watched = real.detach().requires_grad_(True)
                penalty = r1_penalty(self._judge(watched, rng), watched).mean()
                self._note(3, penalty)
                weight = self.config.r1_gamma / 2 * self.config.r1_interval
                yield penalty * (weight * len(real) / self.batch_here)

        self._learn(self.optimizer_d, self._scalers[1], self._discriminator_parameters, losses())

    def _advance(self) -> None:
        config, state = self.config, self.state
        seen = state.images_seen + config.batch
        decay = average_decay(config.batch, config.average_images, seen, config.average_rampup)
        update_average(self.models.average.module, self.models.network.module, decay)
        state = replace(state, images_seen=seen, steps=state.steps + 1)
        if config.augmentation is Augmentation.ADA and state.steps % config.ada_interval == 0:
            mean_sign = state.sign_sum / max(1, state.sign_count)
            p = adapted_strength(
                state.ada_p, mean_sign, state.sign_count, target=config.ada_target, kimg=config.ada_kimg
            )
            state = replace(state, ada_p=p, sign_sum=0.0, sign_count=0)
        self.state = state

    # --- parts of a step ----------------------------------------------------------------------------------------

    def _fakes(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures, their ws, and the mean of the w that they were drawn with."""
        network = self.models.network
        z = draw_latents(rng, count, network.config.z_dim)
        ws, w = map_mixed(network.module, z, self.config.mixing_probability, rng)
        if torch.is_grad_enabled() and not ws.requires_grad:
            ws.requires_grad_(True)  # the path length asks how pictures answer to ws even if the mapping is frozen
        return synthesize(network.module, ws, rng, self.config.precision), ws, w.detach().mean(dim=0)

    def _judge(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Logits ``[N]`` of augmented pictures."""
        config = self.config
        if config.augmentation is Augmentation.ADA:
            images = ada_augment(images, self.state.ada_p, config.ada_groups, rng)
        elif config.augmentation is Augmentation.DIFFAUGMENT:
            images = diff_augment(images, config.diffaugment_policies, rng)
        with mixed_precision(self.world.device, config.precision):
            logits: Tensor = self.models.discriminator(images)
        return logits.float()

    def _learn(
        self,
        optimizer: Optimizer,
        scaler: torch.amp.GradScaler,
        parameters: Sequence[nn.Parameter],
        losses: Iterable[Tensor],
    ) -> None:
        """Add up the gradients of `losses`, computed one after the other, and take one step."""
        optimizer.zero_grad(set_to_none=True)
        with _learning(parameters):
            for loss in losses:
                scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        # Those without one (a last bias in the gradient penalty) are the same in all processes, and Adam skips them.
        self.world.average([parameter.grad for parameter in parameters if parameter.grad is not None])
        scaler.step(optimizer)
        scaler.update()
        # Fused optimisers do not, and `SynthesisLayer` would keep what it knows of the weights as they were.
        torch.autograd.graph.increment_version(parameters)

    def _parts(self, part: int) -> list[int]:
        return [part] * (self.batch_here // part)

    def _follow_mean_latent(self, batch_mean: Tensor) -> None:
        network = self.models.network
        self.world.average([batch_mean])
        network.w_avg.lerp_(batch_mean, 1 - (network.config.mapping.w_avg_beta or W_AVG_BETA))

    def _random(self, step: int) -> torch.Generator:
        sequence = np.random.SeedSequence((self.config.seed, step, self.world.rank))
        return torch.Generator(self.world.device).manual_seed(int(sequence.generate_state(1)[0]))

    # --- what a run asks for ------------------------------------------------------------------------------------

    def _note(self, place: int, value: Tensor) -> None:
        self._sums[place] += value.detach()
        self._counts[place] += 1

    def require_finite(self) -> None:
        """Raises:
        JobError: a loss since the last report is not a number.
        """
        bad = [total for total in self._sums.tolist() if not math.isfinite(total)]
        if bad:
            raise JobError(
                f"The training went astray after {self.state.images_seen:,} images: a loss is {bad[0]}. "
                "The last good checkpoint was kept.",
                "Resume with a smaller learning rate or a larger r1_gamma.",
            )

    def losses(self) -> Losses:
        """Mean losses since the last call.

        Raises:
            JobError: one of them is not a number.
        """
        self.require_finite()
        sums = self._sums.tolist()
        means = [total / count if count else math.nan for total, count in zip(sums, self._counts, strict=True)]
        self._sums.zero_()
        self._counts = [0] * 5
        return Losses(*means)

    def checkpoint(self, more: Mapping[str, Any]) -> Checkpoint:
        """Everything that a run needs to go on exactly; `more` joins the state."""
        scales = tuple(
            number
            for scaler in self._scalers
            if scaler.is_enabled()
            for number in (scaler.get_scale(), float(scaler.state_dict()["_growth_tracker"]))
        )
        state = asdict(replace(self.state, loss_scales=scales))
        groups = {
            "generator": dict(self.models.network.tensors),
            "average": dict(self.models.average.tensors),
            "discriminator": self.models.discriminator.state_dict(),
            "optimizer_g": flattened_optimizer(self.optimizer_g),
            "optimizer_d": flattened_optimizer(self.optimizer_d),
        }
        return Checkpoint(self.state.images_seen, {**more, "trainer": state}, groups)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take optimisers and counters from a checkpoint whose models this trainer was made with.

        Raises:
            JobError: they do not fit.
        """
        restore_optimizer(self.optimizer_g, checkpoint.groups["optimizer_g"])
        restore_optimizer(self.optimizer_d, checkpoint.groups["optimizer_d"])
        document = dict(checkpoint.state["trainer"])
        self.state = TrainerState(**{**document, "loss_scales": tuple(document["loss_scales"])})
        for index, scaler in enumerate(self._scalers):
            if scaler.is_enabled() and len(self.state.loss_scales) == 4:
                scale, tracker = self.state.loss_scales[2 * index : 2 * index + 2]
                scaler.load_state_dict({**scaler.state_dict(), "scale": scale, "_growth_tracker": int(tracker)})


@contextmanager
def _learning(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    for parameter in parameters:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
