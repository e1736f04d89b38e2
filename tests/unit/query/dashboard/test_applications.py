"""Numbers read before the first visitor comes."""

from typing import Any

import sqlalchemy as sa

from goodpix.query.dashboard.applications import read_ahead
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.numbers.survey import survey_numbers
from goodpix.query.dashboard.pages.overview import Overview
from goodpix.query.dashboard.session import Session


def test_what_the_first_page_shows_is_read_ahead(cache: CatalogueCache) -> None:
    fresh = CatalogueCache(cache.source)
    read_ahead(fresh)
    fresh.pool.shutdown()
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    engine = fresh.source.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    session = Session(fresh, {})
    found = [part.read() for part in Overview(session).updates(session.view, session.since)]
    sa.event.remove(engine, "before_cursor_execute", note)
    assert statements == []
    assert survey_numbers(fresh, TileScope(), 0.0) in found
