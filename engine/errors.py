"""The exception tree. Everything a user can cause is an EngineError with a sentence and a way out."""

from __future__ import annotations

import unicodedata

MAX_MESSAGE_CHARS = 300


def printable(text: str, limit: int = MAX_MESSAGE_CHARS) -> str:
    """Make text from a stranger's file safe to show: control, ANSI and bidi characters become ``?``."""
    safe = "".join("?" if unicodedata.category(ch)[0] == "C" else ch for ch in text)
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


class EngineError(Exception):
    """An expected failure, shown without a traceback.

    Args:
        user_message: What happened, in plain words, with the value and the rule that it broke.
        hint: What the user can do now. May be empty.
    """

    def __init__(self, user_message: str, hint: str = "") -> None:
        self.user_message = printable(user_message)
        self.hint = printable(hint)
        super().__init__(self.user_message)

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str]]:
        return type(self), (self.user_message, self.hint)


class ModelError(EngineError):
    """A model file or network cannot be used."""


class UnsupportedModelError(ModelError):
    """The file is understood, but is not something Graft can run."""


class EncoderOnlyError(UnsupportedModelError):
    """A network was asked for, and the file holds only a portrait encoder, which Graft can use."""


class CorruptModelError(ModelError):
    """The file is damaged, incomplete or contradicts itself."""


class UnsafeModelError(ModelError):
    """The file asks for something a weight file has no business asking for."""


class LatentError(EngineError):
    """A latent cannot be used."""


class LatentShapeError(LatentError):
    """A latent's shape does not fit the generator."""


class SpaceMismatchError(LatentError):
    """A latent of one space was given where another is needed."""


class DeviceError(EngineError):
    """The device cannot do what was asked."""


class OutOfMemoryError(DeviceError):
    """There is not enough memory."""


class DeviceLostError(DeviceError):
    """The device does not answer this process any more; nothing that was on it can be used."""


class UnsupportedDtypeError(DeviceError):
    """The device has no such number format."""


class RecipeError(EngineError):
    """A recipe cannot be read or followed."""


class RecipeVersionError(RecipeError):
    """The recipe was written by a newer Graft."""


class RecipeFormatError(RecipeError):
    """The recipe is damaged or is not one."""


class MissingModelError(RecipeError):
    """A recipe names a model that is not in the library.

    Attributes:
        sha256: Hash of the wanted file, so that it can be located.
        name: What the recipe calls it.
    """

    def __init__(self, user_message: str, hint: str = "", *, sha256: str = "", name: str = "") -> None:
        super().__init__(user_message, hint)
        self.sha256 = sha256
        self.name = name

    def __reduce__(self) -> tuple[type[EngineError], tuple[str, str]]:
        return MissingModelError, (self.user_message, self.hint)


class PortraitError(EngineError):
    """A portrait cannot be used."""


class NoFaceError(PortraitError):
    """No face was found."""


class UnreadableImageError(PortraitError):
    """The file is not a picture Graft can read."""


class StorageError(EngineError):
    """A file could not be written or read: disk full, no permission, vanished drive."""


class DownloadError(EngineError):
    """A file could not be fetched, or is not what it should be."""


class ChangedDownloadError(DownloadError):
    """What an address gives now is not what it gave first. The user may accept it."""


class JobError(EngineError):
    """A long job failed."""


class RenderCancelled(Exception):  # noqa: N818 - control flow, never shown
    """Raised inside the engine thread to leave a refine or a job early."""
