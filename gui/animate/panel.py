"""The timeline's panel: play, key, quick starts, length and rate above the tracks."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.animation.timeline import (
    FRAME_RATES,
    MAX_SECONDS,
    MIN_SECONDS,
    Timeline,
    frame_count,
    frame_rate,
    frame_rate_name,
)
from gui.animate.document import TimelineDocument
from gui.animate.track_view import TrackView
from gui.panels.labels import muted_label, vertical_line
from gui.theme import figures_font
from gui.widgets.icon_button import IconButton
from gui.widgets.value_field import ValueField

HEIGHT_PX = 178
_CLOCK_PX = 128


class AnimatePanel(QWidget):
    """Layout and words only; `gui.animate.flow` says what the buttons do."""

    length_picked = Signal(float)
    rate_picked = Signal(object)  # Fraction

    def __init__(self, document: TimelineDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.play = IconButton("play", "Play the film, or stop (Space, on the timeline)")
        self.clock = QLabel()
        self.clock.setFont(figures_font())
        self.clock.setFixedWidth(_CLOCK_PX)
        self.key = IconButton("key", "Set a key at the head for everything that you have changed (K)", text="Key")
        self.auto = IconButton("record", "Auto-key: every change becomes a key at the head")
        self.auto.setCheckable(True)
        self.quick = QToolButton()
        self.quick.setText("Quick start ▾")
        self.quick.setToolTip("Whole animations to begin from")
        self.quick.setAccessibleName("Quick start")
        self.quick.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.quick_menu = QMenu(self.quick)
        self.quick_menu.setToolTipsVisible(True)
        self.quick.setMenu(self.quick_menu)
        self.length = ValueField(MIN_SECONDS, MAX_SECONDS, 4.0, decimals=2, step=0.1, suffix=" s")
        self.length.setAccessibleName("Length of the film")
        self.length.set_help("Length of the film in seconds; the keys stay at their times")
        self.rate = QComboBox()
        for name, rate in FRAME_RATES.items():
            self.rate.addItem(f"{name} fps", str(rate))
        self.rate.setToolTip("Frames per second")
        self.rate.setAccessibleName("Frame rate")
        self.loop = IconButton("loop", "Loop: the end leads back to the beginning without a seam")
        self.loop.setCheckable(True)
        self.export = IconButton("export", "Render every frame and write the film (Ctrl+Shift+F)", text="Export film")
        self.close_button = IconButton("close", "Leave the timeline (Ctrl+Shift+A)")
        self.tracks = TrackView(document)
        self._lay_out()
        self.length.value_changed.connect(self.length_picked)
        self.rate.activated.connect(lambda index: self.rate_picked.emit(frame_rate(self.rate.itemData(index))))
        document.changed.connect(self.show_timeline)
        document.head_moved.connect(self.show_head)
        self.show_timeline(document.timeline)

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setContentsMargins(10, 6, 10, 6)
        bar.setSpacing(6)
        left: tuple[QWidget, ...] = (
            self.play, self.loop, self.clock, vertical_line(), self.key, self.auto, self.quick,
        )  # fmt: skip
        right: tuple[QWidget, ...] = (muted_label("Length"), self.length, self.rate, self.export, self.close_button)
        for widget in left:
            bar.addWidget(widget)
        bar.addStretch(1)
        for widget in right:
            bar.addWidget(widget)
        area = QScrollArea()
        area.setWidget(self.tracks)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area = area
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(area, 1)
        self.setProperty("role", "panel")

    def sizeHint(self) -> QSize:
        return QSize(900, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(620, 120)

    # --- showing --------------------------------------------------------------------------------------------------

    def show_timeline(self, timeline: Timeline) -> None:
        self.length.set_value(timeline.duration_s)
        index = self.rate.findData(str(timeline.fps))
        if index < 0:
            self.rate.addItem(f"{frame_rate_name(timeline.fps)} fps", str(timeline.fps))
            index = self.rate.count() - 1
        self.rate.setCurrentIndex(index)
        self.loop.setChecked(timeline.loop)
        self.export.setEnabled(bool(timeline.tracks))
        self.play.setEnabled(bool(timeline.tracks))
        self.show_head()

    def show_head(self, _time_s: float = 0.0) -> None:
        document = self._document
        self.clock.setText(f"{document.head_s:.2f} s · {document.frame + 1}/{frame_count(document.timeline)}")

    def show_playing(self, playing: bool) -> None:
        self.play.set_icon_name("pause" if playing else "play")

    def show_touched(self, count: int) -> None:
        """How many changes are not keyed yet."""
        self.key.setText(f"Key {count}" if count else "Key")
        self.key.setProperty("role", "primary" if count else None)
        self.key.style().polish(self.key)
