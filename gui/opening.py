"""Opening: files that are dropped, chosen or named on the command line go where their content says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.encoder_events import EncoderKept
from engine.errors import EngineError, MissingModelError, printable
from engine.export.embedded import find_recipe
from engine.latents import LatentStore
from engine.messages import JobFinished, JobOutcome, LoadModel, ModelLoaded
from engine.recipe import Recipe, restore_arrays
from engine.state import EditState, ModelRef, Side, with_models
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.file_kind import FileKind, file_kind
from gui.messages import Choice, Messages
from gui.session import Session

MAX_FILES = 32
"""More than this in one drop is a mistake of the hand."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Something that can be shown once its models are here."""

    state: EditState
    show: Callable[[EditState], None]


class Opener(QObject):
    portrait_found = Signal(object)  # Path
    session_found = Signal(object)  # Path
    looks_found = Signal(object)  # tuple[Path, ...]
    directions_found = Signal(object)  # tuple[Path, ...]
    encoder_waits = Signal()  # one was kept, and belongs to no model yet
    encoder_added = Signal()  # a model has another encoder now
    folder_wanted = Signal(object)  # Path: the portraits of all the photos in it
    film_found = Signal()  # its timeline is the session's now
    locate_wanted = Signal(object)  # ModelRef: ask the user where its file is

    def __init__(
        self, session: Session, bridge: EngineBridge, collection: Collection, store: LatentStore,
        messages: Messages, parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._store = store
        self._messages = messages
        self._waiting: _Waiting | None = None

    # --- files ----------------------------------------------------------------------------------------------------

    def open_paths(self, paths: Sequence[Path], side: Side | None = None) -> None:
        """Open each file as what it is. Two models at once become A and B.

        Args:
            side: Where a single model goes; by default B, or A while there is none.
        """
        self._messages.forget_errors()
        if len(paths) > MAX_FILES:
            self._messages.warn(f"{len(paths)} files are too many at once; the first {MAX_FILES} are opened.")
        models: list[Path] = []
        looks: list[Path] = []
        directions: list[Path] = []
        others: deque[tuple[FileKind, Path]] = deque()
        for path in paths[:MAX_FILES]:
            if path.is_dir():
                self._messages.warn(
                    f"{printable(path.name, 80)} is a folder.",
                    "Drop the files in it. For all its photos at once, open Export, Apply the look to many.",
                )
                continue
            try:
                kind = file_kind(path)
            except EngineError as error:
                self._messages.error(error)
                continue
            if kind is FileKind.MODEL:
                models.append(path)
            elif kind is FileKind.LOOK:
                looks.append(path)
            elif kind is FileKind.DIRECTIONS:
                directions.append(path)
            else:
                others.append((kind, path))
        for index, path in enumerate(models):
            self.load_model(path, (Side.A, Side.B)[index % 2] if len(models) > 1 else side)
        if looks:
            self.looks_found.emit(tuple(looks))
        if directions:
            self.directions_found.emit(tuple(directions))
        self._open_first(others)

    def _open_first(self, found: deque[tuple[FileKind, Path]]) -> None:
        """There is one canvas: of several pictures, recipes and sessions the first is opened."""
        if not found:
            return
        kind, path = found[0]
        if len(found) > 1:
            folders = {other.parent for _, other in found}
            are_photos = len(folders) == 1 and all(each is FileKind.PICTURE for each, _ in found)
            many = Choice("Find a whole folder…", lambda: self.folder_wanted.emit(path.parent))
            said, hint = f"Only {printable(path.name, 80)} was opened.", "One picture or session at a time."
            self._messages.say(said, hint, *((many,) if are_photos else ()))
        match kind:
            case FileKind.PICTURE | FileKind.RECIPE:
                self._open_picture(path)
            case FileKind.SESSION:
                self.session_found.emit(path)
            case _:
                self._messages.warn(
                    f"Graft cannot open {printable(path.name, 80)}.",
                    "It opens StyleGAN models, portraits, its own stills, recipes and looks, and sessions.",
                )

    def _open_picture(self, path: Path) -> None:
        try:
            recipe = find_recipe(path)
            if recipe is None:
                self.portrait_found.emit(path)
            else:
                self.open_recipe(recipe, printable(path.name, 80))
        except EngineError as error:
            self._messages.error(error)

    def open_recipe(self, recipe: Recipe, name: str) -> None:
        """Bring a recipe's picture back, as one undo step."""
        try:
            state = restore_arrays(recipe, self._store)
        except EngineError as error:
            self._messages.error(error)
            return

        def show(found: EditState) -> None:
            self._session.insert(found, f"open {name}")
            if recipe.timeline is not None:
                self._session.set_timeline(recipe.timeline)
                self.film_found.emit()

        self.when_models_are_here(state, show)

    # --- models ---------------------------------------------------------------------------------------------------

    def load_model(self, path: Path, side: Side | None = None) -> str:
        """Read a model file and put it on a side."""

        def loaded(event: JobFinished) -> None:
            model = self._loaded(event)
            if model is None:
                return
            if self._is_awaited(model):
                self._resume()
            else:
                self.use_model(model, side)

        return self._bridge.submit(LoadModel(path, exact=self._waiting is not None), loaded)

    def add_model(self, path: Path) -> str:
        """Read a model file onto the shelf and leave the picture alone."""


        def loaded(event: JobFinished) -> None:
            model = self._loaded(event)
            if model is not None:
                self._messages.say(f"{printable(model.name, 80)} is on the shelf.")

        return self._bridge.submit(LoadModel(path), loaded)

    def use_model(self, model: ModelRef, side: Side | None = None) -> None:
        state = self._session.state
        if side is None:
            side = Side.A if state.model_a is None else Side.B
        changed = with_models(state, a=model) if side is Side.A else with_models(state, b=model)
        self._session.insert(changed, f"model {side.value.upper()}")

    def _loaded(self, event: JobFinished) -> ModelRef | None:
        if isinstance(event.result, ModelLoaded):
            self._collection.refresh()
            self._messages.warn_all(event.result.warnings)
            self._tell_of_encoder(event.result)
            return event.result.model
        if isinstance(event.result, EncoderKept):
            self._tell_of_encoder_alone(event.result)
        if event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(_named(event, event.error))
        return None

    def _tell_of_encoder(self, loaded: ModelLoaded) -> None:
        if not loaded.encoder:
            return
        name = printable(loaded.model.name, 60)
        if loaded.is_twin:
            said = f"The model in it is “{name}”, which is here already; its encoder ({loaded.encoder}) is used now."
        else:
            said = f"Added “{name}”, with its encoder ({loaded.encoder})."
        self._messages.say(said, "Portraits that are searched for in it begin with the encoder.")
        self.encoder_added.emit()

    def _tell_of_encoder_alone(self, kept: EncoderKept) -> None:
        title = printable(kept.title, 60)
        if kept.model is not None:
            name = printable(kept.model.name, 60)
            self._messages.say(
                f"The encoder “{title}” ({kept.sizes.words}) is used for “{name}” now.",
                "They have the same mean latent.",
            )
            self.encoder_added.emit()
        else:
            self._messages.warn(
                f"“{title}” is a portrait encoder ({kept.sizes.words}) without its generator.",
                "It is kept. Choose the model that it was trained with.",
                Choice("Choose its model…", self.encoder_waits.emit),
            )

    # --- states whose models may be missing -----------------------------------------------------------------------

    def when_models_are_here(self, state: EditState, show: Callable[[EditState], None]) -> None:
        """Show `state` now, or, when a model is missing, once the user has located it."""
        missing = self._collection.missing_models(state)
        if not missing:
            self._waiting = None
            show(state)
            return
        self._waiting = _Waiting(state, show)
        self._offer_to_locate(missing[0])

    def _offer_to_locate(self, ref: ModelRef) -> None:
        name = printable(ref.name, 60) or "a model"
        self._messages.warn(
            f"This picture was made with the model “{name}”, which is not in your library.",
            f"Locate its file, or drop it here; it is recognised by its content ({ref.sha256[:12]}…).",
            Choice("Locate…", lambda: self.locate_wanted.emit(ref)),
        )

    def locate(self, ref: ModelRef, path: Path) -> None:
        """Read the file that the user says is `ref`. Nothing is shown unless its content says so too."""

        def loaded(event: JobFinished) -> None:
            model = self._loaded(event)
            if model is None:
                self._offer_to_locate(ref)
            elif model.sha256 != ref.sha256:
                name = printable(path.name, 80)
                self._messages.error(
                    MissingModelError(
                        f"{name} is another model than the one the recipe was made with.",
                        f"It has the hash {model.sha256[:12]}…, wanted is {ref.sha256[:12]}….",
                    )
                )
                self._offer_to_locate(ref)
            else:
                self._resume()

        self._bridge.submit(LoadModel(path, exact=True), loaded)

    def _is_awaited(self, model: ModelRef) -> bool:
        """Whether it is a model that a state waits for: then it goes where that state says."""
        if self._waiting is None:
            return False
        state = self._waiting.state
        return model.sha256 in {ref.sha256 for ref in (state.model_a, state.model_b) if ref is not None}

    def _resume(self) -> None:
        waiting = self._waiting
        if waiting is not None:
            self.when_models_are_here(waiting.state, waiting.show)


def _named(event: JobFinished, error: EngineError) -> EngineError:
    """The error with the name of the file it is about: several may have been dropped at once."""
    if not isinstance(event.job, LoadModel) or event.job.path.name in error.user_message:
        return error
    return EngineError(f"{printable(event.job.path.name, 60)}: {error.user_message}", error.hint)
