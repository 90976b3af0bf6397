"""Checkpoints of pSp, e4e and ReStyle: what is in them is found and kept; what is wrong with them is said."""

from __future__ import annotations

import argparse
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rule_weights import encoder_checkpoint
from torch import Tensor

from engine.checkpoints.convert import open_checkpoint
from engine.checkpoints.encoders import keep_encoder
from engine.checkpoints.layouts import WITH_ENCODER
from engine.checkpoints.reader import read_encoder, read_network
from engine.encoder_file import offer_encoder
from engine.encoder_links import known_encoders, link_encoder, read_links, unlink_encoder
from engine.errors import (
    CorruptModelError,
    EncoderOnlyError,
    EngineError,
    StorageError,
    UnsafeModelError,
    UnsupportedModelError,
)
from engine.published_encoder import CodeSpace, Heads, Trunk, read_published
from engine.state import ModelRef

Checkpoint = dict[str, Any]


@pytest.fixture(scope="module")
def psp() -> Checkpoint:
    return encoder_checkpoint("enc_psp_gradual")


@pytest.fixture(scope="module")
def into_w() -> Checkpoint:
    return encoder_checkpoint("enc_psp_into_w")


def saved(checkpoint: object, *, legacy: bool = False) -> bytes:
    out = io.BytesIO()
    torch.save(checkpoint, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


def parsed(checkpoint: object) -> Any:
    return read_encoder(memoryview(saved(checkpoint)))


def changed(checkpoint: Checkpoint, **options: Any) -> Checkpoint:
    return {**checkpoint, "opts": {**checkpoint["opts"], **options}}


def without_opts(checkpoint: Checkpoint, *names: str) -> Checkpoint:
    return {**checkpoint, "opts": {key: one for key, one in checkpoint["opts"].items() if key not in names}}


def parts(checkpoint: Checkpoint, start: str) -> dict[str, Tensor]:
    return {key: one for key, one in checkpoint["state_dict"].items() if key.startswith(start)}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_both_formats_of_torch_give_network_and_encoder(
    into_w: Checkpoint, tmp_path: Path, legacy: bool
) -> None:
    path = tmp_path / "psp w.pt"
    path.write_bytes(saved(into_w, legacy=legacy))
    network = open_checkpoint(path, cache_dir=tmp_path / "cache")
    assert network.metadata.source.layout == WITH_ENCODER
    assert network.config.num_ws == 10
    kept = keep_encoder(path, tmp_path / "weights", sha256=network.sha256)
    assert kept.path.name == f"published-psp-w-{network.sha256[:12]}.safetensors"
    assert kept.metadata.sizes.words == "pSp, one style for all layers"
    assert kept.metadata.dataset == "ffhq_encode"
    assert kept.path.stat().st_mode & 0o777 & ~0o666 == 0
    header, again = read_published(kept.path)
    assert again == kept.metadata
    assert "latent_avg" in header.tensors
    written = kept.path.stat().st_mtime_ns
    assert keep_encoder(path, tmp_path / "weights").path.stat().st_mtime_ns == written
    assert [one.name for one in (tmp_path / "weights").iterdir()] == [kept.path.name]


def test_that_kinds_are_told_apart(psp: Checkpoint, into_w: Checkpoint) -> None:
    sizes = parsed(psp).sizes
    assert (sizes.trunk, sizes.heads, sizes.deltas, sizes.rows) == (Trunk.IR_SE50, Heads.PYRAMID, False, 10)
    assert (sizes.adds_mean, sizes.mean_rows, sizes.space) == (True, 10, CodeSpace.EITHER)
    e4e = parsed(changed(psp, encoder_type="Encoder4Editing")).sizes
    assert (e4e.deltas, e4e.space, e4e.words) == (True, CodeSpace.W_PLUS, "e4e, 10 styles")
    old = without_opts(changed(psp, progressive_start=20000), "encoder_type")
    assert parsed(old).sizes.name == "e4e"
    assert parsed(changed(into_w, encoder_type="SingleStyleCodeEncoder")).sizes.name == "e4e"
    assert parsed(changed(psp, dataset_type="celebs_sketch_to_face")).sizes.is_drawing
    assert parsed(changed(psp, dataset_type="cars_encode")).sizes.is_car
    (remark,) = parsed(changed(psp, dataset_type="cars_encode")).sizes.remarks
    assert "the car fills its width" in remark
    grey = replaced(psp, "encoder.input_layer.0.weight", torch.zeros(16, 1, 3, 3))
    assert parsed(grey).sizes.remarks == ("Its encoder reads grey pictures.",)
    assert "line drawings" in parsed(changed(grey, dataset_type="celebs_sketch_to_face")).sizes.remarks[0]
    assert parsed(changed(psp, dataset_type="toonify")).sizes.space is CodeSpace.W_PLUS


def test_that_options_may_be_the_namespace_of_a_command_line(psp: Checkpoint) -> None:
    options = argparse.Namespace(**{**psp["opts"], "device": torch.device("cpu")})
    assert parsed({**psp, "opts": options}).sizes == parsed(psp).sizes


@pytest.mark.parametrize(
    ("avg", "rows"),
    [(None, 0), (torch.ones(32), 1), (torch.ones(1, 32), 1), (torch.ones(10, 32), 10), (torch.ones(1, 10, 32), 10)],
)
def test_that_the_mean_latent_may_be_missing_one_row_or_all(psp: Checkpoint, avg: Tensor | None, rows: int) -> None:
    checkpoint = {key: one for key, one in psp.items() if key != "latent_avg"}
    found = parsed(checkpoint if avg is None else {**checkpoint, "latent_avg": avg})
    assert found.sizes.mean_rows == rows
    if rows:
        assert found.tensors["latent_avg"].read().shape == (rows, 32)


def test_that_without_the_option_the_mean_is_added_when_the_file_has_one(psp: Checkpoint) -> None:
    bare = without_opts(psp, "start_from_latent_avg")
    assert parsed(bare).sizes.adds_mean
    assert not parsed({key: one for key, one in bare.items() if key != "latent_avg"}).sizes.adds_mean


@pytest.mark.parametrize("prefix", ["encoder.", "", "module.encoder."])
def test_that_an_encoder_alone_is_called_one(psp: Checkpoint, prefix: str) -> None:
    inner = {prefix + key.removeprefix("encoder."): one for key, one in parts(psp, "encoder.").items()}
    alone = {**psp, "state_dict": inner}
    with pytest.raises(EncoderOnlyError) as caught:
        read_network(memoryview(saved(alone)))
    assert "without the generator" in caught.value.user_message
    assert parsed(alone).sizes.rows == 10


def test_that_the_quarantine_reports_an_encoder_alone(into_w: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "alone.pt"
    path.write_bytes(saved({**into_w, "state_dict": parts(into_w, "encoder.")}))
    with pytest.raises(EncoderOnlyError):
        open_checkpoint(path, cache_dir=tmp_path / "cache")
    assert keep_encoder(path, tmp_path / "weights").metadata.sizes.rows == 1


def test_that_a_generator_alone_is_no_encoder(psp: Checkpoint) -> None:
    decoder = {key.removeprefix("decoder."): one for key, one in parts(psp, "decoder.").items()}
    with pytest.raises(UnsupportedModelError) as caught:
        parsed({"g_ema": decoder})
    assert caught.value.user_message == "The file holds no portrait encoder."


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"input_layer.0.weight": 1, "output_layer.3.weight": 1, "body.0.res_layer.1.weight": 1}, "whose a face is"),
        ({"features.0.weight": 1, "features.28.weight": 1}, "VGG16"),
    ],
)
def test_that_weights_for_judging_are_named_and_told_where_to_go(tensors: dict[str, int], says: str) -> None:
    state = {name: torch.zeros(size) for name, size in tensors.items()}
    with pytest.raises(UnsupportedModelError) as caught:
        read_network(memoryview(saved(state)))
    assert says in caught.value.user_message
    assert "Optional weights" in caught.value.hint


