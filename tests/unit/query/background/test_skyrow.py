"""Columns and order of sky statistics."""

import pytest

from goodpix.query.background.skyrow import SKY_SCHEMA, STATISTICS, By, SkyRow, check_statistics, in_order, sky_frame
from goodpix.schema.columns import columns
from goodpix.schema.errors import UnknownNameError, UsageError

NAMES = [each.name for each in columns(SkyRow)]


def test_statistics_come_once_and_in_their_order() -> None:
    assert check_statistics(["gradient", "mean", "gradient"]) == ("mean", "gradient")
    assert check_statistics("noise") == ("noise",)
    assert check_statistics(None) == tuple(STATISTICS)


def test_unit_is_ccd_or_epoch() -> None:
    assert (By.of("ccd"), By.of("epoch"), By.of(By.CCD)) == (By.CCD, By.EPOCH, By.CCD)
    with pytest.raises(UsageError, match="by is 'tile': expected ccd or epoch"):
        By.of("tile")


def test_statistics_that_are_none_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown statistic 'mode': expected one of mean, median"):
        check_statistics(["median", "mode"])
    with pytest.raises(UsageError, match="statistics is empty"):
        check_statistics([])


def test_every_statistic_has_columns_of_its_own() -> None:
    named = [name for names in STATISTICS.values() for name in names]
    assert len(set(named)) == len(named)
    assert set(named) < set(NAMES) == set(SKY_SCHEMA.names)


def test_rows_are_ordered_by_key_then_from_the_first_pixel() -> None:
    key = {"tilename": "T", "band": "r", "expnum": 1}
    rows = [
        key | {"ccdnum": ccdnum, "y0": y0, "x0": x0}
        for ccdnum, y0, x0 in [(10, 0, 0), (2, 9, 0), (2, 0, 9), (2, None, None), (2, 0, 5)]
    ]
    found = [(row["ccdnum"], row["y0"], row["x0"]) for row in in_order(rows)]
    assert found == [(2, None, None), (2, 0, 5), (2, 0, 9), (2, 9, 0), (10, 0, 0)]


def test_frame_has_the_columns_of_its_statistics_alone() -> None:
    row = dict.fromkeys(NAMES) | {"tilename": "T", "median": 1.5, "mean": 2.5}
    found = sky_frame([row], ["median"], By.EPOCH)
    dropped = {name for key, names in STATISTICS.items() if key != "median" for name in names}
    assert found.columns.tolist() == [name for name in NAMES if name not in dropped | {"n_tiles"}]
    by_ccd = sky_frame([row], ["median"], By.CCD)
    assert by_ccd.columns.tolist() == [name for name in NAMES if name not in dropped | {"tilename"}]
    assert found["median"].tolist() == [1.5]
