"""The runs there are, the one that was at work last first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from engine.training_runs import RunGlance, RunState
from gui.theme import body_font, caption_font, current_theme, mix
from gui.training.sheets import first_face
from gui.training.words import state_words
from gui.widgets.item_model import ITEM_ROLE, Index, ItemModel
from gui.widgets.thumb import paint_thumb

ROW_PX = 50
THUMB_PX = 36.0


@dataclass(frozen=True, slots=True)
class RunItem:
    """`fraction` is how far it is, drawn as a line; None for none."""

    key: str
    name: str
    caption: str
    thumbnail: QImage | None
    tooltip: str
    fraction: float | None
    is_alive: bool


class RunList(QListView):
    picked = Signal(object)  # folder of the run

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = ItemModel(self)
        self._pictures: dict[Path, QImage | None] = {}
        self._is_silent = False
        self.setModel(self._model)
        self.setItemDelegate(_RunDelegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setAccessibleName("Runs")
        self.selectionModel().currentChanged.connect(self._tell)

    @property
    def items(self) -> tuple[RunItem, ...]:
        return self._model.items

    def show_runs(self, runs: Sequence[RunGlance]) -> None:
        """Show these, silently; the selection stays on its run."""
        selected = self._model.key_at(self.currentIndex())
        self._is_silent = True
        self._model.set_items([self._item(run) for run in runs])
        self._is_silent = False
        self.select(Path(selected) if selected else None)

    def update_run(self, run: RunGlance) -> None:
        """Show how one of them is now."""
        row = self._model.row_of(str(run.folder))
        if row is not None:
            items = list(self._model.items)
            items[row] = self._item(run)
            self._model.set_items(items)

    def select(self, folder: Path | None) -> None:
        """Mark a run, silently; None or an unknown one marks nothing."""
        row = self._model.row_of(str(folder)) if folder is not None else None
        self._is_silent = True
        if row is None:
            self.selectionModel().clear()
        else:
            flag = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selectionModel().setCurrentIndex(self._model.index(row), flag)
        self._is_silent = False

    def _item(self, run: RunGlance) -> RunItem:
        total = run.story.total_images or (run.plan.total_images if run.plan else 0)
        fraction = run.story.images_seen / total if total and run.state is not RunState.DONE else None
        words = state_words(run)
        return RunItem(
            str(run.folder), run.name, words, self._picture(run.sheet), f"{run.name}: {words}", fraction,
            run.state.is_alive,
        )

    def _picture(self, sheet: Path | None) -> QImage | None:
        """The first face of a sheet."""
        if sheet is None:
            return None
        if sheet not in self._pictures:
            self._pictures[sheet] = first_face(sheet)
        return self._pictures[sheet]

    def _tell(self, current: QModelIndex) -> None:
        key = self._model.key_at(current)
        if key is not None and not self._is_silent:
            self.picked.emit(Path(key))


class _RunDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(120, ROW_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, item = current_theme(), index.data(ITEM_ROLE)
        cell = QRectF(option.rect).adjusted(0, 0, 0, -3)
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        is_hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_selected or is_hovered:
            painter.setBrush(mix(theme.raised, theme.focus, 0.16) if is_selected else QColor(theme.raised))
            painter.drawRoundedRect(cell, 5, 5)
        if option.state & QStyle.StateFlag.State_HasFocus and is_selected:
            painter.setPen(QPen(QColor(theme.focus), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        thumb = QRectF(cell.left() + 4, cell.center().y() - THUMB_PX / 2, THUMB_PX, THUMB_PX)
        paint_thumb(painter, thumb, item.thumbnail)
        left, room = thumb.right() + 9, cell.right() - thumb.right() - 15
        for text, font, color, top in (
            (item.name, body_font(), theme.text, 4),
            (item.caption, caption_font(), theme.focus if item.is_alive else theme.muted, 22),
        ):
            painter.setFont(font)
            painter.setPen(QColor(color))
            shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(room))
            place = QRectF(left, cell.top() + top, room, 18)
            painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), shown)
        if item.fraction is not None:
            line = QRectF(left, cell.bottom() - 5, room, 2)
            painter.fillRect(line, QColor(theme.line))
            line.setWidth(room * min(1.0, item.fraction))
            painter.fillRect(line, QColor(theme.focus if item.is_alive else theme.muted))
        painter.restore()
