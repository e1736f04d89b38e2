"""Search for the epochs that observed targets, by footprint and then by WCS."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.database import as_stored, check_type, recorded_revision
from ...schema.wcs.footprint import NSIDE, UniqueRegion
from ...schema.wcs.skytopixel import WcsStack
from .images import SkyImages
from .targets import Cover, Points, Targets

__all__ = ["Sightings", "find_sightings"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]
Columns = dict[str, npt.NDArray[Any]]

# Limits per query: HEALPix pixels, each with hundreds of epochs; pixels over all targets; and epochs, of 3 kB each.
_PIXELS = 100
_PIXEL_TARGETS = 2000
_EPOCHS_PER_QUERY = 2000

_TILE = ("tilename", "band")
_KEY = (*_TILE, "expnum", "ccdnum")
_IMAGE = ("wcs", "nx", "ny", "position_offset")
# of the epoch, what exclusions need besides, and what catalogues of before have not
_FACTS = ("nite", "mjd_obs", "image_flags", "dataseca", "datasecb")
_LATER = "profile"
_SHOWN = (*_KEY, "epoch_id", "has_coadd", "mask_file", "mask_row_group", *_IMAGE, *_FACTS, _LATER)
_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")


def _candidates(connection: sa.Connection) -> "sa.Select[Any]":
    """Return the query for epochs whose footprint contains any of the pixels ``hpix``, and their cells."""
    footprint = tables.footprint.c
    wanted = footprint.hpix.in_(sa.bindparam("hpix", expanding=True))
    return sa.select(*as_stored(connection, tables.footprint)).where(wanted)


def _epochs() -> "sa.Select[Any]":
    """Return the query for the columns of the epochs ``epoch_id`` and of their coadds."""
    epoch, coadd = tables.epoch.c, tables.coadd.c
    return (
        sa.select(
            *(epoch[name] for name in _SHOWN if name in epoch and name != _LATER),
            *(coadd[name].label(f"coadd_{name}") for name in ("coadd_id", *_IMAGE, *_LIMITS)),
            coadd.mask_file,
            coadd.wcs.is_not(None).label("has_coadd"),
        )
        .join_from(tables.epoch, tables.coadd, sa.and_(coadd.tilename == epoch.tilename, coadd.band == epoch.band))
        .where(epoch.epoch_id.in_(sa.bindparam("epoch_id", expanding=True)))
    )


_EPOCHS = _epochs()


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """Pairs of a target and an epoch that observed it.

    Parameters
    ----------
    epochs : dict of str to ndarray, shape (n,)
        Columns of the epoch's row: key, header values and location of its mask.
    target : ndarray of intp, shape (n,)
        Index of the target.
    position, coadd_position : ndarray of float64, shape (2, n)
        Zero-based x and y of the target's position on the epoch's image and on the coadd.
    on_image, on_coadd : ndarray of bool, shape (n,)
        Whether the image and the coadd have a pixel there.
    in_region : ndarray of bool, shape (n,)
        Whether the position lies in the tile's unique region.
    """

    epochs: Columns
    target: Indices
    position: Floats
    coadd_position: Floats
    on_image: Bools
    on_coadd: Bools
    in_region: Bools

    def __len__(self) -> int:
        return int(self.target.size)

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
        """Return the concatenation of sightings."""
        arrays = (np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in _ARRAYS)
        return cls({name: np.concatenate([part.epochs[name] for part in parts]) for name in _SHOWN}, *arrays)


_ARRAYS = ("target", "position", "coadd_position", "on_image", "on_coadd", "in_region")


def find_sightings(
    engine: sa.Engine, targets: Targets, conditions: "Sequence[sa.ColumnElement[bool]]", *, unique: bool = False
) -> Sightings:
    """Return the epochs that observed each target.

    Parameters
    ----------
    engine : Engine
        The catalogue's database.
    targets : Targets
        The targets.
    conditions : sequence of SQL conditions
        Conditions on epochs.
    unique : bool
        Return each CCD image once per target, rather than once per tile that contains it.

    Returns
    -------
    Sightings
        Ordered by target, tilename, band, expnum and ccdnum.
    """
    epochs, later = _EPOCHS.where(*conditions).order_by(tables.epoch.c.epoch_id), tables.epoch.c[_LATER]
    parts = [Sightings.none()]
    with engine.connect() as connection:
        is_there = str(recorded_revision(connection)) >= later.info["since"]
        epochs = epochs.add_columns(later if is_there else sa.null().label(_LATER))
        candidates = _candidates(connection)
        for block in _blocks(targets.cover(NSIDE)):
            rows = connection.execute(candidates, {"hpix": np.unique(block.hpix).tolist()}).all()
            if not rows:
                continue
            _check_types(dict(zip(("hpix", "epoch_id", "cells"), zip(*rows, strict=True), strict=True)))
            target, epoch_id = _candidate_pairs(rows, block)
            ids = np.unique(epoch_id)
            for start in range(0, ids.size, _EPOCHS_PER_QUERY):
                result = connection.execute(epochs, {"epoch_id": ids[start : start + _EPOCHS_PER_QUERY].tolist()})
                columns = dict(zip(result.keys(), zip(*result.all(), strict=True), strict=False))
                if columns:
                    _check_types(columns)
                    mine = np.isin(epoch_id, columns["epoch_id"])
                    parts.append(_observed(columns, target[mine], epoch_id[mine], targets))
    return _sorted(Sightings.joined(parts), targets, unique=unique)


def _check_types(columns: Mapping[str, Sequence[object]]) -> None:
    """Check one value of each type that a column has."""
    for name, values in columns.items():
        for value in {type(value): value for value in values}.values():
            check_type(name, value)


def _blocks(cover: Cover) -> Iterator[Cover]:
    """Yield a cover in blocks small enough for one query."""
    start = 0
    while start < cover.hpix.size:
        pixels = cover.hpix[start : start + _PIXEL_TARGETS]
        new = np.flatnonzero(np.diff(pixels))
        stop = start + (int(new[_PIXELS - 1]) + 1 if new.size >= _PIXELS else pixels.size)
        yield cover[start:stop]
        start = stop


def _candidate_pairs(rows: Sequence[sa.Row[Any]], block: Cover) -> tuple[Indices, npt.NDArray[np.int64]]:
    """Return pairs of a target and an epoch that share a cell of a HEALPix pixel."""
    hpix, epoch_id, cells = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3).T
    # an epoch has a row per pixel; pair each row with all targets of its pixel
    start, stop = (np.searchsorted(block.hpix, hpix, side=side) for side in ("left", "right"))
    n_targets = stop - start
    before = np.cumsum(n_targets) - n_targets
    covering = np.arange(n_targets.sum()) + np.repeat(start - before, n_targets)
    row = np.repeat(np.arange(hpix.size), n_targets)
    shared = (cells[row] & block.cells[covering]) != 0
    pairs = np.unique(np.stack([block.target[covering[shared]], epoch_id[row[shared]]]), axis=1)
    return pairs[0].astype(np.intp), pairs[1]


def _observed(
    epochs: dict[str, tuple[Any, ...]], target: Indices, epoch_id: npt.NDArray[np.int64], targets: Targets
) -> Sightings:
    """Return the pairs of a target and an epoch whose image overlaps the target."""
    which = np.searchsorted(np.array(epochs["epoch_id"]), epoch_id)
    images = _images(epochs, "")
    position = images.positions(which, targets.vectors[:, target])
    on_image = images.hold(which, position)
    overlapping = np.flatnonzero(targets.touched(images, which, target, on_image))
    target, which = target[overlapping], which[overlapping]
    vectors = targets.vectors[:, target]
    coadd_position, on_coadd = _on_coadds(epochs, which, vectors)
    return Sightings(
        {name: _objects(epochs[name])[which] for name in _SHOWN},
        target,
        position[:, overlapping],
        coadd_position,
        on_image[overlapping],
        on_coadd,
        _in_region(epochs, which, vectors),
    )


def _on_coadds(epochs: dict[str, tuple[Any, ...]], which: Indices, vectors: Floats) -> tuple[Floats, Bools]:
    """Return positions on coadds, NaN where there is no coadd, and whether the coadds have a pixel there."""
    position, on_coadd = np.full((2, which.size), np.nan), np.zeros(which.size, np.bool_)
    has_coadd = np.array(epochs["has_coadd"], np.bool_)
    there = np.flatnonzero(has_coadd[which])
    if there.size:
        chosen = np.flatnonzero(has_coadd)
        coadds = _images({name: tuple(values[k] for k in chosen) for name, values in epochs.items()}, "coadd_")
        of_coadd = (np.cumsum(has_coadd) - 1)[which[there]]
        position[:, there] = coadds.positions(of_coadd, vectors[:, there])
        on_coadd[there] = coadds.hold(of_coadd, position[:, there])
    return position, on_coadd


def _objects(values: Sequence[object]) -> npt.NDArray[Any]:
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _images(epochs: dict[str, tuple[Any, ...]], prefix: str) -> SkyImages:
    """Return the images of epochs, or of their coadds for the prefix ``coadd_``."""
    wcs, nx, ny, offset = (epochs[prefix + name] for name in _IMAGE)
    solutions = WcsStack.from_json(wcs)
    return SkyImages(solutions, np.array(nx, np.int64), np.array(ny, np.int64), np.array(offset, np.float64))


def _in_region(epochs: dict[str, tuple[Any, ...]], which: Indices, vectors: Floats) -> Bools:
    """Return which directions lie in the unique region of the epoch's tile."""
    out = np.zeros(which.size, np.bool_)
    coadd_id = np.array(epochs["coadd_coadd_id"], np.int64)
    for first in np.unique(coadd_id, return_index=True)[1].tolist():
        limits = [epochs[f"coadd_{name}"][first] for name in _LIMITS]
        if None not in limits:
            members = np.flatnonzero(coadd_id[which] == coadd_id[first])
            out[members] = UniqueRegion(*limits).contains(vectors[:, members])
    return out


def _sorted(sightings: Sightings, targets: Targets, *, unique: bool) -> Sightings:
    """Return sightings sorted and without repeats; with `unique`, also without repeats of a CCD image."""
    key: Columns = {name: sightings.epochs[name].astype(np.str_ if name in _TILE else np.int64) for name in _KEY}
    order = np.lexsort((*reversed(key.values()), sightings.target))
    if unique:
        preference = 2 * sightings.in_region + sightings.on_coadd
        image = (sightings.target, key["band"], key["expnum"], key["ccdnum"])
        best = np.lexsort((key["tilename"], -preference, *reversed(image)))
        chosen = np.zeros(order.size, np.bool_)
        chosen[best[_first(image, best)]] = True
        order = order[chosen[order]]
    elif not isinstance(targets, Points):
        # a disc or polygon may span several queries, which may return the same epoch
        order = order[_first((sightings.target, *key.values()), order)]
    return sightings[order]


def _first(keys: Sequence[npt.NDArray[Any]], order: Indices) -> Bools:
    """Return which sorted elements differ from the previous one."""
    differs = np.ones(order.size, np.bool_)
    if order.size:
        differs[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    return differs
