"""One open page in one browser: what it shows, and how that changes."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Protocol

import panel as pn
import param
from bokeh.document import Document
from panel.custom import JSComponent

from ...schema.errors import GoodpixError
from ..palette import in_band_order
from .cache import CatalogueCache
from .look.filterbar import FilterBar, bands_of
from .look.markup import STYLE, html_pane
from .url import UrlQuery, View

__all__ = ["Page", "Part", "Section", "Session"]

logger = logging.getLogger(__name__)

# What was read for someone else is new enough for a page that is opened; one that is loaded again reads anew.
_NEW_ENOUGH_S = 60.0
_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "page.js").read_text()
_TEMPLATE = (_HERE / "page.html").read_text()


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Parameters
    ----------
    name : str
        A word of its own.
    title : str
        What stands above it.
    body : Panel object
        What it shows.
    width : str
        ``"full"``, ``"half"``, or ``"picture"``: half where a window is wide enough for the mask viewer.
    """

    name: str
    title: str
    body: Any
    width: str = "full"


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a page shows as soon as it has been read.

    Parameters
    ----------
    read : callable
        Called in a thread; must not touch what is shown.
    show : callable
        Takes what was read, and shows it.
    """

    read: Callable[[], Any]
    show: Callable[[Any], None]


class Page(Protocol):
    """What fills a page; made anew for each session."""

    @property
    def filters(self) -> Sequence[str]:
        """The fields of the view that its filter bar has."""

    def sections(self) -> Sequence[Section]:
        """Return its sections, still without data."""

    def parts(self, view: View, since: float) -> Sequence[Part]:
        """Return what it shows of a view, none of it read before a time of day."""


class AddressBar(JSComponent):  # type: ignore[misc]  # Panel carries no types for it
    """What the browser's address says; also what it says before the page is drawn, when reading was fast."""

    query = param.String("")

    _esm = """
    export function render({model}) {
      const tell = () => window.goodpixAddress(model.query);
      model.on("query", tell);
      tell();
    }
    """


class Session:
    """One open page.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    arguments : mapping of str to sequence of str
        The parameters of its address.
    anew : bool
        Whether the page is loaded again, so that nothing that was read before will do.
    """

    def __init__(self, cache: CatalogueCache, arguments: Mapping[str, Sequence[str]], *, anew: bool = False) -> None:
        address = UrlQuery.of(arguments)
        self.cache = cache
        self.view = address.view
        self.since = time.time() - (0.0 if anew else _NEW_ENOUGH_S)
        self._misread = address.problems
        self._problems: list[str] = []
        self._status = pn.pane.HTML("reading …", margin=0)
        self._problem_pane = html_pane()
        self._address = AddressBar(height=0, margin=0)
        self._wanted = self._unread = 0
        self._closed = False
        self._document: Document | None = None
        self._page: Page | None = None
        self._bar: FilterBar | None = None

    def open(self, page: Page, variables: Mapping[str, Any]) -> pn.Template:
        """Return the page as a document, and begin to read for it."""
        self._page, self._document = page, pn.state.curdoc
        self._document.on_session_destroyed(self._close)
        self._bar = FilterBar(page.filters, bands_of(self.cache, self.since), self.view, self.go)
        sections = page.sections()
        template = pn.Template(_TEMPLATE)
        for name, value in {**variables, "sections": sections, "style": STYLE, "script": _SCRIPT}.items():
            template.add_variable(name, value)
        roots = {"status": self._status, "bar": self._bar.row, "problems": self._problem_pane, "address": self._address}
        for name, body in {**roots, **{each.name: each.body for each in sections}}.items():
            template.add_panel(name, body)
        self.go(self.view)
        return template

    def go(self, view: View) -> None:
        """Show another view: its address and filters at once, the rest as it has been read."""
        self.note(view)
        self._wanted += 1
        self._problems = [*self._misread, *_unknown_band(view.band, bands_of(self.cache, self.since))]
        self._say_problems()
        number, started = self._wanted, time.time()
        assert self._page is not None  # `open` is the first to call this
        assert self._bar is not None
        self._bar.show(view)
        parts = self._page.parts(view, max(self.since, started - _NEW_ENOUGH_S))
        self._unread = len(parts)
        for part in parts:
            self.in_background(part.read, partial(self._show, number, started, part.show), number=number)

    def try_to_go(self, wanted: Callable[[], View]) -> None:
        """Show the view that a function returns, or say why there is none."""
        try:
            view = wanted()
        except GoodpixError as error:
            self._problems = [str(error)]
            self._say_problems()
        else:
            self.go(view)

    def ask_table(self, name: str, what: str, text: str) -> None:
        """Show a table of the page as its reader wants it."""
        before = self.view.table(name)
        if text != str(getattr(before, what)):
            self.try_to_go(lambda: self.view.with_table(name, before.changed(what, text)))

    def note(self, view: View) -> None:
        """Take a view into the address; what it shows is there already, or will be."""
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
            Must not touch what is shown. What it raises is said on the page.
        show : callable
            Takes what was read. What it raises is said on the page, too.
        done : callable, optional
            Called in the end, whether that went well or not.
        number : int, optional
            Of the view that it is for; nothing is read or shown once there is a newer one.
        """
        document, loop = self._document, asyncio.get_running_loop()
        assert document is not None  # `open` is the first to call this

        def wanted() -> bool:
            return not self._closed and number in (None, self._wanted)

        def finish(future: "Future[Any]") -> None:
            if not wanted():
                return
            try:
                show(future.result())
            except Exception as error:  # noqa: BLE001  # the page says what is wrong, whatever it is
                self._say_error(error)
            if done is not None:
                done()

        def tell(future: "Future[Any]") -> None:
            with suppress(RuntimeError):  # the server has ended
                # a document takes callbacks in the server's thread alone: another's can be lost while it changes
                loop.call_soon_threadsafe(lambda: wanted() and document.add_next_tick_callback(lambda: finish(future)))

        # a coroutine of Bokeh's would keep the document locked, and the browser's events waiting, while it reads
        self.cache.pool.submit(lambda: read() if wanted() else None).add_done_callback(tell)

    def _close(self, _context: object) -> None:
        """Read and show nothing any more: nobody looks at the page."""
        self._closed = True

    def _show(self, number: int, started: float, show: Callable[[Any], None], found: Any) -> None:
        show(found)
        self._unread -= 1
        if number == self._wanted and not self._unread:
            self._status.object = time.strftime("read %Y-%m-%d %H:%M:%S UTC", time.gmtime(started))

    def _say_error(self, error: Exception) -> None:
        """Say on the page what went wrong, and in the log what is more."""
        if isinstance(error, GoodpixError | OSError):
            text = str(error)
        else:
            text = "Something cannot be shown, by a mistake in goodpix; what the server wrote says more."
            logger.error("dashboard: cannot show ?%s", self.view.query(), exc_info=error)
        if text not in self._problems:
            self._problems.append(text)
        self._say_problems()
        self._status.object = "not all could be read"

    def _say_problems(self) -> None:
        self._problem_pane.object = "".join(
            f"<p class='problem' role='alert'>{escape(each)}</p>" for each in self._problems
        )
        self._problem_pane.visible = bool(self._problems)


def _unknown_band(band: str, known: Sequence[str]) -> list[str]:
    """Return what is wrong with a band: nothing where the catalogue has it."""
    if not band or band in known:
        return []
    return [f"band {band!r}: expected one of {', '.join(in_band_order(known)) or 'none: the catalogue is empty'}"]
