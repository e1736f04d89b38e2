"""Summaries of tiles against plain sums over the epochs."""

import math
from collections.abc import Callable

import pandas as pd
import pytest

import goodpix
from goodpix.query.summary.skytiles import sky_tiles

from ....rowcatalogue import BANDS, TILES, Row, grouped, ratio
from ..conftest import RowCatalogue
from .conftest import same


@pytest.mark.parametrize(
    ("statistic", "of"),
    [
        ("fraction_good_on_coadd", lambda rows: ratio(rows, "n_good", "n_on_coadd")),
        ("fraction_good_se", lambda rows: ratio(rows, "n_good_se", "n_pixels")),
        ("fraction_coadd_seg", lambda rows: ratio(rows, "n_coadd_seg", "n_on_coadd")),
        ("fraction_only_se_bmask", lambda rows: ratio(rows, "only_se_bmask", "n_pixels")),
        ("area_good_unique", lambda rows: sum(row["area_good_unique"] for row in rows) if rows else math.nan),
        ("n_epochs", lambda rows: float(len(rows))),
    ],
)
@pytest.mark.parametrize("band", [None, "r"])
def test_tiles_have_the_sums_of_their_epochs(
    cat: goodpix.Catalogue,
    row_catalogue: RowCatalogue,
    statistic: str,
    of: Callable[[list[Row]], float],
    band: str | None,
) -> None:
    rows = row_catalogue.rows if statistic == "n_epochs" else row_catalogue.epochs
    by_tile = grouped([row for row in rows if band in (None, row["band"])], "tilename")
    found = sky_tiles(cat, statistic, band=band)
    assert found.tilename.tolist() == sorted(TILES)
    assert same(found.value, [of(by_tile[(tilename,)]) for tilename in found.tilename])
    assert set(found.n_bands) == {len(BANDS) if band is None else 1}


def test_tiles_come_with_the_corners_of_their_coadds(cat: goodpix.Catalogue) -> None:
    found = sky_tiles(cat, band="i").set_index("tilename")
    coadds = cat.tiles(band="i").set_index("tilename")
    names = ["ra_cent", "dec_cent", *(f"{what}c{k}" for k in (1, 2, 3, 4) for what in ("ra", "dec"))]
    pd.testing.assert_frame_equal(found[names], coadds[names])
    assert float(str(found.loc["DES0001-3332", "rac2"])) > 359  # across RA = 0 as it is
