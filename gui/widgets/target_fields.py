"""Where a file goes: its name, its format, its folder. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLineEdit, QMessageBox, QPushButton, QWidget

from engine.errors import printable
from gui.panels.labels import muted_label
from gui.settings import Settings
from gui.widgets.segmented import Segmented


class TargetFields:
    """Three controls, for a dialog to lay out."""

    def __init__(
        self,
        owner: QWidget,
        settings: Settings,
        kind: str,
        stem: str,
        formats: Mapping[str, str],
        other_spellings: Mapping[str, str] | None = None,
        suffix_of: Callable[[str], str] = str,
    ) -> None:
        """
        Args:
            kind: Under which folder and format are remembered.
            stem: Of the name that is proposed.
            formats: Words by key.
            other_spellings: Suffixes that a name may have as well, and which they stand for.
            suffix_of: The suffix of a format, by its key; by default the key itself.
        """
        self._owner = owner
        self._settings = settings
        self._kind = kind
        self._formats = dict(formats)
        self._spellings = dict(other_spellings or {})
        self._suffix_of = suffix_of
        self._folder = settings.folder(kind)
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        for key, text in self._formats.items():
            self.format.addItem(text, key)
        self.format.setCurrentIndex(max(0, self.format.findData(settings.get(f"{kind}.format", ""))))
        self.name = QLineEdit(free_name(self._folder, stem, self.suffix))
        self.name.setAccessibleName("File name")
        self.folder_button = QPushButton()
        self.folder_button.setToolTip("Choose another folder")
        self._show_folder()
        self.format.activated.connect(self._change_suffix)
        self.folder_button.clicked.connect(self._choose_folder)
        self.name.setSelection(0, len(Path(self.name.text()).stem))

    @property
    def key(self) -> str:
        """Of the chosen format."""
        return str(self.format.currentData() or next(iter(self._formats)))

    @property
    def suffix(self) -> str:
        return self._suffix_of(self.key)

    @property
    def path(self) -> Path:
        """The chosen file, with the suffix of the chosen format unless the name has one that fits."""
        name = self.name.text().strip()
        return self._folder / (name if self._is_known(name) else name + self.suffix)

    @property
    def problem(self) -> str:
        """What is wrong with the name, as a sentence; empty when nothing is."""
        name = self.name.text().strip()
        if not name:
            return "The file needs a name."
        if "/" in name or "\\" in name or name in (".", ".."):
            return "A name has no slashes; choose the folder below."
        return ""

    def rows(self) -> tuple[tuple[str, QWidget], ...]:
        return ("Name", self.name), ("Format", self.format), ("Folder", self.folder_button)

    def keep(self) -> None:
        """Remember folder and format for the next time."""
        suffix = self.path.suffix.lower()
        self._settings.set_folder(self._kind, self._folder)
        named = self._spellings.get(suffix, suffix)
        self._settings.set(f"{self._kind}.format", named if named in self._formats else self.key)

    def may_write(self) -> bool:
        """Whether nothing is in the way, or the user says that it may go."""
        if not self.path.exists():
            return True
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        question = f"{printable(self.path.name, 80)} is there already. Replace it?"
        return QMessageBox.question(self._owner, "Replace file", question, yes | no, no) == yes

    def _is_known(self, name: str) -> bool:
        """Whether a name ends as this format, or for stills any format, may."""
        return Path(name).suffix.lower() in {self.suffix, *self._formats, *self._spellings}

    def _change_suffix(self) -> None:
        name = Path(self.name.text().strip() or "untitled")
        suffixes = {*map(self._suffix_of, self._formats), *self._spellings}
        self.name.setText((name.stem if name.suffix.lower() in suffixes else name.name) + self.suffix)

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self._owner, "Export to folder", str(self._folder))
        if chosen:
            self._folder = Path(chosen)
            self._show_folder()
            self.name.textChanged.emit(self.name.text())

    def _show_folder(self) -> None:
        metrics = self.folder_button.fontMetrics()
        self.folder_button.setText(metrics.elidedText(str(self._folder), Qt.TextElideMode.ElideMiddle, 300))
        self.folder_button.setAccessibleName(f"Folder: {self._folder}")


def field_grid(rows: tuple[tuple[str, QWidget], ...]) -> QGridLayout:
    """Labels left, controls right."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(8)
    for row, (text, widget) in enumerate(rows):
        if isinstance(widget, Segmented):
            widget.setAccessibleName(text)
        grid.addWidget(muted_label(text), row, 0)
        grid.addWidget(widget, row, 1)
    grid.setColumnStretch(1, 1)
    return grid


def free_name(folder: Path, stem: str, suffix: str) -> str:
    """A file name that is not taken yet."""
    name, number = f"{stem}{suffix}", 2
    while (folder / name).exists() and number < 10_000:
        name, number = f"{stem}-{number}{suffix}", number + 1
    return name
