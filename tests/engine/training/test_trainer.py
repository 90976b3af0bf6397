from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_fixtures import everything, golden_settings, tiny_models, tiny_network, tiny_trainer, train_some

from engine.errors import JobError, UnsupportedModelError
from engine.network import Network
from engine.training.config import Augmentation, Precision, TrainingConfig
from engine.training.freezing import frozen_discriminator_layers
from engine.training.start import copy_of
from engine.training.trainer import Trainer
from engine.training.world import SoloWorld


def changed(trainer: Trainer, steps: int = 2) -> set[str]:
    """Names of the tensors of both networks that a few steps change."""
    before = everything(trainer)
    train_some(trainer, steps)
    after = everything(trainer)
    names = [name for name in before if name.startswith(("generator.", "discriminator."))]
    return {name for name in names if not torch.equal(before[name], after[name])}


def test_that_a_step_changes_everything_that_learns() -> None:
    trainer = tiny_trainer(precision=Precision.FLOAT32)
    names = {name for name in everything(trainer) if name.startswith(("generator.", "discriminator."))}
    assert changed(trainer) == {name for name in names if "noise_const" not in name}
    assert trainer.state.images_seen == 8
    assert trainer.state.steps == 2


def test_that_a_picture_after_a_step_is_made_with_the_new_weights() -> None:
    trainer = tiny_trainer()
    network = trainer.models.network
    ws = network.mapping(torch.ones(1, network.config.z_dim))
    before = network.synthesis(ws)
    train_some(trainer, 1)
    after = network.synthesis(ws)
    assert not torch.equal(after, before)
    assert torch.equal(after, copy_of(network).synthesis(ws))


def test_that_the_frozen_layers_are_the_published_ones() -> None:
    for key, wanted in golden_settings()["freezed"].items():
        size, count = key.removeprefix("res").split("_freezed")
        resolutions = tuple(int(size) >> i for i in range(int(size).bit_length() - 2))
        assert sorted(frozen_discriminator_layers(resolutions, int(count))) == wanted


def test_that_frozen_discriminator_layers_stay_and_the_others_learn() -> None:
    names = changed(tiny_trainer(frozen_discriminator_layers=4))
    assert not [name for name in names if name.startswith("discriminator.b16.")]
    assert "discriminator.b8.conv0.weight" in names


def test_that_more_frozen_layers_than_there_are_are_refused() -> None:
    with pytest.raises(JobError, match="99 discriminator layers cannot be frozen: this one has 7"):
        tiny_trainer(frozen_discriminator_layers=99)


def test_that_only_the_mapping_learns_when_only_the_mapping_is_to() -> None:
    names = changed(tiny_trainer(trainable="mapping"))
    generator = {name for name in names if name.startswith("generator.")}
    parts = ("fc0.weight", "fc0.bias", "fc1.weight", "fc1.bias", "w_avg")
    assert generator == {f"generator.mapping.{part}" for part in parts}


def test_that_blocks_below_a_size_can_be_kept() -> None:
    names = changed(tiny_trainer(trainable="synthesis", frozen_below=16, path_length_weight=2.0))
    generator = {name for name in names if name.startswith("generator.") and "w_avg" not in name}
    assert generator
    assert all(name.startswith("generator.synthesis.b16.") for name in generator)


def test_that_nothing_left_to_learn_is_refused() -> None:
    with pytest.raises(JobError, match="no layer of the generator learns"):
        tiny_trainer(trainable="synthesis", frozen_below=1024)


def test_that_a_new_discriminator_can_learn_alone_first() -> None:
    trainer = tiny_trainer(warmup_images=8)
    assert all(name.startswith("discriminator.") for name in changed(trainer, 2))
    assert any(name.startswith("generator.") for name in changed(trainer, 1))


def test_that_the_average_follows_and_shows_what_it_holds() -> None:
    trainer = tiny_trainer(average_images=4.0, precision=Precision.FLOAT32)
    average = trainer.models.average
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    average.synthesis(average.mapping(z))  # fills what the layers keep of their weights
    before = {name: tensor.detach().clone() for name, tensor in average.tensors.items()}
    train_some(trainer, 1)
    network = trainer.models.network
    for name, tensor in average.tensors.items():
        if "noise_const" not in name and "w_avg" not in name:
            torch.testing.assert_close(tensor, torch.lerp(before[name], network.tensors[name], 0.5))
    assert torch.equal(average.w_avg, network.w_avg)
    fresh = Network.from_tensors(average.config, {n: t.detach().clone() for n, t in average.tensors.items()})
    torch.testing.assert_close(average.synthesis(average.mapping(z)), fresh.synthesis(fresh.mapping(z)))


