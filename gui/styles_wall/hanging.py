"""What hangs on the wall: which styles, the state behind each picture, and having them drawn."""

from __future__ import annotations

from contextlib import suppress

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import EngineError
from engine.latents import LatentStore
from engine.look import look_of, restore_look_arrays
from engine.messages import MakeThumbnail
from engine.state import EditState, Latent, StoredLatent
from engine.styles import BASE, Style, base_model, embedded_styles, in_style, own_styles, reads, wears
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.presets import shown_curve
from gui.session import Session
from gui.state_pictures import StatePictures
from gui.styles_wall.page import StylesPage
from gui.styles_wall.wall import Tile
from gui.thumbnails import Thumbnails

PHOTO = "photo"
PRESENT = "present"
MAKES_ROOM = "poster"
"""The style that the user's present look takes the place of."""

SIZES_PX = (256, 512)
ENOUGH = 1.15
"""How much a picture may be enlarged before a larger one is drawn."""

KEPT = 120
WARM_PX = 16


class Hanging(QObject):
    """`begin` chooses the styles, `show_latent` has them drawn with a face; old pictures stay until the new come."""

    drawn = Signal()  # every picture of the present latent hangs

    def __init__(
        self,
        page: StylesPage,
        session: Session,
        collection: Collection,
        store: LatentStore,
        thumbnails: Thumbnails,
        bridge: EngineBridge,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._page = page
        self._session = session
        self._collection = collection
        self._store = store
        self._bridge = bridge
        self._by_size = {
            size: StatePictures(thumbnails, self, prefix=f"styles-{size}:", size_px=size, kept=KEPT)
            for size in SIZES_PX
        }
        for pictures in self._by_size.values():
            pictures.ready.connect(self._ready)
        self._styles: dict[str, Style] = {}
        self._states: dict[str, EditState] = {}
        self._missing: set[str] = set()
        self._is_warm = False
        self.is_up = False
        self.latent: Latent | None = None
        self.psi = 1.0

    # --- what hangs -----------------------------------------------------------------------------------------------

    def style(self, key: str) -> Style | None:
        return self._styles.get(key)

    @property
    def is_whole(self) -> bool:
        """Whether every picture of the present face hangs."""
        return self.latent is not None and not self._missing

    @property
    def picture_of_base(self) -> QImage | None:
        """The face without a style."""
        tile = self._page.wall.tile(BASE)
        return None if tile is None else tile.picture

    def begin(self, name: str, photo: QImage | None, *, is_adjustable: bool) -> None:
        """Hang frames without pictures.

        Args:
            photo: What the face was found in; empty for one that is still to come, None where there is none.
            is_adjustable: A click on the photo leads to its crop.
        """
        models = self._collection.models()
        styles, own = self._chosen(), own_styles(self._collection.looks(), models)
        for one in own:
            with suppress(EngineError):  # then it is drawn without; taking it says why
                restore_look_arrays(one.look, self._store)
        self._styles = {style.key: style for style in (*styles, *own)}
        self._states, self._missing, self.latent = {}, set(), None
        self.is_up = True
        tiles = [self._tile(style) for style in styles]
        if photo is not None:
            words = "Your photo; click to adjust the crop" if is_adjustable else "The photo"
            tiles.insert(0, Tile(PHOTO, "Photo", words, None if photo.isNull() else photo, is_photo=True))
        groups = [("", tiles), ("Your looks", [self._tile(style) for style in own])]
        self._page.begin(name, groups, from_photo=is_adjustable)

    def _chosen(self) -> tuple[Style, ...]:
        """Those that come with Graft, and the look on screen if it is another."""
        state, models = self._session.state, self._collection.models()
        styles, base = embedded_styles(models), base_model(models)
        records = {record.ref.sha256: record for record in models}
        if state.model_b is None or base is None or not reads(state.model_a, records, base) or wears(state, styles):
            return styles
        look = look_of(state, "Your look now", self._collection.embedded_names())
        present = Style(PRESENT, look.name, "What is done to the picture on screen, done to this face", look)
        if any(style.key == MAKES_ROOM for style in styles):
            return tuple(present if style.key == MAKES_ROOM else style for style in styles)
        return (*styles, present)

    def _tile(self, style: Style) -> Tile:
        look = style.look
        descriptor = self._collection.descriptor(look.model_a)
        shares: tuple[float, ...] = ()
        if look.model_b is not None and descriptor is not None:
            shares = tuple(look.blend.alpha * share for share in shown_curve(look.blend, descriptor.num_ws))
        return Tile(style.key, style.name, style.words, None, shares)

    def end(self) -> None:
        """Draw no more."""
        self.is_up = False
        for pictures in self._by_size.values():
            pictures.want("wall", ())

    # --- drawing --------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Have the models read while a first photo is being opened."""
        if self._is_warm or not self._bridge.is_running:
            return
        self._is_warm = True
        pairs = {(style.look.model_a, style.look.model_b) for style in embedded_styles(self._collection.models())}
        for a, b in pairs:
            self._bridge.submit(MakeThumbnail(EditState(a, b), "styles-warm", WARM_PX))

    def show_latent(self, latent: Latent, psi: float = 1.0) -> None:
        """Have every style drawn with this face."""
        self.latent, self.psi = latent, 1.0 if isinstance(latent, StoredLatent) else psi
        self._states = {key: in_style(style, latent, self.psi) for key, style in self._styles.items()}
        self._missing = set(self._states)
        drawing = self._pictures()
        for pictures in self._by_size.values():
            if pictures is not drawing:
                pictures.want("wall", ())
        for key, state in self._states.items():
            picture = drawing.picture(state)
            if picture is not None:
                self._hang(key, picture)
        missing = dict.fromkeys(state for key, state in self._states.items() if key in self._missing)
        drawing.want("wall", missing, first=True)
        if not self._missing:
            self.drawn.emit()

    def _pictures(self) -> StatePictures:
        """As large as they are shown."""
        shown_px = self._page.wall.edge_px * self._page.devicePixelRatioF() / ENOUGH
        return self._by_size[next((size for size in SIZES_PX if size >= shown_px), SIZES_PX[-1])]

    @Slot(object, QImage)
    def _ready(self, state: EditState, picture: QImage) -> None:
        found = [key for key, one in self._states.items() if one == state]
        for key in found:
            self._hang(key, picture)
        if found and not self._missing and self.is_up:
            self.drawn.emit()

    def _hang(self, key: str, picture: QImage) -> None:
        self._missing.discard(key)
        self._page.set_picture(key, picture)
