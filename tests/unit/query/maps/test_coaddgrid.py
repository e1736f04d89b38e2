"""Pixels of a coadd and its unique region."""

import json
from typing import Any

import numpy as np
import pytest

from goodpix.query.maps.coaddgrid import CoaddGrid, find_grid
from goodpix.query.source import Source
from goodpix.schema.errors import MaskNotFoundError
from goodpix.schema.wcs.footprint import UniqueRegion

from ....maskcatalogue import BORDER, COADD_SHAPE, EAST, WEST
from ...schema.wcs.headers import tan

ROW: dict[str, Any] = {
    "tilename": "T",
    "band": "r",
    "wcs": json.dumps(tan()),
    "ny": 50,
    "nx": 60,
    "position_offset": 1,
    "uramin": 29.0,
    "uramax": 31.0,
    "udecmin": -41.0,
    "udecmax": -39.0,
}


def test_grid_has_the_pixels_and_region_of_its_row() -> None:
    grid = CoaddGrid.of(ROW)
    assert (grid.tilename, grid.band, grid.shape, grid.offset) == ("T", "r", (50, 60), 1.0)
    assert grid.region == UniqueRegion(29.0, 31.0, -41.0, -39.0)


@pytest.mark.parametrize("name", ["uramin", "uramax", "udecmin", "udecmax"])
def test_limit_that_is_missing_leaves_no_region_and_every_pixel(name: str) -> None:
    grid = CoaddGrid.of(ROW | {name: None})
    assert grid.region is None
    assert grid.unique_rows(slice(3, 7)).tolist() == [[True] * 60] * 4


def test_other_bands_of_a_tile_have_the_same_sky() -> None:
    assert CoaddGrid.of(ROW).same_sky(CoaddGrid.of(ROW | {"band": "i", "tilename": "other"}))


@pytest.mark.parametrize(
    "change",
    [{"nx": 61}, {"position_offset": 0}, {"uramin": 29.5}, {"udecmax": None}, {"wcs": json.dumps(tan(CRPIX1=3.0))}],
)
def test_other_pixels_or_region_are_another_sky(change: dict[str, Any]) -> None:
    assert not CoaddGrid.of(ROW).same_sky(CoaddGrid.of(ROW | change))


def test_unique_regions_of_neighbours_share_no_pixel(source: Source) -> None:
    east, west = (find_grid(source.database, tile, "r") for tile in (EAST, WEST))
    columns = np.arange(COADD_SHAPE[1])
    assert (east.unique_rows(slice(0, 50)) == (columns < BORDER)).all()
    assert west.unique_rows(slice(0, 50)).all()


@pytest.mark.parametrize(
    ("tilename", "band", "message"),
    [("nowhere", "r", "there is no tile nowhere"), (EAST, "u", f"tile {EAST} has bands i, r")],
)
def test_coadd_that_is_not_there_is_an_error(source: Source, tilename: str, band: str, message: str) -> None:
    with pytest.raises(MaskNotFoundError, match=message):
        find_grid(source.database, tilename, band)
