from __future__ import annotations

import pytest
import torch
from small_networks import random_network, relative_error, small_config
from training_fixtures import tiny_models, tiny_network

from engine.errors import UnsupportedModelError
from engine.nets.discriminator import BOX_TAPS, SMOOTH_TAPS
from engine.nets.fir import fir_same_rate, upsample2x
from engine.training.config import TrainingConfig
from engine.training.fresh import TAPS, discriminator_config, new_discriminator
from engine.training.growth import grow_discriminator, grow_network
from engine.training.trainer import Models, Trainer
from engine.training.world import SoloWorld


def test_that_a_grown_generator_makes_the_old_pictures_enlarged() -> None:
    old = tiny_network(16)
    grown = grow_network(old, seed=5)
    assert grown.config.img_resolution == 32
    z = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    wanted = upsample2x(old.synthesis(old.mapping(z)), torch.tensor(TAPS))
    found = grown.synthesis(grown.mapping(z))
    assert relative_error(found, wanted) < 1e-6


def test_that_any_network_with_image_skips_can_be_grown() -> None:
    old = random_network(small_config((6, 6, 5), has_w_avg=False))
    grown = grow_network(old, seed=0, channels=7)
    assert grown.config.synthesis.blocks[-1].out_channels == 7
    assert torch.equal(grown.w_avg, old.w_avg)


def test_that_networks_without_image_skips_are_not_grown() -> None:
    with pytest.raises(UnsupportedModelError, match="architecture 'resnet' cannot be grown"):
        grow_network(random_network(small_config(architecture="resnet")), seed=0)


@pytest.mark.parametrize("taps", [BOX_TAPS, SMOOTH_TAPS], ids=["box", "smooth"])
def test_that_a_grown_discriminator_judges_as_the_old_one_the_smaller_picture(taps: tuple[float, ...]) -> None:
    old = new_discriminator(discriminator_config(tiny_network(16).config, taps=taps), seed=1)
    with torch.no_grad():
        for name, parameter in old.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(generator=torch.Generator().manual_seed(len(name)))
    grown = grow_discriminator(old, channels=8, seed=2)
    x = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    pad = len(taps) // 2 - 1
    smaller = fir_same_rate(x, torch.tensor(taps), pad_x=(pad, pad), pad_y=(pad, pad))[:, :, ::2, ::2]
    with torch.no_grad():
        assert relative_error(grown(x), old(smaller)) < 1e-5


def test_that_a_block_too_narrow_to_see_through_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="4 channels is too narrow"):
        grow_discriminator(tiny_models().discriminator, channels=4, seed=0)


def test_that_what_is_new_learns_from_the_first_steps_on() -> None:
    models = tiny_models(16)
    network = grow_network(models.network, seed=0)
    discriminator = grow_discriminator(models.discriminator, 8, seed=1)
    trainer = Trainer(
        Models(network, grow_network(models.average, seed=0), discriminator),
        TrainingConfig(batch=4, r1_gamma=0.1),
        SoloWorld(torch.device("cpu")),
    )
    before = {name: tensor.detach().clone() for name, tensor in network.tensors.items()}
    first_layer = discriminator.get_submodule("b32").fromrgb.weight.detach().clone()
    for _ in range(3):
        trainer.step(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    for part in ("torgb.weight", "conv0.weight", "conv1.weight", "conv1.affine.weight"):
        name = f"synthesis.b32.{part}"
        assert not torch.equal(before[name], network.tensors[name])
    assert not torch.equal(first_layer, discriminator.get_submodule("b32").fromrgb.weight)
