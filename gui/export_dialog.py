"""Export: which picture, which format, which file."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import printable
from engine.state import EditState, View
from gui.exporting import FORMATS, OTHER_SPELLINGS
from gui.panels.labels import caption_label, muted_label
from gui.presets import state_caption
from gui.settings import Settings
from gui.widgets.segmented import Segment, Segmented

VIEWS = (
    Segment(View.A.value, "A", "Model A alone", tint="a"),
    Segment(View.BLEND.value, "Blend", "The blend"),
    Segment(View.B.value, "B", "Model B alone", tint="b"),
)
PROMISE = "Rendered fresh at full size. The recipe is inside; no names, places or dates are."


class ExportDialog(QDialog):
    """Asks for a target. Nothing is written here."""

    def __init__(self, state: EditState, view: View, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export still")
        self._settings = settings
        self._folder = settings.folder("export")
        self.view = Segmented(VIEWS)
        self.view.set_current(view.value)
        self.format = QComboBox()
        for suffix, text in FORMATS.items():
            self.format.addItem(text, suffix)
        self.format.setCurrentIndex(max(0, self.format.findData(settings.get("export.format", ".png"))))
        self.name = QLineEdit(free_name(self._folder, file_stem(state), self._suffix))
        self.name.setAccessibleName("File name")
        self.folder_button = QPushButton()
        self.folder_button.setToolTip("Choose another folder")
        self.problem = caption_label()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setProperty("role", "primary")
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setText("Export")
        self._lay_out()
        self._show_folder()
        self.format.activated.connect(self._change_suffix)
        self.folder_button.clicked.connect(self._choose_folder)
        self.name.textChanged.connect(self._check)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.name.setSelection(0, len(Path(self.name.text()).stem))
        self.name.setFocus()

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 16, 16, 16)
        outer.setSpacing(12)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Picture", self.view), ("Name", self.name), ("Format", self.format), ("Folder", self.folder_button),
        )
        for row, (text, widget) in enumerate(rows):
            grid.addWidget(muted_label(text), row, 0)
            grid.addWidget(widget, row, 1)
        grid.setColumnStretch(1, 1)
        outer.addLayout(grid)
        outer.addWidget(self.problem)
        promise = QLabel(PROMISE)
        promise.setProperty("role", "caption")
        promise.setWordWrap(True)
        outer.addWidget(promise)
        outer.addWidget(self.buttons)
        self.setMinimumWidth(420)

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        """The chosen file, with the suffix of the chosen format unless the name has one that we write."""
        name = self.name.text().strip()
        known = Path(name).suffix.lower() in (*FORMATS, *OTHER_SPELLINGS)
        return self._folder / (name if known else name + self._suffix)

    @property
    def chosen_view(self) -> View:
        return View(self.view.current)

    @property
    def _suffix(self) -> str:
        return str(self.format.currentData() or ".png")

    # --- changing -------------------------------------------------------------------------------------------------

    @Slot()
    def _change_suffix(self) -> None:
        name = Path(self.name.text().strip() or "still")
        known = name.suffix.lower() in (*FORMATS, *OTHER_SPELLINGS)
        self.name.setText((name.stem if known else name.name) + self._suffix)

    @Slot()
    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Export to folder", str(self._folder))
        if chosen:
            self._folder = Path(chosen)
            self._show_folder()
            self._check()

    def _show_folder(self) -> None:
        metrics = self.folder_button.fontMetrics()
        self.folder_button.setText(metrics.elidedText(str(self._folder), Qt.TextElideMode.ElideMiddle, 300))

    @Slot()
    def _check(self) -> None:
        name = self.name.text().strip()
        problem = ""
        if not name:
            problem = "The file needs a name."
        elif "/" in name or "\\" in name or name in (".", ".."):
            problem = "A name has no slashes; choose the folder below."
        self.problem.setText(problem)
        self.buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(not problem)

    def accept(self) -> None:
        if self.path.exists() and not self._may_overwrite(self.path):
            return
        self._settings.set_folder("export", self._folder)
        self._settings.set("export.format", OTHER_SPELLINGS.get(self.path.suffix.lower(), self.path.suffix.lower()))
        super().accept()

    def _may_overwrite(self, path: Path) -> bool:
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        question = f"{printable(path.name, 80)} is there already. Replace it?"
        return QMessageBox.question(self, "Replace file", question, yes | no, no) == yes


def file_stem(state: EditState) -> str:
    """A name for a still, from its models and latent; a portrait's name stays at home."""
    caption = state_caption(state, private=False)
    return re.sub(r"[^\w-]+", "-", caption, flags=re.ASCII).strip("-").lower()[:80] or "still"


def free_name(folder: Path, stem: str, suffix: str) -> str:
    """A file name that is not taken yet."""
    name, number = f"{stem}{suffix}", 2
    while (folder / name).exists() and number < 10_000:
        name, number = f"{stem}-{number}{suffix}", number + 1
    return name
