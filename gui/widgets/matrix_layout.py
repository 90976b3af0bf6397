"""Where the parts of the mixing matrix are."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF

CELL_PX = 14.0
ROW_PX = 24.0
BUTTON_PX = 12.0
GAP_PX = 3.0
GROUP_PX = 15.0
HEADER_PX = 34.0


@dataclass(frozen=True, slots=True)
class Place:
    """What is under the pointer: a cell, a header, a group, a row's name or one of its buttons."""

    row: int | None = None
    column: int | None = None
    group: int | None = None
    is_remove: bool = False
    is_mute: bool = False


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """Groups over headers over rows; names left, cells right.

    Attributes:
        name_px: Width of the column of names.
        groups: The columns of every group, ascending.
    """

    width: float
    name_px: float
    row_count: int
    column_count: int
    groups: tuple[tuple[int, ...], ...]

    @property
    def pitch(self) -> float:
        """From one column to the next."""
        return (self.width - self.name_px + GAP_PX) / max(1, self.column_count)

    def column_left(self, column: int) -> float:
        return self.name_px + column * self.pitch

    def cell(self, row: int, column: int) -> QRectF:
        top = HEADER_PX + row * ROW_PX + (ROW_PX - CELL_PX) / 2
        return QRectF(self.column_left(column), top, self.pitch - GAP_PX, CELL_PX)

    def header(self, column: int) -> QRectF:
        return QRectF(self.column_left(column), GROUP_PX, self.pitch - GAP_PX, HEADER_PX - GROUP_PX)

    def group(self, group: int) -> QRectF:
        columns = self.groups[group]
        left, right = self.column_left(columns[0]), self.column_left(columns[-1]) + self.pitch - GAP_PX
        return QRectF(left, 0, right - left, GROUP_PX)

    def name(self, row: int) -> QRectF:
        return QRectF(0, HEADER_PX + row * ROW_PX, self.name_px - 6, ROW_PX)

    def remove(self, row: int) -> QRectF:
        """The button at the end of a name."""
        name = self.name(row)
        return QRectF(name.right() - BUTTON_PX - 1, name.center().y() - BUTTON_PX / 2, BUTTON_PX, BUTTON_PX)

    def mute(self, row: int) -> QRectF:
        """The eye before it."""
        return self.remove(row).translated(-BUTTON_PX - 5, 0)

    def span(self, row: int, columns: tuple[int, ...]) -> QRectF:
        """Some neighbouring cells of a row."""
        return self.cell(row, columns[0]).united(self.cell(row, columns[-1]))

    def gap_at(self, y: float) -> int:
        """Before which row something lands that is let go at a height; the number of rows for the end."""
        return min(self.row_count, max(0, round((y - HEADER_PX) / ROW_PX)))

    def gap(self, before: int) -> float:
        """The height of the line between two rows."""
        return HEADER_PX + before * ROW_PX

    def column_at(self, x: float) -> int:
        """The column at or next to an x."""
        return min(self.column_count - 1, max(0, int((x - self.name_px) // self.pitch)))

    def place_at(self, position: QPointF) -> Place:
        """What is there."""
        over_names = position.x() < self.name_px
        column = None if over_names else self.column_at(position.x())
        if position.x() >= self.width or not self.column_count:
            return Place()
        if position.y() < GROUP_PX:
            found = [index for index, columns in enumerate(self.groups) if column in columns]
            return Place(group=found[0]) if found else Place()
        if position.y() < HEADER_PX:
            return Place(column=column)
        row = int((position.y() - HEADER_PX) // ROW_PX)
        if row >= self.row_count:
            return Place()
        if column is None:
            return Place(
                row=row,
                is_remove=self.remove(row).adjusted(-2, -4, 3, 4).contains(position),
                is_mute=self.mute(row).adjusted(-3, -4, 2, 4).contains(position),
            )
        return Place(row=row, column=column)
