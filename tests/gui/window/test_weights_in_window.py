"""Published encoders and optional weights: what the window says of them, and the window that lists them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from desk import Desk
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QToolButton
from safetensors.numpy import save_file
from test_every_control import what_is_missing

from engine.encoder_events import EncoderKept
from engine.encoder_links import link_encoder, published_for
from engine.messages import JobOutcome, LoadModel, ModelLoaded
from engine.published_encoder import METADATA_KEY, Heads, PublishedMetadata, PublishedSizes, Trunk, expected_shapes
from gui import weights_flow
from gui.weights_window import NO_ENCODERS, WeightsWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (propagateSizeHints|raise)")

SIZES = PublishedSizes(Trunk.IR_SE50, Heads.LAST, True, 6, (2, 2, 2, 64), 10, True, 1)


def folder_of(desk: Desk) -> Path:
    folder = desk.studio.places.weights_folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def keep(desk: Desk, name: str, sha: str = "e") -> Path:
    """An encoder as it lies in the weights folder, all zeros."""
    path = folder_of(desk) / f"published-{name}-{sha * 12}.safetensors"
    tensors = {key: np.zeros(shape, np.float32) for key, shape in expected_shapes(SIZES).items()}
    save_file(tensors, path, {METADATA_KEY: PublishedMetadata(SIZES, sha * 64).to_json_text()})
    return path


def opened(desk: Desk) -> WeightsWindow:
    desk.studio.window.actions_["weights"].trigger()
    desk.studio.weights.wait()
    return desk.studio.weights.window


def texts(window: WeightsWindow) -> str:
    return "\n".join(label.text() for label in window.findChildren(QLabel))


def dropped(desk: Desk, name: str, result: ModelLoaded | EncoderKept) -> None:
    desk.engine.manual_jobs = (LoadModel,)
    path = desk.folder / name
    path.write_bytes(b"PK\x03\x04 a checkpoint")
    desk.drop(path)
    desk.wait_until(lambda: any(isinstance(job, LoadModel) for job in desk.engine.jobs.values()))
    desk.engine.finish(desk.engine.job_id(LoadModel), JobOutcome.DONE, result)


def test_that_the_window_says_what_weights_there_may_be_and_where_they_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "weights" not in desk.studio.__dict__
    window = opened(desk)
    shown = texts(window)
    for words in ("VGG16", "ArcFace IR-SE50", "model_ir_se50.pth", "YuNet", "not found", NO_ENCODERS):
        assert words in shown
    assert not what_is_missing(window)
    asked: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()))
    window.folder.click()
    assert asked == [str(desk.studio.places.weights_folder)]
    (folder_of(desk) / "face_detection_yunet_2023mar.onnx").write_bytes(b"onnx")
    (folder_of(desk) / "model_ir_se50.pth").write_bytes(b"\x80\x02 cut short")
    window.again.click()
    desk.studio.weights.wait()
    states = {label.accessibleName() for label in window.findChildren(QLabel)}
    assert "YuNet: found" in states
    assert "ArcFace IR-SE50: cannot be used" in states
    assert "model_ir_se50.pth. " in texts(window)


def test_that_an_encoder_is_given_to_a_model_and_taken_away_by_hand(desk: Desk) -> None:
    path = keep(desk, "e4e_ffhq")
    portrait = desk.models["portrait"]
    desk.studio.portraits.open(desk.folder / "me.jpg")
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    bar = desk.studio.window.parts.invert_bar
    assert not bar.begin.isVisible()
    window = opened(desk)
    assert "e4e_ffhq: ReStyle (e4e), 10 styles" in texts(window)
    assert "Waits for its model" in texts(window)
    (button,) = window.findChildren(QToolButton)
    (action,) = (one for one in button.menu().actions() if one.text() == "portrait")
    action.trigger()
    desk.studio.weights.wait()
    assert published_for(portrait, path.parent) == path
    assert bar.begin.isVisible()
    assert "“e4e_ffhq”" in bar.begin._segments[0].tooltip
    assert desk.message() == "Searches in “portrait” begin with “e4e_ffhq” now."
    assert "Used for “portrait”." in texts(window)
    assert not what_is_missing(window)
    (button,) = window.findChildren(QToolButton)
    (action,) = (one for one in button.menu().actions() if one.isChecked())
    action.trigger()
    desk.studio.weights.wait()
    assert published_for(portrait, path.parent) is None
    assert not bar.begin.isVisible()


@pytest.mark.parametrize("works", [True, False])
def test_that_an_encoders_file_goes_to_the_trash(desk: Desk, monkeypatch: pytest.MonkeyPatch, works: bool) -> None:
    path = keep(desk, "psp")
    link_encoder(path, desk.models["portrait"])

    def trash(file: Path) -> bool:
        if works:
            file.unlink()
        return works

    monkeypatch.setattr(weights_flow, "move_to_trash", trash)
    window = opened(desk)
    (button,) = window.findChildren(QToolButton)
    button.menu().actions()[-1].trigger()
    desk.studio.weights.wait()
    assert path.exists() is not works
    assert desk.message().startswith("The encoder “psp” is in the trash" if works else "“psp” could not be moved")
    assert (NO_ENCODERS in texts(window)) is works


def test_that_the_encoder_taken_last_is_the_one_that_is_used(desk: Desk) -> None:
    first, second = keep(desk, "psp", "1"), keep(desk, "restyle", "2")
    for path in (first, second):
        link_encoder(path, desk.models["portrait"])
    shown = texts(opened(desk))
    assert "Not used now: “portrait” begins with another one." in shown
    assert shown.count("Used for “portrait”.") == 1


def test_that_a_dropped_checkpoint_says_what_came_with_it(desk: Desk) -> None:
    record = desk.studio.collection.model(desk.models["toon"].sha256)
    assert record is not None
    dropped(desk, "psp.pt", ModelLoaded(record.ref, record.descriptor, (), "pSp, 10 styles"))
    desk.wait_until(lambda: desk.message() == "Added “toon”, with its encoder (pSp, 10 styles).")
    dropped(desk, "e4e.pt", ModelLoaded(record.ref, record.descriptor, (), "e4e, 10 styles", is_twin=True))
    said = "The model in it is “toon”, which is here already; its encoder (e4e, 10 styles) is used now."
    desk.wait_until(lambda: desk.message() == said)


def test_that_an_encoder_alone_asks_which_model_is_its_own(desk: Desk) -> None:
    path = keep(desk, "alone")
    dropped(desk, "alone.pt", EncoderKept(path, "alone", SIZES, None))
    said = "“alone” is a portrait encoder (ReStyle (e4e), 10 styles) without its generator."
    desk.wait_until(lambda: desk.message() == said)
    desk.studio.messages.bar._trigger()  # "Choose its model…"
    desk.studio.weights.wait()
    window = desk.studio.weights.window
    assert window.isVisible()
    window.resize(640, 300)
    bar = window.area.verticalScrollBar()
    desk.wait_until(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    dropped(desk, "alone.pt", EncoderKept(path, "alone", SIZES, desk.models["toon"]))
    desk.wait_until(lambda: desk.message().endswith("is used for “toon” now."))
