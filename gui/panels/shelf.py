"""The shelf: what I have. Models, portraits and looks; the work under way at its foot.

It shows the newest portraits and looks, and by search any of them; the library's own window has them all. What
happens with looks is `gui.look_flow`'s, what happens to models and portraits `gui.library_flow`'s.
"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QMenu, QPushButton, QScrollArea, QVBoxLayout, QWidget

from engine.errors import EngineError
from engine.library_directions import DirectionTable
from engine.library_records import DirectionRecord, LatentRecord, ModelRecord
from engine.library_tags import Kind
from engine.library_trash import Thing
from engine.lineage import origin_line
from engine.state import EditState, SeedLatent, Side, StoredLatent, View, with_models
from gui.collection import Collection
from gui.further_models import letter_of
from gui.library_window.reader import LibraryReader
from gui.panels.job_tray import JobTray
from gui.panels.labels import caption_label
from gui.session import Session
from gui.shelf_filter import ShelfFilter
from gui.thumbnails import Thumbnails
from gui.widgets.drops import MODEL_KIND, PORTRAIT_KIND
from gui.widgets.section import Section
from gui.widgets.shelf_list import ShelfItem, ShelfList, ShelfMode
from gui.widgets.shelf_search import ShelfSearch

MODEL_PREFIX = "model:"
LATENT_PREFIX = "latent:"
MOST = 60
"""Portraits on the shelf; the others are found by search, or in the library's own window."""


