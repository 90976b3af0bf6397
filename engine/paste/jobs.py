"""The jobs of pasting: a small preview that follows the hand, and the photo itself, written whole."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.atomic import check_writable, remove_leftovers, storage_error, write_atomic
from engine.errors import OutOfMemoryError
from engine.export.stills import still_suffix
from engine.file_hash import file_sha256
from engine.imaging import rgb_to_bgrx, to_rgb
from engine.inversion.portraits import read_portrait
from engine.job_table import Background, JobSteps, Step
from engine.latents import LatentStore
from engine.paste import colours
from engine.paste.composing import Rgb, blend_tile, make_layers, paste, photo_square
from engine.paste.geometry import CropPlace, crop_place
from engine.paste.masks import encode_mask, eyes_in, preset_mask
from engine.paste.original import Original, read_original
from engine.paste.picture_files import PhotoFile, eight_bits, encoded_photo, jpeg_change, opaque
from engine.paste_events import (
    MASK_PX,
    Mask,
    MaskPreset,
    PasteBack,
    PastedBack,
    PasteJob,
    PastePreview,
    PasteSettings,
    PreviewPaste,
    SeamFigures,
)
from engine.paste_note import PasteNote
from engine.pipeline import Pipeline
from engine.portrait_source import PortraitSource
from engine.recipe import make_recipe, recipe_to_json

PREVIEW_PX = 1600
KEPT_PHOTOS = 1
CHANGED = "The photo has changed since the portrait was found in it; look whether the face still fits."

Stamp: TypeAlias = tuple[Path, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _SmallPhoto:
    """Attributes:
    pixels: ``[h, w, 3]`` uint8 sRGB, at most `PREVIEW_PX` long.
    screen: The same as BGRX.
    size_px: Of the working picture that it was made from.
    working: That one, for making masks.
    masks: Those made so far, by face, framing and preset.
    """

    pixels: Rgb
    screen: NDArray[np.uint8]
    size_px: tuple[int, int]
    notes: tuple[str, ...]
    working: Rgb
    masks: dict[tuple[Any, ...], Mask] = field(default_factory=dict)


class PasteJobs:
    """Keeps the photos that are looked at: sliders move, the photo does not."""

    def __init__(self, pipeline: Pipeline, device: str, dtype: str) -> None:
        self._pipeline = pipeline
        self._device, self._dtype = device, dtype
        self._photos: OrderedDict[Stamp, _SmallPhoto] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, job: PasteJob) -> JobSteps:
        return self._preview(job) if isinstance(job, PreviewPaste) else self._paste(job)

    # --- the preview ----------------------------------------------------------------------------------------------

    def _preview(self, job: PreviewPaste) -> JobSteps:
        result: PastePreview = yield Background(lambda: self._previewed(job), "Putting the face into the photo")
        return result

    def _previewed(self, job: PreviewPaste) -> PastePreview:
        photo = self._small_photo(job.photo)
        crop_px = MASK_PX if job.picture is None else len(job.picture)
        place = crop_place(job.source.face, job.source.framing, crop_px, photo.size_px)
        height, width = photo.pixels.shape[:2]
        small = place.scaled(width / photo.size_px[0], height / photo.size_px[1], (width, height))
        mask = job.mask if job.mask is not None else self._mask(photo, place, job.source, job.settings.preset)
        patch, corner = None, (0, 0)
        left, top, right, bottom = small.bounds
        if job.picture is not None and right > left and bottom > top:
            picture = np.ascontiguousarray(job.picture[..., 2::-1])
            layers = make_layers(photo.pixels, picture, small, mask, job.settings)
            piece = photo.pixels[top:bottom, left:right]
            laid, _ = blend_tile(piece, layers, small, (left, top), job.settings.opacity)
            patch, corner = rgb_to_bgrx(np.asarray(laid, np.uint8)), (left, top)
        corners = tuple((float(x), float(y)) for x, y in small.corners)
        return PastePreview(photo.screen, patch, corner, corners, photo.size_px, mask, photo.notes)

    def _small_photo(self, path: Path) -> _SmallPhoto:
        try:
            status = path.stat()
        except OSError as error:
            raise storage_error(f"read {path.name}", error) from error
        stamp = (path, status.st_mtime_ns, status.st_size)
        with self._lock:
            known = self._photos.get(stamp)
            if known is None:
                known = self._photos[stamp] = _shrunk(path)
                while len(self._photos) > KEPT_PHOTOS:
                    self._photos.popitem(last=False)
            self._photos.move_to_end(stamp)
            return known

    def _mask(self, photo: _SmallPhoto, place: CropPlace, source: PortraitSource, preset: MaskPreset) -> Mask:
        key = (source.face, source.framing, preset)
        found = photo.masks.get(key)
        if found is None:
            crop = photo_square(photo.working, place, MASK_PX)
            found = preset_mask(preset, crop, eyes_in(place, source.face.left_eye, source.face.right_eye))
            photo.masks[key] = found
        return found

    # --- the photo itself -----------------------------------------------------------------------------------------

    def _paste(self, job: PasteBack) -> JobSteps:
        suffix = still_suffix(job.path)  # say that the name is wrong before, not after the work
        check_writable(job.path, beside=job.photo)
        started = time.perf_counter()
        rendering = self._pipeline.render_steps(job.state, job.view)
        while True:
            try:
                synthesis = next(rendering)
            except StopIteration as stop:
                picture = to_rgb(stop.value)
                break
            yield Step("Rendering", 0.3 * synthesis.fraction)
        photo: Original = yield Background(partial(_whole, job.photo), f"Reading {job.photo.name}")
        yield Step("Putting the face into the photo", 0.5)
        changed: bool = yield Background(lambda: _has_changed(job))
        mask, figures = yield Background(lambda: put_in(photo, picture, job.source, job.mask, job.settings))
        yield Step(f"Writing {job.path.name}", 0.7)
        recipe_json = self._recipe_json(job, mask)
        notes, outside = yield Background(
            lambda: write_photo(job.path, suffix, photo, recipe_json, keep_exif=job.settings.keep_exif),
            f"Writing {job.path.name}",
            may_be_left=False,
        )
        figures = replace(figures, outside=max(outside, figures.outside))
        told = (*photo.notes, *((CHANGED,) if changed else ()), *notes)
        return PastedBack(job.path, photo.size_px, time.perf_counter() - started, figures, told)

    def _recipe_json(self, job: PasteBack, mask: Mask) -> str:
        store: LatentStore = self._pipeline.store
        recipe = make_recipe(job.state, job.view, store, device=self._device, dtype=self._dtype)
        how = PasteNote(job.source.sha256, job.source.face, job.source.framing, job.settings, encode_mask(mask))
        return recipe_to_json(replace(recipe, paste=how))


def put_in(
    photo: Original, picture: Rgb, source: PortraitSource, mask: Mask | None, settings: PasteSettings
) -> tuple[Mask, SeamFigures]:
    """Put a picture into a photo, in place.

    Args:
        picture: ``[S, S, 3]`` uint8 sRGB.
        mask: None for the one that the settings name.

    Returns:
        The mask that was used, and how the seam looks in numbers.

    Raises:
        PortraitError: the face points make no face.
    """
    across, down = photo.scale
    width, height = photo.size_px
    # Rounded up: the last block of a JPEG that was halved may be half empty.
    working = (math.ceil(width / across - 1e-6), math.ceil(height / down - 1e-6))
    place = crop_place(source.face, source.framing, len(picture), working).scaled(across, down, photo.size_px)
    if mask is None:
        crop = colours.to_srgb(photo_square(photo.samples, place, MASK_PX), photo.profile)
        small = crop_place(source.face, source.framing, MASK_PX, working)
        mask = preset_mask(settings.preset, crop, eyes_in(small, source.face.left_eye, source.face.right_eye))
    layers = make_layers(photo.samples, colours.to_photo(picture, photo.profile), place, mask, settings)
    return mask, paste(photo.samples, layers, place, settings.opacity)


def write_photo(
    path: Path, suffix: str, photo: Original, recipe_json: str | None, *, keep_exif: bool = True
) -> tuple[tuple[str, ...], int]:
    """Write a photo with its profile and what the camera noted.

    Returns:
        What the format could not keep, as sentences; and by how much, of 255, it changed any sample at most.

    Raises:
        StorageError: the format cannot hold it, or the file could not be written; an older one is then untouched.
    """
    file = PhotoFile(photo.samples, photo.profile, photo.exif if keep_exif else b"", recipe_json)
    content = encoded_photo(file, suffix)
    notes, changed = _lost(photo, suffix), 0
    if suffix in (".jpg", ".jpeg"):
        content = tuple(content)
        mean, changed = jpeg_change(b"".join(content), opaque(eight_bits(photo.samples)))
        notes.insert(
            0,
            f"JPEG changes every pixel, outside the mask too: on average by {mean:.1f} of 255, by {changed} at most. "
            "PNG, TIFF and WebP change none.",
        )
    write_atomic(path, content)
    remove_leftovers(path.parent)
    return tuple(notes), changed


def _lost(photo: Original, suffix: str) -> list[str]:
    notes = []
    if suffix in (".jpg", ".jpeg") and photo.samples.shape[2] == 4:
        notes.append("JPEG has no transparency: it was laid over white.")
    if photo.samples.dtype == np.uint16 and suffix not in (".png", ".tif", ".tiff"):
        notes.append("The photo's 16 bits a channel became 8; PNG and TIFF keep them.")
    return notes


def _whole(path: Path) -> Original:
    try:
        return read_original(path)
    except MemoryError:
        problem = f"{path.name:.80} does not fit into the free memory."
        raise OutOfMemoryError(problem, "Close other programs, or save a smaller copy of it.") from None


def _has_changed(job: PasteBack) -> bool:
    try:
        return job.source.sha256 not in ("", file_sha256(job.photo))
    except OSError:
        return False


def _shrunk(path: Path) -> _SmallPhoto:
    picture = read_portrait(path)
    height, width = picture.pixels.shape[:2]
    scale = min(1.0, PREVIEW_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture.pixels
    pixels = np.ascontiguousarray(small, np.uint8)
    return _SmallPhoto(pixels, rgb_to_bgrx(pixels), (width, height), picture.notes, picture.pixels)


