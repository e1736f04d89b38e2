"""Columns of a row of sky statistics, with their meaning."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from ...schema.columns import Column, column, columns
from ...schema.errors import UnknownNameError, UsageError
from ...schema.observing.covariates import Covariates
from ...schema.rows import EpochFacts
from ..dataframes import typed_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "KEY",
    "SKY_SCHEMA",
    "STATISTICS",
    "By",
    "ByName",
    "SkyRow",
    "StatisticName",
    "check_statistics",
    "in_order",
    "sky_frame",
]

ByName = Literal["ccd", "epoch"]
"""Names of units, see `By`."""


class By(Enum):
    """Unit of sky statistics."""

    CCD = "ccd"
    """CCD images, each over all tiles that contain it."""
    EPOCH = "epoch"
    """Epochs: a CCD image counts once per tile."""

    @classmethod
    def of(cls, by: object) -> "By":
        """Return the unit of a name.

        Raises
        ------
        UsageError
            If there is no such unit.
        """
        try:
            return cls(by)
        except ValueError:
            raise UsageError(f"by is {by!r}: expected ccd or epoch") from None

    @property
    def other_column(self) -> str:
        """The column of `SkyRow` that only rows of the other unit have."""
        return "tilename" if self is By.CCD else "n_tiles"


_MEANINGS = {each.name: each.doc for row in (EpochFacts, Covariates) for each in columns(row)}

KEY = ("tilename", "band", "expnum", "ccdnum")
"""Key columns of an epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyRow:
    """Sky statistics of an epoch, box or amplifier half over its good pixels; null where a number has no meaning.

    Values are in `unit`. The survey's images are already sky-subtracted by `skybrite`: these are statistics of the
    residual.
    """

    tilename: str | None = column("coadd tile, such as DES0124-3332; only by epoch")
    band: str = column("filter band, as given in the info file")
    expnum: int = column("exposure number")
    ccdnum: int = column("CCD number")
    n_tiles: int | None = column("tiles that contain the CCD image; only by CCD image", None)
    amplifier: str | None = column("amplifier half, A or B; null for a box or the whole CCD", None)
    x0: int | None = column("first column of the region", None)
    x1: int | None = column("column after the last of the region", None)
    y0: int | None = column("first row of the region", None)
    y1: int | None = column("row after the last of the region", None)
    n_pixels: int | None = column("pixels in the region", None)
    n: int | None = column("good pixels with a finite value, used for the statistics", None)
    n_not_finite: int | None = column("good pixels with a NaN or infinite value, not used", None)
    mean: float | None = column("mean", None)
    std: float | None = column("standard deviation", None)
    median: float | None = column("median", None)
    mad_std: float | None = column("robust standard deviation: 1.4826 times the median absolute deviation", None)
    n_clipped: int | None = column("pixels left by sigma clipping: 3 sigma about the median, 5 iterations", None)
    clipped_mean: float | None = column("mean after clipping", None)
    clipped_mean_error: float | None = column(
        "standard error of clipped_mean, from the scatter of medians in boxes", None
    )
    clipped_median: float | None = column("median after clipping", None)
    clipped_std: float | None = column("standard deviation after clipping", None)
    p01: float | None = column("1st percentile", None)
    p05: float | None = column("5th percentile", None)
    p16: float | None = column("16th percentile", None)
    p25: float | None = column("25th percentile", None)
    p75: float | None = column("75th percentile", None)
    p84: float | None = column("84th percentile", None)
    p95: float | None = column("95th percentile", None)
    p99: float | None = column("99th percentile", None)
    level: float | None = column(
        "level at the centroid of the good pixels of a least-squares plane through pixels within 3 clipped_std", None
    )
    level_error: float | None = column("standard error of level, from the scatter of medians in boxes", None)
    level_x: float | None = column("x of the centroid, pixels", None)
    level_y: float | None = column("y of the centroid, pixels", None)
    plane_level: float | None = column(
        "level of the plane at the centre of the region; null if the centre lies outside the hull of the good pixels "
        "or under 5 % of the region is good",
        None,
    )
    plane_level_error: float | None = column("standard error of plane_level, from the covariance of the plane", None)
    gradient_x: float | None = column("slope of the plane along x, per pixel", None)
    gradient_x_error: float | None = column("standard error of gradient_x", None)
    gradient_y: float | None = column("slope of the plane along y, per pixel", None)
    gradient_y_error: float | None = column("standard error of gradient_y", None)
    noise_predicted: float | None = column("noise predicted by the weights: square root of the mean 1 / weight", None)
    noise_ratio: float | None = column("mad_std / noise_predicted", None)
    correlation_x: float | None = column(
        "correlation of adjacent pixels along x, after subtraction of the first-pass plane", None
    )
    correlation_y: float | None = column(
        "correlation of adjacent pixels along y, after subtraction of the first-pass plane", None
    )
    mu_sky: float | None = column(
        "surface brightness of the subtracted sky, mag/arcsec^2; null without zero point or positive skybrite", None
    )
    unit: str | None = column("unit of the values: bunit, or zero point 30 if calibrated; null if unknown", None)
    zero_point: float | None = column(
        "magnitude zero point of the values: 30 if calibrated, otherwise that of the info file; null if unknown", None
    )
    calibrated: bool = column("true if values are scaled to a zero point of 30 by the info file's scale")
    skybrite: float | None = column("sky level that the survey subtracted from the image, in bunit", None)
    skysigma: float | None = column("sky noise from the image header, in bunit", None)
    bunit: str | None = column("unit of the pixel values from the image header", None)
    bkg_subtracted: bool = column("true if the residual background map (bkg_path) was subtracted")
    airmass: float | None = column(_MEANINGS["airmass"], None)
    moon_separation: float | None = column(_MEANINGS["moon_separation"], None)
    moon_altitude: float | None = column(_MEANINGS["moon_altitude"], None)
    moon_illumination: float | None = column(_MEANINGS["moon_illumination"], None)
    sun_altitude: float | None = column(_MEANINGS["sun_altitude"], None)
    galactic_latitude: float | None = column(_MEANINGS["galactic_latitude"], None)
    ecliptic_latitude: float | None = column(_MEANINGS["ecliptic_latitude"], None)
    se_seg_used: bool | None = column(
        "true if the epoch has an SE segmentation map; otherwise its objects are not masked", None
    )
    selection: str = column("definition of good")
    fingerprint: str | None = column("SHA-256 of the mask's inputs, as in the catalogue", None)
    problem: str | None = column("reason for missing statistics, or a warning; null if none", None)


