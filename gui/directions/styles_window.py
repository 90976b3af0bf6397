"""StyleSpace by hand: the channels of a layer's style, the ones that matter first, a slider each, in sigmas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QByteArray, QSize, Qt, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.animation.parameters import style_path
from engine.direction_events import StyleLayer
from engine.state import EditState, StyleEdit, with_style_edit
from gui.panels.calm_combo import CalmComboBox
from gui.panels.hand import follow_hand
from gui.panels.labels import caption_label, muted_label, row, scrolling, title_label
from gui.session import Session
from gui.settings import Settings
from gui.widgets.edit_slider import EditSlider

DEFAULT_SIZE = QSize(640, 640)
MINIMUM_SIZE = QSize(600, 420)
COLUMNS = 2
AT_ONCE = 40
REACH = 10.0
FIRST_PX = 16
FURTHEST = 1000.0
WAITING = "Measuring how far the channels usually go…"
NONE_CHANGED = "No channel of this layer is changed."
NOT_THERE = "This layer has no such channel."
ORDERS = (("effect", "strongest first"), ("number", "by number"))


class StylesWindow(QWidget):
    """Not modal. Only the channels in the list have sliders: a layer has hundreds."""

    def __init__(self, session: Session, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._session = session
        self._settings = settings
        self._layers: tuple[StyleLayer, ...] = ()
        self._channels: tuple[int, ...] = ()
        self._shown = AT_ONCE
        self._goes_to_changed = False
        self.setWindowTitle("StyleSpace channels - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.layer = CalmComboBox()
        self.layer.setAccessibleName("Layer")
        self.layer.setMinimumWidth(140)
        self.layer.setToolTip("Low layers turn the head and its shape, high ones colour and texture")
        self.order = CalmComboBox()
        self.order.setAccessibleName("Order")
        self.order.setToolTip("Strength is an estimate: how much one sigma changes what the layer gives")
        for key, words in ORDERS:
            self.order.addItem(words, key)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Channel (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Channel number")
        self.search.setFixedWidth(130)
        self.only_changed = QCheckBox("Only changed")
        self.only_changed.setToolTip("Hide the channels that are as the face has them")
        self.note = muted_label(WAITING)
        self.note.setWordWrap(True)
        self.more = QPushButton("Show more")
        self.sliders: list[EditSlider] = []
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(20)
        self._grid.setVerticalSpacing(4)
        self._lay_out()
        self._connect()
        if geometry := settings.get_bytes("styles.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 8, 16, 12)
        column.addWidget(self.note)
        column.addLayout(self._grid)
        column.addWidget(self.more)
        column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 14, 0, 0)
        layout.setSpacing(8)
        caption = caption_label("One channel, one small thing: lips, a fringe, a background. 1 is one sigma.")
        for line in (
            row(title_label("StyleSpace channels"), 1),
            row(caption, 1),
            row(self.layer, self.order, 1, self.search, self.only_changed),
        ):
            line.layout().setContentsMargins(16, 0, 16, 0)  # type: ignore[union-attr]
            layout.addWidget(line)
        layout.addWidget(scrolling(inside), 1)

    def _connect(self) -> None:
        for combo in (self.layer, self.order):
            combo.currentIndexChanged.connect(self._list_afresh)
        self.search.textChanged.connect(self._list_afresh)
        self.only_changed.toggled.connect(self._list_afresh)
        self.more.clicked.connect(self._show_more)
        self._session.state_changed.connect(self.show_state)
        QShortcut(QKeySequence("Ctrl+F"), self).activated.connect(self.search.setFocus)
        QShortcut(QKeySequence("Ctrl+W"), self).activated.connect(self.close)

    # --- what is shown --------------------------------------------------------------------------------------------

    def show_layers(self, layers: Sequence[StyleLayer]) -> None:
        """What was measured; none while it is being measured."""
        chosen = self.layer.currentText()
        self._layers = tuple(layers)
        self.layer.blockSignals(True)
        self.layer.clear()
        for layer in self._layers:
            kind = "colours" if layer.torgb else layer.name.partition(".")[2]
            self.layer.addItem(f"{layer.resolution} px, {kind}")
        found = self.layer.findText(chosen)
        self.layer.setCurrentIndex(found if found >= 0 else self._first_worth_looking_at())
        self.layer.blockSignals(False)
        self._list_afresh()
        if self._goes_to_changed:
            self.go_to_changed()

    def _first_worth_looking_at(self) -> int:
        """Where features of faces are."""
        good = (
            index for index, layer in enumerate(self._layers) if layer.resolution >= FIRST_PX and not layer.torgb
        )
        return next(good, 0)

    def go_to_changed(self) -> None:
        """Show the layer of the first changed channel, and only what is changed; once the layers are known."""
        edits = self._session.state.style_edits
        self._goes_to_changed = not self._layers
        if edits and self._layers:
            for index, layer in enumerate(self._layers):
                if (layer.position, layer.torgb) == (edits[0].position, edits[0].torgb):
                    self.layer.setCurrentIndex(index)
            self.only_changed.setChecked(True)

    @property
    def shown_layer(self) -> StyleLayer | None:
        index = self.layer.currentIndex()
        return self._layers[index] if 0 <= index < len(self._layers) else None

    @Slot()
    def _list_afresh(self) -> None:
        self._shown = AT_ONCE
        self._list()

    @Slot()
    def _show_more(self) -> None:
        self._shown += AT_ONCE
        self._list()

    def _list(self) -> None:
        layer = self.shown_layer
        channels = () if layer is None else self._wanted(layer)
        self._channels = channels[: self._shown]
        while len(self.sliders) < len(self._channels):
            self._add_slider()
        for place, slider in enumerate(self.sliders):
            slider.setVisible(place < len(self._channels))
        if layer is not None:
            for slider, channel in zip(self.sliders, self._channels, strict=False):
                slider.set_label(f"Channel {channel}")
                slider.set_parameter(style_path(StyleEdit(layer.position, channel, 0.0, layer.torgb)))
                slider.set_help(
                    f"Channel {channel}: one sigma is {layer.sigmas[channel]:.3g} of its style, "
                    f"about {layer.effects[channel]:.2%} of what the layer gives"
                )
        self.more.setVisible(len(channels) > self._shown)
        self.more.setText(f"Show more ({len(channels) - self._shown} left)")
        words = WAITING if layer is None else NONE_CHANGED if self.only_changed.isChecked() else NOT_THERE
        self.note.setText(words)
        self.note.setVisible(not self._channels)
        self.show_state(self._session.state)

    def _wanted(self, layer: StyleLayer) -> tuple[int, ...]:
        channels: list[int] = list(range(len(layer.sigmas)))
        if self.order.currentData() == "effect":
            channels.sort(key=lambda channel: -layer.effects[channel])
        number = self.search.text().strip()
        if number:
            channels = [channel for channel in channels if str(channel).startswith(number)]
        if self.only_changed.isChecked():
            changed = _amounts(self._session.state, layer)
            channels = [channel for channel in channels if channel in changed]
        return tuple(channel for channel in channels if layer.sigmas[channel] > 0.0)

    def _add_slider(self) -> None:
        place = len(self.sliders)
        slider = EditSlider(
            "", -REACH, REACH, 0.0, decimals=1, step=0.5, signed=True, typed_minimum=-FURTHEST, typed_maximum=FURTHEST
        )
        slider.value_changed.connect(partial(self._turn, place))
        follow_hand(self._session, slider)
        self.sliders.append(slider)
        self._grid.addWidget(slider, *divmod(place, COLUMNS))

    @Slot(object)
    def show_state(self, state: EditState) -> None:
        layer = self.shown_layer
        if layer is None:
            return
        amounts = _amounts(state, layer)
        for slider, channel in zip(self.sliders, self._channels, strict=False):
            slider.set_value(amounts.get(channel, 0.0) / layer.sigmas[channel])

    def _turn(self, place: int, sigmas: float) -> None:
        layer = self.shown_layer
        if layer is None or place >= len(self._channels):
            return
        channel = self._channels[place]
        edit = StyleEdit(layer.position, channel, sigmas * layer.sigmas[channel], layer.torgb)
        self._session.edit(with_style_edit(self._session.state, edit), "style channel")

    # --- events ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("styles.geometry", bytes(self.saveGeometry().data()))
        event.accept()


def _amounts(state: EditState, layer: StyleLayer) -> dict[int, float]:
    """Of the changed channels of a layer, in the units of the style."""
    return {
        edit.channel: edit.amount
        for edit in state.style_edits
        if (edit.position, edit.torgb) == (layer.position, layer.torgb)
    }
