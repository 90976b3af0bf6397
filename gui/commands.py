"""Commands: what the actions, buttons and drops of the window do. Dialogs are imported when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog

from engine.errors import EngineError, MissingModelError
from engine.library_records import LatentRecord
from engine.messages import BlendSaved, DrawLines, EngineReady, JobFinished, LinesDrawn, SaveBlend
from engine.places import resources_folder
from engine.sample_portraits import sample_name, sample_photos
from engine.session_file import SESSION_SUFFIX
from engine.state import ModelRef, differs_from_a, model_refs
from gui.actions import THEME_ACTIONS, VIEW_ACTIONS
from gui.canvas import CanvasMode
from gui.collection import Collection
from gui.documents import Documents
from gui.engine_bridge import EngineBridge
from gui.exporting import FORMATS, OTHER_SPELLINGS, Exporter, view_of_mode
from gui.file_kind import MODEL_SUFFIXES, PICTURE_SUFFIXES
from gui.main_window import MainWindow
from gui.messages import Choice, Messages
from gui.opening import Opener
from gui.portrait_flow import PortraitFlow
from gui.session import Session
from gui.settings import Settings
from gui.surprise import new_seed, surprise
from gui.theme import ThemeChoice, apply_theme, theme_for
from gui.viewer import Viewer

DEFAULT_STOPS = (4, 8, 16, 32, 64)


def file_filter(name: str, suffixes: tuple[str, ...]) -> str:
    """A file dialog's filter, also for names in capitals."""
    globs = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in suffixes)
    return f"{name} ({globs})"


ALL_FILES = "All files (*)"
MODELS_FILTER = f"{file_filter('Models', MODEL_SUFFIXES)};;{ALL_FILES}"
PICTURES_FILTER = f"{file_filter('Pictures', PICTURE_SUFFIXES)};;{ALL_FILES}"
SESSION_FILTER = file_filter("Graft sessions", (SESSION_SUFFIX,))
EVERYTHING_FILTER = ";;".join(
    (
        file_filter("All that Graft opens", (SESSION_SUFFIX, ".json", *PICTURE_SUFFIXES, *MODEL_SUFFIXES)),
        SESSION_FILTER, ALL_FILES,
    )
)