def test_that_adaptive_strength_rises_when_the_discriminator_is_sure() -> None:
    trainer = tiny_trainer(augmentation=Augmentation.ADA, ada_interval=2, ada_kimg=0.1, ada_target=-1.0)
    train_some(trainer, 2)
    assert trainer.state.ada_p in (0.0, pytest.approx(8 / 100))  # 0 only if it is wrong about every picture
    trainer = tiny_trainer(augmentation=Augmentation.ADA, ada_interval=2, ada_kimg=0.1, ada_target=1.0)
    trainer.state = replace(trainer.state, ada_p=0.5)
    train_some(trainer, 2)
    assert trainer.state.ada_p in (0.5, pytest.approx(0.5 - 8 / 100))


@pytest.mark.parametrize(
    "settings",
    [
        {"augmentation": Augmentation.ADA},
        {"augmentation": Augmentation.DIFFAUGMENT},
        {"path_length_weight": 2.0, "path_length_interval": 1},
        {"micro_batch": 2},
        {"r1_interval": 1, "mixing_probability": 1.0},
    ],
    ids=["ada", "diffaugment", "path length", "parts", "penalty each step"],
)
def test_that_every_way_of_training_gives_finite_losses(settings: dict[str, object]) -> None:
    trainer = tiny_trainer(**settings)
    trainer.state = replace(trainer.state, ada_p=0.8)
    train_some(trainer, 2)
    losses = trainer.losses()
    assert 0 < losses.generator < 20
    assert 0 < losses.discriminator < 20


def test_that_a_batch_in_parts_gives_the_gradient_of_the_whole() -> None:
    fakes = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    reals = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = []
    for part in (1, 4):
        trainer = tiny_trainer(precision=Precision.FLOAT32)
        trainer.models.discriminator.b4.mbstd_group = 1
        trainer._discriminator_step(fakes.split(part), reals.split(part), torch.Generator())
        found.append([p.grad.clone() for p in trainer.models.discriminator.parameters() if p.grad is not None])
    assert len(found[0]) == len(found[1]) > 10
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_that_bfloat16_trains_nearly_as_float32() -> None:
    found = []
    for precision in (Precision.FLOAT32, Precision.BFLOAT16):
        trainer = tiny_trainer(precision=precision)
        train_some(trainer, 1)
        found.append(trainer.losses())
    assert found[1].generator == pytest.approx(found[0].generator, abs=0.03)
    assert found[1].discriminator == pytest.approx(found[0].discriminator, abs=0.03)
    assert found[1] != found[0]


def test_that_losses_that_are_no_numbers_are_refused_in_words() -> None:
    trainer = tiny_trainer()
    with torch.no_grad():
        trainer.models.discriminator.b4.out.bias.fill_(float("nan"))
    train_some(trainer, 1)
    with pytest.raises(JobError, match="went astray after 4 images: a loss is nan") as caught:
        trainer.losses()
    assert "smaller learning rate" in caught.value.hint


def test_that_a_conditional_model_is_refused() -> None:
    from small_networks import random_network, small_config

    models = replace(tiny_models(), network=random_network(small_config(c_dim=3)))
    with pytest.raises(UnsupportedModelError, match="draws by label"):
        Trainer(models, TrainingConfig(), SoloWorld(torch.device("cpu")))


def test_that_any_loaded_network_can_be_trained() -> None:
    from small_networks import random_network, small_config

    for config in (small_config(architecture="resnet"), small_config(architecture="orig", conv_clamp=256.0)):
        network = random_network(config)
        models = replace(tiny_models(), network=network, average=random_network(config))
        trainer = Trainer(models, TrainingConfig(batch=4), SoloWorld(torch.device("cpu")))
        train_some(trainer, 1)
        assert trainer.losses().generator > 0


def test_that_float16_on_a_processor_is_refused_with_a_way_out() -> None:
    with pytest.raises(JobError, match="bfloat16 or float32") as caught:
        tiny_trainer(precision=Precision.FLOAT16)
    assert "bfloat16" in caught.value.hint


def test_that_a_batch_must_divide_into_its_parts() -> None:
    with pytest.raises(JobError, match="4 images cannot be dealt out to 1 devices in equal parts of 3"):
        tiny_trainer(micro_batch=3)


def test_that_a_network_starts_with_pictures_of_sane_contrast() -> None:
    network = tiny_network(32)
    images = network.synthesis(network.mapping(torch.randn(8, 8, generator=torch.Generator().manual_seed(0))))
    assert 0.2 < float(images.std()) < 5
