"""First part of a page, which is sent before the rest of it is made."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bokeh.server.tornado import BokehTornado
from panel.io.resources import Resources, bundle_resources
from panel.io.server import DocHandler
from tornado.iostream import StreamClosedError
from tornado.template import Template
from tornado.web import authenticated

from .cache import CatalogueCache
from .look.markup import READING, STYLE, note
from .url import UrlQuery, View

__all__ = ["BUG", "FirstPart", "FirstSection", "arguments_of", "send_first"]

BUG = "<p class='problem' role='alert'>This page could not be made because of a bug in goodpix; see the server log.</p>"
"""HTML that follows the first part of a page that cannot be made."""

logger = logging.getLogger(__name__)

_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "page.js").read_text()
_FRAME, _KNOWN = (Template((_HERE / f"{name}.html").read_text()) for name in ("first", "known"))
_COMPONENTS = ("bokeh", "bokeh-widgets", "bokeh-tables")
_OF_SESSION = ("bokeh-token", "bokeh-session-id")

# Longest wait for what the first part shows; it is then left out, and comes with the rest.
_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class FirstSection:
    """Section that a page begins with, seen before the scripts of the page have been loaded.

    Parameters
    ----------
    name, title : str
        Of the section.
    html : callable
        Returns its content, of the catalogue, a view, and the oldest acceptable read.
    """

    name: str
    title: str
    html: Callable[[CatalogueCache, View, float], str]


@dataclass(frozen=True, slots=True)
class FirstPart:
    """First parts of the pages of a catalogue.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    titles : mapping of str to str
        Headings by path.
    lead : callable
        Returns the text below the heading of a path, of data read after a time; called in a thread.
    sections : mapping of str to FirstSection
        First sections by path, of pages that have one.
    """

    cache: CatalogueCache
    titles: Mapping[str, str]
    lead: Callable[[str, float], str]
    sections: Mapping[str, FirstSection]

    def frame(self, path: str) -> bytes:
        """Return the beginning of a page, for which nothing has to be read."""
        return _FRAME.generate(path=path, pages=self.titles, heading=self.titles[path], style=STYLE, script=_SCRIPT)

    async def known(self, path: str, view: View, scripts: str) -> bytes:
        """Return the continuation, with what the cache has or can be read soon."""
        section = self.sections.get(path)
        reads = [self._soon(lambda: self.lead(path, 0.0))]
        if section:
            reads.append(self._soon(lambda: section.html(self.cache, view, 0.0)))
        lead, *html = await asyncio.gather(*reads)
        return _KNOWN.generate(lead=lead[0], section=section, numbers=_dated(*html[0]) if html else "", scripts=scripts)

    async def _soon(self, read: Callable[[], str]) -> tuple[str, float]:
        """Return what a function reads, and when its oldest part was read; empty text if that takes too long."""

        def noted() -> tuple[str, float]:
            with self.cache.noting() as times:
                text = read()
            return text, min(times, default=time.time())

        try:
            return self.cache.at_once(noted)
        except LookupError:
            pass
        except Exception:  # noqa: BLE001  # the page says what is wrong once it is made
            return "", 0.0
        future = asyncio.wrap_future(self.cache.pool.submit(noted))
        try:
            return await asyncio.wait_for(asyncio.shield(future), _PATIENCE_S)
        except Exception:  # noqa: BLE001  # likewise
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            return "", 0.0


def arguments_of(request: Any) -> dict[str, list[str]]:
    """Return the query parameters of a request as text."""
    return {name: [each.decode(errors="replace") for each in values] for name, values in request.arguments.items()}


def send_first(application: BokehTornado, first: FirstPart) -> None:
    """Let a server send the first part of each page at once, and the rest of the page when it has been made."""
    for rule in application.wildcard_router.rules:
        if isinstance(rule.target, type) and issubclass(rule.target, DocHandler):
            rule.target = type("InParts", (_InParts, rule.target), {"first": first, "scripts": _scripts(application)})


def _dated(html: str, read_at: float) -> str:
    """Return HTML with the time when its data were read, or a word in its place."""
    if not html:
        return note(READING)
    return html + note(time.strftime("Numbers as of %Y-%m-%d %H:%M:%S UTC.", time.gmtime(read_at)))


def _scripts(application: BokehTornado) -> str:
    """Return the elements that load the scripts of all pages, at addresses relative to a page's."""
    resources = Resources.from_bokeh(application.resources())
    resources.components = [each for each in resources.components if each in _COMPONENTS]
    bundle = bundle_resources(None, resources, enable_mathjax=False)
    prefix = f"{application.prefix}/"
    bundle.js_files = [str(each).removeprefix(prefix) for each in bundle.js_files]
    return str(bundle._render_js())


class _InParts(DocHandler):  # type: ignore[misc]  # Panel has no types
    """A page that is sent in two parts."""

    first: FirstPart
    scripts: str

    @authenticated
    async def get(self, *arguments: Any, **given: Any) -> None:
        path = self.request.path.removeprefix(self.application.prefix)
        if not path:
            await super().get(*arguments, **given)  # it redirects to the path with a slash
            return
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        path = path.removeprefix("/")
        if any(self.get_argument(name, None) for name in _OF_SESSION) or "Bokeh-Session-Id" in self.request.headers:
            await self.get_session()  # refuses those that are wrong, as long as that can be said
        try:
            await self._send(self.first.frame(path))
            await self._send(await self.first.known(path, UrlQuery.of(arguments_of(self.request)).view, self.scripts))
            await super().get(*arguments, **given)
        except StreamClosedError:
            logger.debug("dashboard: the browser has left %s", self.request.path)
        except Exception:
            logger.exception("dashboard: cannot make %s", self.request.uri)
            self.write(BUG)

    async def _send(self, part: bytes) -> None:
        self.write(part)
        await self.flush()
