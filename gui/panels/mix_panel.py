"""The mix panel: further latents and which layers they give their style to."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import QMimeData, QRectF, Signal, Slot
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from engine.state import EditState, Latent, MixSource, SeedLatent, with_mix_source
from gui.collection import Collection
from gui.mixing import (
    new_source,
    with_duplicate,
    with_moved,
    with_muted,
    with_solo,
    with_source_as_main,
    ws_resolutions,
)
from gui.panels.hand import follow_hand, follow_locks
from gui.panels.labels import caption_label
from gui.session import Session
from gui.surprise import new_seed
from gui.theme import current_theme
from gui.widgets.drops import dropped_portrait, local_paths
from gui.widgets.layer_matrix import LayerMatrix, MatrixRow, RowWish
from gui.widgets.matrix_columns import Detail
from gui.widgets.section import Section

EMPTY = "Layers can take the style of another seed. Add one, or drop a picture that Graft exported"
DETAILS = {
    Detail.GROUPS: ("Groups", "Three columns: coarse, middle and fine"),
    Detail.RESOLUTIONS: ("Resolutions", "A column per resolution"),
    Detail.LAYERS: ("Layers", "A column per row of ws"),
}


class MixPanel(Section):
    paths_dropped = Signal(object)  # tuple[Path, ...]
    picture_wanted = Signal()  # choose a picture file whose latent is to be mixed in
    detail_changed = Signal(str)
    rows_shown = Signal(object)  # EditState: its sources are shown now, and want pictures

    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Mix", parent=parent)
        self._session = session
        self._collection = collection
        self._ws_resolutions: tuple[int, ...] = ws_resolutions(None)
        self._pictures: dict[Latent, tuple[QImage, str]] = {}
        self._is_drop_target = False
        self.detail = self.add_action("", "What a column stands for")
        self._details = self._detail_menu()
        self.add_source = self.add_action("+ source", "Mix in the style of another seed or portrait")
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.add_source.setMenu(self._menu)
        self.add_source.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.empty = caption_label(EMPTY)
        self.empty.setWordWrap(True)
        self.matrix = LayerMatrix()
        self.add_widget(self.empty)
        self.add_widget(self.matrix)
        self.setAcceptDrops(True)
        follow_hand(session, self.matrix)
        follow_locks(session, {"mix": self.matrix})
        self.matrix.strengths_changed.connect(self._turn)
        self.matrix.row_wished.connect(self._grant)
        self.matrix.row_moved.connect(self._move)
        self.matrix.seed_typed.connect(self._type_seed)
        self.matrix.current_row_changed.connect(self._name_parameter)
        session.state_changed.connect(self.show_state)
        collection.models_changed.connect(self._refresh)
        collection.latents_changed.connect(self._refresh)
        self._name_parameter(0)
        self.show_detail(Detail.RESOLUTIONS)
        self.show_state(session.state)

    # --- showing ---------------------------------------------------------------------------------------------------

    @Slot()
    def _refresh(self) -> None:
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        self._ws_resolutions = ws_resolutions(self._collection.descriptor(state.model_a))
        self.matrix.set_ws_resolutions(self._ws_resolutions)
        self.matrix.set_rows(tuple(self._row(index, source) for index, source in enumerate(state.mix)))
        for widget, shown in ((self.empty, not state.mix), (self.matrix, bool(state.mix))):
            widget.setVisible(shown)
        self.detail.setVisible(bool(state.mix))
        self.rows_shown.emit(state)

    @Slot(int)
    def _name_parameter(self, index: int) -> None:
        self.matrix.set_parameter(f"mix[{index}].strengths")

    def _row(self, index: int, source: MixSource) -> MatrixRow:
        count = len(self._ws_resolutions)
        name = self.name_of(source.latent)
        strengths = (source.strengths + (0.0,) * count)[:count]
        icon, words = self._pictures.get(source.latent, (None, ""))
        tip = words or f"{name}: drag to change the order. Right-click for more"
        seed = source.latent.seed if isinstance(source.latent, SeedLatent) else None
        return MatrixRow(f"{index}:{name}", name, strengths, tip, icon, source.muted, seed)

    def name_of(self, latent: Latent) -> str:
        return f"seed {latent.seed}" if isinstance(latent, SeedLatent) else self._collection.latent_name(latent)

    def set_picture(self, latent: Latent, picture: QImage, words: str) -> None:
        """What a source looks like, for its row, and what its tooltip says."""
        sources = {source.latent for source in self._session.state.mix}
        self._pictures = {known: shown for known, shown in self._pictures.items() if known in sources}
        self._pictures[latent] = (picture, words)
        self._refresh()

    def has_picture(self, latent: Latent) -> bool:
        return latent in self._pictures

    def forget_pictures(self) -> None:
        """Those of another model are of no use."""
        self._pictures.clear()

    def _detail_menu(self) -> dict[Detail, QAction]:
        menu, group = QMenu(self), QActionGroup(self)
        menu.setToolTipsVisible(True)
        self.detail.setMenu(menu)
        self.detail.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.detail.setAccessibleName("Columns of the mix")
        actions = {}
        for detail, (words, tip) in DETAILS.items():
            action = menu.addAction(words, partial(self.pick_detail, detail))
            action.setToolTip(tip)
            action.setCheckable(True)
            group.addAction(action)
            actions[detail] = action
        return actions

    def pick_detail(self, detail: Detail) -> None:
        self.show_detail(detail)
        self.detail_changed.emit(detail.value)

    def show_detail(self, detail: Detail) -> None:
        self.matrix.set_detail(detail)
        self._details[detail].setChecked(True)
        self.detail.setText(f"{DETAILS[detail][0]} ▾")

    # --- adding ----------------------------------------------------------------------------------------------------

    @Slot()
    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.addAction("New seed", self.add_seed)
        self._menu.addAction("Seed…", self.add_typed_seed)
        self._menu.addAction("From a picture with a recipe…", self.picture_wanted.emit)
        self._menu.addSection("From the shelf")
        for record in self._collection.latents():
            self._menu.addAction(record.latent.name, partial(self.add_latent, record.latent))

    @Slot()
    def add_seed(self) -> None:
        self.add_latent(new_seed(self._session.state).latent)

    @Slot()
    def add_typed_seed(self) -> None:
        """A new seed whose number is open for typing."""
        self.add_seed()
        self.matrix.type_seed(self.matrix.current_row)

    def add_latent(self, latent: Latent) -> None:
        """Mix `latent` into the finer layers: its colours and light, on the present head."""
        state = self._session.state
        source = new_source(latent, self._ws_resolutions)
        self._session.edit(with_mix_source(state, len(state.mix), source), "mix source")
        self.set_folded(False)
        self.matrix.set_current_row(len(state.mix))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()) or self._dropped_latent(event.mimeData()) is not None:
            event.acceptProposedAction()
            self._mark_drop_target(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark_drop_target(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Take a portrait of the shelf, or files."""
        self._mark_drop_target(False)
        if (latent := self._dropped_latent(event.mimeData())) is not None:
            event.acceptProposedAction()
            self.add_latent(latent)
        elif paths := local_paths(event.mimeData()):
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def _mark_drop_target(self, is_target: bool) -> None:
        self._is_drop_target = is_target
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._is_drop_target:
            with QPainter(self) as painter:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(current_theme().focus), 1))
                painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)

    def _dropped_latent(self, mime: QMimeData) -> Latent | None:
        key = dropped_portrait(mime)
        record = None if key is None else self._collection.latent(key)
        return None if record is None else record.latent

    # --- editing ---------------------------------------------------------------------------------------------------

    def _turn(self, index: int, strengths: tuple[float, ...]) -> None:
        state = self._session.state
        if index < len(state.mix):
            self._session.edit(with_mix_source(state, index, replace(state.mix[index], strengths=strengths)))

    @Slot(int, object)
    def _grant(self, index: int, wish: RowWish) -> None:
        state = self._session.state
        if index >= len(state.mix):
            return
        match wish:
            case RowWish.MUTE:
                muted = not state.mix[index].muted
                self._session.edit(with_muted(state, index, muted), "mute" if muted else "unmute")
            case RowWish.SOLO:
                self._session.edit(with_solo(state, index), "solo")
            case RowWish.DUPLICATE:
                self._session.edit(with_duplicate(state, index), "mix source")
                self.matrix.set_current_row(index + 1)
            case RowWish.MAIN:
                self._session.edit(with_source_as_main(state, index), "main latent")
            case RowWish.REMOVE:
                self._session.edit(with_mix_source(state, index, None), "mix source")

    @Slot(int, int)
    def _move(self, index: int, to: int) -> None:
        state = self._session.state
        if max(index, to) < len(state.mix):
            self._session.edit(with_moved(state, index, to), "order of the mix")

    @Slot(int, int)
    def _type_seed(self, index: int, seed: int) -> None:
        state = self._session.state
        if index < len(state.mix):
            source = replace(state.mix[index], latent=SeedLatent(seed))
            self._session.edit(with_mix_source(state, index, source), "mix source")
