"""Numbers read before the first visitor comes."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from goodpix.query.dashboard.applications import _frame, read_ahead
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


def test_frame_shows_control_characters_as_escapes(cache: CatalogueCache) -> None:
    database = cache.source.database
    named = replace(database.identity, campaign="y6\x1b[31m\u202e")
    fresh = CatalogueCache(replace(cache.source, database=replace(database, identity=named)))
    assert r"campaign y6\x1b[31m\u202e ·" in str(_frame(Session(fresh, {}), "")["footer"])
    fresh.pool.shutdown()
