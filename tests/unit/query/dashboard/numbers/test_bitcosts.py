"""Costs of bits, exact and of a sample."""

from collections import Counter

import pytest
import sqlalchemy as sa

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.bitcosts import bits_of, sampled_bits
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.url import Span
from goodpix.schema import tables

from .....rowcatalogue import Row
from ..conftest import ALL, EAST, Ask, in_scope, total


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST])
def test_bits_that_are_counted_are_those_of_the_epochs(
    ask: Ask, scope: TileScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 10_000)
    every = ask(lambda c: c.execute(sa.select(tables.epoch)).mappings().all())
    rows = in_scope(every, scope)
    found = ask(lambda c: sampled_bits(c, scope))
    counts: dict[tuple[str, str], int] = Counter()
    ids = {row["epoch_id"] for row in rows}
    for bit in ask(lambda c: c.execute(sa.select(tables.bit_count)).mappings().all()):
        if bit["epoch_id"] in ids:
            counts[bit["plane"], bit["name"]] += bit["n_pixels"]
    wholes = {"se": total(rows, "n_pixels"), "coadd": total(rows, "n_on_coadd")}
    assert {(each.plane, each.name): each.fraction for each in found.bits} == {
        key: pytest.approx(n / wholes[key[0]]) for key, n in counts.items()
    }
    assert {each.error for each in found.bits} == {0.0}
    assert found.words.endswith(f"over {len(rows)} epochs.")


def test_bits_of_a_sample_are_near_and_say_how_near(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 10_000)
    exact = {(each.plane, each.name): each.fraction for each in ask(lambda c: sampled_bits(c, ALL)).bits}
    monkeypatch.setattr("goodpix.query.dashboard.numbers.bitcosts._SAMPLE", 150)
    found = ask(lambda c: sampled_bits(c, ALL))
    assert "over 150 of" in found.words
    for each in found.bits:
        assert 0 < each.error < each.fraction
        assert abs(each.fraction - exact[each.plane, each.name]) < 4 * each.error


def test_bits_of_the_whole_survey_are_of_ccd_images_each_once(cache: CatalogueCache, ccds: list[Row], ask: Ask) -> None:
    found = ask(lambda c: bits_of(cache.listings, c, ALL, Span(20150101, 20150102), 6))
    images = [row for row in ccds if row["ccdnum"] == 6 and row["nite"] in (20150101, 20150102)]
    counts: dict[str, int] = Counter()
    for row in images:
        for bit, n in row["bits"]["se"].items():
            counts[cache.source.database.identity.bit_names.name("se", bit)] += n
    assert {each.name: each.fraction for each in found.bits if each.plane == "se"} == {
        name: pytest.approx(n / total(images, "n_pixels")) for name, n in counts.items()
    }
