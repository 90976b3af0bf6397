"""Builds the object graph and runs the window. Nothing else does.

The window is painted first; what it does not need for that is imported and built where it is used.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QApplication

from engine.device import prepare_process
from engine.encoder_file import encoder_folders
from engine.errors import EngineError
from engine.exit_colours import ExitColourShelf
from engine.history import HistoryEntry
from engine.journal import Journal
from engine.latents import LatentStore
from engine.library import Library
from engine.look import Look
from engine.messages import Engine, Publish
from engine.places import Places, user_places
from engine.state import EditState, ModelRef, StoredLatent
from engine.torch_import import collector_at_rest, load_torch_libraries
from engine.worker import Backend, EngineThread
from gui.arguments import no_screen, parse
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.commands import Commands
from gui.documents import Documents
from gui.engine_bridge import EngineBridge
from gui.exporting import Exporter
from gui.first_hints import FirstHints, Hint
from gui.first_look import first_state
from gui.held_keys import HeldKeys
from gui.import_later import ImportLater
from gui.kept_pictures import KeptPictures
from gui.later_parts import LaterParts
from gui.layouts import Layouts
from gui.library_flow import LibraryFlow
from gui.look_flow import LookFlow
from gui.main_window import MainWindow, Parts
from gui.messages import Messages
from gui.opening import Opener
from gui.panels.controls import Controls
from gui.panels.history_strip import HistoryStrip
from gui.panels.inversion_view import InversionView
from gui.panels.invert_bar import InvertBar
from gui.panels.job_tray import JobTray
from gui.panels.shelf import Shelf
from gui.panels.status import Status
from gui.portrait_flow import PortraitFlow
from gui.runtime import SystemSignals, Watch, end_process, start_log
from gui.search.flow import SearchFlow
from gui.session import Session
from gui.settings import FILE_NAME, Settings, save_quietly
from gui.theme import ThemeChoice, apply_theme, theme_for
from gui.theme_follower import ThemeFollower
from gui.thumbnails import Thumbnails
from gui.viewer import Viewer
from gui.widgets.error_bar import ErrorBar
from gui.widgets.filmstrip import Filmstrip

STOP_S = 5.0
PAINTED_BY_MS = 1000
"""After so long it goes on without a painted window: one that opens minimised is not painted."""

LATER_MS = 300
"""After the engine is ready: time for the first picture."""

SOON_NEEDED = ("gui.compare.flow", "gui.training.flow")
"""Imported then, on a thread."""

LATER_NEEDED = (
    "gui.styles_wall.flow", "gui.help_flow", "gui.mix_flow", "gui.explore.flow", "gui.directions.flow",
    "gui.history_tree.window", "gui.animate.flow", "gui.blend_doctor_flow", "gui.export_dialog", "gui.export.flow",
    "gui.export.batch_flow", "gui.measuring.flow", "gui.get_models.flow", "gui.library_window.window",
    "gui.shortcut_dialog", "gui.help_dialogs", "gui.clipboard_flow", "gui.pivot_flow", "gui.many.flow",
    "gui.paste.flow",
)
"""Imported after that: a window's first opening is not kept waiting for its modules."""

SWITCH_S = 0.001
"""How long a thread that runs Python may keep others waiting. 5 ms, the usual, are felt while torch is imported."""

log = logging.getLogger("graft")

MakeEngine = Callable[[Library, LatentStore, Publish], Engine]


def real_engine(places: Places) -> MakeEngine:
    """Makes the engine thread. torch is imported on it, after the window is there."""

    def make(library: Library, store: LatentStore, publish: Publish) -> Engine:
        def build() -> Backend:
            with collector_at_rest():
                load_torch_libraries()
                from engine.backend import TorchBackend

            return TorchBackend(library, store, exit_colours=ExitColourShelf(places.exit_colours_folder))

        return EngineThread(publish, build)

    return make


