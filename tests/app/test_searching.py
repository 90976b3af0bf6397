"""A search for a portrait with the real engine: watched, its steps taken, closed over, gone on from."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from window import Graft

from engine.places import resources_folder
from engine.state import StoredLatent, View

PORTRAIT = resources_folder() / "portraits" / "composite_m_multi.jpg"
OpenGraft = Callable[[str], Graft]


def search(graft: Graft, steps: int) -> None:
    """Start one and wait until it has come by something."""
    graft.studio.portraits.open(PORTRAIT)
    graft.wait_until(lambda: graft.studio.canvas.is_aligning)
    bar, view = graft.studio.window.parts.invert_bar, graft.studio.window.parts.inversion
    bar.set_steps(steps)
    bar.start.click()
    graft.wait_until(lambda: len(view.plot.points) > 2)


def names_on_shelf(graft: Graft) -> list[str]:
    return [record.latent.name for record in graft.studio.collection.latents()]


def test_that_closing_the_window_over_a_search_keeps_its_best(open_home: OpenGraft) -> None:
    graft = open_home("home")
    graft.settle()
    document = graft.state
    search(graft, 2000)
    graft.close()
    assert graft.state == document
    again = open_home("home")
    newest = again.studio.collection.latents()[0]
    assert newest.latent.name == "composite_m_multi"
    assert newest.likeness is not None
    assert newest.likeness.pixel < 0.2
    assert newest.source is not None
    assert newest.source.path == PORTRAIT
    assert "The best so far is on the shelf" in again.message()
    again.studio.window.parts.shelf.latent_picked.emit(newest)
    assert again.picture(View.A)[..., :3].std() > 10


def test_that_an_earlier_step_is_taken_and_looks_as_it_did(graft: Graft) -> None:
    search(graft, 12)
    view = graft.studio.window.parts.inversion
    graft.wait_until(lambda: not graft.studio.searches._searches)
    graft.studio.window.actions_["search_steps"].trigger()
    QTest.keyClick(view, Qt.Key.Key_Home)
    first = view.stop
    assert first is not None
    assert first.distance is not None
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert isinstance(graft.state.latent, StoredLatent)
    assert graft.state.latent.key == first.latent.key
    key = first.latent.key
    graft.wait_until(lambda: (kept := graft.studio.collection.latent(key)) is not None and kept.likeness is not None)
    record = graft.studio.collection.latent(key)
    assert record is not None
    assert record.likeness is not None
    assert abs(record.likeness.pixel - first.distance) < 0.01, "what was shown is what was taken"
    assert graft.picture(View.A)[..., :3].std() > 10


def test_that_search_closer_goes_on_from_what_was_found(graft: Graft) -> None:
    search(graft, 6)
    graft.wait_until(lambda: not graft.studio.searches._searches)
    before = graft.studio.collection.latents()[0].likeness
    assert before is not None
    graft.studio.window.parts.invert_bar.set_steps(12)
    graft.studio.window.actions_["search_closer"].trigger()
    graft.wait_until(lambda: graft.studio.searches._searches)
    graft.wait_until(lambda: not graft.studio.searches._searches)
    after = graft.studio.collection.latents()[0].likeness
    assert after is not None
    assert names_on_shelf(graft)[:2] == ["composite_m_multi", "composite_m_multi"]
    assert after.perceptual < before.perceptual


def test_that_the_picture_on_screen_is_measured_as_the_search_measured_it(graft: Graft) -> None:
    search(graft, 4)
    graft.wait_until(lambda: not graft.studio.searches._searches)
    found = graft.studio.collection.latents()[0].likeness
    assert found is not None
    compare = graft.studio.compare
    compare.compare_with_photo()
    compare._choose(compare._canvas.comparison.__class__(compare._canvas.comparison.left, View.A))
    line = compare._likeness.line
    graft.wait_until(line.measure.isEnabled)
    line.measure.click()
    graft.wait_until(lambda: compare._likeness._measured is not None)
    measured = compare._likeness._measured
    assert measured is not None
    assert abs(measured.likeness.pixel - found.pixel) < 1e-3
    assert abs(measured.likeness.perceptual - found.perceptual) < 5e-3
