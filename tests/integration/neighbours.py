"""Two tiles side by side that hold the same CCD images, and what the plain way makes of them."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix.ingest.synthetic import TileSpec, make_tile

from .survey import SPEC, Survey

__all__ = [
    "CENTRES",
    "NEIGHBOUR",
    "SELECTIONS",
    "by_astropy",
    "centres_seen",
    "epoch_positions",
    "ingest_neighbours",
    "inside_region",
    "make_neighbours",
    "nearest",
    "sky_of_pixels",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEIGHBOUR = "DES0130-3206"
"""The tile west of that of `SPEC`, and a little south."""

CENTRES = 1 << 18
"""HEALPix resolution of the centres at which area is sampled."""

_PIXEL = 0.263 / 3600

# Coadd pixels by which the neighbour's centre lies west and south of the first's, and the border between
# their unique regions west. Both coadds have some of either region, and the neighbour's region reaches
# north of its coadd.
_WEST, _SOUTH, _BORDER = 100, 70, 40

SELECTIONS = {
    "default": goodpix.Selection(),
    "ignore": goodpix.Selection(ignore=["COADD_SEG", "SE_SEG"], ignore_bits={"SE": ["STAR", "STREAK"]}),
    "off the coadd": goodpix.Selection(ignore=["OFF_COADD"]),
    "border": goodpix.Selection(border=7),
    "grow": goodpix.Selection(grow={"SE_SEG": 3, "COADD_SEG": 2}),
}
"""Definitions of good of every sort."""


def make_neighbours(folder: Path, spec: TileSpec = SPEC) -> tuple[Survey, Survey]:
    """Make two tiles that list the same CCD images."""
    width = _PIXEL / math.cos(math.radians(spec.dec))
    border = spec.ra - _BORDER * width
    first, second = Survey(folder / "first" / "survey"), Survey(folder / "second" / "survey")
    make_tile(first.folder, spec)
    beside = replace(spec, tilename=NEIGHBOUR, ra=spec.ra - _WEST * width, dec=spec.dec - _SOUTH * _PIXEL)
    make_tile(second.folder, beside)
    for band in spec.bands:
        for each in (first, second):  # in folders of their own
            path = each.info_path(band)
            path.write_text(path.read_text().replace("$MEDS_DIR", str(each.folder)))
        with first.editing(band) as info:
            info["uramin"] = border
            src_info, north = info["src_info"], info["udecmax"]
        with second.editing(band) as info:
            info["uramax"], info["udecmax"] = border, north
            info["src_info"] = [entry | {"tilename": NEIGHBOUR} for entry in src_info]
    return first, second


def ingest_neighbours(first: Survey, second: Survey, **options: Any) -> Survey:
    """Ingest two tiles into the catalogue of the first, and return that one."""
    goodpix.ingest_tiles([first.folder, second.folder], **{"db": first.database, "masks": first.masks, **options})
    return first


def by_astropy(row: Any) -> WCS:
    """Return the solution of a catalogue's row, for one-based pixels."""
    return WCS(fits.Header(json.loads(row["wcs"])))


def sky_of_pixels(row: Any) -> Floats:
    """Return right ascension and declination of every pixel of an image; shape (2, ny, nx)."""
    y, x = np.mgrid[0 : row["ny"], 0 : row["nx"]] + row["position_offset"]
    return np.array(by_astropy(row).all_pix2world(x.ravel(), y.ravel(), 1)).reshape(2, *x.shape)


def epoch_positions(epoch: Any, coadd: Any) -> Floats:
    """Return the zero-based position in an epoch of every pixel of the coadd; shape (2, ny, nx)."""
    ra, dec = sky_of_pixels(coadd)
    places = by_astropy(epoch).all_world2pix(ra.ravel(), dec.ravel(), 1)
    out: Floats = np.array(places).reshape(2, *ra.shape) - epoch["position_offset"]
    return out


def centres_seen(
    catalogue: goodpix.Catalogue, selection: goodpix.Selection | None, **filters: Any
) -> tuple[Ints, Ints]:
    """Return the HEALPix pixels with their centre in an image, and those in a good pixel of one, by astropy.

    Each image counts in its tile's unique region, if there is one.
    """
    seen, good = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for mask in catalogue.masks(**filters):
        row: Any = mask.row
        coadd: Any = catalogue.mask(mask.key.tilename, mask.key.band).row
        radius = 0.51 * _PIXEL * math.hypot(row["nx"] + 8, row["ny"] + 8)
        hpix = hpgeom.query_circle(CENTRES, row["ra_cent"], row["dec_cent"], radius, nest=True)
        sky = np.array(hpgeom.pixel_to_angle(CENTRES, hpix, nest=True))
        x, y = nearest(np.array(by_astropy(row).all_world2pix(*sky, 1)) - row["position_offset"])
        inside = (x >= 0) & (x < row["nx"]) & (y >= 0) & (y < row["ny"])
        if coadd["uramin"] is not None:
            inside &= inside_region(coadd, sky)
        seen.append(hpix[inside])
        good.append(hpix[inside][mask.good(selection)[y[inside], x[inside]]])
    return np.unique(np.concatenate(seen)), np.unique(np.concatenate(good))


def nearest(positions: Floats) -> Ints:
    """Return the pixels nearest to positions."""
    pixels: Ints = np.floor(positions + 0.5).astype(np.int64)
    return pixels


def inside_region(coadd: Any, sky: Floats) -> npt.NDArray[np.bool_]:
    """Return which positions lie in a tile's unique region, none of them near RA = 0."""
    ra, dec = sky
    inside: npt.NDArray[np.bool_] = (ra >= coadd["uramin"]) & (ra < coadd["uramax"])
    inside &= (dec >= coadd["udecmin"]) & (dec < coadd["udecmax"])
    return inside
