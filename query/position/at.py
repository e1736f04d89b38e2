"""Epochs that observed a position, disc or polygon, as a data frame."""

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.errors import MaskFileMissingError, UsageError
from ...schema.wcs.solution import ra_dec
from ..angles import position_degrees
from ..filters import FilterKeywords, Filters
from ..masks.reader import MaskLocation, MaskReader
from ..provenance import described
from ..shapes import Disc, Polygon, sky_vectors
from ..source import Source
from .reasons import Reasons
from .search import Sightings, find_sightings
from .targets import DiscTargets, Points, PolygonTarget, Targets

if TYPE_CHECKING:
    import pandas as pd
__all__ = ["epochs_at"]

Floats = npt.NDArray[np.float64]
Columns = dict[str, Any]


def epochs_at(
    source: Source,
    ra: npt.ArrayLike | None = None,
    dec: npt.ArrayLike | None = None,
    *,
    radius: float | None = None,
    polygon: npt.ArrayLike | None = None,
    reasons: bool = True,
    unique: bool = False,
    selection: Selection | None = None,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return every epoch that observed a position, disc or polygon; see `goodpix.Catalogue.at`."""
    if selection is not None and not reasons:
        raise UsageError("a selection needs reasons: expected reasons=True")
    ra, dec = position_degrees(ra, dec)
    targets = _targets(ra, dec, radius, polygon)
    with source.database.engine.connect() as connection:
        conditions = Filters.of(**filters).on_sky(connection)
    pixel_reasons = Reasons(source.bound(selection))
    find = partial(find_sightings, source.database.engine, targets, conditions, unique=unique)
    sightings = find()
    reason_columns: Columns = {}
    while reasons:
        try:
            reason_columns = _reason_columns(sightings, pixel_reasons, source.reader)
            break
        except MaskFileMissingError:
            # an ingest may have replaced the file since its row was read
            before, sightings = sightings, find()
            if set(sightings.epochs["mask_file"]) == set(before.epochs["mask_file"]):
                raise
    columns = _position_columns(ra, dec, targets, sightings) | _epoch_columns(sightings)
    if not isinstance(targets, Points):
        columns["on_image"] = sightings.on_image
    return described(_frame(columns | reason_columns), source.database.identity, selection)


def _targets(
    ra: npt.ArrayLike | None, dec: npt.ArrayLike | None, radius: float | None, polygon: npt.ArrayLike | None
) -> Targets:
    """Return the validated targets."""
    if radius is not None and polygon is not None:
        raise UsageError("radius and polygon are both given: expected one of them")
    if radius is not None and np.ndim(radius):
        raise UsageError(f"radius is {radius!r}: expected one number, degrees, 0 or more")
    if polygon is None:
        vectors = sky_vectors(ra, dec)
        return Points(vectors) if radius is None else DiscTargets(Disc.many(ra, dec, radius), vectors)
    area = Polygon.of(polygon)
    if ra is None and dec is None:
        return PolygonTarget(area, area.middle[:, np.newaxis])
    vectors = sky_vectors(ra, dec)
    shape = np.asarray(ra).shape
    if shape:
        raise UsageError(f"ra has shape {shape} with a polygon: expected one position or none")
    return PolygonTarget(area, vectors)


def _position_columns(
    ra: npt.ArrayLike | None, dec: npt.ArrayLike | None, targets: Targets, sightings: Sightings
) -> Columns:
    index: Columns = {}
    if ra is None or dec is None:
        ra, dec = ra_dec(targets.vectors)
    elif np.ndim(ra):
        index = {"position": sightings.target.astype(np.int64)}
    degrees = {name: np.ravel(np.asarray(each, np.float64)) for name, each in (("ra", ra), ("dec", dec))}
    return index | {name: values[sightings.target] for name, values in degrees.items()}


def _epoch_columns(sightings: Sightings) -> Columns:
    names = ("tilename", "band", "expnum", "ccdnum", "nite", "mjd_obs")
    (x, y), (coadd_x, coadd_y) = sightings.position, sightings.coadd_position
    has_coadd, on_coadd = sightings.epochs["has_coadd"], sightings.on_coadd
    on_or_null = [on if has else None for on, has in zip(on_coadd.tolist(), has_coadd.tolist(), strict=True)]
    return {
        **{name: sightings.epochs[name].tolist() for name in names},
        "x": x,
        "y": y,
        "coadd_x": coadd_x,
        "coadd_y": coadd_y,
        "on_coadd": on_coadd if None not in on_or_null else on_or_null,
    }


def _reason_columns(sightings: Sightings, reasons: Reasons, reader: MaskReader) -> Columns:
    """Return why the pixels at the positions are bad; None where a position is off the image."""
    on_image = np.flatnonzero(sightings.on_image)
    masks = _mask_locations(sightings[on_image])
    x, y = np.floor(sightings.position[:, on_image] + 0.5).astype(np.int64)
    pixels = reasons.at(reader, masks, x, y)
    flags = pixels.flags.tolist()
    values: Columns = {
        "good": (pixels.failing == 0).tolist(),
        "flags": flags,
        "criteria": reasons.criteria_texts(pixels.failing.tolist(), pixels.excluded.tolist()),
        "se_bits": reasons.bits_texts("se", flags),
        "coadd_bits": reasons.bits_texts("coadd", flags),
    }
    if on_image.size == len(sightings):
        return values
    with_nulls: Columns = {name: [None] * len(sightings) for name in values}
    for name, column in values.items():
        for k, value in zip(on_image.tolist(), column, strict=True):
            with_nulls[name][k] = value
    return with_nulls


def _mask_locations(sightings: Sightings) -> list[MaskLocation]:
    """Return the location of each epoch's mask; one object per epoch."""
    names = list(sightings.epochs)
    epoch_ids = sightings.epochs["epoch_id"].tolist()
    columns = [each.tolist() for each in sightings.epochs.values()]
    by_epoch: dict[int, MaskLocation] = {}
    for epoch_id, *values in zip(epoch_ids, *columns, strict=True):
        if epoch_id not in by_epoch:
            by_epoch[epoch_id] = MaskLocation.of("epoch", dict(zip(names, values, strict=True)))
    return [by_epoch[epoch_id] for epoch_id in epoch_ids]


_INTEGERS = ("position", "expnum", "ccdnum", "nite", "flags")
_TEXTS = ("tilename", "band", "criteria", "se_bits", "coadd_bits")
_BOOLEANS = ("on_image", "on_coadd", "good")


def _frame(columns: Columns) -> "pd.DataFrame":
    """Return columns as a data frame with the dtypes of `goodpix.query.dataframes.frame`."""
    import pandas as pd  # slow to import, and the command line starts without it

    def array(name: str, values: Any) -> Any:
        has_null = isinstance(values, list) and None in values
        if name in _TEXTS:
            return pd.array(values, dtype="str")
        if name in _INTEGERS:
            return pd.array(values, dtype="Int64") if has_null else np.asarray(values, np.int64)
        if name in _BOOLEANS:
            return pd.array(values, dtype="boolean") if has_null else np.asarray(values, np.bool_)
        return np.asarray(values, np.float64)

    # ten times faster from arrays than from series
    return pd.DataFrame({name: array(name, values) for name, values in columns.items()}, copy=False)
