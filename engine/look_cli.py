"""The verb ``looks``."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from engine.embedded_models import register_embedded
from engine.library import Library
from engine.look_file import sample_looks
from engine.look_shelf import shelf_looks
from engine.places import user_places


def list_looks(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the looks: your own, and those that come with Graft.

    \b
    Examples:
      python main.py looks
      python main.py looks --json
    """
    with closing(Library(user_places().make().library_file)) as library:
        register_embedded(library)
        looks = shelf_looks(library.looks(), sample_looks(), library.models())
    if as_json:
        rows = [
            {
                "name": one.look.name,
                "models": [ref.name for ref in one.look.models],
                "missing": [ref.name for ref in one.missing],
                "sample": one.id is None,
            }
            for one in looks
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max((len(one.look.name) for one in looks), default=0)
    for one in looks:
        models = " x ".join(ref.name for ref in one.look.models)
        lacking = f", not here: {', '.join(ref.name for ref in one.missing)}" if one.missing else ""
        typer.echo(f"{one.look.name:<{width}}  {models}{lacking}{'' if one.id is None else ' (your own)'}")
