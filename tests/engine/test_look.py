from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edit_states import any_state, seed_latents, states, store_with_portrait
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import (
    MAX_MESSAGE_CHARS,
    LatentError,
    RecipeError,
    RecipeFormatError,
    RecipeVersionError,
    StorageError,
)
from engine.latents import LatentStore
from engine.look import (
    MAX_LOOK_BYTES,
    Look,
    MixSlot,
    apply_look,
    look_from_json,
    look_of,
    look_to_json,
    restore_look_arrays,
    with_arrays,
    with_known_models,
)
from engine.look_file import LOOK_SUFFIX, file_name, is_look, read_look, sample_looks, stem_of, write_look
from engine.recipe import make_recipe, recipe_to_json
from engine.state import (
    DirectionUse,
    EditState,
    MixSource,
    ModelRef,
    Overlay,
    SeedLatent,
    StoredLatent,
    View,
    model_refs,
    with_alpha,
    with_direction,
    with_mix_source,
    with_seed,
    with_truncation,
)

A, B = ModelRef("a" * 64, "portrait"), ModelRef("b" * 64, "toon")
FACE = StoredLatent("c" * 64, "Aunt Agatha")
BOTH = EditState(model_a=A, model_b=B)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(look_to_json(look_of(BOTH, "Ink"))), **changes}


@given(any_state)
def test_that_a_look_of_a_state_leaves_that_state_as_it_is(state: EditState) -> None:
    assert apply_look(look_of(state, "mine"), state) == state


@given(any_state, any_state)
def test_that_a_look_never_changes_whose_face_it_is(worn: EditState, bare: EditState) -> None:
    dressed = apply_look(look_of(worn, "mine"), bare)
    assert (dressed.latent, dressed.class_index) == (bare.latent, bare.class_index)
    assert (dressed.blend, dressed.noise) == (worn.blend, worn.noise)


@given(states(seed_latents), states(seed_latents))
def test_that_all_seeds_look_alike_under_one_look(worn: EditState, bare: EditState) -> None:
    dressed = apply_look(look_of(worn, "mine"), bare)
    whole = replace(worn, latent=bare.latent, class_index=bare.class_index, model_a=worn.model_a or bare.model_a)
    assert dressed == whole


def test_that_a_portrait_keeps_its_own_truncation() -> None:
    look = look_of(with_truncation(BOTH, 0.4, 6), "average")
    portrait = replace(BOTH, latent=FACE, truncation_psi=1.0)
    assert apply_look(look, portrait).truncation_psi == 1.0
    assert apply_look(look, with_seed(BOTH, 5)).truncation_psi == 0.4
    assert look_of(portrait, "likeness").truncation_psi is None


def test_that_a_look_holds_nobodys_face() -> None:
    mixed = with_mix_source(replace(BOTH, latent=FACE), 0, MixSource(FACE, (0.0, 1.0)))
    text = look_to_json(look_of(mixed, "mine"))
    assert FACE.key not in text
    assert "Agatha" not in text


def test_that_a_slot_in_the_mix_takes_the_canvass_own_source() -> None:
    slots = (MixSlot(None, (1.0,)), MixSlot(SeedLatent(5), (0.5,)), MixSlot(None, (0.25,)))
    bare = with_mix_source(BOTH, 0, MixSource(FACE, (0.1, 0.1)))
    assert apply_look(Look("mixed", mix=slots), bare).mix == (
        MixSource(FACE, (1.0,)),
        MixSource(SeedLatent(5), (0.5,)),
    )


def test_that_the_users_models_can_be_kept() -> None:
    own = EditState(model_a=ModelRef("d" * 64, "cats"), model_b=ModelRef("e" * 64, "ink"))
    kept = apply_look(look_of(with_alpha(BOTH, 0.3), "mine"), own, keep_models=True)
    assert (kept.model_a, kept.model_b, kept.blend.alpha) == (own.model_a, own.model_b, 0.3)


def without_names(look: Look) -> Look:
    """Names of models and directions go through a sieve, as in recipes."""

    def nameless(ref: ModelRef | None) -> ModelRef | None:
        return None if ref is None else ModelRef(ref.sha256, "")

    return replace(
        look,
        model_a=nameless(look.model_a),
        model_b=nameless(look.model_b),
        embedded=frozenset(),
        overlays=tuple(replace(one, model=ModelRef(one.model.sha256, "")) for one in look.overlays),
        directions=tuple(replace(use, name="") for use in look.directions),
    )


# --- directions -----------------------------------------------------------------------------------------------------


