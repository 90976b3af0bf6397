"""The main job, by hand, with the real engine: see, drag, export, come back, bring in a portrait."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from window import Graft

from engine.places import resources_folder
from engine.state import StoredLatent, View, with_alpha, with_noise, with_seed
from gui.pixels import from_qimage as to_pixels
from gui.widgets.error_bar import ErrorBar

PORTRAIT = resources_folder() / "portraits" / "composite_m_multi.jpg"
OpenGraft = Callable[[str], Graft]


def test_that_a_fresh_install_opens_with_three_pictures_of_one_latent(graft: Graft) -> None:
    pictures = [graft.picture(view) for view in (View.A, View.BLEND, View.B)]
    assert graft.state.model_a is not None
    assert graft.state.model_b is not None
    for picture in pictures:
        assert picture[..., :3].std() > 10  # something is in it
    assert (pictures[0] != pictures[1]).any()
    assert (pictures[1] != pictures[2]).any()
    assert graft.message() == ""


def test_that_dragging_alpha_changes_the_blend_and_undo_brings_it_back(graft: Graft) -> None:
    first, a = graft.picture(), graft.picture(View.A)
    graft.drag(graft.studio.window.parts.controls.blend.alpha, [0.6, 0.4, 0.2, 0.0])
    assert graft.state.blend.alpha == 0.0
    np.testing.assert_array_equal(graft.picture(), a)  # alpha 0 is model A
    graft.studio.window.actions_["undo"].trigger()
    np.testing.assert_array_equal(graft.picture(), first)


def test_that_every_kind_of_edit_reaches_the_picture(graft: Graft) -> None:
    seen = {graft.picture().tobytes()}
    controls, session = graft.studio.window.parts.controls, graft.studio.session
    edits: list[Callable[[], object]] = [
        lambda: graft.drag(controls.blend.swap_resolution, [8]),
        lambda: graft.drag(controls.latent.psi, [1.2]),
        lambda: session.edit(with_seed(session.state, 5)),
        lambda: controls.latent.pad.moved.emit(0.5, 0.5),
        controls.mix.add_seed,
        lambda: session.edit(with_noise(session.state, strength=0.0)),
        lambda: controls.blend.swap_models(),
    ]
    for edit in edits:
        edit()
        seen.add(graft.picture().tobytes())
    assert len(seen) == len(edits) + 1


def test_that_an_exported_still_dropped_elsewhere_is_the_same_state_and_pixels(
    open_home: OpenGraft, tmp_path: Path
) -> None:
    graft = open_home("one")
    session = graft.studio.session
    session.edit(with_alpha(with_seed(session.state, 4711), 0.65))
    graft.studio.window.parts.controls.mix.add_seed()
    pixels = graft.export(tmp_path / "still.png")
    other = open_home("two")
    other.drop(tmp_path / "still.png")
    assert other.state == graft.state
    np.testing.assert_array_equal(other.picture(), graft.picture())
    np.testing.assert_array_equal(other.export(tmp_path / "again.png"), pixels)


def test_that_a_portrait_is_found_and_can_be_blended_and_exported(
    open_home: OpenGraft, tmp_path: Path
) -> None:
    graft = open_home("one")
    studio, bar = graft.studio, graft.studio.window.parts.invert_bar
    before = graft.state.latent
    graft.drop(PORTRAIT)
    wall = studio.styles.page.wall
    graft.wait_until(lambda: studio.styles.is_open and wall.tiles and all(tile.picture for tile in wall.tiles))
    studio.styles.page.adjust.click()
    graft.wait_until(lambda: studio.canvas.is_aligning)
    bar.steps.set_value(4)
    bar.start.click()
    graft.wait_until(lambda: graft.state.latent != before)
    assert isinstance(graft.state.latent, StoredLatent)
    assert graft.state.truncation_psi == 1.0
    assert graft.picture(View.A)[..., :3].std() > 10
    names = [item.name for item in studio.window.parts.shelf.portraits.items]
    assert names[0] == "composite_m_multi"  # the newest; behind it is the sample
    pixels = graft.export(tmp_path / "me.png")
    assert b"composite_m_multi" not in (tmp_path / "me.png").read_bytes()
    other = open_home("two")
    other.drop(tmp_path / "me.png")
    np.testing.assert_array_equal(other.export(tmp_path / "again.png"), pixels)
    graft.studio.window.actions_["undo"].trigger()
    assert graft.state.latent == before


def test_that_a_dropped_photo_hangs_in_every_style_and_one_is_taken_in_one_step(open_home: OpenGraft) -> None:
    graft = open_home("home")
    studio, before = graft.studio, graft.state
    graft.drop(PORTRAIT)
    wall = studio.styles.page.wall
    graft.wait_until(lambda: studio.styles.is_open and wall.tiles and all(tile.picture for tile in wall.tiles))
    seen = [np.asarray(to_pixels(tile.picture)) for tile in wall.tiles if tile.picture is not None]
    assert len(seen) >= 8
    assert len({picture.tobytes() for picture in seen}) == len(seen)
    wall.taken.emit(next(tile.key for tile in wall.tiles if tile.shares))
    assert not studio.styles.is_open
    assert isinstance(graft.state.latent, StoredLatent)
    assert graft.state.model_b is not None
    assert graft.picture()[..., :3].std() > 10
    studio.window.actions_["undo"].trigger()
    assert graft.state == before


def test_that_hostile_and_broken_files_leave_one_sentence_each_and_a_window_that_lives(
    graft: Graft, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    evil = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()
    files = {
        "evil.pkl": evil,
        "evil.pt": b"\x80\x02" + evil,
        "bomb.pkl": b"\x80\x02]r\xff\xff\xff\x0f.",
        "cut.safetensors": b"\xff\x00\x00\x00\x00\x00\x00\x00{",
        "empty.pth": b"",
        "torn.png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        "torn.jpg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    }
    before = graft.state
    bar: ErrorBar = graft.studio.messages.bar
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        bar.clear()
        graft.drop(path)
        graft.wait_until(graft.message)
        assert "Traceback" not in graft.message()
        assert "Something went wrong" not in graft.message(), name
        assert name in graft.message(), "one of several dropped files must say which it was"
    assert not canary.exists()
    assert graft.state == before
    graft.drag(graft.studio.window.parts.controls.blend.alpha, [0.3])
    graft.picture()
