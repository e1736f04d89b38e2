"""Costs of bits, exact and of a sample."""

from collections import Counter

import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers import bitcosts
from goodpix.query.dashboard.numbers.bitcosts import BitCosts, bits_of
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.url import Span

from .....rowcatalogue import TILES, Row
from ..conftest import ALL, EAST, Ask, in_scope, total


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tiles with any epochs have too many of them to count all."""
    monkeypatch.setattr(bitcosts, "_MOST_EXACT", 0)


def fractions(found: BitCosts, plane: str = "se") -> dict[str, float]:
    return {each.name: each.fraction for each in found.bits if each.plane == plane}


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST, TileScope("i", TILES[:2])])
def test_bits_are_those_of_ccd_images_each_once(
    cache: CatalogueCache, ccds: list[Row], epochs: list[Row], ask: Ask, scope: TileScope
) -> None:
    held = {(row["expnum"], row["ccdnum"]) for row in in_scope(epochs, scope)}
    images = [row for row in ccds if (row["expnum"], row["ccdnum"]) in held]
    counts: dict[str, int] = Counter()
    for row in images:
        for bit, n in row["bits"]["se"].items():
            counts[cache.source.database.identity.bit_names.name("se", bit)] += n
    found = ask(lambda c: bits_of(cache.listings, c, scope, None, None))
    assert fractions(found) == {name: pytest.approx(n / total(images, "n_pixels")) for name, n in counts.items()}
    assert found.words.startswith("SE bits: over all CCD images, each counted once.")


@pytest.mark.parametrize(("nite", "ccdnum"), [(None, None), (Span(20150101, 20150102), 6)])
def test_bits_of_all_tiles_are_those_of_the_survey(
    cache: CatalogueCache, ask: Ask, nite: Span | None, ccdnum: int | None
) -> None:
    survey = ask(lambda c: bits_of(cache.listings, c, ALL, nite, ccdnum))
    tiles = ask(lambda c: bits_of(cache.listings, c, TileScope(names=TILES), nite, ccdnum))
    assert survey.bits
    for plane in ("se", "coadd"):
        assert fractions(tiles, plane) == pytest.approx(fractions(survey, plane))


@pytest.mark.usefixtures("few")
def test_sample_of_everything_is_exact_and_has_no_error(
    cache: CatalogueCache, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitcosts, "_SAMPLE", 10_000)
    tiles = TileScope(names=TILES)
    found = ask(lambda c: bits_of(cache.listings, c, tiles, Span(20150101, 20150102), 6))
    exact = ask(lambda c: bits_of(cache.listings, c, ALL, Span(20150101, 20150102), 6))
    assert fractions(found) == pytest.approx(fractions(exact))
    assert {each.error for each in found.bits} == {0.0}
    assert found.words.startswith("SE bits: over 4 CCD images.")


@pytest.mark.usefixtures("few")
def test_bits_of_a_sample_are_near_and_say_how_near(
    cache: CatalogueCache, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bitcosts, "_SAMPLE", 150)
    exact = fractions(ask(lambda c: bits_of(cache.listings, c, ALL, None, None)))
    found = ask(lambda c: bits_of(cache.listings, c, TileScope(names=TILES), None, None))
    assert "over 150 of" in found.words
    for each in found.bits:
        if each.plane == "se":
            assert 0 < each.error < each.fraction
            assert abs(each.fraction - exact[each.name]) < 4 * each.error


@pytest.mark.usefixtures("few")
def test_sample_of_too_many_epochs_says_that_filters_do_not_apply(
    cache: CatalogueCache, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.scope.MOST_EPOCHS", 0)
    found = ask(lambda c: bits_of(cache.listings, c, TileScope(names=TILES), None, 6))
    assert "The night and CCD filters do not apply to so many." in found.words
    assert found.bits


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
