"""What finds and what calls: the palette's entries and the table of keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QWidget

from engine.library_records import LatentRecord
from engine.state import Blend, ModelRef, Side, with_blend, with_models
from gui.actions import Actions, title_of
from gui.collection import Collection
from gui.main_window import MainWindow
from gui.palette import Entry, Palette, Source
from gui.presets import PRESETS
from gui.session import Session
from gui.settings import Settings
from gui.shortcuts import native, portable
from gui.widgets.edit_slider import EditSlider
from gui.widgets.section import Section
from gui.widgets.value_field import ValueField

_WITH_VALUE = re.compile(r"^\s*(?P<name>\D.*?)\s*(?:=|\bto\b|\s)\s*(?P<value>[-+.(\d][-+*/.()\d\s%]*)$")


class HelpFlow(QObject):
    """Opens the palette and the table of keys. Others add what they have by `add_source`."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        collection: Collection,
        settings: Settings,
        open_paths: Callable[[list[Path]], object],
        use_portrait: Callable[[LatentRecord], object],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._session = session
        self._collection = collection
        self._settings = settings
        self._open_paths = open_paths
        self._use_portrait = use_portrait
        self._sources: list[Source] = [
            self._values, self._actions, self._models, self._presets, self._portraits, self._files
        ]

    def add_source(self, source: Source) -> None:
        """Let the palette find more."""
        self._sources.append(source)

    @Slot()
    def show_palette(self) -> None:
        palette = Palette(self._sources, self._window)
        palette.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        palette.show()
        palette.field.setFocus()

    @Slot()
    def show_shortcuts(self) -> None:
        from gui.shortcut_dialog import ShortcutDialog

        dialog = ShortcutDialog(self._window.actions_, self._settings, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        dialog.search.setFocus()

    # --- what is found --------------------------------------------------------------------------------------------

    def _actions(self, query: str) -> Iterator[Entry]:
        actions: Actions = self._window.actions_
        for action in actions.all():
            if action.isEnabled() and action.objectName() != "palette":
                keys = native(tuple(portable(sequence) for sequence in action.shortcuts()[:1]))
                yield Entry(title_of(action), action.trigger, keys)

    def _values(self, query: str) -> Iterator[Entry]:
        """``alpha 0.5``: every control that takes a typed value."""
        found = _WITH_VALUE.match(query)
        if found is None:
            return
        name, value = found["name"].lower().strip(), found["value"].strip()
        inside = self._window.parts.controls
        controls: list[EditSlider | ValueField] = [*inside.findChildren(EditSlider), *inside.findChildren(ValueField)]
        named = {_full_name(one): one for one in controls if one.isEnabled()}
        wanted = name.split()
        for full, one in sorted(named.items(), key=lambda item: _distance(name, item[0])):
            if all(word in full.lower() for word in wanted) and one.can_take(value):
                yield Entry(f"Set {full} to {value}", partial(one.take_text, value), "value", is_exact=True)

    def _models(self, query: str) -> Iterator[Entry]:
        if not query.strip():
            return
        for record in self._collection.models():
            for side in Side:
                yield Entry(
                    f"{record.ref.name} as {side.value.upper()}", partial(self._use_model, side, record.ref), "model"
                )

    def _use_model(self, side: Side, ref: ModelRef) -> None:
        self._session.edit(with_models(self._session.state, **{side.value: ref}), f"model {side.value.upper()}")

    def _presets(self, query: str) -> Iterator[Entry]:
        if not query.strip() or self._session.state.model_b is None:
            return
        for preset in PRESETS:
            yield Entry(preset.name, partial(self._put_on, preset.apply, preset.name), "blend preset")

    def _put_on(self, apply: Callable[[Blend], Blend], name: str) -> None:
        state = self._session.state
        blend = apply(state.blend)
        changes = {field: getattr(blend, field) for field in Blend.__slots__}
        self._session.edit(with_blend(state, **changes), name.lower())

    def _portraits(self, query: str) -> Iterator[Entry]:
        if query.strip():
            for record in self._collection.latents():
                yield Entry(record.latent.name or "Portrait", partial(self._use_portrait, record), "portrait")

    def _files(self, query: str) -> Iterator[Entry]:
        if query.strip():
            for path in self._settings.recent_files():
                yield Entry(f"Open {path.name}", partial(self._open_paths, [path]), "recent file")


def _full_name(control: QWidget) -> str:
    """A control's name, after that of its section where it does not say it itself: "Noise strength"."""
    name, parent = control.accessibleName(), control.parentWidget()
    while parent is not None and not isinstance(parent, Section):
        parent = parent.parentWidget()
    if parent is None or parent.title.lower() in name.lower():
        return name
    return f"{parent.title}: {name}"


def _distance(wanted: str, full: str) -> tuple[bool, int]:
    """How far a name is from what was typed: the very name first, then the shortest."""
    return full.lower().rpartition(": ")[2] != wanted, len(full)
