from __future__ import annotations

import pytest
from hand import SHIFT, Record, Show, double_click, drag, key
from looking import color_at, image_of
from PySide6.QtCore import QPointF, Qt

from gui.widgets.noise_strip import NoiseStrip


@pytest.fixture
def strip(show: Show) -> NoiseStrip:
    made = NoiseStrip()
    made.set_resolutions((4, 8, 16))
    made.set_values((1.0,) * 6)
    return show(made, 240, 48)


def place(strip: NoiseStrip, column: int, value: float) -> QPointF:
    return QPointF(strip.column_x(column), strip.value_y(value))


def test_that_a_bar_follows_the_hand(strip: NoiseStrip) -> None:
    record = Record(strip, "values_changed")
    drag(strip, place(strip, 2, 1), place(strip, 2, 1.5))
    assert strip.values == pytest.approx((1, 1, 1.5, 1, 1, 1), abs=0.03)
    assert record.gestures == 1


def test_that_dragging_across_draws_every_bar_even_when_some_are_skipped(strip: NoiseStrip) -> None:
    record = Record(strip, "values_changed")
    drag(strip, place(strip, 0, 0.2), place(strip, 5, 0.2), steps=2)
    assert strip.values == pytest.approx((0.2,) * 6, abs=0.05)
    assert record.gestures == 1


def test_that_values_stay_between_nothing_and_double(strip: NoiseStrip) -> None:
    drag(strip, place(strip, 0, 1), QPointF(strip.column_x(0), -300))
    assert strip.values[0] == 2.0
    drag(strip, place(strip, 0, 2), QPointF(strip.column_x(0), 300))
    assert strip.values[0] == 0.0


def test_that_shift_is_ten_times_finer(strip: NoiseStrip) -> None:
    drag(strip, place(strip, 0, 1), place(strip, 0, 2), SHIFT)
    assert strip.values[0] == pytest.approx(1.1, abs=0.005)


def test_that_a_double_click_goes_back_to_as_trained(strip: NoiseStrip) -> None:
    strip.set_values((0.3,) * 6)
    double_click(strip, place(strip, 4, 0.3))
    assert strip.values == (0.3, 0.3, 0.3, 0.3, 1.0, 0.3)


def test_that_keys_reach_every_bar(strip: NoiseStrip) -> None:
    key(strip, Qt.Key.Key_End)
    key(strip, Qt.Key.Key_Up)
    assert strip.values[5] == pytest.approx(1.05)
    assert strip.accessibleDescription() == "16 px, second: 1.05"


def test_that_a_layer_without_noise_has_no_bar_and_stays(strip: NoiseStrip) -> None:
    strip.set_inert(frozenset({0}))
    drag(strip, place(strip, 0, 1), place(strip, 2, 0.2), steps=3)
    assert strip.values == pytest.approx((1, 0.2, 0.2, 1, 1, 1), abs=0.5)
    assert strip.values[0] == 1
    strip.clearFocus()
    assert color_at(image_of(strip), place(strip, 0, 0.1)) == color_at(image_of(strip), QPointF(0, 0))


def test_that_missing_values_are_neutral(strip: NoiseStrip) -> None:
    strip.set_values((0.5,))
    assert strip.values == (0.5, 1, 1, 1, 1, 1)


def test_that_a_bar_is_as_high_as_its_value(strip: NoiseStrip) -> None:
    strip.clearFocus()
    strip.set_values((0.0, 2.0, 1.0))
    image = image_of(strip)

    def height(column: int) -> int:
        x, top = round(strip.column_x(column)), strip.bar_rect(column).top()
        bar = color_at(image, (strip.column_x(1), strip.height() - 8))
        return sum(image.pixelColor(x, y) == bar for y in range(round(top), strip.height() - 2))

    assert height(0) <= 1
    assert height(1) >= 42
    assert abs(height(2) - 22) <= 2
