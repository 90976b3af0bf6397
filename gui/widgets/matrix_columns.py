"""What the columns of the mixing matrix stand for: groups of layers, resolutions, or single rows of ``ws``. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import groupby

GROUP_LIMITS = (("coarse", 8), ("middle", 32), ("fine", 1 << 30))
"""Up to which resolution each reaches, as in Karras et al. 2019, arXiv:1812.04948."""


class Detail(StrEnum):
    """How many columns: three, one per resolution, or one per row of ``ws``."""

    GROUPS = "groups"
    RESOLUTIONS = "resolutions"
    LAYERS = "layers"


def group_of(resolution: int) -> str:
    return next(name for name, limit in GROUP_LIMITS if resolution <= limit)


@dataclass(frozen=True)
class MatrixColumns:
    """Attributes:
    ws_resolutions: The resolution that each row of ``ws`` works at, ascending.
    """

    ws_resolutions: tuple[int, ...] = ()
    detail: Detail = Detail.RESOLUTIONS

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The rows of ``ws`` of every column."""
        indices = range(len(self.ws_resolutions))
        if self.detail is Detail.LAYERS:
            return tuple((index,) for index in indices)
        grouped = groupby(indices, key=self._place)
        return tuple(tuple(members) for _, members in grouped)

    def _place(self, index: int) -> object:
        resolution = self.ws_resolutions[index]
        return group_of(resolution) if self.detail is Detail.GROUPS else resolution

    @property
    def count(self) -> int:
        return len(self.rows)

    @cached_property
    def groups(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Coarse, middle and fine, and their columns; empty ones are left out."""
        found: dict[str, list[int]] = {}
        for column in range(self.count):
            found.setdefault(group_of(self.resolution(column)), []).append(column)
        return tuple((name, tuple(columns)) for name, columns in found.items())

    def resolution(self, column: int) -> int:
        """The lowest in a column."""
        return self.ws_resolutions[self.rows[column][0]]

    def header(self, column: int) -> str:
        """What stands over a column."""
        lowest, highest = self.resolution(column), self.ws_resolutions[self.rows[column][-1]]
        return _short(lowest) if lowest == highest else f"{_short(lowest)}-{_short(highest)}"

    @cached_property
    def header_spans(self) -> tuple[tuple[int, ...], ...]:
        """Neighbouring columns with the same header, which is written once over all of them."""
        return tuple(tuple(members) for _, members in groupby(range(self.count), key=self.header))

    def size(self, column: int) -> str:
        """The resolutions of a column, in a sentence."""
        lowest, highest = self.resolution(column), self.ws_resolutions[self.rows[column][-1]]
        return f"{lowest} px" if lowest == highest else f"{lowest} to {highest} px"

    def words(self, column: int) -> str:
        """What a column is called in a sentence."""
        size = self.size(column)
        return f"{size}, row {self.rows[column][0]} of ws" if self.detail is Detail.LAYERS else size

    def strength(self, strengths: tuple[float, ...], columns: tuple[int, ...]) -> float:
        """The mean over some columns; rows of ``ws`` that have no entry take nothing."""
        rows = [row for column in columns for row in self.rows[column]]
        return sum(strengths[row] if row < len(strengths) else 0.0 for row in rows) / len(rows)

    def with_strength(
        self, strengths: tuple[float, ...], columns: tuple[int, ...], value: float
    ) -> tuple[float, ...]:
        """The strengths with one value in all rows of some columns."""
        changed = list(strengths) + [0.0] * (len(self.ws_resolutions) - len(strengths))
        for column in columns:
            for row in self.rows[column]:
                changed[row] = value
        return tuple(changed)


def _short(resolution: int) -> str:
    return f"{resolution // 1024}k" if resolution >= 1024 else str(resolution)
