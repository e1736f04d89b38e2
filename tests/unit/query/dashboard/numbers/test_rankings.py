"""Tables of the worst against plain sums over the epochs."""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from goodpix.query.dashboard.look.table import PAGE_SIZE
from goodpix.query.dashboard.numbers import rankings
from goodpix.query.dashboard.numbers.rankings import ccd_page, exposure_dates, exposure_page, failure_page, tile_page
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.url import Span, TableView
from goodpix.schema.errors import UnknownNameError, UsageError

from .....rowcatalogue import SICK, TILES, Row
from ..conftest import ALL, EAST, Ask, in_scope, total


def all_rows(ask: Ask, page: Callable[..., Any], view: TableView) -> list[Mapping[str, Any]]:
    """Return the rows of all pages of a table."""
    rows: list[Mapping[str, Any]] = []
    while True:
        shown = replace(view, page=len(rows) // PAGE_SIZE + 1)
        found = ask(partial(page, view=shown))
        rows += found.rows
        if len(rows) >= found.total or not found.rows:
            assert len(rows) == found.total
            return rows


@pytest.mark.parametrize("scope", [ALL, TileScope("r"), EAST])
def test_tiles_come_worst_first_and_nulls_last(ask: Ask, scope: TileScope) -> None:
    rows = all_rows(ask, lambda c, view: tile_page(c, scope, view), TableView())
    shares = [math.inf if row["fraction_good_on_coadd"] is None else row["fraction_good_on_coadd"] for row in rows]
    assert shares == sorted(shares)
    assert len(rows) == len(scope.names or TILES) * (1 if scope.band else 2)


def test_a_table_is_sorted_and_bounded_by_any_column(ask: Ask) -> None:
    rows = all_rows(ask, lambda c, view: tile_page(c, ALL, view), TableView("-n_epochs", 1, "n_epochs", 1, None))
    assert [row["n_epochs"] for row in rows] == sorted((row["n_epochs"] for row in rows), reverse=True)
    assert all(row["n_epochs"] >= 1 for row in rows)
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (TableView("message"), "cannot be sorted by 'message'"),
        (TableView("-failed_at; DROP TABLE epoch"), "cannot be sorted by"),
        (TableView(column="tilename"), "cannot be limited by 'tilename'"),
    ],
)
def test_a_column_that_is_none_of_the_table_is_refused(ask: Ask, view: TableView, says: str) -> None:
    with pytest.raises(UnknownNameError, match=says):
        ask(lambda c: failure_page(c, ALL, view))


def test_failures_come_last_first_page_by_page(ask: Ask) -> None:
    first = ask(lambda c: failure_page(c, ALL, TableView()))
    assert (len(first.rows), first.total, first.rows[0]["message"]) == (PAGE_SIZE, 13, "<b>'12'; --")
    beyond = ask(lambda c: failure_page(c, ALL, TableView(page=99)))
    assert [row["message"] for row in beyond.rows] == ["<b>'2'; --", "<b>'1'; --", "<b>'0'; --"]
    assert ask(lambda c: failure_page(c, EAST, TableView())).total == 6


@pytest.mark.parametrize(
    ("scope", "nite", "ccdnum", "most"),
    [
        (ALL, None, None, None),
        (TileScope("r"), None, None, None),
        (ALL, None, SICK[0], None),
        (TileScope("", (TILES[1],)), None, None, None),
        # nights whose images are looked at one by one, and such that have too many for that
        *((ALL, Span(20150102, 20150103), None, most) for most in (None, 0)),
        *((TileScope("i"), Span(20150102, 20150102), 7, most) for most in (None, 0)),
    ],
)
def test_ccd_images_are_the_worst_of_all_that_match(
    epochs: list[Row],
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
    scope: TileScope,
    nite: Span | None,
    ccdnum: int | None,
    most: int | None,
) -> None:
    monkeypatch.setattr(rankings, "N_WORST", 15)
    if most is not None:
        monkeypatch.setattr(rankings, "_MOST_CCD_IMAGES", most)
    rows = all_rows(ask, lambda c, view: ccd_page(c, scope, nite, ccdnum, view), TableView())
    match = {
        (row["expnum"], row["ccdnum"]): row["fraction_good_se"]
        for row in in_scope(epochs, scope)
        if ccdnum in (None, row["ccdnum"])
        and (nite is None or (row["nite"] is not None and nite.first <= row["nite"] <= nite.last))
    }
    expected = sorted(match.values())[:15]
    assert expected
    assert [row["fraction_good_se"] for row in rows] == pytest.approx(expected)
    assert len({(row["expnum"], row["ccdnum"]) for row in rows}) == len(rows)
    assert all(match[row["expnum"], row["ccdnum"]] == pytest.approx(row["fraction_good_se"]) for row in rows)


