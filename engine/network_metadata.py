"""The JSON in a Graft network file: what the network is, where it came from, what was done to it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import CorruptModelError, UnsupportedModelError
from engine.framing import Framing
from engine.network_config import FAMILY, NetworkConfig
from engine.strict_json import decode, parse_json_object, take_format

FORMAT_VERSION = 1
METADATA_KEY = "graft"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """Where a network came from. ``sha256`` is the foreign file's, in hex; empty when Graft made it."""

    layout: str
    sha256: str = ""

    def __post_init__(self) -> None:
        if len(self.layout) > 100 or not re.fullmatch(r"([0-9a-f]{64})?", self.sha256):
            raise CorruptModelError("The file's note of its origin is malformed.")


@dataclass(frozen=True, slots=True)
class NetworkMetadata:
    """The JSON under the safetensors metadata key ``graft``.

    Attributes:
        lineage: What was done to get here, oldest first; JSON objects that this module only carries.
        warnings: Sentences for the user about the conversion.
        framing: How faces sit in the network's pictures; a foreign file does not say, so it is taken to be FFHQ's.
    """

    network: NetworkConfig
    source: SourceFile
    lineage: tuple[dict[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    framing: Framing = Framing()

    def __post_init__(self) -> None:
        if not (0.0 <= self.framing.eye_y <= 1.0 and 0.01 <= self.framing.eye_distance <= 1.0):
            raise CorruptModelError("The file's framing has eyes that lie outside the picture.")

    def to_json_text(self) -> str:
        document = {
            "format": FORMAT_VERSION,
            "family": FAMILY,
            "network": self.network.to_json(),
            "framing": asdict(self.framing),
            "lineage": list(self.lineage),
            "source": asdict(self.source),
            "warnings": list(self.warnings),
        }
        return json.dumps(document, allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json_text(text: str) -> NetworkMetadata:
        """Strict twin of `to_json_text`.

        Raises:
            UnsupportedModelError: written by a newer Graft, or another family.
            CorruptModelError: anything else that is wrong.
        """
        document = parse_json_object(text)
        hint = "Update Graft, or save the model again with this version."
        take_format(document, FORMAT_VERSION, "This model", hint)
        family = document.pop("family", None)
        if family != FAMILY:
            raise UnsupportedModelError(f"The model's family is {family!r:.60}; this Graft runs {FAMILY}.")
        return decode(NetworkMetadata, document, "metadata")