def wrong(name: str, change: Callable[[Checkpoint], object], kind: type[EngineError], says: str) -> Any:
    return pytest.param(change, kind, says, id=name)


def replaced(checkpoint: Checkpoint, key: str, value: Tensor | None) -> Checkpoint:
    state = {name: one for name, one in checkpoint["state_dict"].items() if name != key}
    return {**checkpoint, "state_dict": state if value is None else {**state, key: value}}


WRONG = [
    wrong("a list as opts", lambda c: {**c, "opts": [1]}, CorruptModelError, "opts are a list"),
    wrong("a number as kind", lambda c: changed(c, encoder_type=3), CorruptModelError, "encoder_type is 3"),
    wrong("a word as flag", lambda c: changed(c, start_from_latent_avg="yes"), CorruptModelError, "true or false"),
    wrong("a kind of its own", lambda c: changed(c, encoder_type="Mine"), UnsupportedModelError, "'Mine'"),
    wrong("no kind", lambda c: without_opts(c, "encoder_type"), UnsupportedModelError, "pSp or e4e"),
    wrong("no opts", lambda c: {"state_dict": c["state_dict"]}, UnsupportedModelError, "pSp or e4e"),
    wrong("another kind", lambda c: changed(c, encoder_type="BackboneEncoder"), CorruptModelError, "another kind"),
    wrong("maps of labels", lambda c: changed(c, label_nc=19), UnsupportedModelError, "maps of labels"),
    wrong("four channels", lambda c: replaced(c, "encoder.input_layer.0.weight", torch.zeros(16, 4, 3, 3)),
          UnsupportedModelError, "4 channels"),
    wrong("a block short", lambda c: replaced(c, "encoder.body.9.res_layer.1.weight", None),
          CorruptModelError, "lacks the tensor body.9.res_layer.1.weight"),
    wrong("a wrong shape", lambda c: replaced(c, "encoder.styles.4.linear.weight", torch.zeros(32, 31)),
          CorruptModelError, "styles.4.linear.weight has shape [32, 31]"),
    wrong("a flat start", lambda c: replaced(c, "encoder.input_layer.0.weight", torch.zeros(16)),
          CorruptModelError, "4 sides are due"),
    wrong("a part too many", lambda c: replaced(c, "encoder.vae.weight", torch.zeros(3)),
          CorruptModelError, "vae.weight that it has no place for"),
    wrong("whole numbers", lambda c: replaced(c, "encoder.styles.4.linear.weight", torch.zeros(32, 32).int()),
          UnsupportedModelError, "int32"),
    wrong("a mean of other rows", lambda c: {**c, "latent_avg": torch.zeros(4, 32)}, CorruptModelError, "odd rows"),
    wrong("a mean of other width", lambda c: {**c, "latent_avg": torch.zeros(10, 8)},
          CorruptModelError, "latent_avg"),
    wrong("a word as mean", lambda c: {**c, "latent_avg": "mean"}, CorruptModelError, "not a tensor"),
    wrong("a mean of four sides", lambda c: {**c, "latent_avg": torch.zeros(2, 2, 2, 2)},
          CorruptModelError, "impossible shape"),
    wrong("code in opts", lambda c: changed(c, device=os.system), UnsafeModelError, "program code"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "kind", "says"), WRONG)
