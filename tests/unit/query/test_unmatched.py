"""Words of filters that match nothing, with the nearest that do."""

from collections.abc import Iterator
from typing import Any

import pytest

from goodpix.query.listings import view_frame
from goodpix.query.source import Source, open_source
from goodpix.query.unmatched import unmatched

from ...rowcatalogue import BANDS, DARK, TILES
from .conftest import RowCatalogue

HAS = f"the catalogue has {', '.join(sorted(BANDS))}"


@pytest.fixture(scope="module")
def opened(row_catalogue: RowCatalogue) -> Iterator[Source]:
    with open_source(row_catalogue.url) as source:
        yield source


def lines(source: Source, **filters: Any) -> list[str]:
    rows = view_frame(source.database, "epoch_quality", filters)
    return unmatched(source.database, "epoch_quality", filters, some=not rows.empty)


@pytest.fixture(scope="module")
def numbers(row_catalogue: RowCatalogue) -> dict[str, list[int]]:
    """The numbers that there are, in order."""
    names = ("expnum", "ccdnum", "nite")
    return {name: sorted({row[name] for row in row_catalogue.rows if row[name] is not None}) for name in names}


def test_words_that_match_say_nothing(opened: Source) -> None:
    assert lines(opened) == []
    assert lines(opened, band=BANDS, tilename=TILES[0], expnum="1:", ccdnum=slice(None, 99)) == []


@pytest.mark.parametrize("band", ["Q", b"Q ", ["Q"], [BANDS[0], "Q"], "", " "])
def test_band_that_is_not_there_names_those_that_are(opened: Source, band: Any) -> None:
    shown = repr(band) if band in (b"Q ", "", " ") else "Q"
    assert lines(opened, band=band) == [f"band {shown} matches nothing: {HAS}"]


def test_tile_that_is_not_there_names_those_that_are(opened: Source) -> None:
    assert lines(opened, tilename="DES") == [
        f"tilename DES matches nothing: the catalogue has {', '.join(sorted(TILES))}"
    ]


@pytest.mark.parametrize("name", ["expnum", "ccdnum", "nite"])
def test_number_that_is_not_there_names_the_nearest(opened: Source, numbers: dict[str, list[int]], name: str) -> None:
    first, last = numbers[name][0], numbers[name][-1]
    assert lines(opened, **{name: first - 1}) == [f"{name} {first - 1} matches nothing: the nearest is {first}"]
    assert lines(opened, **{name: f"{last + 1}:"}) == [f"{name} {last + 1}: matches nothing: the nearest is {last}"]
    assert lines(opened, **{name: f":{first - 1}"}) == [f"{name} :{first - 1} matches nothing: the nearest is {first}"]


def test_number_in_a_gap_names_both_neighbours(opened: Source) -> None:
    assert lines(opened, ccdnum=DARK) == [f"ccdnum {DARK} matches nothing: the nearest are {DARK - 1} and {DARK + 1}"]


def test_range_upside_down_is_called_empty(opened: Source) -> None:
    assert lines(opened, expnum="5:1") == [
        "expnum 5:1 matches nothing: the range is empty, expected A:B with A not greater than B"
    ]
    assert lines(opened, expnum=slice(5, 1))[0].startswith("expnum 5:1 matches nothing: the range is empty")


def test_bound_on_a_derived_column_that_nothing_reaches_names_the_extreme(opened: Source) -> None:
    most = view_frame(opened.database, "exposure_quality", {}).mean_fwhm_arcsec.max()
    (line,) = unmatched(opened.database, "exposure_quality", {"min": {"mean_fwhm_arcsec": 99}}, some=False)
    assert line.startswith("mean_fwhm_arcsec >= 99 matches nothing: the largest is ")
    assert float(line.rpartition(" ")[2]) == pytest.approx(most, rel=1e-12)


def test_bound_that_nothing_reaches_names_the_extreme(opened: Source) -> None:
    most = view_frame(opened.database, "epoch_quality", {}).n_good_se.max()
    assert lines(opened, min={"n_good_se": str(most + 1)}) == [
        f"n_good_se >= {most + 1} matches nothing: the largest is {most}"
    ]
    assert lines(opened, max={"n_good_se": -1})[0].startswith("n_good_se <= -1 matches nothing: the smallest is ")


def test_filters_that_match_only_apart_are_said_so(opened: Source, numbers: dict[str, list[int]]) -> None:
    assert (
        lines(opened, band=BANDS[0], min={"n_good_se": 0}, expnum=numbers["expnum"][0], ccdnum=numbers["ccdnum"]) == []
    )
    assert lines(opened, min={"ccdnum": numbers["ccdnum"][1]}, ccdnum=numbers["ccdnum"][0]) == [
        "nothing matches all of the filters together"
    ]


def test_tile_without_failures_exists_all_the_same(opened: Source) -> None:
    assert unmatched(opened.database, "failure", {"tilename": TILES[2]}, some=False) == [
        "nothing matches all of the filters together"
    ]


def test_place_outside_the_survey_names_the_nearest_tile(opened: Source) -> None:
    (line,) = unmatched(opened.database, "epoch", {}, some=False, position=(10.0, 89.0))
    assert line.startswith(f"nothing that matches covers ra 10, dec 89: the nearest tile is {TILES[0][:3]}")
    assert line.endswith(" degrees away")
