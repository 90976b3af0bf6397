"""Encoder files: which generator one belongs to, and which encoder fits a model. Light: the window asks too.

An encoder is one safetensors file. Under the metadata key ``graft-encoder`` lies a JSON object: ``format`` (version),
``model`` (name and SHA-256 of the generator's file), ``sizes`` (`EncoderSizes`), ``framing`` (how the portrait is cut
out) and ``lineage`` (what was done, oldest first).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.checkpoints.safetensors_file import Header, header_bytes, parse_header
from engine.encoder_links import published_for, title_of
from engine.errors import CorruptModelError, EngineError, ModelError, UnsupportedModelError, printable
from engine.framing import Framing
from engine.places import Places, embedded_models_folder
from engine.published_encoder import FILE_START
from engine.state import ModelRef
from engine.strict_json import decode, parse_json_object, take_format

FORMAT_VERSION = 2
"""1 held no curvature."""
METADATA_KEY = "graft-encoder"
PATTERN = "encoder*.safetensors"
MAX_FILE_BYTES = 256 << 20
MAX_FILES = 32

_LIMITS = {"input_px": (8, 512), "features": (1, 4096), "w_dim": (1, 4096), "num_ws": (1, 64), "curvature": (0, 2048)}
_MAX_WIDTH = 2048


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise CorruptModelError(f"The encoder's {problem}.")


@dataclass(frozen=True, slots=True)
class EncoderSizes:
    """What `engine.nets.encoder.Encoder` is built from.

    Attributes:
        input_px: Height and width that portraits are averaged down to: a power of two.
        widths: Channels at `input_px`, at half of it, and so on down to 4 px.
        features: Numbers that each head reads the rows of ``ws`` from.
        curvature: How many directions of the generator's mean curvature the file holds, for searches; may be 0.
    """

    input_px: int
    widths: tuple[int, ...]
    features: int
    w_dim: int
    num_ws: int
    curvature: int = 0

    def __post_init__(self) -> None:
        for name in _LIMITS:
            _check_limit(name, getattr(self, name))
        _require(self.input_px & (self.input_px - 1) == 0, f"input_px is {self.input_px}; it must be a power of two")
        _require(all(1 <= width <= _MAX_WIDTH for width in self.widths), f"widths go beyond 1 to {_MAX_WIDTH}")
        levels = self.input_px.bit_length() - 2
        _require(len(self.widths) == levels, f"widths are {len(self.widths)}; from {self.input_px} px, {levels} fit")


def _check_limit(name: str, value: int) -> None:
    low, high = _LIMITS[name]
    _require(low <= value <= high, f"{name} is {value}; allowed: {low} to {high}")


@dataclass(frozen=True, slots=True)
class ModelMark:
    """The generator that an encoder belongs to: the name is for people, the hash of the file decides."""

    name: str
    sha256: str

    def __post_init__(self) -> None:
        _require(0 < len(self.name) <= 200, "model has no name")
        _require(re.fullmatch(r"[0-9a-f]{64}", self.sha256) is not None, "model has no SHA-256")


@dataclass(frozen=True, slots=True)
class EncoderMetadata:
    model: ModelMark
    sizes: EncoderSizes
    framing: Framing
    lineage: tuple[dict[str, Any], ...] = ()

    def to_json_text(self) -> str:
        document = {
            "format": FORMAT_VERSION,
            "model": asdict(self.model),
            "sizes": asdict(self.sizes),
            "framing": asdict(self.framing),
            "lineage": list(self.lineage),
        }
        return json.dumps(document, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json_text(text: str) -> EncoderMetadata:
        """Strict twin of `to_json_text`.

        Raises:
            UnsupportedModelError: written by a newer Graft.
            CorruptModelError: anything else that is wrong.
        """
        document = parse_json_object(text)
        version = take_format(document, FORMAT_VERSION, "This encoder")
        sizes = document.get("sizes")
        if version == 1 and type(sizes) is dict:
            document["sizes"] = {**sizes, "curvature": 0}
        return decode(EncoderMetadata, document, "metadata")


@dataclass(frozen=True, slots=True)
class EncoderOffer:
    """Attributes:
    path: The encoder's file; None when there is none for the model.
    reason: Then: why, as a sentence.
    """

    path: Path | None
    reason: str = ""

    @property
    def title(self) -> str:
        """What the file of a published encoder was called; empty for Graft's own."""
        return title_of(self.path) if self.path is not None and self.path.name.startswith(FILE_START) else ""


def encoder_folders(places: Places, embedded: Path | None = None) -> tuple[Path, ...]:
    """Where encoders are looked for: in the user's own weights folder, and with the models that come with Graft.

    Args:
        embedded: The folder of those models, if not the usual one.
    """
    return places.weights_folder, embedded or embedded_models_folder()


def offer_encoder(model: ModelRef, folders: Iterable[Path], tuned_from: ModelRef | None = None) -> EncoderOffer:
    """The encoder of a model, by the SHA-256 of the model's file. Reads headers only: some milliseconds.

    A published one that was linked to the model (`engine.encoder_links`) comes before Graft's own.
    Files that are no encoders, or damaged ones, are passed over.

    Args:
        tuned_from: The parent of a tuned model: what tuning leaves of its latents' meaning is nearly all, so its
            encoder serves where there is none of the model's own.
    """
    folders = tuple(folders)
    offer = _offer(model, folders)
    if offer.path is None and tuned_from is not None:
        parents = _offer(tuned_from, folders)
        return parents if parents.path is not None else offer
    return offer


def _offer(model: ModelRef, folders: Sequence[Path]) -> EncoderOffer:
    for folder in folders:
        if (published := published_for(model, folder)) is not None:
            return EncoderOffer(published)
    others = []
    for path in _candidates(folders):
        try:
            mark = read_encoder_metadata(path).model
        except EngineError:
            continue
        if mark.sha256 == model.sha256:
            return EncoderOffer(path)
        others.append(mark.name)
    name = printable(model.name, 60)
    if not others:
        return EncoderOffer(None, f"There is no encoder for “{name}”.")
    if model.name in others:
        return EncoderOffer(None, f"The encoder here belongs to another version of “{name}”.")
    owner = printable(others[0], 60)
    return EncoderOffer(None, f"The encoder belongs to “{owner}”; it knows nothing of “{name}”.")


def read_encoder_metadata(path: Path) -> EncoderMetadata:
    """What an encoder file says of itself.

    Raises:
        ModelError: it is no encoder, or a damaged one.
    """
    return parse_encoder_header(path)[1]


def parse_encoder_header(path: Path) -> tuple[Header, EncoderMetadata]:
    """Header and metadata of an encoder file. Raises as `read_encoder_metadata`."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise UnsupportedModelError(f"The encoder is larger than {MAX_FILE_BYTES >> 20} MiB.")
            header = parse_header(file.read(header_bytes(file.read(8), size)), size)
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.") from error
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        raise UnsupportedModelError(f"{path.name:.80} is not an encoder of Graft's.")
    return header, EncoderMetadata.from_json_text(text)


def _candidates(folders: Iterable[Path]) -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.glob(PATTERN)) if path.is_file()]
    return found[:MAX_FILES]
