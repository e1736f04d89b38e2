"""Data frames of query results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..schema.columns import Column
from ..schema.errors import DamagedValueError
from ..schema.printable import one_line

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["UNITS", "frame", "joined", "read_frame", "typed_frame", "units_of"]

# Columns by unit, spelt as VOUnit and astropy do.
_COLUMNS = {
    "pix": "nx ny x y x0 x1 y0 y1 coadd_x coadd_y level_x level_y position_offset wcs_delta_pix fwhm mean_fwhm "
    "n n_not_finite n_clipped n_pixels_part n_pixels n_good n_on_coadd n_good_se n_good_coadd n_unique n_good_unique "
    "n_good_se_amp_a n_good_se_amp_b n_pixels_amp_a n_pixels_amp_b s_xel1 s_xel2 "
    "n_se_seg n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask "
    "only_se_seg only_se_weight only_se_bmask only_off_coadd only_coadd_seg only_coadd_weight only_coadd_bmask "
    "coadd_n_pixels coadd_n_good coadd_n_seg coadd_n_weight coadd_n_bmask",
    "arcsec": "fwhm_arcsec mean_fwhm_arcsec distance_arcsec s_resolution",
    "arcsec2": "pixel_area",
    "arcmin2": "area_good area_good_unique good_area_images_unique area_good_any_unique",
    "deg": "ra dec rac1 decc1 rac2 decc2 rac3 decc3 rac4 decc4 ra_cent dec_cent uramin uramax udecmin udecmax "
    "moon_separation moon_altitude sun_altitude galactic_latitude ecliptic_latitude s_ra s_dec s_fov",
    "m": "em_min em_max",
    "s": "exptime t_exptime t_resolution",
    "d": "mjd_obs t_min t_max",
    "kbyte": "access_estsize",
    "mag": "magzp zero_point",
    "mag/arcsec2": "mu_sky",
    "{bunit}": "skybrite skysigma mean_skybrite mean_skysigma",
    "{bunit}**2": "skyvara skyvarb",
    "{bunit}/s": "skybrite_per_second mean_skybrite_per_second",
    "{unit}": "mean std median mad_std clipped_mean clipped_mean_error clipped_median clipped_std p01 p05 p16 p25 p75 "
    "p84 p95 p99 level level_error plane_level plane_level_error noise_predicted",
    "{unit}/pix": "gradient_x gradient_x_error gradient_y gradient_y_error",
}

UNITS: Mapping[str, str] = {name: unit for unit, names in _COLUMNS.items() for name in names.split()}
"""Unit of each column that has one; ``{bunit}`` and ``{unit}`` stand for what the columns of these names say."""


def frame(columns: Iterable[sa.ColumnElement[Any]], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a data frame with the types of the SQL columns, even if there are no rows.

    Integer and boolean columns keep their type if some values are null (pandas' ``Int64`` and ``boolean``): a null
    never becomes a zero, nor a count a float.
    """
    return typed_frame([Column(getattr(column, "name", ""), _kind(column), True, "") for column in columns], rows)


def typed_frame(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> "pd.DataFrame":
    """Return rows as a data frame with the types of the columns; see `frame`.

    Raises
    ------
    DamagedValueError
        If a column has a value of another type, as SQLite lets it.
    """
    import pandas as pd  # slow to import, and the command line starts without it

    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    series = {}
    for column, values in zip(columns, by_column, strict=True):
        try:
            _check_types(column, values)
            series[column.name] = pd.Series(list(values), dtype=_dtype(column.kind, None in values))
        except (ValueError, TypeError, OverflowError) as error:
            raise DamagedValueError(
                f"column {column.name} of the database is damaged: {one_line(error)}: run goodpix verify --repair"
            ) from error
    return pd.DataFrame(series)


def read_frame(engine: sa.Engine, query: "sa.Select[Any]") -> "pd.DataFrame":
    """Return the result of a query; see `frame`."""
    with engine.connect() as connection:
        return frame(query.selected_columns, connection.execute(query))


def joined(frames: "Iterable[pd.DataFrame]") -> "pd.DataFrame":
    """Return the rows of one or more data frames with the same columns."""
    import pandas as pd  # slow to import

    first, *others = frames
    return pd.concat([first, *others], ignore_index=True) if others else first


def units_of(rows: "pd.DataFrame") -> dict[str, str]:
    """Return the unit of each column of a listing that has one, the same in all rows.

    Examples
    --------
    >>> import pandas as pd
    >>> units_of(pd.DataFrame({"skybrite": [20.0], "exptime": [90.0], "bunit": ["ADU"]}))
    {'skybrite': 'ADU', 'exptime': 's'}
    """
    given = {}
    for name in ("bunit", "unit"):
        texts = rows[name].dropna().unique().tolist() if name in rows else []
        # a zero point, as calibrated values have, is no unit of files
        given[name] = str(texts[0]) if len(texts) == 1 and " " not in str(texts[0]).strip() else None
    found = {name: UNITS[name] for name in map(str, rows.columns) if name in UNITS}
    return {
        name: unit.format(**given)
        for name, unit in found.items()
        if all(value is not None or f"{{{each}}}" not in unit for each, value in given.items())
    }


def _kind(column: sa.ColumnElement[Any]) -> type:
    if isinstance(column.type, sa.Boolean):
        return bool
    if isinstance(column.type, sa.Integer):
        return int
    return float if isinstance(column.type, sa.Numeric | sa.Float) else str


# Types of values that pandas would convert, or that become true, to another value of the column's kind.
_OTHERS = {
    bool: frozenset([str, bytes, float]),
    int: frozenset([str, bytes, float]),
    float: frozenset([str, bytes]),
    str: frozenset([bytes, int, float]),
}


def _check_types(column: Column, values: Sequence[Any]) -> None:
    others = _OTHERS[column.kind]
    if not others.isdisjoint(map(type, values)):
        value = next(value for value in values if type(value) in others)
        raise TypeError(f"{column.name} is {value!r}, expected {column.kind.__name__}")


def _dtype(kind: type, has_null: bool) -> str:
    if kind is bool:
        return "boolean" if has_null else "bool"
    if kind is int:
        return "Int64" if has_null else "int64"
    return "float64" if kind is float else "str"
