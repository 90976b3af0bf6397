from __future__ import annotations

import base64
import contextlib
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from edit_states import any_state, seeded_state, store_with_portrait
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import recipe as recipes
from engine.errors import MAX_MESSAGE_CHARS, RecipeError, RecipeFormatError, RecipeVersionError
from engine.latents import LatentStore
from engine.recipe import Recipe, make_recipe, recipe_from_json, recipe_to_json, restore_arrays
from engine.state import (
    EditState,
    MixSource,
    ModelRef,
    StoredLatent,
    View,
    latent_keys,
    with_alpha,
    with_latent,
    with_seed,
)
from engine.state_json import MAX_NAME_CHARS, state_from_json, state_to_json

MODEL = ModelRef("ab" * 32, "portrait")


def document(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(recipe_to_json(Recipe(EditState(model_a=MODEL))))
    return {**whole, **changes}


def with_state_field(path: str, value: object) -> dict[str, Any]:
    whole = document()
    *parents, last = path.split(".")
    place = whole["state"]
    for name in parents:
        place = place[name]
    place[last] = value
    return whole


@settings(max_examples=60, deadline=None)
@given(any_state)
def test_that_every_state_comes_back_from_json_as_it_was(state: EditState) -> None:
    text = json.dumps(state_to_json(state), allow_nan=False)
    assert state_from_json(json.loads(text)) == state


@settings(max_examples=30, deadline=None)
@given(seeded_state, st.sampled_from(View))
def test_that_a_recipe_comes_back_as_it_was(state: EditState, view: View) -> None:
    written = make_recipe(state, view, LatentStore(), device="cuda", dtype="float16")
    assert recipe_from_json(recipe_to_json(written)) == written


def test_that_a_recipe_brings_its_portrait_to_another_machine() -> None:
    here, portrait = store_with_portrait()
    state = replace(with_latent(EditState(model_a=MODEL), portrait), mix=(MixSource(portrait, (0.5, 1.0)),))
    text = recipe_to_json(make_recipe(state, View.A, here))
    there = LatentStore()
    restored = restore_arrays(recipe_from_json(text), there)
    assert latent_keys(restored) == latent_keys(state)
    assert np.array_equal(there.ws(portrait.key), here.ws(portrait.key))
    assert portrait.noise_key is not None
    assert np.array_equal(there.noise(portrait.noise_key)[2], here.noise(portrait.noise_key)[2])


def test_that_a_recipe_does_not_say_what_a_portrait_is_called_nor_where_anything_was() -> None:
    store, portrait = store_with_portrait()
    state = with_latent(EditState(model_a=replace(MODEL, name="/home/agatha/secret models/toon.pkl")), portrait)
    text = recipe_to_json(make_recipe(state, View.BLEND, store))
    assert "gatha" not in text
    assert "/home" not in text
    assert "secret" not in text
    back = recipe_from_json(text).state
    assert back.model_a == ModelRef("ab" * 32, "toon.pkl")
    assert back.latent == replace(portrait, name="portrait")


def test_that_a_short_recipe_written_by_hand_is_enough() -> None:
    text = '{"graft_recipe": 1, "state": {"latent": {"seed": 7}, "blend": {"alpha": 1}}}'
    assert recipe_from_json(text).state == with_alpha(with_seed(EditState(), 7), 1.0)


@pytest.mark.parametrize("version", [2, 999, 10**40])
def test_that_a_recipe_from_the_future_is_refused_with_both_versions(version: int) -> None:
    with pytest.raises(RecipeVersionError) as caught:
        recipe_from_json(json.dumps(document(graft_recipe=version)))
    assert "newer Graft" in caught.value.user_message or "impossibly large" in caught.value.user_message
    assert "Update" in caught.value.hint


def test_that_an_old_version_takes_every_migration_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    def rename_psi(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "state": {"truncation_psi": old["state"]["psi"]}}

    def add_view(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "view": "b"}

    monkeypatch.setattr(recipes, "RECIPE_VERSION", 3)
    monkeypatch.setattr(recipes, "MIGRATIONS", {1: rename_psi, 2: add_view})
    read = recipe_from_json('{"graft_recipe": 1, "state": {"psi": 0.25}}')
    assert read.state.truncation_psi == 0.25
    assert read.view is View.B


HOSTILE = [
    ("model_a.sha256", "ab" * 31, "model_a.sha256"),
    ("model_a.sha256", "../../etc/passwd", "model_a.sha256"),
    ("model_a", "portrait", "model_a"),
    ("model_a.name", "x" * (MAX_NAME_CHARS + 1), "model_a.name"),
    ("model_a.path", "/etc/passwd", "path"),
    ("latent", {"seed": -1}, "latent.seed"),
    ("latent", {"seed": 2**32}, "latent.seed"),
    ("latent", {"seed": 1.5}, "latent.seed"),
    ("latent", {"seed": True}, "latent.seed"),
    ("latent", {"seed": 10**4000}, "latent.seed"),
    ("latent", {}, "latent.seed"),
    ("latent", {"key": "zz"}, "latent.key"),
    ("latent", [], "latent"),
    ("truncation_psi", "0.7", "truncation_psi"),
    ("truncation_psi", 1e7, "truncation_psi"),
    ("truncation_psi", None, "truncation_psi"),
    ("truncation_cutoff", -1, "truncation_cutoff"),
    ("mix", {}, "mix"),
    ("mix", [{"latent": {"seed": 1}}] * 65, "mix"),
    ("mix", [{"strengths": [1]}], "mix[0].latent"),
    ("blend.curve", [0.0] * 65, "blend.curve"),
    ("blend.curve", [0.0, "x"], "blend.curve[1]"),
    ("blend.level", 2, "blend.level"),
    ("blend.low", "c", "blend.low"),
    ("blend.swap_resolution", 0, "blend.swap_resolution"),
    ("blend.torgb", ["a"], "blend.torgb"),
    ("noise.mode", "loud", "noise.mode"),
    ("noise.layer_strengths", 3, "noise.layer_strengths"),
    ("noise.\u202eevil\x1b[31m", 3, "noise"),
]


@pytest.mark.parametrize(("path", "value", "named"), HOSTILE)
def test_that_a_wrong_field_is_refused_by_name(path: str, value: object, named: str) -> None:
    with pytest.raises(RecipeFormatError) as caught:
        recipe_from_json(json.dumps(with_state_field(path, value)))
    message = caught.value.user_message
    assert named in message
    assert len(message) <= MAX_MESSAGE_CHARS
    assert message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"graft_recipe": 1}',
        '{"graft_recipe": 0, "state": {}}',
        '{"graft_recipe": true, "state": {}}',
        '{"graft_recipe": "1", "state": {}}',
        '{"graft_recipe": 1, "state": {}, "extra": 1}',
        '{"graft_recipe": 1, "state": {}, "state": {}}',
        '{"graft_recipe": 1, "state": {"truncation_psi": NaN}}',
        '{"graft_recipe": 1, "state": {"truncation_psi": -Infinity}}',
        '{"graft_recipe": 1, "state": {"truncation_psi": 1e400}}',
        '{"graft_recipe": 1, "state": {"truncation_psi": ' + "9" * 10_000 + "}}",
        '{"graft_recipe": 1, "state": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"graft_recipe": 1, "state": ' + '{"a":' * 100_000,
        '{"graft_recipe": 1, "state": {}, "arrays": {"../x": ""}}',
        '{"graft_recipe": 1, "state": {}, "arrays": {"' + "ab" * 32 + '": "\\ud800"}}',
        '{"graft_recipe": 1, "state": {}, "arrays": {"' + "ab" * 32 + '": "not base64!"}}',
        '{"graft_recipe": 1, "state": {}, "arrays": {"' + "ab" * 32 + '": 5}}',
        '{"graft_recipe": 1, "state": {"latent": {"key": "' + "ab" * 32 + '"}}}',
        '{"graft_recipe": 1, "state": {}, "render": {"device": 3}}',
        '{"graft_recipe": 1, "state": {}, "view": "c"}',
        b"\xff\xfe\x00",
        b"\x80\x04c__builtin__\neval\n",
    ],
)
def test_that_damaged_and_hostile_text_is_refused_in_words(text: str | bytes) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_from_json(text)
    assert caught.value.user_message.isprintable()
    assert not re.search(r"[{}]|Traceback", caught.value.user_message)


