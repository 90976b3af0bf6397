"""Presets, surprises, settings and kinds of files: the pure parts of the window."""

from __future__ import annotations

import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import EngineError
from engine.state import (
    Blend,
    BlendSpace,
    EditState,
    ModelRef,
    Overlay,
    SeedLatent,
    Side,
    StoredLatent,
    with_blend,
)
from gui.file_kind import FileKind, file_kind
from gui.presets import EVEN, PRESETS, REVERSE, TOONIFY, blend_caption, preset_of, shown_curve
from gui.presets import state_caption as caption
from gui.settings import Settings
from gui.surprise import new_seed, surprise

A, B = ModelRef("a" * 64, "portrait"), ModelRef("b" * 64, "toon")
BOTH = EditState(model_a=A, model_b=B)


# --- presets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", [preset for preset in PRESETS if preset is not REVERSE])
def test_that_a_preset_recognises_what_it_made_at_any_alpha(preset: object) -> None:
    made = preset.apply(Blend(alpha=0.37))  # type: ignore[attr-defined]
    assert preset_of(made) is preset
    assert made.alpha == 0.37


def test_that_a_drawn_curve_is_nobodys_preset() -> None:
    assert preset_of(Blend(curve=(1.0, 0.5))) is None


def test_that_reversing_twice_is_identity() -> None:
    for blend in (Blend(), Blend(low=Side.B, width=0.7), Blend(curve=(1.0, 0.25, 0.0))):
        assert REVERSE.apply(REVERSE.apply(blend)) == blend


def test_that_toonify_takes_the_structure_from_b() -> None:
    curve = shown_curve(TOONIFY.apply(Blend()), 10)
    assert curve[0] > 0.99
    assert curve[-1] < 0.1
    assert list(curve) == sorted(curve, reverse=True)


def test_that_an_even_mix_takes_the_same_of_every_layer_of_any_model() -> None:
    blend = EVEN.apply(Blend())
    assert shown_curve(blend, 18) == (1.0,) * 18
    assert shown_curve(blend, 10) == (1.0,) * 10
    assert preset_of(Blend(curve=(1.0,) * 10)) is EVEN


def test_that_presets_have_names_of_their_own() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)


def test_that_captions_say_what_is_shown() -> None:
    assert blend_caption(with_blend(BOTH, low=Side.B, swap_resolution=32)) == "Blend, structure from B up to 32 px"
    assert blend_caption(with_blend(BOTH, alpha=0.0)) == "Blend, all from A"
    assert blend_caption(with_blend(BOTH, space=BlendSpace.LATENTS)).startswith("Blend in W, structure")
    assert blend_caption(replace(BOTH, blend=EVEN.apply(Blend()))) == "Blend, every layer alike"
    over = replace(BOTH, overlays=(Overlay(ModelRef("c" * 64, "ink"), 0.25), Overlay(A, 0.0)))
    assert blend_caption(over).endswith("up to 16 px, ink 0.25")
    assert blend_caption(replace(over, model_b=None)) == "A, ink 0.25"
    assert caption(over) == "portrait x toon x ink, seed 0"
    assert caption(BOTH) == "portrait x toon, seed 0"


def test_that_a_portraits_name_stays_out_of_file_names() -> None:
    state = EditState(model_a=A, latent=StoredLatent("c" * 64, "Aunt Mary"))
    assert "Mary" in caption(state)
    assert "Mary" not in caption(state, private=False)


# --- chance ---------------------------------------------------------------------------------------------------------


def test_that_a_new_seed_changes_nothing_but_the_latent() -> None:
    rolled = new_seed(BOTH, random.Random(1))
    assert rolled.latent != BOTH.latent
    assert rolled.blend == BOTH.blend
    assert isinstance(rolled.latent, SeedLatent)


def test_that_locked_controls_survive_a_surprise() -> None:
    locks = frozenset({"seed", "psi", "swap_resolution", "alpha", "width"})
    for round_ in range(20):
        assert surprise(BOTH, locks, (4, 8, 16, 32, 64), random.Random(round_)) == BOTH


@pytest.mark.parametrize("lock", ["seed", "swap_resolution", "alpha", "width"])
def test_that_one_lock_keeps_one_thing(lock: str) -> None:
    def value(state: EditState) -> object:
        return state.latent if lock == "seed" else getattr(state.blend, lock)

    chance = [random.Random(round_) for round_ in range(30)]
    assert {value(surprise(BOTH, frozenset({lock}), (4, 8, 16, 32, 64), one)) for one in chance} == {value(BOTH)}
    assert len({value(surprise(BOTH, frozenset(), (4, 8, 16, 32, 64), one)) for one in chance}) > 1


# --- settings -------------------------------------------------------------------------------------------------------


def test_that_settings_come_back(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    settings = Settings(file)
    settings.set("theme", "light")
    settings.set_bytes("layout", b"\x00\xff")
    settings.save()
    again = Settings(file)
    assert again.get("theme", "dark") == "light"
    assert again.get_bytes("layout") == b"\x00\xff"


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"[" * 100_000, b'{"theme": {"a": 1}}'])
def test_that_damaged_settings_cost_only_the_defaults(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(content)
    settings = Settings(file)
    assert settings.get("theme", "dark") == "dark"
    settings.set("theme", "light")
    settings.save()
    assert json.loads(file.read_bytes())["theme"] == "light"


def test_that_a_value_of_another_kind_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"hints_seen": "yes", "recent_files": "a"}')
    settings = Settings(file)
    assert settings.get("hints_seen", False) is False
    assert settings.recent_files() == ()


def test_that_a_folder_that_has_gone_is_not_offered(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "settings.json")
    settings.set_folder("export", tmp_path / "gone")
    assert settings.folder("export") == Path.home()


# --- kinds of files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pkl", b"\x89PNG\r\n\x1a\n0000", FileKind.PICTURE),
        ("a.png", b"\x80\x04\x95", FileKind.MODEL),
        ("a", b"\xff\xd8\xff\xe0", FileKind.PICTURE),
        ("a", b"\0\0\0\x18ftypheic", FileKind.PICTURE),
        ("a", b"RIFF\0\0\0\0WEBPVP8 ", FileKind.PICTURE),
        ("a", b'\x40\0\0\0\0\0\0\0{"x":1}', FileKind.MODEL),
        ("a.txt", b' {"graft_recipe": 1}', FileKind.RECIPE),
        ("a.pt", b"", FileKind.MODEL),
        ("a.jpg", b"GIF89a", FileKind.PICTURE),
        ("a.txt", b"hello", FileKind.UNKNOWN),
    ],
)
def test_that_the_content_says_what_a_file_is(tmp_path: Path, name: str, content: bytes, kind: FileKind) -> None:
    (tmp_path / name).write_bytes(content)
    assert file_kind(tmp_path / name) is kind


def test_that_a_session_is_told_from_a_torch_zip(tmp_path: Path) -> None:
    for name, member, kind in (("a", "session.json", FileKind.SESSION), ("b", "archive/data.pkl", FileKind.MODEL)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, b"{}")
        assert file_kind(tmp_path / name) is kind


def test_that_what_cannot_be_read_has_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.png", tmp_path):
        with pytest.raises(EngineError) as told:
            file_kind(path)
        assert path.name in told.value.user_message
