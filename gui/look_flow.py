"""Looks: on the shelf, put on, kept, renamed, thrown away and brought back, and carried about as files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QFileDialog, QMenu

from engine.atomic import storage_error
from engine.errors import EngineError, RecipeFormatError, printable
from engine.latents import LatentStore
from engine.library_tags import Kind
from engine.look import MAX_NAME_CHARS, Look, apply_look, look_of, restore_look_arrays, with_arrays
from engine.look_file import LOOK_SUFFIX, file_name, read_look, write_look
from engine.look_shelf import ShelfLook, lacks_embedded, missing_model, needs
from engine.messages import Frame
from engine.state import EditState, View
from gui.actions import Actions
from gui.collection import Collection
from gui.messages import Choice, Messages
from gui.opening import Opener
from gui.pixels import to_thumbnail
from gui.presets import look_name, shown_curve
from gui.session import Session
from gui.settings import Settings
from gui.shelf_filter import ShelfFilter
from gui.thumbnails import SIZE_PX, Thumbnails
from gui.viewer import Viewer
from gui.widgets.name_field import NameField
from gui.widgets.shelf_list import ShelfItem, ShelfList

PREFIX = "look:"
REST_MS = 300
"""How long the face must stay before the looks are drawn with it."""

DEFAULT_ROWS = 14
MOST = 60
"""Looks on the shelf; the others are found by search, or in the library's own window."""

MOST_FOUND = 200
"""Looks that the palette finds."""

FILTER = f"Graft looks (*{LOOK_SUFFIX})"


