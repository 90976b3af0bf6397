"""The blend doctor: what will not mix in two models, why, and what to do about it. Pure, no torch.

A finding is one sentence and, where there is something to do, a mend: words and the change that they stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from engine.carry import CARRIES_LITTLE, carry_sentence, is_carried_into
from engine.descriptor import NetworkDescriptor
from engine.errors import printable
from engine.kinship import Halves, LayerDistance, WeightDistance, even_halves, lineage_sentence, shared_steps
from engine.library_records import ModelRecord
from engine.lineage import origin_line
from engine.resolve import blend_obstacle
from engine.state import (
    Blend,
    BlendSpace,
    EditState,
    ModelRef,
    Source,
    with_blend,
    with_models,
    with_overlay,
    with_swap_resolution,
)

OWN_MAPPING_FROM = 0.05
"""Mapping networks that are farther apart make other faces of one seed."""

FROZEN_BELOW = 1e-6
COLOUR_RATIO = 2.0
"""ToRGB layers that changed so many times more than the rest are worth a word."""

NAME_CHARS = 40


class Grade(StrEnum):
    """How much a finding matters: GOOD news, a TIP, a WARNING (it mixes, badly), a STOP (it does not mix)."""

    GOOD = "good"
    TIP = "tip"
    WARNING = "warning"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Mend:
    """Something to do, in words, and what it changes; words alone where only the user can do it.

    Attributes:
        model: To use in place of the examined partner.
        swap_resolution: To swap at.
        sources: Fields of `Blend` to set, with their values.
    """

    words: str
    model: ModelRef | None = None
    swap_resolution: int | None = None
    sources: tuple[tuple[str, Source | BlendSpace], ...] = ()

    @property
    def can_apply(self) -> bool:
        return self.model is not None or self.swap_resolution is not None or bool(self.sources)

    def apply(self, state: EditState, overlay: int | None = None) -> EditState:
        """The state with the change made.

        Args:
            overlay: Which further model was examined; None for B.
        """
        if self.model is not None and overlay is None:
            state = with_models(state, b=self.model)
        elif self.model is not None and overlay is not None and overlay < len(state.overlays):
            state = with_overlay(state, overlay, replace(state.overlays[overlay], model=self.model))
        if self.swap_resolution is not None:
            state = with_swap_resolution(state, self.swap_resolution)
        return with_blend(state, **dict(self.sources)) if self.sources else state


@dataclass(frozen=True, slots=True)
class Finding:
    grade: Grade
    sentence: str
    mend: Mend | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor says of two models.

    Attributes:
        lineage: What their files say of where they come from, as a sentence.
        findings: The gravest first.
        distance: Of their weights, where it was measured.
        halves: The swap that shares the change evenly.
    """

    a: ModelRef
    b: ModelRef
    lineage: str
    findings: tuple[Finding, ...]
    distance: WeightDistance | None = None
    halves: Halves | None = None

    @property
    def grade(self) -> Grade:
        """The gravest finding's."""
        return self.findings[0].grade if self.findings else Grade.GOOD

    def to_json(self) -> dict[str, Any]:
        """JSON-ready facts for programs."""
        distance = self.distance
        return {
            "a": {"name": self.a.name, "sha256": self.a.sha256},
            "b": {"name": self.b.name, "sha256": self.b.sha256},
            "grade": self.grade.value,
            "lineage": self.lineage,
            "findings": [
                {
                    "grade": found.grade.value,
                    "sentence": found.sentence,
                    "mend": found.mend.words if found.mend is not None else None,
                }
                for found in self.findings
            ],
            "swap_resolution": self.halves.resolution if self.halves is not None else None,
            "distance": None if distance is None else {
                "overall": distance.overall if distance.layers else None,
                "same_noise": distance.same_noise,
                "mapping": distance.mapping,
                "w_avg": distance.w_avg,
                "layers": [
                    {"name": layer.name, "resolution": layer.resolution, "distance": layer.distance}
                    for layer in distance.layers
                ],
            },
        }


@dataclass(frozen=True, slots=True)
class _Case:
    a: ModelRecord
    b: ModelRecord
    blend: Blend
    others: Sequence[ModelRecord]
    distance: WeightDistance | None
    for_overlay: bool
    findings: list[Finding] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, str]:
        return printable(self.a.ref.name, NAME_CHARS), printable(self.b.ref.name, NAME_CHARS)

    def say(self, grade: Grade, sentence: str, mend: Mend | None = None) -> None:
        self.findings.append(Finding(grade, sentence, mend))


