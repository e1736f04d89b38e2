"""Places of a catalogue's CCDs on the sky."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema.tables import epoch
from ...schema.wcs.solution import unit_vectors
from ..focalplane import FOCAL_PLANE, Layout, PlacedCcd
from ..listings import Listings

__all__ = ["OutlinedCcd", "focal_plane"]

_CORNERS = [f"{name}c{k}" for k in range(1, 5) for name in ("ra", "dec")]


@dataclass(frozen=True, slots=True)
class OutlinedCcd:
    """A CCD of any camera, as one exposure saw it; see `goodpix.query.focalplane.PlacedCcd`.

    Parameters
    ----------
    ccdnum : int
        CCD number.
    detpos : str
        Detector position; empty if the headers have none.
    outline : tuple of four (east, north)
        Corners in degrees from the centre of the exposure.
    """

    ccdnum: int
    detpos: str
    outline: tuple[tuple[float, float], ...]

    @property
    def halves(self) -> tuple[str, ...]:
        """The whole CCD, whose name is empty."""
        return ("",)

    @property
    def east(self) -> float:
        """Offset of the CCD's centre east of the field centre in degrees."""
        return float(np.mean([east for east, _ in self.outline]))

    @property
    def north(self) -> float:
        """Offset of the CCD's centre north of the field centre in degrees."""
        return float(np.mean([north for _, north in self.outline]))

    def corners(self, half: str | None = None) -> tuple[tuple[float, float], ...]:  # noqa: ARG002  # it has none
        """Return the four corners."""
        return self.outline


def focal_plane(cat: Listings) -> Layout:
    """Return the CCDs of a catalogue's camera by number.

    Those of DECam have their places in its focal plane. Another camera's CCDs lie as its exposure with the most CCD
    images saw them, the first one if several have as many; CCDs which that one lacks are left out.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    """
    if cat.database.identity.profile.is_des:
        return FOCAL_PLANE
    rows = _largest_exposure(cat)
    if rows and all(map(_is_of_decam, rows)):
        return FOCAL_PLANE
    return _of_exposure(_largest_exposure(cat, epoch.c.wcs_ok.is_not(False)))


def _is_of_decam(row: Mapping[str, Any]) -> bool:
    ccd = FOCAL_PLANE.get(row["ccdnum"])
    return ccd is not None and ccd.detpos == row["detpos"]


def _largest_exposure(cat: Listings, *conditions: "sa.ColumnElement[bool]") -> Sequence[Mapping[str, Any]]:
    """Return the CCD images that meet conditions of the exposure with the most of them, each once."""
    number = sa.func.count(epoch.c.ccdnum.distinct())
    largest = (
        sa.select(epoch.c.band, epoch.c.expnum)
        .where(*conditions)
        .group_by(epoch.c.band, epoch.c.expnum)
        .order_by(number.desc(), epoch.c.expnum, epoch.c.band)
        .limit(1)
    )
    with cat.database.engine.connect() as connection:
        exposure = connection.execute(largest).first()
        if exposure is None:
            return []
        columns = (epoch.c[name] for name in ("ccdnum", "detpos", *_CORNERS))
        key = (epoch.c.band == exposure.band, epoch.c.expnum == exposure.expnum)
        of_exposure = sa.select(*columns).where(*conditions, *key)
        rows = connection.execute(of_exposure.order_by(epoch.c.ccdnum, epoch.c.tilename)).mappings().all()
    return list({row["ccdnum"]: dict(row) for row in reversed(rows)}.values())[::-1]


def _of_exposure(rows: Sequence[Mapping[str, Any]]) -> Layout:
    """Return the CCDs of an exposure, on the plane that touches the sky at its centre."""
    if not rows:
        return MappingProxyType({})
    corners = np.array([[row[name] for name in _CORNERS] for row in rows], np.float64).reshape(-1, 2)
    east, north = _tangent_plane(unit_vectors(corners[:, 0], corners[:, 1])).reshape(2, -1, 4)
    ccds: dict[int, PlacedCcd] = {}
    for row, easts, norths in zip(rows, east.tolist(), north.tolist(), strict=True):
        outline = tuple(zip(easts, norths, strict=True))
        ccds[row["ccdnum"]] = OutlinedCcd(row["ccdnum"], row["detpos"] or "", outline)
    return MappingProxyType(ccds)


def _tangent_plane(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return degrees east and north of the mean of unit vectors, shape (2, n)."""
    centre = vectors.mean(axis=1)
    centre /= np.sqrt((centre**2).sum())
    ra = np.arctan2(centre[1], centre[0])
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    axes = np.array([east, np.cross(centre, east)])
    found: npt.NDArray[np.float64] = np.degrees(axes @ vectors / (centre @ vectors))
    return found