class LookFlow(QObject):
    """Everything about the shelf's looks. Their thumbnails show the face that is on the canvas."""

    def __init__(
        self,
        session: Session,
        collection: Collection,
        store: LatentStore,
        thumbnails: Thumbnails,
        viewer: Viewer,
        shelf: ShelfList,
        opener: Opener,
        messages: Messages,
        settings: Settings,
        dragged_folder: Path,
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            dragged_folder: Where files are put that are dragged out of the window.
        """
        super().__init__(parent)
        self._session = session
        self._collection = collection
        self._store = store
        self._thumbnails = thumbnails
        self._viewer = viewer
        self._shelf = shelf
        self._opener = opener
        self._messages = messages
        self._settings = settings
        self._dragged_folder = dragged_folder
        self._filter = ShelfFilter()
        self._on_shelf: tuple[ShelfLook, ...] = ()
        self._found_actions: tuple[QAction, ...] = ()
        self._numbers = itertools.count()
        self._drawn: dict[str, EditState] = {}
        self._pictures: dict[str, QImage] = {}
        self._unpictured: dict[str, int] = {}
        self._wanted: dict[str, tuple[str, EditState]] = {}
        self._soon = QTimer(shelf)  # ends with the widget that it looks at
        self._soon.setSingleShot(True)
        self._soon.setInterval(REST_MS)
        self._soon.timeout.connect(self._want_pictures)
        shelf.set_draggable(self._dragged_file)
        shelf.picked.connect(self.wear)
        shelf.opened.connect(self.wear)
        shelf.menu_requested.connect(self._menu)
        shelf.rename_requested.connect(self.rename)
        shelf.remove_requested.connect(self.trash)
        shelf.paths_dropped.connect(self._take_dropped)
        opener.looks_found.connect(self.open_files)
        collection.looks_changed.connect(self.show)
        session.state_changed.connect(self._follow)
        thumbnails.ready.connect(self._picture_ready)
        self.show()

    def connect_actions(self, actions: Actions) -> None:
        """The look's entries of the menus."""
        keep, bring_back = actions["save_look"], actions["restore_look"]
        keep.triggered.connect(self.save)
        bring_back.triggered.connect(self.restore)

        def refresh() -> None:
            keep.setEnabled(self._session.state.model_a is not None)
            bring_back.setEnabled(bool(self._collection.trashed_looks()))

        def refill() -> None:
            for old in self._found_actions:
                old.deleteLater()
            looks = self._collection.looks()
            self._found_actions = tuple(self._action(one) for one in looks[:MOST_FOUND] if not one.missing)
            actions.set_found_only(self._found_actions)
            refresh()

        self._session.state_changed.connect(refresh)
        self._collection.looks_changed.connect(refill)
        refill()

    def _action(self, one: ShelfLook) -> QAction:
        """Puts a look on, for the palette: typing its name is enough."""
        action = QAction(f"Look: {one.look.name}", self)
        action.triggered.connect(partial(self._wear_found, one.key))
        return action

    def _wear_found(self, key: str, _checked: bool = False) -> None:
        self.wear(key)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def show(self) -> None:
        """Bring the shelf up to date."""
        self._on_shelf = self._shown()
        self._shelf.set_items(tuple(self._item(one, self._pictures.get(one.key)) for one in self._on_shelf))
        self._select(self._session.state)
        self._soon.start()

    @Slot(object)
    def set_filter(self, wanted: ShelfFilter) -> None:
        """Show only the looks that it takes."""
        self._filter = wanted
        self.show()

    def _shown(self) -> tuple[ShelfLook, ...]:
        """The looks on the shelf: the first so many that the search takes. Each is drawn with every new face."""
        looks = self._collection.looks()
        if self._filter.is_on:
            looks = tuple(one for one in looks if self._takes(one))
        return looks[:MOST]

    def _takes(self, one: ShelfLook) -> bool:
        tags = () if one.id is None else self._collection.tags((Kind.LOOK, str(one.id)))
        words = (one.look.name, *(ref.name for ref in one.look.models), "look")
        return self._filter.takes(Kind.LOOK, words, tags)

    def _item(self, one: ShelfLook, picture: QImage | None) -> ShelfItem:
        usable = not one.missing
        tip = f"{one.look.name}: {_models(one.look)}" if usable else needs(one)
        shown = picture or self._collection.look_picture(one)
        if shown is not None:
            self._pictures[one.key] = shown
        elif one.id is not None:
            self._unpictured[one.key] = one.id
        return ShelfItem(one.key, one.look.name, "", shown, "", tip, self._shares(one.look), usable)

    def _shares(self, look: Look) -> tuple[float, ...]:
        """How much of B in every layer of model A."""
        if look.model_b is None:
            return ()
        descriptor = self._collection.descriptor(look.model_a)
        rows = descriptor.num_ws if descriptor is not None else DEFAULT_ROWS
        return tuple(look.blend.alpha * share for share in shown_curve(look.blend, rows))

    @Slot(object)
    def _follow(self, state: EditState) -> None:
        self._select(state)
        self._soon.start()

    def _select(self, state: EditState) -> None:
        """Mark the look that the picture wears, if it is one of them; of several alike, the one that was picked."""
        looks = self._on_shelf
        worn = [one.key for one in looks if not one.missing and apply_look(one.look, state) == state]
        if self._shelf.selected_key not in worn:
            self._shelf.select(worn[0] if worn else None)

    @Slot()
    def _want_pictures(self) -> None:
        """Have every look drawn whose picture shows another face, or nothing yet."""
        now = self._session.state
        if now.model_a is None or not self._shelf.isVisible():
            return
        self._thumbnails.drop_wishes(PREFIX)
        for one in self._on_shelf:
            state = apply_look(one.look, now)
            with suppress(EngineError):  # then it is drawn without; putting it on says why
                restore_look_arrays(one.look, self._store)
            if not one.missing and self._drawn.get(one.key) != state:
                tag = f"{PREFIX}{next(self._numbers)}:{one.key}"
                self._wanted[one.key] = tag, state
                self._thumbnails.want(tag, state)

    @Slot(str, QImage)
    def _picture_ready(self, tag: str, picture: QImage) -> None:
        if not tag.startswith(PREFIX):
            return
        key = tag.removeprefix(PREFIX).partition(":")[2]
        wanted, state = self._wanted.get(key, ("", None))
        if tag == wanted and state is not None:
            self._drawn[key] = state
        look_id = self._unpictured.pop(key, None)
        if look_id is not None:
            self._collection.set_look_picture(look_id, picture)
        self._pictures[key] = picture  # also for when a search has hidden it
        self._shelf.set_thumbnail(key, picture)
        self._thumbnails.forget(tag)  # the shelf has it; every face makes a new one

    # --- putting on -----------------------------------------------------------------------------------------------

    @Slot(str)
    def wear(self, key: str, *, keep_models: bool = False) -> None:
        """Put a look on the present face, as one undo step."""
        one = self._collection.look(key)
        if one is None:
            return
        if keep_models or not one.missing:
            self._put_on(one.look, keep_models=keep_models)
            self._select(self._session.state)
        else:
            self._explain(one)  # and leave the mark there: the arrow keys go on from it

    def _put_on(self, look: Look, *, keep_models: bool = False) -> None:
        try:
            restore_look_arrays(look, self._store)
        except EngineError as error:
            self._messages.error(error)
            return
        changed = apply_look(look, self._session.state, keep_models=keep_models)
        self._session.insert(changed, f"look {look.name}")

    def _explain(self, one: ShelfLook) -> None:
        if lacks_embedded(one):
            error = missing_model(one)
            self._messages.warn(error.user_message, error.hint)
        else:
            state = apply_look(one.look, self._session.state)
            self._opener.when_models_are_here(state, lambda _: self._put_on(one.look))

    # --- keeping --------------------------------------------------------------------------------------------------

    @Slot()
    def save(self) -> None:
        """Ask for a name and keep what is done to the present face."""
        if self._session.state.model_a is None:
            return
        taken = {one.look.name.lower() for one in self._collection.looks()}
        field = NameField(
            "Name of the look", _free(look_name(self._session.state), taken), self.keep, MAX_NAME_CHARS, self._shelf
        )
        field.open_beside(self._shelf)

    def keep(self, name: str) -> None:
        """Keep what is done to the present face, under a name."""
        state = self._session.state
        try:
            look = with_arrays(look_of(state, name, self._collection.embedded_names()), self._store)
        except EngineError as error:
            self._messages.error(error)
            return
        frame: Frame | None = self._viewer.frame(View.BLEND)
        kept = self._collection.add_look(look, to_thumbnail(frame.image, SIZE_PX) if frame is not None else None)
        if kept is not None:
            self._messages.say(f"The look “{printable(kept.look.name, 60)}” is on the shelf.")

    @Slot(str)
    def rename(self, key: str) -> None:
        one = self._collection.look(key)
        if one is None:
            return
        if one.id is None:
            self._messages.say("This look came with Graft and keeps its name.", "Save it as a look of your own.")
            return
        take = partial(self._collection.rename_look, one.id)
        NameField("Rename the look", one.look.name, take, MAX_NAME_CHARS, self._shelf).open_beside(self._shelf)

    @Slot(str)
    def trash(self, key: str) -> None:
        """Into the trash, from where it can be brought back."""
        one = self._collection.look(key)
        if one is None:
            return
        if one.id is None:
            self._messages.say("This look came with Graft and stays on the shelf.")
            return
        self._collection.trash_look(one.id)
        back = Choice("Bring it back", partial(self.bring_back, one.id))
        self._messages.say(f"The look “{printable(one.look.name, 60)}” is in the trash.", "", back)

    @Slot()
    def restore(self) -> None:
        """Bring back the look that was thrown away last."""
        trashed = self._collection.trashed_looks()
        if trashed:
            self.bring_back(trashed[0].id)

    def bring_back(self, look_id: int) -> None:
        found = self._collection.restore_look(look_id)
        if found is not None:
            self._messages.say(f"The look “{printable(found.look.name, 60)}” is back on the shelf.")

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot(object)
    def open_files(self, paths: Sequence[Path]) -> None:
        """Put looks from files on the shelf; one alone is also put on, as when it is dragged from the shelf."""
        silent = len(paths) == 1
        added = [one for path in paths if (one := self._add_file(path, silent=silent)) is not None]
        if len(added) == 1:
            self.wear(added[0].key)

    @Slot(object)
    def _take_dropped(self, paths: Sequence[Path]) -> None:
        """Dropped on the looks: a look, or a still, whose look is taken. Anything else is opened as everywhere."""
        others = []
        for path in paths:
            try:
                read_look(path)
            except RecipeFormatError:
                others.append(path)
            except EngineError as error:
                self._messages.error(error)
            else:
                self._add_file(path)
        if others:
            self._opener.open_paths(others)

    def _add_file(self, path: Path, *, silent: bool = False) -> ShelfLook | None:
        """
        Args:
            silent: Say nothing when it is there already.
        """
        try:
            look = read_look(path)
        except EngineError as error:
            self._messages.error(error)
            return None
        known = next((one for one in self._collection.looks() if replace(one.look, name=look.name) == look), None)
        if known is not None:
            if not silent:
                self._messages.say(f"This look is on the shelf already: “{printable(known.look.name, 60)}”.")
            return known
        added = self._collection.add_look(look)
        if added is not None:
            self._messages.say(f"The look “{printable(added.look.name, 60)}” is on the shelf.")
        return added

    def _dragged_file(self, key: str) -> Path | None:
        one = self._collection.look(key)
        if one is None:
            return None
        path = self._dragged_folder / file_name(one.look)
        return path if self._write(path, one.look) else None

    def _save_file(self, key: str) -> None:
        one = self._collection.look(key)
        if one is None:
            return
        start = self._settings.folder("looks") / file_name(one.look)
        name, _ = QFileDialog.getSaveFileName(self._shelf.window(), "Save the look", str(start), FILTER)
        if not name:
            return
        path = Path(name) if name.lower().endswith(".json") else Path(name + LOOK_SUFFIX)
        self._settings.set_folder("looks", path.parent)
        if self._write(path, one.look):
            self._messages.say(f"Saved {printable(path.name, 80)}.")

    def _write(self, path: Path, look: Look) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_look(path, look)
        except (EngineError, OSError) as error:
            self._messages.error(error if isinstance(error, EngineError) else storage_error("write the look", error))
            return False
        return True

    # --- the menu -------------------------------------------------------------------------------------------------

    @Slot(str, QPoint)
    def _menu(self, key: str, place: QPoint) -> None:
        one = self._collection.look(key)
        if one is None:
            return
        menu = QMenu(self._shelf)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries: tuple[tuple[str, Callable[[], object], bool] | None, ...] = (
            ("Put it on", partial(self.wear, key), not one.missing),
            ("Put it on, with my models", partial(self.wear, key, keep_models=True), True),
            None,
            ("Save as a file…", partial(self._save_file, key), True),
            ("Rename…", partial(self.rename, key), one.id is not None),
            ("Delete", partial(self.trash, key), one.id is not None),
        )
        for entry in entries:
            if entry is None:
                menu.addSeparator()
            else:
                text, run, enabled = entry
                menu.addAction(text, run).setEnabled(enabled)
        menu.popup(place)


def _models(look: Look) -> str:
    names = [printable(ref.name, 40) for ref in look.models]
    return " x ".join(names) if names else "the model that is there"


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 1
    while free.lower() in taken:
        number += 1
        free = f"{name} {number}"
    return free
