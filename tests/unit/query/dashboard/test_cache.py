"""Answers that the dashboard keeps."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.schema.errors import UsageError


def test_what_was_read_is_kept_until_it_is_too_old(cache: CatalogueCache) -> None:
    calls: list[float] = []

    def read(_: sa.Connection) -> int:
        calls.append(time.time())
        return len(calls)

    assert cache.get("kept", read, since=0.0) == 1
    assert cache.get("kept", read, since=calls[0] - 5.0) == 1
    assert cache.get("kept", read, since=time.time() + 5.0) == 2


def test_an_error_is_raised_for_all_who_wait_and_not_kept(cache: CatalogueCache) -> None:
    def fail(_: sa.Connection) -> int:
        raise UsageError("not today")

    for _ in range(2):
        with pytest.raises(UsageError, match="not today"):
            cache.get("fails", fail, since=0.0)
    assert cache.get("fails", lambda _: 5, since=0.0) == 5


def test_what_is_there_is_given_to_whom_its_age_suits_while_it_is_read_again(cache: CatalogueCache) -> None:
    key = "read again"
    assert cache.get(key, lambda _: "old", since=0.0) == "old"
    reading, finish = threading.Event(), threading.Event()

    def slowly(_: sa.Connection) -> str:
        reading.set()
        finish.wait()
        return "new"

    with ThreadPoolExecutor(1) as pool:
        fresh = pool.submit(lambda: cache.get(key, slowly, since=time.time()))
        try:
            reading.wait()
            assert cache.get(key, lambda _: "unwanted", since=0.0) == "old"
        finally:
            finish.set()
        assert fresh.result() == "new"
    assert cache.get(key, lambda _: "unwanted", since=0.0) == "new"


def test_what_is_there_is_kept_where_reading_again_fails(cache: CatalogueCache) -> None:
    key = "fails again"
    cache.get(key, lambda _: "old", since=0.0)
    with pytest.raises(ZeroDivisionError, match="by zero"):
        cache.get(key, lambda _: 1 // 0, since=time.time())
    assert cache.get(key, lambda _: "unwanted", since=0.0) == "old"


def test_times_of_what_a_thread_gets_are_noted(cache: CatalogueCache) -> None:
    before = time.time()
    cache.get("noted", lambda _: 1, since=before)
    with cache.noting() as times:
        cache.get("noted", lambda _: 2, since=0.0)
    assert len(times) == 1
    assert before <= times[0] <= time.time()
    cache.get("noted", lambda _: 3, since=0.0)
    assert len(times) == 1


def test_at_once_reads_nothing_and_gives_what_is_there(cache: CatalogueCache) -> None:
    key = "at once"
    with pytest.raises(LookupError, match=key):
        cache.at_once(lambda: cache.get(key, lambda _: "unwanted", since=0.0))
    assert cache.get(key, lambda _: "old", since=0.0) == "old"
    assert cache.at_once(lambda: cache.get(key, lambda _: "unwanted", since=0.0)) == "old"
    with pytest.raises(LookupError, match=key):
        cache.at_once(lambda: cache.get(key, lambda _: "unwanted", since=time.time() + 5.0))
    assert cache.get(key, lambda _: "new", since=time.time() + 5.0) == "new"


def test_at_once_does_not_wait_for_what_is_being_read(cache: CatalogueCache) -> None:
    key = "being read"
    reading, finish = threading.Event(), threading.Event()

    def slowly(_: sa.Connection) -> str:
        reading.set()
        finish.wait()
        return "read"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: cache.get(key, slowly, since=0.0))
        try:
            reading.wait()
            with pytest.raises(LookupError, match=key):
                cache.at_once(lambda: cache.get(key, slowly, since=0.0))
        finally:
            finish.set()
        assert first.result() == "read"
