"""The presets that the user keeps: how the layers are shared, under a name, in the settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from engine.errors import EngineError
from engine.state import Blend, EditState, Side
from engine.state_json import MAX_PER_LAYER, state_from_json, state_to_json
from gui.presets import EVEN_POSITIONS, Preset
from gui.settings import Settings

SETTING = "blend_presets"
MAX_NAME_CHARS = 40
MAX_PRESETS = 100
KEY_PREFIX = "own:"
_FIELDS = ("swap_resolution", "level", "width", "low", "curve")
"""What of a `Blend` a preset is. The rest (alpha, sources, the space) stays as it is."""


class OwnPresets:
    """Reads and writes the setting. A damaged entry is passed over, and goes with the next change."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: tuple[list[str], tuple[Preset, ...]] = ([], ())

    def all(self) -> tuple[Preset, ...]:
        """In the order they were saved. Read anew only when they changed: they are asked for with every move."""
        rows = self._settings.get(SETTING, list[str]())
        if rows != self._known[0]:
            self._known = (list(rows), tuple(_preset(name, blend) for name, blend in self._read().items()))
        return self._known[1]

    def save(self, name: str, blend: Blend) -> Preset:
        """Keep the shape of `blend`. A preset of the same name is replaced."""
        kept = self._read()
        kept.pop(name, None)
        kept[name] = replace(Blend(), **{field: getattr(blend, field) for field in _FIELDS})
        if blend.curve:
            curve = blend.curve + (blend.curve[-1],) * (EVEN_POSITIONS - len(blend.curve))
            kept[name] = replace(kept[name], curve=curve[:MAX_PER_LAYER])  # so that it also fits larger models
        self._write(dict(list(kept.items())[-MAX_PRESETS:]))
        return _preset(name, kept[name])

    def delete(self, name: str) -> None:
        kept = self._read()
        if kept.pop(name, None) is not None:
            self._write(kept)

    def of(self, blend: Blend) -> Preset | None:
        """The user's preset that `blend` is an instance of."""
        return next((preset for preset in self.all() if _is_instance(blend, preset)), None)

    def _read(self) -> dict[str, Blend]:
        found: dict[str, Blend] = {}
        for text in self._settings.get(SETTING, list[str]()):
            try:
                entry = json.loads(text)
                found[str(entry["name"])[:MAX_NAME_CHARS]] = state_from_json({"blend": entry["blend"]}).blend
            except (EngineError, ValueError, KeyError, TypeError, RecursionError):
                continue
        return found

    def _write(self, presets: dict[str, Blend]) -> None:
        rows = []
        for name, blend in presets.items():
            document = state_to_json(EditState(blend=blend))["blend"]
            rows.append(json.dumps({"name": name, "blend": {field: document[field] for field in _FIELDS}}))
        self._settings.set(SETTING, rows)


def _preset(name: str, shape: Blend) -> Preset:
    return Preset(f"{KEY_PREFIX}{name}", name, _words(shape), _putter(shape))


def _putter(shape: Blend) -> Callable[[Blend], Blend]:
    changes = {field: getattr(shape, field) for field in _FIELDS}
    return lambda blend: replace(blend, **changes)


def _words(shape: Blend) -> str:
    if shape.curve is not None:
        return "Your own: a drawn curve"
    structure = "A" if shape.low is Side.A else "B"
    return f"Your own: structure from {structure} up to {shape.swap_resolution} px"


def _is_instance(blend: Blend, preset: Preset) -> bool:
    made = preset.apply(blend)
    if blend.curve is None or made.curve is None:
        return made == blend
    count = min(len(blend.curve), len(made.curve))
    return replace(made, curve=None) == replace(blend, curve=None) and made.curve[:count] == blend.curve[:count]
