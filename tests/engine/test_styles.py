"""The styles that one face is shown in at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.library_records import LatentRecord, ModelRecord
from engine.look import Look, look_of
from engine.look_file import sample_looks
from engine.look_shelf import ShelfLook, shelf_looks
from engine.state import EditState, ModelRef, SeedLatent, StoredLatent, with_alpha
from engine.styles import MOST_OWN, base_model, embedded_styles, in_style, is_readable, own_styles, wears

LAYERS = (LayerSpec("b4.conv1", 4, LayerKind.CONV, 0, 1, 8, True),)
FACE = StoredLatent("f" * 64, "Aunt Mary")


def record(name: str, *, embedded: bool = True, tuned_from: ModelRef | None = None) -> ModelRecord:
    descriptor = NetworkDescriptor("stylegan2", 4, 3, 2, 8, 8, 0, LAYERS, tuned_from=tuned_from)
    ref = ModelRef(f"{sum(map(ord, name)):064x}", name)
    return ModelRecord(ref, descriptor, Path(f"{name}.safetensors"), embedded=embedded)


ALL = tuple(record(name) for name in ("portrait", "toon", "woodblock", "pencil"))
BASE = ALL[0].ref
STRANGER = record("stranger", embedded=False)


def test_that_every_style_that_comes_along_has_pictures_and_they_all_differ() -> None:
    styles = embedded_styles(ALL)
    assert 6 <= len(styles) <= 12
    states = {in_style(style, FACE) for style in styles}
    assert len(states) == len(styles)
    shown = {ref for style in styles for ref in style.look.models}
    assert shown == {one.ref for one in ALL}
    assert all(style.words and style.name and len(style.name) <= 18 for style in styles)


def test_that_a_style_without_its_model_is_left_out() -> None:
    styles = embedded_styles(ALL[:2])
    assert styles
    assert {ref for style in styles for ref in style.look.models} == {one.ref for one in ALL[:2]}
    assert embedded_styles(()) == ()
    assert base_model((record("portrait", embedded=False),)) is None


def test_that_a_style_with_the_name_of_a_look_that_comes_along_is_that_look() -> None:
    looks = {one.look.name: one.look for one in shelf_looks((), sample_looks(), ALL)}
    alike = [style for style in embedded_styles(ALL) if style.name in looks]
    assert len(alike) >= 4
    for style in alike:
        assert in_style(style, FACE) == in_style(replace(style, look=looks[style.name]), FACE), style.name


def test_that_a_portrait_is_shown_as_it_was_found_and_a_seed_by_its_psi() -> None:
    style = embedded_styles(ALL)[0]
    assert in_style(style, FACE, 0.5).truncation_psi == 1.0
    assert in_style(style, SeedLatent(3), 0.5).truncation_psi == 0.5
    assert in_style(style, FACE).latent == FACE


def test_that_own_looks_are_the_newest_and_only_those_that_read_the_base() -> None:
    def look(number: int, model: ModelRef | None, missing: tuple[ModelRef, ...] = ()) -> ShelfLook:
        return ShelfLook(f"saved-{number}", Look(f"look {number}", model, ALL[1].ref), missing, number)

    tuned = record("me", embedded=False, tuned_from=BASE)
    models = (*ALL, STRANGER, tuned)
    looks = [look(number, BASE) for number in range(1, 12)]
    looks += [look(20, STRANGER.ref), look(21, BASE, (STRANGER.ref,)), look(22, None), look(23, tuned.ref)]
    looks += [ShelfLook("sample-x", Look("came along", BASE))]
    own = own_styles(looks, models)
    assert [style.key for style in own[:3]] == ["saved-23", "saved-22", "saved-11"]
    assert len(own) == MOST_OWN
    assert own[1].look.model_a == BASE
    assert own_styles(looks, (STRANGER,)) == ()


def test_that_a_portrait_of_another_model_cannot_be_read() -> None:
    seed, portrait = EditState(STRANGER.ref), EditState(STRANGER.ref, latent=FACE)
    models = (*ALL, STRANGER)
    assert is_readable(seed, None, models)
    assert not is_readable(portrait, None, models)
    assert not is_readable(portrait, LatentRecord(FACE, STRANGER.ref), models)
    assert is_readable(portrait, LatentRecord(FACE, BASE), models)
    assert not is_readable(seed, None, (STRANGER,))


def test_that_a_look_is_known_to_be_one_of_the_styles() -> None:
    styles = embedded_styles(ALL)
    worn = in_style(styles[0], FACE)
    assert wears(worn, styles)
    assert not wears(with_alpha(worn, 0.4), styles)
    assert look_of(worn, "x").model_b == worn.model_b
