"""The sample portraits: photos of nobody, and for some of them the latent, already found in an embedded model.

A latent belongs to the weights it was found in, so its file names the model by hash; beside other weights it is
passed over, and the shelf simply has no such portrait.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from engine.errors import LatentError
from engine.latent_file import read_latent_and_model
from engine.latents import LatentStore
from engine.library import Library
from engine.places import resources_folder
from engine.state import ModelRef, StoredLatent


def portraits_folder() -> Path:
    return resources_folder() / "portraits"


def sample_photos(folder: Path | None = None) -> tuple[Path, ...]:
    return tuple(sorted((folder or portraits_folder()).glob("*.jpg")))


def sample_name(stem: str) -> str:
    """What a sample portrait is called, from its file's name; its card has the authors' words."""
    _, _, rest = stem.partition("_")
    sex, _, group = rest.partition("_")
    groups = {"easian": "East Asian", "wasian": "West Asian", "african": "African", "multi": "all groups"}
    return f"{'Woman' if sex == 'f' else 'Man'}, {groups.get(group, group)} (composite)" if group else stem


def short_name(stem: str) -> str:
    """What its latent is called on the shelf, where there is little room."""
    kind, _, rest = stem.partition("_")
    return f"{kind.capitalize()} {'woman' if rest.startswith('f') else 'man'}" if rest else stem


def sample_photo(key: str, store: LatentStore, folder: Path | None = None) -> Path | None:
    """The photo that a sample portrait's latent was found from; None for any other latent.

    Args:
        key: Of the latent in the store.
    """
    for path in sorted((folder or portraits_folder()).glob("*.safetensors")):
        try:
            latent, _ = read_latent_and_model(path, store)
        except LatentError:
            continue
        photo = path.with_suffix(".jpg")
        if latent.key == key and photo.is_file():
            return photo
    return None


def register_sample_portraits(
    library: Library, store: LatentStore, folder: Path | None = None
) -> dict[StoredLatent, ModelRef]:
    """Put the latents that come with Graft on the shelf, unless they were taken off it before.

    Call it after the embedded models are registered.

    Returns:
        Those that fit an embedded model, and which.

    Raises:
        StorageError: the library or the store cannot be written.
    """
    embedded = {record.ref.sha256: record.ref for record in library.models() if record.embedded}
    found: dict[StoredLatent, ModelRef] = {}
    for path in sorted((folder or portraits_folder()).glob("*.safetensors")):
        try:
            latent, model = read_latent_and_model(path, store)
        except LatentError:
            continue
        if model is not None and model.sha256 in embedded:
            found[replace(latent, name=short_name(path.stem))] = embedded[model.sha256]
    library.forget_sample_latents_except([latent.key for latent in found])
    for latent, model in found.items():
        library.add_sample_latent(latent, model)
    return found
