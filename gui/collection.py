"""Collection: what the shelf holds, as the window sees it. The library on disk, remembered and announced."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, Signal
from PySide6.QtGui import QImage

from engine.descriptor import NetworkDescriptor
from engine.errors import EngineError
from engine.library import Library
from engine.library_records import LatentRecord, LookRecord, ModelRecord
from engine.look import Look
from engine.look_shelf import ShelfLook, saved_key, shelf_looks
from engine.state import EditState, ModelRef, StoredLatent

FIRST_MODEL = "portrait"
SECOND_MODEL = "toon"


class Collection(QObject):
    """Models, portraits and looks. Reads the library once per change, not once per glance."""

    models_changed = Signal()
    latents_changed = Signal()
    looks_changed = Signal()
    failed = Signal(object)  # EngineError

    def __init__(self, library: Library, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._sample_looks: dict[str, Look] = {}
        self._models: dict[str, ModelRecord] = {}
        self._latents: tuple[LatentRecord, ...] = ()
        self._looks: tuple[ShelfLook, ...] = ()
        self._trashed_looks: tuple[LookRecord, ...] = ()
        self.refresh()

    def bring_looks(self, sample_looks: Mapping[str, Look]) -> None:
        """Put there the looks that come with Graft, by a name that stays, and read everything anew."""
        self._sample_looks = dict(sample_looks)
        self.refresh()

    def refresh(self) -> None:
        """Read everything anew, for example after the engine added a model."""
        try:
            records = sorted(self._library.models(), key=_shelf_order)
            self._models = {record.ref.sha256: record for record in records}
            self._latents = self._library.latents()
            self._looks = shelf_looks(self._library.looks(), self._sample_looks, records)
            self._trashed_looks = self._library.trashed_looks()
        except EngineError as error:
            self.failed.emit(error)
        self.models_changed.emit()
        self.latents_changed.emit()
        self.looks_changed.emit()

    # --- models ---------------------------------------------------------------------------------------------------

    def models(self) -> tuple[ModelRecord, ...]:
        """Embedded ones first, then by name."""
        return tuple(self._models.values())

    def model(self, sha256: str | None) -> ModelRecord | None:
        return self._models.get(sha256 or "")

    def descriptor(self, ref: ModelRef | None) -> NetworkDescriptor | None:
        record = self.model(ref.sha256) if ref is not None else None
        return record.descriptor if record is not None else None

    def missing_models(self, state: EditState) -> tuple[ModelRef, ...]:
        """Models that `state` names and that are not here."""
        named = [ref for ref in (state.model_a, state.model_b) if ref is not None]
        return tuple(ref for ref in dict.fromkeys(named) if ref.sha256 not in self._models)

    def first_pair(self) -> tuple[ModelRef | None, ModelRef | None]:
        """The models that a fresh start shows: A and B."""
        refs = [record.ref for record in self.models()]
        named = {ref.name: ref for ref in refs}
        a = named.get(FIRST_MODEL, refs[0] if refs else None)
        b = named.get(SECOND_MODEL) or next((ref for ref in refs if ref != a), None)
        return a, b

    def forget_model(self, sha256: str) -> None:
        self._guarded_change(lambda: self._library.forget_model(sha256))

    # --- portraits ------------------------------------------------------------------------------------------------

    def latents(self) -> tuple[LatentRecord, ...]:
        return self._latents

    def latent(self, key: str) -> LatentRecord | None:
        return next((record for record in self._latents if record.latent.key == key), None)

    def latent_name(self, latent: StoredLatent) -> str:
        """What the user calls it. Recipes do not hold names, so one that is on the shelf is looked up by content."""
        record = self.latent(latent.key)
        return (record.latent.name if record is not None else latent.name) or "portrait"

    def add_latent(self, latent: StoredLatent, model: ModelRef | None, picture: QImage | None) -> None:
        self._guarded_change(lambda: self._library.add_latent(latent, model, png_bytes(picture)))

    def forget_latent(self, key: str) -> None:
        self._guarded_change(lambda: self._library.forget_latent(key))

    def latent_picture(self, key: str) -> QImage | None:
        return _picture(self._library.latent_thumbnail(key))

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
        self._guarded_change(lambda: added.append(self._library.add_look(look, png_bytes(picture))))
        return self.look(saved_key(added[0].id)) if added else None

    def rename_look(self, look_id: int, name: str) -> None:
        self._guarded_change(lambda: self._library.rename_look(look_id, name))

    def trash_look(self, look_id: int) -> None:
        self._guarded_change(lambda: self._library.trash_look(look_id))

    def restore_look(self, look_id: int) -> ShelfLook | None:
        self._guarded_change(lambda: self._library.restore_look(look_id))
        return self.look(saved_key(look_id))

    def look_picture(self, look: ShelfLook) -> QImage | None:
        return None if look.id is None else _picture(self._library.look_thumbnail(look.id))

    # --- pictures of models ---------------------------------------------------------------------------------------

    def model_picture(self, sha256: str) -> QImage | None:
        return _picture(self._library.model_thumbnail(sha256))

    def set_model_picture(self, sha256: str, picture: QImage) -> None:
        try:
            self._library.set_model_thumbnail(sha256, png_bytes(picture))
        except EngineError as error:
            self.failed.emit(error)

    def _guarded_change(self, change: Callable[[], object]) -> None:
        try:
            change()
        except EngineError as error:
            self.failed.emit(error)
        self.refresh()


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
