"""The one stylesheet, built from the theme's tokens, for the controls that Qt paints."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from string import Template

from gui.tokens import Theme, mix

_ICONS = Path(__file__).resolve().parent.parent / "resources" / "icons"

_TEMPLATE = Template("""
* { font-size: 13px; }
QMainWindow, QDialog, QMessageBox { background: $panel; }
QWidget[role="panel"] { background: $panel; }
QWidget[role="window"] { background: $window; }
QFrame[role="card"] { background: $raised; border: 1px solid $line; border-radius: 6px; }
QLabel { background: transparent; }
QLabel[role="caption"], QLabel[role="muted"] { color: $muted; }
QLabel[role="caption"] { font-size: 11px; }
QLabel[role="heading"] { color: $muted; font-size: 11px; }
QLabel[role="title"] { font-size: 17px; font-weight: 600; }
QLabel[role="problem"] { color: $error; }
QLabel:disabled { color: $disabled; }
QFrame[role="line"] { background: $line; border: 0; }

QMenuBar { background: $window; color: $muted; padding: 2px 4px; border: 0; }
QMenuBar::item { background: transparent; padding: 5px 9px; border-radius: 4px; }
QMenuBar::item:selected { background: $raised; color: $text; }
QMenu { background: $raised; border: 1px solid $line; border-radius: 6px; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 12px; border-radius: 4px; }
QMenu::item:selected { background: $selected; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QMenu::indicator { width: 14px; height: 14px; padding-left: 8px; }
QMenu::indicator:checked { image: url("$tick"); }

QToolBar { background: $panel; border: 0; border-bottom: 1px solid $line; spacing: 8px; padding: 6px 12px; }
QToolBar::separator { width: 1px; background: $line; margin: 4px 4px; }
QStatusBar { background: $panel; color: $muted; border-top: 1px solid $line; font-size: 11px; }
QStatusBar::item { border: 0; }
QStatusBar QLabel { color: $muted; font-size: 11px; padding: 0 8px 0 6px; }

QPushButton, QToolButton {
    background: $raised; color: $text; border: 1px solid $line; border-radius: 6px; padding: 5px 10px;
}
QPushButton { min-height: 17px; }
QPushButton:hover, QToolButton:hover { background: $hover; }
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked { background: $pressed; }
QPushButton:focus, QToolButton:focus { border-color: $focus; }
QPushButton:disabled, QToolButton:disabled { color: $disabled; background: $panel; }
QPushButton[role="primary"], QToolButton[role="primary"] { background: $primary; border-color: $focus; }
QPushButton[role="primary"]:hover, QToolButton[role="primary"]:hover { background: $primary_hover; }
QPushButton[role="primary"]:disabled, QToolButton[role="primary"]:disabled {
    background: $panel; border-color: $line;
}
QPushButton[role="chip"] {
    font-size: 11px; padding: 1px 6px; min-height: 15px; border-radius: 9px; color: $muted; background: transparent;
}
QPushButton[role="chip"]:hover { color: $text; }
QPushButton[role="chip"]:checked { color: $text; background: $selected; border-color: $focus; }
QPushButton[role="switch"] { border-radius: 10px; padding: 2px 11px; color: $muted; }
QPushButton[role="switch"]:checked { background: $selected; border-color: $focus; color: $text; }
QPushButton[role="switch"]:disabled { background: $panel; border-color: $line; color: $disabled; }
QPushButton[role="quiet"], QToolButton[role="quiet"] {
    background: transparent; border: 1px solid transparent; border-radius: 4px; padding: 2px;
}
QPushButton[role="quiet"] { padding: 4px 8px; }
QPushButton[role="quiet"]:hover, QToolButton[role="quiet"]:hover { background: $hover; }
QPushButton[role="quiet"]:focus, QToolButton[role="quiet"]:focus { border-color: $focus; }
QToolButton[role="quiet"]:checked { background: $pressed; }
QToolButton[caption="true"] { color: $muted; font-size: 11px; padding: 1px 4px; }
QToolButton[caption="true"]:hover { color: $text; }
QToolButton[worded="true"] { padding: 5px 4px 5px 6px; }
QToolButton[heading="true"] { padding: 1px 0 1px 4px; margin: 0; }
QToolButton::menu-indicator { image: none; width: 0; }

QComboBox {
    background: $raised; border: 1px solid $line; border-radius: 4px; padding: 4px 8px; min-height: 17px;
    combobox-popup: 0;
}
QComboBox:hover { background: $hover; }
QComboBox:focus { border-color: $focus; }
QComboBox:disabled { color: $disabled; background: $panel; }
QComboBox::drop-down { subcontrol-position: right center; width: 22px; border: 0; }
QComboBox::down-arrow { image: url("$caret"); width: 10px; height: 10px; }
QComboBox QAbstractItemView {
    background: $raised; border: 1px solid $line; padding: 4px; outline: 0; selection-background-color: $selected;
    selection-color: $text;
}
QComboBox QAbstractItemView::item { min-height: 24px; padding: 2px 6px; border-radius: 4px; }

QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {
    background: $window; border: 1px solid $line; border-radius: 4px; padding: 3px 6px;
    selection-background-color: $focus; selection-color: $on_focus;
}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus { border-color: $focus; }
QLineEdit:disabled { color: $disabled; background: $panel; }
QLineEdit[invalid="true"] { border-color: $error; }
QTextBrowser { background: $panel; border: 0; }

QCheckBox, QRadioButton { spacing: 8px; background: transparent; }
QCheckBox:disabled, QRadioButton:disabled { color: $disabled; }
QCheckBox::indicator, QRadioButton::indicator {
    width: 14px; height: 14px; background: $window; border: 1px solid $edge;
}
QCheckBox::indicator { border-radius: 3px; }
QRadioButton::indicator { border-radius: 8px; }
QCheckBox::indicator:hover, QRadioButton::indicator:hover { border-color: $muted; }
QCheckBox::indicator:focus, QRadioButton::indicator:focus { border-color: $focus; }
QCheckBox::indicator:checked, QRadioButton::indicator:checked { background: $focus; border-color: $focus; }
QCheckBox::indicator:checked { image: url("$check"); }
QRadioButton::indicator:checked { image: url("$dot"); }

QScrollArea { background: transparent; border: 0; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $edge; border-radius: 3px; }
QScrollBar::handle:vertical { min-height: 28px; margin: 2px; }
QScrollBar::handle:horizontal { min-width: 28px; margin: 2px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QDockWidget { background: $panel; color: $muted; font-size: 11px; }
QDockWidget::title { background: $panel; padding: 6px 10px; border-bottom: 1px solid $line; }
QMainWindow::separator { background: $line; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: $focus; }
QSplitter::handle { background: $line; }
QSplitter::handle:horizontal { width: 1px; }
QSplitter::handle:vertical { height: 1px; }

QTabWidget::pane { border: 0; border-top: 1px solid $line; }
QTabBar::tab { background: transparent; color: $muted; padding: 6px 12px; border-bottom: 2px solid transparent; }
QTabBar::tab:selected { color: $text; border-bottom-color: $focus; }
QTabBar::tab:hover { color: $text; }

QListView, QTreeView, QTableView {
    background: transparent; border: 0; outline: 0; selection-background-color: $selected; selection-color: $text;
}
QHeaderView::section {
    background: $panel; color: $muted; border: 0; border-bottom: 1px solid $line; padding: 4px 8px;
}
QGroupBox { border: 1px solid $line; border-radius: 6px; margin-top: 16px; padding: 8px; }
QGroupBox::title { subcontrol-origin: margin; left: 8px; color: $muted; }

QProgressBar {
    background: $line; border: 0; border-radius: 2px; max-height: 4px; min-height: 4px; text-align: center;
}
QProgressBar::chunk { background: $focus; border-radius: 2px; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 5px 8px; font-size: 12px; }
""")


def stylesheet(theme: Theme) -> str:
    """Qt style rules for this theme."""
    derived = {
        "hover": mix(theme.raised, theme.text, 0.06).name(),
        "pressed": mix(theme.raised, theme.text, 0.14).name(),
        "selected": mix(theme.raised, theme.focus, 0.28).name(),
        "primary": mix(theme.raised, theme.focus, 0.28).name(),
        "primary_hover": mix(theme.raised, theme.focus, 0.38).name(),
        "edge": mix(theme.line, theme.muted, 0.35).name(),
        "on_focus": on_focus(theme),
        "caret": _glyph("caret", theme),
        "check": _glyph("check", theme),
        "tick": _glyph("tick", theme),
        "dot": _glyph("dot", theme),
    }
    return _TEMPLATE.substitute(asdict(theme) | derived)


def on_focus(theme: Theme) -> str:
    """The colour of letters and ticks on a focus-coloured ground."""
    return "#0f1420" if theme.is_dark else "#ffffff"


def _glyph(name: str, theme: Theme) -> str:
    return (_ICONS / f"{name}-{theme.name}.svg").as_posix()
