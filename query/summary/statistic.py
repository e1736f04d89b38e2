"""Named statistics of tiles, CCDs, nights and exposures."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema.bits import COADD_CRITERIA, Criterion
from ...schema.database import Database
from ...schema.errors import CatalogueVersionError, UnknownNameError, UsageError, did_you_mean
from ...schema.sql.aggregates import mean, total
from ...schema.tables import exposure_summary
from ..dataframes import UNITS
from ..listings import Listings

__all__ = [
    "MAD_TO_STD",
    "RATIOS",
    "Statistic",
    "check_tables",
    "mad_std",
    "outliers",
    "statistic_unit",
    "statistics_of",
]

Expression = sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two columns; over many rows, the ratio of their sums.

    Parameters
    ----------
    part, whole : str
        Columns of the numerator and of the denominator.
    """

    part: str
    whole: str


def _ratios() -> dict[str, Ratio]:
    ratios = {
        "fraction_good_se": Ratio("n_good_se", "n_pixels"),
        "fraction_good_on_coadd": Ratio("n_good", "n_on_coadd"),
        "fraction_good": Ratio("n_good", "n_pixels"),
        "fraction_good_se_amp_a": Ratio("n_good_se_amp_a", "n_pixels_amp_a"),
        "fraction_good_se_amp_b": Ratio("n_good_se_amp_b", "n_pixels_amp_b"),
        "coadd_fraction_good": Ratio("coadd_n_good", "coadd_n_pixels"),
        "sky_rate": Ratio("skybrite", "exptime"),
    }
    for criterion in Criterion:
        name = str(criterion.name).lower()
        whole = "n_on_coadd" if criterion in COADD_CRITERIA else "n_pixels"
        ratios[f"fraction_{name}"] = Ratio(f"n_{name}", whole)
        ratios[f"fraction_only_{name}"] = Ratio(f"only_{name}", whole)
    return ratios


