"""A folder of pictures under its title: dropped or chosen, and left out again."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from engine.errors import printable
from engine.picture_folder import SUFFIXES
from gui.panels.labels import muted_label, row
from gui.settings import Settings
from gui.training.picture_look import FolderLook, FolderLooker, words_for
from gui.widgets.folder_drop import FolderDrop


class FolderChoice(QWidget):
    """A folder of pictures, dropped or chosen, that can also be left out again."""

    changed = Signal()

    def __init__(
        self,
        title: str,
        question: str,
        kind: str,
        settings: Settings,
        *,
        is_needed: bool = False,
        suffixes: Collection[str] = SUFFIXES,
    ) -> None:
        """
        Args:
            kind: Under which its place is remembered.
            is_needed: It cannot be left out.
            suffixes: What counts as a picture.
        """
        super().__init__()
        self._title = title
        self._kind = kind
        self._is_needed = is_needed
        self._settings = settings
        self.folder: Path | None = None
        self.drop = FolderDrop(question)
        self.drop.setFixedHeight(self.drop.minimumHeight())
        self.clear = QPushButton("Leave out")
        self.clear.setProperty("role", "quiet")
        self.clear.hide()
        self._looker = FolderLooker(self, suffixes)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        head = row(muted_label(title), 1, self.clear)
        head.setFixedHeight(26)
        layout.addWidget(head)
        layout.addWidget(self.drop)
        self.drop.clicked.connect(self.browse)
        self.drop.dropped.connect(self.choose)
        self.clear.clicked.connect(self._clear)
        self._looker.found.connect(self._show)

    @Slot()
    def browse(self) -> None:
        start = str(self.folder or self._settings.folder(self._kind))
        chosen = QFileDialog.getExistingDirectory(self, self._title, start)
        if chosen:
            self.choose(Path(chosen))

    @Slot(object)
    def choose(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._settings.set_folder(self._kind, self.folder)
        self.drop.show_folder(printable(str(folder), 300), "Looking…", ())
        self._looker.look(self.folder)
        self.clear.setVisible(not self._is_needed)
        self.changed.emit()

    @Slot()
    def _clear(self) -> None:
        self.folder = None
        self.drop.show_folder("", "", ())
        self.clear.hide()
        self.changed.emit()

    @Slot(object)
    def _show(self, look: FolderLook) -> None:
        if look.folder == self.folder:
            words, is_warning = words_for(look, 0)
            self.drop.show_folder(printable(str(look.folder), 300), words, look.thumbnails, is_warning=is_warning)
