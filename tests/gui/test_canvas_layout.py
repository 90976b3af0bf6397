from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.canvas_layout import (
    CAPTION_PX,
    FITTED,
    MAX_ZOOM,
    Rect,
    Zoom,
    fit,
    is_pixel_peeping,
    limited,
    one_to_one,
    panned,
    placed,
    share_at,
    single,
    triptych,
    zoomed_at,
)

sizes = st.floats(1, 5000)
areas = st.builds(Rect, st.just(0.0), st.just(0.0), sizes, sizes)
frames = st.builds(Rect, st.floats(-500, 500), st.floats(-500, 500), st.floats(10, 3000), st.floats(10, 3000))
shares = st.floats(0, 1)
zooms = st.builds(Zoom, st.floats(1, MAX_ZOOM), shares, shares).map(limited)


def is_inside(inner: Rect, outer: Rect, slack: float = 1e-6) -> bool:
    return (
        inner.x >= outer.x - slack
        and inner.y >= outer.y - slack
        and inner.right <= outer.right + slack
        and inner.bottom <= outer.bottom + slack
    )


@given(sizes, sizes, areas)
def test_that_a_fitted_picture_keeps_its_aspect_and_fills(width: float, height: float, area: Rect) -> None:
    rect = fit(width, height, area)
    assert is_inside(rect, area)
    assert rect.width * height == pytest.approx(rect.height * width)
    assert rect.width == pytest.approx(area.width) or rect.height == pytest.approx(area.height)
    assert rect.centre == pytest.approx(area.centre)


@given(areas)
def test_that_the_triptych_never_overlaps_and_stays_inside(area: Rect) -> None:
    left, middle, right = triptych(area)
    assert left.right <= middle.x
    assert middle.right <= right.x
    for square in (left, middle, right):
        assert square.width == pytest.approx(square.height)
        assert is_inside(square, area)
    assert middle.width >= left.width == right.width


@given(st.floats(400, 4000), st.floats(300, 3000))
def test_that_the_triptych_leaves_room_for_captions_and_is_symmetric(width: float, height: float) -> None:
    area = Rect(0, 0, width, height)
    left, middle, right = triptych(area)
    assert middle.bottom + CAPTION_PX <= height + 1e-6
    assert left.x - area.x == pytest.approx(area.right - right.right)
    assert [left.centre[1], right.centre[1]] == pytest.approx([middle.centre[1]] * 2)
    assert left.x >= 13.9


def test_that_the_triptych_is_the_one_of_the_design() -> None:
    left, middle, right = triptych(Rect(0, 0, 780, 620))
    assert middle.width == pytest.approx(352, abs=3)
    assert left.width == pytest.approx(190, abs=2)
    assert left.x == pytest.approx(14, abs=1)
    assert right.right == pytest.approx(766, abs=1)


@given(areas)
def test_that_one_picture_stays_inside(area: Rect) -> None:
    assert is_inside(single(area), area)


@given(frames)
def test_that_a_fitted_picture_fills_its_frame(frame: Rect) -> None:
    picture = placed(frame, FITTED)
    assert (picture.x, picture.y) == pytest.approx((frame.x, frame.y))
    assert (picture.width, picture.height) == (frame.width, frame.height)


@given(frames, zooms, st.floats(1, MAX_ZOOM), shares, shares)
def test_that_what_lies_under_the_cursor_stays_there(
    frame: Rect, zoom: Zoom, factor: float, across: float, down: float
) -> None:
    x, y = frame.x + across * frame.width, frame.y + down * frame.height
    before = share_at(frame, zoom, x, y)
    target = max(factor, zoom.factor)
    after = share_at(frame, zoomed_at(frame, zoom, target, x, y), x, y)
    assert after == pytest.approx(before, abs=1e-6)


@given(frames, zooms, st.floats(0.5, MAX_ZOOM), shares, shares, st.floats(-9000, 9000), st.floats(-9000, 9000))
def test_that_a_zoomed_picture_always_covers_its_frame(
    frame: Rect, zoom: Zoom, factor: float, across: float, down: float, dx: float, dy: float
) -> None:
    zoomed = zoomed_at(frame, zoom, factor, frame.x + across * frame.width, frame.y + down * frame.height)
    for state in (zoomed, panned(frame, zoomed, dx, dy)):
        picture = placed(frame, state)
        if state.factor >= 1:
            assert is_inside(frame, picture, slack=1e-3)
        else:
            assert picture.centre == pytest.approx(frame.centre)


@given(frames, zooms)
def test_that_zooming_out_fully_comes_back_to_the_fit(frame: Rect, zoom: Zoom) -> None:
    assert zoomed_at(frame, zoom, 1.0, frame.x, frame.bottom) == FITTED


@given(frames, st.floats(-20, 20), st.floats(-20, 20))
def test_that_the_picture_follows_the_hand_pixel_by_pixel(frame: Rect, dx: float, dy: float) -> None:
    zoom = Zoom(64.0, 0.5, 0.5)
    before, after = placed(frame, zoom), placed(frame, panned(frame, zoom, dx, dy))
    assert (after.x - before.x, after.y - before.y) == pytest.approx((dx, dy), abs=1e-6)


@given(st.floats(100, 2000), st.sampled_from([64, 256, 1024]), st.sampled_from([1.0, 1.5, 2.0]))
def test_that_one_to_one_shows_every_pixel_once(edge: float, picture_px: int, ratio: float) -> None:
    frame = Rect(0, 0, edge, edge)
    picture = placed(frame, Zoom(one_to_one(frame, picture_px, ratio)))
    assert picture.width * ratio == pytest.approx(picture_px)


def test_that_pixels_become_squares_only_to_a_close_look() -> None:
    assert not is_pixel_peeping(FITTED, 64, 700)
    assert not is_pixel_peeping(Zoom(3.0), 1024, 2100)
    assert is_pixel_peeping(Zoom(3.0), 64, 2100)


def test_that_nothing_breaks_without_room() -> None:
    nothing = Rect(0, 0, 0, 0)
    assert single(nothing).width == 0
    assert [square.width for square in triptych(nothing)] == [0, 0, 0]
    assert zoomed_at(nothing, FITTED, 4, 0, 0) == FITTED
    assert panned(nothing, FITTED, 4, 4) == FITTED
    assert one_to_one(nothing, 64, 1) == 1
