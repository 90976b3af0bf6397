"""Encoders that others have published (pSp, e4e, ReStyle), as Graft keeps them, tensor by tensor. Light.

One safetensors file of float32. Under the metadata key ``graft-published-encoder`` lies a JSON object: ``format``
(version), ``sizes`` (`PublishedSizes`), ``framing``, ``source_sha256`` (of the file it was read from) and ``dataset``
(what it was trained on). Which models it is used for lies beside it (`engine.encoder_links`).
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from engine.checkpoints.safetensors_file import Header, header_bytes, parse_header
from engine.errors import CorruptModelError, ModelError, SpaceMismatchError, UnsupportedModelError, printable
from engine.framing import Framing
from engine.strict_json import decode, parse_json_object, take_format

FORMAT_VERSION = 1
METADATA_KEY = "graft-published-encoder"
MAX_FILE_BYTES = 4 << 30
FILE_START = "published-"
"""Of the names of their files, which go on with the name of the original and the start of its SHA-256."""
INPUT_PX = 256
DEFAULT_STEPS = 5
MAX_STEPS = 50
LATENT_AVG = "latent_avg"
LAST_MAP_PX = 16
POOLED_PX = 7
SQUEEZE = 16
COARSE_ROWS, MIDDLE_ROWS = 3, 7
CAR_ROWS = (32, 224)
"""Of 256: where a car of 4:3 lies in the square it was padded to."""

Shapes = dict[str, tuple[int, ...]]


class Trunk(StrEnum):
    IR_SE50 = "ir-se50"
    RESNET34 = "resnet34"


class Heads(StrEnum):
    """How rows of ``ws`` are read: from three maps, all from the last, one for all, or all from one dense layer."""

    PYRAMID = "pyramid"
    LAST = "last"
    SINGLE = "single"
    DENSE = "dense"


class CodeSpace(StrEnum):
    """What the rows are. EITHER: the file does not say; the one that shows the portrait better is taken."""

    W_PLUS = "w+"
    Z_PLUS = "z+"
    EITHER = "either"


BLOCKS = {Trunk.IR_SE50: (3, 4, 14, 3), Trunk.RESNET34: (3, 4, 6, 3)}


@dataclass(frozen=True, slots=True)
class PublishedSizes:
    """What a published encoder is built from.

    Attributes:
        deltas: The first row is w, the others are added to it (e4e).
        input_channels: 3; 6 with the picture so far beside the portrait (ReStyle); 1 for grey pictures.
        widths: Channels of the trunk's four stages; the last are as many as w has.
        rows: Of ``ws``; 1 is repeated as often as the generator needs it.
        adds_mean: Codes are differences from the mean latent.
        mean_rows: Rows of the file's own mean latent; 0 for none, then the generator's is taken.
        is_drawing: A grey picture is in [0, 1]; otherwise all pictures are in [-1, 1].
        is_car: Reads the middle of the picture only: 256 x 192.
    """

    trunk: Trunk
    heads: Heads
    deltas: bool
    input_channels: int
    widths: tuple[int, ...]
    rows: int
    adds_mean: bool
    mean_rows: int
    space: CodeSpace = CodeSpace.W_PLUS
    is_drawing: bool = False
    is_car: bool = False

    def __post_init__(self) -> None:
        _require(self.input_channels in (1, 3, 6), f"reads {self.input_channels} channels; 1, 3 or 6 are known")
        _require(len(self.widths) == 4, f"trunk has {len(self.widths)} widths, not 4")
        _require(all(1 <= width <= 4096 for width in self.widths), f"widths are {self.widths}; allowed: 1 to 4096")
        _require(1 <= self.rows <= 64, f"rows are {self.rows}; allowed: 1 to 64")
        _require((self.heads is Heads.SINGLE) == (self.rows == 1), f"rows are {self.rows}; its heads deny it")
        _require(self.mean_rows in (0, 1, self.rows) or self.heads is Heads.SINGLE, "mean latent has odd rows")
        _require(0 <= self.mean_rows <= 64, "mean latent has odd rows")
        _require(not self.deltas or self.heads is not Heads.DENSE, "differences have no rows to go to")

    @property
    def w_dim(self) -> int:
        return self.widths[-1]

    @property
    def is_iterative(self) -> bool:
        return self.input_channels == 6

    @property
    def name(self) -> str:
        """As the papers call it."""
        plain = "e4e" if self.deltas else "pSp"
        return f"ReStyle ({plain})" if self.is_iterative else plain

    @property
    def words(self) -> str:
        """``pSp, 18 styles``."""
        styles = "one style for all layers" if self.rows == 1 else f"{self.rows} styles"
        return f"{self.name}, {styles}"

    @property
    def remarks(self) -> tuple[str, ...]:
        """What has to be known of its pictures, as sentences."""
        said = []
        if self.is_car:
            said.append("Its encoder was trained on cars: place the crop so that the car fills its width.")
        if self.input_channels == 1:
            what = "line drawings; Portrait, Save as line drawing… makes them" if self.is_drawing else "grey pictures"
            said.append(f"Its encoder reads {what}.")
        return tuple(said)

    def fits(self, num_ws: int, w_dim: int) -> bool:
        """Whether its rows can be a generator's; what it has more of them is cut off, as for cars."""
        return w_dim == self.w_dim and (self.rows == 1 or num_ws <= self.rows)

    def check_fits(self, num_ws: int, w_dim: int, model: str) -> None:
        """
        Raises:
            SpaceMismatchError: `fits` denies it.
        """
        if not self.fits(num_ws, w_dim):
            takes = f"“{printable(model, 60)}” takes {num_ws} of {w_dim}"
            raise SpaceMismatchError(
                f"The encoder gives {self.rows} rows of {self.w_dim}; {takes}.",
                "Choose the generator that it was trained with.",
            )


