"""The parts of the window that are made when they are first wanted, and what wants them.

None of it is imported before the window is painted; what was made is let go of by `close_later`.
"""

from __future__ import annotations

import logging
from functools import cached_property, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from engine.latents import LatentStore
from engine.library import Library
from engine.messages import JobFinished, PortraitInverted
from engine.places import Places
from engine.state import EditState, StoredLatent
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.commands import Commands
from gui.documents import Documents
from gui.engine_bridge import EngineBridge
from gui.library_flow import LibraryFlow
from gui.look_flow import LookFlow
from gui.main_window import MainWindow, Parts
from gui.messages import Messages
from gui.opening import Opener
from gui.panels.history_strip import HistoryStrip
from gui.panels.status import Status
from gui.portrait_flow import PortraitFlow
from gui.search.flow import SearchFlow
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails
from gui.viewer import Viewer

if TYPE_CHECKING:
    from engine.library_search import Entry
    from gui.animate.flow import AnimateFlow
    from gui.blend_doctor_flow import BlendDoctorFlow
    from gui.clipboard_flow import ClipboardFlow
    from gui.compare.flow import CompareFlow
    from gui.compare.photos import PortraitPhotos
    from gui.directions.flow import DirectionFlow
    from gui.directions.section import DirectionSection
    from gui.explore.flow import ExploreFlow
    from gui.export.batch_flow import BatchFlow
    from gui.export.flow import ExportFlow
    from gui.get_models.flow import GetModelsFlow
    from gui.help_flow import HelpFlow
    from gui.history_tree.window import HistoryWindow
    from gui.kept_pictures import KeptPictures
    from gui.many.flow import ManyFlow
    from gui.measuring.flow import MeasureFlow
    from gui.mix_flow import MixFlow
    from gui.palette import Entry as Found
    from gui.panels.mix_panel import MixPanel
    from gui.paste.flow import PasteFlow
    from gui.paste.kept_masks import KeptMasks
    from gui.pivot_flow import PivotFlow
    from gui.search.again import SearchAgain
    from gui.styles_wall.flow import StylesFlow
    from gui.training.flow import TrainingFlow
    from gui.weights_flow import WeightsFlow

log = logging.getLogger("graft")


