"""The document: one gesture, one entry; nothing that was committed is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from engine.animation.timeline import Timeline
from engine.errors import StorageError
from engine.history import HistoryEntry
from engine.journal import Journal, recoverable_sessions
from engine.state import EditState, with_alpha, with_seed
from engine.variations import Sheet, Vary
from gui.session import Session

START = EditState()


@pytest.fixture
def session(qtbot: QtBot, tmp_path: Path) -> Session:
    return Session(START, lambda: Journal.start(tmp_path))


def test_that_a_gesture_is_one_entry_however_many_values_it_has(session: Session) -> None:
    hand = object()
    session.begin_gesture(hand)
    for step in range(50):
        session.edit(with_alpha(session.state, step / 50))
    session.end_gesture(hand)
    assert [entry.label for entry in session.history.entries] == ["start", "alpha"]
    assert session.undo()
    assert session.state == START


def test_that_a_gesture_that_changes_nothing_leaves_no_entry(session: Session) -> None:
    hand = object()
    session.begin_gesture(hand)
    session.edit(with_alpha(START, 0.3))
    session.edit(START)
    session.end_gesture(hand)
    assert len(session.history.entries) == 1


def test_that_a_late_end_of_one_hand_does_not_end_the_gesture_of_another(session: Session) -> None:
    first, second = object(), object()
    session.begin_gesture(first)
    session.edit(with_alpha(START, 0.3))
    session.begin_gesture(second)
    session.edit(with_seed(session.state, 5))
    session.end_gesture(first)
    assert session.history.in_gesture
    session.edit(with_seed(session.state, 6))
    session.end_gesture(second)
    assert [entry.label for entry in session.history.entries] == ["start", "alpha", "seed"]


def test_that_an_insertion_during_a_drag_is_an_entry_of_its_own(session: Session) -> None:
    hand = object()
    session.begin_gesture(hand)
    session.edit(with_alpha(START, 0.3))
    session.insert(with_seed(session.state, 9), "portrait")
    session.edit(with_alpha(session.state, 0.6))
    session.end_gesture(hand)
    assert [entry.label for entry in session.history.entries] == ["start", "alpha", "portrait", "alpha"]


def test_that_undo_then_redo_is_identity(session: Session) -> None:
    states = [session.state]
    for seed in range(1, 6):
        session.edit(with_seed(session.state, seed))
        states.append(session.state)
    back = [session.state]
    while session.undo():
        back.append(session.state)
    assert back == states[::-1]
    while session.redo():
        pass
    assert session.state == states[-1]


def test_that_the_same_state_again_is_no_edit(session: Session, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(session.state_changed):
        assert not session.edit(START)


def test_that_going_back_to_what_was_saved_is_not_dirty(session: Session, tmp_path: Path) -> None:
    session.edit(with_seed(START, 1))
    session.mark_saved(tmp_path / "a.graft")
    session.edit(with_seed(START, 2))
    assert session.is_dirty
    session.undo()
    assert not session.is_dirty


def test_that_every_committed_edit_is_in_the_journal_at_once(session: Session, tmp_path: Path) -> None:
    session.edit(with_seed(START, 1))
    session.edit(with_seed(START, 2))
    session.undo()
    session._journal._end()  # type: ignore[union-attr]  # what a kill does: no word of goodbye, the lock drops
    session._journal = None
    (found,) = recoverable_sessions(tmp_path)
    assert found.crashed
    assert found.state == with_seed(START, 1)
    assert found.entries[0].state == START


def test_that_branches_marks_and_kept_states_are_in_the_journal_at_once(session: Session, tmp_path: Path) -> None:
    session.edit(with_seed(START, 1))
    session.undo()
    session.edit(with_seed(START, 2))
    assert session.keep(with_alpha(session.state, 0.5), "variation")
    assert not session.keep(with_alpha(session.state, 0.5), "variation")
    session.mark(1, name="first try", is_starred=True)
    session.note_sheet(Sheet(7, (Vary.PAD,), 0.3, 8))
    session.undo()
    session._journal._end()  # type: ignore[union-attr]
    session._journal = None
    (found,) = recoverable_sessions(tmp_path)
    assert found.entries == session.history.entries
    assert [entry.parent for entry in found.entries] == [None, 0, 0, 2]
    assert found.entries[1].title == "first try"
    assert found.entries[2].sheets == (Sheet(7, (Vary.PAD,), 0.3, 8),)
    assert (found.index, found.tip) == (0, 3)


@pytest.mark.parametrize("first", ["keep", "mark"])
def test_that_a_journal_may_begin_with_something_else_than_an_edit(
    session: Session, tmp_path: Path, first: str
) -> None:
    if first == "keep":
        session.keep(with_seed(START, 4), "variation")
    else:
        session.mark(0, name="here it begins")
    session.close()
    (found,) = recoverable_sessions(tmp_path)
    assert found.entries == session.history.entries
    assert found.unsaved == 1
    assert found.state == START


def test_that_a_star_after_a_save_is_something_to_save(session: Session, tmp_path: Path) -> None:
    session.edit(with_seed(START, 1))
    session.mark_saved(tmp_path / "a.graft")
    session.note_sheet(Sheet(7, (Vary.PAD,), 0.3, 8))
    assert not session.is_dirty
    session.mark(1, is_starred=True)
    assert session.is_dirty
    session.close()
    (found,) = recoverable_sessions(tmp_path)
    assert found.entries[1].is_starred


def test_that_going_aside_changes_the_branch(session: Session) -> None:
    for seed in (1, 2):
        session.edit(with_seed(START, seed))
        session.undo()
    session.redo()
    assert session.state == with_seed(START, 2)
    assert session.step_aside(-1)
    assert session.state == with_seed(START, 1)
    assert not session.step_aside(-1)


def test_that_what_is_dropped_for_room_is_dropped_from_the_journal(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.history, "_max_entries", 5)
    for seed in range(1, 30):
        session.edit(with_seed(START, seed))
        if seed % 3 == 0:
            session.undo()
    session.close()
    (found,) = recoverable_sessions(tmp_path)
    assert found.entries == session.history.entries
    assert found.index == session.history.index


def test_that_a_start_without_an_edit_leaves_no_journal(session: Session, tmp_path: Path) -> None:
    session.close()
    assert list(tmp_path.iterdir()) == []


def test_that_unsaved_work_stays_in_the_journal_when_another_document_is_opened(
    session: Session, tmp_path: Path
) -> None:
    session.edit(with_seed(START, 7))
    session.replace_document((HistoryEntry(with_seed(START, 1), "start"),), 0, tmp_path / "b.graft", saved=True)
    session.close()
    (found,) = recoverable_sessions(tmp_path)
    assert found.state == with_seed(START, 7)
    assert not found.crashed


def test_that_saved_work_is_not_offered_again(session: Session, tmp_path: Path) -> None:
    session.edit(with_seed(START, 7))
    session.mark_saved(tmp_path / "a.graft")
    session.close()
    assert recoverable_sessions(tmp_path) == ()


def test_that_an_autosave_that_fails_is_told_and_the_edit_is_kept(qtbot: QtBot) -> None:
    def no_disk() -> Journal:
        raise StorageError("Graft could not start an autosave: the disk is full.")

    session = Session(START, no_disk)
    with qtbot.waitSignal(session.autosave_failed) as told:
        session.edit(with_seed(START, 3))
    assert "disk is full" in told.args[0].user_message
    assert session.state == with_seed(START, 3)
    assert session.history.can_undo


def test_that_a_glance_is_shown_by_everything_and_is_no_part_of_the_history(session: Session) -> None:
    shown: list[EditState] = []
    session.state_changed.connect(shown.append)
    there = with_seed(START, 7)
    session.glance(there)
    assert session.state == there
    assert shown == [there]
    assert len(session.history.entries) == 1
    assert not session.is_dirty
    session.glance(None)
    assert session.state == START


def test_that_an_edit_goes_on_from_a_glance_and_undo_leads_back_before_it(session: Session) -> None:
    session.glance(with_seed(START, 7))
    session.edit(with_alpha(session.state, 0.1))
    assert session.state == with_alpha(with_seed(START, 7), 0.1)
    session.glance(with_seed(START, 8))
    session.undo()
    assert session.state == START


def test_that_a_hand_on_a_control_is_not_glanced_away(session: Session) -> None:
    session.begin_gesture(hand := object())
    session.edit(with_alpha(START, 0.3))
    session.glance(with_seed(START, 7))
    assert session.state == with_alpha(START, 0.3)
    session.end_gesture(hand)


def test_that_a_timeline_belongs_to_the_document(session: Session, tmp_path: Path) -> None:
    timeline = Timeline(duration_s=2.0)
    session.set_timeline(timeline)
    assert session.is_dirty
    session.mark_saved(tmp_path / "one.graft")
    assert not session.is_dirty
    session.replace_document(tuple(session.history.entries), 0, None, saved=True)
    assert session.timeline is None


def test_that_a_timeline_survives_a_crash(session: Session, tmp_path: Path) -> None:
    timeline = Timeline(duration_s=2.0)
    session.set_timeline(timeline)
    session.keep_timeline()
    session.close()
    (left,) = recoverable_sessions(tmp_path)
    assert (left.timeline, left.unsaved > 0) == (timeline, True)
    again = Session(START, lambda: Journal.start(tmp_path))
    again.replace_document(tuple(left.entries), left.index, None, saved=False, timeline=left.timeline)
    assert again.is_dirty
    again.close()
    assert recoverable_sessions(tmp_path)[0].timeline == timeline


def test_that_a_session_without_a_timeline_leaves_none(session: Session, tmp_path: Path) -> None:
    session.edit(with_alpha(START, 0.3))
    session.close()
    assert recoverable_sessions(tmp_path)[0].timeline is None
