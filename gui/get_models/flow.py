"""Getting models: the list, the downloads, their cards, and the way onto the shelf."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtWidgets import QWidget

from engine.catalogue import CatalogueEntry, name_of_link, own_entry, read_catalogue
from engine.download import DownloadOrder, DownloadProgress, Fetched
from engine.encoder_events import EncoderKept
from engine.errors import ChangedDownloadError, EngineError, printable
from engine.fetched_model import fetched_note
from engine.file_size import in_words
from engine.library_links import LinkTable
from engine.library_search import matches
from engine.library_tags import Kind
from engine.messages import JobFinished, JobOutcome, LoadModel, ModelLoaded
from engine.places import Places
from engine.state import ModelRef
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.get_models.details import Standing
from gui.get_models.entry_list import EntryItem
from gui.get_models.transfers import Transfers
from gui.get_models.window import GetModelsWindow
from gui.get_models.words import caption, progress_words
from gui.messages import Choice, Messages
from gui.panels.job_tray import LEAVE_AFTER_MS, JobTray, breakable
from gui.widgets.job_card import JobCard, JobState

CARD_PREFIX = "download-"


class GetModelsFlow(QObject):
    """Downloads go on when the window is closed; the window is made when it is first wanted."""

    def __init__(
        self,
        owner: QWidget,
        collection: Collection,
        bridge: EngineBridge,
        tray: JobTray,
        messages: Messages,
        places: Places,
        use_model: Callable[[ModelRef], object],
        parent: QObject | None = None,
        *,
        catalogue: tuple[CatalogueEntry, ...] | None = None,
    ) -> None:
        """
        Args:
            use_model: Puts a model on side B.
            catalogue: What there is, if not what comes with Graft.
        """
        super().__init__(parent)
        self._owner = owner
        self._collection = collection
        self._bridge = bridge
        self._tray = tray
        self._messages = messages
        self._folder = places.downloads_folder
        self._use_model = use_model
        self._catalogue = read_catalogue() if catalogue is None else catalogue
        self._links = LinkTable(collection.library.file)
        self._window: GetModelsWindow | None = None
        self._progress: dict[str, DownloadProgress] = {}
        self._problems: dict[str, EngineError] = {}
        self._discarding: set[str] = set()
        self._fetched: dict[str, str] = {}
        self._reload()
        self.transfers = Transfers(self)
        self.transfers.progressed.connect(self._progressed)
        self.transfers.fetched.connect(self._arrived)
        self.transfers.failed.connect(self._failed)
        self.transfers.stopped.connect(self._stopped)
        tray.card_opened.connect(self._card_opened)
        collection.models_changed.connect(self._show)

    @property
    def window(self) -> GetModelsWindow:
        if self._window is None:
            self._window = window = GetModelsWindow(self._owner)
            window.search.textChanged.connect(self._show)
            window.entries.picked.connect(self._show_entry)
            window.entries.opened.connect(self._primary)
            window.added.connect(self.add_link)
            window.details.primary_wanted.connect(self._primary)
            window.details.cancel_wanted.connect(self._discard)
            window.details.forget_wanted.connect(self._forget)
            self._show()
            window.entries.select(self.entries[0].url if self.entries else None)
            self._show_entry()
        return self._window

    @Slot()
    def open(self) -> None:
        window = self.window
        self._show()
        bring_forward(window)

    def close(self) -> None:
        self.transfers.close()
        if self._window is not None:
            self._window.close()

    # --- what there is --------------------------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[CatalogueEntry, ...]:
        """The user's own links, then the catalogue."""
        return (*self._own, *self._catalogue)

    def entry(self, url: str) -> CatalogueEntry | None:
        return next((one for one in self.entries if one.url == url), None)

    def _reload(self) -> None:
        self._own: tuple[CatalogueEntry, ...] = ()
        try:
            self._own = tuple(own_entry(link) for link in self._links.all())
            self._fetched = self._links.fetched()
        except EngineError as error:
            self._messages.error(error)

    @Slot(str, str)
    def add_link(self, url: str, sha256: str) -> None:
        """Keep an address of the user's own and show it."""
        try:
            self._links.add(url, name_of_link(url), sha256 or None)
        except EngineError as error:
            self._messages.error(error)
        self._reload()
        self.window.search.clear()
        self._show()
        self.window.entries.select(url)
        self._show_entry()

    @Slot()
    def _forget(self) -> None:
        url = self._selected
        if url and not self.transfers.is_busy(url):
            self._discard()
            try:
                self._links.remove(url)
            except EngineError as error:
                self._messages.error(error)
            self._reload()
            self._show()
            self._show_entry()

    def model_of(self, url: str) -> ModelRef | None:
        """The model on the shelf that came from an address."""
        record = self._collection.model(self._fetched.get(url))
        return record.ref if record is not None else None

    def standing(self, entry: CatalogueEntry) -> Standing:
        url = entry.url
        if self.transfers.is_busy(url):
            return Standing.RUNNING
        if isinstance(self._problems.get(url), ChangedDownloadError):
            return Standing.CHANGED
        if self.model_of(url) is not None:
            return Standing.HERE
        if self._kept_bytes(entry):
            return Standing.PARTLY
        return Standing.THERE if entry.readable else Standing.UNREADABLE

    def _kept_bytes(self, entry: CatalogueEntry) -> int:
        try:
            return self._order(entry).part.path.stat().st_size
        except OSError:
            return 0

    def _order(self, entry: CatalogueEntry, *, any_file: bool = False) -> DownloadOrder:
        first = None if any_file else self._fetched.get(entry.url)
        return DownloadOrder(entry.url, self._folder, entry.name, entry.sha256, first)

    # --- doing ----------------------------------------------------------------------------------------------------

    @property
    def _selected(self) -> str:
        return self.window.entries.selected_key or ""

    @Slot()
    def _primary(self) -> None:
        """What the large button says."""
        entry = self.entry(self._selected)
        if entry is None:
            return
        standing = self.standing(entry)
        model = self.model_of(entry.url)
        if standing is Standing.RUNNING:
            self.transfers.stop(entry.url)
        elif standing is Standing.HERE and model is not None:
            self._use_model(model)
        else:
            self.start(entry, any_file=standing is Standing.CHANGED)

    def start(self, entry: CatalogueEntry, *, any_file: bool = False) -> None:
        """Download an entry whose licence was shown.

        Args:
            any_file: Also if the address gives another file than at the first time.
        """
        self._problems.pop(entry.url, None)
        if self.transfers.is_busy(entry.url):
            return
        card = JobCard(CARD_PREFIX + entry.url, breakable(f"Downloading {printable(entry.name, 60)}"))
        card.pause_requested.connect(partial(self.transfers.stop, entry.url))
        card.resume_requested.connect(partial(self.start, entry, any_file=any_file))
        card.cancel_requested.connect(partial(self._discard_url, entry.url))
        self._tray.put(card)
        self.transfers.start(self._order(entry, any_file=any_file))

    @Slot()
    def _discard(self) -> None:
        self._discard_url(self._selected)

    def _discard_url(self, url: str) -> None:
        """Stop, and delete what has come."""
        self._discarding.add(url)
        if self.transfers.is_busy(url):
            self.transfers.stop(url)
        else:
            self._stopped(url)

    # --- how it goes ----------------------------------------------------------------------------------------------

    def _card(self, url: str) -> JobCard | None:
        return self._tray.card(CARD_PREFIX + url)

    @Slot(str, object)
    def _progressed(self, url: str, progress: DownloadProgress) -> None:
        self._progress[url] = progress
        card = self._card(url)
        if card is not None:
            card.set_paused(False)
            card.set_progress(progress.fraction, progress_words(progress), progress.remaining_s)
        self._update(url)

    @Slot(str)
    def _stopped(self, url: str) -> None:
        entry, card = self.entry(url), self._card(url)
        if url in self._discarding:
            self._discarding.discard(url)
            self._problems.pop(url, None)
            if entry is not None:
                with contextlib.suppress(EngineError, OSError):
                    self._order(entry).part.discard()
            self._tray.dismiss(CARD_PREFIX + url)
        elif card is not None:
            card.set_paused(True)
            kept = in_words(self._kept_bytes(entry)) if entry is not None else ""
            progress = self._progress.get(url)
            card.set_progress(progress.fraction if progress else None, f"{kept} are kept")
        self._progress.pop(url, None)
        self._update(url)

    @Slot(str, object)
    def _failed(self, url: str, error: EngineError) -> None:
        self._problems[url] = error
        self._discarding.discard(url)
        self._progress.pop(url, None)
        card = self._card(url)
        if card is not None:
            card.finish(JobState.FAILED, error.user_message)
        self._messages.error(error)
        self._update(url)

    @Slot(str, object)
    def _arrived(self, url: str, fetched: Fetched) -> None:
        entry = self.entry(url)
        self._progress.pop(url, None)
        self._problems.pop(url, None)
        self._discarding.discard(url)
        card = self._card(url)
        if card is not None:
            card.finish(JobState.DONE, f"{in_words(fetched.size)} are here")
            QTimer.singleShot(LEAVE_AFTER_MS, self._tray, partial(self._tray.dismiss, CARD_PREFIX + url))
        try:
            self._links.note_fetched(url, fetched.sha256, fetched.size)
        except EngineError as error:
            self._messages.error(error)
        self._fetched[url] = fetched.sha256
        if entry is None or not entry.readable:
            words = "This Graft does not run models of its kind yet; the file is kept in its downloads."
            self._messages.say(f"{printable(fetched.path.name, 80)} is here.", words)
            self._update(url)
            return
        self._bridge.submit(LoadModel(fetched.path), partial(self._loaded, entry, fetched))

    def _loaded(self, entry: CatalogueEntry, fetched: Fetched, event: JobFinished) -> None:
        if not isinstance(event.result, ModelLoaded):
            if event.outcome is JobOutcome.FAILED and event.error is not None:
                name = printable(entry.name, 60)
                self._messages.warn(f"{name} was downloaded, but cannot be used.", event.error.user_message)
            elif isinstance(event.result, EncoderKept):
                name = printable(entry.name, 60)
                self._messages.warn(
                    f"{name} is a portrait encoder ({event.result.sizes.words}) without a generator. It is kept.",
                    "Help, Optional weights… gives it to the model that it was trained with.",
                )
            self._update(entry.url)
            return
        model = event.result.model
        try:
            self._collection.library.add_to_note(model.sha256, fetched_note(entry))
        except EngineError as error:
            self._messages.error(error)
        if model.name.startswith(fetched.path.stem):  # nobody has named it yet
            self._collection.rename((Kind.MODEL, model.sha256), entry.name)
        else:
            self._collection.refresh([Kind.MODEL])
        known = self._collection.model(model.sha256)
        ref = known.ref if known is not None else model
        self._messages.warn_all(event.result.warnings)
        use = Choice("Use as B", partial(self._use_model, ref))
        self._messages.say(f"“{printable(ref.name, 60)}” is on the shelf.", "", use)
        self._update(entry.url)

    @Slot(str)
    def _card_opened(self, card_id: str) -> None:
        url = card_id.removeprefix(CARD_PREFIX)
        if card_id.startswith(CARD_PREFIX) and self.entry(url) is not None:
            self.open()
            self.window.entries.select(url)
            self._show_entry()

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def _show(self) -> None:
        if self._window is None:
            return
        query = self._window.search.text()
        found = [entry for entry in self.entries if matches(query, entry.search_text)]
        self._window.show_items([self._item(entry) for entry in found])
        self._show_entry()

    def _item(self, entry: CatalogueEntry) -> EntryItem:
        standing, progress = self.standing(entry), self._progress.get(entry.url)
        state, fraction = "", None
        match standing:
            case Standing.RUNNING:
                fraction = progress.fraction if progress else None
                state = f"{fraction:.0%}" if fraction is not None else (progress.text if progress else "Waiting")
            case Standing.PARTLY:
                state = f"{in_words(self._kept_bytes(entry))} are here"
            case Standing.HERE:
                state = "on your shelf"
            case Standing.CHANGED:
                state = "another file"
            case Standing.UNREADABLE:
                state = "not yet readable"
        is_dim = standing is Standing.UNREADABLE
        return EntryItem(
            entry.url, entry.name, caption(entry), state, fraction, standing is Standing.RUNNING, is_dim,
            f"{entry.name}: {caption(entry)}",
        )  # fmt: skip

    def _update(self, url: str) -> None:
        """Show how one entry is now."""
        entry = self.entry(url)
        if self._window is None or entry is None:
            return
        self._window.entries.set_item(self._item(entry))
        if url == self._selected:
            self._show_standing(entry)

    @Slot()
    def _show_entry(self) -> None:
        if self._window is None:
            return
        entry = self.entry(self._window.entries.selected_key or "")
        self._window.show_entry(entry)
        if entry is not None:
            self._show_standing(entry)

    def _show_standing(self, entry: CatalogueEntry) -> None:
        standing, progress = self.standing(entry), self._progress.get(entry.url)
        problem = self._problems.get(entry.url)
        words, fraction = "", progress.fraction if progress else None
        if progress is not None:
            words = progress_words(progress)
        elif problem is not None:
            words = f"{problem.user_message} {problem.hint}".strip()
        elif standing is Standing.PARTLY:
            words, fraction = f"{in_words(self._kept_bytes(entry))} are here from before.", 0.0
        elif standing is Standing.UNREADABLE:
            words = "This Graft recognises models of this kind but does not run them yet; the file would be kept."
        self.window.details.show_standing(standing, words, fraction)
