"""Films to files. PyAV, which brings its own FFmpeg, encodes; a file is whole or it is not there.

It is written under a temporary name beside its target, counted frame by frame, and only then takes the target's name:
killed or out of disk in between, it leaves at most a hidden leftover that the next film in that folder sweeps away.
Frames in a folder are each written like that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.atomic import BesideFile, remove_leftovers, storage_error, write_atomic
from engine.errors import RenderCancelled, StorageError
from engine.export.embedded import film_comment
from engine.export.stills import encoded_still
from engine.export.video_format import VideoFormat, VideoQuality

Rgb = NDArray[np.uint8]

MAX_COMMENT_BYTES = 4 << 20
"""A longer recipe (it holds many latents) goes into a file of its own beside the film."""

SIDECAR_SUFFIX = ".json"
_BT709 = 1
_LIMITED, _FULL = 1, 2
_BLOCK_BYTES = 255
_GIF_HEADER_BYTES = 13

_CRF = {
    VideoFormat.MP4: {VideoQuality.SMALL: "27", VideoQuality.GOOD: "19", VideoQuality.BEST: "12"},
    VideoFormat.WEBM: {VideoQuality.SMALL: "38", VideoQuality.GOOD: "27", VideoQuality.BEST: "15"},
}


class FilmFile(Protocol):
    """A film that is being written. Every method may raise StorageError; then `discard` is still to be called.

    Thread-safe: a film may be discarded by one thread while another adds to it.
    """

    def add(self, frame: Rgb, recipe_json: str) -> None:
        """
        Args:
            frame: ``[H, W, 3]``, red first, all of one size.
            recipe_json: Of this frame alone; only folders of frames keep it.
        """
        ...

    def finish(self) -> None:
        """Put the film where it belongs."""
        ...

    def discard(self) -> None:
        """Leave nothing there."""
        ...


def open_film(
    path: Path, kind: VideoFormat, fps: Fraction, quality: VideoQuality, recipe_json: str, *, loop: bool
) -> FilmFile:
    """
    Args:
        recipe_json: Of the film: kept in it, or beside it when it is long.
        loop: A GIF starts again by itself.

    Raises:
        StorageError: it cannot be written there.
    """
    if kind is VideoFormat.FRAMES:
        return FrameFolder(path, recipe_json)
    return VideoFile(path, kind, fps, quality, recipe_json, loop=loop)


class VideoFile:
    """One file, by FFmpeg."""

    def __init__(
        self, path: Path, kind: VideoFormat, fps: Fraction, quality: VideoQuality, recipe_json: str, *, loop: bool
    ) -> None:
        self._path = path
        self._kind = kind
        self._fps = fps
        self._quality = quality
        self._loop = loop
        self._frames = 0
        comment = film_comment(recipe_json)
        self._fits = len(comment) <= MAX_COMMENT_BYTES
        self._comment = comment if self._fits else ""
        self._recipe_json = recipe_json
        self._container: Any = None
        self._gif: _GifFile | None = None
        self._encode: _Encoder | None = None
        self._guard = threading.Lock()
        self._is_over = False
        remove_leftovers(path.parent)
        self._file = BesideFile(path)

    @property
    def sidecar(self) -> Path | None:
        """Where the recipe goes that does not fit into the film."""
        return None if self._fits else self._path.with_name(self._path.name + SIDECAR_SUFFIX)

    def add(self, frame: Rgb, recipe_json: str) -> None:
        with self._guard, _plain_errors(self._path):
            _check_goes_on(self._is_over)
            if self._encode is None:
                self._open(frame)
            assert self._encode is not None
            self._encode.add(_even(frame) if self._kind is not VideoFormat.GIF else frame, self._frames)
            self._frames += 1

    def finish(self) -> None:
        with self._guard:
            _check_goes_on(self._is_over)
            with _plain_errors(self._path):
                if self._encode is None:
                    raise StorageError(f"The film {self._path.name:.80} has no frames.")
                self._encode.finish()
                self._close()
                self._check()
            if self.sidecar is not None:
                write_atomic(self.sidecar, self._recipe_json.encode())
            self._file.commit()

    def discard(self) -> None:
        import av

        with self._guard:
            self._is_over = True
            with contextlib.suppress(OSError, ValueError, av.error.FFmpegError):  # its last words find no room either
                self._close()
            self._file.discard()

    def _open(self, first: Rgb) -> None:
        import av

        container_name, options = {
            VideoFormat.MP4: ("mp4", {"movflags": "+faststart"}),
            VideoFormat.WEBM: ("webm", {}),
            VideoFormat.GIF: ("gif", {"loop": "0" if self._loop else "-1"}),
        }[self._kind]
        self._gif = _GifFile(self._file.temp, self._comment.encode()) if self._kind is VideoFormat.GIF else None
        target: Any = self._gif or str(self._file.temp)
        self._container = av.open(target, "w", format=container_name, options=options)
        if self._comment and self._kind is not VideoFormat.GIF:
            self._container.metadata["comment"] = self._comment
        height, width, _ = first.shape
        if self._kind is VideoFormat.GIF:
            self._encode = _GifEncoder(self._container, width, height, self._fps)
        else:
            crf = _CRF[self._kind][self._quality]
            even = width + width % 2, height + height % 2
            self._encode = _YuvEncoder(self._container, self._kind, even, self._fps, crf)

    def _close(self) -> None:
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        finally:
            if self._gif is not None:
                self._gif.close()

    def _check(self) -> None:
        """Count what was written: FFmpeg does not always say that a disk was full."""
        import av

        with av.open(str(self._file.temp)) as film:
            found = sum(packet.size > 0 for packet in film.demux(video=0))
        if found != self._frames:
            raise OSError(errno.EIO, f"{found} of {self._frames} frames arrived")


class FrameFolder:
    """A folder of numbered PNG frames, each with its own recipe; the film's is in ``film.json``.

    Raises:
        StorageError: there is something of that name that is no empty folder.
    """

    FILM_NAME = "film.json"

    def __init__(self, path: Path, recipe_json: str) -> None:
        self._path = path
        self._recipe_json = recipe_json
        self._written: list[Path] = []
        self._guard = threading.Lock()
        self._is_over = False
        try:
            self._is_new = not path.exists()
            path.mkdir(exist_ok=True)
            remove_leftovers(path)
            if any(path.iterdir()):
                raise StorageError(
                    f"The folder {path.name:.80} is not empty.", "Choose another name: its frames would get mixed up."
                )
        except OSError as error:
            raise storage_error(f"make the folder {path.name}", error) from error

    def add(self, frame: Rgb, recipe_json: str) -> None:
        with self._guard:
            _check_goes_on(self._is_over)
            path = self._path / f"frame-{len(self._written):05d}.png"
            self._written.append(path)
            write_atomic(path, encoded_still(frame, ".png", recipe_json), verify=False)

    def finish(self) -> None:
        with self._guard:
            _check_goes_on(self._is_over)
            write_atomic(self._path / self.FILM_NAME, self._recipe_json.encode())

    def discard(self) -> None:
        with self._guard, contextlib.suppress(OSError):
            self._is_over = True
            for path in (*self._written, self._path / self.FILM_NAME):
                path.unlink(missing_ok=True)
            if self._is_new:
                self._path.rmdir()


# --- encoders -----------------------------------------------------------------------------------------------------


class _Encoder(Protocol):
    def add(self, frame: Rgb, index: int) -> None: ...

    def finish(self) -> None: ...


class _YuvEncoder:
    """H.264 or VP9, 4:2:0, colours of BT.709: what players expect."""

    def __init__(self, container: Any, kind: VideoFormat, size: tuple[int, int], fps: Fraction, crf: str) -> None:
        codec = "libx264" if kind is VideoFormat.MP4 else "libvpx-vp9"
        options = {"crf": crf} if kind is VideoFormat.MP4 else {
            "crf": crf, "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "4",
        }  # fmt: skip
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        self._container, self._stream, self._time_base = container, stream, 1 / fps

    def add(self, frame: Rgb, index: int) -> None:
        import av

        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=_BT709, src_color_range=_FULL, dst_color_range=_LIMITED
        )
        picture.pts, picture.time_base = index, self._time_base
        self._mux(picture)

    def finish(self) -> None:
        self._mux(None)

    def _mux(self, picture: Any) -> None:
        for packet in self._stream.encode(picture):
            self._container.mux(packet)


class _GifEncoder:
    """A palette of its own for every frame."""

    def __init__(self, container: Any, width: int, height: int, fps: Fraction) -> None:
        import av
        from av.filter import Graph

        stream = container.add_stream("gif", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        self._container, self._stream, self._time_base = container, stream, 1 / fps
        graph = Graph()
        pixels = av.VideoFormat("rgb24")
        source = graph.add_buffer(width=width, height=height, format=pixels, time_base=self._time_base)
        split, sink = graph.add("split"), graph.add("buffersink")
        palette = graph.add("palettegen", "stats_mode=single")
        use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._graph = graph

    def add(self, frame: Rgb, index: int) -> None:
        import av

        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts, picture.time_base = index, self._time_base
        self._graph.push(picture)
        self._drain()

    def finish(self) -> None:
        self._graph.push(None)
        self._drain()
        for packet in self._stream.encode(None):
            self._container.mux(packet)

    def _drain(self) -> None:
        import av

        while True:
            try:
                picture = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            for packet in self._stream.encode(picture):
                self._container.mux(packet)


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """What FFmpeg and the system say, in plain words."""
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        number = error.errno or 0
        number = number if 0 < number < 1000 else errno.EIO
        raise storage_error(f"save {path.name}", OSError(number, os.strerror(number))) from error
    except OSError as error:
        raise storage_error(f"save {path.name}", error) from error


def _check_goes_on(is_over: bool) -> None:
    if is_over:
        raise RenderCancelled


def _even(frame: Rgb) -> Rgb:
    """With an even number of rows and columns, as 4:2:0 needs: the last ones twice where they are odd."""
    height, width, _ = frame.shape
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge") if height % 2 or width % 2 else frame


class _GifFile:
    """Takes a GIF as FFmpeg writes it, and puts a comment behind its header: at the end it would count as a frame."""

    def __init__(self, path: Path, comment: bytes) -> None:
        blocks = (comment[start : start + _BLOCK_BYTES] for start in range(0, len(comment), _BLOCK_BYTES))
        body = b"".join(bytes([len(block)]) + block for block in blocks)
        self._comment = b"\x21\xfe" + body + b"\0" if comment else b""
        self._head: bytes | None = b""
        self._file = open(path, "r+b")  # noqa: SIM115 - closed by `close`

    def write(self, data: bytes) -> int:
        if self._head is None:
            self._file.write(data)
            return len(data)
        self._head += bytes(data)
        header = _GIF_HEADER_BYTES
        if len(self._head) >= header:
            flags = self._head[header - 3]
            header += 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0
            if len(self._head) >= header:
                self._file.write(self._head[:header] + self._comment + self._head[header:])
                self._head = None
        return len(data)

    def close(self) -> None:
        self._file.close()
