from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.blend_doctor import Diagnosis, Grade, Mend, diagnose
from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.framing import Framing, FramingKind
from engine.kinship import LayerDistance, WeightDistance, even_halves, lineage_sentence
from engine.library_records import ModelRecord
from engine.lineage import parents_note
from engine.state import Blend, BlendSpace, EditState, ModelRef, Overlay, Source

BORN = {"step": "train", "pictures": 12000}
TOON = {"step": "train", "pictures": 3000}
WOOD = {"step": "train", "pictures": 2000}


def descriptor(top: int = 32, **changes: Any) -> NetworkDescriptor:
    layers = []
    for index, size in enumerate(size for size in (4, 8, 16, 32, 64) if size <= top):
        layers.append(LayerSpec(f"b{size}.conv1", size, LayerKind.CONV, 2 * index, 2 * index + 1, 8, True))
        layers.append(LayerSpec(f"b{size}.torgb", size, LayerKind.TORGB, 2 * index + 1, 2 * index + 1, 3, False))
    plain = NetworkDescriptor("stylegan2", top, 3, len(layers), 64, 64, 0, tuple(layers))
    return replace(plain, **changes)


def record(name: str, *lineage: dict[str, Any], of: NetworkDescriptor | None = None) -> ModelRecord:
    ref = ModelRef(name[0] * 64, name)
    return ModelRecord(ref, of or descriptor(), Path(name), note={"lineage": list(lineage)})


PORTRAIT, TOONS, WOODS = record("portrait", BORN), record("toon", BORN, TOON), record("woodblock", BORN, WOOD)


def measured(
    conv: tuple[float, ...] = (0.1, 0.1, 0.1, 0.1), torgb: float = 0.1, **changes: Any
) -> WeightDistance:
    layers = []
    for size, distance in zip((4, 8, 16, 32), conv, strict=True):
        layers += [LayerDistance(f"b{size}.conv1", size, distance), LayerDistance(f"b{size}.torgb", size, torgb)]
    found = WeightDistance(tuple(layers), conv[1], same_noise=True, mapping=0.0, w_avg=0.01)
    return replace(found, **changes)


def sentences(found: Diagnosis) -> str:
    return " ".join(finding.sentence for finding in found.findings)


def mends(found: Diagnosis) -> list[Mend]:
    return [finding.mend for finding in found.findings if finding.mend is not None]


def test_that_relatives_get_good_news_and_a_swap_that_parts_the_change() -> None:
    found = diagnose(PORTRAIT, TOONS, measured((0.1, 0.1, 0.1, 0.3)), blend=Blend(swap_resolution=4))
    assert found.grade is Grade.TIP
    assert found.lineage == "toon was made from portrait: trained on 3,000 pictures."
    assert "They are relatives" in sentences(found)
    (mend,) = mends(found)
    assert mend.words == "Swap at 16 px"
    state = mend.apply(EditState(blend=Blend(curve=(0.5,) * 8)))
    assert (state.blend.swap_resolution, state.blend.curve) == (16, None)
    assert "50 % of what differs lies up to 16 px" in sentences(found)


def test_that_a_swap_that_is_there_already_is_not_advised() -> None:
    found = diagnose(PORTRAIT, TOONS, measured(), blend=Blend(swap_resolution=8))
    assert found.halves is not None
    assert found.halves.resolution == 8
    assert not mends(found)


def test_that_another_size_is_a_stop_and_a_relative_that_fits_is_offered() -> None:
    large = record("large", BORN, of=descriptor(64))
    found = diagnose(PORTRAIT, large, others=(PORTRAIT, large, TOONS, record("stranger", WOOD)))
    assert found.grade is Grade.STOP
    assert "portrait makes 32 px pictures, large 64 px" in sentences(found)
    (mend,) = mends(found)
    assert mend.words == "Use toon, a relative of portrait"
    assert mend.apply(EditState()).model_b == TOONS.ref
    state = EditState(overlays=(Overlay(large.ref, 0.4),))
    assert mend.apply(state, overlay=0).overlays == (Overlay(TOONS.ref, 0.4),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": "stylegan3"}, "their layers do not correspond"),
        ({"w_dim": 512}, "A's latents have 64 values"),
        ({"architecture": "resnet"}, "resnet with 3"),
    ],
)
def test_that_what_cannot_mix_is_named_and_without_a_relative_only_words_help(
    changes: dict[str, Any], said: str
) -> None:
    found = diagnose(PORTRAIT, record("other", of=descriptor(**changes)))
    assert said in sentences(found)
    (mend,) = mends(found)
    assert not mend.can_apply
    assert "fine-tuned from portrait" in mend.words
    assert mend.apply(EditState()) == EditState()


