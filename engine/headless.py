"""The engine without a window: the same library, pipeline and jobs, driven in the caller's thread. Needs torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import torch

from engine.backend import open_pipeline
from engine.blending import check_blendable
from engine.device import choose_device
from engine.embedded_models import register_embedded
from engine.encoder_events import EncoderKept
from engine.errors import DeviceError, EncoderOnlyError, MissingModelError
from engine.export.embedded import read_recipe
from engine.export.stills import write_still
from engine.framing import Framing
from engine.imaging import Rgb, shrunk, to_rgb
from engine.job_handlers import JobHandlers
from engine.job_table import Background, JobSteps
from engine.latents import LatentStore
from engine.library import MODEL_SUFFIXES, Library
from engine.look import Look, restore_look_arrays
from engine.look_file import read_look, sample_looks
from engine.look_shelf import find_look, missing_model, shelf_looks
from engine.messages import InvertPortrait, Job, JobResult, LoadModel, ModelLoaded
from engine.network import Network, load_network
from engine.places import Places, user_places
from engine.recipe import Recipe, restore_arrays
from engine.state import EditState, ModelRef, View

REAL_DEVICE = re.compile(r"cpu|mps|(cuda|xpu)(:\d{1,2})?")
DEFAULT_A = "portrait"
DEFAULT_B = "toon"

R = TypeVar("R")


class Report(Protocol):
    """Told how far something is."""

    def __call__(self, text: str, fraction: float | None = None) -> None: ...


def _say_nothing(text: str, fraction: float | None = None) -> None:
    pass


class Headless:
    """Made by `open_headless`.

    Attributes:
        device: What is computed on, in torch's words.
        notes: Sentences for the user that came up on the way.
        report: Told how far things are.
    """

    def __init__(self, library: Library, device: str, report: Report) -> None:
        choice = choose_device(device)
        self.library = library
        self.device = choice.name
        self.dtype = choice.dtype
        self.store = LatentStore()
        self.notes: list[str] = [library.notice] if library.notice else []
        self.report = report
        self._pipeline = open_pipeline(library, self.store, choice)
        self._handlers = JobHandlers(self._pipeline, library, choice)

    def model(self, text: str) -> ModelRef:
        """The model that a user means by a path, a name in the library, or the start of its SHA-256.

        Raises:
            MissingModelError: nothing of that name.
            ModelError: the file cannot be used.
        """
        path = Path(text).expanduser()
        is_path = len(path.parts) > 1 or path.suffix.lower() in MODEL_SUFFIXES
        if not is_path:
            try:
                return self.library.find(text).ref
            except MissingModelError:
                if not path.is_file():
                    raise
        loaded = self.run(LoadModel(path))
        if isinstance(loaded, EncoderKept):
            raise EncoderOnlyError(
                f"{path.name:.80} is a portrait encoder ({loaded.sizes.words}) without a generator.",
                "Give it to `invert --encoder`, and its model to `--model`.",
            )
        assert isinstance(loaded, ModelLoaded)
        self.notes.extend(loaded.warnings)
        return loaded.model

    def network(self, text: str) -> Network:
        """The network itself. Takes and raises as `model`."""
        return self.network_of(self.model(text))

    def network_of(self, ref: ModelRef) -> Network:
        """The network of a model in the library.

        Raises:
            MissingModelError: it is not there, or its file is gone.
            ModelError: the file cannot be used.
        """
        path = self.library.locate(ref.sha256)
        if path is None:
            problem = f"The file of the model “{ref.name:.60}” is gone."
            raise MissingModelError(problem, "Give its path.", sha256=ref.sha256, name=ref.name)
        return load_network(path, self.device)

    def default_state(self) -> EditState:
        """The embedded pair, as the window opens."""
        return EditState(model_a=self.library.find(DEFAULT_A).ref, model_b=self.library.find(DEFAULT_B).ref)

    def look(self, text: str) -> Look:
        """The look that a user means by a path, or by a name on the shelf. Its models and directions are all here.

        Raises:
            RecipeError: there is none of that name, the file holds none, or (MissingModelError) a model is missing.
            StorageError: the file cannot be read.
        """
        path = Path(text).expanduser()
        if len(path.parts) > 1 or path.is_file():
            (one,) = shelf_looks((), {path.stem: read_look(path)}, self.library.models())
        else:
            one = find_look(text, shelf_looks(self.library.looks(), sample_looks(), self.library.models()))
        if one.missing:
            raise missing_model(one)
        restore_look_arrays(one.look, self.store)
        return one.look

    def state_of(self, recipe: Recipe) -> EditState:
        """The state of a recipe, its latents put into the store."""
        return restore_arrays(recipe, self.store)

    def resolutions(self, state: EditState) -> tuple[int, ...]:
        """Block resolutions of the models of a state, lowest first."""
        return self._pipeline.resolutions(self._pipeline.resolve(state))

    def check_pair(self, a: ModelRef, b: ModelRef) -> None:
        """Refuse two models that cannot be blended; `render` would show A alone, with a note.

        Raises:
            ModelError: says why.
        """
        check_blendable(*self._pipeline.models.networks([a, b]))

    def render(self, state: EditState, view: View = View.BLEND, size_px: int | None = None) -> Rgb:
        """A picture, afresh, ``[H, W, 3]`` uint8; smaller than the model's own when `size_px` says so."""
        edit = self._pipeline.resolve_view(state, view)
        self.notes.extend(warning for warning in edit.warnings if warning not in self.notes)
        image = self._pipeline.render(state, view)
        return to_rgb(image if size_px is None else shrunk(image, size_px))

    def export(self, path: Path, image: Rgb, state: EditState, view: View = View.BLEND) -> None:
        """Write a picture with its recipe inside; the suffix chooses the format."""
        write_still(path, image, state, view, self.store, self.device, self.dtype)

    def run(self, job: Job) -> JobResult:
        """Do one of the window's jobs, here and now.

        Raises:
            EngineError: whatever the job raises.
        """
        return _drive(self._handlers.begin(job), self.report)

    def crop_of(self, model: ModelRef) -> tuple[Framing, int]:
        """How a model wants faces to be cut out, and the edge of that square in pixels."""
        return self._handlers.crop_of(model)

    def search_crop(self, job: InvertPortrait, cut: Rgb, sha256: str) -> JobResult:
        """`InvertPortrait` for a face that is cut out already, as `crop_of` says.

        Args:
            sha256: Of the photo.
        """
        return _drive(self._handlers.search_crop(job, cut, sha256), self.report)


