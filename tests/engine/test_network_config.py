"""The description of a network: exact through JSON, strict about everything that is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.errors import CorruptModelError, ModelError, UnsupportedModelError
from engine.network_config import (
    BlockConfig,
    ConvConfig,
    DenseConfig,
    MappingConfig,
    NetworkConfig,
    ResnetSkipConfig,
    SynthesisConfig,
    ToRGBConfig,
)
from engine.network_metadata import NetworkMetadata, SourceFile
from engine.network_tensors import check_tensor_shapes, expected_tensors

AFFINE = DenseConfig(5, 4, "linear", 0.4472135954999579, 1.0)
TAPS = (0.125, 0.375, 0.375, 0.125)


def block(resolution: int, architecture: str = "resnet", torgb: bool = True) -> BlockConfig:
    conv = ConvConfig(4, 4, 3, True, "lrelu", 2**0.5, 256.0, AFFINE)
    first = resolution == 4
    return BlockConfig(
        resolution=resolution,
        architecture=architecture,
        use_fp16=False,
        conv0=None if first else replace(conv, resample_filter=TAPS),
        conv1=conv,
        torgb=ToRGBConfig(4, 3, 1, None, 0.5, AFFINE) if torgb else None,
        skip=None if first or architecture != "resnet" else ResnetSkipConfig(4, 4, 1, 0.5, None),
        resample_filter=TAPS,
    )


def config() -> NetworkConfig:
    layers = (DenseConfig(9, 7, "lrelu", 0.1 / 3, 0.01), DenseConfig(7, 5, "lrelu", 1e-3 / 3, 0.01))
    mapping = MappingConfig(6, 2, 5, DenseConfig(2, 3, "linear", 0.7, 1.0), layers, True, 0.995)
    return NetworkConfig(mapping, SynthesisConfig(5, 8, 3, (block(4, torgb=False), block(8))))


def metadata() -> NetworkMetadata:
    return NetworkMetadata(config(), SourceFile("test", "a" * 64), ({"made": [1, {"by": "hand"}]},), ("careful",))


def test_that_a_network_is_the_same_after_json() -> None:
    assert NetworkConfig.from_json(json.loads(json.dumps(config().to_json()))) == config()
    assert NetworkMetadata.from_json_text(metadata().to_json_text()) == metadata()


def test_that_the_number_of_latent_rows_follows_from_the_size() -> None:
    assert config().num_ws == 4


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *way, last = path.split(".")
        target: Any = document
        for step in way:
            target = target[int(step) if step.isdigit() else step]
        target[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("network.mapping.z_dim", 7, "reads 9 values; it is given 10"),
        ("network.mapping.z_dim", -1, "z_dim is -1"),
        ("network.mapping.z_dim", 10**9, "z_dim is 1000000000"),
        ("network.mapping.z_dim", 6.0, "type int"),
        ("network.mapping.z_dim", True, "type int"),
        ("network.mapping.embed", None, "no label embedding"),
        ("network.mapping.layers", [], "mapping layers is 0"),
        ("network.mapping.layers", {}, "must be a list"),
        ("network.mapping.layers.0.activation", "gelu", "activation is 'gelu'"),
        ("network.mapping.layers.0.weight_gain", "1", "type float"),
        ("network.mapping.layers.0.out_features", 6, "reads 7 values; it is given 6"),
        ("network.mapping.w_avg_beta", 2, "w_avg_beta is 2"),
        ("network.synthesis.img_resolution", 12, "makes 12 px"),
        ("network.synthesis.img_resolution", 3, "img_resolution is 3"),
        ("network.synthesis.img_resolution", 65536, "img_resolution is 65536"),
        ("network.synthesis.img_resolution", 16, "a 16 px one needs"),
        ("network.synthesis.img_channels", 0, "img_channels is 0"),
        ("network.synthesis.img_channels", 4, "makes 3 image channels"),
        ("network.synthesis.w_dim", 6, r"maps \(5, 4\)"),
        ("network.synthesis.blocks.1.torgb", None, "lacks torgb"),
        ("network.synthesis.blocks.1.conv0", None, "conv0 is missing"),
        ("network.synthesis.blocks.1.skip", None, "skip is missing"),
        ("network.synthesis.blocks.1.architecture", "orig", "out of place"),
        ("network.synthesis.blocks.1.architecture", "dense", "architecture is 'dense'"),
        ("network.synthesis.blocks.1.resample_filter", [], "taps is 0"),
        ("network.synthesis.blocks.1.resample_filter", [1] * 65, "taps is 65"),
        ("network.synthesis.blocks.1.conv1.kernel_size", 4, "kernel of size 4"),
        ("network.synthesis.blocks.1.conv1.in_channels", 5, "conv1 reads others"),
        ("network.synthesis.blocks.1.conv1.conv_clamp", -1, "conv_clamp is -1"),
        ("network.synthesis.blocks.1.conv1.exec", "x", "unknown key 'exec'"),
        ("network.synthesis.blocks.0.conv0", {}, "lacks the key"),
        ("source.sha256", "zz", "malformed"),
        ("lineage", "x", "must be a list"),
        ("lineage", [1], "must be an object"),
        ("warnings", [1], "type str"),
        ("network", [], "must be an object"),
        ("format", 2, "newer Graft"),
        ("format", 0, "no format number"),
        ("format", "1", "no format number"),
        ("family", "stylegan9", "family is 'stylegan9'"),
        ("more", 1, "unknown key"),
    ],
)
def test_that_a_wrong_value_is_named(path: str, value: Any, message: str) -> None:
    document = json.loads(metadata().to_json_text())
    _set(path, value)(document)
    with pytest.raises(ModelError, match=message):
        NetworkMetadata.from_json_text(json.dumps(document))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"format":1,"format":1}', '{"format":NaN}', "{}", "[" * 10**5]
)
def test_that_other_texts_are_refused(text: str) -> None:
    with pytest.raises(CorruptModelError):
        NetworkMetadata.from_json_text(text)


def test_that_an_unused_torgb_is_refused() -> None:
    with pytest.raises(CorruptModelError, match="nothing uses"):
        SynthesisConfig(5, 8, 3, (block(4), block(8)))


def test_that_the_tensors_of_a_network_are_listed_and_checked() -> None:
    shapes = expected_tensors(config())
    assert shapes["synthesis.b8.skip.weight"] == (4, 4, 1, 1)
    assert shapes["mapping.embed.weight"] == (3, 2)
    assert "synthesis.b8.resample_filter" not in shapes  # separable: in the description
    good = {**shapes, "synthesis.b8.skip.resample_filter": (4, 4)}
    check_tensor_shapes(config(), good)
    for name, shape in {"mapping.w_avg": (6,), "synthesis.b8.skip.resample_filter": (4, 400), "more": (1,)}.items():
        with pytest.raises(CorruptModelError, match=name):
            check_tensor_shapes(config(), {**good, name: shape})
    with pytest.raises(CorruptModelError, match="lacks the tensor"):
        check_tensor_shapes(config(), {name: shape for name, shape in good.items() if name != "mapping.fc1.bias"})


def test_that_unknown_words_are_unsupported_rather_than_corrupt() -> None:
    with pytest.raises(UnsupportedModelError):
        DenseConfig(1, 1, "gelu", 1.0, 1.0)
