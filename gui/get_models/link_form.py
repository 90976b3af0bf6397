"""Asks for an address of the user's own."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.catalogue import check_link
from engine.errors import DownloadError
from gui.panels.labels import caption_label, row, title_label


class LinkForm(QWidget):
    added = Signal(str, str)  # address, SHA-256 or nothing: both are sound
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.address = QLineEdit()
        self.address.setPlaceholderText("https://…")
        self.address.setAccessibleName("Address of the model file")
        self.sha256 = QLineEdit()
        self.sha256.setPlaceholderText("64 digits, if the maker publishes them")
        self.sha256.setAccessibleName("SHA-256, if known")
        self.problem = QLabel()
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        add = QPushButton("Add to the list")
        add.setProperty("role", "primary")
        leave = QPushButton("Cancel")
        about = caption_label(
            "The file goes through the same safe reader as one that you drop on the window: a model from a stranger "
            "never runs code here. Its licence is for you to find out."
        )
        about.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(8)
        for widget in (
            title_label("From a link"), about, caption_label("Address of the file"), self.address,
            caption_label("SHA-256"), self.sha256, self.problem,
        ):  # fmt: skip
            column.addWidget(widget)
        column.addStretch(1)
        column.addWidget(row(add, leave, 1))
        add.clicked.connect(self._add)
        leave.clicked.connect(self.left)
        self.address.returnPressed.connect(self._add)
        self.sha256.returnPressed.connect(self._add)

    def begin(self) -> None:
        for field in (self.address, self.sha256):
            field.clear()
        self.problem.clear()
        self.show()
        self.address.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _add(self) -> None:
        try:
            address, sha256 = check_link(self.address.text(), self.sha256.text())
        except DownloadError as error:
            self.problem.setText(f"{error.user_message} {error.hint}".strip())
            return
        self.added.emit(address, sha256 or "")
