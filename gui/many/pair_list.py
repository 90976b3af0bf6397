"""Portraits as they are found: each photo's crop beside what the model shows."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

EDGE_PX = 96
GAP_PX = 2
CAPTION_PX = 24
MARGIN_PX = 8
MOST = 300
"""So many are shown; the oldest make room for new ones. All are on the shelf and in the report."""

_KEY = int(Qt.ItemDataRole.UserRole)


class PairList(QListWidget):
    """The newest first. Enter or a double-click asks for one."""

    portrait_wanted = Signal(str)  # the latent's key

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        wide = 2 * EDGE_PX + GAP_PX
        self.setProperty("role", "canvas")
        self.setAccessibleName("The portraits so far")
        self.setToolTip("Photo and portrait. Double-click or Enter puts a portrait under the sliders")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIconSize(QSize(wide, EDGE_PX))
        self.setGridSize(QSize(wide + 2 * MARGIN_PX, EDGE_PX + CAPTION_PX + MARGIN_PX))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.itemActivated.connect(self._ask)

    def add(self, key: str, name: str, pair: QImage, details: str) -> None:
        """
        Args:
            pair: From `pair_of`.
            details: How like they are, in words.
        """
        self.remove(key)
        item = QListWidgetItem(QIcon(QPixmap.fromImage(pair)), name)
        item.setData(_KEY, key)
        item.setToolTip(f"{name}\n{details}".strip())
        self.insertItem(0, item)
        while self.count() > MOST:
            self.takeItem(self.count() - 1)

    def remove(self, key: str) -> None:
        for number in range(self.count()):
            if self.item(number).data(_KEY) == key:
                self.takeItem(number)
                return

    @Slot(QListWidgetItem)
    def _ask(self, item: QListWidgetItem) -> None:
        self.portrait_wanted.emit(str(item.data(_KEY)))


def portrait_in(pair: QImage) -> QImage:
    """The right one of the two."""
    edge = pair.height()
    return pair.copy(pair.width() - edge, 0, edge, edge)


def pair_of(crop: QImage, picture: QImage, edge_px: int = EDGE_PX) -> QImage:
    """The two beside each other, each in a square. May be called on any thread."""
    pair = QImage(2 * edge_px + GAP_PX, edge_px, QImage.Format.Format_ARGB32_Premultiplied)
    pair.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pair)
    for place, image in enumerate((crop, picture)):
        if not image.isNull():
            small = image.scaled(
                edge_px, edge_px, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            painter.drawImage(place * (edge_px + GAP_PX), 0, small)
    painter.end()
    return pair
