"""Costs of bits and criteria against plain sums over the epochs."""

from typing import Any

import pandas as pd
import pytest

import goodpix
from goodpix.query.summary.costs import bit_costs, criteria_costs
from goodpix.schema.errors import UsageError

from ....rowcatalogue import COADD_NO_DATA, NIGHTS, TILES, Row, grouped


@pytest.mark.parametrize("filters", [{}, {"band": "r"}, {"ccdnum": "3:9", "nite": NIGHTS[1]}])
def test_bits_cost_what_ccd_images_have_of_them(
    cat: goodpix.Catalogue, ccds: list[Row], filters: dict[str, Any]
) -> None:
    wanted = [
        row
        for row in ccds
        if row["band"] == filters.get("band", row["band"])
        and ("nite" not in filters or (3 <= row["ccdnum"] <= 9 and row["nite"] == NIGHTS[1]))
    ]
    expected = {
        (band, bit): (sum(row["bits"]["se"].get(bit, 0) for row in rows), sum(row["n_pixels"] for row in rows))
        for (band,), rows in grouped(wanted, "band").items()
        for bit in range(24)
    }
    found = bit_costs(cat, **filters)
    assert {(row.band, row.bit): (row.n_set, row.n_pixels) for row in found.itertuples()} == {
        key: sums for key, sums in expected.items() if sums[0]
    }
    assert found.fraction.tolist() == pytest.approx((found.n_set / found.n_pixels).tolist())
    assert dict(zip(found["bit"], found["name"], strict=True)) == {0: "BPM", 5: "STAR", 23: "OTHER"}


def test_plane_of_bits_is_given_in_any_case(cat: goodpix.Catalogue) -> None:
    for plane in ("se", "coadd"):
        given: Any = plane
        upper: Any = plane.upper()
        pd.testing.assert_frame_equal(bit_costs(cat, upper), bit_costs(cat, given))
    wrong: Any = "seg"
    with pytest.raises(UsageError, match=r"^plane is 'seg': expected se or coadd$"):
        bit_costs(cat, wrong)


def test_bits_of_coadds_are_those_of_their_own_masks(cat: goodpix.Catalogue) -> None:
    found = bit_costs(cat, "coadd", band="i")
    (row,) = found.to_dict("records")
    assert (row["band"], row["plane"], row["bit"], row["name"]) == ("i", "coadd", 0, "NO_DATA")
    assert (row["n_set"], row["n_pixels"]) == (
        len(TILES) * COADD_NO_DATA,
        int(cat.tiles(band="i").coadd_n_pixels.sum()),
    )


@pytest.mark.parametrize("band", [None, "r"])
def test_costs_are_sums_over_epochs(cat: goodpix.Catalogue, epochs: list[Row], band: str | None) -> None:
    by_band = grouped([row for row in epochs if band in (None, row["band"])], "band")
    found = criteria_costs(cat, band=band)
    assert len(found) == 7 * len(by_band)
    for row in found.itertuples():
        rows, name = by_band[(row.band,)], str(row.criterion).lower()
        whole = "n_on_coadd" if name.startswith("coadd") else "n_pixels"
        sums = [sum(each[column] for each in rows) for column in (f"n_{name}", f"only_{name}", whole)]
        assert [row.n_fail, row.n_only, row.n_pixels] == sums
        assert [row.fraction_fail, row.fraction_only] == pytest.approx([sums[0] / sums[2], sums[1] / sums[2]])
