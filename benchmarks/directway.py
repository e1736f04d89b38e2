"""Direct derivation of flags from whole planes, with esutil or wcslib and numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import esutil
import fitsio
import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.infofile import ImageInfo
from goodpix.schema.bits import BIT_SHIFT, Criterion

from .tiles import planes_of

__all__ = ["DirectCoadd", "Header", "Positions", "by_esutil", "by_wcslib", "direct_flags", "read_header"]

Header = Mapping[str, Any]
Floats = npt.NDArray[np.float64]

# Pixels; a position this close to a rounding boundary may round to either neighbour.
_TIE = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Zero-based coadd positions of every pixel of an epoch.

    Parameters
    ----------
    x, y : ndarray of float64, shape (ny, nx)
        The positions.
    """

    x: Floats
    y: Floats

    def nearest(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return x and y of the nearest pixels, possibly outside the coadd; shape (ny, nx)."""
        x, y = (np.floor(each + 0.5).astype(np.int64) for each in (self.x, self.y))
        return x, y

    def tied(self) -> npt.NDArray[np.bool_]:
        """Return where two coadd pixels are equally near; shape (ny, nx)."""
        x, y = (np.abs(each - np.floor(each) - 0.5) < _TIE for each in (self.x, self.y))
        return x | y


def read_header(image: ImageInfo) -> Header:
    """Return the header of an image with keys in lower case, and ``naxis`` as if uncompressed."""
    header = fitsio.read_header(image.image_path, ext=image.image_ext)
    cards = {key.lower(): header[key] for key in header.keys() if key}  # noqa: SIM118  # iterating yields records
    return cards | {name: cards[f"z{name}"] for name in ("naxis1", "naxis2") if f"z{name}" in cards}


def by_esutil(epoch: Header, coadd: Header) -> Positions:
    """Return positions from ``image2sky`` and ``sky2image`` of `esutil.wcsutil.WCS`."""
    y, x = np.indices((epoch["naxis2"], epoch["naxis1"]), np.float64)
    ra, dec = esutil.wcsutil.WCS(epoch).image2sky(x.ravel() + 1, y.ravel() + 1)
    found_x, found_y = esutil.wcsutil.WCS(coadd).sky2image(ra, dec)
    return Positions(found_x.reshape(x.shape) - 1, found_y.reshape(x.shape) - 1)


def by_wcslib(epoch: Header, coadd: Header) -> Positions:
    """Return positions from wcslib, through `astropy.wcs`."""
    y, x = np.indices((epoch["naxis2"], epoch["naxis1"]), np.float64)
    sky = _astropy(epoch).all_pix2world(x.ravel(), y.ravel(), 0)
    found_x, found_y = _astropy(coadd).wcs_world2pix(*sky, 0)
    return Positions(found_x.reshape(x.shape), found_y.reshape(x.shape))


def _astropy(header: Header) -> WCS:
    wanted = ("ctype", "cunit", "crval", "crpix", "cd", "pv", "equinox", "radesys")
    return WCS(fits.Header({key.upper(): value for key, value in header.items() if key.startswith(wanted)}))


@dataclass(frozen=True, slots=True, eq=False)
class DirectCoadd:
    """A coadd in memory, for the direct way.

    Parameters
    ----------
    header : mapping
        Its header, see `read_header`.
    flags : ndarray of int64, shape (ny, nx)
        Flags in the coadd bits.
    """

    header: Header
    flags: npt.NDArray[np.int64]

    @classmethod
    def read(cls, image: ImageInfo) -> "DirectCoadd":
        """Read the planes of a coadd."""
        flags = _own_flags(image)
        # the coadd's criteria and bits lie above the epoch's, in the same order
        high = (flags & 0b111) * (int(Criterion.COADD_SEG) // int(Criterion.SE_SEG))
        high |= (flags >> BIT_SHIFT["se"]) << BIT_SHIFT["coadd"]
        return cls(read_header(image), high)


def direct_flags(epoch: ImageInfo, coadd: DirectCoadd) -> tuple[npt.NDArray[np.int64], Positions]:
    """Read an epoch's planes; return its flags, int64 of shape (ny, nx), and its coadd positions."""
    flags = _own_flags(epoch)
    positions = by_esutil(read_header(epoch), coadd.header)
    x, y = positions.nearest()
    ny, nx = coadd.flags.shape
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    flags[inside] |= coadd.flags[y[inside], x[inside]]
    flags[~inside] |= int(Criterion.OFF_COADD)
    return flags, positions


def _own_flags(image: ImageInfo) -> npt.NDArray[np.int64]:
    """Read three planes and return their flags in the single-epoch bits; no mask bit may be above 22."""
    weight, bmask, seg = (fitsio.read(path, ext=ext) for path, ext in planes_of(image))
    flags: npt.NDArray[np.int64] = bmask.astype(np.int64) << BIT_SHIFT["se"]
    flags[seg != 0] |= int(Criterion.SE_SEG)
    flags[~(np.isfinite(weight) & (weight > 0))] |= int(Criterion.SE_WEIGHT)
    flags[bmask != 0] |= int(Criterion.SE_BMASK)
    return flags
