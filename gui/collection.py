"""Collection: what the shelf holds, as the window sees it. The library on disk, remembered and announced.

Each kind of thing is read anew only when something of its kind has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Signal
from PySide6.QtGui import QImage

from engine.descriptor import NetworkDescriptor
from engine.errors import EngineError
from engine.library import Library
from engine.library_records import LatentRecord, LookRecord, ModelRecord
from engine.library_tags import Kind, TagTable
from engine.library_trash import Thing, empty_trash, rename, restore, trash
from engine.likeness import Likeness
from engine.look import Look
from engine.look_shelf import ShelfLook, saved_key, shelf_looks
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, StoredLatent, model_refs

FIRST_MODEL = "portrait"
SECOND_MODEL = "toon"


class Collection(QObject):
    """Models, portraits and looks. Reads the library once per change, not once per glance."""

    models_changed = Signal()
    latents_changed = Signal()
    looks_changed = Signal()
    directions_changed = Signal()
    changed = Signal()  # any of them, their tags, or what is in the trash
    failed = Signal(object)  # EngineError
    told = Signal(str)  # a sentence about the library's file

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._sample_looks: dict[str, Look] = {}
        self._models: dict[str, ModelRecord] = {}
        self._latents: tuple[LatentRecord, ...] = ()
        self._looks: tuple[ShelfLook, ...] = ()
        self._trashed_looks: tuple[LookRecord, ...] = ()
        self._trashed_models: dict[str, ModelRecord] = {}
        self._tags: dict[Thing, tuple[str, ...]] = {}
        self._absent: frozenset[str] = frozenset()
        library.file.tell = self.told.emit
        self.refresh()

    @property
    def library(self) -> Library:
        """For what reads much, on a thread of its own."""
        return self._library

    def bring_looks(self, sample_looks: Mapping[str, Look]) -> None:
        """Put there the looks that come with Graft, by a name that stays, and read everything anew."""
        self._sample_looks = dict(sample_looks)
        self.refresh()

    def refresh(self, kinds: Iterable[Kind] = tuple(Kind)) -> None:
        """Read everything of some kinds anew, for example after the engine added a model."""
        wanted = set(kinds)
        try:
            self._tags = TagTable(self._library.file).all()
            if Kind.MODEL in wanted:
                records = sorted(self._library.models(), key=_shelf_order)
                self._models = {record.ref.sha256: record for record in records}
                self._trashed_models = {record.ref.sha256: record for record in self._library.trashed_models()}
                absent = [self._models[sha256] for sha256 in self._absent if sha256 in self._models]
                self._absent = frozenset(one.ref.sha256 for one in absent if not self._library.is_here(one))
            if Kind.PORTRAIT in wanted:
                self._latents = self._library.latents()
            if wanted & {Kind.MODEL, Kind.LOOK}:  # a look that lacked a model may have it now
                self._looks = shelf_looks(self._library.looks(), self._sample_looks, self._models.values())
                self._trashed_looks = self._library.trashed_looks()
        except EngineError as error:
            self.failed.emit(error)
        for kind, signal in (
            (Kind.MODEL, self.models_changed),
            (Kind.PORTRAIT, self.latents_changed),
            (Kind.LOOK, self.looks_changed),
            (Kind.DIRECTION, self.directions_changed),
        ):
            if kind in wanted or (kind is Kind.LOOK and Kind.MODEL in wanted):
                signal.emit()
        self.changed.emit()

    # --- models ---------------------------------------------------------------------------------------------------

    def models(self) -> tuple[ModelRecord, ...]:
        """Embedded ones first, then by name."""
        return tuple(self._models.values())

    def model(self, sha256: str | None) -> ModelRecord | None:
        return self._models.get(sha256 or "")

    def model_name(self, ref: ModelRef) -> str:
        """What the user calls it now: states keep the name that it had when it was chosen."""
        record = self.model(ref.sha256)
        return (record.ref if record is not None else ref).name

    def descriptor(self, ref: ModelRef | None) -> NetworkDescriptor | None:
        record = self.model(ref.sha256) if ref is not None else None
        return record.descriptor if record is not None else None

    def missing_models(self, state: EditState) -> tuple[ModelRef, ...]:
        """Models that `state` names and that are not here. One that is in the trash is brought back for it."""
        named = model_refs(state)
        thrown = [(Kind.MODEL, ref.sha256) for ref in named if ref.sha256 in self._trashed_models]
        if thrown:
            self.restore(thrown)
        return tuple(ref for ref in named if ref.sha256 not in self._models)

    def is_absent(self, sha256: str) -> bool:
        """Whether a model's file was looked for in vain."""
        return sha256 in self._absent

    def set_absent(self, absent: frozenset[str]) -> None:
        """Take in which models have no file any more."""
        if absent != self._absent:
            self._absent = absent
            self.models_changed.emit()

    def first_pair(self) -> tuple[ModelRef | None, ModelRef | None]:
        """The models that a fresh start shows: A and B."""
        refs = [record.ref for record in self.models()]
        named = {ref.name: ref for ref in refs}
        a = named.get(FIRST_MODEL, refs[0] if refs else None)
        b = named.get(SECOND_MODEL) or next((ref for ref in refs if ref != a), None)
        return a, b

    # --- portraits ------------------------------------------------------------------------------------------------

    def latents(self) -> tuple[LatentRecord, ...]:
        return self._latents

    def latent(self, key: str) -> LatentRecord | None:
        return next((record for record in self._latents if record.latent.key == key), None)

    def latent_name(self, latent: StoredLatent) -> str:
        """What the user calls it. Recipes do not hold names, so one that is on the shelf is looked up by content."""
        record = self.latent(latent.key)
        return (record.latent.name if record is not None else latent.name) or "portrait"

    def add_latent(
        self,
        latent: StoredLatent,
        model: ModelRef | None,
        picture: QImage | None,
        *,
        source: PortraitSource | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        """Put a portrait on the shelf; `source` and `likeness` as in `LatentRecord`."""
        self._guarded_change(
            lambda: self._library.add_latent(latent, model, png_bytes(picture), source=source, likeness=likeness),
            Kind.PORTRAIT,
        )

    def tell_of_latent(
        self, key: str, *, source: PortraitSource | None = None, likeness: Likeness | None = None
    ) -> None:
        """Keep what became known of a portrait since; None changes nothing."""
        self._guarded_change(
            lambda: self._library.tell_of_latent(key, source=source, likeness=likeness), Kind.PORTRAIT
        )

    def latent_picture(self, key: str) -> QImage | None:
        return _picture(self._library.latent_thumbnail(key))

    def set_latent_picture(self, key: str, picture: QImage) -> None:
        try:
            self._library.set_latent_thumbnail(key, png_bytes(picture))
        except EngineError as error:
            self.failed.emit(error)

    # --- looks ----------------------------------------------------------------------------------------------------

    def looks(self) -> tuple[ShelfLook, ...]:
        """The user's own, the newest first, then those that come with Graft."""
        return self._looks

    def look(self, key: str) -> ShelfLook | None:
        return next((one for one in self._looks if one.key == key), None)

    def trashed_looks(self) -> tuple[LookRecord, ...]:
        """The one that went to the trash last first."""
        return self._trashed_looks

    def embedded_names(self) -> frozenset[str]:
        """Of the models that come with Graft."""
        return frozenset(record.ref.name for record in self._models.values() if record.embedded)

    def add_look(self, look: Look, picture: QImage | None = None) -> ShelfLook | None:
        """Keep a look; None when it could not be written."""
        added: list[LookRecord] = []
        self._guarded_change(lambda: added.append(self._library.add_look(look, png_bytes(picture))), Kind.LOOK)
        return self.look(saved_key(added[0].id)) if added else None

    def rename_look(self, look_id: int, name: str) -> None:
        self.rename((Kind.LOOK, str(look_id)), name)

    def trash_look(self, look_id: int) -> None:
        self.trash([(Kind.LOOK, str(look_id))])

    def restore_look(self, look_id: int) -> ShelfLook | None:
        self.restore([(Kind.LOOK, str(look_id))])
        return self.look(saved_key(look_id))

    def look_picture(self, look: ShelfLook) -> QImage | None:
        return None if look.id is None else _picture(self._library.look_thumbnail(look.id))

    def set_look_picture(self, look_id: int, picture: QImage) -> None:
        try:
            self._library.set_look_thumbnail(look_id, png_bytes(picture))
        except EngineError as error:
            self.failed.emit(error)

    # --- pictures of models ---------------------------------------------------------------------------------------

    def model_picture(self, sha256: str) -> QImage | None:
        return _picture(self._library.model_thumbnail(sha256))

    def set_model_picture(self, sha256: str, picture: QImage) -> None:
        try:
            self._library.set_model_thumbnail(sha256, png_bytes(picture))
        except EngineError as error:
            self.failed.emit(error)

    # --- all kinds alike ------------------------------------------------------------------------------------------

    def rename(self, thing: Thing, name: str) -> None:
        kinds = (Kind.MODEL, Kind.PORTRAIT, Kind.DIRECTION) if thing[0] is Kind.MODEL else (thing[0],)
        self._guarded_change(lambda: rename(self._library, thing, name), *kinds)  # they tell their model's name

    def trash(self, things: Iterable[Thing]) -> None:
        """Take things off the shelf. They stay in the trash."""
        gone = tuple(things)
        self._guarded_change(lambda: trash(self._library, gone), *(kind for kind, _ in gone))

    def restore(self, things: Iterable[Thing]) -> None:
        back = tuple(things)
        self._guarded_change(lambda: restore(self._library, back), *(kind for kind, _ in back))

    def empty_trash(self) -> int:
        """Forget what is in the trash for good. Returns how many things went."""
        counts: list[int] = []
        self._guarded_change(lambda: counts.append(empty_trash(self._library)), *Kind)
        return sum(counts)

    def tags(self, thing: Thing) -> tuple[str, ...]:
        return self._tags.get(thing, ())

    def all_tags(self) -> tuple[str, ...]:
        """Every tag that something has, in the order of the alphabet."""
        return tuple(sorted({tag for tags in self._tags.values() for tag in tags}))

    def set_tags(self, thing: Thing, tags: Iterable[str]) -> None:
        self._guarded_change(lambda: TagTable(self._library.file).set(*thing, tags), thing[0])

    def add_tags(self, things: Iterable[Thing], tags: Iterable[str]) -> None:
        tagged = tuple(things)
        kinds = tuple(kind for kind, _ in tagged)
        self._guarded_change(lambda: TagTable(self._library.file).add(tagged, tags), *kinds)

    def _guarded_change(self, change: Callable[[], object], *kinds: Kind) -> None:
        try:
            change()
        except EngineError as error:
            self.failed.emit(error)
        self.refresh(kinds)


def _shelf_order(record: ModelRecord) -> tuple[bool, bool, str]:
    return not record.embedded, record.ref.name != FIRST_MODEL, record.ref.name.lower()


def png_bytes(picture: QImage | None) -> bytes:
    """A picture as a PNG file's bytes; nothing for None."""
    if picture is None or picture.isNull():
        return b""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    picture.save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(content.data())


def _picture(png: bytes | None) -> QImage | None:
    if not png:
        return None
    picture = QImage.fromData(png)
    return None if picture.isNull() else picture