class Shelf(QWidget):
    add_model_wanted = Signal()
    open_portrait_wanted = Signal()
    save_look_wanted = Signal()
    paths_dropped = Signal(object)  # tuple[Path, ...]
    latent_picked = Signal(object)  # LatentRecord
    measure_wanted = Signal(str)  # sha256
    overlay_wanted = Signal(str)  # sha256
    details_wanted = Signal(str)  # sha256
    locate_wanted = Signal(str)  # sha256
    trash_wanted = Signal(object)  # Thing
    rename_wanted = Signal(object, str)  # Thing, and the name now: ask for another
    renamed = Signal(object, str)  # Thing, and its new name
    direction_picked = Signal(object)  # DirectionRecord
    filter_changed = Signal(object)  # ShelfFilter
    library_wanted = Signal()
    closer_wanted = Signal(str)  # a portrait's key: search on from it
    align_wanted = Signal(str)  # a portrait's key: align its photo again
    tune_wanted = Signal(str)  # the key of a portrait
    put_back_wanted = Signal(str)  # a portrait's key: show it in its photo

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
        self.directions = ShelfList(ShelfMode.ROWS, "No direction of that name", glyph="direction")
        self.search = ShelfSearch()
        self._filter = ShelfFilter()
        self._direction_records: dict[str, DirectionRecord] = {}
        self._sections: dict[Kind, Section] = {}
        self._reader = LibraryReader(collection.library, self)
        self._reader.picture_read.connect(self._take_picture)
        self.models.set_carried(MODEL_KIND)
        self.portraits.set_carried(PORTRAIT_KIND)
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
        for kind, title, tip, shelf, action in (
            (Kind.MODEL, "Models", "Add a model file", self.models, self.add_model_wanted.emit),
            (Kind.PORTRAIT, "Portraits", "Open a portrait", self.portraits, self.open_portrait_wanted.emit),
            (Kind.LOOK, "Looks", "Save the present blend as a look (Ctrl+L)", self.looks, self.save_look_wanted.emit),
        ):
            section = self._sections[kind] = Section(title)
            section.add_action("", tip, icon_name="plus").clicked.connect(action)
            section.add_widget(shelf)
            column.addWidget(section)
        found = self._sections[Kind.DIRECTION] = Section("Directions")
        found.add_widget(self.directions)
        found.hide()
        column.addWidget(found)
        self._nothing = caption_label("Nothing on the shelf has all these words.")
        self._nothing.setWordWrap(True)
        self._nothing.hide()
        column.addWidget(self._nothing)
        self._more = QPushButton()
        self._more.setProperty("role", "quiet")
        self._more.setToolTip("Open the library in its own window (Ctrl+Shift+L)")
        self._more.clicked.connect(self.library_wanted)
        self._more.hide()
        column.addWidget(self._more)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidget(inside)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        head = QWidget()
        head_row = QVBoxLayout(head)
        head_row.setContentsMargins(10, 8, 10, 2)
        head_row.addWidget(self.search)
        outer.addWidget(head)
        outer.addWidget(area, 1)
        outer.addWidget(self.tray)

    def _connect(self) -> None:
        for shelf in (self.models, self.portraits):
            shelf.paths_dropped.connect(self.paths_dropped)
        self.models.assign_requested.connect(self._assign)
        self.models.opened.connect(self._use_as_b)
        self.models.menu_requested.connect(self._model_menu)
        self.models.remove_requested.connect(self._trash_model)
        self.models.rename_requested.connect(self.models.edit_name)
        self.models.renamed.connect(self._model_renamed)
        self.models.details_requested.connect(self.details_wanted)
        self.portraits.picked.connect(self._pick_portrait)
        self.portraits.remove_requested.connect(self._trash_portrait)
        self.portraits.rename_requested.connect(self._rename_portrait)
        self.portraits.menu_requested.connect(self._portrait_menu)
        self.directions.opened.connect(self._pick_direction)
        self.search.changed.connect(self.set_filter)
        self._collection.changed.connect(self._show_tags)
        self._collection.directions_changed.connect(self._show_directions)
        self._collection.looks_changed.connect(self._show_sections)
        self._collection.models_changed.connect(self.show_models)
        self._collection.latents_changed.connect(self.show_portraits)
        self._session.state_changed.connect(self._show_state)
        self._thumbnails.ready.connect(self._thumbnail_ready)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot(object)
    def set_filter(self, wanted: ShelfFilter) -> None:
        """Show only what it takes."""
        self._filter = wanted
        self.filter_changed.emit(wanted)  # the looks show themselves
        self.show_models()
        self.show_portraits()
        self._show_directions()

    @Slot()
    def show_models(self) -> None:
        state = self._session.state
        self._badges, self._further = _badges(state), _further(state)
        records = self._collection.models()
        shown = tuple(record for record in records if self._takes_model(record, records))
        self.models.set_items(tuple(self._model_item(record) for record in shown))
        self._show_sections()

    def _takes_model(self, record: ModelRecord, shelf: tuple[ModelRecord, ...]) -> bool:
        if not self._filter.is_on:
            return True
        descriptor, note = record.descriptor, record.note
        words = (
            record.ref.name, descriptor.family, f"{descriptor.img_resolution} px", str(note.get("licence", "")),
            "built in" if record.embedded else "", origin_line(record, shelf),
        )  # fmt: skip
        return self._filter.takes(Kind.MODEL, words, self._collection.tags((Kind.MODEL, record.ref.sha256)))

    def _model_item(self, record: ModelRecord) -> ShelfItem:
        sha256 = record.ref.sha256
        tag = f"{MODEL_PREFIX}{sha256}"
        is_absent = self._collection.is_absent(sha256)
        picture = self._thumbnails.picture(tag) or self._collection.model_picture(sha256)
        if picture is None and not is_absent:
            self._thumbnails.want(tag, EditState(model_a=record.ref, latent=SeedLatent(1)), View.A)
        size = f"{record.descriptor.img_resolution} px"
        is_tuned = record.descriptor.tuned_from is not None
        origin = "built in" if record.embedded else "tuned" if is_tuned else record.descriptor.family
        tip = f"{record.ref.name}: {size}, {origin}. Double-click uses it as B; the letters at its right choose"
        caption = ", ".join((size, origin, *self._further.get(sha256, ())))
        if is_absent:
            caption = "file not found"
            tip = f"{record.ref.name}: its file was moved or deleted, and it is in no folder that Graft knows"
        return ShelfItem(sha256, record.ref.name, caption, picture, self._badges.get(sha256, ""), tip)

    @Slot()
    def show_portraits(self) -> None:
        items: list[ShelfItem] = []
        pictures = {item.key: item.thumbnail for item in self.portraits.items}
        records = self._collection.latents()
        for record in records:
            if len(items) >= MOST:
                break
            if self._takes_portrait(record):
                items.append(self._portrait_item(record, pictures.get(record.latent.key)))
        self.portraits.set_items(tuple(items))
        self._select_portrait(self._session.state)
        others = len(records) - len(items)
        self._more.setText(f"{others} more in the library…")
        self._more.setVisible(others > 0 and not self._filter.is_on)
        self._show_sections()

    def _takes_portrait(self, record: LatentRecord) -> bool:
        if not self._filter.is_on:
            return True
        words = (record.latent.name, record.model.name if record.model else "", "portrait")
        return self._filter.takes(Kind.PORTRAIT, words, self._collection.tags((Kind.PORTRAIT, record.latent.key)))

    def _portrait_item(self, record: LatentRecord, shown: QImage | None) -> ShelfItem:
        key = record.latent.key
        made_for = f", found in {record.model.name}" if record.model else ""
        picture = self._thumbnails.picture(LATENT_PREFIX + key) or shown
        if picture is None:
            self._reader.want_picture((Kind.PORTRAIT, key))
        how_like = f". {record.likeness.sentence}" if record.likeness else ""
        return ShelfItem(key, record.latent.name, "", picture, "", record.latent.name + made_for + how_like)

    @Slot(object, QImage)
    def _take_picture(self, thing: Thing, picture: QImage) -> None:
        """A portrait's, from the library; the engine draws one that is not there."""
        record = self._collection.latent(thing[1])
        if not picture.isNull():
            self.portraits.set_thumbnail(thing[1], picture)
        elif record is not None and record.model is not None:
            state = EditState(model_a=record.model, latent=record.latent, truncation_psi=1.0)
            self._thumbnails.want(LATENT_PREFIX + thing[1], state, View.A)

    def stop_reading(self) -> None:
        """Before the library is closed."""
        self._reader.close()

    @Slot()
    def _show_directions(self) -> None:
        """Directions have sliders of their own; here they are only found."""
        items: list[ShelfItem] = []
        self._direction_records = {}
        if self._filter.is_on and self._filter.kind in (None, Kind.DIRECTION):
            for record in self._kept_directions():
                words = (record.name, record.model.name if record.model else "", record.source, "direction")
                if self._filter.takes(Kind.DIRECTION, words, self._collection.tags((Kind.DIRECTION, record.key))):
                    self._direction_records[record.key] = record
                    caption = record.model.name if record.model else record.source
                    items.append(ShelfItem(record.key, record.name, caption, tooltip=f"{record.name}: Enter adds it"))
        self.directions.set_items(items[:MOST])
        self._show_sections()

    def _kept_directions(self) -> tuple[DirectionRecord, ...]:
        try:
            return DirectionTable(self._collection.library.file).kept()
        except EngineError as error:
            self._collection.failed.emit(error)
            return ()

    @Slot()
    def _show_sections(self) -> None:
        """While one searches, only the parts in which something was found."""
        lists = {
            Kind.MODEL: self.models, Kind.PORTRAIT: self.portraits, Kind.LOOK: self.looks,
            Kind.DIRECTION: self.directions,
        }  # fmt: skip
        searches = self._filter.is_on
        for kind, shelf in lists.items():
            self._sections[kind].setVisible(bool(shelf.items) if searches else kind is not Kind.DIRECTION)
        self._nothing.setVisible(searches and not any(shelf.items for shelf in lists.values()))

    @Slot()
    def _show_tags(self) -> None:
        self.search.set_tags(self._collection.all_tags())

    @Slot(object)
    def _show_state(self, state: EditState) -> None:
        if (_badges(state), _further(state)) != (self._badges, self._further):
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
            self._collection.set_latent_picture(key, picture)

    def picture_of(self, sha256: str) -> QImage | None:
        """Of a model."""
        return self._thumbnails.picture(f"{MODEL_PREFIX}{sha256}") or self._collection.model_picture(sha256)

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
        menu.addAction("About this model…", lambda: self.details_wanted.emit(sha256))
        menu.addAction("Rename", lambda: self.models.edit_name(sha256))
        if self._collection.is_absent(sha256):
            menu.addAction("Locate its file…", lambda: self.locate_wanted.emit(sha256))
        menu.addAction("Measure…", lambda: self.measure_wanted.emit(sha256))
        menu.addSeparator()
        menu.addAction("Move to trash", lambda: self._trash_model(sha256))
        menu.popup(place)

    @Slot(str)
    def _trash_model(self, sha256: str) -> None:
        self.trash_wanted.emit((Kind.MODEL, sha256))

    @Slot(str, str)
    def _model_renamed(self, sha256: str, name: str) -> None:
        self.renamed.emit((Kind.MODEL, sha256), name)

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
        record = self._collection.latent(key)
        if record is not None and record.source is not None:
            menu.addAction("Search closer", lambda: self.closer_wanted.emit(key))
            menu.addAction("Align again…", lambda: self.align_wanted.emit(key))
            menu.addAction("Put back into its photo…", lambda: self.put_back_wanted.emit(key))
            menu.addAction("Tune the model to it…", lambda: self.tune_wanted.emit(key))
        menu.addAction("Rename…", lambda: self._rename_portrait(key))
        menu.addAction("Move to trash", lambda: self._trash_portrait(key))
        menu.popup(place)

    @Slot(str)
    def _trash_portrait(self, key: str) -> None:
        self.trash_wanted.emit((Kind.PORTRAIT, key))

    @Slot(str)
    def _rename_portrait(self, key: str) -> None:
        record = self._collection.latent(key)
        if record is not None:
            self.rename_wanted.emit((Kind.PORTRAIT, key), record.latent.name)

    @Slot(str)
    def _pick_direction(self, key: str) -> None:
        record = self._direction_records.get(key)
        if record is not None:
            self.direction_picked.emit(record)


def _further(state: EditState) -> dict[str, tuple[str, ...]]:
    """The letters of further models, by hash."""
    letters: dict[str, tuple[str, ...]] = {}
    for index, overlay in enumerate(state.overlays):
        letters[overlay.model.sha256] = (*letters.get(overlay.model.sha256, ()), letter_of(index))
    return letters


def _badges(state: EditState) -> dict[str, str]:
    """Which models are A, B or both, by hash."""
    badges: dict[str, str] = {}
    for letter, ref in (("A", state.model_a), ("B", state.model_b)):
        if ref is not None:
            badges[ref.sha256] = badges.get(ref.sha256, "") + letter
    return badges

