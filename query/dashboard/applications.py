"""Bokeh applications of the pages."""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from importlib.metadata import version

import panel as pn

from ...schema.printable import printable
from .cache import CatalogueCache
from .firstpart import BUG, FirstPart, FirstSection, arguments_of
from .look.filterbar import bands_of
from .mask.openmask import OpenMasks
from .numbers.scope import tile_positions
from .numbers.survey import headline
from .pages.focalplane import FocalView
from .pages.mask import MaskView
from .pages.overview import NUMBERS, Overview, numbers_html
from .pages.sky import SkyView
from .pages.time import TimeView
from .session import Page, Session

__all__ = ["TITLES", "applications", "first_part", "read_ahead"]

logger = logging.getLogger(__name__)

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


def first_part(cache: CatalogueCache) -> FirstPart:
    """Return the first parts of the pages."""

    def lead(path: str, since: float) -> str:
        bands_of(cache, since)  # the filters of the page need them
        return _lead(cache, path, since)

    return FirstPart(cache, TITLES, lead, {"": FirstSection(*NUMBERS, numbers_html)})


def _lead(cache: CatalogueCache, path: str, since: float) -> str:
    """Return the text below the heading of a page, of data read after a time."""
    return _LEADS[path] + printable(cache.get("headline", headline, since=since))


def read_ahead(cache: CatalogueCache) -> "Future[None]":
    """Prefetch the data of the overview, which takes seconds from a cold disk.

    Returns
    -------
    Future
        Done when the numbers that pages begin with have been read; the rest follows.
    """
    session = Session(cache, {})
    first = first_part(cache)
    updates = Overview(session).updates(session.view, session.since)

    def read(*reads: Callable[[], object]) -> None:  # one after the other, to leave time for making pages meanwhile
        for each in reads:
            with suppress(Exception):  # the page says what is wrong
                if not cache.closed:
                    each()

    def begin() -> None:
        read(
            lambda: first.lead("", session.since),
            lambda: first.sections[""].html(cache, session.view, session.since),
            _import,
        )

    cache.pool.submit(read, lambda: tile_positions(cache, session.since))  # from a cold disk, as slow as all the rest
    numbers = cache.pool.submit(begin)
    cache.pool.submit(read, *(each.read for each in updates))
    return numbers


def _import() -> None:
    """Import what the reads of the overview need."""
    import pandas as pd  # noqa: F401  # slow to import, during which pages would wait


def _application(cache: CatalogueCache, path: str, make: Callable[[Session], Page]) -> Callable[[], pn.Template]:
    """Return a function that makes a page for each browser that opens it."""

    # Panel accepts only plain functions
    def application() -> pn.Template:
        request = pn.state.curdoc.session_context.request
        # browsers send these headers when the user reloads a page
        reload = "Cache-Control" in request.headers or "Pragma" in request.headers
        try:
            session = Session(cache, arguments_of(request), reload=reload)
            return session.open(make(session), _rest(session, path), partial(_lead, cache, path))
        except Exception:
            # Panel would send a page of its own after the first part
            logger.exception("dashboard: cannot make %s", request.uri)
            return pn.Template(BUG)

    return application


def _rest(session: Session, path: str) -> dict[str, object]:
    """Return the template variables of what follows the first part of a page, about its sections."""
    cache = session.cache
    identity = cache.source.database.identity
    first = NUMBERS[0] if path == "" else ""
    return {
        "first": first,
        "placed": ["status", "lead", "bar", "problems", *filter(None, [first])],
        "footer": printable(
            f"goodpix {version('goodpix')} · {cache.listings.shown_url}, read-only · "
            f"campaign {identity.campaign} · WCS source: {identity.wcs_source}"
        ),
    }
