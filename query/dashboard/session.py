"""Session of a page that is open in a browser."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import panel as pn
import param
from bokeh.document import Document
from panel.custom import JSComponent

from ...schema.errors import GoodpixError
from ...schema.sql.mistyped import naming_mistyped
from ..namedselections import find_selection
from ..palette import in_band_order
from .cache import CatalogueCache
from .look.filterbar import FilterBar, bands_of
from .look.markup import READING, escaped, html_pane
from .look.table import PagedTable
from .url import UrlQuery, View

__all__ = ["Page", "Section", "Session", "Update"]

logger = logging.getLogger(__name__)

# A page that is opened shows at once what the cache has, and reads again what is older than this, or all if reloaded.
_NEW_ENOUGH_S = 60.0
_UNREAD = "could not be read"
_HERE = Path(__file__).parent
_TEMPLATE = (_HERE / "page.html").read_text()


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page.

    Parameters
    ----------
    name : str
        Unique name.
    title : str
        Heading.
    body : Panel object
        Content.
    width : str
        ``"full"``, ``"half"``, or ``"picture"``: half if the window is wide enough for the mask viewer.
    """

    name: str
    title: str
    body: Any
    width: str = "full"

    @property
    def at_first(self) -> str:
        """HTML of the content, seen until the browser has loaded the scripts that draw the section; empty if drawn."""
        return str(self.body.object) if isinstance(self.body, pn.pane.HTML) else ""


@dataclass(frozen=True, slots=True)
class Update:
    """An update of a page: data to read in the background and then show.

    Parameters
    ----------
    read : callable
        Reads and returns the data; called in a thread, must not touch the page.
    show : callable
        Takes the data and shows it on the page.
    cached : bool
        Whether `read` takes all from the cache, so that a page that is opened can show at once what is there.
    """

    read: Callable[[], Any]
    show: Callable[[Any], None]
    cached: bool = False


class Page(Protocol):
    """Content of a page; each session has its own."""

    @property
    def filters(self) -> Sequence[str]:
        """Fields of the view in the filter bar."""

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the updates that show a view, with data read after `since` (seconds since 1970)."""


class PageTemplate(pn.Template):  # type: ignore[misc]  # Panel carries no types for it
    """Template of a page whose document is made in one go."""

    def __repr__(self) -> str:
        # Panel asks for the text of the whole page at each part that is added
        return f"<{type(self).__name__}>"

    def server_doc(self, doc: Document, *arguments: Any, **given: Any) -> Document:
        """Return the document of the page; its models are counted once, not again for each that is added."""
        with doc.models.freeze():
            return super().server_doc(doc, *arguments, **given)


class AddressBar(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """Query string in the browser's address bar, also set when data arrive before the page is rendered."""

    query = param.String("")

    _esm = """
    export function render({model}) {
      const write = () => window.goodpixAddress(model.query);
      model.on("query", write);
      write();
    }
    """


