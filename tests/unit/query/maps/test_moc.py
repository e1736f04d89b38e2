"""MOCs of good sky, against centres by hpgeom and whole-pixel shifts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from mocpy import MOC

from goodpix.query.maps.moc import FEW_ORDER, check_moc_name, make_moc, moc_area
from goodpix.query.maps.skyarea import sky_area
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError

from .test_skyarea import plain


def cells(moc: Any, order: int) -> set[int]:
    """Return the cells of a MOC at its finest order."""
    ranges = np.asarray(moc.to_depth29_ranges, np.uint64) >> np.uint64(2 * (29 - order))
    return {cell for start, stop in ranges.tolist() for cell in range(start, stop)}


@pytest.mark.parametrize("order", [12, 15, FEW_ORDER, 18, 20])
def test_cell_belongs_where_its_centre_is_good(source: Source, order: int) -> None:
    expected = set.union(*plain(nside=1 << order).values())
    found = make_moc(source, max_order=order)
    assert cells(found, order) == expected
    assert moc_area(found) == pytest.approx(len(expected) / (12 * 4**order) * 4 * np.pi * np.degrees(60) ** 2)


def test_order_is_that_of_a_few_tiles_by_default(source: Source) -> None:
    assert make_moc(source).max_order == FEW_ORDER
    assert make_moc(source) == make_moc(source, max_order=FEW_ORDER)


def test_area_at_order_18_is_the_sky_area(source: Source) -> None:
    assert moc_area(make_moc(source, max_order=18)) == pytest.approx(sky_area(source), rel=1e-9)


@pytest.mark.parametrize("order", range(9))
def test_cell_larger_than_an_image_belongs_where_its_centre_is_good(source: Source, order: int) -> None:
    assert cells(make_moc(source, max_order=order), order) == set.union(*plain(nside=1 << order).values()) == set()


def test_selection_filters_and_workers_reach_the_masks(source: Source) -> None:
    narrow = make_moc(source, Selection(border=4), max_order=18, band="r")
    wide = make_moc(source, max_order=18)
    assert narrow.intersection(wide) == narrow
    assert 0 < moc_area(narrow) < moc_area(wide)
    assert make_moc(source, max_order=18, workers=2) == wide
    assert make_moc(source, band="u").empty()


@pytest.mark.parametrize("ending", ["fits", "txt", "json"])
def test_file_is_the_moc(source: Source, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"good.{ending}"
    made = make_moc(source, Selection(border=2), path=path, band=["r"])
    kinds = {"fits": "fits", "txt": "ascii", "json": "json"}
    assert MOC.load(path, kinds[ending]) == made
    if ending == "fits":
        header = fits.getheader(path, 1)
        assert (header["SELECT"], header["FILTERS"]) == ("border 2", "band=r")
        assert header["CATALOG"] == source.database.identity.uuid


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_order": 30}, "max_order is 30: expected a whole number from 0 to 29"),
        ({"max_order": -1}, "max_order is -1: expected"),
        ({"max_order": 13.0}, r"max_order is 13\.0: expected"),
        ({"max_order": 29}, r"max_order is 29: this takes .* TB of memory, .* are free"),
        ({"path": "good.png"}, r"good\.png: expected a name that ends in \.fits, \.txt, \.json"),
    ],
)
def test_moc_that_cannot_be_made_is_an_error(options: dict[str, Any], message: str, source: Source) -> None:
    with pytest.raises(UsageError, match=message):
        make_moc(source, **options)


def test_ending_stands_for_a_format() -> None:
    assert [check_moc_name(name) for name in ("a.FITS", Path("a.txt"), "a.json")] == ["fits", "ascii", "json"]
