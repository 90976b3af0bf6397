"""What films are written as: formats, quality, sizes. Light; `engine.export.video_files` writes them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from engine.errors import StorageError

MIN_PX, MAX_PX = 16, 4096


class VideoFormat(StrEnum):
    """The value is the suffix that chooses it; a name without one is a folder of frames."""

    MP4 = ".mp4"
    WEBM = ".webm"
    GIF = ".gif"
    FRAMES = ""


class VideoQuality(StrEnum):
    SMALL = "small"
    GOOD = "good"
    BEST = "best"


FORMAT_NAMES = {
    VideoFormat.MP4: "MP4, plays everywhere",
    VideoFormat.WEBM: "WebM, for the web",
    VideoFormat.GIF: "GIF, 256 colours a frame",
    VideoFormat.FRAMES: "PNG frames in a folder",
}

BITS_PER_PIXEL = {
    VideoFormat.MP4: {VideoQuality.SMALL: 0.075, VideoQuality.GOOD: 0.17, VideoQuality.BEST: 0.39},
    VideoFormat.WEBM: {VideoQuality.SMALL: 0.06, VideoQuality.GOOD: 0.12, VideoQuality.BEST: 0.23},
    VideoFormat.GIF: dict.fromkeys(VideoQuality, 5.5),
    VideoFormat.FRAMES: dict.fromkeys(VideoQuality, 9.6),
}
"""Of a walk through faces at 256 px, measured: a guess for anything else, and said as one."""


def video_format(path: Path) -> VideoFormat:
    """The format that a name asks for.

    Raises:
        StorageError: it is none that Graft writes.
    """
    suffix = path.suffix.lower()
    if suffix not in set(VideoFormat):
        hint = "End the name in .mp4, .webm or .gif; a name without an ending becomes a folder of PNG frames."
        raise StorageError(f"Graft does not write films of the kind “{suffix:.40}”.", hint)
    return VideoFormat(suffix)


def guessed_bytes(kind: VideoFormat, quality: VideoQuality, size_px: int, frames: int) -> int:
    """About how large the file will be."""
    return round(BITS_PER_PIXEL[kind][quality] * size_px * size_px * frames / 8)
