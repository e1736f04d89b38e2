"""Summaries of nights and exposures against plain sums over the CCD images."""

import math
import statistics
from typing import Literal

import pandas as pd
import pytest

import goodpix
from goodpix.query.summary.overtime import over_time

from ....rowcatalogue import Row, grouped, ratio


def mean(rows: list[Row], name: str) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return statistics.fmean(known) if known else None


@pytest.mark.parametrize("by", ["night", "exposure"])
@pytest.mark.parametrize("ccdnum", [None, 7, 1])
@pytest.mark.parametrize("statistic", ["fraction_good_se", "sky_rate", "fraction_se_seg", "fwhm", "n_good_se"])
def test_nights_and_exposures_have_their_sums(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, ccdnum: int | None, by: Literal["night", "exposure"]
) -> None:
    rows = [row for row in ccds if ccdnum in (None, row["ccdnum"])]
    key = ("nite", "band") if by == "night" else ("nite", "band", "expnum")
    expected = grouped(rows, *key)
    found = over_time(cat, statistic, by=by, ccdnum=ccdnum)
    assert len(found) == len(expected)
    for row in found.to_dict("records"):
        of_row = expected[tuple(None if pd.isna(row[name]) else row[name] for name in key)]
        exposures = grouped(of_row, "expnum").values()
        assert row["n_ccd_images"] == len(of_row)
        if statistic == "sky_rate":
            # an exposure's sky is the mean of its CCD images'
            means = [{"sky": mean(each, "skybrite"), "exptime": each[0]["exptime"]} for each in exposures]
            value = ratio(means, "sky", "exptime")
        elif statistic == "fwhm":
            value = statistics.fmean(statistics.fmean(row["fwhm"] for row in each) for each in exposures)
        elif statistic == "n_good_se":
            value = sum(each["n_good_se"] for each in of_row)
        else:
            value = ratio(
                of_row, {"fraction_good_se": "n_good_se", "fraction_se_seg": "n_se_seg"}[statistic], "n_pixels"
            )
        assert (None if pd.isna(row["value"]) else row["value"]) == (
            None if math.isnan(value) else pytest.approx(value)
        )


@pytest.mark.parametrize("by", ["night", "exposure"])
def test_time_goes_on_and_what_has_no_date_comes_last(cat: goodpix.Catalogue, by: Literal["night", "exposure"]) -> None:
    found = over_time(cat, by=by)
    dated = found[found.nite.notna()]
    assert dated.nite.is_monotonic_increasing
    assert found.nite.notna().tolist() == [True] * len(dated) + [False] * (len(found) - len(dated))
    assert len(found) > len(dated)
    if by == "exposure":
        assert dated.mjd_obs.is_monotonic_increasing
