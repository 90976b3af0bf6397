"""PNG files with pixels and a recipe, as Graft exports them, for tests that have no engine."""

from __future__ import annotations

import zlib

from PySide6.QtGui import QColor, QImage

from engine.export.embedded import png_text_chunk
from engine.recipe import ArrayStore, make_recipe, recipe_to_json
from engine.state import EditState, View
from gui.collection import png_bytes

_HEAD = 33  # signature and first chunk


def plain_picture(color: str = "teal", size_px: int = 48) -> QImage:
    image = QImage(size_px, size_px, QImage.Format.Format_RGB32)
    image.fill(QColor(color))
    return image


def picture_with_recipe(state: EditState, store: ArrayStore, image: QImage | None = None) -> bytes:
    """A PNG file's bytes."""
    content = png_bytes(image or plain_picture())
    body = b"iTXt" + png_text_chunk(recipe_to_json(make_recipe(state, View.BLEND, store)))
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return content[:_HEAD] + chunk + content[_HEAD:]
