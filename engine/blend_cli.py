"""The verb ``blend``, and the option ``--overlay``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable
from engine.carry import carry_sentence, is_carried_into
from engine.cli_options import Alpha, Carry, Out
from engine.console import Progress, note
from engine.errors import StorageError
from engine.state import Blend, EditState, Overlay

if TYPE_CHECKING:
    from engine.headless import Headless

DEFAULT_SWAP = 32

Overlays = Annotated[
    list[str] | None,
    typer.Option(
        "--overlay",
        metavar="MODEL:ALPHA",
        help="Lay a further model over the blend, by so much: woodblock:0.3. May be given again.",
    ),
]


def read_overlay(text: str) -> tuple[str, float]:
    """``MODEL:ALPHA``; without an alpha, 1.

    Raises:
        BadParameter: there is no model, or alpha is not a number.
    """
    name, colon, number = text.rpartition(":")
    if not colon or not number or "/" in number or "\\" in number:  # the colon is a drive's
        name, number = text.removesuffix(":"), "1"
    try:
        alpha = float(number)
    except ValueError:
        alpha = math.nan
    if not name or not math.isfinite(alpha):
        raise typer.BadParameter(f"“{text:.60}” is not MODEL:ALPHA, such as woodblock:0.3.", param_hint="--overlay")
    return name, alpha


def with_overlays(state: EditState, texts: Sequence[str], engine: Headless) -> EditState:
    """The state with further models laid over what it has.

    Raises:
        ModelError: as `Headless.model`.
    """
    wanted = [read_overlay(text) for text in texts]
    overlays = [Overlay(engine.model(name), alpha) for name, alpha in wanted]
    return replace(state, overlays=(*state.overlays, *overlays))


def blend(
    low: Annotated[str, typer.Argument(metavar="A", help="Gives the low resolutions: structure.")],
    high: Annotated[str, typer.Argument(metavar="B", help="Gives the high ones: rendering.")],
    out: Out,
    swap_resolution: Annotated[
        int | None,
        typer.Option(metavar="PX", help="Blocks up to this size come from A.", show_default="32, or half its size"),
    ] = None,
    level: Annotated[int, typer.Option(min=0, max=1, help="Swap before (0) or within (1) the next block.")] = 0,
    width: Annotated[float, typer.Option(min=0.0, metavar="LAYERS", help="Width of a soft transition.")] = 0.0,
    alpha: Alpha = None,
    overlay: Overlays = None,
    carry: Carry = None,
) -> None:
    """Blend two models, or more, into a new one.

    Layer swapping as in Pinkney & Adler 2020. The models should be relatives: one fine-tuned from the other. For
    strangers it works, and looks it; a note says how far apart they are. A further model takes its share everywhere,
    but of the mapping. Where A was tuned to a person (`tune`), the layers of the others get that as well.

    \b
    Examples:
      python main.py blend ffhq.pkl toon.pkl --swap-resolution 32 -o toonified.safetensors
      python main.py blend ffhq.pkl toon.pkl --overlay woodblock:0.3 -o printed.safetensors
    """
    if out.suffix.lower() != ".safetensors":
        hint = "End its name in .safetensors."
        raise StorageError(f"Graft writes models as .safetensors; “{out.name:.60}” ends otherwise.", hint)
    for model in (low, high):
        check_writable(out, beside=Path(model))
    further = [read_overlay(text) for text in overlay or ()]
    from engine.blending import FOLLOW, PINKNEY, blend_networks, carry_over, layer_shares
    from engine.blending import blend as laid_over
    from engine.headless import open_headless
    from engine.shares import pinkney_shares
    from engine.weight_distance import weight_distance

    progress = Progress()
    with open_headless("cpu", report=progress) as engine:
        try:
            low_ref, high_ref = engine.model(low), engine.model(high)
            a, b = (engine.network_of(ref) for ref in (low_ref, high_ref))
            if swap_resolution is None:
                swap_resolution = max(4, min(DEFAULT_SWAP, a.descriptor.img_resolution // 2))
            blended = blend_networks(a, b, swap_resolution, level, width, alpha)
            others = [(engine.model(name), share) for name, share in further]
            networks = [b, *(engine.network_of(ref) for ref, _ in others)]
            flat = [layer_shares([share] * a.descriptor.num_ws) for _, share in others]
            for network, shares in zip(networks[1:], flat, strict=True):
                blended = laid_over(blended, network, shares)
            strength = 1.0 if carry is None else carry
            gets = [
                is_carried_into(a.descriptor, ref, network.descriptor)
                for ref, network in zip((high_ref, *(ref for ref, _ in others)), networks, strict=True)
            ]
            if a.descriptor.tuned_from is not None and strength > 0.0 and any(gets):
                step = pinkney_shares(a.descriptor.num_ws, swap_resolution, level, width)
                of_b = layer_shares([(1.0 if alpha is None else alpha) * share for share in step])
                further_layers = ((one, FOLLOW, to) for one, to in zip(flat, gets[1:], strict=True))
                layers = [(of_b, PINKNEY, gets[0]), *further_layers]
                carry_over(blended, a, engine.network_of(a.descriptor.tuned_from), layers, strength)
                name_b = high_ref.name if len(networks) == 1 else "the other models"
                said = carry_sentence(Blend(carry=strength), a.descriptor, low_ref.name, name_b)
                engine.notes.extend([said] if said else [])
            blended.save(out)
        finally:
            progress.done()
        distances = [weight_distance(a, other).warning for other in networks]
        for text in dict.fromkeys([*engine.notes, *(warning for warning in distances if warning)]):
            note(text)
    typer.echo(f"Wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")
