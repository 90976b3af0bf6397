"""The cache's budget. That it is never stale is tested with the pipeline."""

from __future__ import annotations

from engine.stage_cache import ReadOnlyCache, StageCache


def test_that_the_least_recently_used_goes_first_and_the_budget_holds() -> None:
    cache = StageCache(100)
    for name in "abc":
        cache.put(name, name.upper(), 30)
    assert cache.get("a") == "A"
    cache.put("d", "D", 30)
    assert [name for name in "abcd" if cache.get(name)] == ["a", "c", "d"]
    assert (cache.used_bytes, len(cache)) == (90, 3)


def test_that_small_results_are_counted() -> None:
    cache = StageCache(100, max_entries=2)
    for name in "abc":
        cache.put(name, name.upper(), 1)
    assert [cache.get(name) for name in "abc"] == [None, "B", "C"]
    assert (cache.used_bytes, len(cache)) == (2, 2)


def test_that_what_is_larger_than_the_budget_is_not_kept_and_drives_nothing_out() -> None:
    cache = StageCache(100)
    cache.put("a", "A", 60)
    cache.put("b", "B", 101)
    assert (cache.get("a"), cache.get("b")) == ("A", None)


def test_that_putting_again_replaces_and_counts_once() -> None:
    cache = StageCache(100)
    cache.put("a", "A", 60)
    cache.put("a", "AA", 80)
    assert (cache.get("a"), cache.used_bytes, len(cache)) == ("AA", 80, 1)
    cache.clear()
    assert (cache.get("a"), cache.used_bytes) == (None, 0)


def test_that_a_read_only_cache_finds_but_leaves_nothing() -> None:
    cache = StageCache(100)
    cache.put("a", "A", 10)
    reader = ReadOnlyCache(cache)
    reader.put("b", "B", 10)
    assert (reader.get("a"), reader.get("b"), cache.get("b")) == ("A", None, None)