@contextmanager
def open_headless(
    device: str = "auto", *, places: Places | None = None, report: Report = _say_nothing
) -> Iterator[Headless]:
    """The user's library with the embedded models on it, and an engine on a device.

    Args:
        device: ``auto`` or as torch calls it.

    Raises:
        DeviceError: there is no such device.
        StorageError: the user's folders cannot be written.
    """
    found = (places or user_places()).make()
    with closing(Library(found.library_file)) as library, torch.no_grad():
        register_embedded(library)
        yield Headless(library, device, report)


def device_for(recipe_file: Path | None, wanted: str | None) -> tuple[Recipe | None, str, str]:
    """Read a recipe, when there is one, and choose the device that brings its very pixels back.

    Returns:
        The recipe, the device, and a note for the user (empty when there is nothing to say).
    """
    if recipe_file is None:
        return None, wanted or "auto", ""
    recipe = read_recipe(recipe_file)
    if wanted is not None:
        return recipe, wanted, ""
    rendered_on = recipe.render.device
    try:
        if not REAL_DEVICE.fullmatch(rendered_on):
            raise DeviceError(f"“{rendered_on}” is not a device that pictures are made on.")
        choose_device(rendered_on)
    except DeviceError:
        note = f"the recipe was rendered on {rendered_on}, which is not here: pixels may differ slightly."
        return recipe, "auto", note
    return recipe, rendered_on, ""


def _drive(steps: JobSteps, report: Report) -> JobResult:
    """Step a job to its end; what it wants done in the background is done at once."""
    try:
        item = next(steps)
        while True:
            if isinstance(item, Background):
                report(item.text)
                try:
                    answer = item.call()
                except Exception as error:  # noqa: BLE001 - the job decides what its background's failure means
                    item = steps.throw(error)
                else:
                    item = steps.send(answer)
            else:
                report(item.text, item.fraction)
                item = next(steps)
    except StopIteration as stop:
        result: JobResult = stop.value
        return result
