"""Make the samples that come with Graft: the looks, the latent of one sample portrait, the first pictures.

    python tests/app/samples.py looks                   write resources/looks for the models in resources/models
    python tests/app/samples.py portrait [NAME] [SPACE] [STEPS]
                                                        find resources/portraits/NAME.jpg in the model “portrait”
    python tests/app/samples.py pictures                draw resources/first-pictures, which the first start shows
    python tests/app/samples.py sheet FILE [SEEDS]      draw the portrait and seeds under every look, to be looked at

Run the first three, in this order, whenever the embedded models change, and look at the last.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.cli_values import parse_seeds  # noqa: E402
from engine.device import prepare_process  # noqa: E402
from engine.export.sheets import compose_sheet, write_sheet  # noqa: E402
from engine.headless import Headless, open_headless  # noqa: E402
from engine.imaging import rgb_to_bgrx  # noqa: E402
from engine.latent_file import write_latent  # noqa: E402
from engine.look import Look, apply_look, with_known_models  # noqa: E402
from engine.look_file import LOOK_SUFFIX, looks_folder, sample_looks, write_look  # noqa: E402
from engine.messages import (  # noqa: E402
    InvertPortrait,
    LatentSpaceChoice,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
)
from engine.places import Places, embedded_models_folder  # noqa: E402
from engine.sample_portraits import portraits_folder, register_sample_portraits, sample_photos  # noqa: E402
from engine.state import Blend, EditState, ModelRef, Noise, NoiseMode, Side, Source, View, with_seed  # noqa: E402
from gui.collection import Collection  # noqa: E402
from gui.first_look import first_state  # noqa: E402
from gui.kept_pictures import first_pictures_folder, picture_file, picture_key, picture_name  # noqa: E402

PORTRAIT = "composite_f_multi"
STEPS = 1000
SHEET_SEEDS = "2133,88,2138,2147"
UNKNOWN = "0" * 64
"""The hash of a model that is not here yet: it is found by its name when it comes."""

RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256)


def by_resolution(*shares: float) -> tuple[float, ...]:
    """An alpha curve from one share of B per resolution, from 4 px up."""
    assert len(shares) == len(RESOLUTIONS)
    return tuple(share for share in shares for _ in range(2))


TOON = Blend(swap_resolution=32, level=1, width=0.6, low=Side.B)
"""The window's preset. Where there is a curve, it counts; the first turn of the swap slider goes on from the step."""

# In the order of the shelf. The window opens on the first.
LOOKS: dict[str, tuple[str, str, str, Blend, Noise]] = {
    "00-storybook": ("Storybook", "portrait", "toon", replace(TOON, swap_resolution=64), Noise()),
    "01-toonify": ("Toonify", "portrait", "toon", TOON, Noise()),
    "02-half-toon": (
        "Half toon", "portrait", "toon", replace(TOON, curve=(1.0,) * 14, alpha=0.5), Noise(),
    ),
    "03-big-eyes": (
        "Big eyes", "portrait", "toon",
        replace(TOON, curve=by_resolution(0.0, 0.2, 0.8, 1.0, 0.1, 0.0, 0.0)), Noise(),
    ),
    "04-cel-shaded": (
        "Cel shaded", "portrait", "toon",
        Blend(swap_resolution=8, level=1, width=0.8, low=Side.A), Noise(strength=0.5),
    ),
    "05-toon-and-a-half": (
        "Toon and a half", "portrait", "toon",
        replace(TOON, curve=by_resolution(1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.9), alpha=1.35), Noise(),
    ),
    "06-ink-over-photo": (
        "Ink over photo", "portrait", "pencil",
        Blend(curve=by_resolution(0.0, 0.0, 0.1, 0.35, 0.7, 0.9, 1.0), torgb=Source.A), Noise(),
    ),
    "07-pencil-study": (
        "Pencil study", "portrait", "pencil",
        Blend(swap_resolution=8, level=1, width=0.6, low=Side.A), Noise(),
    ),
    "08-woodcut-eyes": (
        "Woodcut eyes", "portrait", "woodblock",
        Blend(curve=by_resolution(0.0, 0.4, 1.0, 0.8, 0.2, 0.0, 0.0)), Noise(),
    ),
    "09-woodblock-print": (
        "Woodblock print", "portrait", "woodblock",
        Blend(swap_resolution=8, level=1, width=0.8, low=Side.A), Noise(mode=NoiseMode.CONST, strength=0.6),
    ),
    "10-comic-strip": (
        "Comic strip", "toon", "pencil",
        Blend(curve=by_resolution(0.0, 0.0, 0.1, 0.3, 0.6, 0.8, 0.8), torgb=Source.A), Noise(strength=0.5),
    ),
}


