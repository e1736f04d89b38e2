"""Numbers of the survey against plain sums over the epochs."""

import operator
from collections import Counter

import pytest

from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers import survey
from goodpix.query.dashboard.numbers.rankings import N_WORST, ccd_page, failure_page
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.numbers.survey import headline, histograms, ingests, survey_numbers
from goodpix.query.dashboard.url import Span, TableView

from .....rowcatalogue import TILES, Row
from ..conftest import ALL, EAST, Ask, in_scope, total


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST, TileScope("i", TILES[1:])])
def test_numbers_are_sums_of_epochs(cache: CatalogueCache, epochs: list[Row], ask: Ask, scope: TileScope) -> None:
    found = survey_numbers(cache, scope, 0.0)
    rows = in_scope(epochs, scope)
    assert found.total["n_good_se"] == total(rows, "n_good_se")
    assert found.total["n_on_coadd"] == total(rows, "n_on_coadd")
    assert found.total["n_ccd_images"] == len({(row["expnum"], row["ccdnum"]) for row in rows})
    assert {row["band"]: row["n_pixels"] for row in found.bands} == {
        band: total(in_scope(rows, TileScope(band)), "n_pixels") for band in {row["band"] for row in rows}
    }
    assert found.n_failures == ask(lambda c: failure_page(c, scope, TableView())).total


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST, TileScope("i", TILES[1:])])
@pytest.mark.parametrize(("nite", "ccdnum"), [(None, None), (None, 6), (Span(20150101, 20150102), None)])
def test_numbers_of_ccd_images_are_those_of_their_table_each_once(
    cache: CatalogueCache,
    ccds: list[Row],
    epochs: list[Row],
    ask: Ask,
    scope: TileScope,
    nite: Span | None,
    ccdnum: int | None,
) -> None:
    held = {(row["expnum"], row["ccdnum"]) for row in in_scope(epochs, scope)}
    images = [
        row
        for row in ccds
        if (row["expnum"], row["ccdnum"]) in held
        and ccdnum in (None, row["ccdnum"])
        and (nite is None or row["nite"] in (20150101, 20150102))
    ]
    found = survey_numbers(cache, scope, 0.0, nite, ccdnum).total
    assert (found["n_ccd_images"], found["n_good_se_images"], found["n_pixels_images"]) == (
        len(images),
        total(images, "n_good_se"),
        total(images, "n_pixels"),
    )
    table = ask(lambda c: ccd_page(c, scope, nite, ccdnum, TableView()))
    assert table.total == min(len(images), N_WORST)


def test_ccd_images_of_too_many_tiles_are_not_counted(cache: CatalogueCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "MOST_EPOCHS", 0)
    found = survey_numbers(cache, TileScope(names=TILES[:2]), 0.0).total
    assert (found["n_ccd_images"], found["n_good_se_images"]) == (None, None)
    assert found["n_good_se"] > 0


def test_epochs_without_segmentation_map_are_counted_and_in_no_sum(cache: CatalogueCache) -> None:
    found = survey_numbers(cache, ALL, 0.0)
    assert found.total["n_epochs"] - found.total["n_epochs_used"] == 1


def test_nothing_is_no_zero(cache: CatalogueCache) -> None:
    found = survey_numbers(cache, TileScope("r", (TILES[2],)), 0.0)
    assert [row["n_good"] for row in found.bands] == [None]
    assert found.total["n_good"] is None


def test_the_headline_names_the_ends_and_the_least_good_tile(epochs: list[Row], ask: Ask) -> None:
    shares = {
        (tile, band): total(rows, "n_good") / total(rows, "n_on_coadd")
        for tile in TILES
        for band in "ri"
        if (rows := [row for row in epochs if (row["tilename"], row["band"]) == (tile, band)])
    }
    (tile, band), share = min(shares.items(), key=operator.itemgetter(1))
    assert ask(headline) == (
        f"3 tiles, from {min(TILES)} to {max(TILES)}. Worst of all: {tile} in {band}, with "
        f"{share:.2%} of pixels on the coadd good.".replace("%", " %")
    )


@pytest.mark.parametrize("few", [True, False])
def test_histograms_count_every_epoch_or_every_tile(
    epochs: list[Row], ask: Ask, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:
        monkeypatch.setattr("goodpix.query.dashboard.numbers.survey._FEW_EPOCHS", 0)
    found = ask(lambda c: histograms(c, ALL))
    counted = {band: int(counts.sum()) for band, counts in found.counts.items()}
    if few:
        known = [row for row in epochs if row["fraction_good_on_coadd"] is not None]
        assert (found.of, counted) == ("epochs", dict(Counter(row["band"] for row in known)))
        assert found.n_null == len(epochs) - len(known)
    else:
        with_epochs = {(row["tilename"], row["band"]) for row in epochs}
        assert (found.of, counted) == ("tiles", dict(Counter(band for _, band in with_epochs)))


def test_a_catalogue_without_runs_has_no_growth(ask: Ask) -> None:
    found = ask(ingests)
    assert (found.growth, found.runs, found.failures) == ([], [], [("FitsFileError", 13)])
