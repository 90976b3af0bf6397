"""Export a film: which picture, how large, in what, and where to."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QLabel, QWidget

from engine.animation.timeline import Timeline, frame_count, frame_rate_name
from engine.export.video_format import FORMAT_NAMES, VideoFormat, VideoQuality, guessed_bytes
from engine.state import EditState, View
from gui.export.dialog import TargetDialog
from gui.export_dialog import VIEWS, file_stem
from gui.settings import Settings
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.target_fields import TargetFields

FRAMES = "frames"
QUALITIES = (
    Segment(VideoQuality.SMALL.value, "Small", "A small file; fine patterns blur"),
    Segment(VideoQuality.GOOD.value, "Good", "Hardly to be told from the frames"),
    Segment(VideoQuality.BEST.value, "Best", "A large file, for further work"),
)
DRAWING = (
    Segment("exact", "Exact", "In float32, as stills are exported"),
    Segment("fast", "As previews", "Two to four times faster; differs in a few last digits"),
)
SIZES_PX = (128, 256, 512, 720, 1024, 1080, 2048)
PROMISE = "Rendered fresh, frame by frame; the file takes its name when it is whole. Timeline and recipe are inside."
_MEGABYTE = 1e6


class VideoDialog(TargetDialog):
    def __init__(
        self, state: EditState, timeline: Timeline, view: View, own_px: int, settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        """
        Args:
            own_px: Edge of the model's own pictures.
        """
        super().__init__("Export film", parent)
        self._timeline = timeline
        self._own_px = own_px
        self._settings = settings
        self.view = Segmented(VIEWS)
        self.view.set_current(view.value if view in (View.A, View.B) else View.BLEND.value)
        formats = {kind.value or FRAMES: words for kind, words in FORMAT_NAMES.items()}
        self.target = TargetFields(self, settings, "film", f"{file_stem(state)}-film", formats, suffix_of=_suffix)
        self.edge = QComboBox()
        self.edge.setAccessibleName("Size")
        self.edge.addItem(f"{own_px} px, the model's own", 0)
        for size_px in SIZES_PX:
            if size_px != own_px:
                self.edge.addItem(f"{size_px} px", size_px)
        self.edge.setCurrentIndex(max(0, self.edge.findData(settings.get("film.size", 0))))
        self.quality = Segmented(QUALITIES)
        self.quality.set_current(str(settings.get("film.quality", VideoQuality.GOOD.value)))
        self.drawing = Segmented(DRAWING)
        self.drawing.set_current(str(settings.get("film.drawing", "exact")))
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Picture", self.view), ("Size", self.edge), ("Quality", self.quality), ("Drawn", self.drawing),
            *self.target.rows(), ("Film", self.summary),
        )
        self.lay_out(rows, PROMISE)
        self.edge.activated.connect(self._summarise)
        self.quality.picked.connect(self._summarise)
        self.target.format.activated.connect(self._summarise)
        self._summarise()

    @property
    def chosen_view(self) -> View:
        return View(self.view.current)

    @property
    def size_px(self) -> int | None:
        """None for the model's own."""
        return int(self.edge.currentData()) or None

    @property
    def chosen_quality(self) -> VideoQuality:
        return VideoQuality(self.quality.current)

    @property
    def is_exact(self) -> bool:
        return self.drawing.current == "exact"

    @property
    def kind(self) -> VideoFormat:
        return VideoFormat(_suffix(self.target.key))

    def more_problems(self) -> str:
        path = self.target.path
        if self.kind is VideoFormat.FRAMES and path.exists() and (not path.is_dir() or any(path.iterdir())):
            return "There is something of that name; frames go into a folder of their own."
        return ""

    @Slot()
    def _summarise(self) -> None:
        frames, size_px = frame_count(self._timeline), self.size_px or self._own_px
        size = guessed_bytes(self.kind, self.chosen_quality, size_px, frames) / _MEGABYTE
        about = f"{size:.1f} MB" if size < 10 else f"{size:.0f} MB"
        rate = frame_rate_name(self._timeline.fps)
        ends = "a loop" if self._timeline.loop else "played once"
        self.summary.setText(
            f"{frames} frames, {self._timeline.duration_s:g} s at {rate} fps, {ends}; about {about}"
        )
        has_quality = self.kind in (VideoFormat.MP4, VideoFormat.WEBM)
        self.quality.setEnabled(has_quality)
        self.check()

    def accept(self) -> None:
        if self.kind is VideoFormat.FRAMES or self.target.may_write():
            self.target.keep()
            self._settings.set("film.size", self.size_px or 0)
            self._settings.set("film.quality", self.quality.current)
            self._settings.set("film.drawing", self.drawing.current)
            self.done(int(self.DialogCode.Accepted))


def _suffix(key: str) -> str:
    return "" if key == FRAMES else key
