"""Losses, the discriminator and the optimisers' constants against golden files of the public implementations."""

from __future__ import annotations

import zlib

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from training_fixtures import golden, golden_settings

from engine.nets.discriminator import SMOOTH_TAPS, Discriminator, DiscriminatorConfig, with_minibatch_deviation
from engine.training.averaging import average_decay
from engine.training.losses import looks_fake, looks_real, path_lengths, r1_penalty
from engine.training.optimizers import lazy_adam

G_NAMES = ("g_A", "g_b", "m_w")


def judge(t: dict[str, Tensor], x: Tensor) -> Tensor:
    """The tiny discriminator of the golden file, as its README writes it out."""
    y = functional.leaky_relu(functional.conv2d(x, t["d_w1"], t["d_b1"], padding=1), 0.2)
    y = functional.softplus(functional.conv2d(y, t["d_w2"], t["d_b2"], stride=2, padding=1))
    return (y.flatten(1) @ t["d_fc"].t() + t["d_fcb"])[:, 0]


def generate(t: dict[str, Tensor], ws: Tensor) -> Tensor:
    def e(w: Tensor) -> Tensor:
        return torch.einsum("nlk,lkp->np", w, t["g_A"])

    return torch.tanh(e(ws) + 0.3 * torch.sin(e(ws**2)) + t["g_b"]).reshape(-1, 3, 8, 8)


def styles(t: dict[str, Tensor], z: Tensor) -> Tensor:
    return torch.tanh(z @ t["m_w"])[:, None].repeat(1, 5, 1)


@pytest.fixture
def t() -> dict[str, Tensor]:
    tensors = golden("losses")
    for name in tensors:
        if name.startswith("d_") or name in G_NAMES:
            tensors[name] = tensors[name].requires_grad_()
    return tensors


def check_gradients(t: dict[str, Tensor], prefix: str, names: list[str]) -> None:
    for name in names:
        torch.testing.assert_close(t[name].grad, t[f"{prefix}{name}"], rtol=1e-4, atol=1e-5)


def test_that_the_generators_loss_and_gradients_are_the_published_ones(t: dict[str, Tensor]) -> None:
    loss = looks_real(judge(t, generate(t, styles(t, t["z"]))))
    torch.testing.assert_close(loss, t["G_softplus_mean"], rtol=1e-5, atol=1e-6)
    loss.backward()
    check_gradients(t, "nv_Gmain_grad_", list(G_NAMES))