@contextlib.contextmanager
def engine() -> Iterator[Headless]:
    """An engine over the embedded models alone, in a home of its own."""
    with tempfile.TemporaryDirectory(prefix="graft-") as home:
        root = Path(home)
        with open_headless("cpu", places=Places(root / "config", root / "data", root / "cache")) as found:
            yield found


def embedded(found: Headless) -> dict[str, ModelRef]:
    return {record.ref.name: record.ref for record in found.library.models() if record.embedded}


def make_looks() -> None:
    """Write every look, with the hashes of the models that are here."""
    with engine() as found:
        here = embedded(found)
    folder = looks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"*{LOOK_SUFFIX}"):
        old.unlink()
    for stem, (name, a, b, blend, noise) in LOOKS.items():
        refs = [here.get(model, ModelRef(UNKNOWN, model)) for model in (a, b)]
        look = Look(name, *refs, embedded=frozenset((a, b)), blend=blend, noise=noise)
        write_look(folder / f"{stem}{LOOK_SUFFIX}", look)
        missing = [model for model in (a, b) if model not in here]
        print(f"{stem}: {name}, {a} x {b}{', without ' + ' and '.join(missing) if missing else ''}")


def make_portrait(name: str = PORTRAIT, space: str = "w+", steps: str = str(STEPS)) -> None:
    """Find a sample portrait in the embedded model, and put its latent beside it: that of no other stays."""
    photo = portraits_folder() / f"{name}.jpg"
    with engine() as found:
        model = embedded(found)["portrait"]
        opened = found.run(OpenPortrait(photo))
        assert isinstance(opened, PortraitOpened)
        job = InvertPortrait(
            photo, opened.faces[0], model, name,
            space=LatentSpaceChoice(space), steps=int(steps), optimise_noise=False,
        )
        result = found.run(job)
        assert isinstance(result, PortraitInverted)
        for old in portraits_folder().glob("*.safetensors"):
            old.unlink()
        target = photo.with_suffix(".safetensors")
        write_latent(target, result.latent, model, found.store)
        print(
            f"{target.name}: {target.stat().st_size:,} bytes, found in {embedded_models_folder().name}/{model.name}"
            f" ({model.sha256[:12]}), {result.elapsed_s:.0f} s. {result.likeness.sentence}"
        )


def draw_pictures() -> None:
    """Draw what the window opens on, by the exact networks."""
    with engine() as found:
        portraits = register_sample_portraits(found.library, found.store)
        collection = Collection(found.library)
        collection.bring_looks(sample_looks())
        state = first_state(collection, portraits)
        views = (View.A, View.BLEND, View.B)
        pictures = {view: picture_file(rgb_to_bgrx(found.render(state, view))) for view in views}
    folder = first_pictures_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    for view, content in pictures.items():
        target = folder / picture_name(picture_key(state), view)
        target.write_bytes(content)
        print(f"{target.name}: {len(content):,} bytes")


def draw_sheet(path: Path, seeds: str) -> None:
    """Faces down, looks across; looks without their models are left out."""
    with engine() as found:
        here = embedded(found)
        known = {ref.sha256: ref for ref in here.values()}
        looks = [with_known_models(look, known, here) for look in sample_looks().values()]
        looks = [look for look in looks if all(ref.sha256 in known for ref in look.models)]
        bare = EditState(model_a=here["portrait"], model_b=here["toon"])
        faces = {
            latent.name: EditState(model_a=model, model_b=here["toon"], latent=latent, truncation_psi=1.0)
            for latent, model in register_sample_portraits(found.library, found.store).items()
        }
        faces |= {f"seed {seed}": with_seed(bare, seed) for seed in parse_seeds(seeds)}
        images = [
            [found.render(face, View.A), *(found.render(apply_look(look, face)) for look in looks)]
            for face in faces.values()
        ]
        heads = ["portrait", *(look.name for look in looks)]
        sheet = compose_sheet(images, heads, list(faces), title="The looks that come with Graft", cell_px=192)
        write_sheet(path, sheet)


def main(arguments: list[str]) -> None:
    prepare_process()
    match arguments:
        case ["looks"]:
            make_looks()
        case ["portrait", *names] if len(names) <= 3:
            make_portrait(*names)
        case ["pictures"]:
            draw_pictures()
        case ["sheet", path, *seeds]:
            draw_sheet(Path(path), seeds[0] if seeds else SHEET_SEEDS)
        case _:
            photos = ", ".join(photo.stem for photo in sample_photos())
            raise SystemExit(f"{__doc__}\nPortraits: {photos}")


if __name__ == "__main__":
    main(sys.argv[1:])
