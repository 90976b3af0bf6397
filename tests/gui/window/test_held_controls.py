"""What the window tells the engine about the hand, and that the engine guesses the window's own steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from desk import Desk
from fake_engine import RESOLUTIONS
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from engine.foresight import likely_states
from engine.messages import Held
from engine.state import DirectionUse, NoiseMode, with_alpha, with_direction, with_noise, with_pad, with_seed
from gui.directions.slider_row import SliderRow
from gui.panels.overlay_rows import OverlayRow

CONTROLS: dict[Held, Callable[[Desk], QWidget]] = {
    Held.SWAP: lambda desk: desk.studio.window.parts.controls.blend.swap_resolution,
    Held.ALPHA: lambda desk: desk.studio.window.parts.controls.blend.alpha,
    Held.WIDTH: lambda desk: desk.studio.window.parts.controls.blend.width_slider,
    Held.PSI: lambda desk: desk.studio.window.parts.controls.latent.psi,
    Held.PAD: lambda desk: desk.studio.window.parts.controls.latent.pad,
    Held.SEED: lambda desk: desk.studio.window.parts.controls.latent.seed,
    Held.NOISE: lambda desk: desk.studio.window.parts.controls.noise.strength,
    Held.NOISE_SEED: lambda desk: desk.studio.window.parts.controls.noise.seed,
    Held.OVERLAYS: lambda desk: further_model(desk).alpha,
    Held.DIRECTIONS: lambda desk: direction(desk).slider,
}


def further_model(desk: Desk) -> OverlayRow:
    blend = desk.studio.window.parts.controls.blend
    blend.lay_over(desk.models["toon"].sha256)
    row = blend.overlays.rows[0]
    desk.wait_until(row.isVisible)
    return row


def direction(desk: Desk) -> SliderRow:
    section = desk.studio.window.parts.controls.directions
    section.set_folded(False)
    desk.studio.session.edit(with_direction(desk.state, 0, DirectionUse("0" * 64, name="age")))
    row = section.rows[0]
    desk.wait_until(row.isVisible)
    return row


@pytest.mark.parametrize("held", list(Held))
def test_that_the_engine_is_told_what_is_held_and_expects_what_the_keys_do(desk: Desk, held: Held) -> None:
    start = with_noise(with_pad(with_seed(desk.state, 7), 0.1, 0.2), mode=NoiseMode.RANDOM, seed=5, strength=0.9)
    desk.studio.session.edit(start)
    control = CONTROLS[held](desk)
    control.setFocus()
    desk.press(Qt.Key.Key_Left, control)
    desk.press(Qt.Key.Key_Up, control)
    desk.press(Qt.Key.Key_Left, control)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Down):
        before = desk.engine.requests[-1]
        assert before.held is held
        desk.press(key, control)
        assert desk.state != before.state
        assert desk.state in likely_states(before.state, RESOLUTIONS, held), key


def test_that_another_view_of_the_same_state_is_still_held_by_the_same_control(desk: Desk) -> None:
    desk.studio.session.edit(with_alpha(desk.state, 0.3))
    assert desk.engine.requests[-1].held is Held.ALPHA
    desk.studio.viewer.request()
    assert desk.engine.requests[-1].held is Held.ALPHA


def test_that_a_look_is_no_control(desk: Desk) -> None:
    desk.studio.session.edit(with_alpha(with_seed(desk.state, 9), 0.3), "look")
    assert desk.engine.requests[-1].held is None
