from __future__ import annotations

import pytest
from hand import Show, double_click, key
from looking import color_at, colors_in, image_of, is_near
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor

from engine.kinship import LayerDistance
from gui.theme import DARK
from gui.widgets.layer_bars import LayerBars

LAYERS = (
    LayerDistance("b4.conv1", 4, 0.05), LayerDistance("b4.torgb", 4, 0.3), LayerDistance("b8.conv0", 8, 0.1),
    LayerDistance("b8.conv1", 8, 0.4), LayerDistance("b8.torgb", 8, 0.2),
)


@pytest.fixture
def bars(show: Show) -> LayerBars:
    made = show(LayerBars(), 400, 150)
    made.show_layers(LAYERS, 4)
    made.clearFocus()
    return made


def test_that_the_largest_distance_reaches_highest_and_all_stay_inside(bars: LayerBars) -> None:
    heights = [bars.distance_y(layer.distance) for layer in LAYERS]
    assert min(heights) == heights[3]
    assert 10 <= heights[3] < heights[0] < 150 - 20


def test_that_convolutions_are_bars_and_colour_is_a_dot(bars: LayerBars) -> None:
    image = image_of(bars)
    assert is_near(color_at(image, (bars.layer_x(3), bars.distance_y(0.2))), DARK.muted, 8)
    assert is_near(color_at(image, (bars.layer_x(1), bars.distance_y(0.3))), DARK.warn, 24)
    assert not is_near(color_at(image, (bars.layer_x(1), bars.distance_y(0.1))), DARK.warn, 24)


def test_that_a_line_stands_where_the_blend_swaps(bars: LayerBars) -> None:
    middle = (bars.layer_x(1) + bars.layer_x(2)) / 2

    def is_marked() -> bool:
        colors = colors_in(image_of(bars), QRectF(middle - 2, 20, 4, 60))
        return any(is_near(QColor(color), DARK.focus, 40) for color in colors)

    assert is_marked()
    bars.show_layers(LAYERS, None)
    assert not is_marked()


def test_that_strangers_are_marked_off(bars: LayerBars) -> None:
    assert DARK.warn not in colors_in(image_of(bars), QRectF(320, 8, 60, 20))
    bars.show_layers((*LAYERS, LayerDistance("b16.conv0", 16, 1.41)), None)
    assert DARK.warn in colors_in(image_of(bars), QRectF(40, bars.distance_y(1.2) - 2, 100, 4))


def test_that_keys_walk_and_enter_and_a_double_click_ask_for_a_swap(bars: LayerBars) -> None:
    wanted: list[int] = []
    bars.swap_wanted.connect(wanted.append)
    for _ in range(9):
        key(bars, Qt.Key.Key_Right)
    assert bars.current == len(LAYERS) - 1
    key(bars, Qt.Key.Key_Left)
    assert bars.accessibleDescription() == "b8.conv1, 8 px: 0.400"
    key(bars, Qt.Key.Key_Return)
    double_click(bars, QPointF(bars.layer_x(0), 60))
    double_click(bars, QPointF(2, 60))
    assert wanted == [8, 4]
    assert not key(bars, Qt.Key.Key_R, text="r").isAccepted()


def test_that_without_layers_it_says_why(bars: LayerBars) -> None:
    wanted: list[int] = []
    bars.swap_wanted.connect(wanted.append)
    bars.show_note("Measuring")
    assert bars.accessibleDescription() == "Measuring"
    key(bars, Qt.Key.Key_Return)
    double_click(bars, QPointF(200, 60))
    assert wanted == []
    assert DARK.muted in colors_in(image_of(bars), QRectF(100, 40, 200, 70))
