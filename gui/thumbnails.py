"""Thumbnails: small pictures of states, one at a time, when nobody is waiting for a large one."""

from __future__ import annotations

from collections import OrderedDict

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.messages import JobFinished, MakeThumbnail, Pixels, ThumbnailMade
from engine.state import EditState, View
from gui.engine_bridge import EngineBridge
from gui.pixels import to_qimage, to_thumbnail

SIZE_PX = 128
KEPT = 600


class Thumbnails(QObject):
    """Pictures by tag. A tag names a purpose: "model:<sha>", "state:<n>"."""

    ready = Signal(str, QImage)

    def __init__(self, bridge: EngineBridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._pictures: OrderedDict[str, QImage] = OrderedDict()
        self._wanted: OrderedDict[str, MakeThumbnail] = OrderedDict()
        self._at_work = False
        bridge.settled_changed.connect(self._next)
        bridge.engine_ready.connect(self._next)

    def picture(self, tag: str) -> QImage | None:
        return self._pictures.get(tag)

    def keep(self, tag: str, pixels: Pixels) -> None:
        """Take a picture that is there anyway."""
        self._wanted.pop(tag, None)
        self._take(tag, to_thumbnail(pixels, SIZE_PX))

    def put(self, tag: str, picture: QImage) -> None:
        self._take(tag, picture)

    def want(
        self, tag: str, state: EditState, view: View = View.BLEND, *, size_px: int = SIZE_PX, first: bool = False
    ) -> None:
        """Have the engine draw it, if nobody has yet; `ready` tells.

        Args:
            first: Before all others that are wanted.
        """
        if tag not in self._pictures and tag not in self._wanted:
            self._wanted[tag] = MakeThumbnail(state, tag, size_px, view)
            if first:
                self._wanted.move_to_end(tag, last=False)
            self._next()

    def forget(self, tag: str) -> None:
        """Let go of a picture that nobody will ask for again."""
        self._pictures.pop(tag, None)

    def drop_wishes(self, prefix: str) -> None:
        """Forget what was wanted under `prefix` and is not drawn yet."""
        for tag in [tag for tag in self._wanted if tag.startswith(prefix)]:
            del self._wanted[tag]

    @Slot()
    def _next(self) -> None:
        if self._at_work or not self._wanted or not self._bridge.is_settled or not self._bridge.is_running:
            return
        _, job = self._wanted.popitem(last=False)
        self._at_work = True
        self._bridge.submit(job, self._made)

    def _made(self, event: JobFinished) -> None:
        self._at_work = False
        if isinstance(event.result, ThumbnailMade):
            self._take(event.result.tag, to_qimage(event.result.image).copy())
        self._next()

    def _take(self, tag: str, picture: QImage) -> None:
        self._pictures[tag] = picture
        self._pictures.move_to_end(tag)
        while len(self._pictures) > KEPT:
            self._pictures.popitem(last=False)
        self.ready.emit(tag, picture)
