"""Every epoch that saw a place on the sky."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema import tables
from ...schema.criteria import Selection
from ...schema.errors import MaskFileMissingError, UsageError
from ...schema.masks.boundselection import BoundSelection
from ...schema.wcs.solution import ra_dec
from ..filters import Filters
from ..masks.reader import MaskPlace, MaskReader
from ..shapes import Disc, Polygon, sky_vectors
from ..source import Source
from .reasons import Reasons
from .search import Sightings, find_sightings
from .targets import DiscPlaces, Places, Points, PolygonPlace

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
    **filters: Any,
) -> "pd.DataFrame":
    """Return every epoch that saw a place on the sky; see `goodpix.Catalogue.at`."""
    if selection is not None and not reasons:
        raise UsageError("a selection needs reasons: expected reasons=True beside it")
    places = _places(ra, dec, radius, polygon)
    conditions = Filters.of(**filters).conditions(tables.epoch)
    words = Reasons(BoundSelection.of(selection, source.database.identity.bit_names))
    find = partial(find_sightings, source.database.engine, places, conditions, unique=unique)
    found = find()
    of_masks: Columns = {}
    while reasons:
        try:
            of_masks = _reason_columns(found, words, source.reader)
            break
        except MaskFileMissingError:
            # an ingest may have replaced it since its row was read
            before, found = found, find()
            if set(found.epochs["mask_file"]) == set(before.epochs["mask_file"]):
                raise
    columns = _position_columns(ra, dec, places, found) | _epoch_columns(found)
    if not isinstance(places, Points):
        columns["on_image"] = found.on_image
    return _frame(columns | of_masks)


def _places(
    ra: npt.ArrayLike | None, dec: npt.ArrayLike | None, radius: float | None, polygon: npt.ArrayLike | None
) -> Places:
    """Return what is asked about, checked."""
    if radius is not None and polygon is not None:
        raise UsageError("radius and polygon are both given: expected one of them")
    if radius is not None and np.ndim(radius):
        raise UsageError(f"a radius is {radius!r}: expected degrees, 0 or more")
    if polygon is None:
        vectors = sky_vectors(ra, dec)
        return Points(vectors) if radius is None else DiscPlaces(Disc.many(ra, dec, radius), vectors)
    area = Polygon.of(polygon)
    if ra is None and dec is None:
        return PolygonPlace(area, area.middle[:, np.newaxis])
    vectors = sky_vectors(ra, dec)
    shape = np.asarray(ra).shape
    if shape:
        raise UsageError(f"ra has shape {shape} beside a polygon: expected one position, or none")
    return PolygonPlace(area, vectors)


def _position_columns(ra: npt.ArrayLike | None, dec: npt.ArrayLike | None, places: Places, found: Sightings) -> Columns:
    if ra is None or dec is None:
        ra, dec = ra_dec(places.vectors)
        number: Columns = {}
    else:
        number = {"position": found.place.astype(np.int64)} if np.ndim(ra) else {}
    given = {name: np.ravel(np.asarray(each, np.float64))[found.place] for name, each in (("ra", ra), ("dec", dec))}
    return number | given


def _epoch_columns(found: Sightings) -> Columns:
    names = ("tilename", "band", "expnum", "ccdnum", "nite", "mjd_obs")
    (x, y), (coadd_x, coadd_y) = found.position, found.coadd_position
    return {
        **{name: found.epochs[name].tolist() for name in names},
        "x": x,
        "y": y,
        "coadd_x": coadd_x,
        "coadd_y": coadd_y,
        "on_coadd": found.on_coadd,
    }


def _reason_columns(found: Sightings, words: Reasons, reader: MaskReader) -> Columns:
    """Return why the pixels of positions are bad; None where a position is outside of the image."""
    on_image = np.flatnonzero(found.on_image)
    masks = _mask_places(found[on_image])
    x, y = np.floor(found.position[:, on_image] + 0.5).astype(np.int64)
    read = words.at(reader, masks, x, y)
    flags = read.flags.tolist()
    values: Columns = {
        "good": (read.failing == 0).tolist(),
        "flags": flags,
        "criteria": words.criteria_texts(read.failing.tolist()),
        "se_bits": words.bits_texts("se", flags),
        "coadd_bits": words.bits_texts("coadd", flags),
    }
    if on_image.size == len(found):
        return values
    spread: Columns = {name: [None] * len(found) for name in values}
    for name, each in values.items():
        for k, value in zip(on_image.tolist(), each, strict=True):
            spread[name][k] = value
    return spread


def _mask_places(found: Sightings) -> list[MaskPlace]:
    """Return where the mask of each epoch is; one object an epoch."""
    names = ("tilename", "band", "expnum", "ccdnum", "ny", "mask_file", "mask_row_group")
    columns = [found.epochs[name].tolist() for name in names]
    once: dict[int, MaskPlace] = {}
    for epoch_id, *values in zip(found.epochs["epoch_id"].tolist(), *columns, strict=True):
        if epoch_id not in once:
            once[epoch_id] = MaskPlace.of("epoch", dict(zip(names, values, strict=True)))
    return [once[epoch_id] for epoch_id in found.epochs["epoch_id"].tolist()]


_WHOLE = ("position", "expnum", "ccdnum", "nite", "flags")
_TEXTS = ("tilename", "band", "criteria", "se_bits", "coadd_bits")
_TRUTHS = ("on_image", "on_coadd", "good")


def _frame(columns: Columns) -> "pd.DataFrame":
    """Return columns as a data frame, with the types that `goodpix.query.frames.frame` gives."""
    import pandas as pd  # slow to import, and the command line starts without it

    def array(name: str, values: Any) -> Any:
        has_null = isinstance(values, list) and None in values
        if name in _TEXTS:
            return pd.array(values, dtype="str")
        if name in _WHOLE:
            return pd.array(values, dtype="Int64") if has_null else np.asarray(values, np.int64)
        if name in _TRUTHS:
            return pd.array(values, dtype="boolean") if has_null else np.asarray(values, np.bool_)
        return np.asarray(values, np.float64)

    # of arrays a frame is made ten times as fast as of series
    return pd.DataFrame({name: array(name, values) for name, values in columns.items()}, copy=False)
