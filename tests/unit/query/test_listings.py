"""Tables and views as data frames, and queries in SQL."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.query.listings import Listings, view_frame
from goodpix.query.source import open_source
from goodpix.schema.bits import Bits, Plane
from goodpix.schema.errors import UnknownNameError, UsageError

from ...rowcatalogue import BANDS, TILES
from .conftest import RowCatalogue


@pytest.fixture(scope="module")
def listings(row_catalogue: RowCatalogue) -> Iterator[Listings]:
    with open_source(row_catalogue.url) as opened:
        yield Listings(opened.database)


def test_info_counts_rows_and_shows_no_password(listings: Listings, row_catalogue: RowCatalogue) -> None:
    found = listings.info()
    counts = {"coadds": len(TILES) * len(BANDS), "epochs": len(row_catalogue.rows), "failures": 13}
    assert {name: found[name] for name in counts} == counts
    assert (found["campaign"], found["wcs_source"]) == ("test", "image")
    password = re.search(r":([^:@/]+)@", row_catalogue.url)
    assert password is None or password[1] not in str(found["database"])


def test_listings_have_a_row_for_each_thing(listings: Listings, row_catalogue: RowCatalogue) -> None:
    images = row_catalogue.ccd_images
    assert len(listings.tiles()) == len(TILES) * len(BANDS)
    assert len(listings.ccds()) == len(images)
    assert len(listings.exposures()) == len({row["expnum"] for row in images})
    assert len(listings.failures()) == 13


def test_rows_are_sorted_by_their_key(listings: Listings) -> None:
    for frame, key in (
        (listings.tiles(), ["tilename", "band"]),
        (listings.ccds(), ["band", "expnum", "ccdnum"]),
        (listings.bits(expnum=1000, ccdnum=[1, 3]), ["tilename", "band", "expnum", "ccdnum", "plane", "bit"]),
    ):
        assert len(frame) > 2
        assert frame.sort_values(key, ignore_index=True).equals(frame)


def test_filters_choose_rows(listings: Listings, row_catalogue: RowCatalogue) -> None:
    found = listings.ccds(band="r", ccdnum="3:5", nite=20150101)
    wanted = [
        (row["expnum"], row["ccdnum"])
        for row in row_catalogue.ccd_images
        if row["band"] == "r" and 3 <= row["ccdnum"] <= 5 and row["nite"] == 20150101
    ]
    assert list(zip(found.expnum, found.ccdnum, strict=True)) == sorted(wanted) != []


@pytest.mark.parametrize(
    ("plane", "bit", "wanted"),
    [
        ("se", None, lambda row: row.plane == "se"),
        (None, 0, lambda row: row.bit == 0),
        (None, ["STAR", "coadd:NO_DATA"], lambda row: (row.plane, row.bit) in (("se", 5), ("coadd", 0))),
        ("coadd", [0, 5], lambda row: row.plane == "coadd" and row.bit in (0, 5)),
        (None, [], lambda _row: False),
    ],
)
def test_bits_are_chosen_by_plane_and_number_or_name(
    listings: Listings, plane: Plane | None, bit: Bits, wanted: Callable[[Any], bool]
) -> None:
    every = listings.bits(expnum=1000)
    found = listings.bits(plane=plane, bit=bit, expnum=1000)
    chosen = every[[wanted(row) for row in every.itertuples()]].reset_index(drop=True)
    assert found.equals(chosen)
    assert 0 < len(every) > len(found)
    assert len(found) > 0 or bit == []


def test_nothing_that_matches_has_the_columns_all_the_same(listings: Listings) -> None:
    none = listings.tiles(band="Q")
    assert none.empty
    assert none.columns.tolist() == listings.tiles().columns.tolist()


def test_filter_that_a_view_does_not_have_is_refused(listings: Listings) -> None:
    with pytest.raises(UsageError, match="tile_quality cannot be filtered by expnum"):
        listings.tiles(expnum=5)
    with pytest.raises(UnknownNameError, match="failure has no column 'tries'"):
        listings.failures(min={"tries": 2})


@pytest.mark.parametrize(
    ("query", "parameters", "expected"),
    [
        ("SELECT 1 AS a, 'x' AS b", None, [(1, "x")]),
        ("  -- of one's own\n /* and\n another */ select 2 AS a;", None, [(2,)]),
        ("WITH few AS (SELECT 3 AS a) SELECT a + 1 AS a FROM few", None, [(4,)]),
        ("VALUES (5)", None, [(5,)]),
        ("SELECT ':x' AS a, '12:30' AS b", None, [(":x", "12:30")]),
        ("SELECT count(*) AS n FROM epoch WHERE ccdnum = :ccdnum AND band = :band", {"ccdnum": 1, "band": "r"}, [(4,)]),
        ("SELECT CAST(:n AS INTEGER) AS n", {"n": np.int64(7)}, [(7,)]),
        ("SELECT band FROM epoch WHERE 1 = 0", None, []),
    ],
)
def test_query_is_answered_with_its_rows(
    listings: Listings, query: str, parameters: dict[str, Any] | None, expected: list[tuple[Any, ...]]
) -> None:
    found = listings.sql(query, parameters)
    assert list(found.itertuples(index=False, name=None)) == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "the query is empty: expected a single SELECT"),
        ("-- nothing", "the query starts with '--': expected a single SELECT"),
        ("DELETE FROM epoch", "the query starts with 'DELETE': expected a single SELECT"),
        ("selection", "the query starts with 'selection'"),
        ("SELECT nothing FROM epoch", "the query cannot be run: .*nothing"),
        ("SELECT 1; SELECT 2", "the query cannot be run"),
        ("WITH a AS (SELECT 1) DELETE FROM epoch", "the query cannot be run"),
        ("SELECT :x AS a", "the query cannot be run"),
    ],
)
def test_query_that_is_none_is_refused_in_one_line(listings: Listings, query: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        listings.sql(query)
    assert "\n" not in str(refused.value)
    assert "sqlalche.me" not in str(refused.value)


def test_seeing_is_in_arcsec_too_and_the_sky_per_second(listings: Listings, row_catalogue: RowCatalogue) -> None:
    images = {(row["expnum"], row["ccdnum"]): row for row in row_catalogue.ccd_images}
    for found in (listings.ccds(), view_frame(listings.database, "epoch_quality", {})):
        compared = [row for row in found.to_dict("records") if (row["expnum"], row["ccdnum"]) in images]
        assert len(compared) >= len(images)
        for row in compared:
            image = images[row["expnum"], row["ccdnum"]]
            assert row["fwhm_arcsec"] == pytest.approx(image["fwhm"] * np.sqrt(image["pixel_area"]), rel=1e-12)
            assert row["skybrite_per_second"] == per_second(image["skybrite"], image["exptime"])


@pytest.mark.parametrize("view", ["epoch_quality", "ccd_quality"])
@pytest.mark.parametrize("name", ["fwhm_arcsec", "skybrite_per_second"])
def test_derived_columns_are_filtered_as_they_are_shown(listings: Listings, view: str, name: str) -> None:
    every = view_frame(listings.database, view, {})
    middle = float(every[name].median())
    low, high = every[every[name] < middle], every[every[name] >= middle]
    assert len(low) > 0 < len(high)
    for filters, expected in (
        ({"min": {name: middle}}, high),
        ({"where": f"{name} >= {middle!r}"}, high),
        ({"where": sa.column(name) >= middle}, high),
        ({"where": f"{name} < {middle!r}"}, low),
        ({"where": f"1.5 / {name} > 1.5 / {middle * (1 - 1e-9)!r}"}, low),
        ({"where": 1.5 / sa.column(name, sa.Double) > 1.5 / (middle * (1 - 1e-9))}, low),
    ):
        found = view_frame(listings.database, view, filters)
        assert found.expnum.tolist() == expected.expnum.tolist()
        assert found.ccdnum.tolist() == expected.ccdnum.tolist()


@pytest.mark.parametrize("name", ["mean_fwhm_arcsec", "mean_skybrite_per_second"])
def test_derived_columns_of_exposures_are_filtered_as_they_are_shown(listings: Listings, name: str) -> None:
    every = listings.exposures()
    middle = float(every[name].median())
    high, low = every[every[name] >= middle], every[every[name] < middle]
    assert len(low) > 0 < len(high)
    for filters, expected in (
        ({"min": {name: middle}}, high),
        ({"where": f"{name} < {middle!r}"}, low),
        ({"where": sa.column(name) < middle, "max": {"fraction_good_se": 1}}, low),
    ):
        assert listings.exposures(**filters).expnum.tolist() == expected.expnum.tolist()


def test_seeing_of_an_exposure_is_that_of_its_images(listings: Listings, row_catalogue: RowCatalogue) -> None:
    found = listings.exposures()
    for row in found.to_dict("records"):
        images = [each for each in row_catalogue.ccd_images if each["expnum"] == row["expnum"]]
        fwhm, area = (np.mean([each[name] for each in images]) for name in ("fwhm", "pixel_area"))
        assert row["mean_fwhm_arcsec"] == pytest.approx(fwhm * np.sqrt(area), rel=1e-12)
        skies = [each["skybrite"] for each in images if each["skybrite"] is not None]
        sky = float(np.mean(skies)) if skies else None
        assert row["mean_skybrite_per_second"] == per_second(sky, images[0]["exptime"])
    assert 0 < found.mean_skybrite_per_second.isna().sum() < len(found)
    assert "mean_pixel_area" not in found


def per_second(sky: float | None, exptime: float | None) -> Any:
    return pytest.approx(np.nan if sky is None or exptime is None else sky / exptime, rel=1e-12, nan_ok=True)
