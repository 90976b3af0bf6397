from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence

from gui.settings import Settings
from gui.shortcuts import chosen_keys, keep_keys, owner_of, refusal

USUAL = {"undo": ("Ctrl+Z",), "redo": ("Ctrl+Shift+Z", "Ctrl+Y"), "seed": ("R",)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


def test_that_chosen_keys_survive_and_usual_ones_need_no_room(settings: Settings, tmp_path: Path) -> None:
    keep_keys(settings, "seed", ("N",), USUAL["seed"])
    keep_keys(settings, "undo", USUAL["undo"], USUAL["undo"])
    settings.save()
    again = Settings(tmp_path / "settings.json")
    assert chosen_keys(again, USUAL) == USUAL | {"seed": ("N",)}
    assert again.plain("keys.undo") is None
    keep_keys(again, "seed", ("R",), USUAL["seed"])
    assert chosen_keys(again, USUAL) == USUAL


def test_that_an_action_can_be_without_a_key(settings: Settings) -> None:
    keep_keys(settings, "seed", (), USUAL["seed"])
    assert chosen_keys(settings, USUAL)["seed"] == ()


def test_that_a_key_given_away_is_taken_from_whoever_has_it_by_default(settings: Settings) -> None:
    keep_keys(settings, "seed", ("Ctrl+Y",), USUAL["seed"])
    assert chosen_keys(settings, USUAL)["redo"] == ("Ctrl+Shift+Z",)


def test_that_nonsense_in_the_settings_is_no_key(settings: Settings) -> None:
    settings.set("keys.seed", ["", "Left", "Ctrl+G"])
    settings.set("keys.undo", 7)
    keys = chosen_keys(settings, USUAL)
    assert keys["seed"] == ("Ctrl+G",)
    assert keys["undo"] == ()


def test_that_keys_of_the_controls_are_refused_in_words() -> None:
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_Return, Qt.Key.Key_Escape):
        words = refusal(QKeySequence(key))
        assert words.startswith(QKeySequence(key).toString()), words
    assert refusal(QKeySequence("Ctrl+Left")) == ""
    assert refusal(QKeySequence("F7")) == ""
    assert refusal(QKeySequence()) != ""


def test_that_the_owner_of_a_key_is_found() -> None:
    assert owner_of("Ctrl+Y", USUAL) == "redo"
    assert owner_of("Ctrl+Y", USUAL, but="redo") is None