def smiling(store: LatentStore) -> Look:
    key = store.put_ws(np.random.RandomState(3).randn(1, 32))
    return look_of(with_direction(BOTH, 0, DirectionUse(key, 2.0, (0, 4), "smile")), "Smile")


def test_that_a_look_takes_its_directions_to_another_computer(tmp_path: Path) -> None:
    here, there = LatentStore(), LatentStore()
    look = smiling(here)
    write_look(tmp_path / "smile.look.json", with_arrays(look, here))
    brought = read_look(tmp_path / "smile.look.json")
    restore_look_arrays(brought, there)
    assert brought == look
    np.testing.assert_array_equal(there.ws(look.directions[0].key), here.ws(look.directions[0].key))


def test_that_a_pictures_look_brings_its_directions(tmp_path: Path) -> None:
    here, there = LatentStore(), LatentStore()
    look = smiling(here)
    state = apply_look(look, BOTH)
    (tmp_path / "still.json").write_text(recipe_to_json(make_recipe(state, View.BLEND, here)), encoding="utf-8")
    restore_look_arrays(read_look(tmp_path / "still.json"), there)
    assert there.has(look.directions[0].key)


def test_that_a_look_without_its_direction_is_refused_by_the_directions_name() -> None:
    with pytest.raises(LatentError, match="“Smile” lacks its direction “smile”"):
        restore_look_arrays(smiling(LatentStore()), LatentStore())


def test_that_an_array_that_is_not_what_its_key_says_is_refused() -> None:
    here = LatentStore()
    other = here.export_bytes(here.put_ws(np.zeros((1, 32), np.float32)))
    look = smiling(here)
    for content, problem in ((other, "not the one"), (b"no safetensors", "damaged")):
        with pytest.raises(RecipeFormatError, match=problem):
            restore_look_arrays(replace(look, arrays={look.directions[0].key: content}), LatentStore())


def test_that_a_look_stays_small() -> None:
    store = LatentStore()
    keys = [store.put_ws(np.full((64, 512), number, np.float32)) for number in range(20)]
    look = look_of(replace(BOTH, directions=tuple(map(DirectionUse, keys))), "heavy")
    with pytest.raises(RecipeError, match="2,048"):
        with_arrays(look, store)
    assert len(look_to_json(with_arrays(replace(look, directions=look.directions[:15]), store))) < MAX_LOOK_BYTES


def test_that_further_models_stay_the_users_own_when_models_are_kept() -> None:
    inked = replace(BOTH, overlays=(Overlay(ModelRef("f" * 64, "ink"), 0.5),))
    assert apply_look(look_of(inked, "x"), BOTH).overlays == inked.overlays
    assert apply_look(look_of(inked, "x"), BOTH, keep_models=True).overlays == ()
    assert apply_look(look_of(BOTH, "x"), inked, keep_models=True).overlays == inked.overlays


# --- models ---------------------------------------------------------------------------------------------------------


def test_that_a_model_is_found_by_its_hash_under_whatever_name_it_has_now() -> None:
    renamed = ModelRef(B.sha256, "my toon")
    look = with_known_models(look_of(BOTH, "x"), {A.sha256: A, B.sha256: renamed}, {})
    assert (look.model_a, look.model_b) == (A, renamed)


def test_that_new_weights_of_an_embedded_model_take_the_place_of_the_old() -> None:
    newer = ModelRef("f" * 64, "toon")
    look = look_of(BOTH, "x", embedded=("portrait", "toon", "pencil"))
    assert look.embedded == {"portrait", "toon"}
    found = with_known_models(look, {A.sha256: A, newer.sha256: newer}, {"portrait": A, "toon": newer})
    assert (found.model_a, found.model_b) == (A, newer)


def test_that_models_laid_over_are_found_like_the_others() -> None:
    old, newer, renamed = ModelRef("1" * 64, "pencil"), ModelRef("2" * 64, "pencil"), ModelRef(B.sha256, "my toon")
    state = replace(BOTH, model_b=None, overlays=(Overlay(B, 0.5), Overlay(old)))
    look = with_known_models(look_of(state, "x", ["pencil"]), {B.sha256: renamed}, {"pencil": newer})
    assert [overlay.model for overlay in look.overlays] == [renamed, newer]
    assert look.models == (A, renamed, newer)


def test_that_a_users_own_model_is_never_replaced_by_one_of_the_same_name() -> None:
    embedded = ModelRef("f" * 64, "toon")
    look = look_of(BOTH, "x", embedded=("portrait",))
    assert with_known_models(look, {A.sha256: A}, {"toon": embedded}).model_b == B


# --- JSON and files -------------------------------------------------------------------------------------------------