def test_that_the_discriminators_loss_and_gradients_are_the_published_ones(t: dict[str, Tensor]) -> None:
    fake, real = looks_fake(judge(t, t["gen_img"])), looks_real(judge(t, t["real"]))
    torch.testing.assert_close(fake, t["D_fake_softplus_mean"], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(real, t["D_real_softplus_mean"], rtol=1e-5, atol=1e-6)
    (fake + real).backward()
    check_gradients(t, "nv_Dmain_grad_", [name for name in t if name.startswith("d_")])


def test_that_the_gradient_penalty_is_the_published_one(t: dict[str, Tensor]) -> None:
    real = t["real"].requires_grad_()
    penalty = r1_penalty(judge(t, real), real)
    torch.testing.assert_close(penalty, t["r1_penalty_per_sample"], rtol=1e-5, atol=1e-6)
    gamma = float(t["r1_gamma"])
    torch.testing.assert_close(penalty.mean() * gamma / 2, t["r1_loss_nv"], rtol=1e-5, atol=1e-6)
    (penalty.mean() * gamma / 2 * 16).backward()
    # The output's bias does not change any gradient.
    assert t["d_fcb"].grad is None or float(t["d_fcb"].grad.abs().max()) == 0
    check_gradients(t, "nv_Dreg_gain16_grad_", [n for n in t if n.startswith("d_") and n != "d_fcb"])


def test_that_three_path_length_steps_are_the_published_ones(t: dict[str, Tensor]) -> None:
    mean = torch.zeros(())
    for step in range(3):
        for name in G_NAMES:
            t[name].grad = None
        ws = styles(t, t[f"pl_z_{step}"][:2])
        found = path_lengths(generate(t, ws), ws, t[f"pl_noise_{step}"], mean)
        torch.testing.assert_close(found.lengths, t[f"pl_lengths_{step}"], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.mean, t[f"pl_mean_after_{step}"], rtol=1e-5, atol=1e-6)
        (found.penalty.mean() * 2 * 4).backward()
        for name in G_NAMES:
            wanted = t[f"nv_Greg_gain4_step{step}_grad_{name}"]
            got = t[name].grad if t[name].grad is not None else torch.zeros_like(wanted)
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
        mean = found.mean


def published_weight(name: str, shape: torch.Size) -> Tensor:
    """The golden file's rule for a tensor of its discriminator, by its own name."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"D/{name}".encode()))
    drawn = torch.randn(shape, generator=generator)
    return drawn * 0.05 if name.endswith("bias") else drawn


def test_that_the_discriminator_judges_as_the_published_one() -> None:
    names = {"b32.fromrgb.weight": "convs.0.0.weight", "b32.fromrgb.bias": "convs.0.1.bias"}
    for place, resolution in enumerate((32, 16, 8), start=1):
        block = f"convs.{place}"
        names |= {
            f"b{resolution}.conv0.weight": f"{block}.conv1.0.weight",
            f"b{resolution}.conv0.bias": f"{block}.conv1.1.bias",
            f"b{resolution}.conv1.weight": f"{block}.conv2.1.weight",
            f"b{resolution}.conv1.bias": f"{block}.conv2.2.bias",
            f"b{resolution}.skip.weight": f"{block}.skip.1.weight",
        }
    names |= {"b4.conv.weight": "final_conv.0.weight", "b4.conv.bias": "final_conv.1.bias"}
    for ours, theirs in (("fc", "0"), ("out", "1")):
        names |= {f"b4.{ours}.{part}": f"final_linear.{theirs}.{part}" for part in ("weight", "bias")}
    config = DiscriminatorConfig(32, 3, (512,) * 4, taps=SMOOTH_TAPS)
    discriminator = Discriminator(config)
    state = {name: published_weight(names[name], x.shape) for name, x in discriminator.state_dict().items()}
    discriminator.load_state_dict(state)
    stored = golden("discriminator")
    share = 0.7  # the image term's factor in that run
    fake = looks_fake(discriminator(stored["fake_image_D"])) * share
    real = looks_real(discriminator(stored["image"])) * share
    torch.testing.assert_close(fake, stored["loss_D_fake_image"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(real, stored["loss_D_real_image"], rtol=1e-4, atol=1e-5)


def test_that_the_box_filter_averages_after_the_convolution() -> None:
    discriminator = Discriminator(DiscriminatorConfig(8, 3, (5, 4)))
    conv = discriminator.get_submodule("b8.conv1")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.normal_(generator=generator)
    x = torch.randn(2, 5, 8, 8, generator=generator)
    scale = (5 * 9) ** -0.5
    plain = functional.conv2d(x, conv.weight * scale, padding=1).unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2))
    wanted = functional.leaky_relu(plain + conv.bias[:, None, None], 0.2)  # sqrt 2 and sqrt 1/2 cancel
    torch.testing.assert_close(conv(x), wanted, rtol=1e-5, atol=1e-5)


def test_that_the_minibatch_deviation_knows_whether_pictures_differ() -> None:
    one = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    alike = with_minibatch_deviation(one.repeat(4, 1, 1, 1), group=4)
    assert alike.shape == (4, 4, 4, 4)
    assert float(alike[:, 3].max()) < 1e-3
    different = with_minibatch_deviation(torch.cat([one, -one]), group=4)[:, 3]
    torch.testing.assert_close(different, one.abs().mean().expand_as(different), rtol=1e-4, atol=1e-4)


def test_that_the_discriminator_takes_batches_of_any_size() -> None:
    x = torch.randn(6, 3, 4, 4)
    assert [len(with_minibatch_deviation(x[:n], 4)) for n in (1, 2, 3, 5, 6)] == [1, 2, 3, 5, 6]


def test_that_adam_is_slowed_down_for_lazy_regularisers_as_published() -> None:
    weight = [torch.nn.Parameter(torch.zeros(1))]
    for interval, key in ((4, "G_interval4"), (16, "D_interval16")):
        wanted = golden_settings()["lazy_adam"][key]
        (group,) = lazy_adam(weight, 1.0, interval).param_groups
        assert group["lr"] == pytest.approx(wanted["lr_mult"], rel=1e-12)
        assert group["betas"] == pytest.approx((0.0, wanted["beta2"]), rel=1e-12)
    (plain,) = lazy_adam(weight, 1.0, None).param_groups
    assert (plain["lr"], plain["betas"]) == (1.0, (0.0, 0.99))


def test_that_the_average_decays_as_published() -> None:
    for key, wanted in golden_settings()["ema_beta"].items():
        batch, kimg = key.removeprefix("batch").split("_emakimg")
        assert average_decay(int(batch), float(kimg) * 1000, 10**9, None) == pytest.approx(wanted, rel=1e-12)


def test_that_the_average_forgets_a_random_start_sooner() -> None:
    early, late = (average_decay(16, 5000, seen, 0.05) for seen in (1000, 10**6))
    assert early == pytest.approx(0.5 ** (16 / 50))
    assert late == pytest.approx(0.5 ** (16 / 5000))