class Studio(LaterParts):
    """Everything that makes up the running window. `show`, and `close` at the end."""

    painted = Signal()  # the window is there

    def __init__(
        self,
        places: Places,
        make_engine: MakeEngine,
        *,
        embedded_models: Path | None = None,
        sample_looks_folder: Path | None = None,
    ) -> None:
        """
        Args:
            embedded_models: The folder of the models that come with Graft, if not the usual one.
            sample_looks_folder: The folder of its looks, if not the usual one.
        """
        super().__init__()
        self._embedded_models = embedded_models
        self._sample_looks_folder = sample_looks_folder
        self._problems: list[EngineError] = []
        self._files: tuple[Path, ...] = ()
        self.is_filled = False
        self._is_closed = False
        self._imports = ImportLater(self)
        self._registering: threading.Thread | None = None
        self._sample_portraits: dict[StoredLatent, ModelRef] = {}
        self._sample_looks: Mapping[str, Look] = {}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.places, self.library = self._opened(places)
        self.settings = Settings(self.places.config / FILE_NAME)
        self.store = LatentStore(self.places.latents_folder)
        self.session = Session(EditState(), lambda: Journal.start(self.places.autosave_folder), self)
        self.collection = Collection(self.library, self)
        self.bridge = EngineBridge(lambda publish: make_engine(self.library, self.store, publish), self)
        self.thumbnails = Thumbnails(self.bridge, self)
        parts = self._make_parts()
        self.window = MainWindow(parts, self.settings)
        self.canvas = parts.canvas
        self.messages = Messages(parts.message_bar, self)
        self._make_controllers(parts)
        self.hints: FirstHints | None = None

    def _opened(self, places: Places) -> tuple[Places, Library]:
        """The user's folders, or, where they cannot be written, temporary ones: the window opens in any case."""
        try:
            return places.make(), Library(places.library_file)
        except EngineError as error:
            self._problems.append(error)
            self._temporary = tempfile.TemporaryDirectory(prefix="graft-")
            root = Path(self._temporary.name)
            places = Places(root / "config", root / "data", root / "cache").make()
            return places, Library(places.library_file)

    def _make_parts(self) -> Parts:
        tray = JobTray(self.bridge)
        return Parts(
            canvas=Canvas(),
            inversion=InversionView(),
            invert_bar=InvertBar(self.settings),
            message_bar=ErrorBar(),
            shelf=Shelf(self.session, self.collection, self.thumbnails, tray),
            controls=Controls(self.session, self.collection, self.settings),
            filmstrip=Filmstrip(),
        )

    def _make_controllers(self, parts: Parts) -> None:
        session, bridge, collection, messages = self.session, self.bridge, self.collection, self.messages
        self.viewer = Viewer(session, bridge, parts.canvas, collection, self)
        self.kept = KeptPictures(
            session, collection, bridge, self.viewer, parts.canvas, self.places.cache / "pictures", self
        )
        self.strip = HistoryStrip(session, self.thumbnails, parts.filmstrip, self)
        self.viewer.settled.connect(self.strip.take_frame)
        self.viewer.settled_unseen.connect(self.strip.want_present)
        self.status = Status(self.window.statusBar(), session, bridge)
        parts.canvas.zoom_changed.connect(self.status.show_zoom)
        self.opener = Opener(session, bridge, collection, self.store, messages, self)
        self.documents = Documents(
            session, collection, self.store, parts.canvas, self.opener, messages, self.settings,
            self.places.autosave_folder, self,
        )
        self.searches = SearchFlow(
            session, bridge, collection, self.thumbnails, parts.inversion, messages, lambda: self.photos, self
        )
        self.portraits = PortraitFlow(
            session, bridge, collection, parts.canvas, parts.invert_bar, self.searches, messages,
            encoder_folders(self.places, self._embedded_models), self,
        )
        self.looks = LookFlow(
            session, collection, self.store, self.thumbnails, self.viewer, parts.shelf.looks, self.opener, messages,
            self.settings, self.places.cache / "dragged", self,
        )
        self.looks.connect_actions(self.window.actions_)
        parts.shelf.save_look_wanted.connect(self.looks.save)
        parts.shelf.filter_changed.connect(self.looks.set_filter)
        self.exporter = Exporter(bridge, messages, self)
        self.commands = Commands(
            self.window, session, collection, bridge, self.viewer, self.opener, self.documents, self.portraits,
            self.exporter, messages, self.settings,
        )
        self.theme_follower = ThemeFollower(self.settings, self)
        self.layouts = Layouts(self.window, self.settings, self)
        self.librarian = LibraryFlow(
            self.window, session, collection, parts.shelf, messages, self.settings, self.places, self.store,
            self.commands.locate, self._use_entry, self,
        )
        self.librarian.connect_actions(self.window.actions_)
        self.connect_later(parts)
        self.keys = HeldKeys(self.window, parts.canvas, self.window.actions_["hide_docks"])

    # --- life -----------------------------------------------------------------------------------------------------

    def show(self, files: Sequence[Path] = ()) -> None:
        """Show the window; once it is painted, fill it: the shelf, the first picture, what was left, `files`."""
        mode = self.settings.get("view", CanvasMode.TRIPTYCH.value)
        self.canvas.set_mode(CanvasMode(mode) if mode in set(CanvasMode) else CanvasMode.TRIPTYCH)
        self._files = tuple(files)
        self._registering = threading.Thread(target=self._register, name="graft-shelf", daemon=True)
        self._registering.start()
        self.canvas.installEventFilter(self)
        QTimer.singleShot(PAINTED_BY_MS, self, self._begin)
        self.window.show()
        self.canvas.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self, self.painted.emit)  # the event is still to come
            QTimer.singleShot(0, self, self._begin)
        return False

    @Slot()
    def _begin(self) -> None:
        """Fill the window, then start the engine: importing torch slows everything else down."""
        if self.is_filled or self._is_closed:
            return
        self.is_filled = True
        self._fill_shelf()
        for problem in self._problems:
            self.messages.error(problem)
        if self.library.notice:
            self.messages.warn(self.library.notice)
        first = HistoryEntry(first_state(self.collection, self._sample_portraits), "start")
        self.session.replace_document((first,), 0, None, saved=True)
        self._show_hints()
        self.searches.say_kept(self.settings)
        self.documents.offer_recovery()
        self.bridge.engine_ready.connect(self._engine_ready)
        QTimer.singleShot(0, self, self._compare_if_wanted)
        QTimer.singleShot(0, self, self._start_engine)

    @Slot()
    def _start_engine(self) -> None:
        self.bridge.start()
        self.viewer.request()
        if self._files:
            self.opener.open_paths(self._files)

    @Slot()
    def _engine_ready(self) -> None:
        self.bridge.engine_ready.disconnect(self._engine_ready)
        QTimer.singleShot(LATER_MS, self, self._import_later)

    @Slot()
    def _import_later(self) -> None:
        if not self._is_closed:
            self._imports.done.connect(self._find_trainings)
            self._imports.start(SOON_NEEDED, LATER_NEEDED)

    @Slot()
    def _find_trainings(self) -> None:
        """A trainer may be at work since the last time."""
        if not self._is_closed:
            log.debug("compares %s", self.compare)
            log.debug("found a training at work: %s", self.training.watch.folder)
            if self.settings.get("animate.shown", False):
                self.animating.set_shown(True)
            self.librarian.look_for_files()

    def _register(self) -> None:
        """Put into the library what comes with Graft. On a thread: at a first start the models are read whole."""
        from engine.embedded_models import register_embedded
        from engine.look_file import sample_looks
        from engine.sample_portraits import register_sample_portraits

        try:
            register_embedded(self.library, self._embedded_models)
            self._sample_portraits = register_sample_portraits(self.library, self.store)
        except EngineError as error:
            self._problems.append(error)
        self._sample_looks = sample_looks(self._sample_looks_folder)

    def _fill_shelf(self) -> None:
        """Show what comes with Graft."""
        if self._registering is not None:
            self._registering.join()
        self.collection.bring_looks(self._sample_looks)

    def _show_hints(self) -> None:
        if self.settings.get("hints_seen", False) or self.session.state.model_b is None:
            return
        controls, looks = self.window.parts.controls, self.window.parts.shelf.looks
        third = Hint(controls.latent.pad, "Seed pad: other faces")
        if isinstance(self.session.state.latent, StoredLatent) and looks.items:  # which has no pad
            third = Hint(looks, "Looks: one click each")
        self.hints = FirstHints(
            self.window,
            self.canvas,
            (
                Hint(controls.blend.swap_resolution, "Swap resolution: structure from B up to here"),
                Hint(controls.blend.alpha, "Alpha: how much of B"),
                third,
            ),
        )
        self.session.state_changed.connect(self._hints_seen)
        self.canvas.mode_changed.connect(self._hints_seen)  # whoever looks round needs no hint, and it needs the room
        self.canvas.align_begun.connect(self._hints_seen)
        self.opener.portrait_found.connect(self._hints_seen)
        for name in ("animate", "explore", "every_style"):
            self.window.actions_[name].triggered.connect(self._hints_seen)

    @Slot()
    def _hints_seen(self) -> None:
        if self.hints is not None:
            self.hints.dismiss()
            self.hints = None
            self.settings.set("hints_seen", True)

    def close(self) -> bool:
        """Keep what is to be kept and end the engine. False when it did not end in time."""
        if self._is_closed:
            return True
        self._is_closed = True
        self.settings.set("view", self.canvas.mode.value)
        self.theme_follower.close()
        self.close_later()
        self._imports.close()
        if self._registering is not None:
            self._registering.join()
        self.documents.close()
        if "photos" in self.__dict__:
            self.photos.close()
        self.librarian.close()
        self.kept.close()
        ended = self.bridge.stop(STOP_S)  # first: a search that is cancelled by it leaves its best so far
        self.searches.note_kept(self.settings)
        self.session.close()
        save_quietly(self.settings)
        self.library.close()
        if self._temporary is not None:
            self._temporary.cleanup()
        return ended


