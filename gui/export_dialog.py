"""Export: which picture, which format, which file."""

from __future__ import annotations

import re

from PySide6.QtWidgets import QWidget

from engine.state import EditState, View
from gui.export.dialog import TargetDialog
from gui.exporting import FORMATS, OTHER_SPELLINGS
from gui.presets import state_caption
from gui.settings import Settings
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.target_fields import TargetFields

VIEWS = (
    Segment(View.A.value, "A", "Model A alone", tint="a"),
    Segment(View.BLEND.value, "Blend", "The blend"),
    Segment(View.B.value, "B", "Model B alone", tint="b"),
)
PROMISE = "Rendered fresh at full size. The recipe is inside; no names, places or dates are."


class ExportDialog(TargetDialog):
    def __init__(self, state: EditState, view: View, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__("Export still", parent)
        self.view = Segmented(VIEWS)
        self.view.set_current(view.value)
        self.target = TargetFields(self, settings, "export", file_stem(state), FORMATS, OTHER_SPELLINGS)
        self.lay_out((("Picture", self.view), *self.target.rows()), PROMISE)

    @property
    def chosen_view(self) -> View:
        return View(self.view.current)


def file_stem(state: EditState) -> str:
    """A name for a still, from its models and latent; a portrait's name stays at home."""
    caption = state_caption(state, private=False)
    return re.sub(r"[^\w-]+", "-", caption, flags=re.ASCII).strip("-").lower()[:80] or "still"
