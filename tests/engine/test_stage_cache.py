"""The cache's budget. That it is never stale is tested with the pipeline."""

from __future__ import annotations

from engine.stage_cache import ReadOnlyCache, StageCache


def holding(size_bytes: int) -> dict[object, int]:
    """Memory of its own."""
    return {object(): size_bytes}


def test_that_the_least_recently_used_goes_first_and_the_budget_holds() -> None:
    cache = StageCache(100)
    for name in "abc":
        cache.put(name, name.upper(), holding(30))
    assert cache.get("a") == "A"
    cache.put("d", "D", holding(30))
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]
    assert (cache.used_bytes, len(cache)) == (90, 3)


def test_that_small_results_are_counted() -> None:
    cache = StageCache(100, max_entries=2)
    for name in "abc":
        cache.put(name, name.upper(), holding(1))
    assert [cache.get(name) for name in "abc"] == [None, "B", "C"]
    assert (cache.used_bytes, len(cache)) == (2, 2)


def test_that_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out() -> None:
    cache = StageCache(100)
    assert cache.put("a", "A", holding(60))
    assert not cache.put("b", "B", holding(101))
    assert (cache.get("a"), cache.get("b")) == ("A", None)


def test_that_putting_again_replaces_and_counts_once() -> None:
    cache = StageCache(100)
    cache.put("a", "A", holding(60))
    cache.put("a", "AA", holding(80))
    assert (cache.get("a"), cache.used_bytes, len(cache)) == ("AA", 80, 1)
    cache.clear()
    assert (cache.get("a"), cache.used_bytes) == (None, 0)


def test_that_shared_memory_counts_once_until_the_last_holder_is_gone() -> None:
    cache = StageCache(100)
    cache.put("a", "A", {"shared": 50, "own": 20})
    cache.put("b", "B", {"shared": 50, "other": 10})
    assert cache.used_bytes == 80
    cache.drop("a")
    assert cache.used_bytes == 60
    cache.drop("b")
    assert cache.used_bytes == 0


def test_that_what_is_pinned_stays_and_what_finds_no_room_beside_it_is_not_kept() -> None:
    cache = StageCache(100)
    for name in "abc":
        cache.put(name, name.upper(), holding(30))
    cache.pinned = {"a", "b"}
    assert cache.put("d", "D", holding(40))
    assert [name for name in "abcd" if name in cache] == ["a", "b", "d"]
    assert not cache.put("e", "E", holding(60))
    assert [name for name in "abcde" if name in cache] == ["a", "b"]
    cache.pinned = ()
    assert cache.put("f", "F", holding(60))
    assert [name for name in "abf" if name in cache] == ["b", "f"]


def test_that_asking_whether_something_is_here_does_not_count_as_use() -> None:
    cache = StageCache(60)
    cache.put("a", "A", holding(30))
    cache.put("b", "B", holding(30))
    assert "a" in cache
    cache.put("c", "C", holding(30))
    assert "a" not in cache


def test_that_a_read_only_cache_finds_but_leaves_nothing() -> None:
    cache = StageCache(100)
    cache.put("a", "A", holding(10))
    reader = ReadOnlyCache(cache)
    assert not reader.put("b", "B", holding(10))
    assert (reader.get("a"), reader.get("b"), cache.get("b")) == ("A", None, None)
    assert "a" in reader
