"""The cache of a catalogue, its rows, and pages that are open without a server."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs

import panel as pn
import pytest
import sqlalchemy as sa
from bokeh.document import Document
from bokeh.document.events import SessionCallbackAdded
from bokeh.events import DocumentReady
from panel.io.state import set_curdoc

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.session import Page, Session
from goodpix.query.dashboard.url import UrlQuery
from goodpix.query.source import Source, open_source

from ....rowcatalogue import TILES, Row
from ..conftest import RowCatalogue

ALL = TileScope()
EAST = TileScope(names=(TILES[0],))

Ask = Callable[[Callable[[sa.Connection], Any]], Any]

_Page = TypeVar("_Page", bound=Page)

# the thread of the tests may have an event loop of its own: that of the browser
_LOOP = ThreadPoolExecutor(1)


class CallingThread(Executor):
    """An executor that works at once, in the thread that asks."""

    def submit(self, function: Any, /, *arguments: Any, **given: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*arguments, **given))
        except Exception as error:  # noqa: BLE001  # whoever waits for the future gets it
            future.set_exception(error)
        return future


class OpenPage(Generic[_Page]):
    """A page that is open in a document, as in a browser but without a server.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    make : callable
        Makes the page of a session.
    query : str
        Query string of the page's address.
    """

    def __init__(self, cache: CatalogueCache, make: Callable[[Session], _Page], query: str = "") -> None:
        self.session = Session(cache, parse_qs(query))
        self.page = make(self.session)
        self.document = Document()
        self._waiting: list[Callable[[], None]] = []
        self.document.on_change(self._note)
        self.do(lambda: self.session.open(self.page, {}))
        self._bodies = [pn.panel(section.body) for section in self.page.sections()]

    def show(self, query: str) -> None:
        """Show the view of an address, as a link does; a page is slow to make."""
        self.do(lambda: self.session.go(UrlQuery.of(parse_qs(query)).view))

    def do(self, act: Callable[[], object]) -> None:
        """Act as a user does, and wait until the page shows what it then has to."""
        _LOOP.submit(asyncio.run, self._do(act)).result()

    def be_seen(self) -> None:
        """Say what a browser says once it has drawn the page."""
        self.do(lambda: self.document.callbacks.trigger_event(DocumentReady()))

    async def _do(self, act: Callable[[], object]) -> None:
        with set_curdoc(self.document):
            act()
            while True:
                for _ in range(3):  # what was read calls the loop, which calls the document
                    await asyncio.sleep(0)
                if not self._waiting:
                    return
                while self._waiting:
                    self._waiting.pop(0)()

    def _note(self, event: object) -> None:
        """Note what a server would call at its next tick, in order."""
        if isinstance(event, SessionCallbackAdded):
            self._waiting.append(event.callback.callback)

    @property
    def problems(self) -> str:
        """What the page says is wrong."""
        return str(self.session._problem_pane.object)

    def parts(self, kind: type) -> list[Any]:
        """Return the parts of the page that are of a kind."""
        return [part for body in self._bodies for part in body.select(kind)]

    def widget(self, label: str) -> Any:
        """Return the widget with a label."""
        return next(each for each in self.parts(pn.widgets.Widget) if each.label == label)

    def figure(self, name: str) -> Any:
        """Return the plot of a name."""
        return next(each.object for each in self.parts(pn.pane.Bokeh) if each.object.name == name)

    @property
    def text(self) -> str:
        """The text of the page, as HTML."""
        return "\n".join(str(each.object) for each in self.parts(pn.pane.HTML))


def data_of(plot: Any, number: int = 0) -> dict[str, list[Any]]:
    """Return what one of the glyphs of a plot draws."""
    return {name: list(values) for name, values in plot.renderers[number].data_source.data.items()}


def without_threads(source: Source) -> CatalogueCache:
    """Return a cache that reads in the calling thread."""
    cache = CatalogueCache(source)
    cache.pool.shutdown()
    cache.pool = CallingThread()  # type: ignore[assignment]  # any executor will do
    return cache


@pytest.fixture(scope="module")
def cache(row_catalogue: RowCatalogue) -> Iterator[CatalogueCache]:
    with open_source(row_catalogue.url) as source:
        cache = CatalogueCache(source)
        yield cache
        cache.close()


@pytest.fixture(scope="module")
def rows_cache(sqlite_rows: RowCatalogue) -> Iterator[CatalogueCache]:
    """The cache of a catalogue of many rows, in SQLite."""
    with open_source(sqlite_rows.url) as opened:
        cache = without_threads(opened)
        yield cache
        cache.close()


@pytest.fixture(scope="module")
def masks_cache(source: Source) -> Iterator[CatalogueCache]:
    """The cache of a catalogue of a few masks."""
    cache = without_threads(source)
    yield cache
    cache.close()


@pytest.fixture
def ask(cache: CatalogueCache) -> Iterator[Ask]:
    """Call a function with a connection."""
    with cache.source.database.engine.connect() as connection:
        yield lambda read: read(connection)


@pytest.fixture(scope="module")
def epochs(row_catalogue: RowCatalogue) -> list[Row]:
    """The epochs that count."""
    return row_catalogue.epochs


@pytest.fixture(scope="module")
def ccds(row_catalogue: RowCatalogue) -> list[Row]:
    """The CCD images, each once."""
    return row_catalogue.ccd_images


def total(rows: list[Row], name: str) -> Any:
    return sum(row[name] for row in rows)


def in_scope(rows: list[Row], scope: TileScope) -> list[Row]:
    return [
        row
        for row in rows
        if scope.band in ("", row["band"]) and (scope.names is None or row["tilename"] in scope.names)
    ]