def test_that_a_recipe_that_is_too_long_is_not_even_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "MAX_RECIPE_BYTES", 1000)
    with pytest.raises(RecipeFormatError, match="1,000 is the most"):
        recipe_from_json(" " * 1001)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_that_any_value_in_any_field_is_either_read_or_refused(data: st.DataObject) -> None:
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
    whole = document()
    place = data.draw(st.sampled_from([whole, whole["state"], whole["state"]["blend"], whole["state"]["noise"]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(junk)
    with contextlib.suppress(RecipeError):
        recipe_to_json(recipe_from_json(json.dumps(whole)))


def test_that_an_array_that_is_not_what_its_hash_says_is_refused() -> None:
    store, portrait = store_with_portrait()
    recipe = make_recipe(with_latent(EditState(), StoredLatent(portrait.key)), View.BLEND, store)
    other = LatentStore()
    forged = {portrait.key: store.export_bytes(portrait.noise_key or "")}
    with pytest.raises(RecipeFormatError, match="not the one"):
        restore_arrays(replace(recipe, arrays=forged), other)
    cut = {portrait.key: recipe.arrays[portrait.key][:-3]}
    with pytest.raises(RecipeFormatError, match="damaged"):
        restore_arrays(replace(recipe, arrays=cut), other)
    assert not other.has(portrait.key)
    assert base64.b64encode(recipe.arrays[portrait.key]).decode() in recipe_to_json(recipe)