class Commands(QObject):
    def __init__(
        self,
        window: MainWindow,
        session: Session,
        collection: Collection,
        bridge: EngineBridge,
        viewer: Viewer,
        opener: Opener,
        documents: Documents,
        portraits: PortraitFlow,
        exporter: Exporter,
        messages: Messages,
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._collection = collection
        self._bridge = bridge
        self._viewer = viewer
        self._opener = opener
        self._documents = documents
        self._portraits = portraits
        self._exporter = exporter
        self._messages = messages
        self._settings = settings
        self._engine_ready: EngineReady | None = None
        self._connect_actions()
        self._connect_parts()
        self._fill_samples()
        self._fill_recent()
        self._show_theme()
        self._show_mode(window.parts.canvas.mode.value)
        self._refresh()

    # --- connections ----------------------------------------------------------------------------------------------

    def _connect_actions(self) -> None:
        actions, canvas, window = self._window.actions_, self._window.parts.canvas, self._window
        what: dict[str, Callable[[], object]] = {
            "new": self._documents.new, "open": self.open, "save": self._documents.save_here, "save_as": self.save_as,
            "restore": self._documents.restore, "quit": window.close,
            "undo": self.undo, "redo": self.redo,
            "new_seed": self.new_seed, "surprise": self.surprise,
            "fit": canvas.fit, "one_to_one": canvas.one_to_one,
            "zoom_in": partial(canvas.zoom_by, 1.25), "zoom_out": partial(canvas.zoom_by, 0.8),
            "next_part": window.focus_next_part, "reset_layout": self.reset_layout,
            "add_model": self.add_model, "swap": window.parts.controls.blend.swap_models,
            "save_blend": self.save_blend, "open_portrait": self.open_portrait, "export": self.export,
            "save_lines": self.save_lines,
            "keys": self.show_keys, "about": self.show_about,
            "faster_previews": self.show_faster_previews,
        }
        for name, run in what.items():
            actions[name].triggered.connect(_without_arguments(run))
        for name, mode in VIEW_ACTIONS.items():
            actions[name].triggered.connect(_without_arguments(partial(canvas.set_mode, mode)))
        for name, choice in THEME_ACTIONS.items():
            actions[name].triggered.connect(_without_arguments(partial(self.choose_theme, choice)))
        actions["hide_docks"].toggled.connect(window.show_only_picture)
        actions["float_controls"].triggered.connect(window.float_controls)

    def _connect_parts(self) -> None:
        window, parts = self._window, self._window.parts
        window.view.picked.connect(self._pick_mode)
        parts.canvas.mode_changed.connect(self._show_mode)
        for source in (window, parts.canvas, parts.shelf):
            source.paths_dropped.connect(self._opener.open_paths)
        parts.shelf.add_model_wanted.connect(self.add_model)
        parts.shelf.open_portrait_wanted.connect(self.open_portrait)
        parts.shelf.latent_picked.connect(self.use_portrait)
        self._opener.locate_wanted.connect(self.locate)
        self._documents.name_wanted.connect(self.save_as)
        self._documents.recoverable_changed.connect(self._refresh)
        self._documents.recent_changed.connect(self._fill_recent)
        searches = self._portraits.searches
        searches.view_wanted.connect(window.show_search)
        searches.started.connect(parts.shelf.tray.set_picture)
        parts.shelf.tray.card_opened.connect(searches.watch)
        self._viewer.failed.connect(self._show_failure)
        self._viewer.warnings_found.connect(self._messages.warn_all)
        self._bridge.engine_stopped.connect(self._offer_restart)
        self._bridge.engine_ready.connect(self._keep_ready)
        self._session.history_changed.connect(self._refresh)
        self._session.state_changed.connect(self._refresh)
        self._session.document_changed.connect(self._refresh)
        self._collection.failed.connect(self._messages.error)

    @Slot()
    def _refresh(self) -> None:
        """Which actions make sense now, and what the window is called."""
        actions, history, state = self._window.actions_, self._session.history, self._session.state
        actions["undo"].setEnabled(history.can_undo)
        actions["redo"].setEnabled(history.can_redo)
        actions["undo"].setText(f"Undo {history.undo_label}".strip())
        actions["redo"].setText(f"Redo {history.redo_label}".strip())
        has_model = state.model_a is not None
        actions["swap"].setEnabled(has_model and state.model_b is not None)
        actions["save_blend"].setEnabled(differs_from_a(state))
        exports = ("export", "export_sheet", "export_network", "batch")
        for name in (*exports, "copy", "new_seed", "surprise", "open_portrait"):
            actions[name].setEnabled(has_model)
        actions["restore"].setEnabled(self._documents.can_restore)
        path = self._session.path
        self._window.setWindowTitle(f"{path.stem if path else 'Untitled'}[*] - Graft")
        self._window.setWindowModified(self._session.is_dirty)

    # --- editing --------------------------------------------------------------------------------------------------

    @Slot()
    def undo(self) -> None:
        self._finish_hand()
        self._session.undo()

    @Slot()
    def redo(self) -> None:
        self._finish_hand()
        self._session.redo()

    def _finish_hand(self) -> None:
        """A burst of key presses that is still open is one step: end it before stepping back."""
        focused = QApplication.focusWidget()
        finish = getattr(focused, "finish_gesture", None)
        if finish is not None:
            finish()

    @Slot()
    def new_seed(self) -> None:
        if "seed" in self._session.locks:
            self._messages.say("The seed is locked.", "Open the lock beside it to roll a new one.")
        else:
            self._session.edit(new_seed(self._session.state))

    @Slot()
    def surprise(self) -> None:
        state = self._session.state
        descriptor = self._collection.descriptor(state.model_a)
        stops = descriptor.resolutions if descriptor is not None else DEFAULT_STOPS
        self._session.edit(surprise(state, self._session.locks, stops), "surprise")

    @Slot(object)
    def use_portrait(self, record: LatentRecord) -> None:
        """Put a portrait from the shelf under the sliders, in the model it was found for."""
        state = self._session.state
        fits = record.model is None or (state.model_a is not None and record.model.sha256 == state.model_a.sha256)
        if fits or self._collection.model(record.model.sha256 if record.model else None) is None:
            self._portraits.searches.use_latent(record.latent)
        else:
            self._portraits.searches.use_latent(record.latent, record.model)

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot()
    def open(self) -> None:
        folder = str(self._settings.folder("open"))
        names, _ = QFileDialog.getOpenFileNames(self._window, "Open", folder, EVERYTHING_FILTER)
        self._open_named(names, "open")

    def _open_named(self, names: list[str], kind: str) -> None:
        if names:
            self._settings.set_folder(kind, Path(names[0]).parent)
            self._opener.open_paths([Path(name) for name in names])

    @Slot()
    def save_as(self) -> None:
        path = self._session.path or self._settings.folder("session") / f"untitled{SESSION_SUFFIX}"
        name, _ = QFileDialog.getSaveFileName(self._window, "Save session", str(path), SESSION_FILTER)
        if name:
            self._documents.save(Path(name))

    @Slot()
    def add_model(self) -> None:
        folder = str(self._settings.folder("models"))
        names, _ = QFileDialog.getOpenFileNames(self._window, "Add model", folder, MODELS_FILTER)
        for name in names:
            self._settings.set_folder("models", Path(name).parent)
            self._opener.add_model(Path(name))

    @Slot(object)
    def locate(self, ref: ModelRef) -> None:
        """Ask where a model's file is."""
        folder = str(self._settings.folder("models"))
        name, _ = QFileDialog.getOpenFileName(self._window, f"Where is {ref.name}?", folder, MODELS_FILTER)
        if name:
            self._settings.set_folder("models", Path(name).parent)
            self._opener.locate(ref, Path(name))

    @Slot()
    def save_blend(self) -> None:
        state = self._session.state
        if not differs_from_a(state):
            return
        names = "-".join(ref.name for ref in model_refs(state)).replace("/", "-")
        start = self._settings.folder("models") / f"{names[:120]}.safetensors"
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save the blend as a model", str(start), file_filter("Graft models", (".safetensors",))
        )
        if name:
            path = Path(name) if name.lower().endswith(".safetensors") else Path(name + ".safetensors")
            self._bridge.submit(SaveBlend(state, path), self._blend_saved)

    def _blend_saved(self, event: JobFinished) -> None:
        if event.error is not None:
            self._messages.error(event.error)
        elif isinstance(event.result, BlendSaved):
            self._collection.refresh()
            hint = " ".join(("It is on the shelf now.", *event.result.notes))
            self._messages.say("The blend is saved as a model of its own.", hint)

    @Slot()
    def open_portrait(self) -> None:
        folder = str(self._settings.folder("portraits"))
        name, _ = QFileDialog.getOpenFileName(self._window, "Open portrait", folder, PICTURES_FILTER)
        if name:
            self._settings.set_folder("portraits", Path(name).parent)
            self._opener.portrait_found.emit(Path(name))

    @Slot()
    def save_lines(self) -> None:
        """Draw the portrait that is being aligned, or a photo that is asked for, in lines."""
        portrait, face = self._portraits.aligned or (None, None)
        if portrait is None:
            folder = str(self._settings.folder("portraits"))
            name, _ = QFileDialog.getOpenFileName(self._window, "Which photo?", folder, PICTURES_FILTER)
            if not name:
                return
            portrait = Path(name)
            self._settings.set_folder("portraits", portrait.parent)
        start = self._settings.folder("export") / f"{portrait.stem}-lines.png"
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save as line drawing", str(start), file_filter("Pictures", (*FORMATS, *OTHER_SPELLINGS))
        )
        if name:
            path = Path(name) if Path(name).suffix else Path(name + ".png")
            self._bridge.submit(DrawLines(portrait, path, face), self._lines_drawn)

    def _lines_drawn(self, event: JobFinished) -> None:
        if event.error is not None:
            self._messages.error(event.error)
        elif isinstance(event.result, LinesDrawn):
            self._messages.say(f"Saved the line drawing {event.result.path.name:.60}.", " ".join(event.result.notes))

    @Slot()
    def export(self) -> None:
        from gui.export_dialog import ExportDialog

        self._session.end_gesture()
        state = self._viewer.shown_state
        view = view_of_mode(self._window.parts.canvas.mode)
        dialog = ExportDialog(state, view, self._settings, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._exporter.export(state, dialog.target.path, dialog.chosen_view))
        dialog.open()

    # --- views ----------------------------------------------------------------------------------------------------

    @Slot(str)
    def _pick_mode(self, key: str) -> None:
        self._window.parts.canvas.set_mode(CanvasMode(key))

    @Slot(str)
    def _show_mode(self, key: str) -> None:
        self._window.view.set_current(key)
        name = next(name for name, mode in VIEW_ACTIONS.items() if mode.value == key)
        self._window.actions_[name].setChecked(True)

    @Slot()
    def reset_layout(self) -> None:
        self._window.actions_["hide_docks"].setChecked(False)
        self._window.reset_layout()

    def choose_theme(self, choice: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, theme_for(ThemeChoice(choice)))
        self._settings.set("theme", choice)
        self._show_theme()

    def _show_theme(self) -> None:
        chosen = self._settings.get("theme", ThemeChoice.DARK.value)
        for name, choice in THEME_ACTIONS.items():
            self._window.actions_[name].setChecked(choice == chosen)

    # --- menus that fill themselves -------------------------------------------------------------------------------

    def _fill_samples(self) -> None:
        menu = self._window.samples_menu
        for path in sample_photos():
            menu.addAction(sample_name(path.stem), partial(self._opener.portrait_found.emit, path))
        menu.setEnabled(not menu.isEmpty())

    def _fill_recent(self) -> None:
        menu = self._window.recent_menu
        menu.clear()
        for path in self._settings.recent_files():
            menu.addAction(path.name, partial(self._opener.open_paths, [path]))
        menu.setEnabled(not menu.isEmpty())

    # --- trouble and help -----------------------------------------------------------------------------------------

    @Slot(object)
    def _show_failure(self, error: EngineError) -> None:
        if isinstance(error, MissingModelError) and error.sha256:
            ref = ModelRef(error.sha256, error.name)
            self._messages.warn(error.user_message, error.hint, Choice("Locate…", partial(self.locate, ref)))
        else:
            self._messages.error(error)

    @Slot(object)
    def _offer_restart(self, error: EngineError) -> None:
        self._messages.warn(error.user_message, error.hint, Choice("Start it again", self._bridge.restart))

    @Slot()
    def show_keys(self) -> None:
        from gui.help_dialogs import KeyList

        self._show_dialog(KeyList(self._window.actions_, self._window))

    @Slot()
    def show_about(self) -> None:
        from gui.help_dialogs import About, version

        self._show_dialog(About(resources_folder(), version(), self._engine_ready, self._window))

    @Slot()
    def show_faster_previews(self) -> None:
        from gui.faster_previews import FasterPreviews

        for dialog in self._window.findChildren(FasterPreviews):
            if dialog.isVisible():  # it may be building
                dialog.raise_()
                dialog.activateWindow()
                return
        self._show_dialog(FasterPreviews(self._window))

    @Slot(object)
    def _keep_ready(self, event: EngineReady) -> None:
        self._engine_ready = event

    def _show_dialog(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()


def _without_arguments(run: Callable[[], object]) -> Callable[..., None]:
    """`triggered` brings a bool that most commands have no use for."""

    def triggered(_checked: bool = False) -> None:
        run()

    return triggered