RATIOS: Mapping[str, Ratio] = MappingProxyType(_ratios())
"""Ratios by the names that a statistic may have besides column names.

``sky_rate`` is the subtracted sky brightness over the exposure time; ``fraction_<criterion>`` is the fraction of
pixels (for coadd criteria, of those on the coadd) that fail the criterion, and ``fraction_only_<criterion>`` the
fraction that fail no other.
"""


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic of groups of rows in a table or view.

    Parameters
    ----------
    name : str
        A column's name, or one of `RATIOS`.
    meaning : str
        Its formula, such as ``n_good_se / n_pixels``.
    value : SQLAlchemy expression
        Its value for one group of rows: a ratio of sums, the sum of a count or area, or the mean of anything else.
        Rows with a null are skipped; the value is null if none remains.
    """

    name: str
    meaning: str
    value: Expression

    @classmethod
    def of(cls, name: str, table: sa.TableClause) -> "Statistic":
        """Return the statistic of a table or view with this name.

        Raises
        ------
        UnknownNameError
            If there is no such statistic.
        UsageError
            If its column is not numeric.
        """
        ratio = RATIOS.get(name)
        if ratio is not None:
            part, whole = (_column(table, each) for each in (ratio.part, ratio.whole))
            if part is not None and whole is not None:
                return cls(name, f"{ratio.part} / {ratio.whole}", _ratio_of_sums(part, whole).label("value"))
        column = _column(table, name)
        if column is None or (ratio is None and name.startswith("fraction_")):
            hint = did_you_mean(name, statistics_of(table))
            raise UnknownNameError(f"{table.name} has no statistic {name!r}{hint}")
        if not isinstance(column.type, sa.Integer | sa.Numeric | sa.Float):
            raise UsageError(f"column {name} is not numeric: expected a numeric column")
        if name.startswith(("n_", "only_", "area_", "good_area_", "coadd_n_")):
            return cls(name, f"sum of {name}", total(column, "value"))
        return cls(name, name, mean(column).label("value"))


def statistics_of(table: sa.TableClause) -> list[str]:
    """Return the names of the statistics of a table or view, ratios first."""
    ratios = [name for name, each in RATIOS.items() if {each.part, each.whole} <= _known(table)]
    numeric = [c.name for c in table.c if isinstance(c.type, sa.Integer | sa.Numeric | sa.Float)]
    return ratios + [name for name in numeric if name not in ratios and not name.startswith("fraction_")]


def statistic_unit(database: Database, name: str) -> str:
    """Return the unit of a statistic as plots write it, such as ``arcmin²``; empty for fractions and other numbers.

    Values of pixels are in the unit that all exposures have, or in ``BUNIT`` if they differ or none is known.
    """
    unit = "{bunit}/s" if name == "sky_rate" else UNITS.get(name, UNITS.get(f"mean_{name}", ""))
    if "{" in unit:
        unit = unit.format(bunit=_pixel_unit(database)).replace("**2", "²")
    images = " x images" if name in _OF_IMAGES else ""
    return _SHOWN.get(unit, unit) + images


_OF_IMAGES = ("area_good", "area_good_unique", "good_area_images_unique")
_SHOWN = {"pix": "pixels", "arcsec2": "arcsec²", "arcmin2": "arcmin²", "deg": "degrees", "d": "days"}


def _pixel_unit(database: Database) -> str:
    bunit = exposure_summary.c.bunit
    with database.engine.connect() as connection:
        found = connection.scalars(sa.select(bunit).where(bunit.is_not(None)).distinct().limit(2)).all()
    return str(found[0]) if len(found) == 1 else "BUNIT"


def _known(table: sa.TableClause) -> set[str]:
    return {c.name.removeprefix("mean_") for c in table.c} | set(table.c.keys())


def _column(table: sa.TableClause, name: str) -> Expression | None:
    """Return a column; ``fwhm`` of a CCD image is ``mean_fwhm`` of an exposure."""
    for each in (name, f"mean_{name}", name.removeprefix("mean_")):
        if each in table.c:
            column: Expression = table.c[each]
            return column
    return None


def _ratio_of_sums(part: Expression, whole: Expression) -> Expression:
    both = [total(sa.case((other.is_not(None), each))) for each, other in ((part, whole), (whole, part))]
    return sa.cast(both[0], sa.Double) / sa.func.nullif(sa.cast(both[1], sa.Double), 0.0)


def check_tables(cat: Listings, *tables: sa.Table) -> None:
    """Check that a catalogue has these tables.

    Raises
    ------
    CatalogueVersionError
        If one is missing; the message names the cure.
    """
    with cat.database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        missing = [table.name for table in tables if not inspector.has_table(table.name)]
    if missing:
        raise CatalogueVersionError(
            f"the catalogue has no table {missing[0]}, which a later version added: goodpix db upgrade creates it"
        )


_SIGMAS, _LEAST = 5.0, 0.01

MAD_TO_STD = 1.482602218505602
"""1 / the third quartile of the normal distribution, as `astropy.stats.mad_std` has it."""


def mad_std(value: npt.NDArray[np.float64], median: float) -> float:
    """Return the standard deviation that the median distance from the median stands for."""
    return MAD_TO_STD * float(np.median(np.abs(value - median)))


def outliers(value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Find the values that are far from the others.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        The values; NaN is no value.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where a value differs from the median by more than 1% and by more than five standard deviations, which
        are estimated as 1.4826 times the median absolute deviation; False for NaN.

    Examples
    --------
    >>> outliers(np.array([1.0, 1.1, 0.9, 1.0, 9.0]))
    array([False, False, False, False,  True])
    """
    known = value[np.isfinite(value)]
    if known.size == 0:
        return np.zeros(value.shape, np.bool_)
    median = float(np.median(known))
    far: npt.NDArray[np.bool_] = np.abs(value - median) > max(_SIGMAS * mad_std(known, median), _LEAST * abs(median))
    return far