def run(argv: Sequence[str] = ()) -> int:
    """Open the window and stay until it is closed.

    Args:
        argv: Files to open.

    Returns:
        The process's exit status.
    """
    options = parse(argv)
    if problem := no_screen(os.environ):
        print(problem, file=sys.stderr)
        return 1
    prepare_process()
    sys.setswitchinterval(SWITCH_S)
    app = QApplication.instance() or QApplication([sys.argv[0] if sys.argv else "graft"])
    assert isinstance(app, QApplication)
    app.setApplicationName("Graft")
    app.setApplicationDisplayName("Graft")
    app.setDesktopFileName("graft")
    try:
        places = user_places()
        studio = Studio(places, real_engine(places))
    except EngineError as error:  # not even a temporary folder can be written
        print(f"{error.user_message} {error.hint}".strip(), file=sys.stderr)
        return 1
    handler = start_log(studio.places.log_folder)
    watch = Watch(studio)
    watch.install(studio.places.log_folder)
    watch.failed.connect(studio.messages.failure)
    apply_theme(app, theme_for(ThemeChoice(studio.settings.get("theme", ThemeChoice.DARK.value))))
    signals = SystemSignals(studio)
    signals.asked_to_quit.connect(studio.window.close)
    if options.quit_after_first_frame:
        from gui.start_report import StartReport

        StartReport(studio)
    studio.show(options.files)
    code = app.exec()
    ended = studio.close()
    signals.close()
    logging.getLogger().removeHandler(handler)
    handler.close()
    if not ended:
        log.warning("the engine did not end within %s s", STOP_S)
        end_process(code)
    return code
