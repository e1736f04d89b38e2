"""A page in a session: what it shows of a view, and what it says of errors."""

import logging
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import pytest

from goodpix.query.dashboard import session
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.look.figures import new_figure
from goodpix.query.dashboard.look.markup import READING, html_pane, under
from goodpix.query.dashboard.look.table import PagedTable
from goodpix.query.dashboard.numbers.survey import survey_numbers
from goodpix.query.dashboard.session import Section, Session, Update
from goodpix.query.dashboard.url import TableView, View
from goodpix.query.source import open_source
from goodpix.schema.errors import UsageError

from ..conftest import RowCatalogue
from .conftest import ALL, OpenPage, without_threads


@dataclass
class Plain:
    """A page that notes what it is asked for and shown."""

    session: Session
    reads: Callable[[], Any] = lambda: "read"
    filters: Sequence[str] = ("band",)
    views: list[View] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)

    def sections(self) -> Sequence[Section]:
        return (Section("one", "One", html_pane("<b>1</b>")),)

    def updates(self, view: View, since: float) -> Sequence[Update]:
        self.views.append(view)
        self.oldest.append(since)
        return (Update(self.reads, self.shown.append), Update(lambda: view.band, self.shown.append))


@pytest.fixture
def opened(rows_cache: CatalogueCache) -> OpenPage[Plain]:
    return OpenPage(rows_cache, Plain)


def fail(error: Exception) -> Any:
    raise error


def status(opened: OpenPage[Any]) -> str:
    return str(opened.session._status.object)


def test_opened_page_shows_the_view_of_its_address(rows_cache: CatalogueCache) -> None:
    opened = OpenPage(rows_cache, Plain, "band=r&tile=0124")
    assert opened.page.views == [View(band="r", tile="0124")]
    assert opened.page.shown == ["read", "r"]
    assert status(opened).startswith("data read 2")
    assert opened.problems == ""


def test_another_view_is_in_the_address_and_shown(opened: OpenPage[Plain]) -> None:
    opened.do(lambda: opened.session.go(View(band="i")))
    assert opened.session._address.query == "band=i"
    assert opened.page.shown == ["read", "", "read", "i"]


def test_noted_view_is_in_the_address_alone(opened: OpenPage[Plain]) -> None:
    opened.session.note(View(band="i"))
    assert (opened.session._address.query, len(opened.page.views)) == ("band=i", 1)


def test_page_that_is_loaded_again_reads_everything_again(rows_cache: CatalogueCache) -> None:
    opened, again = (Session(rows_cache, {}, reload=reload) for reload in (False, True))
    assert 59 < again.since - opened.since < 70


def test_data_are_never_older_than_the_page_wants(opened: OpenPage[Plain]) -> None:
    opened.session.since = 1e12
    opened.do(lambda: opened.session.go(View(band="i")))
    assert opened.page.oldest[1] == 1e12


def test_only_the_newest_of_several_views_is_shown(opened: OpenPage[Plain]) -> None:
    def hurry() -> None:
        for band in ("r", "i", "r"):
            opened.session.go(View(band=band))

    opened.do(hurry)
    assert len(opened.page.views) == 4
    assert opened.page.shown == ["read", "", "read", "r"]


def test_wrong_parameters_and_unknown_bands_are_said_and_escaped(rows_cache: CatalogueCache) -> None:
    opened = OpenPage(rows_cache, Plain, "colour=red&band=<Q>")
    assert "colour: unknown parameter" in opened.problems
    assert "band &#x27;&lt;Q&gt;&#x27;: expected one of r, i" in opened.problems
    opened.do(lambda: opened.session.go(View(band="r")))
    assert "colour: unknown parameter" in opened.problems
    assert "Q" not in opened.problems


@pytest.mark.parametrize("error", [UsageError("<not> today"), OSError("disk <full>")])
def test_error_of_a_reading_is_said_and_the_rest_shown(opened: OpenPage[Plain], error: Exception) -> None:
    opened.page.reads = lambda: fail(error)
    opened.do(lambda: opened.session.go(View(band="r")))
    assert opened.page.shown == ["read", "", "r"]
    assert opened.problems.count("role='alert'") == 1
    assert str(error).replace("<", "&lt;").replace(">", "&gt;") in opened.problems
    assert status(opened) == "some data could not be read"


