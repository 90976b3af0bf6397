"""Where pictures lie on the canvas: plain geometry, no Qt, no state.

Lengths are logical pixels, y down. Places inside a picture are shares of it, 0 to 1, so that one zoom and one
centre serve pictures of any size: that is what links the three pictures of the triptych.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_ZOOM = 64.0
MIN_ZOOM = 0.005
CAPTION_PX = 26.0
"""Room for the words under a picture."""

MARGIN_PX = 14.0
GAP_PX = 10.0
SIDE_SHARE = 0.54
"""Edge of the outer pictures of the triptych over that of the middle one."""


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def centre(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x <= self.right and self.y <= y <= self.bottom

    def shrunk(self, by: float) -> Rect:
        """Smaller by a margin on every side, never below nothing."""
        across, down = min(by, self.width / 2), min(by, self.height / 2)
        return Rect(self.x + across, self.y + down, self.width - 2 * across, self.height - 2 * down)

    def without_foot(self, height: float) -> Rect:
        return Rect(self.x, self.y, self.width, max(0.0, self.height - height))


@dataclass(frozen=True, slots=True)
class Zoom:
    """How a picture is looked at: 1 fits it, and the share of it that lies in the middle of its frame.

    Below 1 (a small picture at 1:1) it lies in the middle with room round it.
    """

    factor: float = 1.0
    centre_x: float = 0.5
    centre_y: float = 0.5

    @property
    def is_fitted(self) -> bool:
        return self.factor == 1.0


FITTED = Zoom()


def fit(width: float, height: float, area: Rect) -> Rect:
    """The largest rectangle of that aspect in the middle of `area`."""
    if width <= 0 or height <= 0 or area.width <= 0 or area.height <= 0:
        return Rect(*area.centre, 0.0, 0.0)
    scale = min(area.width / width, area.height / height)
    w, h = width * scale, height * scale
    middle_x, middle_y = area.centre
    return Rect(middle_x - w / 2, middle_y - h / 2, w, h)


def single(area: Rect, *, with_caption: bool = True) -> Rect:
    """The square for one picture."""
    room = area.shrunk(MARGIN_PX)
    return fit(1, 1, room.without_foot(CAPTION_PX - MARGIN_PX) if with_caption else room)


def triptych(area: Rect) -> tuple[Rect, Rect, Rect]:
    """The squares for A, the blend and B: the blend large in the middle, all three on one line of centres."""
    room = area.shrunk(MARGIN_PX)
    gap = min(GAP_PX, room.width / 8)
    across = (room.width - 2 * gap) / (1 + 2 * SIDE_SHARE)
    edge = max(0.0, min(across, room.height - 2 * CAPTION_PX))
    side = edge * SIDE_SHARE
    middle_x, middle_y = area.centre
    blend = Rect(middle_x - edge / 2, middle_y - edge / 2, edge, edge)
    left = Rect(blend.x - gap - side, middle_y - side / 2, side, side)
    right = Rect(blend.right + gap, middle_y - side / 2, side, side)
    return left, blend, right


def pair(area: Rect) -> tuple[Rect, Rect]:
    """Two squares of one size side by side."""
    room = area.shrunk(MARGIN_PX)
    gap = min(GAP_PX, room.width / 8)
    edge = max(0.0, min((room.width - gap) / 2, room.height - 2 * CAPTION_PX))
    middle_x, middle_y = area.centre
    top = middle_y - edge / 2
    return Rect(middle_x - gap / 2 - edge, top, edge, edge), Rect(middle_x + gap / 2, top, edge, edge)


def wipe_place(frame: Rect, zoom: Zoom, area: Rect, share: float, *, is_level: bool) -> float:
    """Where the wipe's handle is: its x, or its y where it lies level. It stays on what is seen of the picture."""
    start, end = wipe_span(frame, zoom, area, is_level=is_level)
    return start + share * (end - start)


def wipe_span(frame: Rect, zoom: Zoom, area: Rect, *, is_level: bool) -> tuple[float, float]:
    """Between where the handle moves."""
    picture = placed(frame, zoom)
    if is_level:
        start, end = max(area.y, picture.y), min(area.bottom, picture.bottom)
    else:
        start, end = max(area.x, picture.x), min(area.right, picture.right)
    return start, max(start, end)


