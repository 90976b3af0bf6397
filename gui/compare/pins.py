"""Pins: pictures that were set aside to compare with, each with the state that it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import EngineError
from engine.messages import Pixels
from engine.session_file import MAX_SETTING_CHARS, Setting
from engine.state import EditState
from engine.state_json import parse_json, state_from_json, state_to_json

MAX_PINS = 8
_FIELD = "pin."


@dataclass(slots=True, eq=False)
class Pin:
    """Attributes:
    number: What it is called; rises, and is not given away again while the window is open.
    pixels: As it was seen, at most as large as the finished picture; None until it is drawn anew.
    is_final: Whether `pixels` is the finished picture.
    """

    number: int
    state: EditState
    pixels: Pixels | None = field(default=None, repr=False)
    is_final: bool = False

    @property
    def key(self) -> str:
        return str(self.number)

    @property
    def name(self) -> str:
        return f"Pin {self.number}"


def pins_to_plain(pins: tuple[Pin, ...]) -> dict[str, Setting]:
    """For a session file: the states alone, their pictures are drawn again."""
    texts = (json.dumps(state_to_json(pin.state), separators=(",", ":")) for pin in pins)
    return {f"{_FIELD}{place}": text for place, text in enumerate(texts) if len(text) <= MAX_SETTING_CHARS}


def pins_from_plain(plain: Mapping[str, Setting], first_number: int) -> tuple[Pin, ...]:
    """What `pins_to_plain` wrote. Anything that is no state is passed over."""
    states = []
    for place in range(MAX_PINS):
        text = plain.get(f"{_FIELD}{place}")
        if not isinstance(text, str):
            continue
        try:
            states.append(state_from_json(parse_json(text, "pin", MAX_SETTING_CHARS)))
        except EngineError:
            continue
    return tuple(Pin(first_number + place, state) for place, state in enumerate(states))