@given(any_state, st.integers(0, 3))
def test_that_a_look_comes_back_from_json_as_it_was(state: EditState, indent: int) -> None:
    look = look_of(state, "Ink over photo", [ref.name for ref in model_refs(state)])
    again = look_from_json(look_to_json(look, indent=indent or None))
    assert without_names(again) == without_names(look)


def test_that_a_short_look_written_by_hand_is_enough() -> None:
    assert look_from_json('{"graft_look": 1, "name": "plain"}') == Look("plain")


def test_that_a_look_from_the_future_is_refused_with_both_versions() -> None:
    with pytest.raises(RecipeVersionError, match="version 2; this one reads up to 1"):
        look_from_json(json.dumps(document(graft_look=2)))


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("blend", {"alpha": "much"}, "look.blend.alpha"),
        ("blend", {"curve": [1, None]}, "look.blend.curve"),
        ("noise", {"mode": "loud"}, "look.noise.mode"),
        ("mix", [{"latent": {"key": "c" * 64}, "strengths": [1]}], "look.mix[0].latent"),
        ("mix", [{"strengths": [1], "colour": 1}], "colour"),
        ("model_a", {"sha256": "../../etc/passwd", "name": "x"}, "look.model_a.sha256"),
        ("embedded", ["a"] * 19, "look.embedded"),
        ("overlays", [{"alpha": 1}], "look.overlays[0].model"),
        ("directions", [{"key": "smile"}], "look.directions[0].key"),
        ("directions", [{"key": "d" * 64, "layer_range": [5, 2]}], "look.directions[0].layer_range"),
        ("style_edits", [{"position": 3, "channel": -1}], "look.style_edits[0].channel"),
        ("arrays", {"../x": ""}, "look.arrays"),
        ("arrays", {"d" * 64: "…"}, "look.arrays"),
        ("truncation_psi", 1e9, "look.truncation_psi"),
        ("truncation_cutoff", -1, "look.truncation_cutoff"),
        ("name", ["x"], "look.name"),
        ("latent", {"seed": 4}, "latent"),
        ("graft_look", "1", "version"),
    ],
)
def test_that_a_wrong_field_is_refused_by_name(field: str, value: object, named: str) -> None:
    with pytest.raises(RecipeFormatError) as caught:
        look_from_json(json.dumps(document(**{field: value})))
    assert named in caught.value.user_message
    assert len(caught.value.user_message) <= MAX_MESSAGE_CHARS


NO_LOOKS = ("", "{", "[]", "null", '{"graft_look": NaN}', "[" * 10_000, "{}", '{"graft_recipe": 1}')


@pytest.mark.parametrize("text", NO_LOOKS)
def test_that_text_that_is_no_look_is_refused_in_words(text: str) -> None:
    with pytest.raises(RecipeError):
        look_from_json(text)


def test_that_a_looks_file_says_what_it_is_and_comes_back(tmp_path: Path) -> None:
    look = look_of(with_alpha(BOTH, 0.25), "Ink / over: photo?")
    path = tmp_path / file_name(look)
    assert path.name == "Ink _ over_ photo_.look.json"
    write_look(path, look)
    assert is_look(path.read_bytes()[:200])
    assert read_look(path) == look
    assert stem_of(path) == "Ink _ over_ photo_"


@pytest.mark.parametrize("name", ["", "...", "///", "\x00", "x" * 500])
def test_that_every_name_makes_a_file_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / file_name(replace(Look("x"), name=name))
    assert path.parent == tmp_path
    assert len(path.name) < 120
    write_look(path, Look("x"))


def test_that_a_pictures_recipe_gives_its_look(tmp_path: Path) -> None:
    store, portrait = store_with_portrait()
    state = replace(with_alpha(BOTH, 0.25), latent=portrait)
    path = tmp_path / "still.json"
    path.write_text(recipe_to_json(make_recipe(state, View.BLEND, store)), encoding="utf-8")
    look = read_look(path)
    assert look.name == "still"
    assert look.blend == state.blend
    assert not is_look(path.read_bytes())


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + bytes(40), b'{"graft_look": 1, "x": 2}'])
def test_that_other_files_are_refused_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.look.json"
    path.write_bytes(content)
    with pytest.raises((RecipeError, StorageError)):
        read_look(path)


def test_that_a_broken_file_does_not_hide_the_other_samples(tmp_path: Path) -> None:
    (tmp_path / f"1-broken{LOOK_SUFFIX}").write_text("{")
    write_look(tmp_path / f"2-good{LOOK_SUFFIX}", Look("Good"))
    assert sample_looks(tmp_path) == {"2-good": Look("Good")}
    assert sample_looks(tmp_path / "nowhere") == {}
