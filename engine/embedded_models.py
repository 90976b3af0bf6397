"""The models that come with Graft: put on the shelf at every start, fast."""

from __future__ import annotations

from pathlib import Path

from engine.checkpoints.safetensors_file import header_bytes, parse_header
from engine.errors import ModelError
from engine.families import describe
from engine.library import Library
from engine.network_metadata import METADATA_KEY, NetworkMetadata
from engine.places import embedded_models_folder
from engine.state import ModelRef


def register_embedded(library: Library, folder: Path | None = None) -> tuple[ModelRef, ...]:
    """Bring the shelf up to date with the generators in a folder; by default, that of Graft's resources.

    Hashes are remembered by size and time of change, so that only new files are read whole. Files that are no
    generators are passed over.

    Raises:
        StorageError: the library cannot be written.
    """
    found: dict[str, tuple[Path, NetworkMetadata]] = {}
    for path in sorted((folder or embedded_models_folder()).glob("*.safetensors")):
        sha256, metadata = library.hash_of(path), _read_metadata(path)
        if sha256 is not None and metadata is not None:
            found[sha256] = (path, metadata)
    library.forget_embedded_except(list(found))  # first: a new version takes over the name of the old one
    return tuple(_register(library, sha256, path, metadata) for sha256, (path, metadata) in found.items())


def _register(library: Library, sha256: str, path: Path, metadata: NetworkMetadata) -> ModelRef:
    known = library.model(sha256)
    if known is not None and known.embedded and known.path == path.absolute():
        return known.ref
    note = {"lineage": list(metadata.lineage), "licence": "CC BY 4.0, see the README beside the file"}
    descriptor = describe(metadata.network, metadata.framing, metadata.lineage)
    return library.add_model(path, sha256, path.stem, descriptor, note=note, embedded=True)


def _read_metadata(path: Path) -> NetworkMetadata | None:
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            header = parse_header(file.read(header_bytes(file.read(8), size)), size)
        return NetworkMetadata.from_json_text(header.metadata[METADATA_KEY])
    except (OSError, ModelError, KeyError):
        return None
