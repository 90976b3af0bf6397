"""Take the pictures of the README: the real window, the real engine, the embedded models.

    python tests/app/screenshots.py [FOLDER] [NAME ...] [--run RUN]

writes studio, wipe, explore, directions, film, styles, align, search, portrait, paste and light into FOLDER, by
default resources/screenshots; and training, when there is a folder of a run to show.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEventLoop, QPoint, QSize, Qt, QTimer  # noqa: E402
from PySide6.QtTest import QTest  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from engine.device import prepare_process  # noqa: E402
from engine.places import Places  # noqa: E402
from engine.state import NoiseMode, View, with_direction, with_noise, with_overlay, with_seed  # noqa: E402
from gui.app import Studio, real_engine  # noqa: E402
from gui.canvas import CanvasMode  # noqa: E402
from gui.theme import DARK, LIGHT, apply_theme  # noqa: E402
from gui.widgets.edit_slider import EditSlider  # noqa: E402

SIZE = QSize(1280, 800)
PORTRAIT = ROOT / "resources" / "portraits" / "composite_f_multi.jpg"
PATIENCE_S = 300
STEPS = 200


def rest(milliseconds: int) -> None:
    """Let events and the engine's thread run: QTest.qWait would keep the interpreter to itself."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


@dataclass
class Photographer:
    """Drives a window as a person would, and takes pictures of it."""

    app: QApplication
    studio: Studio
    folder: Path
    wanted: frozenset[str]

    def wait(self, done: Callable[[], object], what: str) -> None:
        ends_at = time.perf_counter() + PATIENCE_S
        while not done():
            if time.perf_counter() > ends_at:
                raise SystemExit(f"waited {PATIENCE_S} s for {what}")
            rest(20)

    def settle(self) -> None:
        self.wait(lambda: self.studio.viewer.frame(View.BLEND) and self.studio.bridge.is_settled, "a picture")
        self.wait(lambda: all(item.thumbnail for item in self.studio.strip.strip.items), "thumbnails")
        shelf = self.studio.window.parts.shelf
        self.wait(lambda: all(item.thumbnail for item in shelf.models.items), "thumbnails")
        self.wait(lambda: all(item.thumbnail for item in shelf.looks.items if item.is_usable), "looks")
        rest(50)

    def take(self, name: str) -> None:
        if self.wanted and name not in self.wanted:
            return
        self.studio.window.grab().save(str(self.folder / f"{name}.png"), "PNG", 0)  # type: ignore[call-overload]
        print(f"{name}.png", flush=True)

    def drag(self, slider: EditSlider, value: float) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        height = int(slider.track_rect().center().y())
        QTest.mousePress(slider, left, none, QPoint(round(slider.knob_x()), height))
        QTest.mouseMove(slider, QPoint(round(slider.knob_x(value)), height))
        QTest.mouseRelease(slider, left, none, QPoint(round(slider.knob_x(value)), height))


def shoot(camera: Photographer) -> None:
    studio = camera.studio
    controls, canvas = studio.window.parts.controls, studio.canvas
    camera.settle()
    camera.drag(controls.blend.alpha, 0.9)
    camera.settle()
    for seed in (88, 2138, 2147):
        studio.session.edit(with_seed(studio.session.state, seed))
        camera.settle()
    studio.session.edit(with_noise(studio.session.state, mode=NoiseMode.CONST, strength=0.8))
    camera.settle()
    camera.take("studio")
    canvas.set_mode(CanvasMode.COMPARE)
    camera.settle()
    camera.take("wipe")
    canvas.set_mode(CanvasMode.TRIPTYCH)
    if not camera.wanted or camera.wanted & {"explore", "directions", "film"}:
        shoot_rooms(camera)
    if not camera.wanted or "styles" in camera.wanted:
        shoot_styles(camera)
    studio.portraits.open(PORTRAIT)
    camera.wait(lambda: canvas.is_aligning, "the portrait")
    rest(100)
    camera.take("align")
    if not camera.wanted or camera.wanted & {"search", "portrait", "paste", "light"}:
        search(camera)
        camera.take("portrait")
        shoot_paste(camera)
    apply_theme(camera.app, LIGHT)
    camera.settle()
    camera.take("light")


