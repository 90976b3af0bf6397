"""A tour of the window, as a hand would make it: every step is one event of the loop, and waits for what it caused.

Scripts are generators that yield what has to be so before they go on.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from engine.state import View, with_models, with_noise, with_seed
from gui.app import Studio
from gui.canvas import CanvasMode
from gui.comparison import CompareStyle
from gui.widgets.edit_slider import EditSlider

Condition: TypeAlias = Callable[[], object]
Script: TypeAlias = Iterator[tuple[str, Condition]]

STEP_MS = 4
_LEFT_OUT = frozenset({"quit", "faster_previews"})
"""The one ends the tour, the other looks for a compiler."""

_LEFT, _NONE, _NO_KEYS = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier


class Driver(QObject):
    """Takes a script's steps, one per turn of the loop."""

    def __init__(self, script: Script, *, patience_s: float = 60.0) -> None:
        super().__init__()
        self._script = script
        self._patience_s = patience_s
        self._condition: Condition = lambda: True
        self._since = time.monotonic()
        self.doing = "beginning"
        self.is_done = False
        self.gave_up = ""
        self._timer = QTimer(self)
        self._timer.setInterval(STEP_MS)
        self._timer.timeout.connect(self._step)
        self._timer.start()

    def _step(self) -> None:
        if not self._condition():
            if time.monotonic() - self._since > self._patience_s:
                self.gave_up = self.doing
                self._end()
            return
        try:
            self.doing, self._condition = next(self._script)
            self._since = time.monotonic()
        except StopIteration:
            self._end()

    def _end(self) -> None:
        self._timer.stop()
        self.is_done = True


def tour(studio: Studio, folder: Path) -> Script:
    """Blend, mix, noise, views, comparing, portraits, undo, export."""
    controls, window = studio.window.parts.controls, studio.window
    settled = _settled(studio)
    yield "waiting for the first picture", settled
    yield from drag(controls.blend.alpha, [0.9 - 0.05 * step for step in range(16)])
    yield "settling", settled
    yield from drag(controls.blend.swap_resolution, [4, 8, 16, 32, 64])
    yield "settling", settled
    yield from drag(controls.latent.psi, [1.0, 0.8, 0.6, 0.9])
    yield "settling", settled
    for section in controls.sections:
        section.set_folded(False)
        yield f"unfolding {section.title}", lambda: True
    for name in ("new_seed", "surprise", "swap", "undo", "redo", "swap", "pin"):
        yield from act(studio, name)
    controls.mix.add_seed()
    yield "adding a source", settled
    for seed in range(3):
        studio.session.edit(with_noise(studio.session.state, strength=0.5 * seed), "noise strength")
        yield "changing the noise", settled
    for mode in (*CanvasMode, CanvasMode.COMPARE):
        studio.canvas.set_mode(mode)
        yield f"view {mode}", settled
    for style in CompareStyle:
        studio.canvas.set_comparison(replace(studio.canvas.comparison, style=style))
        yield f"comparing by {style}", settled
    yield from drag(controls.blend.alpha, [0.2, 0.5, 0.8])
    for name in ("blink", "zoom_in", "zoom_in", "one_to_one", "fit", "compare_photo", "pixel_values"):
        yield from act(studio, name)
    studio.canvas.set_mode(CanvasMode.TRIPTYCH)
    for record in studio.collection.latents()[:1]:
        studio.commands.use_portrait(record)
        yield "putting on a portrait", settled
    for look in studio.collection.looks()[:3]:
        studio.looks.wear(look.key)
        yield f"putting on {look.look.name}", settled
    for _ in range(6):
        yield from act(studio, "undo")
    for name in ("theme_light", "theme_dark", "save_look"):
        yield from act(studio, name)
    yield from press(window.focusWidget() or studio.canvas, Qt.Key.Key_Escape)
    for path in (folder / "still.png", folder / "still.webp"):
        studio.exporter.export(studio.session.state, path, View.BLEND)
        yield f"exporting {path.name}", path.exists
    studio.documents.save(folder / "tour.graft")
    yield "saving the session", lambda: (folder / "tour.graft").exists()
    for name in ("palette", "shortcuts", "keys"):
        studio.window.actions_[name].trigger()
        yield f"opening {name}", lambda: True
        for dialog in _dialogs():
            dialog.close()
            yield f"closing {name}", lambda: True
    studio.documents.open(folder / "tour.graft")
    yield "opening the session", settled


