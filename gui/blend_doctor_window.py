"""The blend doctor's window: two models, how far their layers are apart, what to do about it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from engine.blend_doctor import Diagnosis, Finding, Grade, Mend
from gui.icons import icon
from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import caption_label, muted_label, row, scrolling
from gui.settings import Settings
from gui.widgets.layer_bars import LayerBars

DEFAULT_SIZE = QSize(440, 620)
MINIMUM_SIZE = QSize(360, 420)
ICON_PX = 16
LEGEND = "Bars: convolutions. Dots: colour (ToRGB). 0 is the same, 1.41 are strangers."
MEASURING = "Measuring how far the weights are apart…"

_ICONS = {
    Grade.GOOD: ("check", "a"), Grade.TIP: ("info", "focus"), Grade.WARNING: ("warning", "warn"),
    Grade.STOP: ("error", "error"),
}
_WORDS = {Grade.GOOD: "Good", Grade.TIP: "Tip", Grade.WARNING: "Warning", Grade.STOP: "Does not mix"}


class FindingCard(QFrame):
    """One sentence, and the button that mends it."""

    def __init__(self, finding: Finding, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self._grade = finding.grade
        self._mark = QLabel()
        self._mark.setToolTip(_WORDS[finding.grade])
        self._mark.setAccessibleName(_WORDS[finding.grade])
        self._tint()
        sentence = QLabel(finding.sentence)
        sentence.setTextFormat(Qt.TextFormat.PlainText)
        sentence.setWordWrap(True)
        sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        sentence.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(sentence)
        self.button: QPushButton | None = None
        mend = finding.mend
        if mend is not None and mend.can_apply:
            self.button = QPushButton(mend.words)
            self.button.setToolTip("Do this. Undo takes it back")
            words.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        elif mend is not None:
            advice = muted_label(f"{mend.words}.")
            advice.setTextFormat(Qt.TextFormat.PlainText)
            advice.setWordWrap(True)
            words.addWidget(advice)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(8)
        layout.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(words, 1)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        name, color = _ICONS[self._grade]
        self._mark.setPixmap(icon(name, color=color).pixmap(QSize(ICON_PX, ICON_PX)))


class DoctorWindow(QWidget):
    """Not modal, and always about the models of the moment."""

    pair_picked = Signal(int)  # which further model; -1 is B
    mend_wanted = Signal(object)  # Mend
    swap_wanted = Signal(int)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._settings = settings
        self._findings: tuple[Finding, ...] | None = None
        self.cards: list[FindingCard] = []
        self.setWindowTitle("Blend doctor - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.pair = CalmComboBox()
        self.pair.setAccessibleName("Models")
        self.pair.setToolTip("Which two models are examined")
        self.pair.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.lineage = QLabel()
        self.lineage.setTextFormat(Qt.TextFormat.PlainText)
        self.lineage.setWordWrap(True)
        self.lineage.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bars = LayerBars()
        self.legend = caption_label(LEGEND)
        self.legend.setWordWrap(True)
        self._lay_out()
        self.pair.activated.connect(lambda place: self.pair_picked.emit(self.pair.itemData(place)))
        self.bars.swap_wanted.connect(self.swap_wanted)
        QShortcut(QKeySequence("Ctrl+W"), self).activated.connect(self.close)
        if geometry := settings.get_bytes("doctor.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        self._cards = QVBoxLayout(inside)
        self._cards.setContentsMargins(16, 4, 16, 14)
        self._cards.setSpacing(8)
        self._cards.addStretch(1)
        head = QVBoxLayout()
        head.setContentsMargins(16, 14, 16, 8)
        head.setSpacing(8)
        models = row(muted_label("Examined"), self.pair)
        models.layout().setStretch(1, 1)  # type: ignore[union-attr]
        for widget in (models, self.lineage, self.bars, self.legend):
            head.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(scrolling(inside), 1)

    # --- showing ---------------------------------------------------------------------------------------------------

    def show_pairs(self, pairs: list[tuple[int, str]], chosen: int) -> None:
        """Offer these: which further model (-1 is B), and in words."""
        offered = [(self.pair.itemData(place), self.pair.itemText(place)) for place in range(self.pair.count())]
        if offered != pairs:
            self.pair.clear()
            for which, words in pairs:
                self.pair.addItem(words, which)
        self.pair.setCurrentIndex(self.pair.findData(chosen))

    def show_diagnosis(self, diagnosis: Diagnosis, swap_resolution: int | None, note: str = MEASURING) -> None:
        """
        Args:
            swap_resolution: Where the blend swaps now, if it does.
            note: What to say while there are no distances.
        """
        self.lineage.setText(diagnosis.lineage)
        self.lineage.setVisible(bool(diagnosis.lineage))
        if diagnosis.distance is not None and diagnosis.distance.layers:
            self.bars.show_layers(diagnosis.distance.layers, swap_resolution)
        elif diagnosis.distance is not None:
            self.bars.show_note("No layer of one has the shape of one of the other.")
        else:
            self.bars.show_note(note)
        self._show_findings(diagnosis.findings)

    def show_nothing(self, sentence: str) -> None:
        """There are no two models to examine."""
        self.lineage.setVisible(False)
        self.bars.show_note(sentence)
        self._show_findings(())

    def _show_findings(self, findings: tuple[Finding, ...]) -> None:
        """Made anew only when there is something new: they are read while one drags."""
        if findings == self._findings:
            return
        self._findings = findings
        for card in self.cards:
            self._cards.removeWidget(card)
            card.hide()
            card.deleteLater()
        self.cards = [FindingCard(finding) for finding in findings]
        for place, (card, finding) in enumerate(zip(self.cards, findings, strict=True)):
            self._cards.insertWidget(place, card)
            if card.button is not None and finding.mend is not None:
                card.button.clicked.connect(partial(self._mend, finding.mend))

    def _mend(self, mend: Mend) -> None:
        self.mend_wanted.emit(mend)

    # --- events ----------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("doctor.geometry", bytes(self.saveGeometry().data()))
        event.accept()
