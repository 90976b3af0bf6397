"""Once more with a portrait that was found before: search closer, or align its photo again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from engine.errors import printable
from engine.library_records import LatentRecord
from engine.messages import InvertPortrait, Pixels, StartPoint
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent
from gui.collection import Collection
from gui.commands import PICTURES_FILTER
from gui.compare.photos import PortraitPhotos
from gui.messages import Choice, Messages
from gui.panels.invert_bar import SearchChoices
from gui.pixels import to_qimage
from gui.portrait_flow import PortraitFlow
from gui.search.flow import SearchFlow
from gui.search.photo_check import PhotoCheck, PhotoFate
from gui.session import Session
from gui.settings import Settings

NO_PHOTO = "This face was not found in a photo, so there is nothing to search for."
OPEN_ONE = "Portrait > Open portrait finds a photo's face in model A."


@dataclass(frozen=True, slots=True)
class _Wish:
    """What waits for a look at the photo."""

    key: str
    source: PortraitSource
    run: Callable[[LatentRecord, PortraitSource], object]


class SearchAgain(QObject):
    """A photo that was moved is asked for, and remembered where it is now."""

    def __init__(
        self,
        owner: QWidget,
        session: Session,
        collection: Collection,
        portraits: PortraitFlow,
        searches: SearchFlow,
        photos: PortraitPhotos,
        choices: Callable[[], SearchChoices],
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            choices: How to search, as the bar has it.
        """
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._collection = collection
        self._portraits = portraits
        self._searches = searches
        self._photos = photos
        self._choices = choices
        self._messages = messages
        self._settings = settings
        self._wish: _Wish | None = None
        self._awaited: tuple[str, str] | None = None
        self._check = PhotoCheck(self)
        self._check.done.connect(self._looked)
        photos.read.connect(self._take_target)

    def close(self) -> None:
        self._check.close()

    # --- what is asked for ----------------------------------------------------------------------------------------

    def search_closer(self, key: str = "") -> None:
        """Go on from a portrait, by default the one on screen, in the model that it was found in."""
        self._ask(key, self._search)

    def align_again(self, key: str = "") -> None:
        """Show a portrait's photo with the handles where they were."""
        self._ask(key, self._align)

    def with_photo(self, key: str, run: Callable[[LatentRecord, PortraitSource], object]) -> None:
        """Look for a portrait's photo, by default that of the one on screen, and go on with it where it is now."""
        self._ask(key, run)

    def _ask(self, key: str, run: Callable[[LatentRecord, PortraitSource], object]) -> None:
        latent = self._session.state.latent
        record = self._collection.latent(key or (latent.key if isinstance(latent, StoredLatent) else ""))
        if record is None or record.source is None:
            self._messages.say(NO_PHOTO, OPEN_ONE)
            return
        self._wish = _Wish(record.latent.key, record.source, run)
        self._check.look(record.source.path, record.source.sha256)

    # --- where the photo is ---------------------------------------------------------------------------------------

    @Slot(object, object)
    def _looked(self, path: Path, fate: PhotoFate) -> None:
        wish = self._wish
        record = self._collection.latent(wish.key) if wish is not None else None
        if wish is None or record is None:
            return
        if fate is not PhotoFate.THERE:
            self._say_missing(wish, path, fate)
            return
        self._wish = None
        source = replace(wish.source, path=path)
        if source.path != wish.source.path:
            self._collection.tell_of_latent(wish.key, source=source)
        wish.run(record, source)

    def _say_missing(self, wish: _Wish, path: Path, fate: PhotoFate) -> None:
        name = printable(path.name, 80)
        where = printable(str(path.parent), 120)
        sentence = (
            f"The photo {name} is not in {where} any more."
            if fate is PhotoFate.GONE
            else f"{name} is not the photo that this portrait was found in."
        )
        self._messages.warn(sentence, "Say where it is now.", Choice("Locate…", partial(self._locate, wish)))

    def _locate(self, wish: _Wish) -> None:
        folder = str(self._settings.folder("portraits"))
        name, _ = QFileDialog.getOpenFileName(
            self._owner, f"Where is {printable(wish.source.path.name, 80)}?", folder, PICTURES_FILTER
        )
        if name:
            self._settings.set_folder("portraits", Path(name).parent)
            self._wish = wish
            self._check.look(Path(name), wish.source.sha256)

    # --- doing it -------------------------------------------------------------------------------------------------

    def _search(self, record: LatentRecord, source: PortraitSource) -> None:
        model = self._model_of(record)
        if model is None:
            return
        chosen = self._choices()
        job = InvertPortrait(
            source.path, source.face, model, record.latent.name, chosen.space, max(1, chosen.steps),
            chosen.optimise_noise, start=StartPoint.FOUND, editability=chosen.editability, begin_at=record.latent,
        )  # fmt: skip
        job_id = self._searches.start(job, None)
        if self._photos.has(record.latent.key):
            self._awaited = record.latent.key, job_id
            self._photos.ask(record.latent.key)

    def _model_of(self, record: LatentRecord) -> ModelRef | None:
        """The model to search in; a sentence where it is not here any more."""
        model = record.model or self._session.state.model_a
        if model is not None and self._collection.model(model.sha256) is not None:
            return model
        name = printable(model.name, 60) if model is not None else "The model"
        self._messages.warn(f"“{name}”, where this portrait was found, is not on the shelf.", "Add it again first.")
        return None

    @Slot(str, object)
    def _take_target(self, key: str, photo: Pixels | None) -> None:
        if self._awaited is not None and self._awaited[0] == key:
            job_id, self._awaited = self._awaited[1], None
            if photo is not None:
                self._searches.set_target(job_id, to_qimage(photo))

    def _align(self, record: LatentRecord, source: PortraitSource) -> None:
        model = record.model
        a = self._session.state.model_a
        if model is not None and a is not None and model.sha256 != a.sha256:
            self._searches.use_latent(record.latent, self._model_of(record))
        self._portraits.open(source.path, source.face)