class Session:
    """A page that is open in a browser.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    arguments : mapping of str to sequence of str
        Query parameters of the page's URL.
    reload : bool
        Whether the page is being reloaded, so that cached results must not be used.
    """

    def __init__(self, cache: CatalogueCache, arguments: Mapping[str, Sequence[str]], *, reload: bool = False) -> None:
        url = UrlQuery.of(arguments, partial(find_selection, cache.source.database))
        self.cache = cache
        self.view = url.view
        self.since = time.time() - (0.0 if reload else _NEW_ENOUGH_S)
        self._url_problems = url.problems
        self._problems: list[str] = []
        self._status = pn.pane.HTML("reading …", margin=0)
        self._problem_pane, self._lead = html_pane(), html_pane()
        self._read_lead: Callable[[float], str] = lambda _since: ""
        self._address = AddressBar(height=0, margin=0)
        self._wanted = self._unread = self._unfinished = 0
        self._bodies: list[Any] = []
        self._is_seen = self._go_when_seen = False
        self._waiting: list[Callable[[], None]] = []
        self._oldest = 0.0
        self._closed = False
        self._document: Document | None = None
        self._page: Page | None = None
        self._bar: FilterBar | None = None

    def open(
        self, page: Page, variables: Mapping[str, Any], lead: Callable[[float], str] = lambda _since: ""
    ) -> pn.Template:
        """Return the page as a document, and start reading its data.

        Parameters
        ----------
        page : Page
            The page.
        variables : mapping
            Variables of the template.
        lead : callable
            Reads the text below the heading, after a time in seconds since 1970.
        """
        self._page, self._document, self._read_lead = page, pn.state.curdoc, lead
        self._document.on_session_destroyed(self._close)
        self._document.on_event("document_ready", self._note_seen)
        self._bar = FilterBar(page.filters, bands_of(self.cache, 0.0), self.view, self.go)
        sections = page.sections()
        self._bodies = [each.body for each in sections]
        template = PageTemplate(_TEMPLATE)
        for name, value in {**variables, "sections": sections}.items():
            template.add_variable(name, value)
        roots = {
            "status": self._status,
            "lead": self._lead,
            "bar": self._bar.row,
            "problems": self._problem_pane,
            "address": self._address,
        }
        for name, body in {**roots, **{each.name: each.body for each in sections}}.items():
            template.add_panel(name, body)
        self.go(self.view, any_age=True)
        return template

    def go(self, view: View, *, any_age: bool = False) -> None:
        """Show another view: update the URL and filters at once, the rest when its data have been read.

        Parameters
        ----------
        view : View
            The view.
        any_age : bool
            Whether to show first whatever data the cache has, and then to read again those that are too old.
        """
        self.note(view)
        self._wanted += 1
        started = time.time()
        since = 0.0 if any_age else max(self.since, started - _NEW_ENOUGH_S)
        self._problems = [*self._url_problems, *_unknown_band(view.band, bands_of(self.cache, 0.0))]
        self._say_problems()
        number = self._wanted
        assert self._page is not None  # `open` is the first to call this
        assert self._bar is not None
        self._bar.show(view)
        bands = Update(lambda: bands_of(self.cache, since), self._offer_bands, cached=True)
        lead = Update(lambda: self._read_lead(since), self._show_lead, cached=True)
        updates = [bands, lead, *self._page.updates(view, since)]
        self._unfinished = len(updates)
        self._unread, self._oldest = len(updates), started
        for update in updates:
            read, show = partial(self._noted, update.read), partial(self._show, number, update.show, any_age)
            if any_age and update.cached and self._shown_at_once(read, show):
                self._finish(number)
            else:
                self.in_background(read, show, partial(self._finish, number), number=number)

    def _offer_bands(self, bands: Sequence[str]) -> None:
        """Offer the bands that the catalogue has by now."""
        assert self._bar is not None  # `open` has made it
        if self._bar.offer(bands):
            self._problems = [*self._url_problems, *_unknown_band(self.view.band, bands)]
            self._say_problems()

    def _show_lead(self, text: str) -> None:
        self._lead.object = f"<p class='lead'>{escaped(text)}</p>"

    def _finish(self, number: int) -> None:
        """Note the end of an update of a view; after the last, what still says that it is being read was not."""
        if number != self._wanted:
            return
        self._unfinished -= 1
        if self._unfinished:
            return
        for body in self._bodies:
            titles = [each.object.title for each in body.select(pn.pane.Bokeh)]
            for shown, name in (*((each, "text") for each in titles), *((t, "words") for t in body.select(PagedTable))):
                if getattr(shown, name) == READING:
                    setattr(shown, name, _UNREAD)

    def try_to_go(self, wanted: Callable[[], View]) -> None:
        """Show the view that a function returns, or the error it raises."""
        try:
            view = wanted()
        except GoodpixError as error:
            self._problems = [str(error)]
            self._say_problems()
        else:
            self.go(view)

    def ask_table(self, name: str, what: str, text: str) -> None:
        """Apply the user's change of a table: ``sort``, ``where`` or ``page``."""
        before = self.view.table(name)
        if text != str(getattr(before, what)):
            self.try_to_go(lambda: self.view.with_table(name, before.changed(what, text)))

    def note(self, view: View) -> None:
        """Record a view in the URL without updating the page."""
        self.view = view
        self._address.query = view.query()

    def in_background(
        self,
        read: Callable[[], Any],
        show: Callable[[Any], None],
        done: Callable[[], None] | None = None,
        *,
        number: int | None = None,
    ) -> None:
        """Read in a thread, then show on the page.

        Parameters
        ----------
        read : callable
            Reads and returns the data; must not touch the page. Errors are shown on the page.
        show : callable
            Takes the data and shows it. Errors are shown on the page.
        done : callable, optional
            Called at the end, after success or failure.
        number : int, optional
            Number of the view that the data belong to; the data are dropped once there is a newer view.
        """
        document, loop = self._document, asyncio.get_running_loop()
        assert document is not None  # `open` is the first to call this

        def wanted() -> bool:
            return not self._closed and number in (None, self._wanted)

        def finish(future: "Future[Any]") -> None:
            if not wanted():
                return
            if document.session_context is not None and not self._is_seen:
                # Panel loses changes that come after the browser has fetched the document and before it has drawn it
                self._waiting.append(lambda: finish(future))
                return
            with document.models.freeze():  # a plot has hundreds of models, counted at each change otherwise
                try:
                    show(future.result())
                except Exception as error:  # noqa: BLE001  # the page shows any error
                    self._say_error(error)
            if done is not None:
                done()

        def notify(future: "Future[Any]") -> None:
            with suppress(RuntimeError):  # the server has ended
                # callbacks must be added in the server's thread: others can be lost while the document changes
                loop.call_soon_threadsafe(lambda: wanted() and document.add_next_tick_callback(lambda: finish(future)))

        def read_if_wanted() -> Any:
            with naming_mistyped(self.cache.source.database.engine):
                return read() if wanted() else None

        # a Bokeh coroutine would lock the document, and so block the browser's events, while it reads
        self.cache.pool.submit(read_if_wanted).add_done_callback(notify)

    def _close(self, _context: object) -> None:
        """Stop reading and showing data, because the browser has left the page."""
        self._closed = True

    def _shown_at_once(self, read: Callable[[], Any], show: Callable[[Any], None]) -> bool:
        """Show data if the cache has them; return whether it has."""
        try:
            found = self.cache.at_once(read)
        except Exception:  # noqa: BLE001  # not there, or wrong: the page says so when it has been read in the background
            return False
        show(found)
        return True

    def _noted(self, read: Callable[[], Any]) -> tuple[Any, float]:
        """Read data; return them with the time of the oldest."""
        with self.cache.noting() as times:
            data = read()
        return data, min(times, default=time.time())

    def _show(self, number: int, show: Callable[[Any], None], any_age: bool, found: tuple[Any, float]) -> None:
        data, read_at = found
        show(data)
        if number != self._wanted:
            return
        self._unread -= 1
        self._oldest = min(self._oldest, read_at) if any_age else self._oldest
        if not self._unread:
            again = any_age and self._oldest < self.since
            said = time.strftime("data read %Y-%m-%d %H:%M:%S UTC", time.gmtime(self._oldest))
            self._status.object = f"{said}, reading again …" if again else said
            if again and self._is_seen:
                self.go(self.view)
            self._go_when_seen = again and not self._is_seen

    def _note_seen(self, _event: object) -> None:
        """Note that the page is drawn; Panel does so only after this."""
        assert self._document is not None  # `open` has set it
        self._document.add_next_tick_callback(self._catch_up)

    def _catch_up(self) -> None:
        """Show what was read before the page was drawn, or read again what was too old, which would have delayed it."""
        self._is_seen = True
        waiting, self._waiting = self._waiting, []
        for finish in waiting:
            finish()
        if self._go_when_seen:
            self._go_when_seen = False
            self.go(self.view)

    def _say_error(self, error: Exception) -> None:
        """Show an error on the page, and log it if it is a bug."""
        if isinstance(error, GoodpixError | OSError):
            text = str(error)
        else:
            text = "Part of this page could not be shown because of a bug in goodpix; see the server log."
            logger.error("dashboard: cannot show ?%s", self.view.query(), exc_info=error)
        if text not in self._problems:
            self._problems.append(text)
        self._say_problems()
        self._status.object = "some data could not be read"

    def _say_problems(self) -> None:
        self._problem_pane.object = "".join(
            f"<p class='problem' role='alert'>{escaped(problem)}</p>" for problem in self._problems
        )
        self._problem_pane.visible = bool(self._problems)


def _unknown_band(band: str, known: Sequence[str]) -> list[str]:
    """Return the problem with a band, if the catalogue does not have it."""
    if not band or band in known:
        return []
    return [f"band {band!r}: expected one of {', '.join(in_band_order(known)) or 'none: the catalogue is empty'}"]
