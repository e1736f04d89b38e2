"""Statistics by name, and outliers."""

import numpy as np
import pytest
import sqlalchemy as sa
from astropy.stats import mad_std as mad_std_of_astropy

from goodpix.query.summary.statistic import MAD_TO_STD, RATIOS, Statistic, mad_std, outliers, statistics_of
from goodpix.schema.errors import UnknownNameError, UsageError

TABLE = sa.Table(
    "some_table",
    sa.MetaData(),
    sa.Column("band", sa.String),
    sa.Column("n_good_se", sa.Integer),
    sa.Column("n_pixels", sa.Integer),
    sa.Column("mean_fwhm", sa.Float),
    sa.Column("fraction_good_se", sa.Float),
    sa.Column("good_area_images_unique", sa.Float),
)
ROWS: list[tuple[object, ...]] = [
    ("r", 10, 40, 3.0, None, 2.5),
    ("r", 5, 10, 4.5, None, 4.0),
    ("r", None, 50, None, None, None),
    ("r", 7, None, None, None, None),
    ("i", None, 3, None, None, None),
]


def value_of(name: str, band: str) -> object:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        TABLE.metadata.create_all(connection)
        connection.execute(TABLE.insert(), [dict(zip(TABLE.c.keys(), row, strict=False)) for row in ROWS])
        value = connection.scalar(sa.select(Statistic.of(name, TABLE).value).where(TABLE.c.band == band))
    engine.dispose()
    return value


@pytest.mark.parametrize(
    ("name", "meaning", "expected"),
    [
        ("fraction_good_se", "n_good_se / n_pixels", 15 / 50),
        ("n_good_se", "sum of n_good_se", 22),
        ("mean_fwhm", "mean_fwhm", 3.75),
        ("fwhm", "fwhm", 3.75),
        ("good_area_images_unique", "sum of good_area_images_unique", 6.5),
    ],
)
def test_value_is_a_ratio_of_sums_a_sum_or_a_mean_of_known_rows(name: str, meaning: str, expected: float) -> None:
    assert value_of(name, "r") == pytest.approx(expected)
    assert Statistic.of(name, TABLE).meaning == meaning


@pytest.mark.parametrize("name", ["fraction_good_se", "n_good_se", "fwhm"])
def test_value_without_known_rows_is_null(name: str) -> None:
    assert value_of(name, "i") is None


def test_statistics_are_ratios_and_numeric_columns() -> None:
    assert statistics_of(TABLE) == ["fraction_good_se", "n_good_se", "n_pixels", "mean_fwhm", "good_area_images_unique"]


@pytest.mark.parametrize("name", ["fraction_good_sea", "fraction_off_coadd", "airmass"])
def test_unknown_statistic_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"some_table has no statistic '{name}'"):
        Statistic.of(name, TABLE)


def test_text_is_no_statistic() -> None:
    with pytest.raises(UsageError, match="column band is not numeric"):
        Statistic.of("band", TABLE)


def test_coadd_criteria_are_fractions_of_what_is_on_the_coadd() -> None:
    wholes = {name: each.whole for name, each in RATIOS.items()}
    assert [wholes[f"fraction_{name}"] for name in ("se_seg", "off_coadd", "coadd_seg", "only_coadd_bmask")] == [
        *("n_pixels", "n_pixels", "n_on_coadd", "n_on_coadd")
    ]


def test_robust_deviation_is_that_of_astropy() -> None:
    values = np.random.default_rng(2).normal(3, 5, 101)
    assert mad_std(values, float(np.median(values))) == pytest.approx(mad_std_of_astropy(values), rel=1e-12)
    assert pytest.approx(1.4826, abs=1e-5) == MAD_TO_STD


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([np.nan, np.nan], [False, False]),
        # alike but for rounding: within 1 % of the median
        ([1.0, 1.0, 1.0, 1.009], [False] * 4),
        ([1.0, 1.0, 1.0, 1.011], [False, False, False, True]),
        # the median distance from the median is 1.5: five standard deviations are 11.12
        ([0.0, 1, 2, 3, 4, 13.6], [False] * 6),
        ([0.0, 1, 2, 3, 4, 13.7, np.nan], [False] * 5 + [True, False]),
        ([0.0, 1, 2, 3, 4, -9.7], [False] * 5 + [True]),
    ],
)
def test_values_far_from_the_others_are_outliers(values: list[float], expected: list[bool]) -> None:
    assert outliers(np.array(values)).tolist() == expected
