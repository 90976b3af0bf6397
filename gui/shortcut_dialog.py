"""Keyboard shortcuts: every action and its keys, in a table one can search and change."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.actions import Actions, title_of
from gui.settings import Settings
from gui.shortcuts import Keys, keep_keys, native, owner_of, portable, refusal

ROW_STYLE = "QTreeView::item { padding: 4px 4px; }"
SIZE = (560, 640)
_NAME_ROLE = Qt.ItemDataRole.UserRole
_MODIFIERS = frozenset({Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr})
_WALKS = frozenset({Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape})


class KeyField(QLineEdit):
    """Takes the next key that is pressed. Tab leaves it, and so does Esc."""

    recorded = Signal(QKeySequence)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setPlaceholderText("Press the new key here")
        self.setAccessibleName("New key")
        self.setToolTip("Click here, then press the key that the action shall have")

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ShortcutOverride:
            event.accept()  # it is recorded, not done
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = Qt.Key(event.key())
        if key in _WALKS and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        elif key not in _MODIFIERS and key is not Qt.Key.Key_unknown:
            self.recorded.emit(_sequence(event))


class ShortcutDialog(QDialog):
    """Changes act at once and are kept in the settings."""

    def __init__(self, actions: Actions, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        self._actions = actions
        self._settings = settings
        self._wanted = ""
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search an action or a key")
        self.search.setAccessibleName("Search")
        self.search.setToolTip("Part of an action's name, or a key such as Ctrl+E")
        self.search.setClearButtonEnabled(True)
        self.table = QTreeWidget()
        self.table.setHeaderLabels(["Action", "Keys"])
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setStyleSheet(ROW_STYLE)
        self.table.setAccessibleName("Actions and their keys")
        self.table.setToolTip("Enter or a double-click changes an action's key")
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.header().setStretchLastSection(False)
        self.table.setColumnWidth(1, 170)
        self.field = KeyField()
        self.name = QLabel()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setProperty("role", "caption")
        self.take = QPushButton("Use here instead")
        self.take.setToolTip("Take the key from the other action and give it to this one")
        self.none = QPushButton("No key")
        self.none.setToolTip("Leave this action without a key")
        self.usual = QPushButton("Usual key")
        self.usual.setToolTip("Give this action the key it came with")
        self.all_usual = QPushButton("All as they came")
        self.all_usual.setToolTip("Give every action the keys it came with")
        self.leave = QPushButton("Close")
        self.leave.setToolTip("Close this list; changes are kept")
        for button in (self.take, self.none, self.usual, self.all_usual, self.leave):
            button.setAutoDefault(False)
        self._lay_out()
        self._connect()
        self._fill()
        self.select(next(iter(actions.named())))
        self.resize(*SIZE)

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("role", "card")
        grid = QGridLayout(card)
        grid.setContentsMargins(12, 10, 12, 10)
        grid.setSpacing(8)
        grid.addWidget(self.name, 0, 0, 1, 3)
        for column, widget in enumerate((self.field, self.none, self.usual)):
            grid.addWidget(widget, 1, column)
        grid.addWidget(self.words, 2, 0)
        grid.addWidget(self.take, 2, 1, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setRowMinimumHeight(2, 30)
        foot = QHBoxLayout()
        foot.addWidget(self.all_usual)
        foot.addStretch(1)
        foot.addWidget(self.leave)
        column_ = QVBoxLayout(self)
        column_.setContentsMargins(14, 14, 14, 14)
        column_.setSpacing(10)
        for part in (self.search, self.table, card):
            column_.addWidget(part)
        column_.addLayout(foot)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._filter)
        self.table.currentItemChanged.connect(self._show)
        self.table.itemActivated.connect(lambda: self.field.setFocus())
        self.field.recorded.connect(self.record)
        self.take.clicked.connect(self._take)
        self.none.clicked.connect(lambda: self._give(()))
        self.usual.clicked.connect(lambda: self._give(self._actions.usual_keys(self._name), take=True))
        self.all_usual.clicked.connect(self.reset_all)
        self.leave.clicked.connect(self.accept)

    # --- showing --------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        item = self.table.currentItem()
        return "" if item is None else str(item.data(0, _NAME_ROLE))

    def select(self, name: str) -> None:
        """Go to an action's row."""
        for place in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(place)
            if item is not None and item.data(0, _NAME_ROLE) == name:
                self.table.setCurrentItem(item)

    def _fill(self) -> None:
        for name, action in self._actions.named().items():
            item = QTreeWidgetItem([title_of(action), ""])
            item.setData(0, _NAME_ROLE, name)
            item.setToolTip(0, action.toolTip())
            self.table.addTopLevelItem(item)
        self._write_keys()

    def _write_keys(self) -> None:
        for place in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(place)
            if item is None:
                continue
            name = str(item.data(0, _NAME_ROLE))
            item.setText(1, native(self._actions.keys(name)))
            font = item.font(1)
            font.setBold(self._actions.keys(name) != self._actions.usual_keys(name))
            item.setFont(1, font)
        self._show()

    @Slot(str)
    def _filter(self, text: str) -> None:
        words = text.lower().split()
        for place in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(place)
            if item is not None:
                told = f"{item.text(0)} {item.text(1)}".lower()
                item.setHidden(not all(word in told for word in words))

    @Slot()
    def _show(self) -> None:
        name = self._name
        is_there = bool(name)
        for widget in (self.field, self.none, self.usual):
            widget.setEnabled(is_there)
        self._wanted = ""
        self.take.hide()
        self.words.setText("")
        if is_there:
            self.name.setText(title_of(self._actions[name]))
            self.field.setText(native(self._actions.keys(name)))
            self.none.setEnabled(bool(self._actions.keys(name)))
            self.usual.setEnabled(self._actions.keys(name) != self._actions.usual_keys(name))

    # --- changing -------------------------------------------------------------------------------------------------

    @Slot(QKeySequence)
    def record(self, sequence: QKeySequence) -> None:
        """Give the chosen action this key, unless another has it: then say so and offer to take it."""
        self._show()
        self.field.setText(sequence.toString(QKeySequence.SequenceFormat.NativeText))
        if problem := refusal(sequence):
            self.words.setText(problem)
            return
        key = portable(sequence)
        owner = owner_of(key, self._all_keys(), self._name)
        if owner is None:
            self._give((key,))
            return
        self._wanted = key
        self.words.setText(f"{native((key,))} belongs to \N{LEFT DOUBLE QUOTATION MARK}"
                           f"{title_of(self._actions[owner])}\N{RIGHT DOUBLE QUOTATION MARK}.")
        self.take.show()

    @Slot()
    def _take(self) -> None:
        if self._wanted:
            self._give((self._wanted,), take=True)

    def _give(self, keys: Keys, *, take: bool = False) -> None:
        """
        Args:
            take: From whichever action has them now.
        """
        name = self._name
        if take:
            for other, own in self._all_keys().items():
                left = tuple(key for key in own if key not in keys)
                if other != name and left != own:
                    self._set(other, left)
        self._set(name, keys)
        self._write_keys()

    @Slot()
    def reset_all(self) -> None:
        for name in self._actions.named():
            self._set(name, self._actions.usual_keys(name))
        self._write_keys()

    def _set(self, name: str, keys: Keys) -> None:
        self._actions.set_keys(name, keys)
        keep_keys(self._settings, name, keys, self._actions.usual_keys(name))

    def _all_keys(self) -> dict[str, Keys]:
        return {name: self._actions.keys(name) for name in self._actions.named()}


def _sequence(event: QKeyEvent) -> QKeySequence:
    """The key as a shortcut sees it: Shift counts with letters, not where it only makes another sign ("?")."""
    key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    text = event.text()
    if text and text.isprintable() and not text.isalnum() and not text.isspace():
        modifiers &= ~Qt.KeyboardModifier.ShiftModifier
    return QKeySequence(modifiers.value | key.value)
