"""What a file is, by its first bytes and never by its name; and a plain sentence for what is no network."""

from __future__ import annotations

from enum import StrEnum

from engine.checkpoints.torch_streams import is_legacy_stream
from engine.errors import CorruptModelError, ModelError, UnsafeModelError, UnsupportedModelError

HEAD_BYTES = 4096


class FileKind(StrEnum):
    """The containers that a network can come in."""

    PICKLE = "pickle"
    LEGACY_TORCH = "legacy torch"
    TORCH_ZIP = "torch zip"
    SAFETENSORS = "safetensors"


_PICTURES = {
    b"\x89PNG": "PNG picture",
    b"\xff\xd8\xff": "JPEG picture",
    b"GIF8": "GIF picture",
    b"BM": "BMP picture",
    b"II*\x00": "TIFF picture",
    b"MM\x00*": "TIFF picture",
    b"8BPS": "Photoshop document",
}
_ARCHIVES = {
    b"\x1f\x8b": "gzip archive",
    b"BZh": "bzip2 archive",
    b"\xfd7zXZ": "xz archive",
    b"7z\xbc\xaf": "7-Zip archive",
    b"Rar!": "RAR archive",
    b"(\xb5/\xfd": "Zstandard archive",
}
_OTHERS = {
    b"%PDF": "a PDF document",
    b"\x89HDF": "an HDF5 file (Keras or Matlab)",
    b"GGUF": "a GGUF language model",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\xcf\xfa\xed\xfe": "a program",
    b"SQLite format 3": "a database",
    b"OggS": "a sound or video file",
    b"\x1aE\xdf\xa3": "a video file",
    b"#!": "a script",
    b"MATLAB": "a Matlab file",
}
_PICTURE_HINT = "Open pictures as portraits."
_TEXT_HINT = "Drop the model file itself: .pkl, .pt, .pth or .safetensors."


def sniff(head: bytes, size: int) -> FileKind:
    """Recognise a container.

    Args:
        head: The first `HEAD_BYTES` of the file, or all of it.
        size: The file's length.

    Raises:
        ModelError: it is something else; the message says what, where that can be known.
    """
    if not size:
        raise CorruptModelError("The file is empty.", "Download or copy it again.")
    if head[:4] == b"PK\x03\x04":
        if what := _other_zip(head):
            raise UnsupportedModelError(f"The file is a {what}, not a network.", _TEXT_HINT)
        return FileKind.TORCH_ZIP
    if is_legacy_stream(memoryview(head)):
        return FileKind.LEGACY_TORCH
    if _is_safetensors(head):
        return FileKind.SAFETENSORS
    if head[:1] == b"\x80":
        return FileKind.PICKLE
    if error := _known(head, size):
        raise error
    if head[:1] in (b"(", b"c", b"]", b"}"):
        return FileKind.PICKLE  # without a protocol mark; read only to say what it asks for
    raise UnsupportedModelError("The file is no kind of model that Graft knows.", _TEXT_HINT)


def _other_zip(head: bytes) -> str:
    """What a zip archive is by the name of its first member; empty when it may be a torch file."""
    length = int.from_bytes(head[26:28], "little")
    first = head[30 : 30 + length]
    if first.endswith(b".npy"):
        return "numpy archive (.npz)"
    if first.startswith((b"[Content_Types]", b"mimetype", b"META-INF/", b"AndroidManifest")):
        return "document or program in a zip archive"
    return ""


def _is_safetensors(head: bytes) -> bool:
    """A length that fits 32 bits, though perhaps not the file (it may be cut short), and a brace."""
    return head[8:9] == b"{" and head[4:8] == bytes(4)


def _known(head: bytes, size: int) -> ModelError | None:
    return _known_text(head, size) or _known_binary(head, size)


def _known_text(head: bytes, size: int) -> ModelError | None:
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head")) or b"<html" in text[:300]:
        return UnsupportedModelError(
            "The file is a web page, not a model: the download gave a page instead of the file.",
            "Open the link in a browser; many hosts ask for a confirmation first.",
        )
    if text.startswith(b"version https://git-lfs"):
        return UnsupportedModelError(
            "The file is a git-lfs pointer: a note of where the model is, not the model.",
            "Run `git lfs pull`, or download the file itself.",
        )
    if text.startswith(b"<") and b"\0" not in text:
        return UnsupportedModelError("The file is an XML document, not a model.", _TEXT_HINT)
    if text[:1] in (b"{", b"["):
        return UnsupportedModelError("The file is a JSON text, not a model.", _TEXT_HINT)
    return None


def _known_binary(head: bytes, size: int) -> ModelError | None:
    for magic, what in _PICTURES.items():
        if head.startswith(magic):
            return UnsupportedModelError(f"The file is a {what}, not a model.", _PICTURE_HINT)
    if head[:4] == b"RIFF" or head[4:8] == b"ftyp":
        return UnsupportedModelError("The file is a picture or a video, not a model.", _PICTURE_HINT)
    if head.startswith(b"\x93NUMPY"):
        return UnsupportedModelError("The file is a numpy array, not a network.", "Open it as a latent instead.")
    if head[257:262] == b"ustar":
        return UnsupportedModelError("The file is a tar archive, as torch 0.1 wrote; its format is not safe to read.")
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            return UnsupportedModelError(f"The file is a {what}.", "Unpack it and open what is inside.")
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            return UnsupportedModelError(f"The file is {what}, not a StyleGAN network.", _TEXT_HINT)
    if head[:4] in (b"PK\x05\x06", b"PK\x07\x08"):
        return UnsafeModelError("The file is an empty or split zip archive, not a model.")
    if head[:1] == b"\x08" and any(name in head[:200] for name in (b"pytorch", b"onnx", b"tf2onnx", b"keras")):
        return UnsupportedModelError("The file is an ONNX model; Graft needs the weights it was made from.")
    if not any(head):
        return CorruptModelError(f"The file holds only zeros, as a download that broke off ({size:,} bytes).")
    return None
