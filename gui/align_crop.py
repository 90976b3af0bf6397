"""The portrait that is being aligned: its face, the crop that it makes, and what is to be said about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import PortraitError
from engine.face_remarks import crop_remarks, outside_share
from engine.framing import FacePoints, Framing, crop_quad
from engine.messages import Pixels
from gui.align_stage import FoundFaces
from gui.crop_hand import Point, middle_of
from gui.crop_previews import CropPreviews

OUTSIDE = "The crop lies outside of the photo. Drag it back, or double-click in it."
MOST_OUTSIDE = 0.85
_CROP = "crop"


class AlignCrop(QObject):
    """Points are in pixels of the upright picture; they are all that is ever changed, the crop follows.

    Attributes:
        points: Where the handles are.
        start: Where they were when the face was chosen.
        corners: Of the crop, in the order of `crop_quad`; empty where the points make none.
        complaint: Why the crop cannot be used, or empty.
        said: Sentences about the crop: the complaint alone, or what is doubtful.
        preview: The crop as it will be cut, small; null until it is made.
    """

    shown = Signal()
    changed = Signal(object)  # FacePoints
    thumbnail_made = Signal(int, QImage)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.points = self.start = FacePoints((0, 0), (1, 0), (0, 1))
        self.faces = FoundFaces()
        self.framing = Framing()
        self.size_px = (1, 1)
        self.scale = 1.0
        self.corners: list[Point] = []
        self.complaint = ""
        self.said: tuple[str, ...] = ()
        self.preview = QImage()
        self._note = ""
        self._img_resolution: int | None = None
        self._preview_px = 16
        self._previews = CropPreviews(self)
        self._previews.made.connect(self._take_preview)

    @property
    def is_usable(self) -> bool:
        return bool(self.corners) and not self.complaint

    @property
    def is_guess(self) -> bool:
        """Whether the points are still where something not to be relied upon has put them."""
        return self.points == self.start and self.faces.is_guess(self.start)

    @property
    def number(self) -> int:
        """Of the chosen face; -1 when it is none of those found."""
        return self.faces.number(self.start)

    @property
    def middle(self) -> Point:
        return middle_of(self.corners) if self.corners else self.points.left_eye

    def begin(self, pixels: Pixels, scale: float, points: FacePoints, note: str) -> None:
        """With another portrait."""
        self.scale, self._note = scale, note
        self.size_px = (round(pixels.shape[1] / scale), round(pixels.shape[0] / scale))
        self.preview = QImage()
        self._previews.begin(pixels)
        self.points = self.start = points
        self.faces = FoundFaces()

    def end(self) -> None:
        """Let go of it."""
        self.preview = QImage()
        self._previews.end()

    def suit(self, framing: Framing, img_resolution: int | None) -> None:
        """Cut for this model."""
        self.framing, self._img_resolution = framing, img_resolution
        self.show_points(self.points)

    def choose(self, number: int) -> None:
        self.start = self.faces[number]
        self.change(self.start)

    def change(self, points: FacePoints) -> None:
        if points != self.points:
            self.show_points(points)
            self.changed.emit(points)

    def show_points(self, points: FacePoints) -> None:
        """Take them without telling that they have changed."""
        self.points = points
        self.corners, self.complaint = [], ""
        remarks: tuple[str, ...] = ()
        try:
            quad = crop_quad(points, self.framing)
            self.corners = [(float(x), float(y)) for x, y in quad]
            if outside_share(points, self.framing, self.size_px) > MOST_OUTSIDE:
                self.complaint = OUTSIDE
            remarks = crop_remarks(points, self.framing, self.size_px, self._img_resolution)
            self._previews.want(_CROP, quad * self.scale, self._preview_px)
        except PortraitError as error:
            self.complaint = f"{error.user_message} {error.hint}".strip()
            self.preview = QImage()
        doubt = self.faces.doubt(self.start)
        self.said = (self.complaint,) if self.complaint else tuple(filter(None, (doubt, *remarks, self._note)))
        self.shown.emit()

    def want_preview(self, size_px: int) -> None:
        """Have the crop shown with so many pixels from now on."""
        if size_px != self._preview_px:
            self._preview_px = size_px
            quad = self._quad_of(self.points)
            if quad is not None:
                self._previews.want(_CROP, quad, size_px)

    def want_thumbnails(self, size_px: int) -> None:
        """Have every face that was found shown as it would be cut."""
        for number in range(len(self.faces)):
            quad = self._quad_of(self.faces[number])
            if quad is not None:
                self._previews.want(number, quad, size_px)

    def _quad_of(self, face: FacePoints) -> NDArray[np.float64] | None:
        """In pixels of the preview."""
        try:
            return crop_quad(face, self.framing) * self.scale
        except PortraitError:
            return None

    @Slot(object, QImage)
    def _take_preview(self, name: object, picture: QImage) -> None:
        if isinstance(name, int):
            self.thumbnail_made.emit(name, picture)
        else:
            self.preview = picture
            self.shown.emit()
