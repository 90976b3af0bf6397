"""What stands in for the canvas while a face is put back: the mask's bar, the photo, the seam's bar."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QPushButton, QVBoxLayout, QWidget

from engine.paste_events import MASK_PX, MAX_FEATHER, MaskPreset, PasteSettings, Seam
from gui.paste.folding_bar import SLIDER_PX, FoldingBar
from gui.paste.mask_brush import LEAST_PX, MOST_PX, Brush
from gui.paste.view import PasteView, Tool
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.segmented import Segment, Segmented

PRESETS = (
    Segment(MaskPreset.FACE, "Face", "From the chin up to the hair line"),
    Segment(MaskPreset.HEAD, "Head", "Face and hair, found against what is behind them"),
    Segment(MaskPreset.CROP, "All", "Everything that the model draws"),
)
TOOLS = (
    Segment(Tool.LOOK, "Look", "Drag moves the photo, the wheel zooms (V)"),
    Segment(Tool.ADD, "Add", "Paint the new face in (A); with Alt the photo"),
    Segment(Tool.REMOVE, "Remove", "Paint the photo back in (D)"),
)
SEAMS = (
    Segment(Seam.GRADIENT, "Match colours", "Shift the face's colours, smoothly, to the photo's along its edge"),
    Segment(Seam.FEATHER, "Fade", "Keep the face's own colours and fade over"),
)
_MASK_TO_PERCENT = 100 * 2 / MASK_PX


class PasteStage(QFrame):
    preset_wanted = Signal(str)  # MaskPreset
    settings_changed = Signal(object)  # PasteSettings
    export_wanted = Signal()
    left = Signal()

    def __init__(self, settings: PasteSettings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.view = PasteView()
        self.preset = Segmented(PRESETS)
        self.preset.setAccessibleName("Mask: begin again from")
        self.preset.set_current(settings.preset)
        self.tool = Segmented(TOOLS)
        self.tool.setAccessibleName("Tool")
        self.brush = EditSlider(
            "Brush", round(LEAST_PX * _MASK_TO_PERCENT, 1), MOST_PX * _MASK_TO_PERCENT,
            round(Brush().radius_px * _MASK_TO_PERCENT, 1), decimals=1, suffix=" %",
        )  # fmt: skip
        self.brush.set_help("Width of the brush, over the square's ([ and ], or Ctrl with the wheel)")
        self.softness = EditSlider("Softness", 0, 1, Brush().softness)
        self.softness.set_help("0 paints a hard edge, 1 fades from the middle of the brush on")
        self.undo = IconButton("undo", "Take the last stroke back (Ctrl+Z, on the photo)")
        self.redo = IconButton("redo", "Paint it again (Ctrl+Shift+Z, on the photo)")
        self.invert = IconButton("swap", "Exchange what is photo and what is the new face (I)")
        self.reset = IconButton("reset", "Back to the mask that Graft found")
        self.overlay = IconButton("eye", "Show the mask in red (M)")
        self.overlay.setCheckable(True)
        self.seam = Segmented(SEAMS)
        self.seam.setAccessibleName("Seam")
        self.seam.set_current(settings.seam)
        self.feather = EditSlider("Feather", 0, 100 * MAX_FEATHER, 3.0, decimals=1, suffix=" %")
        self.feather.set_help("How wide the edge of the mask fades, over the square's width")
        self.detail = EditSlider("Fine detail", 0, 1, 1.0)
        self.detail.set_help("How much of the photo's finest detail, such as skin, stays where both are alike")
        self.opacity = EditSlider("Opacity", 0, 1, 1.0)
        self.opacity.set_help("0 shows the photo, 1 the new face")
        self.leave_button = QPushButton("Back")
        self.leave_button.setToolTip("Back to the picture (Esc); the mask is kept")
        self.export = QPushButton("Export…")
        self.export.setProperty("role", "primary")
        self.export.setToolTip("Write the photo, at its full size, with this face in it")
        self._show_settings()
        self._lay_out()
        self._connect()
        self._show_history()

    def _lay_out(self) -> None:
        for slider in (self.brush, self.softness, self.feather, self.detail, self.opacity):
            slider.setMinimumWidth(SLIDER_PX)
            slider.setMaximumWidth(160)
        history: list[QWidget] = [self.undo, self.redo, self.invert, self.reset, self.overlay]
        self.mask_bar = FoldingBar([self.preset], [self.tool, self.brush, self.softness], history)
        self.seam_bar = FoldingBar(
            [self.seam], [self.feather, self.detail, self.opacity], [self.leave_button, self.export]
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.mask_bar)
        column.addWidget(self.view, 1)
        column.addWidget(self.seam_bar)
        self.setFocusProxy(self.view)

    def _connect(self) -> None:
        view = self.view
        self.preset.picked.connect(self.preset_wanted)
        self.tool.picked.connect(lambda key: view.set_tool(Tool(key)))
        view.tool_changed.connect(self.tool.set_current)
        self.brush.value_changed.connect(
            lambda value: view.set_brush(replace(view.brush, radius_px=value / _MASK_TO_PERCENT))
        )
        self.softness.value_changed.connect(lambda value: view.set_brush(replace(view.brush, softness=value)))
        view.brush_changed.connect(self._show_brush)
        self.undo.clicked.connect(view.undo)
        self.redo.clicked.connect(view.redo)
        self.invert.clicked.connect(view.invert_mask)
        self.reset.clicked.connect(lambda: self.preset_wanted.emit(self.preset.current))
        self.overlay.toggled.connect(view.set_shows_mask)
        view.overlay_changed.connect(self._show_overlay)
        view.history_changed.connect(self._show_history)
        view.left.connect(self.left)
        self.seam.picked.connect(lambda key: self._change(replace(self._settings, seam=Seam(key))))
        self.feather.value_changed.connect(
            lambda value: self._change(replace(self._settings, feather=value / 100))
        )
        self.detail.value_changed.connect(lambda value: self._change(replace(self._settings, detail=value)))
        self.opacity.value_changed.connect(lambda value: self._change(replace(self._settings, opacity=value)))
        self.leave_button.clicked.connect(self.left)
        self.export.clicked.connect(self.export_wanted)

    @property
    def settings(self) -> PasteSettings:
        return replace(self._settings, preset=MaskPreset(self.preset.current))

    def _change(self, settings: PasteSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self.settings_changed.emit(self.settings)

    def _show_settings(self) -> None:
        self.feather.set_value(100 * self._settings.feather)
        self.detail.set_value(self._settings.detail)
        self.opacity.set_value(self._settings.opacity)

    @Slot(object)
    def _show_brush(self, brush: Brush) -> None:
        self.brush.set_value(round(brush.radius_px * _MASK_TO_PERCENT, 1))
        self.softness.set_value(brush.softness)

    @Slot(bool)
    def _show_overlay(self, shown: bool) -> None:
        self.overlay.setChecked(shown)
        self.overlay.set_icon_name("eye_off" if shown else "eye")

    @Slot()
    def _show_history(self) -> None:
        self.undo.setEnabled(self.view.painter.can_undo)
        self.redo.setEnabled(self.view.painter.can_redo)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Also where a slider has the keyboard."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