def diagnose(
    a: ModelRecord,
    b: ModelRecord,
    distance: WeightDistance | None = None,
    *,
    blend: Blend = Blend(),  # noqa: B008 - frozen
    others: Sequence[ModelRecord] = (),
    for_overlay: bool = False,
) -> Diagnosis:
    """Examine two models.

    Args:
        a: Model A.
        b: What is to be mixed into it.
        distance: Of their weights; None while it is not measured.
        blend: How they are blended now: what is as it should be is not advised.
        others: Models that could take the place of B.
        for_overlay: B is a further model: what the blend takes from A or B alone has nothing to do with it.
    """
    case = _Case(a, b, blend, others, distance, for_overlay)
    obstacle = blend_obstacle(a.descriptor, b.descriptor)
    same = a.ref.sha256 == b.ref.sha256
    mixes = not same and obstacle is None and distance is not None and distance.related
    halves = even_halves(distance) if distance is not None and mixes else None
    if same:
        sentence = "These two are the same model, so every blend of them is that model."
        case.say(Grade.TIP, sentence, _other_partner(case))
    elif obstacle is not None:
        case.say(Grade.STOP, f"These two do not mix: {_why(case, obstacle)}.", _other_partner(case))
    else:
        _examine_inputs(case)
        if halves is not None and not for_overlay:
            _suggest_swap(case, halves)
        _examine_carry(case, distance)
        if distance is not None:
            _examine_weights(case, distance)
    grades = list(Grade)
    findings = sorted(case.findings, key=lambda found: -grades.index(found.grade))
    lineage = "" if same else _lineage_of(case)
    return Diagnosis(a.ref, b.ref, lineage, tuple(findings), distance, halves)


# --- what cannot be mixed at all ------------------------------------------------------------------------------------


def _why(case: _Case, obstacle: str) -> str:
    one, other = case.a.descriptor, case.b.descriptor
    name_a, name_b = case.names
    if one.family != other.family:
        return f"{name_a} is {one.family}, {name_b} is {other.family}, and their layers do not correspond"
    if one.img_resolution != other.img_resolution:
        sizes = f"{name_a} makes {one.img_resolution} px pictures, {name_b} {other.img_resolution} px"
        return f"{sizes}, so layers of one have no partner in the other"
    return obstacle


def _other_partner(case: _Case) -> Mend:
    """The closest relative of A on the shelf that fits it; words where there is none."""
    fitting = [
        record
        for record in case.others
        if record.ref.sha256 not in (case.a.ref.sha256, case.b.ref.sha256)
        and blend_obstacle(case.a.descriptor, record.descriptor) is None
        and shared_steps(_lineage(case.a), _lineage(record))
    ]
    best = max(fitting, key=lambda record: shared_steps(_lineage(case.a), _lineage(record)), default=None)
    if best is None:
        return Mend(f"Choose a model that was fine-tuned from {case.names[0]}, or train one")
    return Mend(f"Use {printable(best.ref.name, NAME_CHARS)}, a relative of {case.names[0]}", model=best.ref)


# --- what is mixed, and how well ------------------------------------------------------------------------------------


def _examine_inputs(case: _Case) -> None:
    one, other = case.a.descriptor, case.b.descriptor
    if (one.z_dim, one.c_dim) != (other.z_dim, other.c_dim) and not case.for_overlay:
        mend = _sources_mend(case, "Take mapping and mean latent from A", mapping=Source.A, w_avg=Source.A)
        case.say(Grade.TIP, f"Their mapping networks read different inputs: {_inputs(one)}, {_inputs(other)}.", mend)
    if one.framing != other.framing:
        sentence = "Their faces sit differently in the picture, so eyes and mouths can appear twice."
        case.say(Grade.WARNING, sentence, Mend("Train B on pictures framed as A's are"))


def _examine_carry(case: _Case, distance: WeightDistance | None) -> None:
    """What of A's tuning to a person the other gets as well."""
    descriptor = case.a.descriptor
    if not is_carried_into(descriptor, case.b.ref, case.b.descriptor):
        return
    said = carry_sentence(case.blend, descriptor, *case.names)
    if said is None:
        return
    if case.blend.carry > 0.0 and distance is not None and not distance.related:
        case.say(Grade.TIP, f"{said} {CARRIES_LITTLE}")
        return
    case.say(Grade.GOOD, said)


def _inputs(descriptor: NetworkDescriptor) -> str:
    classes = f" and {descriptor.c_dim} classes" if descriptor.c_dim else ""
    return f"{descriptor.z_dim} values{classes}"


def _examine_weights(case: _Case, distance: WeightDistance) -> None:
    if not distance.related:
        apart = f"their weights are {distance.overall:.2f} apart, as those of strangers are (1.41)"
        sentence = f"These two were not trained from one another: {apart}. Where their layers meet, pictures break."
        case.say(Grade.WARNING, sentence, _other_partner(case))
        return
    how = "hardly apart" if distance.overall < 0.3 else "some way apart" if distance.overall < 0.8 else "far apart"
    figures = f"their weights are {distance.overall:.2f} apart, strangers' 1.41"
    case.say(Grade.GOOD, f"They are relatives, {how}: {figures}.")
    _examine_frozen(case, distance)
    if not case.for_overlay:
        _examine_mapping(case, distance)
        _examine_noise(case, distance)
        _examine_colour(case, distance)


