"""Bokeh applications of the pages."""

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version

import panel as pn

from ...schema.printable import printable
from .cache import CatalogueCache
from .look.filterbar import bands_of
from .mask.openmask import OpenMasks
from .numbers.survey import headline
from .pages.focalplane import FocalView
from .pages.mask import MaskView
from .pages.overview import Overview
from .pages.sky import SkyView
from .pages.time import TimeView
from .session import Page, Session

__all__ = ["TITLES", "applications", "read_ahead"]

TITLES = {"": "Overview", "sky": "Sky", "focalplane": "Focal plane", "time": "Time", "mask": "Mask"}
"""Titles of the pages by path."""

_LEADS = {
    "": "",
    "sky": "Where on the sky are pixels good? ",
    "focalplane": "Which CCDs and amplifiers are bad? ",
    "time": "Which nights were bad, and what changed? ",
    "mask": "Which pixels of one epoch are sky, and why are the others not? ",
}


def applications(cache: CatalogueCache) -> dict[str, Callable[[], pn.Template]]:
    """Return the application of each page by path; each call of an application makes a new page."""
    masks = OpenMasks(cache)
    makers: dict[str, Callable[[Session], Page]] = {
        "": Overview,
        "sky": SkyView,
        "focalplane": FocalView,
        "time": TimeView,
        "mask": lambda session: MaskView(session, masks),
    }
    return {f"/{path}": _application(cache, path, make) for path, make in makers.items()}


def read_ahead(cache: CatalogueCache) -> None:
    """Prefetch the data of the overview, which takes seconds from a cold disk."""
    session = Session(cache, {})
    updates = Overview(session).updates(session.view, session.since)

    def read() -> None:  # one after the other, which leaves time to make the pages of those who come meanwhile
        for each in (lambda: _headline(session), lambda: bands_of(cache, session.since), *(u.read for u in updates)):
            with suppress(Exception):  # the page says what is wrong
                if not cache.closed:
                    each()

    cache.pool.submit(read)


def _application(cache: CatalogueCache, path: str, make: Callable[[Session], Page]) -> Callable[[], pn.Template]:
    """Return a function that makes a page for each browser that opens it."""

    # Panel accepts only plain functions
    def application() -> pn.Template:
        request = pn.state.curdoc.session_context.request
        arguments = {
            name: [value.decode(errors="replace") for value in values] for name, values in request.arguments.items()
        }
        # browsers send these headers when the user reloads a page
        reload = "Cache-Control" in request.headers or "Pragma" in request.headers
        session = Session(cache, arguments, reload=reload)
        return session.open(make(session), _frame(session, path))

    return application


def _frame(session: Session, path: str) -> dict[str, object]:
    """Return the template variables of the frame around a page."""
    cache = session.cache
    identity = cache.source.database.identity
    return {
        "pages": [{"path": path, "title": title} for path, title in TITLES.items()],
        "path": path,
        "heading": TITLES[path],
        "lead": _LEADS[path] + printable(_headline(session)),
        "footer": printable(
            f"goodpix {version('goodpix')} · {cache.listings.shown_url}, read-only · "
            f"campaign {identity.campaign} · WCS source: {identity.wcs_source}"
        ),
    }


def _headline(session: Session) -> str:
    return session.cache.get("headline", headline, since=session.since)
