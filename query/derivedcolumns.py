"""Columns derived from seeing and sky brightness, which views do not hold."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from ..schema import tables
from ..schema.database import REVISION
from ..schema.sql.aggregates import mean

__all__ = ["derived_columns"]

_IMAGES_SINCE = "0002"


def derived_columns(view: sa.FromClause, revision: str = REVISION) -> "dict[str, sa.ColumnElement[Any]]":
    """Return the seeing in arcsec and the sky brightness per second of the rows of a view, by name.

    Parameters
    ----------
    view : FromClause
        View or table; one without seeing and sky has none.
    revision : str
        Revision of the catalogue's tables.
    """
    # the first tables had no CCD images
    image = tables.ccd_image if revision >= _IMAGES_SINCE else tables.epoch
    return {name: column for prefix in ("", "mean_") for name, column in _derived(view, prefix, image)}


def _derived(view: sa.FromClause, prefix: str, image: sa.Table) -> "Iterator[tuple[str, sa.ColumnElement[Any]]]":
    c = view.c
    fwhm, sky = (c.get(f"{prefix}{name}") for name in ("fwhm", "skybrite"))
    if fwhm is not None and ("pixel_area" in c or {"expnum", "band"} <= set(c.keys())):
        pixel_area = c.pixel_area if "pixel_area" in c else _mean_pixel_area(view, image)
        # in brackets, so that a condition may divide by it
        yield f"{prefix}fwhm_arcsec", Grouping(fwhm * sa.func.sqrt(pixel_area, type_=sa.Double))
    if sky is not None and "exptime" in c:
        yield f"{prefix}skybrite_per_second", sa.case((c.exptime > 0, sky / c.exptime))


def _mean_pixel_area(view: sa.FromClause, image: sa.Table) -> "sa.ScalarSelect[Any]":
    """Return the mean pixel area of the images of an exposure, which are in another table."""
    of_exposure = sa.and_(image.c.expnum == view.c.expnum, image.c.band == view.c.band)
    return sa.select(mean(image.c.pixel_area)).where(of_exposure).scalar_subquery()