class LaterParts(QObject):
    """What `gui.app.Studio` has beside the parts that are there from the start.

    A part's attribute makes it; until then it is only a name in the menus.
    """

    places: Places
    library: Library
    settings: Settings
    store: LatentStore
    session: Session
    collection: Collection
    bridge: EngineBridge
    thumbnails: Thumbnails
    window: MainWindow
    canvas: Canvas
    messages: Messages
    viewer: Viewer
    strip: HistoryStrip
    status: Status
    opener: Opener
    documents: Documents
    portraits: PortraitFlow
    searches: SearchFlow
    looks: LookFlow
    commands: Commands
    librarian: LibraryFlow
    kept: KeptPictures
    is_filled: bool

    def connect_later(self, parts: Parts) -> None:
        """What in the window wants them."""
        actions, blend = self.window.actions_, parts.controls.blend
        actions["animate"].triggered.connect(lambda shown: self.animating.set_shown(shown))
        actions["key_here"].triggered.connect(lambda: self.animating.set_keys())
        actions["export_video"].triggered.connect(lambda: self.animating.export())
        self.opener.film_found.connect(lambda: self.animating.set_shown(True))
        self.session.opened.connect(self._open_timeline)
        actions["train"].triggered.connect(lambda: self.training.open())
        actions["measure"].triggered.connect(lambda: self.measuring.open())
        parts.shelf.measure_wanted.connect(lambda sha256: self.measuring.open_for(sha256))
        actions["export_network"].triggered.connect(lambda: self.exports.export_network())
        actions["export_sheet"].triggered.connect(lambda: self.exports.export_sheet())
        actions["batch"].triggered.connect(lambda: self.batch.open())
        actions["invert_many"].triggered.connect(lambda: self.many_portraits.open())
        actions["doctor"].triggered.connect(lambda: self.doctor.open())
        blend.doctor_wanted.connect(actions["doctor"].trigger)
        parts.shelf.overlay_wanted.connect(blend.lay_over)
        actions["explore"].triggered.connect(lambda: self.explore.toggle())
        actions["every_style"].triggered.connect(lambda: self.styles.show_present())
        self.opener.portrait_found.connect(lambda path: self.styles.open(path))
        self.opener.folder_wanted.connect(lambda folder: self.many_portraits.open_for(folder))
        self.portraits.styles_wanted.connect(lambda portrait, face: self.styles.show_portrait(portrait, face))
        actions["history"].triggered.connect(lambda: self.history.toggle())
        actions["copy"].triggered.connect(lambda: self.clipboard.copy())
        actions["paste"].triggered.connect(lambda: self.clipboard.paste())
        actions["palette"].triggered.connect(lambda: self.help.show_palette())
        actions["shortcuts"].triggered.connect(lambda: self.help.show_shortcuts())
        actions["get_models"].triggered.connect(lambda: self.get_models.open())
        actions["weights"].triggered.connect(lambda: self.weights.open())
        self.opener.encoder_waits.connect(lambda: self.weights.open_encoders())
        self.opener.encoder_added.connect(self.portraits.offer_encoder)
        self._connect_directions(parts.controls.directions)
        self._connect_comparing(parts)
        self._connect_pasting(parts)
        self._connect_mixing(parts.controls.mix)

    def close_later(self) -> None:
        """Those that were made; the rest is not made for this."""
        for name in (
            "animating", "training", "measuring", "get_models", "doctor", "batch",
            "many_portraits", "weights",
            "mixing", "clipboard", "directions", "explore", "styles", "history",
            "pasting",
            "again",
        ):  # fmt: skip
            if (part := self.__dict__.get(name)) is not None:
                part.close()

    # --- the parts ------------------------------------------------------------------------------------------------

    @cached_property
    def mixing(self) -> MixFlow:
        """Made when there is something to mix."""
        from gui.mix_flow import MixFlow

        return MixFlow(
            self.window.parts.controls.mix, self.session, self.collection, self.thumbnails, self.store,
            self.opener.open_paths, self.portraits.open, self.messages, self.settings, self,
        )

    @cached_property
    def directions(self) -> DirectionFlow:
        """Made when a direction is wanted, or an action about them."""
        from gui.directions.flow import DirectionFlow

        return DirectionFlow(
            self.window, self.window.parts.controls.directions, self.session, self.bridge, self.collection,
            self.library, self.thumbnails, self.messages, self.settings, self,
        )

    @cached_property
    def clipboard(self) -> ClipboardFlow:
        from gui.clipboard_flow import ClipboardFlow
        from gui.exporting import view_of_mode

        return ClipboardFlow(
            self.bridge, self.opener, self.store, self.messages,
            lambda: (self.viewer.shown_state, view_of_mode(self.canvas.mode)), self.places.cache / "clipboard", self,
        )

    @cached_property
    def help(self) -> HelpFlow:
        """The palette and the table of keys."""
        from gui.help_flow import HelpFlow

        flow = HelpFlow(
            self.window, self.session, self.collection, self.settings, self.opener.open_paths,
            self.commands.use_portrait, self,
        )
        flow.add_source(self._found_directions)
        return flow

    @cached_property
    def explore(self) -> ExploreFlow:
        """Sheets of variations round the present picture."""
        from gui.explore.flow import ExploreFlow

        return ExploreFlow(
            self.window, self.session, self.collection, self.thumbnails, self.messages, self.settings, self
        )

    @cached_property
    def styles(self) -> StylesFlow:
        """A photo, or the face on screen, in every style at once."""
        from gui.styles_wall.flow import StylesFlow

        return StylesFlow(
            self.window, self.session, self.bridge, self.collection, self.store, self.thumbnails, self.portraits,
            lambda: self.photos, self.messages, self.portraits.encoder_folders, self,
        )

    @cached_property
    def history(self) -> HistoryWindow:
        """The tree of everything that was on screen."""
        from gui.history_tree.window import HistoryWindow

        return HistoryWindow(self.session, self.strip.pictures, self.settings, self.window)

    @cached_property
    def photos(self) -> PortraitPhotos:
        """Of the portraits: what they were found from."""
        from gui.compare.photos import PortraitPhotos

        photos = PortraitPhotos(self.places.cache / "portraits", self)
        photos.others_forgotten.connect(self.kept.forget_portraits_but)
        photos.others_forgotten.connect(lambda keys: self.masks.forget_all_but(keys))
        return photos

    @cached_property
    def compare(self) -> CompareFlow:
        """Made soon after the first picture, or earlier when one compares."""
        from gui.compare.flow import CompareFlow

        def trashed() -> tuple[str, ...]:
            return tuple(record.latent.key for record in self.library.trashed_latents())

        return CompareFlow(
            self.window, self.session, self.bridge, self.viewer, self.collection, self.store, self.thumbnails,
            self.photos, self.messages, self.settings, trashed, self,
        )

    @cached_property
    def again(self) -> SearchAgain:
        """Once more with a portrait that was found before."""
        from gui.search.again import SearchAgain

        return SearchAgain(
            self.window, self.session, self.collection, self.portraits, self.searches, self.photos,
            lambda: self.window.parts.invert_bar.choices, self.messages, self.settings, self,
        )  # fmt: skip

    @cached_property
    def tuning(self) -> PivotFlow:
        """Made when a model is first tuned to a portrait."""
        from gui.pivot_flow import PivotFlow

        return PivotFlow(
            self.window, self.session, self.bridge, self.collection, self.photos, self.again.with_photo,
            self.messages, self.settings, self,
        )  # fmt: skip

    @cached_property
    def masks(self) -> KeptMasks:
        """Painted for putting portraits back into their photos."""
        from gui.paste.kept_masks import KeptMasks

        return KeptMasks(self.places.masks_folder, self)

    @cached_property
    def pasting(self) -> PasteFlow:
        """Made when a face is first put back into its photo."""
        from gui.paste.flow import PasteFlow

        parts = self.window.parts
        return PasteFlow(
            self.window, self.session, self.bridge, self.viewer, self.collection, self.masks, self.messages,
            self.settings, parts.shelf.latent_picked.emit, self,
        )

    @cached_property
    def exports(self) -> ExportFlow:
        """Networks and contact sheets."""
        from gui.export.flow import ExportFlow

        return ExportFlow(
            self.window, self.session, self.collection, self.bridge, self.messages, self.settings, self
        )

    @cached_property
    def batch(self) -> BatchFlow:
        """The look on many."""
        from gui.export.batch_flow import BatchFlow

        tray = self.window.parts.shelf.tray
        return BatchFlow(
            self.window, self.session, self.store, self.viewer, tray, self.messages, self.settings, self
        )

    @cached_property
    def many_portraits(self) -> ManyFlow:
        """The portraits of a folder of photos."""
        from gui.many.flow import ManyFlow

        return ManyFlow(
            self.window, self.session, self.collection, self.store, self.window.parts.shelf.tray, self.messages,
            self.settings, self.portraits.encoder_folders, lambda key, crop: self.photos.keep(key, crop),
            self.commands.use_portrait, self,
        )

    @cached_property
    def training(self) -> TrainingFlow:
        """Made soon after the first picture, or earlier when it is wanted."""
        from gui.training.flow import TrainingFlow

        tray, messages = self.window.parts.shelf.tray, self.messages
        flow = TrainingFlow(
            self.window, self.collection, self.bridge, self.opener, tray, messages, self.settings, self.places, self
        )
        flow.begin()  # before anything can be started: it looks for what earlier Grafts left
        return flow

    @cached_property
    def doctor(self) -> BlendDoctorFlow:
        from gui.blend_doctor_flow import BlendDoctorFlow

        return BlendDoctorFlow(self.window, self.session, self.collection, self.bridge, self.settings, self)

    @cached_property
    def get_models(self) -> GetModelsFlow:
        from gui.get_models.flow import GetModelsFlow

        return GetModelsFlow(
            self.window, self.collection, self.bridge, self.window.parts.shelf.tray, self.messages, self.places,
            self.opener.use_model, self,
        )

    @cached_property
    def weights(self) -> WeightsFlow:
        from gui.weights_flow import WeightsFlow

        flow = WeightsFlow(self.window, self.collection, self.messages, self.places.weights_folder, self)
        flow.encoders_changed.connect(self.portraits.offer_encoder)
        return flow

    @cached_property
    def animating(self) -> AnimateFlow:
        """Made when the timeline is first opened."""
        from gui.animate.flow import AnimateFlow

        return AnimateFlow(
            self.window, self.session, self.bridge, self.viewer, self.strip, self.collection, self.messages,
            self.settings, self,
        )

    @cached_property
    def measuring(self) -> MeasureFlow:
        from gui.measuring.flow import MeasureFlow

        tray = self.window.parts.shelf.tray
        return MeasureFlow(self.window, self.collection, tray, self.messages, self.settings, self)

    # --- what wants them ------------------------------------------------------------------------------------------

    def _connect_comparing(self, parts: Parts) -> None:
        actions, canvas = self.window.actions_, parts.canvas
        actions["pin"].triggered.connect(lambda: self.compare.pin())
        actions["blink"].triggered.connect(lambda on: self.compare.blink(on))
        actions["compare_photo"].triggered.connect(lambda: self.compare.compare_with_photo())
        self.searches.compare_wanted.connect(lambda view: self.compare.compare_with_photo(view))
        actions["search_closer"].triggered.connect(lambda: self.again.search_closer())
        actions["align_again"].triggered.connect(lambda: self.again.align_again())
        actions["search_steps"].triggered.connect(lambda: self.searches.watch_last())
        actions["tune"].triggered.connect(lambda: self.tuning.open())
        parts.shelf.tune_wanted.connect(lambda key: self.tuning.open(key))
        parts.shelf.closer_wanted.connect(lambda key: self.again.search_closer(key))
        parts.shelf.align_wanted.connect(lambda key: self.again.align_again(key))
        actions["pixel_values"].toggled.connect(canvas.set_reads_pixels)
        canvas.pointed.connect(self.status.show_reading)
        canvas.mode_changed.connect(self._compare_if_wanted)
        self.bridge.job_finished.connect(self._keep_photo)
        self.documents.carry(
            lambda: self.compare.board.to_plain(), lambda settings: self.compare.board.take_plain(settings)
        )

    def _connect_pasting(self, parts: Parts) -> None:
        put_back = self.window.actions_["put_back"]
        put_back.triggered.connect(lambda: self.pasting.open())
        parts.shelf.put_back_wanted.connect(lambda key: self.pasting.open_for(key))

        def refresh() -> None:
            latent = self.session.state.latent
            record = self.collection.latent(latent.key) if isinstance(latent, StoredLatent) else None
            put_back.setEnabled(record is not None and record.source is not None)

        self.session.state_changed.connect(refresh)
        self.collection.latents_changed.connect(refresh)
        refresh()

    def _connect_mixing(self, panel: MixPanel) -> None:
        panel.paths_dropped.connect(lambda paths: self.mixing.take_paths(paths))
        panel.picture_wanted.connect(lambda: self.mixing.choose_picture())
        panel.rows_shown.connect(lambda state: self.mixing.show_pictures(state) if state.mix else None)

    def _connect_directions(self, section: DirectionSection) -> None:
        actions = self.window.actions_
        for wanted in (section.find_wanted, actions["directions"].triggered):
            wanted.connect(lambda: self.directions.open())
        actions["import_directions"].triggered.connect(lambda: self.directions.ask_files())
        actions["styles"].triggered.connect(lambda: self.directions.styles.open())
        section.styles_wanted.connect(lambda: self.directions.styles.open_changed())
        section.files_dropped.connect(lambda paths: self.directions.import_files(paths))
        self.opener.directions_found.connect(lambda paths: self.directions.import_files(paths))
        section.keep_wanted.connect(lambda use: self.directions.keep_used(use))
        section.menu_opening.connect(lambda menu: self.directions.fill_menu(menu))

    def _found_directions(self, query: str) -> tuple[Found, ...]:
        """Those of the library, for the palette."""
        from engine.library_directions import DirectionTable
        from gui.palette import Entry as Found

        kept = DirectionTable(self.library.file).kept() if query.strip() else ()
        return tuple(Found(one.name, partial(self.librarian.add_direction, one), "direction") for one in kept)

    @Slot()
    def _compare_if_wanted(self) -> None:
        if self.is_filled and self.canvas.mode is CanvasMode.COMPARE:
            log.debug("compares %s", self.compare)

    @Slot(object)
    def _keep_photo(self, event: JobFinished) -> None:
        if isinstance(event.result, PortraitInverted):
            self.photos.keep(event.result.latent.key, event.result.target)

    def _use_entry(self, entry: Entry) -> None:
        """Put something of the library to use, as a click on the shelf does."""
        from engine.library_directions import DirectionTable
        from engine.library_tags import Kind
        from engine.look_shelf import saved_key

        match entry.kind:
            case Kind.MODEL:
                record = self.collection.model(entry.key)
                if record is not None:
                    self.opener.use_model(record.ref)
            case Kind.PORTRAIT:
                latent = self.collection.latent(entry.key)
                if latent is not None:
                    self.window.parts.shelf.latent_picked.emit(latent)
            case Kind.LOOK:
                self.looks.wear(saved_key(int(entry.key)))
            case Kind.DIRECTION:
                for direction in DirectionTable(self.library.file).kept():
                    if direction.key == entry.key:
                        self.librarian.add_direction(direction)

    @Slot(object)
    def _open_timeline(self, state: EditState) -> None:
        """Of a session that has one, once it is shown."""
        if self.session.timeline is not None and self.session.timeline.tracks:
            QTimer.singleShot(0, self, lambda: self.animating.set_shown(True))
