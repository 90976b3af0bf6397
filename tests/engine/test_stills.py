from __future__ import annotations

import contextlib
import getpass
import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from edit_states import store_with_portrait
from PIL import Image, PngImagePlugin

from engine.errors import EngineError, RecipeError, RecipeFormatError, StorageError
from engine.export import embedded
from engine.export.embedded import PNG_SIGNATURE, png_text_chunk, read_recipe, with_jpeg_recipe, xmp_packet
from engine.export.stills import STILL_SUFFIXES, write_still
from engine.recipe import Recipe, recipe_to_json
from engine.state import EditState, MixSource, ModelRef, StoredLatent, View, with_alpha, with_latent, with_seed

LOSSLESS = (".png", ".tif", ".tiff", ".webp")
STATE = with_alpha(with_seed(EditState(model_a=ModelRef("ab" * 32, "portrait")), 7), 0.125)
IMAGE = np.random.RandomState(0).randint(0, 256, (33, 47, 3), dtype=np.uint8)


def write(path: Path, state: EditState = STATE) -> Path:
    store, _ = store_with_portrait()
    write_still(path, IMAGE, state, View.B, store, "cpu", "float32")
    return path


def heavy_state() -> tuple[EditState, StoredLatent]:
    """A state whose recipe is far too long for one JPEG segment."""
    store, portrait = store_with_portrait()
    heavy = replace(portrait, noise_key=store.put_noise({0: np.random.RandomState(1).randn(256, 256)}))
    return replace(with_latent(STATE, portrait), mix=(MixSource(heavy, (1.0,)),)), heavy


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_the_recipe_comes_back_out_of_every_format(tmp_path: Path, suffix: str) -> None:
    recipe = read_recipe(write(tmp_path / f"still{suffix}"))
    assert recipe.state == STATE
    assert recipe.view is View.B
    assert (recipe.render.device, recipe.render.dtype) == ("cpu", "float32")


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_a_long_recipe_with_portraits_comes_back_too(tmp_path: Path, suffix: str) -> None:
    store, portrait = store_with_portrait()
    heavy = replace(portrait, noise_key=store.put_noise({0: np.random.RandomState(1).randn(256, 256)}))
    state = replace(with_latent(STATE, portrait), mix=(MixSource(heavy, (1.0,)),))
    path = tmp_path / f"still{suffix}"
    write_still(path, IMAGE, state, View.BLEND, store, "cpu", "float32")
    assert heavy.noise_key is not None
    assert read_recipe(path).arrays[heavy.noise_key] == store.export_bytes(heavy.noise_key)


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_that_lossless_formats_keep_every_pixel(tmp_path: Path, suffix: str) -> None:
    with Image.open(write(tmp_path / f"still{suffix}")) as picture:
        assert np.array_equal(np.asarray(picture), IMAGE)


def test_that_jpeg_is_of_quality_95_with_full_colour(tmp_path: Path) -> None:
    with Image.open(write(tmp_path / "still.jpg")) as picture:
        assert all(layer[1:3] == (1, 1) for layer in picture.layer)  # type: ignore[attr-defined]
        best = io.BytesIO()
        picture.save(best, "JPEG", quality=95, subsampling=0)
        with Image.open(io.BytesIO(best.getvalue())) as again:
            assert again.quantization == picture.quantization  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_a_still_is_marked_as_srgb(tmp_path: Path, suffix: str) -> None:
    with Image.open(write(tmp_path / f"still{suffix}")) as picture:
        assert "srgb" in picture.info or "sRGB".encode("utf-16-be") in picture.info["icc_profile"]


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_nothing_private_is_in_a_still(tmp_path: Path, suffix: str) -> None:
    store, portrait = store_with_portrait()
    model = ModelRef("ab" * 32, f"{Path.home()}/toon.pkl")
    state = with_latent(replace(STATE, model_a=model), replace(portrait, name=f"{tmp_path}/Aunt Agatha.jpg"))
    path = tmp_path / f"still{suffix}"
    write_still(path, IMAGE, state, View.BLEND, store, "cpu", "float32")
    data = path.read_bytes() + recipe_to_json(read_recipe(path)).encode()
    user = f"/{getpass.getuser()}/".encode()
    for private in (str(tmp_path).encode(), b"/home/", b"Agatha", b"Exif", b"GPS", user):
        assert private not in data
    with Image.open(path) as picture:
        described = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 34675, 700}  # TIFF's own layout, ICC, XMP
        assert set(picture.getexif()) <= (described if suffix.startswith(".tif") else set())


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_the_same_still_twice_is_the_same_file(tmp_path: Path, suffix: str) -> None:
    assert write(tmp_path / f"a{suffix}").read_bytes() == write(tmp_path / f"b{suffix}").read_bytes()


def test_that_an_unknown_kind_of_picture_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"“\.bmp”"):
        write(tmp_path / "still.bmp")
    assert not list(tmp_path.iterdir())


def test_that_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    png = write(tmp_path / "still.png")
    renamed = png.rename(tmp_path / "still.jpg")
    assert read_recipe(renamed).state == STATE
    plain = tmp_path / "recipe.txt"
    plain.write_text("\ufeff \n" + recipe_to_json(Recipe(STATE)), encoding="utf-8")
    assert read_recipe(plain).state == STATE