def split(area: Rect, place: float, *, is_level: bool) -> tuple[Rect, Rect]:
    """The parts left and right of a handle at x = `place`, or above and below one at y = `place`."""
    if is_level:
        return (
            Rect(area.x, area.y, area.width, place - area.y),
            Rect(area.x, place, area.width, area.bottom - place),
        )
    return Rect(area.x, area.y, place - area.x, area.height), Rect(place, area.y, area.right - place, area.height)


def placed(frame: Rect, zoom: Zoom) -> Rect:
    """Where the whole picture lies when it is looked at through `frame` with `zoom`. May reach out of it."""
    middle_x, middle_y = frame.centre
    width, height = frame.width * zoom.factor, frame.height * zoom.factor
    return Rect(middle_x - zoom.centre_x * width, middle_y - zoom.centre_y * height, width, height)


def share_at(frame: Rect, zoom: Zoom, x: float, y: float) -> tuple[float, float]:
    """The share of the picture that lies at a point."""
    picture = placed(frame, zoom)
    if not picture.width or not picture.height:
        return zoom.centre_x, zoom.centre_y
    return (x - picture.x) / picture.width, (y - picture.y) / picture.height


def zoomed_at(frame: Rect, zoom: Zoom, factor: float, x: float, y: float) -> Zoom:
    """Change the zoom to `factor` while what lies at (x, y) stays there, as far as the limits allow."""
    if not frame.width or not frame.height:
        return zoom
    factor = min(MAX_ZOOM, max(MIN_ZOOM, factor))
    share_x, share_y = share_at(frame, zoom, x, y)
    middle_x, middle_y = frame.centre
    moved_x = share_x - (x - middle_x) / (frame.width * factor)
    moved_y = share_y - (y - middle_y) / (frame.height * factor)
    return limited(Zoom(factor, moved_x, moved_y))


def panned(frame: Rect, zoom: Zoom, dx: float, dy: float) -> Zoom:
    """Move the picture under the frame by so many pixels."""
    if not frame.width or not frame.height:
        return zoom
    moved_x = zoom.centre_x - dx / (frame.width * zoom.factor)
    moved_y = zoom.centre_y - dy / (frame.height * zoom.factor)
    return limited(Zoom(zoom.factor, moved_x, moved_y))


def limited(zoom: Zoom) -> Zoom:
    """Keep the frame inside the picture; a picture that is smaller than it stays in the middle."""
    half = min(0.5, 0.5 / zoom.factor)
    return Zoom(zoom.factor, _between(zoom.centre_x, half), _between(zoom.centre_y, half))


def one_to_one(frame: Rect, picture_px: int, device_pixel_ratio: float) -> float:
    """The zoom at which one pixel of the picture is one pixel of the screen."""
    if not frame.width:
        return 1.0
    return min(MAX_ZOOM, max(MIN_ZOOM, picture_px / (frame.width * device_pixel_ratio)))


GRID_FROM_PX = 8
"""Pixels that are seen at least so large, in device pixels, get lines between them."""


def grid_lines(target: Rect, clip: Rect, count: int, *, across: bool) -> list[float]:
    """Where the borders between pixels are that can be seen.

    Args:
        target: The whole picture.
        count: Its pixels that way.
        across: x of upright lines; otherwise y of level ones.
    """
    start, length = (target.x, target.width) if across else (target.y, target.height)
    first, last = (clip.x, clip.right) if across else (clip.y, clip.bottom)
    pitch = length / count
    begin, end = max(1, int((first - start) / pitch)), min(count - 1, int((last - start) / pitch) + 1)
    return [start + pitch * place for place in range(begin, end + 1)]


def is_pixel_peeping(zoom: Zoom, picture_px: int, shown_px: float) -> bool:
    """Whether single pixels should be seen as squares: the user zoomed in, and each is at least 4 px large.

    Args:
        picture_px: Edge of the finished picture.
        shown_px: Edge of it on screen, in device pixels.
    """
    return zoom.factor >= 2.0 and shown_px >= 4 * picture_px


def _between(centre: float, half: float) -> float:
    return min(1 - half, max(half, centre))
