from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import journal as journals
from engine.errors import StorageError
from engine.history import History, HistoryEntry
from engine.history_entry import parents_of
from engine.journal import Journal, dismiss, forget_oldest_closed, recoverable_sessions
from engine.state import EditState, with_alpha, with_seed
from engine.state_json import state_to_json
from engine.variations import Sheet, Vary

ROOT = Path(__file__).resolve().parents[2]
SHEET = Sheet(3, (Vary.PAD, Vary.PSI), 0.4, 8, ("alpha",))


def entry(seed: int) -> HistoryEntry:
    return HistoryEntry(with_seed(EditState(), seed), f"seed {seed}")


def crashed_session(folder: Path, edits: int, then: str = "") -> None:
    """Another process that records edits, does `then`, and is killed."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from engine.journal import Journal\n"
        "from engine.history import HistoryEntry\n"
        "from engine.state import EditState, with_seed\n"
        "journal = Journal.start(Path(sys.argv[1]))\n"
        f"for seed in range(1, {edits} + 1):\n"
        "    journal.record(HistoryEntry(with_seed(EditState(), seed), f'seed {seed}'))\n"
        f"{then}\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr


def test_that_every_recorded_edit_survives_a_kill(tmp_path: Path) -> None:
    crashed_session(tmp_path, 45)
    (session,) = recoverable_sessions(tmp_path)
    assert session.crashed
    assert session.unsaved == 45
    assert session.entries == tuple(entry(seed) for seed in range(1, 46))
    assert session.state == entry(45).state


def test_that_a_crash_is_offered_until_it_is_dismissed(tmp_path: Path) -> None:
    crashed_session(tmp_path, 1)
    assert len(recoverable_sessions(tmp_path)) == 1
    (session,) = recoverable_sessions(tmp_path)
    dismiss(session)
    assert recoverable_sessions(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_that_only_edits_after_the_last_save_count(tmp_path: Path) -> None:
    crashed_session(tmp_path, 3, "journal.mark_saved()")
    assert recoverable_sessions(tmp_path) == ()
    again = "journal.mark_saved(); journal.record(HistoryEntry(with_seed(EditState(), 9), 'seed 9'))"
    crashed_session(tmp_path, 3, again)
    (session,) = recoverable_sessions(tmp_path)
    assert session.unsaved == 1
    assert session.state == entry(9).state
    assert len(session.entries) == 4


def test_that_a_running_session_is_not_offered(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    journal.record(entry(1))
    assert recoverable_sessions(tmp_path) == ()
    journal.discard()


def test_that_closing_the_window_does_not_throw_unsaved_work_away(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    journal.record(entry(1))
    journal.close()
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert not session.crashed
    assert session.state == entry(1).state


@pytest.mark.parametrize("ending", ["nothing recorded", "saved", "discarded"])
def test_that_a_session_with_nothing_to_lose_leaves_no_file(tmp_path: Path, ending: str) -> None:
    journal = Journal.start(tmp_path)
    if ending != "nothing recorded":
        journal.record(entry(1))
    if ending == "saved":
        journal.mark_saved()
    (journal.discard if ending == "discarded" else journal.close)()
    assert list(tmp_path.iterdir()) == []


def test_that_the_newest_session_comes_first_whatever_the_clock_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed, clock in ((1, 5000.0), (2, 10.0)):
        monkeypatch.setattr(journals.time, "time", lambda clock=clock: clock)
        journal = Journal.start(tmp_path)
        journal.record(entry(seed))
        journal.close()
    assert [session.state.latent for session in recoverable_sessions(tmp_path)] == [
        entry(2).state.latent,
        entry(1).state.latent,
    ]


def test_that_a_tree_comes_back_with_where_one_stood_and_the_way_ahead(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    rows = [journal.record(entry(0))]
    for seed in (1, 2):
        rows.append(journal.record(entry(seed), rows[-1]))
    rows.append(journal.record(entry(3), rows[0]))
    journal.record(entry(4), rows[1], is_present=False)
    journal.mark(rows[2], HistoryEntry(entry(2).state, name="good", is_starred=True, sheets=(SHEET,)))
    journal.stand_on(rows[2])
    journal.stand_on(rows[1])
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert [one.parent for one in session.entries] == [None, 0, 1, 0, 1]
    assert (session.index, session.tip) == (1, 2)
    assert session.state == entry(1).state
    assert (session.entries[2].name, session.entries[2].is_starred, session.entries[2].sheets) == (
        "good", True, (SHEET,),
    )


def test_that_a_whole_tree_is_recorded_at_once_or_not_at_all(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    tree = (entry(0), entry(1), HistoryEntry(entry(2).state, "beside", parent=0))
    rows = journal.record_all(tree, 1)
    journal.record(entry(3), rows[2])
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert [one.state for one in session.entries] == [entry(seed).state for seed in range(4)]
    assert History.from_entries(session.entries, session.index).path == (0, 2, 3)


def test_that_of_a_large_tree_the_present_is_there_at_once_and_the_rest_soon(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    tree = tuple(HistoryEntry(entry(seed).state, parent=max(0, seed - 2) if seed else None) for seed in range(700))
    rows = journal.record_all(tree, 350)
    newest = journal.record(entry(9000), rows[350])
    journal.mark(rows[7], HistoryEntry(tree[7].state, name="marked meanwhile"))
    journal.forget(rows[699:])
    journal.wait()
    journal.stand_on(newest)
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert [one.state for one in session.entries] == [*(one.state for one in tree[:699]), entry(9000).state]
    assert parents_of(session.entries)[1:699] == [one.parent for one in tree[1:699]]
    assert parents_of(session.entries)[699] == 350
    assert session.entries[7].name == "marked meanwhile"
    assert session.state == entry(9000).state


def test_that_a_kill_while_a_large_tree_is_written_costs_no_new_edit(tmp_path: Path) -> None:
    then = (
        "journal = Journal.start(Path(sys.argv[1]))\n"
        "journal._write_aside = lambda numbered: None\n"
        "tree = [HistoryEntry(with_seed(EditState(), seed)) for seed in range(1000, 1700)]\n"
        "rows = journal.record_all(tree, 3)\n"
        "journal.record(HistoryEntry(with_seed(EditState(), 9)), rows[3])"
    )
    crashed_session(tmp_path, 1, then)
    session = recoverable_sessions(tmp_path)[0]
    assert session.state == entry(9).state
    assert session.entries[0].state == entry(1003).state


def test_that_what_hung_on_forgotten_entries_hangs_on_the_first(tmp_path: Path) -> None:
    journal = Journal.start(tmp_path)
    rows = [journal.record(entry(0))]
    for seed in (1, 2, 3):
        rows.append(journal.record(entry(seed), rows[0]))
    journal.forget(rows[:1])
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert [one.state for one in session.entries] == [entry(seed).state for seed in (1, 2, 3)]
    assert parents_of(session.entries) == [None, 0, 0]


STEPS = st.lists(st.tuples(st.sampled_from(("apply", "undo", "redo", "jump", "keep", "mark")), st.integers(0, 5)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_that_any_walk_through_the_tree_is_recovered(tmp_path: Path, steps: list[tuple[str, int]]) -> None:
    """Written as the window writes it: new entries with their parents, and every step."""
    history, journal = History(EditState()), Journal.start(tmp_path)
    rows = list(journal.record_all(history.entries, 0))
    for step, value in steps:
        before = len(history.entries)
        if step == "apply":
            history.apply(with_seed(EditState(), value))
        elif step == "keep":
            history.keep(with_alpha(history.state, value / 5))
        elif step == "jump":
            history.go_to(value % before)
        elif step == "mark":
            history.mark(history.index, is_starred=value > 2)
            journal.mark(rows[history.index], history.entries[history.index])
        else:
            getattr(history, step)()
        if len(history.entries) > before:
            parent = history.parent(before)
            assert parent is not None
            rows.append(journal.record(history.entries[before], rows[parent], is_present=step == "apply"))
        else:
            journal.stand_on(rows[history.index])
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    dismiss(session)
    assert session.entries == history.entries
    assert History.from_entries(session.entries, session.index, session.tip).path == history.path


def test_that_a_journal_of_the_first_version_is_one_line(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "session-000001.sqlite3")
    connection.executescript(
        "CREATE TABLE edits (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, state TEXT NOT NULL,"
        " at REAL NOT NULL); CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
        "INSERT INTO facts VALUES ('saved', 2); PRAGMA user_version = 1;"
    )
    for seed in (1, 2, 3):
        text = json.dumps(state_to_json(entry(seed).state))
        connection.execute("INSERT INTO edits (label, state, at) VALUES (?, ?, 5.0)", (f"seed {seed}", text))
    connection.commit()
    connection.close()
    (session,) = recoverable_sessions(tmp_path)
    assert session.entries == (entry(1), entry(2), entry(3))
    assert (session.index, session.unsaved, session.crashed, session.changed_at) == (2, 1, True, 5.0)


def test_that_unreadable_marks_do_not_cost_the_other_entries(tmp_path: Path) -> None:
    crashed_session(tmp_path, 3)
    (file,) = tmp_path.glob("*.sqlite3")
    connection = sqlite3.connect(file)
    connection.execute("""UPDATE edits SET marks = '{"starred": 7}' WHERE id = 2""")
    connection.execute("UPDATE edits SET parent = 999 WHERE id = 3")
    connection.commit()
    connection.close()
    (session,) = recoverable_sessions(tmp_path)
    assert [one.state for one in session.entries] == [entry(1).state, entry(3).state]


def test_that_a_damaged_journal_neither_hides_the_others_nor_raises(tmp_path: Path) -> None:
    crashed_session(tmp_path, 2)
    (tmp_path / "session-000900.sqlite3").write_bytes(b"SQLite format 3\0" + os.urandom(4096))
    (tmp_path / "session-000901.sqlite3").write_bytes(b"")
    (tmp_path / "unrelated.txt").write_bytes(b"")
    (session,) = recoverable_sessions(tmp_path)
    assert session.state == entry(2).state
    assert recoverable_sessions(tmp_path / "gone") == ()


def test_that_one_unreadable_edit_does_not_cost_the_others(tmp_path: Path) -> None:
    crashed_session(tmp_path, 3)
    (file,) = tmp_path.glob("*.sqlite3")
    connection = sqlite3.connect(file)
    connection.execute("UPDATE edits SET state = '{' WHERE id = 2")
    connection.commit()
    connection.close()
    (session,) = recoverable_sessions(tmp_path)
    assert session.entries == (entry(1), entry(3))


def test_that_a_journal_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.start(tmp_path)
    monkeypatch.setattr(journals, "KEPT_EDITS", 500)
    for seed in range(1200):
        journal.record(entry(seed))
    journal.close()
    (session,) = recoverable_sessions(tmp_path)
    assert len(session.entries) <= 500
    assert session.state == entry(1199).state
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 4 << 20


def test_that_a_journal_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(StorageError, match="start an autosave"):
        Journal.start(blocked / "autosave")
    journal = Journal.start(tmp_path / "autosave")
    journal.discard()
    with pytest.raises(StorageError, match="could not autosave"):
        journal.record(HistoryEntry(with_alpha(EditState(), 0.1)))


def test_that_only_the_newest_closed_sessions_are_kept_but_every_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "KEPT_CLOSED", 2)
    crashed_session(tmp_path, 1)
    for seed in range(10, 14):
        journal = Journal.start(tmp_path)
        journal.record(entry(seed))
        journal.close()
    forget_oldest_closed(tmp_path)
    left = recoverable_sessions(tmp_path)
    assert [session.crashed for session in left] == [False, False, True]
    assert left[0].state == entry(13).state