def test_that_what_is_wrong_is_named(
    psp: Checkpoint, change: Callable[[Checkpoint], object], kind: type[EngineError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        parsed(change(psp))
    assert says in caught.value.user_message


@pytest.mark.parametrize("cut", [0, 3, 100, 40_000, -1])
def test_that_a_file_cut_short_is_refused_and_leaves_nothing(into_w: Checkpoint, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "short.pt"
    path.write_bytes(saved(into_w)[:cut])
    with pytest.raises(EngineError):
        keep_encoder(path, tmp_path / "weights")
    assert not list((tmp_path / "weights").iterdir())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_that_weights_that_are_no_numbers_are_refused(into_w: Checkpoint, tmp_path: Path, value: float) -> None:
    path = tmp_path / "nan.pt"
    path.write_bytes(saved(replaced(into_w, "encoder.linear.bias", torch.full((32,), value))))
    with pytest.raises(CorruptModelError) as caught:
        keep_encoder(path, tmp_path / "weights")
    assert "not finite numbers" in caught.value.user_message
    assert not list((tmp_path / "weights").iterdir())


def test_that_a_folder_that_cannot_be_made_is_said(into_w: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "psp.pt"
    path.write_bytes(saved(into_w))
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        keep_encoder(path, tmp_path / "file" / "weights")


# --- which model an encoder is used for -----------------------------------------------------------------------------

FFHQ = ModelRef("ab" * 32, "ffhq")
TOON = ModelRef("cd" * 32, "toon")


@pytest.fixture
def kept(into_w: Checkpoint, tmp_path: Path) -> tuple[Path, Path]:
    found = []
    for name, kind in (("first.pt", "BackboneEncoderUsingLastLayerIntoW"), ("second.pt", "SingleStyleCodeEncoder")):
        (tmp_path / name).write_bytes(saved(changed(into_w, encoder_type=kind)))
        found.append(keep_encoder(tmp_path / name, tmp_path / "weights").path)
    return found[0], found[1]


def test_that_the_encoder_linked_last_is_offered_and_others_stay(kept: tuple[Path, Path]) -> None:
    first, second = kept
    folders = [first.parent]
    assert offer_encoder(FFHQ, folders).path is None
    link_encoder(first, FFHQ)
    link_encoder(second, FFHQ)
    link_encoder(first, TOON)
    assert offer_encoder(FFHQ, folders).path == second
    assert offer_encoder(TOON, folders).path == first
    link_encoder(first, FFHQ)
    assert offer_encoder(FFHQ, folders).path == first
    assert len(read_links(first.parent)) == 3
    unlink_encoder(first, FFHQ)
    assert offer_encoder(FFHQ, folders).path == second
    second.unlink()
    assert offer_encoder(FFHQ, folders).path is None
    (known,) = known_encoders(first.parent)
    assert (known.title, known.models) == ("first", (TOON,))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2, "links": []}', '{"format": 1, "links": [{"encoder": 3}]}', "\x00" * 100,
     '{"format": 1, "links": [{"encoder": "../published-x.safetensors", "model": {"sha256": "'
     + "ab" * 32 + '", "name": "x"}}]}'],
)  # fmt: skip
def test_that_a_damaged_list_of_links_is_as_none(kept: tuple[Path, Path], text: str) -> None:
    folder = kept[0].parent
    (folder / "encoders.json").write_text(text)
    assert offer_encoder(FFHQ, [folder]).path is None
    link_encoder(kept[0], FFHQ)
    assert offer_encoder(FFHQ, [folder]).path == kept[0]


def test_that_a_changed_file_is_not_offered(kept: tuple[Path, Path]) -> None:
    path = kept[0]
    link_encoder(path, FFHQ)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    document = json.loads(raw[8 : 8 + length])
    sizes = json.loads(document["__metadata__"]["graft-published-encoder"])
    sizes["sizes"]["widths"] = [16, 20, 24, 48]
    document["__metadata__"]["graft-published-encoder"] = json.dumps(sizes)
    header = json.dumps(document).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + raw[8 + length :])
    with pytest.raises(CorruptModelError):
        read_published(path)
    assert offer_encoder(FFHQ, [path.parent]).path is None