def test_the_worst_ccd_images_can_be_sorted_and_say_how_their_ccd_usually_is(
    ccds: list[Row], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rankings, "N_WORST", 25)
    rows = all_rows(ask, lambda c, view: ccd_page(c, ALL, None, None, view), TableView("-nite"))
    nights = [row["nite"] for row in rows]
    known = [night for night in nights if night is not None]
    assert known == sorted(known, reverse=True)
    assert 0 < len(known) < len(nights)
    assert nights[len(known) :] == [None] * (len(nights) - len(known))
    for row in rows[:5]:
        of_ccd = [each for each in ccds if (each["band"], each["ccdnum"]) == (row["band"], row["ccdnum"])]
        assert row["median"] == pytest.approx(statistics.median(each["fraction_good_se"] for each in of_ccd))


def test_too_many_tiles_are_refused_in_words(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodpix.query.dashboard.numbers.scope.MOST_EPOCHS", 3)
    with pytest.raises(UsageError, match="hold more than 3 epochs: choose fewer"):
        ask(lambda c: ccd_page(c, EAST, None, None, TableView()))
    assert ask(lambda c: ccd_page(c, ALL, None, None, TableView())).total > 3


def test_exposures_come_worst_first_and_are_filtered(ccds: list[Row], ask: Ask) -> None:
    shares = defaultdict(list)
    for row in ccds:
        shares[row["expnum"]].append(row)
    expected = sorted(total(rows, "n_good_se") / total(rows, "n_pixels") for rows in shares.values())
    rows = all_rows(ask, lambda c, view: exposure_page(c, {}, view), TableView())
    assert [row["fraction_good_se"] for row in rows] == pytest.approx(expected)
    assert ask(lambda c: exposure_dates(c, {"band": "r", "nite": "20150102:"}).n) == 2
    assert ask(lambda c: TileScope("", (TILES[2],)).exposures(c)) == []


def test_seeing_is_in_arcsec_too_and_the_sky_per_second(ask: Ask, epochs: list[Row]) -> None:
    images = {(row["expnum"], row["ccdnum"]): row for row in epochs}
    for row in ask(lambda c: ccd_page(c, ALL, None, None, TableView())).rows:
        image = images[row["expnum"], row["ccdnum"]]
        assert row["fwhm_arcsec"] == pytest.approx(image["fwhm"] * math.sqrt(image["pixel_area"]))
        assert row["skybrite_per_second"] == per_second(image["skybrite"], image["exptime"])
    rows = ask(lambda c: exposure_page(c, {}, TableView())).rows
    for row in rows:
        of_exposure = [image for (expnum, _), image in images.items() if expnum == row["expnum"]]
        fwhm, area = (statistics.fmean(image[name] for image in of_exposure) for name in ("fwhm", "pixel_area"))
        assert row["mean_fwhm_arcsec"] == pytest.approx(fwhm * math.sqrt(area))
        skies = [image["skybrite"] for image in of_exposure if image["skybrite"] is not None]
        sky = statistics.fmean(skies) if skies else None
        assert row["mean_skybrite_per_second"] == per_second(sky, row["exptime"])
    assert {row["mean_skybrite_per_second"] is None for row in rows} == {False, True}


def per_second(sky: float | None, exptime: float | None) -> Any:
    return None if sky is None or exptime is None else pytest.approx(sky / exptime)
