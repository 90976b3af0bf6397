"""From a photo to a face in every style: opened, found at once, hung on the wall, made more like it while one looks,
and one of them taken, to go on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QImage

from engine.differences import latent_name
from engine.encoder_file import offer_encoder
from engine.errors import EngineError, printable
from engine.framing import FacePoints
from engine.latents import LatentStore
from engine.look import restore_look_arrays
from engine.messages import JobFinished, JobOutcome, OpenPortrait, Pixels, PortraitOpened
from engine.state import EditState, ModelRef, StoredLatent, with_latent
from engine.styles import base_model, in_style, is_readable
from gui.canvas import CanvasMode
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.messages import Choice, Messages
from gui.pixels import square_thumbnail, to_qimage, to_thumbnail
from gui.portrait_flow import MAX_NAME_CHARS, PortraitFlow, cut_preview
from gui.session import Session
from gui.styles_wall.finding import Finding, Found
from gui.styles_wall.hanging import PHOTO, Hanging
from gui.styles_wall.page import HELP, StylesPage
from gui.thumbnails import Thumbnails

if TYPE_CHECKING:
    from gui.compare.photos import PortraitPhotos

PHOTO_PX = 384
SHELF_PX = 128
FACE_PX = 112
PATIENCE_MS = 6000
"""How long the search waits for the pictures of what it found last, which come much sooner while it rests. Should one
never come, it goes on all the same."""


class StylesFlow(QObject):
    """`open` takes a photo; `show_present` the face that is on screen."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        store: LatentStore,
        thumbnails: Thumbnails,
        portraits: PortraitFlow,
        photos: Callable[[], PortraitPhotos],
        messages: Messages,
        encoder_folders: Sequence[Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._store = store
        self._portraits = portraits
        self._photos = photos
        self._messages = messages
        self._encoder_folders = tuple(encoder_folders)
        self._opening_id = ""
        self._portrait: PortraitOpened | None = None
        self._face: FacePoints | None = None
        self._waits_for_photo = ""
        self._taken: Found | None = None
        self._kept: set[str] = set()
        self._is_taking = False
        self.page = StylesPage()
        self.finding = Finding(bridge, self)
        self.hanging = Hanging(self.page, session, collection, store, thumbnails, bridge, self)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE_MS)
        self._patience.timeout.connect(self.finding.go_on)
        self._connect()

    def _connect(self) -> None:
        page, canvas = self.page, self._window.parts.canvas
        page.taken.connect(self.take)
        page.left.connect(self.leave)
        page.adjust_wanted.connect(self.adjust)
        page.face_picked.connect(self._pick_face)
        self.finding.found.connect(self._found)
        self.finding.progressed.connect(self._progressed)
        self.finding.ended.connect(self._ended)
        self.finding.failed.connect(self._failed)
        self.hanging.drawn.connect(self._drawn)
        self._session.state_changed.connect(self._state_changed)
        self._window.stack.currentChanged.connect(self._centre_changed)
        canvas.mode_changed.connect(self.leave)
        canvas.align_begun.connect(self.leave)

    # --- coming ---------------------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        return self._window.centre is self.page

    def _base(self) -> ModelRef | None:
        """The model that photos are found in, if it is here with its encoder."""
        base = base_model(self._collection.models())
        if base is None or offer_encoder(base, self._encoder_folders).path is None:
            return None
        return base

    @Slot(object)
    def open(self, path: Path, points: FacePoints | None = None) -> None:
        """Show the face of a photo in every style; where that cannot be, show the photo for aligning.

        Args:
            points: Where the face is, if that is known; otherwise it is looked for.
        """
        if self._base() is None:
            self._portraits.open(path)
            return
        if self._opening_id:
            self._bridge.cancel(self._opening_id)
        self.hanging.warm_up()
        self._opening_id = self._bridge.submit(OpenPortrait(path), partial(self._opened, points))

    def _opened(self, points: FacePoints | None, event: JobFinished) -> None:
        if event.job_id != self._opening_id:
            return
        self._opening_id = ""
        portrait = event.result
        if isinstance(portrait, PortraitOpened):
            is_sure = bool(portrait.faces) and (not portrait.certain or portrait.certain[0])
            if points is not None or is_sure:
                self.show_portrait(portrait, points or portrait.faces[0])
            else:
                self._portraits.align(portrait)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)

    def show_portrait(self, portrait: PortraitOpened, face: FacePoints) -> None:
        """Show a face of a photo that is open already."""
        base = self._base()
        if base is None:
            self._portraits.align(portrait, face)
            return
        try:
            photo = self._cut(portrait, face, base, PHOTO_PX)
            faces = [self._cut(portrait, one, base, FACE_PX) for one in portrait.faces]
        except EngineError as error:
            self._messages.error(error)
            self._portraits.align(portrait, face)
            return
        self._begin(portrait, face)
        name = printable(portrait.path.stem, MAX_NAME_CHARS)
        self.hanging.begin(name, photo, is_adjustable=True)
        chosen = portrait.faces.index(face) if face in portrait.faces else -1
        self.page.set_faces(faces, portrait.certain or (True,) * len(faces), chosen)
        self.page.show_status("Finding the face…", 0.0)
        self._messages.warn_all(portrait.notes)
        self._show()
        self.finding.find(portrait.path, face, base, name)

    @Slot()
    def show_present(self) -> None:
        """Show the face that is on screen in every style."""
        state = self._session.state
        latent = state.latent
        found = self._collection.latent(latent.key) if isinstance(latent, StoredLatent) else None
        base, models = base_model(self._collection.models()), self._collection.models()
        if base is None or not is_readable(state, found, models):
            hint = "Open its photo again: its face is then found in the model that the styles are made for."
            self._messages.say("The styles that come with Graft cannot read the face on screen.", hint)
            return
        self._begin(None, None)
        name = printable(latent_name(latent), MAX_NAME_CHARS)
        key = latent.key if isinstance(latent, StoredLatent) else ""
        has_photo = bool(key) and self._photos().has(key)
        self.hanging.begin(name, QImage() if has_photo else None, is_adjustable=False)
        if has_photo:
            self._waits_for_photo = key
            self._photos().read.connect(self._photo_read)
            self._photos().ask(key)
        self.page.set_faces((), (), -1)
        self._show()
        self.hanging.show_latent(latent, state.truncation_psi)

    def _begin(self, portrait: PortraitOpened | None, face: FacePoints | None) -> None:
        self._session.end_gesture()
        self.finding.stop()
        self._patience.stop()
        self._taken = None
        self._portrait, self._face = portrait, face

    def _show(self) -> None:
        self._window.show_in_centre(self.page)
        self.page.focus_wall()

    def _cut(self, portrait: PortraitOpened, face: FacePoints, base: ModelRef, size_px: int) -> QImage:
        descriptor = self._collection.descriptor(base)
        assert descriptor is not None
        return cut_preview(portrait, face, descriptor.framing, size_px)

    @Slot(str, object)
    def _photo_read(self, key: str, photo: Pixels | None) -> None:
        if key == self._waits_for_photo and photo is not None and self.is_open:
            self.page.set_picture(PHOTO, to_qimage(photo))

    @Slot(int)
    def _pick_face(self, number: int) -> None:
        portrait = self._portrait
        if portrait is None or not 0 <= number < len(portrait.faces) or portrait.faces[number] == self._face:
            return
        if portrait.certain and not portrait.certain[number]:
            self._portraits.align(portrait, portrait.faces[number])
        else:
            self.show_portrait(portrait, portrait.faces[number])

    # --- while one looks ------------------------------------------------------------------------------------------

    @Slot(object)
    def _found(self, found: Found) -> None:
        if self.is_open:
            if found.target is not None:
                self.page.set_picture(PHOTO, to_qimage(found.target))
            self._say_progress(found.steps)
            self._patience.start()
            self.hanging.show_latent(found.latent)
        elif found.is_last:
            self._offer(found)
        else:
            self.finding.go_on()

    @Slot()
    def _drawn(self) -> None:
        """All its pictures hang: search on."""
        if self.is_open:
            self._patience.stop()
            self.finding.go_on()

    @Slot(int, float)
    def _progressed(self, steps: int, fraction: float) -> None:
        if self.is_open:
            self._say_progress(steps, fraction)

    def _say_progress(self, steps: int, fraction: float = 0.0) -> None:
        closer = f"Getting closer, step {steps}. " if steps else ""
        self.page.show_status(closer + HELP, fraction)

    @Slot()
    def _ended(self) -> None:
        if self.is_open:
            self.page.show_status("", None)

    @Slot(object)
    def _failed(self, error: EngineError) -> None:
        self.leave()
        self._messages.error(error)

    # --- going ----------------------------------------------------------------------------------------------------

    @Slot(str)
    def take(self, key: str) -> None:
        """Put a style and the face under the sliders, as one undo step; the photo leads to its crop."""
        if key == PHOTO:
            self.adjust()
            return
        style, latent = self.hanging.style(key), self.hanging.latent
        if style is None or latent is None:
            return
        try:
            restore_look_arrays(style.look, self._store)
        except EngineError as error:
            self._messages.error(error)
            return
        self._taken = self.finding.newest
        if self._taken is not None:
            self._keep(self._taken)
        self._is_taking = True
        self._session.insert(in_style(style, latent, self.hanging.psi), f"{style.name}, {latent_name(latent)}")
        self._window.show_in_centre(None)
        self._is_taking = False
        self._rest()
        self._hand_over()

    def _hand_over(self) -> None:
        """Show what was taken, and give the keyboard to what one turns next."""
        parts, state = self._window.parts, self._session.state
        if parts.canvas.mode in (CanvasMode.A, CanvasMode.B, CanvasMode.COMPARE):
            parts.canvas.set_mode(CanvasMode.BLEND)
        blend = parts.controls.blend
        slider = blend.alpha if state.blend.curve is not None else blend.swap_resolution
        if state.model_b is not None and slider.isVisible():
            parts.controls.ensureWidgetVisible(slider)
            slider.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            parts.canvas.setFocus()

    @Slot()
    def adjust(self) -> None:
        """Place the crop by hand."""
        portrait, face = self._portrait, self._face
        if portrait is not None and face is not None:
            self.finding.stop()
            self.finding.newest = None  # of a crop that is about to be another
            self.leave()
            self._portraits.align(portrait, face)

    @Slot()
    def leave(self) -> None:
        """Back to the picture as it was. What was found stays on the shelf."""
        if self.is_open:
            self._window.show_in_centre(None)  # which ends it
            self._window.parts.canvas.setFocus()

    def close(self) -> None:
        """The window is about to go, and its parts with it, one after the other."""
        self.leave()
        self.finding.stop()
        self._window.stack.currentChanged.disconnect(self._centre_changed)

    @Slot(int)
    def _centre_changed(self, _index: int) -> None:
        if self.is_open or self._is_taking or not self.hanging.is_up:
            return
        newest = self.finding.newest
        self.finding.stop()
        if newest is not None:
            self._keep(newest)
        self._rest()

    def _rest(self) -> None:
        self._patience.stop()
        self.hanging.end()
        self._portrait = None
        self._waits_for_photo = ""

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if not self._is_taking:
            self.leave()  # the hand has gone back to the sliders: show what they do

    # --- afterwards -----------------------------------------------------------------------------------------------

    def _keep(self, found: Found) -> None:
        """Put what was found on the shelf."""
        latent = found.latent
        if latent.key in self._kept:
            return
        self._kept.add(latent.key)
        picture = None if found.image is None else to_thumbnail(found.image, SHELF_PX)
        if picture is None and (drawn := self.hanging.picture_of_base) is not None:
            picture = square_thumbnail(drawn, SHELF_PX)
        self._collection.add_latent(latent, found.model, picture, source=found.source, likeness=found.likeness)
        if found.target is not None and not self._photos().has(latent.key):
            self._photos().keep(latent.key, found.target)

    def _offer(self, found: Found) -> None:
        """A closer likeness than the one that was taken is there: nothing changes under the hand."""
        taken = self._taken
        self._keep(found)
        if taken is not None and self._session.state.latent == taken.latent != found.latent:
            name = printable(found.latent.name, MAX_NAME_CHARS)
            use = Choice("Use it", partial(self._use, taken.latent, found.latent))
            self._messages.say(f"A closer likeness of {name} is ready.", "", use)

    def _use(self, before: StoredLatent, closer: StoredLatent) -> None:
        state = self._session.state
        if state.latent == before:
            self._session.insert(with_latent(state, closer), f"closer likeness, {latent_name(closer)}")
