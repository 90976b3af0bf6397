"""The mailbox of one letter."""

from __future__ import annotations

import threading

from engine.mailbox import LatestSlot


def test_that_the_newest_letter_wins_and_is_taken_once() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.take() is None
    for letter in range(5):
        slot.put(letter)
    assert (slot.waiting, slot.replaced) == (True, 4)
    assert slot.take() == 4
    assert (slot.waiting, slot.take()) == (False, None)


def test_that_a_reader_asleep_on_the_shared_condition_is_woken() -> None:
    condition = threading.Condition()
    slot: LatestSlot[str] = LatestSlot(condition)
    found: list[str | None] = []

    def read() -> None:
        with condition:
            condition.wait_for(lambda: slot.waiting, timeout=20.0)
            found.append(slot.take())

    reader = threading.Thread(target=read)
    reader.start()
    slot.put("hello")
    reader.join(20.0)
    assert found == ["hello"]


def test_that_of_letters_from_many_threads_the_readers_last_is_one_that_was_put_last() -> None:
    slot: LatestSlot[tuple[int, int]] = LatestSlot()
    writers = [
        threading.Thread(target=lambda name=name: [slot.put((name, number)) for number in range(1000)])
        for name in range(4)
    ]
    seen: list[tuple[int, int]] = []
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers) or slot.waiting:
        if (letter := slot.take()) is not None:
            seen.append(letter)
    assert seen[-1][1] == 999
    assert len(seen) + slot.replaced == 4000
    for name in range(4):
        numbers = [number for writer, number in seen if writer == name]
        assert numbers == sorted(numbers)
