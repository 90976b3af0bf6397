"""The row of presets: the one in use, the others, and the user's own."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QSizePolicy, QWidget

from engine.state import Blend
from gui.own_presets import KEY_PREFIX, MAX_NAME_CHARS, OwnPresets
from gui.panels.calm_combo import CalmComboBox
from gui.presets import CUSTOM_NAME, PRESETS, Preset, preset_of
from gui.widgets.icon_button import IconButton
from gui.widgets.name_field import NameField

_VISIBLE_ITEMS = 24
_VIEW_ROOM_PX = 32
"""Beside the longest name in the list."""


class PresetRow(QWidget):
    """Names what is in use, whoever made it so; says what the user picks."""

    picked = Signal(object)  # Preset

    def __init__(self, own: OwnPresets, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._own = own
        self._blend = Blend()
        self.box = CalmComboBox()
        self.box.setAccessibleName("Preset")
        self.box.setPlaceholderText(CUSTOM_NAME)
        self.box.setMaxVisibleItems(_VISIBLE_ITEMS)
        self.box.setToolTip("Preset: a starting point for how the layers are shared")
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.more = IconButton("more", "Keep the present curve as a preset, or delete one of your own")
        self.more.setPopupMode(self.more.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill_menu)
        self.more.setMenu(self._menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.box, 1)
        layout.addWidget(self.more)
        self.box.activated.connect(self._pick)
        self._fill_box()

    def show_blend(self, blend: Blend) -> None:
        """Name the preset that this is an instance of, the user's own first."""
        if blend == self._blend and self.box.count():
            return
        self._blend = blend
        self._mark()

    def _mark(self) -> None:
        preset = self._own.of(self._blend) or preset_of(self._blend)
        self.box.setCurrentIndex(self.box.findData(preset.key) if preset is not None else -1)

    def _presets(self) -> tuple[Preset, ...]:
        return (*PRESETS, *self._own.all())

    def _fill_box(self) -> None:
        self.box.clear()
        for preset in self._presets():
            if preset.key.startswith(KEY_PREFIX) and self.box.count() == len(PRESETS):
                self.box.insertSeparator(self.box.count())
            self.box.addItem(preset.name, preset.key)
            self.box.setItemData(self.box.count() - 1, preset.tooltip, Qt.ItemDataRole.ToolTipRole)
        metrics = self.box.fontMetrics()
        widest = max(metrics.horizontalAdvance(self.box.itemText(place)) for place in range(self.box.count()))
        self.box.view().setMinimumWidth(widest + _VIEW_ROOM_PX)
        self._mark()

    @Slot(int)
    def _pick(self, index: int) -> None:
        key = self.box.itemData(index)
        preset = next((preset for preset in self._presets() if preset.key == key), None)
        if preset is not None:
            self.picked.emit(preset)
        self._mark()

    # --- the user's own --------------------------------------------------------------------------------------------

    @Slot()
    def _fill_menu(self) -> None:
        self._menu.clear()
        self._menu.addAction("Save this curve as a preset…", self.ask_name)
        own = self._own.all()
        if own:
            self._menu.addSeparator()
        for preset in own:
            self._menu.addAction(f"Delete “{preset.name}”", partial(self.delete, preset.name))

    @Slot()
    def ask_name(self) -> None:
        present = self._own.of(self._blend)
        name = present.name if present is not None else "My curve"
        NameField("What to call this preset", name, self.save, MAX_NAME_CHARS, self).open_beside(self.more)

    def save(self, name: str) -> None:
        """Keep the present curve under a name."""
        self._own.save(name, self._blend)
        self._fill_box()

    def delete(self, name: str) -> None:
        self._own.delete(name)
        self._fill_box()
