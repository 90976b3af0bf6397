"""How far pictures that leave a network early are from the finished one, in colour, and what correcting them gains.

    python tests/benchmarks/exit_colour.py [--seeds 200] [--drags 24] [--out FILE] [--sheet PNG]
    python tests/benchmarks/exit_colour.py --ship

Every exit is compared with the finished picture, each pixel the mean of those under it, in bytes. *error* is the
distance of the two mean colours, *spread* that of the sorted values of each channel (how far the histograms are
apart), both of 255. *before* is what the network left, *after* by the model's calibration; *held* also by the
finished picture that a drag began with. Seeds are not those of the calibration. ``--ship`` calibrates the generators
in resources/models, and writes what was found beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.embedded_models import register_embedded  # noqa: E402
from engine.exit_colours import (  # noqa: E402
    SHIPPED_FILE,
    ExitColours,
    exit_colour,
    read_exit_colours,
    write_exit_colours,
)
from engine.imaging import to_bgrx, to_rgb  # noqa: E402
from engine.latents import seed_to_z  # noqa: E402
from engine.library import Library  # noqa: E402
from engine.model_group import ModelGroup  # noqa: E402
from engine.models import read_network  # noqa: E402
from engine.network import Network  # noqa: E402
from engine.places import embedded_models_folder  # noqa: E402
from engine.preview.exit_colour import Missing, calibrate, corrected  # noqa: E402
from engine.shares import Shares, Stack, pinkney_shares  # noqa: E402
from engine.state import ModelRef, SeedLatent  # noqa: E402

EXITS = (32, 64, 128)
SHIP_SAMPLES = 96
PAD_STEPS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
DRAG_PSI = 0.7


@dataclass
class Row:
    """Figures of one kind of exit, collected over pictures."""

    error: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    square: list[float] = field(default_factory=list)

    def add(self, shown: Tensor, finished: Tensor) -> None:
        one, other = ((image[0].clamp(-1, 1) * 127.5).flatten(1) for image in (shown, finished))
        self.error.append(float((one.mean(1) - other.mean(1)).abs().mean()))
        self.spread.append(float((one.sort(1).values - other.sort(1).values).abs().mean()))
        self.square.append(float((one - other).square().mean()))

    def figures(self) -> dict[str, float]:
        decibels = [10 * np.log10(255**2 / max(square, 1e-9)) for square in self.square]
        return {
            "psnr_db": round(float(np.mean(decibels)), 2),
            "error": round(float(np.mean(self.error)), 2),
            "error_95": round(float(np.quantile(self.error, 0.95)), 2),
            "spread": round(float(np.mean(self.spread)), 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ship", action="store_true")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--drags", type=int, default=24)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    torch.set_grad_enabled(False)
    if given.ship:
        ship()
        return
    known = read_exit_colours(embedded_models_folder() / SHIPPED_FILE)
    networks = {ref.name: (ref.sha256, network) for ref, network in embedded().items()}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, (sha256, network) in networks.items():
        found |= samples(name, network, known[sha256], given.seeds) | drag(name, network, known[sha256], given.drags)
    base_sha, base = networks["portrait"]
    for name, (sha256, network) in networks.items():
        if network is not base:
            found |= blends(name, base, network, (known[base_sha], known[sha256]), given.drags)
    for what, kinds in found.items():
        print(f"{what:34}", "  ".join(f"{kind}: {one}" for kind, one in kinds.items()))
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")
    if given.sheet:
        sheet(given.sheet, {name: (network, known[sha256]) for name, (sha256, network) in networks.items()})


def embedded() -> dict[ModelRef, Network]:
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder) / "library.sqlite3")
        places = {ref: library.locate(ref.sha256) for ref in register_embedded(library)}
        library.close()
    return {ref: read_network(path, "cpu") for ref, path in places.items() if path is not None}


def ship() -> None:
    found: dict[str, ExitColours] = {}
    for ref, network in embedded().items():
        found[ref.sha256] = finished_calibration(network, SHIP_SAMPLES)
        print(ref.name, ref.sha256[:12], len(found[ref.sha256].steps), "steps")
    write_exit_colours(embedded_models_folder() / SHIPPED_FILE, found)


def finished_calibration(network: Network, count: int) -> ExitColours:
    steps = calibrate(network, count)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            result: ExitColours = done.value
            return result


def pictures(group: ModelGroup, stack: Stack, ws: Tensor) -> dict[int, Tensor]:
    """The picture after every block, by its edge."""
    carry, found = None, {}
    noise = group.a.noise_input()
    for index in range(group.num_blocks):
        carry = group.run_block(index, stack, carry, ws, noise, exact=True)
        assert carry.img is not None
        found[carry.img.shape[-1]] = carry.img
    return found


def samples(name: str, network: Network, colours: ExitColours, count: int) -> dict[str, dict[str, dict[str, float]]]:
    group, blocks = ModelGroup([ModelRef("0" * 64, name)], [network]), network.descriptor.num_ws // 2
    found = {}
    for psi in (0.7, 1.0):
        rows = {edge: (Row(), Row()) for edge in EXITS}
        for seed in range(count):
            climbed = pictures(group, (), ws_of(network, SeedLatent(seed), psi))
            for edge, (before, after) in rows.items():
                finished = box(climbed[max(climbed)], edge)
                before.add(climbed[edge], finished)
                after.add(corrected(climbed[edge], exit_colour(index_of(edge), 3, blocks, (), (colours,))), finished)
        for edge, (before, after) in rows.items():
            found[f"{name} psi {psi} at {edge} px"] = {"before": before.figures(), "after": after.figures()}
    return found


def drag(name: str, network: Network, colours: ExitColours, count: int) -> dict[str, dict[str, dict[str, float]]]:
    """Along the seed pad, from a finished picture in its middle, and to another seed."""
    group, blocks = ModelGroup([ModelRef("0" * 64, name)], [network]), network.descriptor.num_ws // 2
    moves = [*(f"pad {step}" for step in PAD_STEPS), "new seed"]
    rows = {(move, edge): (Row(), Row()) for move in moves for edge in EXITS}
    for seed in range(count):
        start = pictures(group, (), ws_of(network, SeedLatent(seed), DRAG_PSI))
        latents = [*(SeedLatent(seed, 0.6 * step, 0.8 * step) for step in PAD_STEPS), SeedLatent(seed + count)]
        for move, latent in zip(moves, latents, strict=True):
            there = pictures(group, (), ws_of(network, latent, DRAG_PSI))
            for edge in EXITS:
                compare(rows[move, edge], start, there, edge, blocks, ((), ()), (colours,))
    return {
        f"{name} {move} at {edge} px": {"after": after.figures(), "held": held.figures()}
        for (move, edge), (after, held) in rows.items()
    }


def blends(
    name: str, base: Network, style: Network, colours: tuple[ExitColours, ExitColours], count: int
) -> dict[str, dict[str, dict[str, float]]]:
    """From one blend of the base and a style, finished, to another."""
    group = ModelGroup([ModelRef("0" * 64, "portrait"), ModelRef("1" * 64, name)], [base, style])
    rows_of_ws = base.descriptor.num_ws

    def swapped(swap_resolution: int, alpha: float = 1.0) -> Shares:
        return shares_of(tuple(alpha * share for share in pinkney_shares(rows_of_ws, swap_resolution)))

    moves = {
        "swap 16 to 32": (swapped(16), swapped(32)),
        "swap 32 to 64": (swapped(32), swapped(64)),
        "alpha 0.5 to 0.6": (swapped(16, 0.5), swapped(16, 0.6)),
        "alpha 1 to 0.5": (swapped(16), swapped(16, 0.5)),
        "alpha 1 to 1.5": (swapped(16), swapped(16, 1.5)),
    }
    found = {}
    for move, (one, other) in moves.items():
        rows = {edge: (Row(), Row(), Row()) for edge in EXITS}
        for seed in range(count):
            ws = ws_of(base, SeedLatent(seed), DRAG_PSI)
            start, there = pictures(group, (one,), ws), pictures(group, (other,), ws)
            for edge, (before, after, held) in rows.items():
                before.add(there[edge], box(there[max(there)], edge))
                compare((after, held), start, there, edge, rows_of_ws // 2, ((one,), (other,)), colours)
        for edge, (before, after, held) in rows.items():
            figures = {"before": before.figures(), "after": after.figures(), "held": held.figures()}
            found[f"portrait with {name} {move} at {edge} px"] = figures
    return found


def compare(
    rows: tuple[Row, Row],
    start: dict[int, Tensor],
    there: dict[int, Tensor],
    edge: int,
    blocks: int,
    stacks: tuple[Stack, Stack],
    colours: tuple[ExitColours, ...],
) -> None:
    after, held = rows
    finished = box(there[max(there)], edge)
    then, now = (exit_colour(index_of(edge), 3, blocks, one, colours) for one in stacks)
    shown = corrected(there[edge], now)
    after.add(shown, finished)
    missing = Missing.of(start[edge], to_bgrx(start[max(start)]), then)
    held.add(missing.added_to(shown, there[edge]), finished)


def ws_of(network: Network, latent: SeedLatent, psi: float) -> Tensor:
    return network.mapping(torch.from_numpy(seed_to_z(latent, network.descriptor.z_dim)), truncation_psi=psi)


def shares_of(curve: tuple[float, ...]) -> Shares:
    return Shares(curve, curve, curve, curve, curve)


def index_of(edge: int) -> int:
    return edge.bit_length() - 3


def box(image: Tensor, edge: int) -> Tensor:
    return F.avg_pool2d(image, image.shape[-1] // edge)


def sheet(path: Path, models: dict[str, tuple[Network, ExitColours]], cell: int = 192) -> None:
    """A row per model and exit: what the network left, corrected, held (from pad 0.2 away), a jump, finished."""
    rows = []
    for name, (network, colours) in models.items():
        group, blocks = ModelGroup([ModelRef("0" * 64, name)], [network]), network.descriptor.num_ws // 2
        for edge in (64, 128):
            strips = []
            for seed in (3, 4):
                there = pictures(group, (), ws_of(network, SeedLatent(seed), DRAG_PSI))
                near = pictures(group, (), ws_of(network, SeedLatent(seed, 0.12, 0.16), DRAG_PSI))
                far = pictures(group, (), ws_of(network, SeedLatent(seed + 50), DRAG_PSI))
                colour = exit_colour(index_of(edge), 3, blocks, (), (colours,))
                shown = [there[edge], corrected(there[edge], colour)]
                for start in (near, far):
                    missing = Missing.of(start[edge], to_bgrx(start[max(start)]), colour)
                    shown.append(missing.added_to(corrected(there[edge], colour), there[edge]))
                strips += [enlarged(image, cell) for image in (*shown, there[max(there)])]
            rows.append(np.concatenate(strips, axis=1))
    Image.fromarray(np.concatenate(rows)).save(path)


def enlarged(image: Tensor, cell: int) -> np.ndarray:
    resized = Image.fromarray(to_rgb(image)).resize((cell, cell), Image.Resampling.BILINEAR)
    return np.asarray(resized)


if __name__ == "__main__":
    main()
