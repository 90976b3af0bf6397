"""The Directions section of the controls: a slider for each direction of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, QTimer, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMenu, QScrollArea, QSizePolicy, QToolButton, QWidget

from engine.state import DirectionUse, EditState, with_direction
from gui.collection import Collection
from gui.directions.slider_row import REACH, SliderRow
from gui.panels.hand import follow_hand
from gui.panels.labels import caption_label, row
from gui.session import Session
from gui.widgets.drops import local_paths
from gui.widgets.name_field import NameField
from gui.widgets.section import Section

EMPTY = "Find directions in the model: sliders for light, hair, age"
FILE_SUFFIXES = frozenset({".npy", ".npz", ".safetensors", ".pt", ".pth", ".pkl"})
MAX_NAME_CHARS = 100
MARGIN_PX = 24


class DirectionSection(Section):
    """Everything that it does goes through the session; finding and keeping are wishes that `gui.directions.flow`
    fulfils, which is made when it is first needed."""

    find_wanted = Signal()
    styles_wanted = Signal()
    keep_wanted = Signal(object)  # DirectionUse
    menu_opening = Signal(object)  # QMenu, empty: to be filled
    files_dropped = Signal(object)  # tuple[Path, ...]
    renamed = Signal(str, str)  # key, name

    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__("Directions", parent=parent)
        self._session = session
        self._collection = collection
        self._reaches: dict[str, tuple[float, float]] = {}
        self._rows: list[SliderRow] = []
        self.find_button = self.add_action("find…", "Directions in this model: light, hair, age (Ctrl+Shift+D)")
        self.find_button.setAccessibleName("Find directions")
        self.add_button = self.add_action("+", "Add a direction that was kept, or one from a file")
        self.add_button.setAccessibleName("Add a direction")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.add_button.setMenu(self._menu)
        self.add_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.empty = caption_label(EMPTY)
        self.empty.setWordWrap(True)
        self.styles = caption_label()
        self.styles.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # it widens nothing
        self.edit_styles = _link("Show", "The changed channels of StyleSpace")
        self.reset_styles = _link("Reset", "All channels of StyleSpace back to what the face gives them")
        self._style_row = row(self.styles, self.edit_styles, self.reset_styles, spacing=2)
        self.reset_all = _link("All to 0", "Every direction back to 0; locked ones stay")
        self._foot = row(1, self.reset_all)
        for widget in (self.empty, self._foot, self._style_row):
            self.add_widget(widget)
        self.setAcceptDrops(True)
        self.set_folded(True)
        self.find_button.clicked.connect(self.find_wanted)
        self.edit_styles.clicked.connect(self.styles_wanted)
        self.reset_styles.clicked.connect(self._reset_styles)
        self.reset_all.clicked.connect(self._reset_all)
        session.state_changed.connect(self.show_state)
        session.locks_changed.connect(self._show_locks)
        collection.models_changed.connect(self._refresh)
        self.show_state(session.state)

    @property
    def rows(self) -> tuple[SliderRow, ...]:
        return tuple(self._rows)

    def set_reaches(self, reaches: Mapping[str, tuple[float, float]]) -> None:
        """How far the sliders of directions that are known go, by key."""
        self._reaches = dict(reaches)
        self._refresh()

    def reveal(self, index: int) -> None:
        """Bring a slider into sight, once it has its place."""
        self.set_folded(False)
        QTimer.singleShot(0, self, partial(self._scroll_to, index))

    def _scroll_to(self, index: int) -> None:
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None and index < len(self._rows):
            above.ensureWidgetVisible(self._rows[index], 0, MARGIN_PX)

    @Slot()
    def _refresh(self) -> None:
        self.show_state(self._session.state)

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        descriptor = self._collection.descriptor(state.model_a)
        was_empty = not self._rows
        while len(self._rows) > len(state.directions):
            last = self._rows.pop()
            self.body.removeWidget(last)
            last.hide()
            last.deleteLater()
        while len(self._rows) < len(state.directions):
            self._add_row()
        for shown, use in zip(self._rows, state.directions, strict=True):
            shown.show_use(use, self._reaches.get(use.key, (-REACH, REACH)), descriptor)
        count = len(state.style_edits)
        self.styles.setText(f"StyleSpace: {count} channel{'s' if count != 1 else ''}")
        self._style_row.setVisible(count > 0)
        self._foot.setVisible(len(state.directions) > 1)
        self.empty.setVisible(not state.directions and not count)
        if was_empty and state.directions:
            self.set_folded(False)
        self._show_locks(self._session.locks)

    def _add_row(self) -> None:
        index = len(self._rows)
        added = SliderRow(index)
        added.amount_turned.connect(partial(self._turn, index))
        added.rows_picked.connect(partial(self._pick_rows, index))
        added.removed.connect(partial(self.remove, index))
        added.rename_wanted.connect(partial(self._ask_name, index))
        added.keep_wanted.connect(partial(self._keep, index))
        added.slider.lock_changed.connect(partial(self._lock, index))
        follow_hand(self._session, added.slider)
        self._rows.append(added)
        self.body.insertWidget(index, added)
        self._order_tabs()

    def _order_tabs(self) -> None:
        """Rows are made later than what stands under them: Tab comes to them where they are seen."""
        rows = [widget for shown in self._rows for widget in (shown.slider, shown.chip, shown.remove)]
        for before, after in pairwise((self.add_button, *rows, self.reset_all, self.edit_styles, self.reset_styles)):
            QWidget.setTabOrder(before, after)

    def _use(self, index: int) -> DirectionUse | None:
        uses = self._session.state.directions
        return uses[index] if index < len(uses) else None

    def _change(self, index: int, label: str, **changes: object) -> None:
        use = self._use(index)
        if use is not None:
            changed = replace(use, **changes)  # type: ignore[arg-type]
            self._session.edit(with_direction(self._session.state, index, changed), label)

    def _turn(self, index: int, amount: float) -> None:
        self._change(index, "direction", amount=amount)

    def _pick_rows(self, index: int, rows: tuple[int, int] | None) -> None:
        self._change(index, "direction's layers", layer_range=rows)

    def remove(self, index: int) -> None:
        use = self._use(index)
        if use is not None:
            self._session.edit(with_direction(self._session.state, index, None), "take direction out")

    def _ask_name(self, index: int) -> None:
        use = self._use(index)
        if use is not None:
            take = partial(self.rename, index)
            NameField("Name of the direction", use.name, take, MAX_NAME_CHARS, self).open_beside(self._rows[index])

    def rename(self, index: int, name: str) -> None:
        use = self._use(index)
        if use is not None:
            self._change(index, "rename direction", name=name)
            self.renamed.emit(use.key, name)

    def _keep(self, index: int) -> None:
        use = self._use(index)
        if use is not None:
            self.keep_wanted.emit(use)

    @Slot()
    def _reset_all(self) -> None:
        locks = self._session.locks
        uses = tuple(
            use if _lock_name(use) in locks else replace(use, amount=0.0) for use in self._session.state.directions
        )
        self._session.edit(replace(self._session.state, directions=uses), "directions to 0")

    @Slot()
    def _reset_styles(self) -> None:
        self._session.edit(replace(self._session.state, style_edits=()), "reset StyleSpace")

    # --- locks ----------------------------------------------------------------------------------------------------

    def _lock(self, index: int, locked: bool) -> None:
        use = self._use(index)
        if use is not None:
            self._session.set_lock(_lock_name(use), locked)

    @Slot(object)
    def _show_locks(self, locks: frozenset[str]) -> None:
        for shown, use in zip(self._rows, self._session.state.directions, strict=False):
            with QSignalBlocker(shown.slider):
                shown.slider.set_locked(_lock_name(use) in locks)

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot()
    def _fill_menu(self) -> None:
        self._menu.clear()
        self.menu_opening.emit(self._menu)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _direction_files(local_paths(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if found := _direction_files(local_paths(event.mimeData())):
            event.acceptProposedAction()
            self.files_dropped.emit(found)


def _direction_files(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.suffix.lower() in FILE_SUFFIXES)


def _lock_name(use: DirectionUse) -> str:
    """Of the direction, not of its place, which changes."""
    return f"direction:{use.key}"


def _link(text: str, tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tooltip)
    button.setAccessibleName(f"{text}: {tooltip}")
    button.setProperty("caption", "true")
    button.setProperty("role", "quiet")
    return button
