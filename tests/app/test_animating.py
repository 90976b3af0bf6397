"""From a quick start to a film and back, with the real engine."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from window import Graft

from engine.animation.film import state_at
from engine.animation.timeline import frame_count, with_duration, with_fps
from engine.backend import open_pipeline
from engine.device import DeviceChoice
from engine.imaging import to_rgb
from engine.messages import ExportVideo
from engine.state import View, with_seed


def test_that_a_walk_is_scrubbed_filmed_and_dropped_back(graft: Graft) -> None:
    studio = graft.studio
    studio.session.edit(with_seed(graft.state, 3))
    studio.window.actions_["animate"].trigger()
    flow = studio.animating
    flow.panel.quick_menu.aboutToShow.emit()
    next(action for action in flow.panel.quick_menu.actions() if action.text().startswith("Walk")).trigger()
    flow.document.edit(with_fps(with_duration(flow.document.timeline, 1.0, stretch=True), Fraction(12)))
    flow.document.move_head(0.4)
    timeline, base = flow.document.timeline, studio.session.history.state
    film = state_at(timeline, base, flow.document.head_s)
    assert film.mix
    shown = graft.picture(View.BLEND)
    pipeline = open_pipeline(studio.library, studio.store, DeviceChoice("cpu", "float32", 1 << 30))
    exact = to_rgb(pipeline.render(film))
    assert np.abs(shown[..., 2::-1].astype(int) - exact).mean() < 2.0

    path = studio.places.data / "walk.mp4"
    ends = []
    studio.bridge.submit(ExportVideo(base, timeline, path, size_px=128), ends.append)
    graft.wait_until(lambda: ends)
    assert ends[0].error is None
    with av.open(str(path)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(frames) == frame_count(timeline) == 12

    flow.document.undo()
    flow.document.undo()
    assert not flow.document.is_moving
    graft.drop(path)
    graft.wait_until(lambda: studio.session.timeline == timeline)
    assert flow.is_shown