def _examine_mapping(case: _Case, distance: WeightDistance) -> None:
    blend = case.blend
    if distance.mapping is not None and distance.mapping > OWN_MAPPING_FROM:
        apart = f"{case.names[1]} learnt a mapping of its own ({distance.mapping:.2f} apart)"
        sentence = f"{apart}: a seed is another face in it."
        mend = _sources_mend(case, "Take mapping and mean latent from A", mapping=Source.A, w_avg=Source.A)
        case.say(Grade.TIP, sentence, mend)
    elif distance.mapping is not None and blend.space is BlendSpace.LATENTS:
        sentence = "Both make the same latents of a seed, so mixing in W changes next to nothing."
        case.say(Grade.WARNING, sentence, Mend("Mix weights instead", sources=(("space", BlendSpace.WEIGHTS),)))


def _examine_noise(case: _Case, distance: WeightDistance) -> None:
    if distance.same_noise or not any(layer.has_noise for layer in case.a.descriptor.layers):
        return
    sentence = "Their noise maps differ, so where they are mixed half and half, fine grain fades."
    case.say(Grade.TIP, sentence, _sources_mend(case, "Take the noise from A", noise=Source.A))


def _examine_frozen(case: _Case, distance: WeightDistance) -> None:
    frozen = _frozen_up_to(distance.layers)
    if frozen is None:
        return
    top = max(layer.resolution for layer in distance.layers)
    if frozen == top:
        case.say(Grade.TIP, "All their layers are the same, so there is nothing to blend.", _other_partner(case))
        return
    useless = not case.for_overlay and case.blend.curve is None and case.blend.swap_resolution < frozen
    mend = Mend(f"Swap at {frozen} px", swap_resolution=frozen) if useless else None
    sentence = f"Up to {frozen} px both have the same layers: a swap below that changes nothing."
    case.say(Grade.TIP, sentence, mend)


def _frozen_up_to(layers: tuple[LayerDistance, ...]) -> int | None:
    """The resolution up to which no convolution differs."""
    found = None
    for size in sorted({layer.resolution for layer in layers}):
        if any(layer.distance > FROZEN_BELOW for layer in layers if layer.resolution == size and not layer.is_colour):
            break
        found = size
    return found


def _examine_colour(case: _Case, distance: WeightDistance) -> None:
    colour = [layer.distance for layer in distance.layers if layer.is_colour]
    rest = [layer.distance for layer in distance.layers if not layer.is_colour]
    if not colour or not rest or case.blend.torgb is not Source.BLEND:
        return
    mean, usual = sum(colour) / len(colour), sum(rest) / len(rest)
    if mean > COLOUR_RATIO * usual:
        sentence = f"Colour changed most: ToRGB layers are {mean:.2f} apart, the others {usual:.2f}."
        case.say(Grade.TIP, sentence, Mend("Take all colour from B", sources=(("torgb", Source.B),)))


def _suggest_swap(case: _Case, halves: Halves) -> None:
    share = f"{100 * halves.lower:.0f} % of what differs lies up to {halves.resolution} px, the rest above"
    is_there = case.blend.curve is None and case.blend.swap_resolution == halves.resolution
    mend = None if is_there else Mend(f"Swap at {halves.resolution} px", swap_resolution=halves.resolution)
    case.say(Grade.TIP, f"{share}: a swap there gives both a say.", mend)


def _sources_mend(case: _Case, words: str, **wanted: Source) -> Mend | None:
    """None when all is so already."""
    changes = tuple((name, source) for name, source in wanted.items() if getattr(case.blend, name) is not source)
    return Mend(words, sources=changes) if changes else None


def _lineage_of(case: _Case) -> str:
    shelf = (*case.others, case.a, case.b)
    origins = [origin_line(record, shelf) if _is_blend(record) else "" for record in (case.a, case.b)]
    one, other = _lineage(case.a), _lineage(case.b)
    return lineage_sentence(case.names[0], one, case.names[1], other, origin_a=origins[0], origin_b=origins[1])


def _is_blend(record: ModelRecord) -> bool:
    """Whether it was blended last: then the library knows the names of its parents."""
    last = _lineage(record)[-1:]
    return bool(last) and isinstance(last[0], Mapping) and last[0].get("step") in ("blend", "overlay")


def _lineage(record: ModelRecord) -> list[Any]:
    found = record.note.get("lineage")
    return found if isinstance(found, list) else []
