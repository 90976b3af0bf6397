"""The pins: set aside, drawn anew, thrown away, and kept in the session. Which one is the reference."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.latents import LatentStore
from engine.messages import Frame, JobFinished, MakeThumbnail, Pixels, ThumbnailMade
from engine.session_file import Setting
from engine.state import EditState, latent_keys
from gui.collection import Collection
from gui.compare.pin_strip import THUMB_PX, PinItem
from gui.compare.pins import MAX_PINS, Pin, pins_from_plain, pins_to_plain
from gui.engine_bridge import EngineBridge
from gui.pixels import to_thumbnail
from gui.thumbnails import Thumbnails

PREFIX = "pin:"
USUAL_PX = 1024


class PinBoard(QObject):
    """At most `MAX_PINS`; the oldest makes room for a new one."""

    changed = Signal()  # pins came or went, or their small pictures
    reference_changed = Signal(object)  # Pin | None: another one, or its picture has come
    failed = Signal(object)  # EngineError: a picture could not be drawn

    def __init__(
        self, bridge: EngineBridge, collection: Collection, store: LatentStore, thumbnails: Thumbnails,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._collection = collection
        self._store = store
        self._thumbnails = thumbnails
        self._pins: tuple[Pin, ...] = ()
        self._given_numbers = 0
        self._reference: Pin | None = None
        thumbnails.ready.connect(self._thumbnail_ready)

    @property
    def pins(self) -> tuple[Pin, ...]:
        return self._pins

    @property
    def reference(self) -> Pin | None:
        """The pin one compares with."""
        return self._reference

    def pin(self, key: str) -> Pin | None:
        return next((pin for pin in self._pins if pin.key == key), None)

    def of_state(self, state: EditState) -> Pin | None:
        return next((pin for pin in self._pins if pin.state == state), None)

    def items(self) -> tuple[PinItem, ...]:
        """For the strip."""
        return tuple(PinItem(pin.key, pin.name, self._thumbnail(pin)) for pin in self._pins)

    # --- changing -------------------------------------------------------------------------------------------------

    def add(self, state: EditState, pixels: Pixels | None, *, is_final: bool) -> Pin:
        """
        Args:
            pixels: What is seen of it; None has it drawn when it is needed.
        """
        self._given_numbers += 1
        new = Pin(self._given_numbers, state, pixels, is_final and pixels is not None)
        dropped = self._pins[: max(0, len(self._pins) + 1 - MAX_PINS)]
        self._pins = (*self._pins[len(dropped) :], new)
        if pixels is not None:
            self._thumbnails.keep(PREFIX + new.key, pixels)
        if self._reference in dropped or self._reference is None:
            self.refer_to(new)
        self.changed.emit()
        return new

    def remove(self, pin: Pin) -> None:
        self._pins = tuple(one for one in self._pins if one is not pin)
        self._thumbnails.forget(PREFIX + pin.key)
        if self._reference is pin:
            self.refer_to(self._pins[-1] if self._pins else None)
        self.changed.emit()

    def refer_to(self, pin: Pin | None) -> None:
        """Make a pin the reference, and have its picture drawn where it has none."""
        self._reference = pin
        self.reference_changed.emit(pin)
        if pin is not None and not pin.is_final:
            descriptor = self._collection.descriptor(pin.state.model_a)
            size_px = descriptor.img_resolution if descriptor is not None else USUAL_PX
            self._bridge.submit(MakeThumbnail(pin.state, PREFIX + pin.key, size_px), self._drawn)

    @Slot(object, object)
    def take_frame(self, state: EditState, frame: Frame) -> None:
        """A picture that was pinned while it was coarse gets its finished self."""
        pin = self.of_state(state)
        if pin is not None and not pin.is_final and frame.is_final:
            self._take_picture(pin, frame.image)

    def _drawn(self, event: JobFinished) -> None:
        if isinstance(event.result, ThumbnailMade):
            pin = self.pin(event.result.tag.removeprefix(PREFIX))
            if pin is not None and not pin.is_final:
                self._take_picture(pin, event.result.image)
        elif event.error is not None:
            self.failed.emit(event.error)

    def _take_picture(self, pin: Pin, pixels: Pixels) -> None:
        pin.pixels, pin.is_final = pixels, True
        self._thumbnails.keep(PREFIX + pin.key, pixels)
        if pin is self._reference:
            self.reference_changed.emit(pin)
        self.changed.emit()

    # --- small pictures -------------------------------------------------------------------------------------------

    def _thumbnail(self, pin: Pin) -> QImage | None:
        tag = PREFIX + pin.key
        picture = self._thumbnails.picture(tag)
        if picture is None and pin.pixels is not None:
            return to_thumbnail(pin.pixels, 2 * THUMB_PX)
        if picture is None:
            self._thumbnails.want(tag, pin.state)
        return picture

    @Slot(str, QImage)
    def _thumbnail_ready(self, tag: str, picture: QImage) -> None:
        if tag.startswith(PREFIX):
            self.changed.emit()

    # --- in the session -------------------------------------------------------------------------------------------

    def to_plain(self) -> Mapping[str, Setting]:
        return pins_to_plain(self._pins)

    def take_plain(self, settings: Mapping[str, Setting]) -> None:
        """The pins of a session that was opened; those whose latents it does not hold are left out."""
        found = pins_from_plain(settings, self._given_numbers + 1)
        self._given_numbers += len(found)
        for old in self._pins:
            self._thumbnails.forget(PREFIX + old.key)
        self._pins = tuple(pin for pin in found if all(map(self._store.has, latent_keys(pin.state))))
        self._reference = None
        self.reference_changed.emit(None)
        self.changed.emit()
