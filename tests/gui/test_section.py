from __future__ import annotations

from hand import Show, click
from PySide6.QtWidgets import QAbstractButton, QLabel
from pytestqt.qtbot import QtBot

from gui.widgets.section import Section


def heading(section: Section) -> QAbstractButton:
    return next(button for button in section.findChildren(QAbstractButton) if button.text() == section.title)


def test_that_the_heading_folds_the_body(show: Show, qtbot: QtBot) -> None:
    section = Section("Noise")
    body = QLabel("body")
    section.add_widget(body)
    show(section, 200, 80)
    with qtbot.waitSignal(section.folded_changed) as folded:
        click(heading(section), (5, 5))
    assert folded.args == [True]
    assert section.is_folded
    assert not body.isVisible()
    section.set_folded(False)
    assert body.isVisible()


def test_that_a_section_that_does_not_fold_stays_open(show: Show) -> None:
    section = show(Section("Blend", foldable=False), 200, 40)
    click(heading(section), (5, 5))
    section.set_folded(True)
    assert not section.is_folded


def test_that_actions_sit_at_the_right_edge(show: Show) -> None:
    section = Section("Mix")
    words = section.add_action("+ source", "Mix in a second seed")
    plus = section.add_action("", "Add", icon_name="plus")
    show(section, 200, 40)
    assert plus.geometry().right() == 199
    assert words.geometry().right() < plus.geometry().left()
    assert words.accessibleName() == "+ source"
    assert plus.accessibleName() == "Add"
