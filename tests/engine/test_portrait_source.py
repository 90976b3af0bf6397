"""Where a portrait was found and how like it is: kept as text, read strictly, on the shelf."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.errors import CorruptModelError
from engine.framing import FacePoints, Framing, FramingKind
from engine.library import Library
from engine.likeness import Likeness
from engine.portrait_source import PortraitSource
from engine.state import StoredLatent

SOURCE = PortraitSource(
    Path("/photos/Ada ü.jpg"), "ab" * 32, FacePoints((10.5, 20), (40, 21.25), (25, 60)), Framing(FramingKind.EYES)
)
LIKENESS = Likeness(0.035, 0.11, "test features", 0.012, 0.3)


def test_that_both_come_back_as_they_were() -> None:
    assert PortraitSource.from_json_text(SOURCE.to_json_text()) == SOURCE
    assert Likeness.from_json_text(LIKENESS.to_json_text()) == LIKENESS


@pytest.mark.parametrize("text", ["", "[]", "{}", SOURCE.to_json_text().replace("[10.5,20]", "[10.5]")])
def test_that_a_damaged_source_is_refused(text: str) -> None:
    with pytest.raises(CorruptModelError):
        PortraitSource.from_json_text(text)


def test_that_the_sentence_says_identity_only_where_it_was_measured() -> None:
    assert LIKENESS.sentence == "Pixels 3.5 % off, edges 1.2 %, perceptual 0.110 (test features), identity 0.30."
    assert "identity" not in Likeness(0.035, 0.11, "test features", 0.012).sentence


def test_that_what_became_known_since_is_kept_and_nothing_else_changes(tmp_path: Path) -> None:
    with closing(Library(tmp_path / "library.sqlite")) as library:
        library.add_latent(StoredLatent("a" * 64, "Ada"), None, b"png", source=SOURCE)
        library.tell_of_latent("a" * 64, likeness=LIKENESS)
        (record,) = library.latents()
        assert (record.source, record.likeness) == (SOURCE, LIKENESS)
        moved = PortraitSource(Path("/elsewhere.jpg"), SOURCE.sha256, SOURCE.face)
        library.tell_of_latent("a" * 64, source=moved)
        (record,) = library.latents()
        assert (record.source, record.likeness) == (moved, LIKENESS)
        assert library.latent_thumbnail("a" * 64) == b"png"


def test_that_the_shelf_keeps_both_and_survives_a_damaged_row(tmp_path: Path) -> None:
    file = tmp_path / "library.sqlite"
    with closing(Library(file)) as library:
        library.add_latent(StoredLatent("k1", "Ada"), None, source=SOURCE, likeness=LIKENESS)
        library.add_latent(StoredLatent("k2", "Bob"), None)
        ada, bob = sorted(library.latents(), key=lambda one: one.latent.name)
        assert (ada.source, ada.likeness) == (SOURCE, LIKENESS)
        assert (bob.source, bob.likeness) == (None, None)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE latents SET source = 'torn' WHERE key = 'k1'")
    with closing(Library(file)) as library:
        ada = next(one for one in library.latents() if one.latent.key == "k1")
        assert (ada.source, ada.likeness) == (None, LIKENESS)
