"""Every way a StyleGAN2 generator comes in is understood to the last option; what is missing is told."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import foreign_networks as foreign
import numpy as np
import pytest
import torch
from foreign_networks import Options, generator, numbers, pickled, rosinality_state, snapshot
from hostile_files import GOLDEN, torch_members, torch_zip, zipped
from numpy.testing import assert_array_equal

from engine.checkpoints.deduce import ParsedNetwork
from engine.checkpoints.reader import read_network
from engine.errors import CorruptModelError, UnsupportedModelError
from engine.network_config import NetworkConfig
from engine.network_tensors import check_tensor_shapes


def read(data: bytes) -> ParsedNetwork:
    network = read_network(memoryview(data))
    check_tensor_shapes(network.config, {name: tensor.read().shape for name, tensor in network.tensors.items()})
    assert NetworkConfig.from_json(_through_json(network.config)) == network.config
    return network


def _through_json(config: NetworkConfig) -> Any:
    import json

    return json.loads(json.dumps(config.to_json(), allow_nan=False))


def golden_tensors(folder: str) -> dict[str, tuple[int, ...]]:
    import json

    meta = json.loads((GOLDEN / folder / "meta.json").read_text())
    return {name: tuple(shape) for name, (shape, _) in meta["G_ema_tensors"].items()}


NVIDIA = {
    "sg2ada_64": ("skip", 256.0, 0, 8, True),
    "sg2ada_64_auto_map2": ("skip", 256.0, 0, 2, True),
    "sg2ada_64_clamp": ("resnet", 1.25, 0, 8, False),
    "sg2ada_64_cond": ("skip", 256.0, 10, 8, True),
    "sg2ada_64_cond_oldstyle": ("skip", 256.0, 10, 8, True),
    "sg2ada_64_orig": ("orig", 256.0, 0, 8, True),
    "sg2ada_64_resnet": ("resnet", 256.0, 0, 8, True),
    "sg3repo_sg2_64": ("skip", 256.0, 0, 8, True),
}


@pytest.mark.parametrize("folder", NVIDIA)
def test_that_the_public_pickles_are_understood(folder: str) -> None:
    architecture, clamp, c_dim, layers, half = NVIDIA[folder]
    network = read((GOLDEN / folder / "net.pkl").read_bytes())
    config, top = network.config, network.config.synthesis.blocks[-1]
    assert (top.architecture, top.conv1.conv_clamp, top.torgb and top.torgb.conv_clamp) == (
        architecture,
        clamp,
        clamp,
    )
    assert (config.c_dim, len(config.mapping.layers), top.use_fp16) == (c_dim, layers, half)
    assert top.resample_filter == (0.125, 0.375, 0.375, 0.125)
    assert config.mapping.layers[0].bias_gain == 0.01
    assert network.layout == ("stylegan3-stylegan2" if folder.startswith("sg3") else "stylegan2-ada-pytorch")
    assert network.warnings == ()
    stored = {k: v for k, v in golden_tensors(folder).items() if not k.endswith("resample_filter")}
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == stored


@pytest.mark.parametrize("folder", ["rosinality_64", "rosinality_64_conv"])
def test_that_the_public_rosinality_files_are_understood(folder: str) -> None:
    network = read((GOLDEN / folder / "net.pt").read_bytes())
    assert network.layout == "rosinality-stylegan2"
    assert network.config.mapping.has_w_avg == folder.endswith("conv")
    assert network.config.synthesis.blocks[-1].conv1.conv_clamp is None
    assert network.tensors["synthesis.b64.conv0.noise_const"].shape == (64, 64)


def test_that_a_converted_pair_of_files_holds_the_same_network() -> None:
    folder = GOLDEN / "convert_sg2ada_to_rosinality"
    ada, ros = (read((folder / name).read_bytes()).tensors for name in ("sg2ada.pkl", "rosinality.pt"))
    assert ada.keys() == ros.keys()
    for name in ada:
        assert_array_equal(ada[name].read(), ros[name].read(), name)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_that_every_pickle_protocol_gives_the_same_network(protocol: int) -> None:
    wanted, found = read(snapshot(generator(), 4)), read(snapshot(generator(), protocol))
    assert found.config == wanted.config
    for name, tensor in wanted.tensors.items():
        assert_array_equal(found.tensors[name].read(), tensor.read())


OPTIONS = {
    "resnet": Options(architecture="resnet"),
    "orig": Options(architecture="orig"),
    "4 px": Options(img_resolution=4),
    "4 px orig": Options(img_resolution=4, architecture="orig"),
    "32 px": Options(img_resolution=32),
    "conditional": Options(c_dim=7, embed_features=3),
    "wide mapping": Options(layer_features=9, num_layers=5),
    "one mapping layer": Options(num_layers=1),
    "no mean latent": Options(w_avg_beta=None),
    "no noise": Options(use_noise=False),
    "grey": Options(img_channels=1),
    "five channels": Options(img_channels=5),
    "kernel 1": Options(kernel_size=1),
    "kernel 5": Options(kernel_size=5),
    "relu": Options(activation="relu", mapping_activation="swish"),
    "linear": Options(activation="linear", mapping_activation="sigmoid"),
    "clamp": Options(conv_clamp=0.5, use_fp16=True),
    "clamp, a whole number": Options(conv_clamp=256),
    "learning rate": Options(lr_multiplier=0.3),
    "filter [1, 2, 1]": Options(resample_filter=(1, 2, 1)),
    "filter of one tap": Options(resample_filter=(1,)),
    "filter of twelve taps": Options(resample_filter=tuple(range(1, 13))),
    "flat options": Options(flat_kwargs=True),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_that_every_option_is_found(name: str) -> None:
    options = OPTIONS[name]
    config = read(snapshot(generator(options))).config
    block, mapping = config.synthesis.blocks[-1], config.mapping
    conv = block.conv1
    assert (config.img_resolution, config.img_channels, config.z_dim, config.c_dim, config.w_dim) == (
        options.img_resolution, options.img_channels, options.z_dim, options.c_dim, options.w_dim,
    )  # fmt: skip
    assert (block.architecture, block.use_fp16, conv.use_noise) == (
        options.architecture, options.use_fp16, options.use_noise,
    )  # fmt: skip
    assert (conv.kernel_size, conv.activation, conv.conv_clamp) == (
        options.kernel_size, options.activation, options.conv_clamp,
    )  # fmt: skip
    assert (len(mapping.layers), mapping.layers[0].activation) == (options.num_layers, options.mapping_activation)
    assert mapping.layers[-1].bias_gain == options.lr_multiplier
    assert mapping.layers[-1].weight_gain == pytest.approx(
        options.lr_multiplier / mapping.layers[-1].in_features ** 0.5
    )
    assert (mapping.has_w_avg, mapping.w_avg_beta) == (options.w_avg_beta is not None, options.w_avg_beta)
    taps = np.asarray(options.resample_filter, np.float64)
    assert block.resample_filter is not None
    np.testing.assert_allclose(block.resample_filter, taps / taps.sum(), rtol=1e-6)


def test_that_a_filter_that_is_not_separable_is_kept_as_it_is() -> None:
    network = read(snapshot(generator(Options(architecture="resnet", resample_filter=[[1, 2], [3, 5]]))))
    block = network.config.synthesis.blocks[-1]
    assert block.resample_filter is None
    assert block.conv0 is not None
    assert block.conv0.resample_filter is None
    assert block.conv1.resample_filter == ()
    for name in ("synthesis.b8", "synthesis.b8.conv0", "synthesis.b8.skip"):
        wanted = np.float32([[1, 2], [3, 5]]) / np.float32(11)
        np.testing.assert_allclose(network.tensors[f"{name}.resample_filter"].read(), wanted, rtol=1e-6)


def test_that_channels_last_weights_are_read_in_the_right_order() -> None:
    network = generator()
    conv = network.modules["synthesis"].modules["b8"].modules["conv0"]
    wanted = conv.parameters["weight"].clone()
    conv.parameters["weight"] = wanted.to(memory_format=torch.channels_last)
    assert not conv.parameters["weight"].is_contiguous()
    assert_array_equal(read(snapshot(network)).tensors["synthesis.b8.conv0.weight"].read(), wanted.numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_that_other_float_types_become_float32(dtype: torch.dtype) -> None:
    state = {name: tensor.to(dtype) for name, tensor in rosinality_state().items()}
    network = read(torch_zip({"g_ema": state}))
    found = network.tensors["synthesis.b8.conv1.bias"].read()
    assert_array_equal(found, state["convs.1.activate.bias"].float().numpy())


def test_that_big_endian_checkpoints_are_read() -> None:
    members = [
        replace(member, data=np.frombuffer(member.data, "<f4").astype(">f4").tobytes())
        if "/data/" in member.name
        else replace(member, data=b"big")
        if member.name.endswith("byteorder")
        else member
        for member in torch_members()
    ]
    found = read(zipped(members)).tensors["synthesis.b8.conv1.bias"].read()
    assert_array_equal(found, rosinality_state()["convs.1.activate.bias"].numpy())


def _same_as_bare(data: bytes) -> None:
    wanted, found = read(torch_zip(rosinality_state())), read(data)
    assert found.config == wanted.config
    for name, tensor in wanted.tensors.items():
        assert_array_equal(found.tensors[name].read(), tensor.read())


def test_that_rosinality_files_are_found_in_any_wrapping() -> None:
    state = rosinality_state()
    raw = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    _same_as_bare(torch_zip({"g_ema": state, "g": raw, "d": {"final_conv.0.weight": numbers(3)}}))
    _same_as_bare(torch_zip({"g": raw, "g_ema": {f"module.{name}": tensor for name, tensor in state.items()}}))
    _same_as_bare(torch_zip({"state_dict": {f"generator.{name}": tensor for name, tensor in state.items()}}))
    _same_as_bare(torch_zip(state, legacy=True))
    _same_as_bare(torch_zip({"g_ema": OrderedDict(state)}, legacy=True))


def test_that_a_safetensors_file_of_another_program_is_read() -> None:
    from safetensors.numpy import save

    _same_as_bare(save({name: tensor.numpy() for name, tensor in rosinality_state().items()}))


def test_that_missing_noise_maps_are_made_from_a_seed_and_told() -> None:
    state = {name: tensor for name, tensor in rosinality_state().items() if not name.startswith("noises.")}
    first, second = read(torch_zip(state)), read(torch_zip(state))
    assert "noise maps for 3 layers" in first.warnings[0]
    noise = first.tensors["synthesis.b8.conv0.noise_const"].read()
    assert_array_equal(noise, second.tensors["synthesis.b8.conv0.noise_const"].read())
    assert 0.7 < noise.std() < 1.3
    assert not np.array_equal(noise, first.tensors["synthesis.b8.conv1.noise_const"].read())


def test_that_noise_maps_go_to_the_layers_they_belong_to() -> None:
    state = rosinality_state(size=16)
    for index in range(5):
        state[f"noises.noise_{index}"].fill_(index)
    tensors = read(torch_zip(state)).tensors
    layers = ["b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]
    assert [tensors[f"synthesis.{name}.noise_const"].read().flat[0] for name in layers] == [0, 1, 2, 3, 4]


def test_that_missing_blur_kernels_mean_the_usual_filter() -> None:
    state = {name: tensor for name, tensor in rosinality_state().items() if not name.endswith("kernel")}
    assert read(torch_zip(state)).config == read(torch_zip(rosinality_state())).config


@pytest.mark.parametrize("shape", [(5,), (1, 5), (4, 5)])
def test_that_a_mean_latent_of_any_known_shape_is_taken(shape: tuple[int, ...]) -> None:
    mean = numbers(5)
    network = read(torch_zip({"g_ema": rosinality_state(), "latent_avg": mean.expand(shape).clone()}))
    assert_array_equal(network.tensors["mapping.w_avg"].read(), mean.numpy())
    assert network.warnings == ()


def test_that_a_state_dict_in_nvidias_names_is_read_with_a_warning() -> None:
    wanted = read(snapshot(generator(Options(c_dim=3))))
    state = {name: torch.from_numpy(tensor.read()) for name, tensor in wanted.tensors.items()}
    for data in (torch_zip({"G_ema": state}), torch_zip(state, legacy=True)):
        found = read(data)
        assert found.config.mapping.embed == wanted.config.mapping.embed
        assert found.config.synthesis == wanted.config.synthesis
        assert "assumed" in found.warnings[0]


def test_that_whole_modules_saved_by_torch_are_read() -> None:
    wanted = read(snapshot(generator()))
    for data in (pickled(generator()), torch_zip(generator()), torch_zip({"G_ema": generator()}, legacy=True)):
        assert read(data).config == wanted.config


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_that_numpy_arrays_are_read_from_every_protocol(protocol: int) -> None:
    state = {name: tensor.numpy() for name, tensor in rosinality_state().items()}
    frozen, turned = state["style.1.weight"].copy(), np.asfortranarray(state["style.2.weight"])
    frozen.flags.writeable = False  # protocol 5 writes bytes for it, and a bytearray for the others
    found = read(pickled({**state, "style.1.weight": frozen, "style.2.weight": turned}, protocol))
    assert_array_equal(found.tensors["mapping.fc0.weight"].read(), state["style.1.weight"])
    assert_array_equal(found.tensors["mapping.fc1.weight"].read(), state["style.2.weight"])
    assert_array_equal(found.tensors["synthesis.b4.const"].read(), state["input.input"][0])


def test_that_the_averaged_generator_is_preferred() -> None:
    other = generator(Options(channels=8))
    data = pickled({"G": other, "D": foreign.Module("Discriminator"), "G_ema": generator()})
    assert read(data).config.synthesis.blocks[0].in_channels == 4
    assert read(pickled({"G": other})).config.synthesis.blocks[0].in_channels == 8


def test_that_a_zero_mean_latent_is_told() -> None:
    network = generator()
    network.modules["mapping"].buffers["w_avg"].zero_()
    assert "all zeros" in read(snapshot(network)).warnings[0]


def test_that_what_is_ignored_in_a_file_is_named() -> None:
    import argparse

    data = torch_zip({"g_ema": rosinality_state(), "args": argparse.Namespace(lr=1)})
    assert read(data).warnings == ("Ignored in the file, as no part of the network: argparse.Namespace.",)


def test_that_only_the_tensors_of_the_generator_are_read() -> None:
    members = torch_members({"g_ema": rosinality_state(), "optimizer": {"exp_avg": torch.ones(1000)}})
    largest = max(range(len(members)), key=lambda i: len(members[i].data) * ("/data/" in members[i].name))
    members[largest] = replace(members[largest], crc=7)  # so reading it would fail
    read(zipped(members))


@pytest.mark.parametrize("part", ["torgb", "conv1"])
def test_that_a_missing_part_is_named(part: str) -> None:
    network = generator()
    del network.modules["synthesis"].modules["b8"].modules[part]
    with pytest.raises(CorruptModelError, match=part):
        read(snapshot(network))


def test_that_a_part_of_another_network_is_named() -> None:
    network = generator()
    network.modules["synthesis"].modules["b8"].modules["attention"] = foreign.Module("SelfAttention")
    with pytest.raises(UnsupportedModelError, match=r"b8\.attention"):
        read(snapshot(network))


def test_that_an_unknown_activation_is_named() -> None:
    with pytest.raises(UnsupportedModelError, match="'gelu'"):
        read(snapshot(generator(Options(activation="gelu"))))


def test_that_a_stream_of_torch_is_read_from_any_buffer() -> None:
    buffer = io.BytesIO()
    torch.save(rosinality_state(), buffer)
    read(buffer.getvalue())
