"""The coordinates in which W is round."""

from __future__ import annotations

import torch
from small_networks import random_network, small_config

from engine.inversion.w_space import measure_w_space


def test_that_latents_have_unit_spread_and_no_correlation_in_its_coordinates() -> None:
    network = random_network(small_config((6, 6), z_dim=12, w_dim=10, num_layers=1))
    space = measure_w_space(network, seed=1)
    w = network.mapping(torch.randn(20_000, 12, generator=torch.Generator().manual_seed(2)))[:, 0]
    coordinates = (w - space.mean) @ torch.linalg.inv(space.axes)
    second_moments = coordinates.T @ coordinates / len(w)
    # A direction narrower than a twentieth of the widest is taken to be wider than it is, so its spread is below one.
    widths = torch.linalg.vector_norm(space.axes, dim=1)
    wide = widths > 0.06 * widths.max()
    assert wide.sum() >= 8
    torch.testing.assert_close(second_moments[wide][:, wide], torch.eye(int(wide.sum())), rtol=0, atol=0.1)
    torch.testing.assert_close(space.decode(coordinates), w, rtol=1e-3, atol=1e-3)


def test_that_the_mean_latent_is_the_origin() -> None:
    network = random_network()
    space = measure_w_space(network, seed=1)
    torch.testing.assert_close(space.decode(torch.zeros(10)), network.w_avg)


def test_that_a_mapping_that_always_says_the_same_still_has_room_to_move() -> None:
    config = small_config((6, 6))
    network = random_network(config)
    with torch.no_grad():
        for name, tensor in network.tensors.items():
            if name.startswith("mapping.fc") and name.endswith("weight"):
                tensor.zero_()
    axes = measure_w_space(network, seed=1).axes
    assert torch.isfinite(axes).all()
    assert torch.linalg.matrix_rank(axes) == 10