StatisticName = Literal["mean", "median", "clipped", "percentiles", "gradient", "noise", "correlation"]
"""Names of statistics, see `STATISTICS`."""

STATISTICS: Mapping[StatisticName, tuple[str, ...]] = {
    "mean": ("mean", "std"),
    "median": ("median", "mad_std"),
    "clipped": ("n_clipped", "clipped_mean", "clipped_mean_error", "clipped_median", "clipped_std"),
    "percentiles": ("p01", "p05", "p16", "p25", "p75", "p84", "p95", "p99"),
    "gradient": (
        *("level", "level_error", "level_x", "level_y", "plane_level", "plane_level_error"),
        *("gradient_x", "gradient_x_error", "gradient_y", "gradient_y_error"),
    ),
    "noise": ("noise_predicted", "noise_ratio"),
    "correlation": ("correlation_x", "correlation_y"),
}
"""Available statistics, and the columns of each."""

_ARROW = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}

SKY_SCHEMA = pa.schema([pa.field(each.name, _ARROW[each.kind], each.nullable) for each in columns(SkyRow)])
"""The columns of `SkyRow` in a Parquet file."""


def check_statistics(names: Iterable[str] | None) -> tuple[str, ...]:
    """Return the names of statistics without duplicates, in the order of `STATISTICS`; all for None.

    Raises
    ------
    UnknownNameError
        If a name is unknown.
    UsageError
        If there are no names.
    """
    if names is None:
        return tuple(STATISTICS)
    wanted = {names} if isinstance(names, str) or not isinstance(names, Iterable) else set(names)
    unknown = sorted(wanted - set(STATISTICS), key=str)
    if unknown:
        raise UnknownNameError(f"unknown statistic {unknown[0]!r}: expected one of {', '.join(STATISTICS)}")
    if not wanted:
        raise UsageError(f"statistics is empty: expected one or more of {', '.join(STATISTICS)}")
    return tuple(name for name in STATISTICS if name in wanted)


def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows sorted by their key, then by y0 and x0."""
    return sorted(
        rows,
        key=lambda row: (row["tilename"] or "", *(row[name] for name in KEY[1:]), row["y0"] or 0, row["x0"] or 0),
    )


def sky_frame(rows: Sequence[Mapping[str, Any]], statistics: Iterable[str], by: By) -> "pd.DataFrame":
    """Return rows as a data frame in the column order of `SkyRow`, without the columns of other statistics."""
    unwanted = {by.other_column} | {
        name for statistic in set(STATISTICS) - set(statistics) for name in STATISTICS[statistic]
    }
    shown: list[Column] = [each for each in columns(SkyRow) if each.name not in unwanted]
    return typed_frame(shown, ([row[each.name] for each in shown] for row in rows))
