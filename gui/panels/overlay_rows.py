"""Third and further models: a row each, under A and B, in the order in which they are laid over the blend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QSizePolicy, QVBoxLayout, QWidget

from engine.resolve import blend_obstacle
from engine.state import EditState, Overlay, with_overlay
from gui.collection import Collection
from gui.further_models import (
    USUAL_ALPHA,
    letter_color,
    letter_of,
    lock_name,
    moved,
    muted,
    soloed,
    tints_of,
    with_overlay_alpha,
)
from gui.panels.calm_combo import CalmComboBox
from gui.panels.hand import follow_hand
from gui.session import Session
from gui.theme import current_theme
from gui.widgets.alpha_curve import ENDS, AlphaCurve
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton

UP, DOWN = -1, 1
LETTER_PX = 12


class OverlayRow(QWidget):
    """One further model: which, how much, and where. The curve is made when it is first unfolded."""

    model_picked = Signal(str)
    mute_wanted = Signal()
    solo_wanted = Signal()
    move_wanted = Signal(int)
    remove_wanted = Signal()
    curve_made = Signal(object)  # AlphaCurve

    def __init__(self, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index = index
        self._resolutions: tuple[int, ...] = ()
        self._names: tuple[str, ...] = ()
        self._overlay: Overlay | None = None
        self._reason: str | None = None
        letter = letter_of(index)
        self.letter = QLabel(letter)
        self.letter.setFixedWidth(LETTER_PX)
        self.model = CalmComboBox()
        self.model.setAccessibleName(f"Model {letter}")
        self.model.setToolTip(f"Model {letter}: laid over the blend of those above it")
        self.model.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.model.setMinimumWidth(64)
        self.model.activated.connect(lambda place: self.model_picked.emit(self.model.itemData(place)))
        self.eye = self._button("eye", f"Silence model {letter}, or let it be seen again")
        self.fold = self._button("unfold", f"Share of {letter} per resolution, as a curve")
        self.more = self._button("more", f"Show only model {letter}, move it up or down")
        self.remove = self._button("close", f"Take model {letter} out (Ctrl+Delete)")
        self.alpha = EditSlider(
            f"Alpha {letter}", 0.0, 1.0, USUAL_ALPHA, snaps=(0.0, 0.25, 0.5, 0.75, 1.0), lockable=True,
            typed_minimum=ENDS[0], typed_maximum=ENDS[1],
        )
        self.alpha.set_help(f"How much of model {letter} lies over the blend: 0 none. Typed, it goes past the ends")
        self.alpha.set_parameter(f"overlays[{index}].alpha")
        self.curve: AlphaCurve | None = None
        self._lay_out()
        self._connect()
        self._tint()

    def _button(self, icon_name: str, tooltip: str) -> IconButton:
        button = IconButton(icon_name, tooltip, size_px=14)
        button.set_icon_name(icon_name, color="muted")
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.setSpacing(2)
        head.addWidget(self.letter)
        head.addSpacing(4)
        head.addWidget(self.model, 1)
        head.addSpacing(2)
        for button in (self.eye, self.fold, self.more, self.remove):
            head.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 0)
        self._column.setSpacing(2)
        self._column.addLayout(head)
        self._column.addWidget(self.alpha)

    def _connect(self) -> None:
        self.eye.clicked.connect(self.mute_wanted)
        self.remove.clicked.connect(self.remove_wanted)
        self.fold.clicked.connect(lambda: self.set_unfolded(not self.is_unfolded))
        self.more.setPopupMode(self.more.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.addAction("Only this one", self.solo_wanted.emit)
        for text, keys, run in (
            ("Move up", "Alt+Up", partial(self.move_wanted.emit, UP)),
            ("Move down", "Alt+Down", partial(self.move_wanted.emit, DOWN)),
            ("Take out", "Ctrl+Del", self.remove_wanted.emit),
        ):
            action = menu.addAction(text, run)
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            self.addAction(action)
        self.more.setMenu(menu)

    # --- showing ---------------------------------------------------------------------------------------------------

    @property
    def is_unfolded(self) -> bool:
        return self.curve is not None and not self.curve.isHidden()

    def set_unfolded(self, unfolded: bool) -> None:
        if unfolded and self.curve is None:
            self.curve = AlphaCurve(f"Curve of {letter_of(self._index)}", tints_of(self._index))
            self.curve.set_help("How much of this model each resolution takes. Drag a knot; double-click resets it")
            self.curve.set_parameter(f"overlays[{self._index}].curve")
            self.curve.past_ends_changed.connect(self._follow_ends)
            self._column.addWidget(self.curve)
            self.curve_made.emit(self.curve)
            self._show_curve()
            self.curve.set_disabled_reason(self._reason)
        if self.curve is not None:
            self.curve.setVisible(unfolded)
        self.fold.set_icon_name("fold" if unfolded else "unfold", color="muted")

    def _follow_ends(self, past: bool) -> None:
        self.alpha.set_range(*(ENDS if past else (0.0, 1.0)))

    def tab_widgets(self) -> tuple[QWidget, ...]:
        """In the order in which Tab walks them."""
        curve = (self.curve, self.curve.unfold, self.curve.ends) if self.curve is not None else ()
        return (self.model, self.eye, self.fold, self.more, self.remove, self.alpha, *curve)

    def show_overlay(self, overlay: Overlay, resolutions: tuple[int, ...], names: tuple[str, ...]) -> None:
        self._overlay, self._resolutions, self._names = overlay, resolutions, names
        self.model.setCurrentIndex(self.model.findData(overlay.model.sha256))
        self.model.setPlaceholderText(overlay.model.name)
        self.alpha.set_value(overlay.alpha)
        self.eye.set_icon_name("eye" if overlay.alpha != 0.0 else "eye_off", color="muted")
        self._show_curve()

    def set_disabled_reason(self, reason: str | None) -> None:
        """Why this model takes no part; None lets it."""
        self._reason = reason
        self.alpha.set_disabled_reason(reason)
        if self.curve is not None:
            self.curve.set_disabled_reason(reason)

    def _show_curve(self) -> None:
        if self.curve is None or self._overlay is None:
            return
        count = 2 * len(self._resolutions)
        shares = self._overlay.curve
        self.curve.set_resolutions(self._resolutions)
        self.curve.set_names(self._names)
        self.curve.set_default_curve((1.0,) * count)
        self.curve.set_curve((1.0,) * count if shares is None else (shares + (0.0,) * count)[:count])
        self.curve.set_alpha(self._overlay.alpha)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        style = f"color: {letter_color(current_theme(), self._index)}; font-weight: 600;"
        if style != self.letter.styleSheet():
            self.letter.setStyleSheet(style)


class OverlayRows(QWidget):
    """The rows, and what they do to the session."""

    def __init__(self, session: Session, collection: Collection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._collection = collection
        self.rows: list[OverlayRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self.setVisible(False)
        self._before: QWidget | None = None
        session.locks_changed.connect(self.show_locks)

    def set_tab_after(self, widget: QWidget) -> None:
        """After which widget Tab comes to the rows: they are made later than what stands under them."""
        self._before = widget

    def _order_tabs(self) -> None:
        if self._before is None:
            return
        walked = [self._before, *(widget for row in self.rows for widget in row.tab_widgets())]
        for before, after in pairwise(walked):
            QWidget.setTabOrder(before, after)

    # --- showing ---------------------------------------------------------------------------------------------------

    def show_models(self) -> None:
        """Fill the choosers from the library."""
        for row in self.rows:
            self._fill(row)

    def _fill(self, row: OverlayRow) -> None:
        row.model.clear()
        for record in self._collection.models():
            row.model.addItem(record.ref.name, record.ref.sha256)

    def show_state(self, state: EditState, resolutions: tuple[int, ...], names: tuple[str, ...]) -> None:
        while len(self.rows) > len(state.overlays):
            row = self.rows.pop()
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        while len(self.rows) < len(state.overlays):
            self._add_row()
        for row, overlay in zip(self.rows, state.overlays, strict=True):
            row.show_overlay(overlay, resolutions, names)
            row.set_disabled_reason(self._obstacle(state, overlay))
        self.setVisible(bool(self.rows))
        self.show_locks(self._session.locks)

    def _obstacle(self, state: EditState, overlay: Overlay) -> str | None:
        a, other = self._collection.descriptor(state.model_a), self._collection.descriptor(overlay.model)
        if other is None:
            return f"{overlay.model.name} is not in the library"
        obstacle = blend_obstacle(a, other, overlay.model.name) if a is not None else None
        return f"Left out, as it does not fit A: {obstacle}" if obstacle else None

    def _add_row(self) -> None:
        index = len(self.rows)
        row = OverlayRow(index)
        self._fill(row)
        self.rows.append(row)
        self._layout.addWidget(row)
        follow_hand(self._session, row.alpha)
        row.alpha.value_changed.connect(partial(self._turn_alpha, index))
        row.alpha.lock_changed.connect(partial(self._lock, index))
        row.curve_made.connect(partial(self._follow_curve, index))
        row.model_picked.connect(partial(self._pick_model, index))
        row.mute_wanted.connect(partial(self.mute, index))
        row.solo_wanted.connect(partial(self.solo, index))
        row.move_wanted.connect(partial(self.move_row, index))
        row.remove_wanted.connect(partial(self.remove, index))
        self._order_tabs()

    @Slot(object)
    def show_locks(self, locks: frozenset[str]) -> None:
        for row, overlay in zip(self.rows, self._session.state.overlays, strict=False):
            row.alpha.set_locked(lock_name(overlay) in locks)

    # --- editing ---------------------------------------------------------------------------------------------------

    def _lock(self, index: int, locked: bool) -> None:
        overlays = self._session.state.overlays
        if index < len(overlays):
            self._session.set_lock(lock_name(overlays[index]), locked)

    def _follow_curve(self, index: int, curve: AlphaCurve) -> None:
        follow_hand(self._session, curve)
        curve.curve_changed.connect(partial(self._turn_curve, index))
        self._order_tabs()

    def _turn_alpha(self, index: int, alpha: float) -> None:
        self._session.edit(with_overlay_alpha(self._session.state, index, alpha))

    def _turn_curve(self, index: int, curve: tuple[float, ...]) -> None:
        state = self._session.state
        kept = None if all(share == 1.0 for share in curve) else curve
        self._session.edit(with_overlay(state, index, replace(state.overlays[index], curve=kept)))

    def _pick_model(self, index: int, sha256: str) -> None:
        state, record = self._session.state, self._collection.model(sha256)
        if record is not None:
            overlay = replace(state.overlays[index], model=record.ref)
            self._session.edit(with_overlay(state, index, overlay), f"model {letter_of(index)}")

    def mute(self, index: int) -> None:
        """Silence a further model, or let it be seen as before."""
        state = self._session.state
        label = f"{'silence' if state.overlays[index].alpha else 'show'} {letter_of(index)}"
        self._session.edit(muted(state, index, self._past()), label)

    def solo(self, index: int) -> None:
        """Show only this one over A, or everything again."""
        self._session.edit(soloed(self._session.state, index, self._past()), f"only {letter_of(index)}")

    def move_row(self, index: int, step: int) -> None:
        self._session.end_gesture()
        if self._session.edit(moved(self._session.state, index, step), "order of models"):
            self.rows[index + step].model.setFocus(Qt.FocusReason.OtherFocusReason)

    def remove(self, index: int) -> None:
        self._session.end_gesture()
        self._session.edit(with_overlay(self._session.state, index, None), f"take out {letter_of(index)}")

    def _past(self) -> Iterator[EditState]:
        history = self._session.history
        entries = history.entries
        index: int | None = history.index
        while index is not None:
            yield entries[index].state
            index = history.parent(index)
