"""The verb ``convert``: a model of any kind into Graft's open format, or into those of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from engine.atomic import CHUNK_BYTES, check_writable, storage_error, write_atomic
from engine.console import note
from engine.errors import StorageError
from engine.export.network_formats import FORMATS, NetworkFormat

_BY_SUFFIX = {".safetensors": NetworkFormat.GRAFT, ".pt": NetworkFormat.NVIDIA, ".onnx": NetworkFormat.ONNX}


def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model of any kind that Graft reads.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Where the converted model goes.")],
    to: Annotated[
        NetworkFormat | None, typer.Option("--to", help="The format; by default what the suffix of OUT says.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Convert a model, into Graft's open format or others.

    Graft's own is safetensors, with everything about the network in its metadata. .pt is a state dict in NVIDIA's
    names, or with --to rosinality in that code's layout; .onnx takes z, or with --to onnx-synthesis ws. Whatever is
    written is read back and compared with the model. Nothing in FILE is run.

    \b
    Examples:
      python main.py convert ffhq.pkl ffhq.safetensors
      python main.py convert toon.safetensors toon.onnx
      python main.py convert toon.safetensors toon.pt --to rosinality
    """
    form = to or _form_of(out)
    if out.suffix.lower() != FORMATS[form].suffix:
        raise StorageError(f"{FORMATS[form].name} ends in {FORMATS[form].suffix}; “{out.name:.60}” does not.")
    check_writable(out)
    error, notes = (0.0, _copy_converted(file, out)) if form is NetworkFormat.GRAFT else _write(file, out, form)
    if as_json:
        typer.echo(json.dumps({"max_error": error, "notes": notes}))
        return
    for sentence in notes:
        note(sentence)
    checked = "" if form is NetworkFormat.GRAFT else f", read back: pixels differ by at most {error:.2g}"
    typer.echo(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB{checked})")


def _form_of(out: Path) -> NetworkFormat:
    form = _BY_SUFFIX.get(out.suffix.lower())
    if form is None:
        problem = f"Graft writes models as .safetensors, .pt or .onnx; “{out.name:.60}” ends otherwise."
        raise StorageError(problem, f"End its name in {', '.join(_BY_SUFFIX)}.")
    return form


def _copy_converted(file: Path, out: Path) -> list[str]:
    """Opening a model converts it; that file is taken as it is. Needs no torch, but for a tuned one."""
    from engine.checkpoints.convert import open_checkpoint

    opened = open_checkpoint(file)
    if opened.is_difference:
        return _write(file, out, NetworkFormat.GRAFT)[1]
    try:
        with open(opened.safetensors_path, "rb") as converted:
            write_atomic(out, iter(lambda: converted.read(CHUNK_BYTES), b""))
    except OSError as error:
        raise storage_error("read the converted model", error) from error
    return list(opened.warnings)


def _write(file: Path, out: Path, form: NetworkFormat) -> tuple[float, list[str]]:
    from engine.export.networks import write_network
    from engine.network import load_network

    network = load_network(file)
    written = write_network(out, network, form)
    return written.max_error, [*network.origin.warnings, *written.notes]
