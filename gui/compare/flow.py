"""Comparing: which two pictures, the pins, the photo of a portrait, and the values under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QImage

from engine.errors import EngineError
from engine.latents import LatentStore
from engine.messages import (
    Frame,
    JobFinished,
    MakeThumbnail,
    OpenPortrait,
    Pixels,
    PortraitOpened,
    ThumbnailMade,
)
from engine.sample_portraits import sample_photo
from engine.session_file import Setting
from engine.state import EditState, StoredLatent, View, latent_keys
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.compare.bar import CompareBar, PlateChoice
from gui.compare.photos import PortraitPhotos
from gui.compare.pin_strip import THUMB_PX, PinItem
from gui.compare.pins import MAX_PINS, Pin, pins_from_plain, pins_to_plain
from gui.comparison import CompareStyle, Comparison, Plate, Still, from_plain, to_plain, without
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.messages import Messages
from gui.pixels import from_qimage, to_thumbnail
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails
from gui.viewer import Viewer

PHOTO_PX = 1024
"""Of a sample portrait's crop, which is cut here."""

NO_PHOTO = "Only a portrait that was found from a photo has one"
PREFIX = "pin:"


class CompareFlow(QObject):
    """Stands between the canvas' comparison, its bar, and where the pictures come from."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        viewer: Viewer,
        collection: Collection,
        store: LatentStore,
        thumbnails: Thumbnails,
        photos: PortraitPhotos,
        messages: Messages,
        settings: Settings,
        trashed_latents: Callable[[], Iterable[str]],
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            trashed_latents: Keys of portraits that were thrown away and can be brought back: their photos stay.
        """
        super().__init__(parent)
        self._window = window
        self._canvas: Canvas = window.parts.canvas
        self._session = session
        self._bridge = bridge
        self._viewer = viewer
        self._collection = collection
        self._store = store
        self._thumbnails = thumbnails
        self._photos = photos
        self._messages = messages
        self._settings = settings
        self._trashed_latents = trashed_latents
        self._pins: tuple[Pin, ...] = ()
        self._pinned = 0
        self._reference: Pin | None = None
        self._photo_key = ""
        self._sample_photos: dict[str, Path | None] = {}
        self._known: frozenset[str] = frozenset()
        self._wanted_photo = ""
        self._before_blinking: tuple[CanvasMode, CompareStyle] | None = None
        self._canvas.set_comparison(from_plain({name: settings.plain(name) for name in to_plain(Comparison())}))
        self._canvas.mode_changed.connect(self._show_mode)
        self._canvas.comparison_changed.connect(self._show_comparison)
        window.stack.currentChanged.connect(self._show_mode)
        session.state_changed.connect(self._follow)
        viewer.settled.connect(self._finish_pin)
        thumbnails.ready.connect(self._show_pins)
        photos.read.connect(self._take_photo)
        collection.latents_changed.connect(self._forget_photos)
        self._forget_photos()
        self._follow(session.state)
        self._show_mode()

    @cached_property
    def bar(self) -> CompareBar:
        """Made when one first compares."""
        bar = CompareBar()
        bar.show_comparison(self._canvas.comparison)
        bar.changed.connect(self._choose)
        bar.follow(self._window.actions_["pin"], self._window.actions_["blink"])
        bar.pin_wanted.connect(self.pin)
        bar.pins.picked.connect(self.compare_with)
        bar.pins.opened.connect(self.go_back)
        bar.pins.remove_requested.connect(self.unpin)
        self._window.put_over_canvas(bar)
        return bar

    # --- what is compared -----------------------------------------------------------------------------------------

    @Slot(object)
    def _choose(self, comparison: Comparison) -> None:
        if Still.PIN in comparison.plates and self._reference is None and self._pins:
            self._set_reference(self._pins[-1])
        if Still.PHOTO in comparison.plates:
            self._want_photo()
        self._canvas.set_comparison(comparison)
        for name, value in to_plain(comparison).items():
            self._settings.set(name, value)

    @Slot(object)
    def _show_comparison(self, comparison: Comparison) -> None:
        if "bar" in self.__dict__:
            self.bar.show_comparison(comparison)
        self._show_blinking()
        self._show_pins()

    @Slot()
    def _show_mode(self) -> None:
        is_seen = self._window.stack.currentWidget() is self._canvas
        if self._canvas.mode is CanvasMode.COMPARE and is_seen:
            self._refresh()
            self.bar.show()
        elif "bar" in self.__dict__:
            self.bar.hide()
        self._show_blinking()

    def _show_blinking(self) -> None:
        self._window.actions_["blink"].setChecked(self._canvas.look.style is CompareStyle.BLINK)

    def _refresh(self) -> None:
        """What the bar offers, and what the pictures are called."""
        if "bar" not in self.__dict__ and self._canvas.mode is not CanvasMode.COMPARE:
            return
        state = self._session.state
        has_photo = isinstance(state.latent, StoredLatent) and self._has_photo(state.latent.key)
        choices: dict[Plate, PlateChoice] = {
            View.A: PlateChoice(f"A {state.model_a.name}" if state.model_a else "A"),
            View.BLEND: PlateChoice("Blend"),
            View.B: PlateChoice(f"B {state.model_b.name}" if state.model_b else "B"),
        }
        pinned = self._reference or (self._pins[-1] if self._pins else None)
        pin_first = "" if pinned else "Pin a picture first"
        choices[Still.PIN] = PlateChoice(pinned.name if pinned else "Pin", pin_first)
        choices[Still.PHOTO] = PlateChoice("Photo", "" if has_photo else NO_PHOTO)
        self.bar.set_choices(choices)
        self._show_pins()

    @Slot(object)
    def _follow(self, state: EditState) -> None:
        latent = state.latent
        key = latent.key if isinstance(latent, StoredLatent) else ""
        if key != self._photo_key:
            self._photo_key = key
            self._canvas.set_still(Still.PHOTO, None)
            if Still.PHOTO in self._canvas.comparison.plates:
                if key and self._has_photo(key):
                    self._want_photo()
                else:
                    self._canvas.set_comparison(without(self._canvas.comparison, Still.PHOTO))
        self._refresh()

    # --- pins -----------------------------------------------------------------------------------------------------

    @property
    def pins(self) -> tuple[Pin, ...]:
        return self._pins

    @Slot()
    def pin(self) -> None:
        """Keep what is on screen, to compare with later."""
        state, frame = self._session.state, self._viewer.frame(View.BLEND)
        if frame is None or state.model_a is None:
            return
        same = next((pin for pin in self._pins if pin.state == state), None)
        if same is not None:
            self._messages.say(f"This picture is {same.name} already.")
            return
        shows_it = self._bridge.state_of(frame.generation) == state
        pixels = frame.image if shows_it else None
        self._pinned += 1
        new = Pin(self._pinned, state, pixels, shows_it and frame.is_final)
        dropped = self._pins[: max(0, len(self._pins) + 1 - MAX_PINS)]
        self._pins = (*self._pins[len(dropped):], new)
        if self._reference in dropped or self._reference is None:
            self._set_reference(new)
        if pixels is not None:
            self._thumbnails.keep(PREFIX + new.key, pixels)
        self._refresh()
        if self._canvas.mode is not CanvasMode.COMPARE:
            self._messages.say(f"Pinned as {new.name}.", "C compares with it, and shows all that is pinned.")
            comparison = self._canvas.comparison
            if Still.PIN not in comparison.plates:
                self._set_reference(new)
                self._canvas.set_comparison(replace(comparison, left=Still.PIN, right=View.BLEND))

    @Slot(object, object)
    def _finish_pin(self, state: EditState, frame: Frame) -> None:
        """A picture that was pinned while it was coarse gets its finished self."""
        for pin in self._pins:
            if pin.state == state and not pin.is_final and frame.is_final:
                self._take_picture(pin, frame.image)

    def _take_picture(self, pin: Pin, pixels: Pixels) -> None:
        pin.pixels, pin.is_final = pixels, True
        self._thumbnails.keep(PREFIX + pin.key, pixels)
        if pin is self._reference:
            self._set_reference(pin)
        self._show_pins()

    def _set_reference(self, pin: Pin | None) -> None:
        self._reference = pin
        if pin is None:
            self._canvas.set_still(Still.PIN, None)
            self._canvas.set_comparison(without(self._canvas.comparison, Still.PIN))
            return
        self._canvas.set_captions(pin=pin.name)
        self._canvas.set_still(Still.PIN, pin.pixels)
        if not pin.is_final:
            self._draw(pin)

    def _draw(self, pin: Pin) -> None:
        descriptor = self._collection.descriptor(pin.state.model_a)
        size_px = descriptor.img_resolution if descriptor is not None else PHOTO_PX
        self._bridge.submit(MakeThumbnail(pin.state, PREFIX + pin.key, size_px), self._drawn)

    def _drawn(self, event: JobFinished) -> None:
        if isinstance(event.result, ThumbnailMade):
            key = event.result.tag.removeprefix(PREFIX)
            pin = self._pin(key)
            if pin is not None and not pin.is_final:
                self._take_picture(pin, event.result.image)
        elif event.error is not None:
            self._messages.error(event.error)

    def _pin(self, key: str) -> Pin | None:
        return next((pin for pin in self._pins if pin.key == key), None)

    @Slot(str)
    def compare_with(self, key: str) -> None:
        """Make a pin the reference."""
        pin = self._pin(key)
        if pin is None:
            return
        self._set_reference(pin)
        comparison = self._canvas.comparison
        right = View.BLEND if comparison.right is Still.PIN else comparison.right
        self._canvas.set_comparison(replace(comparison, left=Still.PIN, right=right))
        self._canvas.set_mode(CanvasMode.COMPARE)
        self._refresh()

    @Slot(str)
    def go_back(self, key: str) -> None:
        """Take up a pin's state again, as one undo step."""
        pin = self._pin(key)
        if pin is not None:
            self._session.insert(pin.state, f"back to {pin.name.lower()}")

    @Slot(str)
    def unpin(self, key: str) -> None:
        pin = self._pin(key)
        if pin is None:
            return
        self._pins = tuple(one for one in self._pins if one is not pin)
        self._thumbnails.forget(PREFIX + pin.key)
        if self._reference is pin:
            self._set_reference(self._pins[-1] if self._pins else None)
        self._refresh()

    @Slot()
    def _show_pins(self) -> None:
        if "bar" not in self.__dict__:
            return
        items = [PinItem(pin.key, pin.name, self._thumbnail(pin)) for pin in self._pins]
        current = self._reference.key if self._reference and Still.PIN in self._canvas.comparison.plates else None
        self.bar.pins.set_items(items, current)
        self.bar.set_pins_shown(bool(items))

    def _thumbnail(self, pin: Pin) -> QImage | None:
        tag = PREFIX + pin.key
        picture = self._thumbnails.picture(tag)
        if picture is None and pin.pixels is not None:
            return to_thumbnail(pin.pixels, 2 * THUMB_PX)
        if picture is None:
            self._thumbnails.want(tag, pin.state)
        return picture

    def settings_to_save(self) -> Mapping[str, Setting]:
        """The pins, for a session file."""
        return pins_to_plain(self._pins)

    def take_settings(self, settings: Mapping[str, Setting]) -> None:
        """The pins of a session that was opened; those whose latents it does not hold are left out."""
        found = pins_from_plain(settings, self._pinned + 1)
        self._pinned += len(found)
        self._pins = tuple(pin for pin in found if all(map(self._store.has, latent_keys(pin.state))))
        self._set_reference(self._pins[-1] if self._pins and Still.PIN in self._canvas.comparison.plates else None)
        self._refresh()

    # --- the photo ------------------------------------------------------------------------------------------------

    def _has_photo(self, key: str) -> bool:
        return self._photos.has(key) or self._sample_photo(key) is not None

    def _sample_photo(self, key: str) -> Path | None:
        if key not in self._sample_photos:
            self._sample_photos[key] = sample_photo(key, self._store)
        return self._sample_photos[key]

    @Slot()
    def _forget_photos(self) -> None:
        """Remove the photos of portraits that were deleted for good."""
        now = frozenset(record.latent.key for record in self._collection.latents())
        if now != self._known:  # nothing at the very start may only mean that the shelf could not be read
            try:
                self._photos.forget_all_but({*now, *self._trashed_latents()})
            except EngineError as error:
                self._messages.error(error)
        self._known = now

    def _want_photo(self) -> None:
        latent = self._session.state.latent
        if not isinstance(latent, StoredLatent) or self._canvas.has_still(Still.PHOTO):
            return
        self._wanted_photo = latent.key
        if self._photos.has(latent.key):
            self._photos.ask(latent.key)
        elif (path := self._sample_photo(latent.key)) is not None:
            self._bridge.submit(OpenPortrait(path), self._cut_sample)

    def _cut_sample(self, event: JobFinished) -> None:
        """The crop of a sample portrait, as the search for it saw it."""
        from gui.portrait_flow import cut_preview

        portrait = event.result
        descriptor = self._collection.descriptor(self._session.state.model_a)
        if not isinstance(portrait, PortraitOpened) or not portrait.faces or descriptor is None:
            self._take_photo(self._wanted_photo, None)
            return
        try:
            cut = cut_preview(portrait, portrait.faces[0], descriptor.framing, PHOTO_PX)
        except EngineError as error:
            self._messages.error(error)
            return
        pixels = from_qimage(cut)
        self._photos.keep(self._wanted_photo, pixels)
        self._take_photo(self._wanted_photo, pixels)

    @Slot(str, object)
    def _take_photo(self, key: str, pixels: Pixels | None) -> None:
        if key != self._photo_key:
            return
        self._canvas.set_still(Still.PHOTO, pixels)
        if pixels is None:
            self._canvas.set_comparison(without(self._canvas.comparison, Still.PHOTO))
            self._messages.warn("This portrait's photo is gone or damaged.", "Open the photo again to bring it back.")

    @Slot()
    def compare_with_photo(self) -> None:
        """Before and after: the photo against the blend."""
        latent = self._session.state.latent
        if not isinstance(latent, StoredLatent) or not self._has_photo(latent.key):
            self._messages.say("This face has no photo to compare with.", f"{NO_PHOTO}: Portrait > Open portrait.")
            return
        self._choose(replace(self._canvas.comparison, left=Still.PHOTO, right=View.BLEND))
        self._canvas.set_mode(CanvasMode.COMPARE)

    # --- blinking -------------------------------------------------------------------------------------------------

    @Slot(bool)
    def blink(self, on: bool) -> None:
        """Blink, or go back to how one looked before."""
        canvas = self._canvas
        if on:
            self._before_blinking = (canvas.mode, canvas.comparison.style)
            self._choose(replace(canvas.comparison, style=CompareStyle.BLINK))
            canvas.set_mode(CanvasMode.COMPARE)
        elif canvas.look.style is CompareStyle.BLINK:
            mode, style = self._before_blinking or (canvas.mode, CompareStyle.WIPE)
            self._before_blinking = None
            style = CompareStyle.WIPE if style is CompareStyle.BLINK else style
            self._choose(replace(canvas.comparison, style=style))
            canvas.set_mode(mode)

