"""Comparing: which two pictures, the pins, the photo of a portrait, and the values under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from engine.errors import EngineError
from engine.latents import LatentStore
from engine.messages import (
    JobFinished,
    OpenPortrait,
    Pixels,
    PortraitOpened,
)
from engine.sample_portraits import sample_photo
from engine.state import EditState, StoredLatent, View
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.compare.bar import CompareBar, PlateChoice
from gui.compare.likeness_flow import LikenessFlow
from gui.compare.photos import PortraitPhotos
from gui.compare.pin_board import PinBoard
from gui.compare.pins import Pin
from gui.comparison import CompareStyle, Comparison, Plate, Still, from_plain, to_plain, without
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.messages import Messages
from gui.pixels import from_qimage
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails
from gui.viewer import Viewer

PHOTO_PX = 1024
"""Of a sample portrait's crop, which is cut here."""

NO_PHOTO = "Only a portrait that was found from a photo has one"


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
        self.board = PinBoard(bridge, collection, store, thumbnails, self)
        self._photos = photos
        self._messages = messages
        self._settings = settings
        self._trashed_latents = trashed_latents
        self._photo_key = ""
        self._photo: Pixels | None = None
        self._likeness = LikenessFlow(window, session, bridge, collection, messages, self)
        self._sample_photos: dict[str, Path | None] = {}
        self._known: frozenset[str] = frozenset()
        self._wanted_photo = ""
        self._before_blinking: tuple[CanvasMode, CompareStyle] | None = None
        self._canvas.set_comparison(from_plain({name: settings.plain(name) for name in to_plain(Comparison())}))
        self._canvas.mode_changed.connect(self._show_mode)
        self._canvas.comparison_changed.connect(self._show_comparison)
        window.stack.currentChanged.connect(self._show_mode)
        session.state_changed.connect(self._follow)
        viewer.settled.connect(self.board.take_frame)
        self.board.changed.connect(self._refresh)
        self.board.reference_changed.connect(self._show_reference)
        self.board.failed.connect(messages.error)
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
        if Still.PIN in comparison.plates and self.board.reference is None and self.board.pins:
            self.board.refer_to(self.board.pins[-1])
        if Still.PHOTO in comparison.plates:
            self._want_photo()
        self._canvas.set_comparison(comparison)
        for name, value in to_plain(comparison).items():
            self._settings.set(name, value)

    @Slot(object)
    def _show_comparison(self, comparison: Comparison) -> None:
        if "bar" in self.__dict__:
            self.bar.show_comparison(comparison)
        self._show_likeness()
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
        self._show_likeness()
        self._show_blinking()

    def _show_likeness(self) -> None:
        is_seen = self._window.stack.currentWidget() is self._canvas
        is_shown = is_seen and self._canvas.mode is CanvasMode.COMPARE
        self._likeness.follow(self._canvas.comparison, is_shown=is_shown, photo=self._photo)

    def _show_blinking(self) -> None:
        self._window.actions_["blink"].setChecked(self._canvas.look.style is CompareStyle.BLINK)

    @Slot()
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
        pinned = self.board.reference or (self.board.pins[-1] if self.board.pins else None)
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
            self._photo = None
            self._canvas.set_still(Still.PHOTO, None)
            if Still.PHOTO in self._canvas.comparison.plates:
                if key and self._has_photo(key):
                    self._want_photo()
                else:
                    self._canvas.set_comparison(without(self._canvas.comparison, Still.PHOTO))
        self._refresh()

    # --- pins -----------------------------------------------------------------------------------------------------

    @Slot()
    def pin(self) -> None:
        """Keep what is on screen, to compare with later."""
        state, frame = self._viewer.shown_state, self._viewer.frame(View.BLEND)
        if frame is None or state.model_a is None:
            return
        same = self.board.of_state(state)
        if same is not None:
            self._messages.say(f"This picture is {same.name} already.")
            return
        shows_it = self._bridge.state_of(frame.generation) == state
        new = self.board.add(state, frame.image if shows_it else None, is_final=frame.is_final)
        if self._canvas.mode is not CanvasMode.COMPARE:
            self._messages.say(f"Pinned as {new.name}.", "C compares with it, and shows all that is pinned.")
            if Still.PIN not in self._canvas.comparison.plates:
                self.board.refer_to(new)
                self._canvas.set_comparison(replace(self._canvas.comparison, left=Still.PIN, right=View.BLEND))

    @Slot(object)
    def _show_reference(self, pin: Pin | None) -> None:
        if pin is None:
            self._canvas.set_still(Still.PIN, None)
            self._canvas.set_comparison(without(self._canvas.comparison, Still.PIN))
        else:
            self._canvas.set_captions(pin=pin.name)
            self._canvas.set_still(Still.PIN, pin.pixels)

    @Slot(str)
    def compare_with(self, key: str) -> None:
        """Make a pin the reference."""
        pin = self.board.pin(key)
        if pin is None:
            return
        self.board.refer_to(pin)
        comparison = self._canvas.comparison
        right = View.BLEND if comparison.right is Still.PIN else comparison.right
        self._canvas.set_comparison(replace(comparison, left=Still.PIN, right=right))
        self._canvas.set_mode(CanvasMode.COMPARE)
        self._refresh()

    @Slot(str)
    def go_back(self, key: str) -> None:
        """Take up a pin's state again, as one undo step."""
        pin = self.board.pin(key)
        if pin is not None:
            self._session.insert(pin.state, f"back to {pin.name.lower()}")

    @Slot(str)
    def unpin(self, key: str) -> None:
        pin = self.board.pin(key)
        if pin is not None:
            self.board.remove(pin)

    @Slot()
    def _show_pins(self) -> None:
        if "bar" in self.__dict__:
            items, reference = self.board.items(), self.board.reference
            is_compared = reference is not None and Still.PIN in self._canvas.comparison.plates
            self.bar.pins.set_items(items, reference.key if reference is not None and is_compared else None)
            self.bar.set_pins_shown(bool(items))

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
        on_shelf = (record.latent.key for record in self._collection.latents())
        try:
            now = frozenset((*on_shelf, *self._trashed_latents()))
        except EngineError as error:
            self._messages.error(error)
            return
        if now != self._known:  # nothing at the very start may only mean that the shelf could not be read
            self._photos.forget_all_but(now)
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
        self._photo = pixels
        self._canvas.set_still(Still.PHOTO, pixels)
        self._show_likeness()
        if pixels is None:
            self._canvas.set_comparison(without(self._canvas.comparison, Still.PHOTO))
            self._messages.warn("This portrait's photo is gone or damaged.", "Open the photo again to bring it back.")

    @Slot()
    def compare_with_photo(self, view: View = View.BLEND) -> None:
        """Before and after: the photo against the blend, or, with A, against what was found of it."""
        latent = self._session.state.latent
        if not isinstance(latent, StoredLatent) or not self._has_photo(latent.key):
            self._messages.say("This face has no photo to compare with.", f"{NO_PHOTO}: Portrait > Open portrait.")
            return
        self._choose(replace(self._canvas.comparison, left=Still.PHOTO, right=view))
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