@dataclass(frozen=True, slots=True)
class PublishedMetadata:
    """
    Attributes:
        model: The generator that was in the same file; None when there was none.
        source_sha256: Of the file it was read from. The generator in the same file, if there was one, is the model
            of that hash.
        dataset: What its makers call the pictures it was trained on; may be empty.
    """

    sizes: PublishedSizes
    source_sha256: str
    dataset: str = ""
    framing: Framing = Framing()

    def __post_init__(self) -> None:
        _require(re.fullmatch(r"[0-9a-f]{64}", self.source_sha256) is not None, "source has no SHA-256")

    def to_json_text(self) -> str:
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json_text(text: str) -> PublishedMetadata:
        """Strict twin of `to_json_text`.

        Raises:
            UnsupportedModelError: written by a newer Graft.
            CorruptModelError: anything else that is wrong.
        """
        document = parse_json_object(text)
        take_format(document, FORMAT_VERSION, "This encoder")
        return decode(PublishedMetadata, document, "metadata")


def read_published(path: Path) -> tuple[Header, PublishedMetadata]:
    """Header and metadata of a kept encoder; every tensor has the name and shape that its sizes ask for.

    Raises:
        ModelError: it is none, or a damaged one.
    """
    try:
        with open(path, "rb") as file:
            size = path.stat().st_size
            if size > MAX_FILE_BYTES:
                raise UnsupportedModelError(f"The encoder is larger than {MAX_FILE_BYTES >> 30} GiB.")
            header = parse_header(file.read(header_bytes(file.read(8), size)), size)
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.") from error
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        raise UnsupportedModelError(f"{path.name:.80} is not an encoder that Graft has kept.")
    metadata = PublishedMetadata.from_json_text(text)
    for name, entry in header.tensors.items():
        if entry.dtype != "float32":
            raise UnsupportedModelError(f"The encoder's tensor {name:.100} is {entry.dtype}; float32 is read.")
    check_shapes(metadata.sizes, {name: entry.shape for name, entry in header.tensors.items()})
    return header, metadata


def check_shapes(sizes: PublishedSizes, found: dict[str, tuple[int, ...]]) -> None:
    """
    Raises:
        CorruptModelError: a tensor is missing, of another shape, or has no place.
    """
    wanted = expected_shapes(sizes)
    for name, shape in wanted.items():
        if name not in found:
            raise CorruptModelError(f"The encoder lacks the tensor {name}.")
        if found[name] != shape:
            raise CorruptModelError(f"The encoder's tensor {name} has shape {list(found[name])}, not {list(shape)}.")
    if unknown := sorted(set(found) - set(wanted)):
        raise CorruptModelError(f"The encoder has a tensor {unknown[0]:.100} that it has no place for.")


