"""What was seen last is seen at once at the next start."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from fake_engine import SIZE_PX, paint

import gui.kept_pictures as kept_pictures
from engine.messages import Pixels
from engine.state import EditState, MixSource, ModelRef, StoredLatent, View, with_seed
from gui.kept_pictures import picture_file, picture_key, picture_name, read_picture

BLEND = View.BLEND


def shown(desk: Desk) -> Pixels | None:
    """What the canvas has for the blend."""
    found = desk.studio.canvas._shown.get(BLEND)
    return None if found is None else found.picture.pixels


def is_like(found: Pixels | None, wanted: Pixels) -> bool:
    """The same but for what JPEG makes of it."""
    return found is not None and np.abs(found[8:, 8:].astype(int) - wanted[8:, 8:]).mean() < 6


@pytest.fixture
def again(make_desk: MakeDesk) -> Desk:
    """The second start of a home; the engine has not answered yet."""
    make_desk().studio.close()
    return make_desk(automatic=False)


def test_that_a_start_begins_with_the_picture_that_was_there(again: Desk) -> None:
    canvas = again.studio.canvas
    again.wait_until(lambda: again.engine.requests)
    assert is_like(shown(again), paint(again.state, BLEND))
    assert canvas.progress() is not None  # it is not the finished one
    assert again.studio.status.speed.text() == ""
    assert again.studio.viewer.frame(BLEND) is None


def test_that_only_a_picture_that_is_as_fine_replaces_it(again: Desk) -> None:
    again.wait_until(lambda: again.engine.requests)
    kept = shown(again)
    again.engine.answer(again.engine.requests[-1], size_px=SIZE_PX // 4)
    again.qtbot.wait(20)
    assert shown(again) is kept
    again.engine.answer(again.engine.requests[-1])
    again.wait_until(lambda: again.shown(BLEND))
    assert np.array_equal(shown(again), paint(again.state, BLEND))


def test_that_after_an_edit_any_picture_replaces_it(again: Desk) -> None:
    again.wait_until(lambda: again.engine.requests)
    again.studio.session.edit(with_seed(again.state, 7))
    again.engine.answer(again.engine.requests[-1], size_px=SIZE_PX // 4)
    again.wait_until(lambda: again.studio.viewer.frame(BLEND))
    assert np.array_equal(shown(again), paint(again.state, BLEND, SIZE_PX // 4))


def test_that_a_damaged_picture_is_passed_over(make_desk: MakeDesk, caplog: pytest.LogCaptureFixture) -> None:
    desk = make_desk()
    desk.studio.close()
    folder = desk.studio.places.cache / "pictures"
    files = sorted(folder.iterdir())
    assert len(files) == 3  # A, the blend and B were on screen
    for number, file in enumerate(files):
        file.write_bytes(b"" if number == 0 else file.read_bytes()[:40])
    second = make_desk(automatic=False)
    second.wait_until(lambda: second.engine.requests)
    assert shown(second) is None
    assert second.message() == ""
    assert "damaged" in caplog.text


def test_that_what_cannot_be_kept_is_only_logged(make_desk: MakeDesk, caplog: pytest.LogCaptureFixture) -> None:
    desk = make_desk()
    desk.studio.kept.close()
    folder = desk.studio.places.cache / "pictures"
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    with caplog.at_level(logging.WARNING):
        desk.studio.session.edit(with_seed(desk.state, 9))
        desk.settle()
        desk.studio.kept.close()
    assert "not kept" in caplog.text
    assert desk.message() == ""


def test_that_the_last_picture_of_a_burst_is_kept(desk: Desk) -> None:
    for seed in (5, 6, 7):
        desk.studio.session.edit(with_seed(desk.state, seed))
        desk.settle()
    desk.studio.close()
    file = desk.studio.places.cache / "pictures" / picture_name(picture_key(desk.state), BLEND)
    assert is_like(read_picture(file), paint(desk.state, BLEND))


def test_that_only_the_newest_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_pictures, "KEPT_FILES", 3)
    desk.studio.session.edit(with_seed(desk.state, 5))
    desk.settle()
    desk.studio.close()
    key = picture_key(desk.state)
    kept = sorted(path.name for path in (desk.studio.places.cache / "pictures").iterdir())
    assert kept == sorted(picture_name(key, view) for view in desk.studio.canvas.wanted_views)


def test_that_a_picture_belongs_to_what_is_seen_and_not_to_what_it_is_called() -> None:
    a, b = ModelRef("a" * 64, "one"), ModelRef("b" * 64, "two")
    state = EditState(model_a=a, model_b=b, latent=StoredLatent("c" * 64, "Anna"))
    renamed = replace(state, model_a=replace(a, name="other"), latent=StoredLatent("c" * 64, "Berta"))
    assert picture_key(state) == picture_key(renamed)
    others = (replace(state, model_b=a), replace(state, truncation_psi=0.5), with_seed(state, 1))
    assert len({picture_key(one) for one in (state, *others)}) == 4


def test_that_the_pictures_of_a_portrait_go_with_it(desk: Desk) -> None:
    keys = [desk.studio.store.put_ws(np.full((10, 64), value, np.float32)) for value in (0.25, 0.5)]
    folder = desk.studio.places.cache / "pictures"
    for key, name in zip(keys, ("Ada", "Bob"), strict=True):
        desk.studio.library.add_latent(StoredLatent(key, name), desk.state.model_a)
        desk.studio.collection.refresh()
        desk.studio.session.edit(replace(desk.state, latent=StoredLatent(key, name)))
        desk.settle()
        desk.studio.kept.close()
    seeds = replace(desk.state, latent=EditState().latent, mix=(MixSource(StoredLatent(keys[0]), (1.0,)),))
    desk.studio.session.edit(seeds)
    desk.settle()
    desk.studio.kept.close()

    def of(key: str) -> list[str]:
        return [path.name for path in folder.iterdir() if key[:16] in path.name]

    assert (len(of(keys[0])), len(of(keys[1]))) == (6, 3)
    assert desk.studio.compare is not None  # which watches the shelf
    desk.studio.library.trash_latent(keys[0])
    desk.studio.collection.refresh()
    desk.studio.kept.close()
    assert of(keys[0])  # it may come back
    desk.studio.library.forget_latent(keys[0])
    desk.studio.collection.refresh()
    desk.wait_until(lambda: not of(keys[0]))
    assert len(of(keys[1])) == 3


def test_that_large_pictures_are_kept_small(tmp_path: Path) -> None:
    file = tmp_path / "large.jpg"
    file.write_bytes(picture_file(np.full((1024, 1024, 4), 90, np.uint8)))
    found = read_picture(file)
    assert found is not None
    assert found.shape == (512, 512, 4)
    assert abs(int(found[100, 100, 0]) - 90) <= 1
