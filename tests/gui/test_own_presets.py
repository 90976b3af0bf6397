from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.state import Blend, Side, Source
from gui.own_presets import MAX_PRESETS, SETTING, OwnPresets
from gui.settings import Settings

DRAWN = Blend(curve=(0.0, 0.25, 0.5, 1.0), alpha=0.4, torgb=Source.B)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


def test_that_a_preset_keeps_the_shape_and_leaves_alpha_and_sources_alone(settings: Settings, tmp_path: Path) -> None:
    OwnPresets(settings).save("Belly", DRAWN)
    settings.save()
    (preset,) = OwnPresets(Settings(tmp_path / "settings.json")).all()
    made = preset.apply(Blend(alpha=0.9, noise=Source.A, low=Side.B))
    assert (made.alpha, made.noise, made.torgb) == (0.9, Source.A, Source.BLEND)
    assert made.curve is not None
    assert made.curve[:4] == DRAWN.curve
    assert made.curve[4:] == (1.0,) * 14


def test_that_it_recognises_what_it_made_at_any_size(settings: Settings) -> None:
    own = OwnPresets(settings)
    own.save("Belly", DRAWN)
    own.save("Step", Blend(swap_resolution=8, low=Side.B))
    assert [preset.name for preset in own.all()] == ["Belly", "Step"]
    found = own.of(replace(DRAWN, alpha=0.1))
    assert found is not None
    assert found.name == "Belly"
    step = own.of(Blend(swap_resolution=8, low=Side.B, alpha=2.0))
    assert step is not None
    assert "structure from B up to 8 px" in step.tooltip
    assert own.of(Blend(curve=(0.1, 0.2))) is None


def test_that_the_same_name_replaces_and_deleting_takes_out(settings: Settings) -> None:
    own = OwnPresets(settings)
    own.save("One", DRAWN)
    own.save("One", Blend(level=1))
    (preset,) = own.all()
    assert preset.apply(Blend()) == Blend(level=1)
    own.delete("nothing like it")
    own.delete("One")
    assert own.all() == ()


@pytest.mark.parametrize(
    "entry",
    [
        "not json", "[]", "{}", '{"name": "x"}', '{"name": "x", "blend": 3}', "[" * 10_000,
        '{"name": "x", "blend": {"curve": ["a"]}}', '{"name": "x", "blend": {"curve": [1e300, NaN]}}',
        '{"name": "x", "blend": {"nonsense": 1}}',
    ],
)
def test_that_a_damaged_entry_is_passed_over(settings: Settings, entry: str) -> None:
    own = OwnPresets(settings)
    own.save("Good", DRAWN)
    settings.set(SETTING, [entry, *settings.get(SETTING, list[str]())])
    assert [preset.name for preset in own.all()] == ["Good"]


def test_that_there_is_an_end_to_them(settings: Settings) -> None:
    own = OwnPresets(settings)
    for number in range(MAX_PRESETS + 3):
        own.save(f"Preset {number}", DRAWN)
    names = [preset.name for preset in own.all()]
    assert len(names) == MAX_PRESETS
    assert names[-1] == f"Preset {MAX_PRESETS + 2}"