def expected_shapes(sizes: PublishedSizes) -> Shapes:
    """Every tensor of an encoder by its published name, without counters of training."""
    shapes = _ir_se50(sizes) if sizes.trunk is Trunk.IR_SE50 else _resnet34(sizes)
    shapes |= _heads(sizes)
    if sizes.mean_rows:
        shapes[LATENT_AVG] = (sizes.mean_rows, sizes.w_dim)
    return shapes


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def _blocks(sizes: PublishedSizes) -> list[tuple[int, int, int]]:
    """Number, input and output channels of every block of a trunk."""
    found: list[tuple[int, int, int]] = []
    before = sizes.widths[0]
    for width, count in zip(sizes.widths, BLOCKS[sizes.trunk], strict=True):
        for _ in range(count):
            found.append((len(found), before, width))
            before = width
    return found


def _ir_se50(sizes: PublishedSizes) -> Shapes:
    first = sizes.widths[0]
    shapes: Shapes = {"input_layer.0.weight": (first, sizes.input_channels, 3, 3), "input_layer.2.weight": (first,)}
    shapes |= _norm("input_layer.1", first)
    for number, before, width in _blocks(sizes):
        block = f"body.{number}"
        if before != width:
            shapes |= {f"{block}.shortcut_layer.0.weight": (width, before, 1, 1)}
            shapes |= _norm(f"{block}.shortcut_layer.1", width)
        squeezed = max(1, width // SQUEEZE)
        shapes |= _norm(f"{block}.res_layer.0", before) | _norm(f"{block}.res_layer.4", width)
        shapes |= {
            f"{block}.res_layer.1.weight": (width, before, 3, 3),
            f"{block}.res_layer.2.weight": (width,),
            f"{block}.res_layer.3.weight": (width, width, 3, 3),
            f"{block}.res_layer.5.fc1.weight": (squeezed, width, 1, 1),
            f"{block}.res_layer.5.fc2.weight": (width, squeezed, 1, 1),
        }
    return shapes


def _resnet34(sizes: PublishedSizes) -> Shapes:
    first = sizes.widths[0]
    shapes: Shapes = {"conv1.weight": (first, sizes.input_channels, 7, 7), "relu.weight": (first,)}
    shapes |= _norm("bn1", first)
    starts = [sum(BLOCKS[Trunk.RESNET34][:stage]) for stage in range(1, 4)]
    for number, before, width in _blocks(sizes):
        block = f"body.{number}"
        shapes |= {f"{block}.conv1.weight": (width, before, 3, 3), f"{block}.conv2.weight": (width, width, 3, 3)}
        shapes |= _norm(f"{block}.bn1", width) | _norm(f"{block}.bn2", width)
        if number in starts:
            shapes |= {f"{block}.downsample.0.weight": (width, before, 1, 1)} | _norm(f"{block}.downsample.1", width)
    return shapes


def _heads(sizes: PublishedSizes) -> Shapes:
    _, fine, middle, channels = sizes.widths
    if sizes.heads is Heads.SINGLE:
        return {"linear.weight": (channels, channels), "linear.bias": (channels,)}
    if sizes.heads is Heads.DENSE:
        return {
            **_norm("output_layer_2.0", channels),
            "output_layer_2.3.weight": (channels, channels * POOLED_PX**2),
            "output_layer_2.3.bias": (channels,),
            "linear.weight": (channels * sizes.rows, channels),
            "linear.bias": (channels * sizes.rows,),
        }
    shapes: Shapes = {}
    pyramid = sizes.heads is Heads.PYRAMID
    if pyramid:
        shapes |= {"latlayer1.weight": (channels, middle, 1, 1), "latlayer1.bias": (channels,)}
        shapes |= {"latlayer2.weight": (channels, fine, 1, 1), "latlayer2.bias": (channels,)}
    for row in range(sizes.rows):
        level = int(row >= COARSE_ROWS) + int(row >= MIDDLE_ROWS) if pyramid else 0
        for step in range(int(math.log2(LAST_MAP_PX)) + level):
            shapes[f"styles.{row}.convs.{2 * step}.weight"] = (channels, channels, 3, 3)
            shapes[f"styles.{row}.convs.{2 * step}.bias"] = (channels,)
        shapes[f"styles.{row}.linear.weight"] = (channels, channels)
        shapes[f"styles.{row}.linear.bias"] = (channels,)
    return shapes


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise CorruptModelError(f"The encoder's {problem}.")
