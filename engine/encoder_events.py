"""What is answered about published encoders: part of `engine.messages`. No torch: the window reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.published_encoder import PublishedSizes
from engine.state import ModelRef


@dataclass(frozen=True, slots=True)
class EncoderKept:
    """The file held a portrait encoder and no generator: it is kept, and waits for a model.

    Attributes:
        path: Where it is kept, for `engine.encoder_links`.
        title: What its file is called.
        model: The model it was linked to, as their mean latents are the same; None when there is none like it.
    """

    path: Path
    title: str
    sizes: PublishedSizes
    model: ModelRef | None