def test_bug_is_said_without_its_words_and_logged(opened: OpenPage[Plain], caplog: pytest.LogCaptureFixture) -> None:
    opened.page.reads = lambda: fail(KeyError("secret"))
    with caplog.at_level(logging.ERROR):
        opened.do(lambda: opened.session.go(View(tile="A")))
    assert "because of a bug in goodpix; see the server log" in opened.problems
    assert "secret" not in opened.problems
    assert caplog.messages == ["dashboard: cannot show ?tile=A"]


def test_error_that_a_damaged_value_explains_names_it(sqlite_rows: RowCatalogue, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(sqlite_rows.url.removeprefix("sqlite:///"), copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE tile_summary SET n_good = 'x'")
        connection.commit()
    with open_source(copy) as source:
        cache = without_threads(source)
        page = partial(Plain, reads=lambda: survey_numbers(cache, ALL, 0.0))
        opened = OpenPage(cache, page)
        cache.close()
    assert "table tile_summary" in opened.problems
    assert "n_good is &#x27;x&#x27;: expected a whole number" in opened.problems


def test_next_view_forgets_the_problems_of_the_last(opened: OpenPage[Plain]) -> None:
    opened.page.reads = lambda: fail(UsageError("not today"))
    opened.do(lambda: opened.session.go(View(band="r")))
    opened.page.reads = lambda: "again"
    opened.do(lambda: opened.session.go(View(band="i")))
    assert (opened.problems, opened.session._problem_pane.visible) == ("", False)
    assert status(opened).startswith("data read")


def test_view_that_is_none_is_said_and_the_page_stays(opened: OpenPage[Plain]) -> None:
    opened.do(lambda: opened.session.try_to_go(lambda: fail(UsageError("no such view"))))
    assert "no such view" in opened.problems
    assert len(opened.page.views) == 1
    opened.do(lambda: opened.session.try_to_go(lambda: View(band="r")))
    assert (opened.problems, opened.session.view) == ("", View(band="r"))


def test_change_of_a_table_is_in_the_view(opened: OpenPage[Plain]) -> None:
    opened.do(lambda: opened.session.ask_table("tiles", "sort", "-n"))
    assert opened.session.view.table("tiles") == TableView("-n")
    opened.do(lambda: opened.session.ask_table("tiles", "sort", "-n"))
    assert len(opened.page.views) == 2
    opened.do(lambda: opened.session.ask_table("tiles", "page", "none"))
    assert "expected a number from 1" in opened.problems
    assert opened.session.view == replace(View(), tables={"tiles": TableView("-n")})


def test_work_in_the_background_ends_with_its_last_step_also_after_an_error(opened: OpenPage[Plain]) -> None:
    done: list[str] = []
    reads: list[Callable[[], Any]] = [lambda: "read", lambda: fail(UsageError("not today"))]
    for read in reads:
        opened.do(partial(opened.session.in_background, read, done.append, lambda: done.append("done")))
    assert done == ["read", "done", "done"]
    assert "not today" in opened.problems


def test_page_that_was_left_reads_and_shows_nothing(opened: OpenPage[Plain]) -> None:
    for callback in opened.document.session_destroyed_callbacks:
        callback(None)
    opened.do(lambda: opened.session.go(View(band="r")))
    assert opened.page.shown == ["read", ""]


def test_sections_are_full_width_unless_said(opened: OpenPage[Plain]) -> None:
    (section,) = opened.page.sections()
    assert (section.name, section.width) == ("one", "full")
    assert "<b>1</b>" in opened.text


@dataclass
class Cached(Plain):
    """A page of cached data."""

    def updates(self, view: View, since: float) -> Sequence[Update]:
        self.views.append(view)
        self.oldest.append(since)
        cache = self.session.cache
        return (Update(lambda: cache.get("of a page", lambda _: self.reads(), since=since), self.shown.append),)


def test_opened_page_shows_old_data_at_once_and_new_ones_once_it_is_drawn(
    rows_cache: CatalogueCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OpenPage(rows_cache, Cached)
    assert first.page.shown == ["read"]
    assert first.page.oldest == [0.0]
    soon = OpenPage(rows_cache, lambda session: Cached(session, lambda: "again"))
    assert soon.page.shown == ["read"]
    monkeypatch.setattr(session, "_NEW_ENOUGH_S", 0.0)
    later = OpenPage(rows_cache, lambda session: Cached(session, lambda: "again"))
    assert later.page.shown == ["read"]
    assert status(later).endswith("reading again …")
    later.be_seen()
    assert later.page.shown == ["read", "again"]
    assert later.page.oldest[1] > 0
    assert status(later).startswith("data read 2")
    assert "reading again" not in status(later)


@dataclass
class Kept(Plain):
    """A page whose data the cache keeps."""

    def sections(self) -> Sequence[Section]:
        return (Section("one", "One", self.pane), Section("many", "Many", pn.Column(self.pane)))

    def __post_init__(self) -> None:
        self.pane = html_pane()

    def updates(self, view: View, since: float) -> Sequence[Update]:
        def read() -> Any:
            return self.session.cache.get(("kept", view.band), lambda _: self.reads(), since=since)

        return (Update(read, lambda data: setattr(self.pane, "object", data), cached=True),)


def test_what_the_cache_has_is_in_the_page_from_the_first(sqlite_rows: RowCatalogue) -> None:
    later: list[str] = []

    def make(opened: Session) -> Kept:
        page = Kept(opened, lambda: "<b>5 tiles</b>")
        opened.in_background = lambda *_, **__: later.append("later")  # type: ignore[method-assign]
        return page

    with open_source(sqlite_rows.url) as source:
        cache = without_threads(source)
        first = OpenPage(cache, make)
        assert later == ["later"]
        assert [each.at_first for each in first.page.sections()] == ["", ""]
        assert cache.get(("kept", ""), lambda _: "<b>5 tiles</b>", since=0.0) == "<b>5 tiles</b>"
        again = OpenPage(cache, make)
        assert later == ["later"]
        assert [each.at_first for each in again.page.sections()] == ["<b>5 tiles</b>", ""]
        assert status(again).startswith("data read 2")
        cache.close()


@dataclass
class Plotted(Plain):
    """A page with a plot and a table, of which nothing is shown."""

    def __post_init__(self) -> None:
        self.plot = new_figure("x", "y", name="empty")
        self.table = PagedTable.of_columns([])

    def sections(self) -> Sequence[Section]:
        return (Section("one", "One", under(self.plot, self.table)),)

    def updates(self, view: View, since: float) -> Sequence[Update]:  # noqa: ARG002  # those of any view
        return (Update(self.reads, self.shown.append), Update(lambda: fail(OSError("disk")), self.shown.append))


def test_plots_and_tables_say_that_they_are_read_until_they_are_or_cannot_be(rows_cache: CatalogueCache) -> None:
    said: list[str] = []

    def make(session: Session) -> Plotted:
        page = Plotted(session)
        page.reads = lambda: said.extend([page.plot.title.text, page.table.words])
        return page

    page = OpenPage(rows_cache, make).page
    assert said == [READING, READING]
    assert (page.plot.title.text, page.table.words) == ("could not be read", "could not be read")


def test_text_below_the_heading_is_read_with_the_rest(rows_cache: CatalogueCache) -> None:
    opened = OpenPage(rows_cache, Plain)
    leads = iter(["2 tiles", "3 <tiles>"])
    opened.do(lambda: opened.session.open(opened.page, {}, lambda _since: next(leads)))
    assert opened.session._lead.object == "<p class='lead'>2 tiles</p>"
    opened.do(lambda: opened.session.go(View(band="r")))
    assert opened.session._lead.object == "<p class='lead'>3 &lt;tiles&gt;</p>"
