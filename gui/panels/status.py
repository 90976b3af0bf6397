"""The status bar: how large, on what, how fast; and what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QStatusBar

from engine.messages import EngineReady, Frame
from engine.state import EditState
from gui.engine_bridge import EngineBridge, Timing
from gui.presets import state_caption
from gui.session import Session
from gui.theme import CAPTION_PX, figures_font

if TYPE_CHECKING:
    from gui.canvas_pixels import PixelReading

SHORT_DTYPES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "float64": "fp64"}


class Status:
    """Fills a `QStatusBar`."""

    def __init__(self, bar: QStatusBar, session: Session, bridge: EngineBridge) -> None:
        self.size = QLabel()
        self.device = QLabel("starting")
        self.speed = QLabel()
        self.zoom = QLabel()
        self.caption = QLabel()
        self.reading = QLabel()
        for label in (self.size, self.device, self.speed, self.zoom):
            bar.addWidget(label)
        bar.addPermanentWidget(self.reading)
        bar.addPermanentWidget(self.caption)
        self.reading.setFont(figures_font(CAPTION_PX))
        self.reading.hide()
        self.speed.setToolTip("From the last change to the first picture of it, and to the finished one")
        self.show_state(session.state)
        session.state_changed.connect(self.show_state)
        bridge.frame_ready.connect(self.show_frame)
        bridge.timing_changed.connect(self.show_timing)
        bridge.engine_ready.connect(self.show_ready)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        self.caption.setText(state_caption(state))

    @Slot(object)
    def show_frame(self, frame: Frame) -> None:
        self.size.setText(f"{frame.full_size_px} px")
        self._show_device(frame.device, frame.dtype)

    @Slot(object)
    def show_ready(self, event: EngineReady) -> None:
        self._show_device(event.device, event.dtype)

    def _show_device(self, device: str, dtype: str) -> None:
        self.device.setText(f"{device}, {SHORT_DTYPES.get(dtype, dtype)}")

    @Slot(object)
    def show_timing(self, timing: Timing) -> None:
        text = f"first {timing.first_ms:.0f} ms"
        if timing.settled_ms is not None:
            text += f", settled {timing.settled_ms:.0f} ms"
        self.speed.setText(text)

    @Slot(object)
    def show_reading(self, reading: PixelReading | None) -> None:
        """The values under the cursor, in place of what is shown; None brings that back."""
        self.reading.setText(reading.words if reading is not None else "")
        self.reading.setVisible(reading is not None)
        self.caption.setVisible(reading is None)

    def show_zoom(self, percent: float) -> None:
        self.zoom.setText(f"{percent:.0f} %")
