"""First part of a page: what it has before the rest is made."""

import asyncio
import http.client
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from goodpix.query.dashboard import firstpart
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.firstpart import FirstPart, FirstSection
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.server import DashboardServer
from goodpix.query.dashboard.url import View
from goodpix.query.source import Source

TITLES = {"": "Overview", "sky": "Sky"}


def part(cache: CatalogueCache, numbers: Any = lambda *_: "<b>5</b>") -> FirstPart:
    sections = {"": FirstSection("n", "Numbers", numbers)}
    return FirstPart(cache, TITLES, lambda path, _since: f"lead & more of {path!r}", sections)


def known(first: FirstPart, path: str = "") -> str:
    return asyncio.run(first.known(path, View(), "<script></script>")).decode()


@pytest.fixture
def server(source: Source) -> Iterator[DashboardServer]:
    with DashboardServer(source) as started:
        yield started


def test_frame_needs_nothing_of_the_catalogue(cache: CatalogueCache) -> None:
    text = part(cache).frame("sky").decode()
    assert "<h1>Sky</h1>" in text
    assert '<a href="./sky" aria-current="page">Sky</a>' in text
    assert text.count("aria-current=") == 1


def test_first_section_has_its_numbers_and_when_they_were_read(cache: CatalogueCache) -> None:
    def numbers(cache: CatalogueCache, view: View, since: float) -> str:
        return f"<b>{cache.get('first numbers', lambda _: 5, since=since)}</b>"

    fresh = CatalogueCache(cache.source)
    for _ in range(2):  # read, and in the cache
        text = known(part(fresh, numbers))
        assert '<div class="at-first"><b>5</b>' in text
        assert "Numbers as of 20" in text
        assert '<p class="lead">lead &amp; more of' in text
    fresh.pool.shutdown()


def test_page_without_a_first_section_has_none(cache: CatalogueCache) -> None:
    text = known(part(cache), "sky")
    assert "<section>" not in text
    assert text.rstrip().endswith("<script></script>")


def test_what_takes_too_long_comes_with_the_rest(cache: CatalogueCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firstpart, "_PATIENCE_S", 0.0)
    release = threading.Event()
    fresh = CatalogueCache(cache.source)

    def numbers(cache: CatalogueCache, _view: View, since: float) -> str:
        return str(cache.get("slow", lambda _: release.wait(60), since=since))

    text = known(part(fresh, numbers))
    assert "Reading …" in text
    assert "Numbers as of" not in text
    release.set()
    assert fresh.get("slow", lambda _: False, since=0.0)
    fresh.pool.shutdown()


def test_error_of_a_read_is_left_to_the_page(cache: CatalogueCache) -> None:
    def numbers(*_: object) -> str:
        raise OSError("no such disk")

    text = known(part(cache, numbers))
    assert "Reading …" in text
    assert "disk" not in text


def test_parts_are_one_page(server: DashboardServer) -> None:
    text = ask(server, "/")
    order = ["<!DOCTYPE html>", "<h1>Overview</h1>", '<p class="lead">', "bokeh.min.js", 'data-place="bar"', "</html>"]
    assert [text.count(each) for each in order] == [1] * len(order)
    assert sorted(text.index(each) for each in order) == [text.index(each) for each in order]
    assert "mathjax" not in text


def test_page_that_cannot_be_made_says_so_without_the_words_of_the_error(
    server: DashboardServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_page: Overview) -> Any:
        raise KeyError("secret")

    monkeypatch.setattr(Overview, "sections", fail)
    with caplog.at_level(logging.ERROR, "goodpix"):
        text = ask(server, "/?band=i")
    assert "<h1>Overview</h1>" in text
    assert text.rstrip().endswith(firstpart.BUG)
    assert "secret" not in text
    assert [each.getMessage() for each in caplog.records] == ["dashboard: cannot make /?band=i"]


def ask(server: DashboardServer, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path)
    with connection.getresponse() as answer:
        text = answer.read().decode()
    connection.close()
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    return text
