"""A file from a stranger never runs code, and whatever is wrong with it is said in a sentence."""

from __future__ import annotations

import functools
import importlib
import os
import pickle
import re
import time
import tracemalloc
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import foreign_networks as foreign
import hostile_files
import pytest
from hostile_files import CANARY, CASES, GOLDEN, OPENS, Case, bit_flips, truncations
from watch import watched

from engine.checkpoints import allowed
from engine.checkpoints.convert import open_checkpoint
from engine.checkpoints.deduce import ParsedNetwork
from engine.checkpoints.reader import read_network
from engine.checkpoints.records import Global
from engine.errors import CorruptModelError, EngineError, ModelError, UnsafeModelError

SLOWEST_S = 10.0

THROUGH_THE_CHILD = (
    "A01 eval, protocol 4", "A02 nested torch stream that evals", "A04 dotted STACK_GLOBAL", "A07 module_src is code",
    "A12 BUILD on a function", "A14 INST alone", "A19 memo bomb", "A20 BINBYTES8 of 2^40",
    "A21 billion laughs where a message quotes it", "A23 999,000 nested tuples", "A25 lying FRAME",
    "A27 tensor overlapping", "A29 nan weights", "A36 bidi in a global", "B01 deflated storage of 1073741824",
    "B08 wrong CRC of numbers", "B16 overlap", "B19 TorchScript", "B22 Namespace, paths, numpy scalars",
    "C14 duplicate key", "C16 200,000 tensors", "claims to be Graft's, is nonsense",
)  # fmt: skip


@pytest.fixture(autouse=True)
def no_canary() -> Iterator[None]:
    CANARY.unlink(missing_ok=True)
    yield
    found = CANARY.exists()
    CANARY.unlink(missing_ok=True)
    assert not found, "a file ran code"


def read_fully(data: bytes) -> ParsedNetwork:
    """What the child does with a file, here."""
    network = read_network(memoryview(data))
    for tensor in network.tensors.values():
        assert tensor.read().shape == tensor.shape
    return network


def assert_is_a_sentence(error: EngineError) -> None:
    for text in (error.user_message, error.hint):
        assert len(text) <= 300
        assert not any(unicodedata.category(character)[0] == "C" for character in text), text
        assert not re.search(r"Traceback|weights_only|\{[a-z_]+\}|object at 0x", text), text
    assert error.user_message.endswith((".", "…"))


def assert_comes_to(case: Case, outcome: ModelError | None) -> None:
    if case.expected == OPENS:
        assert outcome is None, outcome
    else:
        assert outcome is not None, "opened"
        assert isinstance(outcome, case.expected), outcome  # type: ignore[arg-type]
        assert_is_a_sentence(outcome)


