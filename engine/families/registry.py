"""Every family that Graft can run, in one explicit list: the only place that connects a name with code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from engine.errors import UnsupportedModelError
from engine.families import stylegan2, stylegan2_layout
from engine.families.roles import TensorRole
from engine.nets.mapping import MappingNetwork
from engine.nets.stylegan2 import Generator
from engine.network_config import FAMILY as STYLEGAN2
from engine.network_config import MappingConfig, NetworkConfig, SynthesisConfig


@dataclass(frozen=True, slots=True)
class Family:
    """What the rest of the engine may ask of a family; see the functions of the same names."""

    name: str
    build: Callable[[NetworkConfig, Mapping[str, Tensor]], Generator]
    build_mapping: Callable[[MappingConfig], MappingNetwork]
    apply_clamps: Callable[[Generator, SynthesisConfig], None]
    role_of: Callable[[str], TensorRole]
    blended_clamps: Callable[[SynthesisConfig, SynthesisConfig, Callable[[int], bool]], SynthesisConfig]
    difference: Callable[[SynthesisConfig, SynthesisConfig], str | None]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        STYLEGAN2: Family(
            name=STYLEGAN2,
            build=stylegan2.build,
            build_mapping=stylegan2.build_mapping,
            apply_clamps=stylegan2.apply_clamps,
            role_of=stylegan2_layout.role_of,
            blended_clamps=stylegan2_layout.blended_clamps,
            difference=stylegan2_layout.difference,
        )
    }
)


def family_of(name: str) -> Family:
    """Raises:
    UnsupportedModelError: no such family.
    """
    if name not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UnsupportedModelError(f"The model's family is {name!r:.60}; this Graft runs {known}.")
    return FAMILIES[name]
