from __future__ import annotations

import pytest

from gui.palette import Entry, ranked

ENTRIES = [Entry(text, lambda: None, detail) for text, detail in (
    ("New seed", "R"), ("Save session", "Ctrl+S"), ("toon as A", "model"), ("toon as B", "model"),
    ("Toonify", "preset"), ("Export still", "Ctrl+E"), ("Undo", "Ctrl+Z"),
)]


@pytest.mark.parametrize(
    ("query", "first"),
    [("toon b", "toon as B"), ("toonif", "Toonify"), ("seed", "New seed"), ("exst", "Export still"),
     ("ctrl+z", "Undo"), ("sav ses", "Save session")],
)
def test_that_the_best_answer_comes_first(query: str, first: str) -> None:
    assert ranked(query, ENTRIES)[0].text == first


def test_that_nothing_answers_to_nonsense_and_everything_to_nothing() -> None:
    assert ranked("qqxx", ENTRIES) == []
    assert len(ranked("", ENTRIES)) == len(ENTRIES)


def test_that_an_entry_for_the_very_query_stands_above_all() -> None:
    exact = Entry("Set Alpha to 0.5", lambda: None, is_exact=True)
    assert ranked("undo 0.5", [*ENTRIES, exact])[0] is exact
