"""Epochs that saw places on the sky: the footprint table narrows, the stored WCS decides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.database import cells_of_footprints
from ...schema.wcs.footprint import NSIDE, UniqueRegion
from ...schema.wcs.skytopixel import WcsStack
from .images import SkyImages
from .targets import Cover, Places, Points

__all__ = ["Sightings", "find_sightings"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Columns = dict[str, npt.NDArray[Any]]

# HEALPix pixels of one query, each with hundreds of epochs; positions looked up at a time; and epochs, each of 3 kB.
_PIXELS = 100
_POSITIONS = 2000
_ROWS = 2000

_TILE = ("tilename", "band")
_KEY = (*_TILE, "expnum", "ccdnum")
_SHOWN = (*_KEY, "nite", "mjd_obs", "epoch_id", "mask_file", "mask_row_group", "ny")
_IMAGE = ("wcs", "nx", "ny", "position_offset")
_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


def _candidates(connection: sa.Connection) -> "sa.Select[Any]":
    """Return the query for the cells of all epochs whose footprint has one of the pixels ``hpix``."""
    footprint = tables.footprint.c
    wanted = footprint.hpix.in_(sa.bindparam("hpix", expanding=True))
    return sa.select(footprint.hpix, footprint.epoch_id, cells_of_footprints(connection)).where(wanted)


def _epochs() -> "sa.Select[Any]":
    """Return the query for what is to be known of the epochs ``epoch_id``, and of their coadds."""
    epoch, coadd = tables.epoch.c, tables.coadd.c
    return (
        sa.select(
            *(epoch[name] for name in dict.fromkeys((*_SHOWN, *_IMAGE)) if name in epoch),
            *(coadd[name].label(f"coadd_{name}") for name in ("coadd_id", *_IMAGE, *_LIMITS)),
            coadd.mask_file,
        )
        .join_from(tables.epoch, tables.coadd, sa.and_(coadd.tilename == epoch.tilename, coadd.band == epoch.band))
        .where(epoch.epoch_id.in_(sa.bindparam("epoch_id", expanding=True)))
    )


_EPOCHS = _epochs()


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Pairs of a place and an epoch that saw it.

    Parameters
    ----------
    epochs : dict of str to ndarray, shape (n,)
        Columns of the epoch's row: its key, header facts and where its mask is.
    place : ndarray of intp, shape (n,)
        Number of the place.
    position, coadd_position : ndarray of float64, shape (2, n)
        Where the place's position lies on the epoch's image and on the coadd, zero-based x and y.
    on_image, on_coadd : ndarray of bool, shape (n,)
        Whether either has a pixel there.
    in_region : ndarray of bool, shape (n,)
        Whether the position lies in the unique region of the tile.
    """

    epochs: Columns
    place: Indices
    position: Floats
    coadd_position: Floats
    on_image: Bools
    on_coadd: Bools
    in_region: Bools

    def __len__(self) -> int:
        return int(self.place.size)

    def __getitem__(self, wanted: Indices) -> "Sightings":
        arrays = (getattr(self, name)[..., wanted] for name in _ARRAYS)
        return Sightings({name: each[wanted] for name, each in self.epochs.items()}, *arrays)

    @classmethod
    def none(cls) -> "Sightings":
        """Return no sightings."""
        nowhere = np.empty((2, 0))
        columns = {name: np.empty(0, object) for name in _SHOWN}
        return cls(columns, np.empty(0, np.intp), nowhere, nowhere, *np.empty((3, 0), np.bool_))

    @classmethod
    def joined(cls, parts: "Sequence[Sightings]") -> "Sightings":
        """Return the parts one after the other."""
        arrays = (np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in _ARRAYS)
        return cls({name: np.concatenate([part.epochs[name] for part in parts]) for name in _SHOWN}, *arrays)


_ARRAYS = ("place", "position", "coadd_position", "on_image", "on_coadd", "in_region")


def find_sightings(
    engine: sa.Engine, places: Places, conditions: "Sequence[sa.ColumnElement[bool]]", *, unique: bool = False
) -> Sightings:
    """Return which epochs saw which places.

    Parameters
    ----------
    engine : Engine
        The catalogue's database.
    places : Places
        The places.
    conditions : sequence of SQL conditions
        Which epochs are wanted.
    unique : bool
        Whether each CCD image is wanted once for a place, and not in each tile that holds it.

    Returns
    -------
    Sightings
        In the order of place, tilename, band, expnum and ccdnum.
    """
    epochs = _EPOCHS.where(*conditions).order_by(tables.epoch.c.epoch_id)
    parts = [Sightings.none()]
    with engine.connect() as connection:
        candidates = _candidates(connection)
        for block in _blocks(places.cover(NSIDE)):
            rows = connection.execute(candidates, {"hpix": np.unique(block.hpix).tolist()}).all()
            if not rows:
                continue
            place, epoch_id = _near(rows, block)
            ids = np.unique(epoch_id)
            for start in range(0, ids.size, _ROWS):
                found = connection.execute(epochs, {"epoch_id": ids[start : start + _ROWS].tolist()})
                columns = dict(zip(found.keys(), zip(*found.all(), strict=True), strict=False))
                if columns:
                    mine = np.isin(epoch_id, columns["epoch_id"])
                    parts.append(_seen(columns, place[mine], epoch_id[mine], places))
    return _sorted(Sightings.joined(parts), places, unique=unique)


