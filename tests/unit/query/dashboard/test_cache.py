"""Answers that the dashboard keeps."""

import time

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
