"""Numbers read before the first visitor comes."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from goodpix.query.dashboard.applications import _rest, first_part, read_ahead
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.numbers.survey import survey_numbers
from goodpix.query.dashboard.pages.overview import Overview, numbers_html
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
    assert f">{survey_numbers(fresh, TileScope(), 0.0).total['n_epochs']}</td>" in found[0]


def test_numbers_of_the_first_part_are_read_when_reading_ahead_says_so(cache: CatalogueCache) -> None:
    fresh = CatalogueCache(cache.source)
    read_ahead(fresh).result()
    first = first_part(fresh)
    assert fresh.at_once(lambda: first.lead("sky", 0.0)).startswith("Where on the sky are pixels good? ")
    view = Session(fresh, {}).view
    assert fresh.at_once(lambda: first.sections[""].html(fresh, view, 0.0)) == numbers_html(cache, view, 0.0)
    fresh.pool.shutdown()


def test_footer_shows_control_characters_as_escapes(cache: CatalogueCache) -> None:
    database = cache.source.database
    named = replace(database.identity, campaign="y6\x1b[31m\u202e")
    fresh = CatalogueCache(replace(cache.source, database=replace(database, identity=named)))
    assert r"campaign y6\x1b[31m\u202e ·" in str(_rest(Session(fresh, {}), "")["footer"])
    fresh.pool.shutdown()