def test_that_canary_and_watch_notice_code_that_runs() -> None:
    with watched() as events:
        pickle.loads(next(case for case in CASES if case.name == "A01 eval, protocol 4").make())
    assert CANARY.exists()
    CANARY.unlink()
    assert {event.partition(" ")[0] for event in events} >= {"pickle.find_class", "compile", "exec", "open"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_that_a_hostile_file_runs_nothing_and_is_told_apart(case: Case) -> None:
    data = case.make()
    outcome: ModelError | None = None
    begin = time.perf_counter()
    with watched() as events:
        try:
            read_fully(data)
        except ModelError as error:
            outcome = error
    assert time.perf_counter() - begin < SLOWEST_S
    assert events == []
    assert_comes_to(case, outcome)


@pytest.mark.parametrize("name", THROUGH_THE_CHILD)
def test_that_the_way_through_the_child_says_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = next(case for case in CASES if case.name == name)
    file = tmp_path / "model.jpg"  # a name says nothing
    file.write_bytes(case.make())
    for function in ("system", "execv", "popen"):
        monkeypatch.setattr(os, function, lambda *_: pytest.fail("something was run"))
    outcome: ModelError | None = None
    begin = time.perf_counter()
    try:
        open_checkpoint(file, cache_dir=tmp_path / "cache")
    except ModelError as error:
        outcome = error
    assert time.perf_counter() - begin < SLOWEST_S
    assert_comes_to(case, outcome)
    left = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
    assert left == ([".json", ".safetensors"] if case.expected == OPENS else [])


BOMBS = ("A19", "A20", "A21", "A24 five million", "A27", "B01", "B15", "B21", "C10", "C18", "A30 claims z_dim 10^9")


@pytest.mark.parametrize("case", [case for case in CASES if case.name.startswith(BOMBS)], ids=str)
def test_that_a_bomb_takes_little_memory(case: Case) -> None:
    data = case.make()
    tracemalloc.start()
    try:
        with pytest.raises(ModelError):
            read_fully(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20


def test_that_real_functions_and_classes_are_left_as_they_were() -> None:
    names = sorted({(name.module, name.name) for name in allowed.ALLOWED} | {("builtins", "eval"), ("os", "system")})
    real = {}
    for module, name in names:
        try:
            real[module, name] = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, DeprecationWarning):  # numpy 2 warns of numpy 1's names
            continue
    assert len(real) >= 25
    before = {
        key: (id(value), getattr(value, "__doc__", None), id(getattr(value, "update", None)))
        for key, value in real.items()
    }
    for case in CASES:
        if case.name.startswith(("A12", "A13", "A28", "B22")) and case.expected != OPENS:
            with pytest.raises(ModelError):
                read_fully(case.make())
    after = {
        key: (id(value), getattr(value, "__doc__", None), id(getattr(value, "update", None)))
        for key, value in real.items()
    }
    assert after == before


def test_that_the_list_of_allowed_names_does_not_grow_by_accident() -> None:
    assert len(allowed.ALLOWED) == 72
    assert Global("torch.storage", "_load_from_bytes") in allowed.ALLOWED
    callables = {name.module for name in allowed.ALLOWED}
    assert not callables & {
        "os",
        "posix",
        "nt",
        "sys",
        "subprocess",
        "builtins.eval",
        "importlib",
        "operator",
        "functools",
    }
    assert {name.name for name in allowed.ALLOWED if name.module in ("builtins", "__builtin__")} == {"set"}


@functools.cache
def golden(folder: str) -> bytes:
    return next((GOLDEN / folder).glob("net.p*")).read_bytes()


@pytest.mark.parametrize("folder", ["sg2ada_64_auto_map2", "rosinality_64_conv"])
def test_that_an_incomplete_file_is_called_incomplete(folder: str) -> None:
    for spoilt in truncations(golden(folder)):
        with pytest.raises(ModelError) as caught:
            read_fully(spoilt)
        assert_is_a_sentence(caught.value)
        if len(spoilt) > 4096:
            assert isinstance(caught.value, CorruptModelError)
            assert "incomplete" in caught.value.user_message


GOOD_FILES = {
    "small pickle": (lambda: foreign.snapshot(foreign.generator()), 300, 50),
    "golden pickle": (lambda: golden("sg2ada_64_auto_map2"), 40, 0),  # nearly all of its bits are weights
    "golden torch zip": (lambda: golden("rosinality_64_conv"), 100, 80),  # has a checksum per tensor
    "small torch stream": (lambda: hostile_files.torch_zip(foreign.rosinality_state(), legacy=True), 300, 50),
}


@pytest.mark.parametrize("name", GOOD_FILES)
def test_that_a_flipped_bit_gives_a_sentence_or_a_finite_network(name: str) -> None:
    make, count, at_least = GOOD_FILES[name]
    refused = 0
    for spoilt in bit_flips(make(), count, seed=1):
        with watched() as events:
            try:
                read_fully(spoilt)
            except ModelError as error:
                refused += 1
                assert_is_a_sentence(error)
        assert events == []
    assert refused >= at_least


def test_that_unsafe_is_said_of_code_and_not_of_damage() -> None:
    unsafe = [case for case in CASES if case.expected is UnsafeModelError]
    assert len(unsafe) >= 70
    assert len(hostile_files.CASES) >= 250
