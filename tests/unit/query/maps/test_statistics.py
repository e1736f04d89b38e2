"""Names of the statistics of maps."""

from typing import Any

import pytest

from goodpix.query.maps.statistics import STATISTICS, check_statistics
from goodpix.schema.bits import DES_Y6, Criterion
from goodpix.schema.errors import UnknownNameError, UsageError


def test_plain_name_is_a_weighted_mean_and_suffixes_are_others() -> None:
    operations = {name: each.operation for name, each in STATISTICS.items() if each.quantity == "skyvar"}
    assert operations == {
        "skyvar": "wmean",
        "skyvar_mean": "mean",
        "skyvar_min": "min",
        "skyvar_max": "max",
        "skyvar_sum": "sum",
    }
    assert STATISTICS["exptime"].operation == "sum"


def test_names_are_looked_up_once_each() -> None:
    found = check_statistics(["maglim", "SE:STREAK", "maglim", "COADD_SEG", "se:1024"], DES_Y6)
    assert [each.name for each in found] == ["maglim", "SE:STREAK", "COADD_SEG", "SE:1024"]
    assert [each.flags for each in found] == [0, 1 << 18, int(Criterion.COADD_SEG), 1 << 18]
    assert [each.name for each in check_statistics("fracdet", DES_Y6)] == ["fracdet"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("median", "statistic is 'median': expected n_images, n_images_mean, fracdet, fraction, maglim, skyvar"),
        ("n_epochs", "statistic is 'n_epochs', which n_images replaces: expected"),
        ("maglimit", "statistic is 'maglimit', did you mean 'maglim'"),
        ("SE:STREAKS", "STREAKS"),
        ("SEE:STAR", "a mask bit such as SE:STREAK"),
    ],
)
def test_unknown_name_is_an_error_that_names_the_known(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        check_statistics(name, DES_Y6)


def test_no_name_is_an_error() -> None:
    with pytest.raises(UsageError, match="statistic is empty: expected one or more names"):
        check_statistics([], DES_Y6)


@pytest.mark.parametrize("given", [None, 3, [3]])
def test_what_is_no_name_is_an_error(given: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"statistic is (None|3): expected n_images"):
        check_statistics(given, DES_Y6)


def test_what_takes_a_zero_point() -> None:
    assert {name for name, each in STATISTICS.items() if each.needs_weight} == {
        *("maglim", "skyvar", "skysigma", "skyvar_zp30", "skysigma_zp30", "fwhm", "mu_sky")
    }
    assert STATISTICS["skyvar_zp30_min"].needs_zero_point
    assert not STATISTICS["skyvar_min"].needs_zero_point
