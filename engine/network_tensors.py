"""Which tensors the open format holds for a network: names, shapes, and the check that a file has them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import CorruptModelError
from engine.network_config import MAX_FILTER_TAPS, BlockConfig, DenseConfig, NetworkConfig

Shape = tuple[int, ...]

FREE_SHAPE: Shape = (-1, -1)
"""Stands for any ``[kh, kw]`` in `expected_tensors`: a filter that is not separable."""

def expected_tensors(config: NetworkConfig) -> dict[str, Shape]:
    """Every tensor of the open format for this network: NVIDIA's names, in NVIDIA's order of layers.

    Separable resample filters are in the config and not listed.
    """
    shapes: dict[str, Shape] = {}
    for block in config.synthesis.blocks:
        _list_block(shapes, block)
    mapping = config.mapping
    if mapping.embed is not None:
        _list_dense(shapes, "mapping.embed", mapping.embed)
    for index, layer in enumerate(mapping.layers):
        _list_dense(shapes, f"mapping.fc{index}", layer)
    if mapping.has_w_avg:
        shapes["mapping.w_avg"] = (mapping.w_dim,)
    return shapes


def _kernel(out_channels: int, in_channels: int, size: int) -> Shape:
    return (out_channels, in_channels, size, size)


def _list_dense(shapes: dict[str, Shape], name: str, dense: DenseConfig) -> None:
    shapes[f"{name}.weight"] = (dense.out_features, dense.in_features)
    shapes[f"{name}.bias"] = (dense.out_features,)


def _list_block(shapes: dict[str, Shape], block: BlockConfig) -> None:
    name = f"synthesis.b{block.resolution}"
    if block.conv0 is None:
        shapes[f"{name}.const"] = (block.in_channels, 4, 4)
    if block.resample_filter is None:
        shapes[f"{name}.resample_filter"] = FREE_SHAPE
    for part, conv in (("conv0", block.conv0), ("conv1", block.conv1)):
        if conv is None:
            continue
        shapes[f"{name}.{part}.weight"] = _kernel(conv.out_channels, conv.in_channels, conv.kernel_size)
        shapes[f"{name}.{part}.bias"] = (conv.out_channels,)
        if conv.use_noise:
            shapes[f"{name}.{part}.noise_strength"] = ()
            shapes[f"{name}.{part}.noise_const"] = (block.resolution, block.resolution)
        if conv.resample_filter is None:
            shapes[f"{name}.{part}.resample_filter"] = FREE_SHAPE
        _list_dense(shapes, f"{name}.{part}.affine", conv.affine)
    if block.torgb is not None:
        rgb = block.torgb
        shapes[f"{name}.torgb.weight"] = _kernel(rgb.img_channels, rgb.in_channels, rgb.kernel_size)
        shapes[f"{name}.torgb.bias"] = (rgb.img_channels,)
        _list_dense(shapes, f"{name}.torgb.affine", rgb.affine)
    if block.skip is not None:
        skip = block.skip
        shapes[f"{name}.skip.weight"] = _kernel(skip.out_channels, skip.in_channels, skip.kernel_size)
        if skip.resample_filter is None:
            shapes[f"{name}.skip.resample_filter"] = FREE_SHAPE


def check_tensor_shapes(config: NetworkConfig, shapes: Mapping[str, Shape]) -> None:
    """Refuse a set of tensors that is not exactly what `config` needs.

    Raises:
        CorruptModelError: names the first missing, unexpected or misshapen tensor.
    """
    expected = expected_tensors(config)
    for name, shape in expected.items():
        if name not in shapes:
            raise CorruptModelError(f"The model lacks the tensor {name}.")
        actual = tuple(shapes[name])
        small = len(actual) == 2 and all(1 <= side <= MAX_FILTER_TAPS for side in actual)
        if not (small if shape == FREE_SHAPE else actual == shape):
            rule = f"this network needs {list(shape)}"
            raise CorruptModelError(f"Tensor {name} has shape {list(actual)}; {rule}.")
    for name in shapes:
        if name not in expected:
            raise CorruptModelError(f"The model has a tensor {name:.120} that this network has no place for.")