def test_that_strangers_are_warned_of() -> None:
    far = measured((1.41,) * 4, same_noise=False)
    found = diagnose(PORTRAIT, record("stranger"), far, others=(TOONS,))
    assert found.grade is Grade.WARNING
    assert "1.41 apart, as those of strangers are" in sentences(found)
    assert mends(found)[0].model == TOONS.ref
    assert found.halves is None


def test_that_the_same_model_twice_is_said() -> None:
    assert "the same model" in sentences(diagnose(PORTRAIT, PORTRAIT, measured()))


def test_that_other_noise_maps_are_mended_by_taking_those_of_a() -> None:
    found = diagnose(PORTRAIT, TOONS, measured(same_noise=False), blend=Blend(swap_resolution=8))
    assert "fine grain fades" in sentences(found)
    assert mends(found)[0].apply(EditState()).blend.noise is Source.A
    settled = diagnose(PORTRAIT, TOONS, measured(same_noise=False), blend=Blend(swap_resolution=8, noise=Source.A))
    assert not mends(settled)


def test_that_a_mapping_of_its_own_is_said_and_mixing_equal_latents_is_warned_of() -> None:
    own = diagnose(PORTRAIT, TOONS, measured(mapping=0.4), blend=Blend(swap_resolution=8, mapping=Source.BLEND))
    assert "a mapping of its own (0.40 apart)" in sentences(own)
    assert mends(own)[0].apply(EditState(blend=Blend(mapping=Source.B))).blend.mapping is Source.A
    same = diagnose(PORTRAIT, TOONS, measured(), blend=Blend(swap_resolution=8, space=BlendSpace.LATENTS))
    assert same.grade is Grade.WARNING
    assert mends(same)[0].apply(EditState()).blend.space is BlendSpace.WEIGHTS


def test_that_frozen_layers_and_colour_that_changed_most_are_told() -> None:
    found = diagnose(PORTRAIT, TOONS, measured((0.0, 0.0, 0.1, 0.1), torgb=0.5), blend=Blend(swap_resolution=4))
    assert "Up to 8 px both have the same layers" in sentences(found)
    assert "Colour changed most" in sentences(found)
    state = EditState()
    for mend in mends(found):
        state = mend.apply(state)
    assert state.blend.torgb is Source.B


def test_that_faces_framed_otherwise_are_a_warning() -> None:
    other = next(kind for kind in FramingKind if kind is not descriptor().framing.kind)
    framed = record("framed", BORN, of=descriptor(framing=Framing(other)))
    assert diagnose(PORTRAIT, framed, measured()).grade is Grade.WARNING


def test_that_of_a_further_model_only_what_concerns_it_is_said() -> None:
    found = diagnose(PORTRAIT, TOONS, measured(torgb=0.9, same_noise=False, mapping=0.5), for_overlay=True)
    assert [finding.grade for finding in found.findings] == [Grade.GOOD]


def test_that_facts_for_programs_are_plain_json() -> None:
    found = diagnose(PORTRAIT, TOONS, measured())
    facts = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert facts["distance"]["layers"][0] == {"name": "b4.conv1", "resolution": 4, "distance": 0.1}
    nothing = WeightDistance((), math.inf, same_noise=False)
    assert json.loads(json.dumps(diagnose(PORTRAIT, TOONS, nothing).to_json(), allow_nan=False))


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ([], [], "Nothing is written in either file"),
        ([BORN], [], "Nothing is written in the file of y"),
        ([BORN, TOON], [BORN], "x was made from y: trained on 3,000 pictures."),
        ([BORN, TOON], [BORN, WOOD], "x and y have one ancestor, one step; then x trained on 3,000 pictures, y"),
        ([BORN], [WOOD], "different histories"),
        ([BORN], [BORN], "the same history, one step"),
        ([BORN], [BORN, BORN, "rubbish"], "y was made from x: changed, after one step more."),
        ([BORN], [BORN, {"step": "blend"}], "blended from two models"),
        ([BORN], [BORN, {"step": "\x1b[31m"}], "?[31m"),
        ([BORN], [BORN, {"step": ["x"], "pictures": "many"}], "changed"),
    ],
)
def test_that_a_lineage_is_told_in_a_sentence(a: list[Any], b: list[Any], said: str) -> None:
    assert said in lineage_sentence("x", a, "y", b)


def test_that_a_blend_names_its_parents() -> None:
    note = {"lineage": [BORN, {"step": "blend"}], **parents_note((PORTRAIT.ref, TOONS.ref))}
    mixed = replace(record("mixed"), note=note)
    found = diagnose(PORTRAIT, mixed, others=(TOONS,))
    assert found.lineage == "mixed was made from portrait: blended from portrait and toon."


def test_that_nothing_is_parted_where_nothing_differs() -> None:
    assert even_halves(measured((0.0,) * 4)) is None
    assert even_halves(WeightDistance((), math.inf, same_noise=False)) is None