def shoot_rooms(camera: Photographer) -> None:
    """A sheet of variations; directions as filmstrips; three models, a direction and a film of them."""
    studio = camera.studio
    controls, session = studio.window.parts.controls, studio.session
    studio.explore.toggle()
    sheet = studio.explore.page.sheet
    camera.wait(lambda: sheet.cells and all(cell.picture is not None for cell in sheet.cells), "the sheet")
    rest(800)
    camera.take("explore")
    studio.explore.toggle()
    studio.directions.open()
    window = studio.directions.window
    window.find_button.click()
    camera.wait(lambda: len(window.found.rows) > 3, "directions")
    rest(6000)
    if not camera.wanted or "directions" in camera.wanted:
        window.grab().save(str(camera.folder / "directions.png"), "PNG", 0)  # type: ignore[call-overload]
        print("directions.png", flush=True)
    window.found.rows[1].use.click()
    window.close()
    woodblock = next(record for record in studio.collection.models() if record.ref.name == "woodblock")
    controls.blend.lay_over(woodblock.ref.sha256)
    session.edit(with_overlay(session.state, 0, replace(session.state.overlays[0], alpha=0.4)))
    session.edit(with_direction(session.state, 0, replace(session.state.directions[0], amount=1.5)))
    studio.animating.set_shown(True)
    studio.animating.panel.quick_menu.aboutToShow.emit()
    walk = next(act for act in studio.animating.panel.quick_menu.actions() if "Walk" in act.text())
    walk.trigger()
    rest(500)
    studio.canvas.set_mode(CanvasMode.TRIPTYCH)
    camera.settle()
    studio.messages.bar.clear()
    controls.verticalScrollBar().setValue(0)
    rest(300)
    camera.take("film")
    studio.animating.set_shown(False)
    while session.state.overlays:
        session.undo()
    camera.settle()


def shoot_styles(camera: Photographer) -> None:
    """A dropped photo in every style, after the search that goes on meanwhile."""
    studio = camera.studio
    studio.styles.open(PORTRAIT)
    wall, finding = studio.styles.page.wall, studio.styles.finding
    camera.wait(lambda: wall.tiles and all(tile.picture for tile in wall.tiles), "the photo in every style")
    camera.wait(lambda: not finding.is_at_work, "the search")
    rest(2000)
    camera.take("styles")
    studio.styles.leave()
    studio.messages.bar.clear()


def shoot_paste(camera: Photographer) -> None:
    """The portrait's edited face, back in its photo."""
    studio = camera.studio
    studio.pasting.open()
    camera.wait(lambda: studio.pasting.is_open, "the photo")
    rest(6000)
    camera.take("paste")
    studio.pasting.leave()


def search(camera: Photographer) -> None:
    studio, view = camera.studio, camera.studio.window.parts.inversion
    shelved = len(studio.collection.latents())
    studio.window.parts.invert_bar.steps.set_value(STEPS)
    studio.window.parts.invert_bar.start.click()
    camera.wait(lambda: view.found is not None and view.fraction > 0.4, "the search")
    camera.take("search")
    camera.wait(lambda: len(studio.collection.latents()) > shelved, "the portrait's latent")
    studio.canvas.set_mode(CanvasMode.TRIPTYCH)
    camera.settle()
    camera.drag(studio.window.parts.controls.blend.alpha, 0.8)
    camera.settle()
    camera.wait(lambda: not studio.window.parts.shelf.tray.cards, "the card to leave")
    studio.messages.bar.clear()
    rest(50)


def shoot_training(camera: Photographer, run: Path) -> None:
    """The training window, with a run that `main.py train` made."""
    training = camera.studio.training
    training.open()
    training.window.resize(SIZE)
    training.show_run(run)
    rest(1500)
    training.window.grab().save(str(camera.folder / "training.png"), "PNG", 0)  # type: ignore[call-overload]
    print("training.png", flush=True)
    training.window.close()


def main(arguments: list[str]) -> None:
    run = None
    if "--run" in arguments:
        place = arguments.index("--run")
        run = Path(arguments[place + 1])
        arguments = arguments[:place] + arguments[place + 2 :]
    folder = Path(arguments[0]) if arguments else ROOT / "resources" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    prepare_process()
    app = QApplication([sys.argv[0]])
    apply_theme(app, DARK)
    with tempfile.TemporaryDirectory(prefix="graft-") as home:
        root = Path(home)
        places = Places(root / "config", root / "data", root / "cache")
        studio = Studio(places, real_engine(places))
        studio.window.resize(SIZE)
        studio.show()
        try:
            camera = Photographer(app, studio, folder, frozenset(arguments[1:]))
            if run is not None:
                shoot_training(camera, run)
            if run is None or len(arguments) > 1:
                shoot(camera)
        finally:
            studio.window.close()
            studio.close()


if __name__ == "__main__":
    main(sys.argv[1:])
