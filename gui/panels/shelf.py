"""The shelf: what I have. Models, portraits and looks; the work under way at its foot.

What happens with looks is `gui.look_flow`'s.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QMenu, QScrollArea, QVBoxLayout, QWidget

from engine.library_records import ModelRecord
from engine.state import EditState, SeedLatent, Side, StoredLatent, View, with_models
from gui.collection import Collection
from gui.panels.job_tray import JobTray
from gui.session import Session
from gui.thumbnails import Thumbnails
from gui.widgets.section import Section
from gui.widgets.shelf_list import ShelfItem, ShelfList, ShelfMode

MODEL_PREFIX = "model:"
LATENT_PREFIX = "latent:"


class Shelf(QWidget):
    add_model_wanted = Signal()
    open_portrait_wanted = Signal()
    save_look_wanted = Signal()
    paths_dropped = Signal(object)  # tuple[Path, ...]
    latent_picked = Signal(object)  # LatentRecord
    measure_wanted = Signal(str)  # sha256
    overlay_wanted = Signal(str)  # sha256

    def __init__(
        self,
        session: Session,
        collection: Collection,
        thumbnails: Thumbnails,
        tray: JobTray,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._collection = collection
        self._thumbnails = thumbnails
        self.tray = tray
        self.models = ShelfList(ShelfMode.ROWS, "Drop a StyleGAN model here: .pkl, .pt, .pth or .safetensors")
        self.portraits = ShelfList(ShelfMode.GRID, "Drop a photo here to find it in model A")
        self.looks = ShelfList(ShelfMode.GRID, "Press + to keep the present blend as a look, or drop one here")
        self._lay_out()
        self._connect()
        self.show_models()
        self.show_portraits()

    def _lay_out(self) -> None:
        inside = QWidget()
        inside.setProperty("role", "panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(10, 6, 10, 8)
        column.setSpacing(8)
        for title, tip, shelf, action in (
            ("Models", "Add a model file", self.models, self.add_model_wanted.emit),
            ("Portraits", "Open a portrait", self.portraits, self.open_portrait_wanted.emit),
            ("Looks", "Save the present blend as a look (Ctrl+L)", self.looks, self.save_look_wanted.emit),
        ):
            section = Section(title)
            section.add_action("", tip, icon_name="plus").clicked.connect(action)
            section.add_widget(shelf)
            column.addWidget(section)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(area, 1)
        outer.addWidget(self.tray)

    def _connect(self) -> None:
        for shelf in (self.models, self.portraits):
            shelf.paths_dropped.connect(self.paths_dropped)
        self.models.assign_requested.connect(self._assign)
        self.models.opened.connect(self._use_as_b)
        self.models.menu_requested.connect(self._model_menu)
        self.models.remove_requested.connect(self._forget_model)
        self.portraits.picked.connect(self._pick_portrait)
        self.portraits.remove_requested.connect(self._collection.forget_latent)
        self.portraits.menu_requested.connect(self._portrait_menu)
        self._collection.models_changed.connect(self.show_models)
        self._collection.latents_changed.connect(self.show_portraits)
        self._session.state_changed.connect(self._show_state)
        self._thumbnails.ready.connect(self._thumbnail_ready)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        state = self._session.state
        self._badges = _badges(state)
        self.models.set_items(tuple(self._model_item(record) for record in self._collection.models()))

    def _model_item(self, record: ModelRecord) -> ShelfItem:
        sha256 = record.ref.sha256
        tag = f"{MODEL_PREFIX}{sha256}"
        picture = self._thumbnails.picture(tag) or self._collection.model_picture(sha256)
        if picture is None:
            self._thumbnails.want(tag, EditState(model_a=record.ref, latent=SeedLatent(1)), View.A)
        size = f"{record.descriptor.img_resolution} px"
        origin = "built in" if record.embedded else record.descriptor.family
        tip = f"{record.ref.name}: {size}, {origin}. Double-click uses it as B; the letters at its right choose"
        return ShelfItem(sha256, record.ref.name, f"{size}, {origin}", picture, self._badges.get(sha256, ""), tip)

    @Slot()
    def show_portraits(self) -> None:
        items = []
        for record in self._collection.latents():
            key = record.latent.key
            made_for = f", found in {record.model.name}" if record.model else ""
            picture = self._thumbnails.picture(LATENT_PREFIX + key) or self._collection.latent_picture(key)
            if picture is None and record.model is not None:
                state = EditState(model_a=record.model, latent=record.latent, truncation_psi=1.0)
                self._thumbnails.want(LATENT_PREFIX + key, state, View.A)
            items.append(ShelfItem(key, record.latent.name, "", picture, "", record.latent.name + made_for))
        self.portraits.set_items(tuple(items))
        self._select_portrait(self._session.state)

    @Slot(object)
    def _show_state(self, state: EditState) -> None:
        if _badges(state) != self._badges:
            self.show_models()
        self._select_portrait(state)

    def _select_portrait(self, state: EditState) -> None:
        self.portraits.select(state.latent.key if isinstance(state.latent, StoredLatent) else None)

    @Slot(str, QImage)
    def _thumbnail_ready(self, tag: str, picture: QImage) -> None:
        kind, _, key = tag.partition(":")
        if kind + ":" == MODEL_PREFIX:
            self.models.set_thumbnail(key, picture)
            self._collection.set_model_picture(key, picture)
        elif kind + ":" == LATENT_PREFIX:
            self.portraits.set_thumbnail(key, picture)

    # --- doing ----------------------------------------------------------------------------------------------------

    @Slot(str, str)
    def _assign(self, sha256: str, letter: str) -> None:
        record = self._collection.model(sha256)
        if record is None:
            return
        side = Side(letter.lower())
        state = self._session.state
        self._session.edit(with_models(state, a=record.ref) if side is Side.A else with_models(state, b=record.ref))

    @Slot(str)
    def _use_as_b(self, sha256: str) -> None:
        self._assign(sha256, "B" if self._session.state.model_a is not None else "A")

    @Slot(str, QPoint)
    def _model_menu(self, sha256: str, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Use as A", lambda: self._assign(sha256, "A"))
        menu.addAction("Use as B", lambda: self._assign(sha256, "B"))
        menu.addAction("Lay over the blend", lambda: self.overlay_wanted.emit(sha256))
        menu.addSeparator()
        menu.addAction("Measure…", lambda: self.measure_wanted.emit(sha256))
        menu.addSeparator()
        menu.addAction("Take off the shelf", lambda: self._forget_model(sha256))
        menu.popup(place)

    @Slot(str)
    def _forget_model(self, sha256: str) -> None:
        """Its file stays where it is. A model that is in use stays on the shelf."""
        record = self._collection.model(sha256)
        if record is not None and sha256 not in self._badges and not record.embedded:
            self._collection.forget_model(sha256)

    @Slot(str)
    def _pick_portrait(self, key: str) -> None:
        record = self._collection.latent(key)
        if record is not None:
            self.latent_picked.emit(record)

    @Slot(str, QPoint)
    def _portrait_menu(self, key: str, place: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Use it", lambda: self._pick_portrait(key))
        menu.addAction("Take off the shelf", lambda: self._collection.forget_latent(key))
        menu.popup(place)


def _badges(state: EditState) -> dict[str, str]:
    """Which models are A, B or both, by hash."""
    badges: dict[str, str] = {}
    for letter, ref in (("A", state.model_a), ("B", state.model_b)):
        if ref is not None:
            badges[ref.sha256] = badges.get(ref.sha256, "") + letter
    return badges

