"""Lay every widget out and save pictures of it, to be looked at.

    python tests/gui/gallery.py FOLDER

writes every sheet in dark and light, at 100 % and at 200 %.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "gui")]

from drawn_faces import LEFT_EYE, MOUTH, RIGHT_EYE, draw_face, pixels_of  # noqa: E402
from PySide6.QtCore import QPoint, Qt  # noqa: E402
from PySide6.QtGui import QAction, QGuiApplication, QImage, QPainter  # noqa: E402
from PySide6.QtWidgets import (  # noqa: E402
    QApplication,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from engine.framing import FacePoints, Framing, FramingKind  # noqa: E402
from engine.messages import Frame  # noqa: E402
from engine.state import View  # noqa: E402
from gui.canvas import Canvas, CanvasMode  # noqa: E402
from gui.icons import GLYPHS, icon  # noqa: E402
from gui.theme import DARK, LIGHT, Theme, apply_theme  # noqa: E402
from gui.widgets.alpha_curve import AlphaCurve  # noqa: E402
from gui.widgets.edit_slider import EditSlider  # noqa: E402
from gui.widgets.error_bar import ErrorBar, Severity  # noqa: E402
from gui.widgets.filmstrip import FilmItem, Filmstrip  # noqa: E402
from gui.widgets.icon_button import IconButton  # noqa: E402
from gui.widgets.job_card import JobCard, JobState  # noqa: E402
from gui.widgets.layer_matrix import LayerMatrix, MatrixRow  # noqa: E402
from gui.widgets.noise_strip import NoiseStrip  # noqa: E402
from gui.widgets.section import Section  # noqa: E402
from gui.widgets.seed_pad import SeedPad  # noqa: E402
from gui.widgets.segmented import VIEW_SEGMENTS, Segmented  # noqa: E402
from gui.widgets.shelf_list import ShelfItem, ShelfList, ShelfMode  # noqa: E402
from gui.widgets.value_field import ValueField  # noqa: E402

RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256)
CURVE = (1.0, 1.0, 1.0, 1.0, 0.98, 0.98, 0.8, 0.8, 0.1, 0.1, 0.02, 0.02, 0.0, 0.0)
NOISE = (0.7, 0.7, 0.9, 0.9, 1.1, 1.1, 0.6, 0.6, 0.35, 0.35, 0.2, 0.2, 0.06, 0.0)


def frame_of(view: View, image: QImage, *, size_px: int | None = None, generation: int = 1) -> Frame:
    edge = size_px or image.width()
    small = image.scaled(edge, edge, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    return Frame(generation, view, pixels_of(small), edge, image.width(), edge == image.width(), 0.03)


def fill_canvas(canvas: Canvas, *, size_px: int | None = None) -> None:
    canvas.set_captions(a="A portrait", blend="Blend, structure from B up to 32 px", b="B toon")
    both = draw_face(1, 512)
    with QPainter(both) as painter:
        painter.setOpacity(0.6)
        painter.drawImage(0, 0, draw_face(1, 512, toon=True))
    canvas.show_frame(frame_of(View.A, draw_face(1, 512)))
    canvas.show_frame(frame_of(View.BLEND, both, size_px=size_px))
    canvas.show_frame(frame_of(View.B, draw_face(1, 512, toon=True)))


def panel(width: int, margin: int = 12) -> tuple[QWidget, QVBoxLayout]:
    widget = QFrame()
    widget.setProperty("role", "panel")
    widget.setFixedWidth(width)
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(margin, 6, margin, 12)
    layout.setSpacing(6)
    return widget, layout


def shelf() -> QWidget:
    widget, layout = panel(208, 10)
    models = Section("Models")
    models.add_action("", "Add a model", icon_name="plus")
    rows = ShelfList(ShelfMode.ROWS, "Drop a model file here")
    rows.set_items(
        (
            ShelfItem("p", "portrait", "256 px, base", draw_face(1, 96), "A"),
            ShelfItem("t", "toon", "from portrait", draw_face(1, 96, toon=True), "B"),
            ShelfItem("w", "woodblock", "from portrait", draw_face(2, 96, toon=True)),
            ShelfItem("l", "a model with quite a long name", "from portrait", draw_face(3, 96), "AB"),
        )
    )
    models.add_widget(rows)
    portraits = Section("Portraits")
    portraits.add_action("", "Open a portrait", icon_name="plus")
    grid = ShelfList(ShelfMode.GRID, "Drop a photo of a face here")
    grid.set_items(tuple(ShelfItem(str(n), f"face {n}", thumbnail=draw_face(n, 96)) for n in range(4)))
    grid.select("1")
    portraits.add_widget(grid)
    looks = Section("Looks")
    looks.add_action("", "Keep this look", icon_name="plus")
    many = ShelfList(ShelfMode.GRID, "Looks you keep appear here")
    many.set_items(tuple(ShelfItem(str(n), "", thumbnail=draw_face(n, 96, toon=n % 2 > 0)) for n in range(4, 11)))
    looks.add_widget(many)
    for section in (models, portraits, looks):
        layout.addWidget(section)
    card = JobCard("1", "Inverting portrait")
    card.set_thumbnail(draw_face(1, 96))
    card.set_progress(0.62, "", 4.2)
    layout.addWidget(card)
    layout.addStretch(1)
    return widget


def controls() -> QWidget:
    widget, layout = panel(292)
    blend = Section("Blend")
    blend.add_action("", "Keep through surprises", icon_name="unlock")
    preset = QComboBox()
    preset.addItems(["Toonify", "Reverse Toonify", "Drawn by hand"])
    row = QHBoxLayout()
    row.addWidget(QLabel("Preset"))
    row.addWidget(preset, 1)
    blend.body.addLayout(row)
    curve = AlphaCurve()
    curve.set_resolutions(RESOLUTIONS)
    curve.set_curve(CURVE)
    curve.set_alpha(0.8)
    blend.add_widget(curve)
    swap = EditSlider("Swap resolution", 4, 256, 32, decimals=0, stops=RESOLUTIONS, gradient=True, suffix="")
    alpha = EditSlider("Alpha", 0, 1, 1.0, gradient=True, typed_minimum=-0.5, typed_maximum=1.5)
    alpha.set_value(0.8)
    blend.add_widget(swap)
    blend.add_widget(alpha)
    latent = Section("Latent")
    row = QHBoxLayout()
    row.setSpacing(12)
    pad = SeedPad()
    pad.set_position(0.3, 0.25)
    row.addWidget(pad, 0, Qt.AlignmentFlag.AlignTop)
    side = QVBoxLayout()
    side.setSpacing(4)
    seed_row = QHBoxLayout()
    seed_row.addWidget(QLabel("Seed"), 1)
    seed_row.addWidget(ValueField(0, 2**32 - 1, 2143))
    side.addLayout(seed_row)
    side.addWidget(EditSlider("Truncation psi", -1, 2, 0.7, lockable=True))
    side.addStretch(1)
    row.addLayout(side, 1)
    latent.body.addLayout(row)
    mixing = Section("Mix")
    mixing.add_action("+ source", "Mix in a second seed or portrait")
    matrix = LayerMatrix()
    matrix.set_columns(RESOLUTIONS)
    matrix.set_rows(
        (
            MatrixRow("a", "seed 88", (0, 0, 0, 0, 0.4, 0.4, 1, 1, 1, 1, 0.7, 0.7, 0, 0)),
            MatrixRow("b", "portrait 3", (1, 1, 0.6, 0.6), icon=draw_face(3, 64)),
        )
    )
    mixing.add_widget(matrix)
    noise = Section("Noise")
    noise.add_action("const", "Where the noise comes from")
    strip = NoiseStrip()
    strip.set_resolutions(RESOLUTIONS)
    strip.set_values(NOISE)
    noise.add_widget(strip)
    directions = Section("Directions")
    directions.add_action("compute", "Find directions in this model")
    smile = EditSlider("smile", -3, 3, 0, decimals=1, signed=True)
    smile.set_value(1.2)
    directions.add_widget(smile)
    folded = Section("Folded")
    folded.set_folded(True)
    for section in (blend, latent, mixing, noise, directions, folded):
        layout.addWidget(section)
    layout.addStretch(1)
    return widget


def toolbar() -> QWidget:
    bar = QFrame()
    bar.setProperty("role", "panel")
    layout = QHBoxLayout(bar)
    layout.setContentsMargins(12, 6, 12, 6)
    layout.addWidget(IconButton("portrait", "Open a portrait", text="Open portrait"))
    layout.addWidget(IconButton("dice", "A new seed (R)", text="New seed"))
    layout.addStretch(1)
    views = Segmented(VIEW_SEGMENTS)
    views.set_current("triptych")
    layout.addWidget(views)
    layout.addStretch(1)
    layout.addWidget(IconButton("undo", "Undo", text="Undo"))
    redo = IconButton("redo", "Redo", text="Redo")
    redo.setEnabled(False)
    layout.addWidget(redo)
    export = QPushButton("Export still")
    export.setIcon(icon("export"))
    export.setProperty("role", "primary")
    layout.addWidget(export)
    return bar


def line() -> QFrame:
    frame = QFrame()
    frame.setFixedHeight(1)
    frame.setStyleSheet("background: palette(mid);")
    return frame


def window() -> QWidget:
    """The mock, made of the real parts."""
    page = QFrame()
    page.setProperty("role", "window")
    page.resize(1280, 800)
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    menus = QMenuBar()
    for name in ("File", "Edit", "View", "Models", "Portrait", "Export", "Help"):
        menus.addMenu(name)
    layout.addWidget(menus)
    layout.addWidget(toolbar())
    layout.addWidget(line())
    canvas = Canvas()
    canvas.set_mode(CanvasMode.TRIPTYCH)
    fill_canvas(canvas)
    canvas.set_progress(0.7)
    middle = QHBoxLayout()
    middle.setSpacing(0)
    middle.addWidget(shelf())
    middle.addWidget(canvas, 1)
    middle.addWidget(controls())
    layout.addLayout(middle, 1)
    layout.addWidget(line())
    film = Filmstrip()
    film.set_items(
        tuple(FilmItem(str(n), draw_face(n, 128, toon=2 < n < 6), starts_group=n in (3, 6)) for n in range(9)), "4"
    )
    layout.addWidget(film)
    layout.addWidget(line())
    status = QLabel("   256 px     cpu, float32     first 9 ms, settled 31 ms")
    status.setProperty("role", "caption")
    status.setFixedHeight(22)
    layout.addWidget(status)
    return page


def states() -> QWidget:
    """Every control in its other states."""
    page = QWidget()
    columns = QHBoxLayout(page)
    columns.setSpacing(16)
    left, layout = panel(292)
    slider = EditSlider("With focus", 0, 1, 0.5, lockable=True)
    slider.setObjectName("focus me")
    locked = EditSlider("Locked", 0, 1, 0.5, lockable=True)
    locked.set_locked(True)
    locked.set_value(0.123)
    off = EditSlider("Not now", 0, 1, 0.5, gradient=True)
    off.set_disabled_reason("There is no model B")
    lowest = EditSlider("A name that is far too long for this panel", 0, 100, 100, decimals=0, suffix=" %")
    lowest.set_value(0)
    typing = EditSlider("Being typed", 0, 1, 0.5)
    for each in (slider, locked, off, lowest, typing):
        layout.addWidget(each)
    layout.addWidget(QLabel("Unfolded, 1024 px"))
    curve = AlphaCurve()
    curve.set_resolutions((4, 8, 16, 32, 64, 128, 256, 512, 1024))
    curve.set_unfolded(True)
    curve.set_curve((1, 1, 1, 0.9, 1, 1, 0.7, 0.5, 0.2, 0, 0, 0, 0, 0.3, 0, 0, 0, 0))
    layout.addWidget(curve)
    grey = AlphaCurve()
    grey.set_disabled_reason("There is no model B")
    layout.addWidget(grey)
    matrix = LayerMatrix()
    matrix.set_columns((4, 8, 16, 32, 64, 128, 256, 512, 1024))
    matrix.set_rows((MatrixRow("a", "seed 4294967295", (1.0,) * 7), MatrixRow("b", "b", (0.0,) * 10)))
    layout.addWidget(matrix)
    layout.addWidget(LayerMatrix())
    strip = NoiseStrip()
    strip.set_resolutions((4, 8, 16, 32, 64))
    strip.set_values((1, 1, 0, 0.5, 2, 1.5, 1, 1, 1, 1))
    layout.addWidget(strip)
    pads = QHBoxLayout()
    stored = SeedPad()
    stored.set_disabled_reason("A portrait has no pad")
    pads.addWidget(SeedPad())
    pads.addWidget(stored)
    pads.addStretch(1)
    layout.addLayout(pads)
    layout.addStretch(1)
    columns.addWidget(left)
    columns.addWidget(plain_controls())
    columns.addWidget(cards())
    page.setProperty("role", "window")
    page.resize(page.sizeHint().width(), 900)
    return page


def plain_controls() -> QWidget:
    widget, layout = panel(280)
    buttons = QHBoxLayout()
    for text, role in (("Plain", ""), ("Primary", "primary"), ("Quiet", "quiet")):
        button = QPushButton(text)
        button.setProperty("role", role)
        buttons.addWidget(button)
    layout.addLayout(buttons)
    off = QPushButton("Disabled")
    off.setEnabled(False)
    layout.addWidget(off)
    box, radio = QCheckBox("Also fit the noise maps"), QRadioButton("W+, closer likeness")
    box.setChecked(True)
    radio.setChecked(True)
    for each in (box, QCheckBox("Not checked"), radio, QLineEdit("typed text"), QComboBox()):
        layout.addWidget(each)
    icons = QHBoxLayout()
    for name in list(GLYPHS)[:9]:
        icons.addWidget(IconButton(name, name))
    layout.addLayout(icons)
    layout.addWidget(ShelfList(ShelfMode.ROWS, "Drop a model file here: .pkl, .pt or .safetensors"))
    layout.addWidget(ShelfList(ShelfMode.GRID, "Drop a photo of a face here"))
    menu = QMenu(widget)
    menu.addAction("Reset")
    menu.addAction(icon("copy"), "Copy").setShortcut("Ctrl+C")
    menu.addSeparator()
    menu.addAction("Paste").setEnabled(False)
    checked = QAction("Keep through surprises", menu)
    checked.setCheckable(True)
    checked.setChecked(True)
    menu.addAction(checked)
    menu.setWindowFlags(Qt.WindowType.Widget)
    menu.setVisible(True)
    layout.addWidget(menu)
    layout.addStretch(1)
    return widget


def cards() -> QWidget:
    widget, layout = panel(460)
    for severity, sentence, hint in (
        (Severity.ERROR, "The file toon.pkl asks to run a program when it is opened.", "Get a safetensors version."),
        (Severity.WARNING, "The two models are unrelated: their weights differ by 1.34.", ""),
        (Severity.INFO, "Exported toon-2143.png, 1024 x 1024.", ""),
    ):
        bar = ErrorBar()
        more, action = ("x", "") if hint else ("", "Show")
        for _ in range(2):
            bar.show_message(sentence, hint, severity=severity, details=more, action=action)
        layout.addWidget(bar)
    opened = ErrorBar()
    opened.show_message("The disk is full.", "Free some space.", details="OSError: [Errno 28] No space left")
    opened._more.setChecked(True)
    layout.addWidget(opened)
    for state in (JobState.RUNNING, JobState.PAUSED, JobState.DONE, JobState.CANCELLED, JobState.FAILED):
        card = JobCard("1", "Inverting portrait")
        card.setMaximumWidth(188)
        card.set_thumbnail(draw_face(2, 96))
        card.set_paused(state is JobState.PAUSED)
        card.set_progress(None if state is JobState.RUNNING else 0.4, "Step 120 of 300", 65)
        if state in (JobState.DONE, JobState.CANCELLED):
            card.finish(state, "Finished in 14 s", usable=True)
        elif state is JobState.FAILED:
            card.finish(state, "There is not enough memory.")
        layout.addWidget(card)
    layout.addStretch(1)
    return widget


def canvas_in(mode: CanvasMode, size_px: int | None = None) -> Canvas:
    canvas = Canvas()
    canvas.resize(700, 560)
    canvas.set_mode(mode)
    fill_canvas(canvas, size_px=size_px)
    return canvas


def zoomed() -> Canvas:
    canvas = canvas_in(CanvasMode.TRIPTYCH)
    canvas.zoom_by(2.5)
    return canvas


def empty() -> Canvas:
    canvas = Canvas()
    canvas.resize(700, 560)
    return canvas


def aligning() -> Canvas:
    canvas = Canvas()
    canvas.resize(780, 620)
    picture = QImage(900, 640, QImage.Format.Format_RGB32)
    with QPainter(picture) as painter:
        painter.fillRect(picture.rect(), Qt.GlobalColor.darkGray)
        painter.drawImage(QPoint(60, 100), draw_face(1, 460))
        painter.drawImage(QPoint(580, 250), draw_face(4, 260))

    def points(x: int, y: int, edge: int) -> FacePoints:
        placed = [((x + edge * px) * 2, (y + edge * py) * 2) for px, py in (LEFT_EYE, RIGHT_EYE, MOUTH)]
        return FacePoints(*placed)

    faces = (points(60, 100, 460), points(580, 250, 260))
    canvas.begin_align(pixels_of(picture), 0.5, faces[0], Framing(FramingKind.FFHQ), note="Two faces were found.")
    canvas.set_faces(faces)
    return canvas


SHEETS: dict[str, Callable[[], QWidget]] = {
    "window": window,
    "states": states,
    "canvas-wipe": lambda: canvas_in(CanvasMode.COMPARE),
    "canvas-blend-coarse": lambda: canvas_in(CanvasMode.BLEND, 32),
    "canvas-triptych-zoomed": zoomed,
    "canvas-empty": empty,
    "align": aligning,
}


def save_all(folder: Path, suffix: str, names: list[str]) -> None:
    app = QApplication.instance() or QApplication(sys.argv)
    assert isinstance(app, QApplication)
    themes: tuple[Theme, ...] = (DARK, LIGHT)
    for theme in themes:
        apply_theme(app, theme)
        for name, make in SHEETS.items():
            if names and name not in names:
                continue
            page = make()
            page.show()
            for child in page.findChildren(EditSlider):
                if child.objectName() == "focus me":
                    child.setFocus()
            QGuiApplication.processEvents()
            page.grab().save(str(folder / f"{name}-{theme.name}{suffix}.png"))
            page.close()
            page.deleteLater()
            QGuiApplication.processEvents()


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:]
    if os.environ.get("QT_SCALE_FACTOR") == "2":
        save_all(folder, "@2x", names)
        return
    save_all(folder, "", names)
    subprocess.run([sys.executable, *sys.argv], env={**os.environ, "QT_SCALE_FACTOR": "2"}, check=True)


if __name__ == "__main__":
    main()
