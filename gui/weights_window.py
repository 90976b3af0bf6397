"""Optional weights: which there are and which were found, and what the published encoders are used for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.encoder_links import KnownEncoder
from engine.errors import printable
from engine.file_size import in_words
from engine.optional_weights import WeightsStatus
from engine.state import ModelRef
from gui.panels.labels import caption_label, scrolling, title_label

SIZE = (640, 620)
ABOUT = (
    "Graft works without these and may not ship them. Put a file into the weights folder, under any name: what it is "
    "shows in its content. It is used from the next search on, and nothing in it is run."
)
ABOUT_ENCODERS = (
    "Drop a pSp, e4e or ReStyle checkpoint on Graft's window: its encoder is kept, and searches in its model begin "
    "with it. Other models that share its latents can use it too."
)
NO_ENCODERS = "None yet."


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """Attributes:
    fitting: Models that could use the encoder.
    """

    encoder: KnownEncoder
    fitting: tuple[ModelRef, ...]


class WeightsWindow(QDialog):
    folder_wanted = Signal()
    refresh_wanted = Signal()
    link_toggled = Signal(object, object, bool)  # KnownEncoder, ModelRef, whether it is to be used
    removal_wanted = Signal(object)  # KnownEncoder

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Optional weights")
        self._stays_at_end = False
        self.statuses = QVBoxLayout()
        self.encoders = QVBoxLayout()
        self.folder = QPushButton("Open the weights folder")
        self.folder.setToolTip("Show the folder in the file manager; it is made if need be")
        self.again = QPushButton("Look again")
        self.again.setToolTip("See what is in the folder now")
        self.leave = QPushButton("Close")
        self.leave.setToolTip("Close this window (Esc)")
        for button in (self.folder, self.again, self.leave):
            button.setAutoDefault(False)
        self._lay_out()
        self.folder.clicked.connect(self.folder_wanted)
        self.again.clicked.connect(self.refresh_wanted)
        self.leave.clicked.connect(self.accept)
        bar = self.area.verticalScrollBar()
        bar.rangeChanged.connect(self._follow_end)
        bar.actionTriggered.connect(self._let_go_of_end)
        self.finished.connect(self._let_go_of_end)
        self.resize(*SIZE)

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(8)
        for layout in (self.statuses, self.encoders):
            layout.setSpacing(8)
        column.addWidget(_wrapped(ABOUT, "caption"))
        column.addLayout(self.statuses)
        column.addSpacing(8)
        column.addWidget(title_label("Portrait encoders"))
        column.addWidget(_wrapped(ABOUT_ENCODERS, "caption"))
        column.addLayout(self.encoders)
        column.addStretch(1)
        foot = QHBoxLayout()
        foot.addWidget(self.folder)
        foot.addWidget(self.again)
        foot.addStretch(1)
        foot.addWidget(self.leave)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(14, 14, 14, 14)
        outer.setSpacing(10)
        self.area = scrolling(inside)
        outer.addWidget(self.area, 1)
        outer.addLayout(foot)

    def show_weights(self, statuses: Sequence[WeightsStatus]) -> None:
        _clear(self.statuses)
        for status in statuses:
            self.statuses.addWidget(_weights_card(status))

    def show_encoders(self, rows: Sequence[EncoderRow]) -> None:
        _clear(self.encoders)
        for row in rows:
            self.encoders.addWidget(self._encoder_card(row))
        if not rows:
            self.encoders.addWidget(caption_label(NO_ENCODERS))

    def go_to_encoders(self) -> None:
        """Bring the encoders into view and keep them there while they are laid out."""
        bar = self.area.verticalScrollBar()
        self._stays_at_end = True
        bar.setValue(bar.maximum())

    @Slot(int, int)
    def _follow_end(self, _: int, end: int) -> None:
        if self._stays_at_end:
            self.area.verticalScrollBar().setValue(end)

    @Slot()
    def _let_go_of_end(self) -> None:
        self._stays_at_end = False

    def _encoder_card(self, row: EncoderRow) -> QWidget:
        encoder = row.encoder
        used = ", ".join(f"“{printable(model.name, 40)}”" for model in encoder.models)
        if used:
            words = f"Used for {used}."
        elif encoder.waiting:
            words = f"Not used now: “{printable(encoder.waiting[0].name, 40)}” begins with another one."
        else:
            words = "Waits for its model: choose the one it was trained with."
        button = QToolButton()
        button.setText("Models")
        button.setAccessibleName(f"Models of {encoder.title}")
        button.setToolTip("Choose the models that searches begin with this encoder in")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        menu = QMenu(button)
        for model in row.fitting:
            action = menu.addAction(printable(model.name, 60))
            action.setCheckable(True)
            action.setChecked(any(one.sha256 == model.sha256 for one in encoder.models))
            action.triggered.connect(self._toggler(encoder, model))
        if not row.fitting:
            rows = "any number of" if encoder.metadata.sizes.rows == 1 else str(encoder.metadata.sizes.rows)
            menu.addAction(f"No model here takes {rows} rows of {encoder.metadata.sizes.w_dim}").setEnabled(False)
        menu.addSeparator()
        size = in_words(encoder.path.stat().st_size) if encoder.path.is_file() else "gone"
        menu.addAction(f"Move its file to the trash ({size})").triggered.connect(
            lambda: self.removal_wanted.emit(encoder)
        )
        button.setMenu(menu)
        title = f"{printable(encoder.title, 60)}: {encoder.metadata.sizes.words}"
        return _card(title, words, "" if used else "muted", button)

    def _toggler(self, encoder: KnownEncoder, model: ModelRef) -> Callable[[bool], None]:
        return lambda used: self.link_toggled.emit(encoder, model, used)


def _weights_card(status: WeightsStatus) -> QWidget:
    weights = status.weights
    if status.path is None:
        state, role = "not found", "muted"
    elif status.problem:
        state, role = "cannot be used", "problem"
    else:
        state, role = "found", ""
    shown = QLabel(state)
    shown.setProperty("role", role)
    shown.setAccessibleName(f"{weights.title}: {state}")
    if status.path is None:
        where = f"Usually {weights.file}, from {weights.source}."
    else:
        where = f"{printable(status.path.name, 60)}. {status.problem}".strip()
    return _card(weights.title, weights.purpose, "", shown, where)


def _card(title: str, words: str, role: str, beside: QWidget, more: str = "") -> QWidget:
    card = QFrame()
    card.setProperty("role", "card")
    grid = QGridLayout(card)
    grid.setContentsMargins(12, 8, 12, 8)
    grid.setSpacing(3)
    head = QLabel(title)
    head.setTextFormat(Qt.TextFormat.PlainText)
    head.setProperty("role", "title")
    grid.addWidget(head, 0, 0)
    grid.addWidget(beside, 0, 1, Qt.AlignmentFlag.AlignRight)
    grid.addWidget(_wrapped(words, role), 1, 0, 1, 2)
    if more:
        grid.addWidget(_wrapped(more, "caption"), 2, 0, 1, 2)
    grid.setColumnStretch(0, 1)
    return card


def _wrapped(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if role:
        label.setProperty("role", role)
    return label


def _clear(layout: QVBoxLayout) -> None:
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.setParent(None)  # it is deleted only when the window's thread has nothing else to do
            widget.deleteLater()
