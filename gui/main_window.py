"""The window: where everything lies, and the menus. What things do is connected elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from gui.actions import THEME_ACTIONS, VIEW_ACTIONS, Actions, follow_tooltip
from gui.canvas import Canvas
from gui.icons import icon
from gui.panels.controls import Controls
from gui.panels.inversion_view import InversionView
from gui.panels.invert_bar import InvertBar
from gui.panels.shelf import Shelf
from gui.settings import Settings
from gui.widgets.drops import local_paths
from gui.widgets.error_bar import ErrorBar
from gui.widgets.filmstrip import Filmstrip
from gui.widgets.segmented import VIEW_SEGMENTS, Segmented

DEFAULT_SIZE = QSize(1280, 800)
SHELF_PX = 208
CONTROLS_PX = 292
LAYOUT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Parts:
    """The widgets that the window lays out."""

    canvas: Canvas
    inversion: InversionView
    invert_bar: InvertBar
    message_bar: ErrorBar
    shelf: Shelf
    controls: Controls
    filmstrip: Filmstrip


class MainWindow(QMainWindow):
    paths_dropped = Signal(object)  # tuple[Path, ...]

    def __init__(self, parts: Parts, settings: Settings) -> None:
        super().__init__()
        self.parts = parts
        self.actions_ = Actions(self, settings)
        self._put_away: list[QDockWidget] = []
        self.later_docks: tuple[QDockWidget, ...] = ()
        self._settings = settings
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 600)
        self.resize(DEFAULT_SIZE)
        self.setDockOptions(QMainWindow.DockOption.AnimatedDocks)
        self.setWindowTitle("Graft")
        self.view = Segmented(VIEW_SEGMENTS)
        self._build_centre()
        self._build_toolbar()
        self.shelf_dock = self._dock("Shelf", parts.shelf, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.controls_dock = self._dock("Controls", parts.controls, Qt.DockWidgetArea.RightDockWidgetArea)
        self.history_dock = self._dock("History", parts.filmstrip, Qt.DockWidgetArea.BottomDockWidgetArea)
        for corner in (Qt.Corner.BottomLeftCorner, Qt.Corner.BottomRightCorner):
            self.setCorner(corner, Qt.DockWidgetArea.BottomDockWidgetArea)
        self.recent_menu = QMenu("Open recent", self)
        self.samples_menu = QMenu("Sample portraits", self)
        self.layouts_menu = QMenu("Layouts", self)
        self._build_menus()
        self.statusBar().setSizeGripEnabled(False)
        self.reset_layout()
        self._default_state = self.saveState(LAYOUT_VERSION)
        self._restore_layout()

    # --- building -------------------------------------------------------------------------------------------------

    def _build_centre(self) -> None:
        self.stack = QStackedWidget()
        self.stack.addWidget(self.parts.canvas)
        self.stack.addWidget(self.parts.inversion)
        centre = QWidget()
        self._centre_column = column = QVBoxLayout(centre)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.stack, 1)
        column.addWidget(self.parts.invert_bar)
        column.addWidget(self.parts.message_bar)
        centre.setMinimumWidth(320)
        self.setCentralWidget(centre)

    def put_over_canvas(self, bar: QWidget) -> None:
        """Give a bar its place between the toolbar and the picture."""
        self._centre_column.insertWidget(0, bar)

    def put_under_canvas(self, line: QWidget) -> None:
        """Give a line its place right under the picture."""
        self._centre_column.insertWidget(self._centre_column.indexOf(self.stack) + 1, line)

    def _build_toolbar(self) -> None:
        bar = QToolBar("Tools")
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.setFloatable(False)
        bar.toggleViewAction().setEnabled(False)
        actions = self.actions_
        self.buttons = {
            "open_portrait": QPushButton(icon("portrait"), "Open portrait"),
            "new_seed": QPushButton(icon("dice"), "New seed"),
            "undo": QPushButton(icon("undo"), "Undo"),
            "redo": QPushButton(icon("redo"), "Redo"),
            "export": QPushButton(icon("export"), "Export still"),
        }
        for name, button in self.buttons.items():
            action = actions[name]
            follow_tooltip(action, button)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(action.trigger)
            action.enabledChanged.connect(button.setEnabled)
        for name, mode in VIEW_ACTIONS.items():
            self.view.follow(mode.value, actions[name])
        self.buttons["export"].setProperty("role", "primary")
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(7, 0, 7, 0)
        left, right = QHBoxLayout(), QHBoxLayout()
        for layout, names in ((left, ("open_portrait", "new_seed")), (right, ("undo", "redo", "export"))):
            layout.setSpacing(8)
            for name in names:
                layout.addWidget(self.buttons[name])
        right.insertStretch(0)
        left.addStretch()
        grid.addLayout(left, 0, 0)
        grid.addWidget(self.view, 0, 1)
        grid.addLayout(right, 0, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        bar.addWidget(holder)
        # A toolbar has one padding for all four sides, the upper one's; the sides get the rest from the grid.
        bar.setStyleSheet("QToolBar { padding: 5px; }")
        self.addToolBar(bar)
        self.tools = bar

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(title.lower())
        dock.setWidget(widget)
        dock.setTitleBarWidget(QWidget())
        dock.topLevelChanged.connect(self._title_floating_docks)
        self.addDockWidget(area, dock)
        return dock

    def add_bottom_dock(self, title: str, widget: QWidget) -> QDockWidget:
        """A panel over the filmstrip, as wide as the window; one that is made when it is first wanted."""
        dock = self._dock(title, widget, Qt.DockWidgetArea.BottomDockWidgetArea)
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        self.splitDockWidget(dock, self.history_dock, Qt.Orientation.Vertical)
        self.later_docks = (*self.later_docks, dock)
        return dock

    @property
    def docks(self) -> tuple[QDockWidget, ...]:
        return self.shelf_dock, self.controls_dock, self.history_dock

    @Slot()
    def _title_floating_docks(self) -> None:
        """A docked panel has no title of its own; a floating one needs it to be moved and closed."""
        for dock in self.docks:
            has_own = dock.titleBarWidget() is None
            if dock.isFloating() and not has_own:
                dock.setTitleBarWidget(None)  # type: ignore[arg-type]
            elif not dock.isFloating() and has_own:
                dock.setTitleBarWidget(QWidget())
        self.actions_["float_controls"].setChecked(self.controls_dock.isFloating())

    def _build_menus(self) -> None:
        actions = self.actions_
        brand = QLabel("Graft", self.menuBar())
        brand.setStyleSheet("font-weight: 700; padding: 0 6px 0 12px;")
        self.menuBar().setCornerWidget(brand, Qt.Corner.TopLeftCorner)
        themes = QMenu("Theme", self)
        themes.addActions([actions[name] for name in THEME_ACTIONS])
        panels = [dock.toggleViewAction() for dock in self.docks]
        layout: dict[str, tuple[str | QMenu | None, ...]] = {
            "&File": ("new", "open", self.recent_menu, None, "save", "save_as", None, "restore", None, "quit"),
            "&Edit": (
                "undo", "redo", None, "copy", "paste", None, "new_seed", "surprise", "explore", None,
                "find_on_shelf", "save_look", "restore_look",
            ),
            "&View": (
                *VIEW_ACTIONS, None, "blink", "pin", "compare_photo", None, "history", None,
                "fit", "one_to_one", "zoom_in", "zoom_out", "pixel_values", None, "animate", "hide_docks",
                "float_controls", "panels", "next_part", self.layouts_menu, "reset_layout", None, themes,
            ),
            "&Models": (
                "add_model", "get_models", "library", None,
                "train", "measure", None, "directions", "import_directions", "styles", None,
                "swap", "doctor", "save_blend",
            ),
            "&Portrait": (
                "open_portrait", self.samples_menu,
                None,  # with the portrait that is on screen
                "every_style", "search_closer", "align_again", "search_steps", "compare_photo", "put_back",
                "tune",
                None,  # with a photo, or many
                "invert_many",
                "save_lines",
            ),
            "E&xport": (
                "export", "copy", None, "export_video", "key_here", None, "export_sheet", "batch", None,
                "export_network",
            ),
            "&Help": ("palette", "keys", "shortcuts", None, "weights", "faster_previews", None, "about"),
        }
        for title, names in layout.items():
            menu = self.menuBar().addMenu(title)
            menu.setToolTipsVisible(True)
            for name in names:
                if name is None:
                    menu.addSeparator()
                elif isinstance(name, QMenu):
                    menu.addMenu(name)
                elif name == "panels":
                    menu.addActions(panels)
                else:
                    menu.addAction(actions[name])

    # --- layout ---------------------------------------------------------------------------------------------------

    @Slot()
    def reset_layout(self) -> None:
        """Every panel back where it was on the first day."""
        areas = (
            Qt.DockWidgetArea.LeftDockWidgetArea,
            Qt.DockWidgetArea.RightDockWidgetArea,
            Qt.DockWidgetArea.BottomDockWidgetArea,
        )
        for dock, area in zip(self.docks, areas, strict=True):
            dock.setFloating(False)
            self.addDockWidget(area, dock)
            dock.show()
        for dock in self.later_docks:
            self.splitDockWidget(dock, self.history_dock, Qt.Orientation.Vertical)
        self.resizeDocks([self.shelf_dock, self.controls_dock], [SHELF_PX, CONTROLS_PX], Qt.Orientation.Horizontal)

    def save_layout(self) -> None:
        self._settings.set_bytes("window.geometry", bytes(self.saveGeometry().data()))
        self._settings.set_bytes("window.layout", bytes(self.saveState(LAYOUT_VERSION).data()))

    def _restore_layout(self) -> None:
        if geometry := self._settings.get_bytes("window.geometry"):
            self.restoreGeometry(QByteArray(geometry))
        layout = self._settings.get_bytes("window.layout")
        if layout and not self.restoreState(QByteArray(layout), LAYOUT_VERSION):
            self.restoreState(self._default_state, LAYOUT_VERSION)
        self._title_floating_docks()

    @Slot(bool)
    def float_controls(self, floating: bool) -> None:
        self.controls_dock.setFloating(floating)

    @Slot(bool)
    def show_only_picture(self, alone: bool) -> None:
        """Hide the panels, or bring back those that were there."""
        if alone:
            self._put_away = [dock for dock in (*self.docks, *self.later_docks) if dock.isVisible()]
            for dock in self._put_away:
                dock.hide()
        else:
            for dock in self._put_away:
                dock.show()

    @property
    def centre(self) -> QWidget:
        """What is in the middle: the canvas, or what stands in for it."""
        return self.stack.currentWidget() or self.parts.canvas

    def show_in_centre(self, widget: QWidget | None) -> None:
        """Put a widget in place of the canvas; None shows the canvas again."""
        if widget is not None and self.stack.indexOf(widget) < 0:
            self.stack.addWidget(widget)
        self.stack.setCurrentWidget(self.parts.canvas if widget is None else widget)

    @Slot(bool)
    def show_search(self, shown: bool) -> None:
        """Show the search for a portrait in place of the canvas, or the canvas again."""
        view = self.parts.inversion
        if shown:
            self.show_in_centre(view)
        elif self.centre is view:
            had_focus = view.hasFocus() or view.isAncestorOf(self.focusWidget() or self)
            self.show_in_centre(None)
            if had_focus:
                self.parts.canvas.setFocus()

    @Slot()
    def focus_next_part(self) -> None:
        """Walk the keyboard from the picture to the controls, the history, the shelf, and back."""
        docks = (self.controls_dock, *self.later_docks, self.history_dock, self.shelf_dock)
        parts = [self.centre, *(dock.widget() for dock in docks if dock.isVisible())]
        focused = self.focusWidget()
        holds = [focused is not None and (part is focused or part.isAncestorOf(focused)) for part in parts]
        here = holds.index(True) if True in holds else -1
        _focus_first(parts[(here + 1) % len(parts)])

    # --- events ---------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := local_paths(event.mimeData()):
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.centre.hasFocus():
            self.parts.message_bar.dismiss()
        elif event.key() == Qt.Key.Key_Escape:
            self.centre.setFocus()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.save_layout()
        self.parts.controls.save_folds()
        event.accept()


def _focus_first(part: QWidget) -> None:
    """Give the keyboard to `part`, or to the first thing in it that takes it."""
    if part.focusPolicy() & Qt.FocusPolicy.TabFocus and part.isEnabled():
        part.setFocus(Qt.FocusReason.TabFocusReason)
        return
    for child in part.findChildren(QWidget):
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus and child.isEnabled() and child.isVisible():
            child.setFocus(Qt.FocusReason.TabFocusReason)
            return