def every_action(studio: Studio) -> Script:
    """Each action once; what it opens is closed again, what it switches on is switched off."""
    settled, own = _settled(studio), studio.window
    for name, action in own.actions_.named().items():
        if name in _LEFT_OUT or not action.isEnabled():
            continue
        before = _windows()
        action.trigger()
        yield f"action {name}", lambda: True
        yield f"after action {name}", settled
        for widget in _windows():
            if widget not in before:
                widget.close()
                yield f"closing what {name} opened", lambda: True
        if action.isCheckable() and action.actionGroup() is None and action.isChecked():
            action.trigger()
            yield f"taking {name} back", settled
        yield from press(own.focusWidget() or studio.canvas, Qt.Key.Key_Escape)
    yield "the last action", settled


def edits(studio: Studio, count: int) -> Script:
    """Many changes of every kind, each its own undo entry."""
    settled = _settled(studio)
    for number in range(count):
        slider = studio.window.parts.controls.blend.alpha
        if number % 10 == 0:
            studio.session.edit(with_seed(studio.session.state, number), "seed")
        elif number % 10 == 5:
            studio.session.edit(with_noise(studio.session.state, strength=number % 3 / 2), "noise strength")
        else:
            slider.take_text(str(number * 37 % 100 / 100))
        yield f"edit {number}", settled if number % 5 == 0 else lambda: True
    yield "the last edit", settled


def swaps(studio: Studio, count: int) -> Script:
    """A and B among all the models there are."""
    refs = [record.ref for record in studio.collection.models()]
    pairs = itertools.cycle(itertools.permutations(refs, 2))
    for number, (a, b) in zip(range(count), pairs, strict=False):
        studio.session.edit(with_models(studio.session.state, a=a, b=b), "models")
        yield f"swap {number}: {a.name} and {b.name}", _settled(studio)


def drag(slider: EditSlider, values: Sequence[float]) -> Script:
    height = slider.track_rect().center().y()

    def at(value: float | None = None) -> QPointF:
        return QPointF(slider.knob_x(value), height)

    _mouse(slider, QEvent.Type.MouseButtonPress, at(), _LEFT)
    yield f"pressing {slider.label}", lambda: True
    for value in values:
        _mouse(slider, QEvent.Type.MouseMove, at(value), _NONE)
        yield f"dragging {slider.label}", lambda: True
    _mouse(slider, QEvent.Type.MouseButtonRelease, at(values[-1]), _LEFT)
    yield f"letting go of {slider.label}", lambda: True


def act(studio: Studio, name: str) -> Script:
    studio.window.actions_[name].trigger()
    yield f"action {name}", _settled(studio)


def press(widget: QWidget, key: Qt.Key) -> Script:
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, key, _NO_KEYS))
    yield f"pressing {key.name}", lambda: True


def _settled(studio: Studio) -> Condition:
    return lambda: studio.bridge.is_settled and studio.viewer.frame(View.BLEND) is not None


def _dialogs() -> list[QWidget]:
    popup, modal = QApplication.activePopupWidget(), QApplication.activeModalWidget()
    windows = QApplication.topLevelWidgets()
    shown = [widget for widget in windows if isinstance(widget, QDialog) and widget.isVisible()]
    return [*dict.fromkeys(widget for widget in (popup, modal, *shown) if widget is not None)]


def _windows() -> list[QWidget]:
    return [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]


def _mouse(widget: QWidget, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton) -> None:
    held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else _LEFT
    QApplication.sendEvent(widget, QMouseEvent(kind, place, widget.mapToGlobal(place), button, held, _NO_KEYS))