def test_that_a_recipe_survives_a_tool_that_writes_xmp_its_own_way(tmp_path: Path) -> None:
    packet = xmp_packet(recipe_to_json(Recipe(STATE)))
    content = packet.split(b"<graft:recipe>")[1].split(b"</")[0]
    rewritten = b'<rdf:Description graft:recipe="' + content + b'" dc:title="x"/>'
    Image.fromarray(IMAGE).save(tmp_path / "f.webp", xmp=rewritten)
    assert read_recipe(tmp_path / "f.webp").state == STATE


@pytest.mark.parametrize("suffix", STILL_SUFFIXES)
def test_that_a_picture_without_a_recipe_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"holiday{suffix}"
    Image.fromarray(IMAGE).save(path)
    with pytest.raises(RecipeFormatError, match="holds no Graft recipe") as caught:
        read_recipe(path)
    assert "holiday" in caught.value.user_message


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


RECIPE = recipe_to_json(Recipe(STATE))
BOMB = b"graft-recipe\0\1\0\0\0" + zlib.compress(b" " * (3 << 20))
JPEG_START = b"\xff\xd8\xff\xe0\x00\x04ab"


@pytest.mark.parametrize(
    "data",
    [
        PNG_SIGNATURE,
        PNG_SIGNATURE + struct.pack(">I", 0xFFFFFFFF) + b"iTXt",
        PNG_SIGNATURE + chunk(b"iTXt", b"graft-recipe"),
        PNG_SIGNATURE + chunk(b"iTXt", b"graft-recipe\0\1\0\0\0junk"),
        PNG_SIGNATURE + chunk(b"iTXt", BOMB),
        PNG_SIGNATURE + chunk(b"iTXt", b"graft-recipe\0\1\0\0\0" + zlib.compress(RECIPE.encode())[:-9]),
        PNG_SIGNATURE + chunk(b"iTXt", png_text_chunk(RECIPE))[:-4] + b"\0\0\0\0",
        PNG_SIGNATURE + chunk(b"abcd", b"") * 200,
        b"\xff\xd8\xff",
        JPEG_START + b"\xff",
        JPEG_START + b"\xff" * 50,
        JPEG_START + b"\xff\xe1\x00\x00",
        JPEG_START + b"\xff\xe1\xff\xffhttp://ns.adobe.com/xmp/extension/\0",
        JPEG_START + b"\xff\xda\x00\x02",
        with_jpeg_recipe(JPEG_START + b"\xff\xda\x00\x02", RECIPE)[:-50],
        b"RIFF\xff\xff\xff\xffWEBP",
        b"RIFF\xff\xff\xff\xffWEBPXMP \xff\xff\xff\xff",
        b"RIFF\x20\x00\x00\x00WEBPXMP \x20\x00\x00\x00<graft:recipe>AAAA</graft:recip",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\x00\x00\x00\xff\xff",
        b"MM\0*\x00\x00\x00\x08\x00\x01" + struct.pack(">HHII", 700, 1, 0xFFFFFFFF, 0),
        b"",
        b"{",
        b"\x80\x04.",
        b"GIF89a",
    ],
)
def test_that_damaged_and_hostile_files_are_refused_in_words(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "MAX_RECIPE_BYTES", 2 << 20)
    path = tmp_path / "hostile.png"
    path.write_bytes(data)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert caught.value.user_message.endswith(".")


def test_that_long_jpeg_recipes_with_a_missing_piece_are_refused(tmp_path: Path) -> None:
    state, heavy = heavy_state()
    store, _ = store_with_portrait()
    store.put_noise({0: np.random.RandomState(1).randn(256, 256)})
    path = tmp_path / "still.jpg"
    write_still(path, IMAGE, state, View.BLEND, store, "cpu", "float32")
    data = path.read_bytes()
    start = data.index(b"http://ns.adobe.com/xmp/extension/") - 4
    (size,) = struct.unpack(">H", data[start + 2 : start + 4])
    path.write_bytes(data[:start] + data[start + 2 + size :])
    with pytest.raises(RecipeFormatError, match="damaged"):
        read_recipe(path)
    assert heavy.noise_key


def test_that_folders_pipes_and_missing_files_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "gone.png", Path("/dev/zero")):
        with pytest.raises(EngineError):
            read_recipe(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
def test_that_any_flipped_byte_gives_a_recipe_or_words(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"still{suffix}")
    data = path.read_bytes()
    draw = np.random.RandomState(3)
    for _ in range(150):
        damaged = bytearray(data)
        damaged[draw.randint(len(data))] ^= 1 << draw.randint(8)
        path.write_bytes(damaged[: draw.randint(1, len(data) + 1)] if draw.randint(3) == 0 else damaged)
        with contextlib.suppress(RecipeError):
            assert isinstance(read_recipe(path), Recipe)


def test_that_pillow_reads_our_text_chunk_as_text(tmp_path: Path) -> None:
    with Image.open(write(tmp_path / "still.png")) as picture:
        assert isinstance(picture, PngImagePlugin.PngImageFile)
        assert picture.text["graft-recipe"].startswith('{"graft_recipe":1,')
