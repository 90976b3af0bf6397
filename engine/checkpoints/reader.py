"""One whole file, mapped into memory, to an understood network. Everything that can go wrong is a ModelError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.checkpoints.deduce import ParsedNetwork
from engine.checkpoints.layout_psp import ParsedEncoder
from engine.checkpoints.layouts import understand, understand_encoder
from engine.checkpoints.opcodes import read_pickle
from engine.checkpoints.records import Budget
from engine.checkpoints.safetensors_file import read_header, tensor_records
from engine.checkpoints.sniff import HEAD_BYTES, FileKind, sniff
from engine.checkpoints.tensors import LazyTensor
from engine.checkpoints.torch_streams import network_pickle_context, read_legacy_stream
from engine.checkpoints.torch_zip import read_torch_zip
from engine.errors import CorruptModelError


def read_network(data: memoryview) -> ParsedNetwork:
    """Parse a foreign file and understand the generator in it. Tensors stay unread.

    Raises:
        ModelError: it is not a network that Graft runs.
    """
    budget = Budget.for_file(len(data))
    parsed = understand(parse(data, budget))
    _check_total(parsed.tensors, len(data))
    if not budget.ignored:
        return parsed
    names = ", ".join(sorted(budget.ignored)[:5])
    return replace(parsed, warnings=(*parsed.warnings, f"Ignored in the file, as no part of the network: {names}."))


def read_encoder(data: memoryview) -> ParsedEncoder:
    """Parse a foreign file and understand the portrait encoder in it. Tensors stay unread.

    Raises:
        ModelError: it holds none that Graft runs.
    """
    parsed = understand_encoder(parse(data, Budget.for_file(len(data))))
    _check_total(parsed.tensors, len(data))
    return parsed


def _check_total(tensors: Mapping[str, LazyTensor], file_bytes: int) -> None:
    total = sum(4 * math.prod(tensor.shape) for tensor in tensors.values())
    if total > 4 * file_bytes + (64 << 20):
        raise CorruptModelError(f"The network unpacks to {total:,} bytes from a file of {file_bytes:,}.")


def parse(data: memoryview, budget: Budget) -> Any:
    """Records and plain containers of a file of any known kind.

    Raises:
        ModelError
    """
    kind = sniff(bytes(data[:HEAD_BYTES]), len(data))
    if kind is FileKind.TORCH_ZIP:
        return read_torch_zip(data, budget)
    if kind is FileKind.LEGACY_TORCH:
        return read_legacy_stream(data, budget)
    if kind is FileKind.SAFETENSORS:
        return tensor_records(data, read_header(data))
    value, end = read_pickle(data, 0, network_pickle_context(budget))
    if end != len(data):
        raise CorruptModelError(f"The file goes on for {len(data) - end:,} bytes after its end mark.")
    return value
