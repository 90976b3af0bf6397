"""The verb ``doctor``. Torch is imported when the weights are measured, not before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from engine.blend_doctor import Diagnosis, Grade, diagnose
from engine.cli_options import Device
from engine.console import Progress, note
from engine.errors import MissingModelError
from engine.kinship import STRANGERS_AT, LayerDistance
from engine.messages import CompareWeights, WeightsCompared

_BAR_CHARS = 30
_MARKS = {Grade.GOOD: "+", Grade.TIP: "-", Grade.WARNING: "!", Grade.STOP: "x"}


def doctor(
    a: Annotated[str, typer.Argument(metavar="A", help="Model A.")],
    b: Annotated[str, typer.Argument(metavar="B", help="What is to be mixed into it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    device: Device = None,
) -> None:
    """Tell whether two models blend, and where to swap.

    Reads where they come from, as far as that is written, and measures how far the weights of every layer are apart;
    where they do not blend, it says why and what helps.

    \b
    Examples:
      python main.py doctor portrait toon
      python main.py doctor ffhq.pkl cats.pkl --json
    """
    from engine.headless import open_headless

    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        try:
            refs = engine.model(a), engine.model(b)
            compared = engine.run(CompareWeights(*refs))
        finally:
            progress.done()
        assert isinstance(compared, WeightsCompared)
        one, other = (engine.library.model(ref.sha256) for ref in refs)
        if one is None or other is None:
            raise MissingModelError("A model has left the library meanwhile.", "Ask again.")
        found = diagnose(one, other, compared.distance, others=engine.library.models())
        for text in dict.fromkeys(engine.notes):
            note(text)
    typer.echo(json.dumps(found.to_json(), indent=2) if as_json else "\n".join(_told(found)))


def _told(found: Diagnosis) -> Iterator[str]:
    yield f"{found.a.name} and {found.b.name}"
    if found.lineage:
        yield f"  {found.lineage}"
    yield ""
    for finding in found.findings:
        yield f"{_MARKS[finding.grade]} {finding.sentence}"
        if finding.mend is not None:
            yield f"  -> {finding.mend.words}"
    if found.distance is not None and found.distance.layers:
        yield ""
        yield "Distance of every layer (0 the same, 1.41 strangers):"
        yield from (_bar(layer) for layer in found.distance.layers)


def _bar(layer: LayerDistance) -> str:
    length = round(_BAR_CHARS * min(1.0, layer.distance / STRANGERS_AT))
    return f"  {layer.name:<12} {layer.distance:5.3f} {'#' * length}".rstrip()
