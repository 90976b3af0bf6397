"""What is known about a model, on a card beside the shelf: where it is from, what one may do with it, its tags."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QImage, QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import printable
from engine.library_file import MAX_NAME_CHARS
from engine.library_records import ModelRecord
from engine.library_tags import tags_of_text
from engine.lineage import origin_line
from gui.panels.labels import caption_label
from gui.widgets.icon_button import IconButton
from gui.widgets.thumb import Thumb

WIDTH_PX = 380
_THUMB_PX = 72
_GAP_PX = 6
_VALUE_PX = 262
_MOST_NAMES = 4
UNKNOWN_LICENCE = "not known: ask its maker before you publish pictures"


class ModelCard(QDialog):
    """Enter in the name or the tags keeps them, Esc leaves."""

    renamed = Signal(str)
    tagged = Signal(object)  # tuple[str, ...]
    trash_wanted = Signal()
    locate_wanted = Signal()

    def __init__(
        self,
        record: ModelRecord,
        shelf: Sequence[ModelRecord],
        tags: Sequence[str],
        used_by: Sequence[str],
        picture: QImage | None,
        *,
        is_absent: bool,
        in_use: bool,
        parent: QWidget,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._record = record
        self._tags = tuple(tags)
        self._is_left = False
        self.name = QLineEdit(record.ref.name)
        self.name.setMaxLength(MAX_NAME_CHARS)
        self.name.setAccessibleName("Name of the model")
        self.tags = QLineEdit(", ".join(tags))
        self.tags.setPlaceholderText("for example: toon, faces")
        self.tags.setAccessibleName("Tags, with commas between")
        self.tags.setToolTip("Words to find it by, with commas between")
        descriptor = record.descriptor
        rows: list[tuple[str, QWidget]] = [
            ("Kind", _value(f"{descriptor.family}, {descriptor.img_resolution} px{_classes(descriptor.c_dim)}")),
            ("Licence", self._licence()),
        ]
        if line := origin_line(record, shelf):
            rows.append(("Made", _value(line)))
        rows += [("Used by", _value(_few(used_by) or "nothing yet")), ("Tags", self.tags)]
        rows += [("File", self._file(is_absent)), ("SHA-256", self._hash())]
        if record.added_at is not None and not record.embedded:
            rows.append(("Added", _value(time.strftime("%Y-%m-%d", time.localtime(record.added_at)))))
        thumb = Thumb(_THUMB_PX, self)
        if picture is not None:
            thumb.set_image(picture)
        self._lay_out(thumb, rows, is_absent=is_absent, in_use=in_use)
        self.name.returnPressed.connect(self.close)
        self.tags.returnPressed.connect(self.close)
        self.finished.connect(self._keep)

    def _lay_out(self, thumb: Thumb, rows: list[tuple[str, QWidget]], *, is_absent: bool, in_use: bool) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(thumb)
        head.addWidget(self.name, 1)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(6)
        for words, widget in rows:
            form.addRow(caption_label(words), widget)
        card = QFrame()
        card.setProperty("role", "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(14, 14, 14, 12)
        column.setSpacing(12)
        column.addLayout(head)
        column.addLayout(form)
        column.addLayout(self._buttons(is_absent=is_absent, in_use=in_use))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card)
        self.setFixedWidth(WIDTH_PX)

    def _buttons(self, *, is_absent: bool, in_use: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        if is_absent:
            locate = QPushButton("Locate…")
            locate.setProperty("role", "primary")
            locate.clicked.connect(self._ask_to_locate)
            row.addWidget(locate)
        self.show_button = QPushButton("Show in folder")
        self.show_button.setEnabled(not is_absent)
        self.show_button.clicked.connect(self._show_in_folder)
        row.addWidget(self.show_button)
        row.addStretch(1)
        self.trash_button = QPushButton("Move to trash")
        reason = ""
        if self._record.embedded:
            reason = "It came with Graft and stays"
        elif in_use:
            reason = "It is in the picture; choose another model first"
        self.trash_button.setEnabled(not reason)
        self.trash_button.setToolTip(reason or "Off the shelf; its file stays, and it can be brought back")
        self.trash_button.clicked.connect(self._throw_away)
        row.addWidget(self.trash_button)
        return row

    def open_beside(self, widget: QWidget, top: int = 0) -> None:
        """Show at the right of `widget`, `top` pixels below its upper edge, within the screen."""
        self.adjustSize()
        place = widget.mapToGlobal(QPoint(widget.width() + _GAP_PX, top))
        bounds = self.screen().availableGeometry()
        lowest = max(bounds.top(), bounds.bottom() - self.height())
        self.move(min(place.x(), bounds.right() - self.width()), min(place.y(), lowest))
        self.show()
        self.tags.setFocus(Qt.FocusReason.PopupFocusReason)

    # --- rows -----------------------------------------------------------------------------------------------------

    def _licence(self) -> QWidget:
        note = self._record.note
        label = _value(str(note.get("licence") or UNKNOWN_LICENCE))
        url = note.get("licence_url")
        if isinstance(url, str) and url.startswith("https://"):
            label.setToolTip(url)
        return label

    def _file(self, is_absent: bool) -> QWidget:
        path = self._path
        words = "not found: it was moved or deleted" if is_absent else path.name
        label = _value(printable(words, 200))
        label.setToolTip("" if is_absent else str(path))
        if is_absent:
            label.setProperty("role", "problem")
        return label

    def _hash(self) -> QWidget:
        sha256 = self._record.ref.sha256
        copy = IconButton("copy", "Copy the whole SHA-256", size_px=14)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(sha256))
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(QLabel(f"{sha256[:16]}…"))
        row.addWidget(copy)
        row.addStretch(1)
        return holder

    @property
    def _path(self) -> Path:
        """The user's own file, or Graft's copy where that is gone."""
        source = self._record.source
        return source if source is not None and source.is_file() else self._record.path

    # --- doing ----------------------------------------------------------------------------------------------------

    @Slot()
    def _keep(self) -> None:
        """Take what was typed, also when a click beside the card closed it."""
        name, tags = self.name.text().strip(), tags_of_text(self.tags.text())
        if self._is_left:
            return
        if name and name != self._record.ref.name:
            self.renamed.emit(name)
        if tags != self._tags:
            self.tagged.emit(tags)

    @Slot()
    def _throw_away(self) -> None:
        self._is_left = True
        self.close()
        self.trash_wanted.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._is_left = self._is_left or event.key() == Qt.Key.Key_Escape
        super().keyPressEvent(event)

    @Slot()
    def _ask_to_locate(self) -> None:
        self.close()
        self.locate_wanted.emit()

    @Slot()
    def _show_in_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path.parent)))


def _few(names: Sequence[str]) -> str:
    """The first few of many names."""
    more = len(names) - _MOST_NAMES
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {more} more" if more > 0 else shown


def _classes(c_dim: int) -> str:
    return f", {c_dim} classes" if c_dim else ""


def _value(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setFixedWidth(_VALUE_PX)
    label.setFixedHeight(label.heightForWidth(_VALUE_PX))
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