def _blocks(cover: Cover) -> Iterator[Cover]:
    """Yield a cover in parts of which each has few pixels and few positions."""
    start = 0
    while start < cover.hpix.size:
        pixels = cover.hpix[start : start + _POSITIONS]
        new = np.flatnonzero(np.diff(pixels))
        stop = start + (int(new[_PIXELS - 1]) + 1 if new.size >= _PIXELS else pixels.size)
        yield cover[start:stop]
        start = stop


def _near(rows: Sequence[sa.Row[Any]], block: Cover) -> tuple[Indices, npt.NDArray[np.int64]]:
    """Return pairs of a place and an epoch that have a cell of a HEALPix pixel in common."""
    hpix, epoch_id, cells = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3).T
    # each row goes with all places of its pixel; an epoch has a row for each of its pixels
    start, stop = (np.searchsorted(block.hpix, hpix, side=side) for side in ("left", "right"))
    n_places = stop - start
    before = np.cumsum(n_places) - n_places
    held = np.arange(n_places.sum()) + np.repeat(start - before, n_places)
    row = np.repeat(np.arange(hpix.size), n_places)
    near = (cells[row] & block.cells[held]) != 0
    pairs = np.unique(np.stack([block.place[held[near]], epoch_id[row[near]]]), axis=1)
    return pairs[0].astype(np.intp), pairs[1]


def _seen(
    epochs: dict[str, tuple[Any, ...]], place: Indices, epoch_id: npt.NDArray[np.int64], places: Places
) -> Sightings:
    """Return which of these pairs of a place and an epoch are sightings."""
    which = np.searchsorted(np.array(epochs["epoch_id"]), epoch_id)
    images, coadds = _images(epochs, ""), _images(epochs, "coadd_")
    position = images.positions(which, places.vectors[:, place])
    on_image = images.hold(which, position)
    found = np.flatnonzero(places.touched(images, which, place, on_image))
    place, which = place[found], which[found]
    vectors = places.vectors[:, place]
    coadd_position = coadds.positions(which, vectors)
    return Sightings(
        {name: _objects(epochs[name])[which] for name in _SHOWN},
        place,
        position[:, found],
        coadd_position,
        on_image[found],
        coadds.hold(which, coadd_position),
        _in_region(epochs, which, vectors),
    )


def _objects(values: Sequence[object]) -> npt.NDArray[Any]:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _images(epochs: dict[str, tuple[Any, ...]], prefix: str) -> SkyImages:
    """Return the images of epochs, or of the coadd of each."""
    wcs, nx, ny, offset = (epochs[prefix + name] for name in _IMAGE)
    solutions = WcsStack.from_json(wcs)
    return SkyImages(solutions, np.array(nx, np.int64), np.array(ny, np.int64), np.array(offset, np.float64))


def _in_region(epochs: dict[str, tuple[Any, ...]], which: Indices, vectors: Floats) -> Bools:
    """Return whether directions lie in the unique region of the tile of each epoch."""
    out = np.zeros(which.size, np.bool_)
    coadd_id = np.array(epochs["coadd_coadd_id"], np.int64)
    for first in np.unique(coadd_id, return_index=True)[1].tolist():
        limits = [epochs[f"coadd_{name}"][first] for name in _LIMITS]
        if None not in limits:
            members = np.flatnonzero(coadd_id[which] == coadd_id[first])
            out[members] = UniqueRegion(*limits).contains(vectors[:, members])
    return out


def _sorted(found: Sightings, places: Places, *, unique: bool) -> Sightings:
    """Return sightings in their order, each once; with `unique` also each CCD image of a place."""
    by: Columns = {name: found.epochs[name].astype(np.str_ if name in _TILE else np.int64) for name in _KEY}
    order = np.lexsort((*reversed(by.values()), found.place))
    if unique:
        liked = 2 * found.in_region + found.on_coadd
        image = (found.place, by["band"], by["expnum"], by["ccdnum"])
        best = np.lexsort((by["tilename"], -liked, *reversed(image)))
        chosen = np.zeros(order.size, np.bool_)
        chosen[best[_first(image, best)]] = True
        order = order[chosen[order]]
    elif not isinstance(places, Points):
        # an area goes over several queries, and an epoch may be an answer to more than one
        order = order[_first((found.place, *by.values()), order)]
    return found[order]


def _first(keys: Sequence[npt.NDArray[Any]], order: Indices) -> Bools:
    """Return which of the sorted elements differ from the one before."""
    differs = np.ones(order.size, np.bool_)
    if order.size:
        differs[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    return differs
