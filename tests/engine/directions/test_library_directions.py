from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from engine.library_directions import DirectionTable
from engine.library_file import LibraryFile
from engine.library_records import DirectionRecord
from engine.state import ModelRef

AGE = DirectionRecord("a" * 64, "Age", ModelRef("f" * 64, "portrait"), (0, 8), "ganspace-w", 3, (-3.0, 5.0))
SMILE = DirectionRecord("b" * 64, "Smile")


@pytest.fixture
def table(tmp_path: Path) -> Iterator[DirectionTable]:
    with closing(LibraryFile(tmp_path / "library.db")) as file:
        yield DirectionTable(file)


def test_that_a_direction_comes_back_as_it_was_kept(table: DirectionTable, tmp_path: Path) -> None:
    assert table.put(AGE) == (AGE,)
    table.put(SMILE)
    with closing(LibraryFile(tmp_path / "library.db")) as again:
        assert DirectionTable(again).kept() == (SMILE, AGE)


def test_that_names_of_directions_stay_apart(table: DirectionTable) -> None:
    table.put(AGE)
    assert table.put(replace(SMILE, name="age"))[0].name == "age 2"
    assert table.rename(SMILE.key, "AGE") == "AGE 2"
    assert table.put(replace(AGE, name="  ../x/Age \n"))[0].name == "Age"
    assert table.put(replace(SMILE, name=""))[0].name == "direction"


def test_that_a_direction_goes_to_the_trash_and_comes_back(table: DirectionTable) -> None:
    table.put(AGE)
    table.trash(AGE.key)
    assert table.kept() == ()
    assert table.in_trash() == (AGE,)
    table.put(replace(SMILE, name="Age"))
    table.restore(AGE.key)
    assert {record.name for record in table.kept()} == {"Age", "Age 2"}


def test_that_keeping_it_again_takes_it_out_of_the_trash(table: DirectionTable) -> None:
    table.put(AGE)
    table.trash(AGE.key)
    table.put(replace(AGE, layer_range=None))
    assert table.in_trash() == ()
    assert table.kept() == (replace(AGE, layer_range=None),)


def test_that_bringing_one_up_to_date_leaves_it_in_its_place(table: DirectionTable) -> None:
    table.put(AGE)
    table.put(SMILE)
    table.put(replace(AGE, layer_range=(2, 4)))
    assert [record.name for record in table.kept()] == ["Smile", "Age"]


def test_that_directions_kept_together_get_names_apart(table: DirectionTable) -> None:
    both = table.put(AGE, replace(SMILE, name="Age"))
    assert [record.name for record in both] == ["Age", "Age 2"]
    assert [record.name for record in table.kept()] == ["Age 2", "Age"]
