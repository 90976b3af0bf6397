"""Where the photo with the new face goes."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QWidget

from gui.export.dialog import TargetDialog
from gui.settings import Settings
from gui.widgets.target_fields import TargetFields

FORMATS = {".png": "PNG, lossless", ".tif": "TIFF, lossless", ".webp": "WebP, lossless", ".jpg": "JPEG, smaller"}
OTHER_SPELLINGS = {".tiff": ".tif", ".jpeg": ".jpg"}
PROMISE = (
    "At the photo's own size, in its own colours and bits. Outside the mask no pixel changes, but in a JPEG. "
    "The recipe is inside."
)


class PasteExportDialog(TargetDialog):
    def __init__(self, photo: Path, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Export the photo", parent)
        self._settings, self._photo = settings, photo
        self.keep_exif = QCheckBox("Keep what the camera noted: date, lens, place")
        self.keep_exif.setChecked(settings.get("paste.exif", True))
        self.keep_exif.setToolTip("The photo's EXIF; its preview picture is left out in any case")
        stem = re.sub(r"[^\w .-]+", "-", photo.stem).strip(" .-")[:80] or "photo"
        self.target = TargetFields(self, settings, "paste", f"{stem}-graft", FORMATS, OTHER_SPELLINGS)
        self.lay_out((*self.target.rows(), ("Privacy", self.keep_exif)), PROMISE)

    def more_problems(self) -> str:
        if self.target.path == self._photo:
            return "This is the photo itself; choose another name."
        return ""

    def accept(self) -> None:
        self._settings.set("paste.exif", self.keep_exif.isChecked())
        super().accept()
