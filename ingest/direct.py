"""Direct derivation of one mask, the reference against which stored masks are checked.

Maps every pixel with ``esutil.wcsutil.WCS`` (``image2sky``, then ``sky2image``), or with wcslib if esutil
does not support a term of the header, and applies the criteria with numpy. The planes are read with fitsio.
Slow; of the fast way it shares neither. Planes of profiles other than that of DES are read and converted with astropy
and numpy.
"""

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import esutil
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ..schema import tables
from ..schema.bits import BIT_SHIFT, Criterion, fold_bmask
from ..schema.database import as_stored, open_for_reading, with_variables
from ..schema.errors import MaskNotFoundError
from ..schema.inputs.profile import DES_PROFILE
from ..schema.inputs.segmentation import Segmentation
from ..schema.maskfile import MaskFile
from ..schema.masks.rle import decode
from ..schema.planes.cfitsio import CfitsioReader
from ..schema.planes.imagefiles import PlaneFile, files_of_row
from ..schema.rows import SEG_MADE, SEG_NONE, MaskKey
from ..schema.wcs.scamphead import HeadOf, read_scamp_head
from ..schema.wcs.solution import Wcs, unit_vectors
from .images.segmentation import check_version
from .profiles.directplanes import direct_header, direct_plane

__all__ = ["Comparison", "Side", "check_mask", "compare", "direct_flags", "direct_map", "direct_positions"]

Floats = npt.NDArray[np.float64]

# Pixels; a position this close to a rounding boundary may round to either neighbour.
_TIE = 1e-8

_ROWS_SHOWN = 5

# Rows of a plane held in memory at a time.
_BLOCK = 512

# PV terms that esutil evaluates; it silently ignores the other terms of TPV.
_ESUTIL_PV = {0, 1, 2, 4, 5, 6, 7, 8, 9, 10}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Agreement of a stored mask with its direct derivation.

    Parameters
    ----------
    n_pixels, n_equal : int
        Number of pixels, and of those with equal flags.
    examples : tuple of str
        Descriptions of some of the pixels that differ.

    Examples
    --------
    >>> goodpix.check_mask("goodpix.db", "DES0131-3206", "r", 201000, 12).equal
    True
    """

    n_pixels: int
    n_equal: int
    examples: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """True if the flags are equal at every pixel."""
        return self.n_equal == self.n_pixels

    def __str__(self) -> str:
        text = f"{self.n_equal:,} of {self.n_pixels:,} pixels agree with the mask computed directly"
        return "\n".join([text, *self.examples])


def check_mask(db: str | os.PathLike[str], tilename: str, band: str, expnum: int, ccdnum: int) -> Comparison:
    """Derive one stored mask again from its FITS files, the direct way, and compare every pixel.

    An unset environment variable in the files' paths takes the value that it had during the ingest.

    Parameters
    ----------
    db : str or path
        Database URL or SQLite file.
    tilename, band : str
        Tile and band.
    expnum, ccdnum : int
        Exposure and CCD number of the epoch.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such epoch.
    GoodpixError
        If the mask or a FITS file cannot be read.

    Examples
    --------
    >>> print(goodpix.check_mask("goodpix.db", "DES0131-3206", "r", 201000, 12))
    131,072 of 131,072 pixels agree with the mask computed directly
    """
    key = MaskKey(tilename, band, "epoch", expnum, ccdnum)
    with open_for_reading(db) as database:
        coadd, epoch = tables.coadd, tables.epoch
        with database.engine.connect() as connection:
            of_coadd = connection.execute(
                sa.select(*as_stored(connection, coadd)).where(coadd.c.tilename == tilename, coadd.c.band == band)
            ).mappings()
            of_epoch = connection.execute(
                sa.select(*as_stored(connection, epoch)).where(
                    epoch.c.tilename == tilename,
                    epoch.c.band == band,
                    epoch.c.expnum == expnum,
                    epoch.c.ccdnum == ccdnum,
                )
            ).mappings()
            rows = with_variables(connection, [*of_epoch, *of_coadd])
            if len(rows) != 2:
                raise MaskNotFoundError(f"the catalogue has no {key}")
        epoch_row, coadd_row = rows
        file = MaskFile.open(database.root.path(coadd_row["mask_file"]))
        stored = decode(file.runs(epoch_row["mask_row_group"], key))
        wcs_source = database.identity.wcs_source
        segmentation = database.identity.segmentation
    made = Segmentation.parse(segmentation) if epoch_row["segmentation"] == SEG_MADE else None
    epoch_side = _read_side(epoch_row, wcs_source, use_seg=segmentation != SEG_NONE, made=made)
    return compare(stored, epoch_side, _read_side(coadd_row, "image") if coadd_row["planes"] else None)


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """An image's WCS, and the flags of its own planes in the single-epoch bits."""

    flags: npt.NDArray[np.int64]
    wcs: Wcs
    offset: float


def _read_side(
    row: Mapping[str, Any], wcs_source: str, *, use_seg: bool = True, made: Segmentation | None = None
) -> Side:
    """Read the planes and the header of the image in a database row; make its segmentation map again if it was made."""
    files = files_of_row(row, "image", "weight", "bmask")
    if not use_seg:
        files.pop("seg", None)
    if row["profile"] not in (None, DES_PROFILE):
        return _read_profiled(row, files, made)
    with CfitsioReader() as reader:
        image = reader.open(files["image"])
        header = image.header
        if wcs_source == "scamp":
            header = read_scamp_head(files["head"], HeadOf(row["expnum"], row["ccdnum"], header, image.shape))
        weight, bmask = reader.open(files["weight"]), reader.open(files["bmask"])
        seg = reader.open(files["seg"]) if "seg" in files else None
        objects_made = None
        if made is not None:
            whole = slice(0, bmask.shape[0])
            objects_made = direct_map(image.read(whole), weight.read(whole), bmask.read(whole), made)
        flags = np.empty(bmask.shape, np.int64)
        for y0 in range(0, bmask.shape[0], _BLOCK):  # whole planes of a coadd would take gigabytes
            rows = slice(y0, min(y0 + _BLOCK, bmask.shape[0]))
            bits = bmask.read(rows)
            objects = np.zeros_like(bits) if seg is None else seg.read(rows)
            if objects_made is not None:
                objects = objects_made[rows]
            flags[rows] = direct_flags(weight.read(rows), bits, objects)
    return Side(flags, Wcs.from_header(header, row["image_path"]), row["position_offset"])


def _read_profiled(row: Mapping[str, Any], files: Mapping[str, PlaneFile], made: Segmentation | None) -> Side:
    """Read the planes of an image of another profile, whole."""
    weight, bmask = direct_plane(files["weight"]), direct_plane(files["bmask"])
    if made is not None:
        seg = direct_map(direct_plane(files["image"]), weight, bmask, made)
    else:
        seg = direct_plane(files["seg"]) if "seg" in files else np.zeros_like(bmask)
    flags = direct_flags(weight, bmask, seg)
    header = direct_header(files.get("wcs", files["image"]))
    return Side(flags, Wcs.from_header(header, row["image_path"]), row["position_offset"])


def direct_map(
    image: npt.NDArray[Any], weight: npt.NDArray[Any], bmask: npt.NDArray[Any], parameters: Segmentation
) -> npt.NDArray[np.integer[Any]]:
    """Return the segmentation map that sep makes of an image, shape (ny, nx), 0 where there is no object.

    Raises
    ------
    MissingLibraryError
        If the version of sep in the parameters is not installed.
    """
    check_version(parameters)
    import sep  # an extra

    values = image.astype(np.float32)
    bad = (bmask != 0) | ~(weight > 0) | ~np.isfinite(weight) | ~np.isfinite(values)
    if bad.all():
        return np.zeros(image.shape, np.int32)
    noise = 1 / np.sqrt(np.where(bad, 1, weight))
    (bw, bh), (fw, fh) = parameters.mesh, parameters.mesh_filter
    values[bad] = 0
    sky = sep.Background(values, mask=bad, bw=bw, bh=bh, fw=fw, fh=fh).back()
    stack = sep.get_extract_pixstack()
    sep.set_extract_pixstack(values.size + 2)
    try:
        options = {"minarea": parameters.area, "filter_kernel": parameters.kernel, "filter_type": "conv"}
        found: npt.NDArray[np.integer[Any]] = sep.extract(
            values - sky,
            parameters.threshold,
            err=noise.astype(np.float32),
            mask=bad,
            segmentation_map=True,
            clean=False,
            deblend_nthresh=1,
            deblend_cont=1.0,
            **options,
        )[1]
    finally:
        sep.set_extract_pixstack(stack)
    return found


def direct_flags(weight: npt.NDArray[Any], bmask: npt.NDArray[Any], seg: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the flags of an image's own planes in the single-epoch bits; int64, shape (ny, nx)."""
    folded = fold_bmask(bmask)
    flags: npt.NDArray[np.int64] = folded << BIT_SHIFT["se"]
    flags[seg != 0] |= int(Criterion.SE_SEG)
    flags[~(np.isfinite(weight) & (weight > 0))] |= int(Criterion.SE_WEIGHT)
    flags[bmask != 0] |= int(Criterion.SE_BMASK)
    return flags


def compare(stored: npt.NDArray[np.int64], epoch: Side, coadd: Side | None) -> Comparison:
    """Compare stored flags with those derived the direct way; without a coadd, they are those of the epoch alone."""
    if stored.shape != epoch.flags.shape:
        return Comparison(stored.size, 0, (f"the image has shape {epoch.flags.shape}, the mask {stored.shape}",))
    expected = epoch.flags
    if coadd is None:
        differs = stored != expected
    else:
        x, y = direct_positions(epoch, coadd)
        expected = epoch.flags | _at(coadd.flags, x, y)
        differs = stored != expected
        # accept either neighbour of a position close to a rounding boundary
        near = np.flatnonzero(differs & (_to_boundary(x) | _to_boundary(y)))
        for shift_x, shift_y in itertools.product((-_TIE, _TIE), repeat=2):
            either = epoch.flags.flat[near] | _at(coadd.flags, x.flat[near] + shift_x, y.flat[near] + shift_y)
            differs.flat[near] &= stored.flat[near] != either
    rows, columns = np.nonzero(differs)
    examples = [
        f"x {column}, y {row}: stored flags {stored[row, column]}, direct {expected[row, column]}"
        for row, column in zip(rows[:_ROWS_SHOWN].tolist(), columns[:_ROWS_SHOWN].tolist(), strict=True)
    ]
    return Comparison(stored.size, int(stored.size - differs.sum()), tuple(examples))


def direct_positions(epoch: Side, coadd: Side) -> tuple[Floats, Floats]:
    """Return the zero-based coadd position of every pixel of an epoch, each of shape (ny, nx).

    NaN where the direction is 90 degrees or more from the coadd's tangent point.
    """
    shape = epoch.flags.shape
    y, x = (each.ravel().astype(np.float64) for each in np.indices(shape))
    ra, dec = _to_sky(epoch, x + epoch.offset, y + epoch.offset)
    behind = ~coadd.wcs.in_front(unit_vectors(ra, dec))
    out_x, out_y = _to_pixels(coadd, ra, dec)
    out_x[behind] = out_y[behind] = np.nan
    return (out_x - coadd.offset).reshape(shape), (out_y - coadd.offset).reshape(shape)


def _to_sky(side: Side, fits_x: Floats, fits_y: Floats) -> tuple[Floats, Floats]:
    if _esutil_knows(side.wcs):
        ra, dec = _esutil(side).image2sky(fits_x, fits_y)
        return ra, dec
    wcs = side.wcs.wcslib()
    ra, dec = wcs.all_pix2world(fits_x, fits_y, 1)
    return ra, dec


def _to_pixels(side: Side, ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    if _esutil_knows(side.wcs) and side.wcs.linear:
        x, y = _esutil(side).sky2image(ra, dec)
        return x, y
    found = side.wcs.wcslib_pixels(unit_vectors(ra, dec))
    return found[0], found[1]


def _esutil_knows(wcs: Wcs) -> bool:
    """Tell whether esutil evaluates every term of the header."""
    terms = {int(key[4:]) for key, value in wcs.keywords.items() if key.startswith("PV") and float(value)}
    linear = {"CD1_1", "CD1_2", "CD2_1", "CD2_2"} <= set(wcs.keywords)
    return wcs.polynomial and linear and terms <= _ESUTIL_PV and wcs.crval[1] != 90


def _esutil(side: Side) -> Any:
    ny, nx = side.flags.shape
    cards = {key.lower(): value for key, value in side.wcs.keywords.items()}
    return esutil.wcsutil.WCS({**cards, "naxis1": nx, "naxis2": ny})


def _at(flags: npt.NDArray[np.int64], x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    """Return the flags of the coadd pixels nearest to positions, in the coadd bits."""
    ny, nx = flags.shape
    ix, iy = np.floor(np.nan_to_num(x, nan=-9.0) + 0.5), np.floor(np.nan_to_num(y, nan=-9.0) + 0.5)
    inside = (ix >= 0) & (ix < nx) & (iy >= 0) & (iy < ny)
    out = np.full(x.shape, int(Criterion.OFF_COADD), np.int64)
    found = flags[iy[inside].astype(np.int64), ix[inside].astype(np.int64)]
    # the coadd's criteria and bits lie above the epoch's, in the same order
    criteria = (found & 0b111) * (int(Criterion.COADD_SEG) // int(Criterion.SE_SEG))
    bits = (found >> BIT_SHIFT["se"]) << BIT_SHIFT["coadd"]
    out[inside] = criteria | bits
    return out


def _to_boundary(position: Floats) -> npt.NDArray[np.bool_]:
    """Return which positions lie on a rounding boundary, within the tolerance."""
    near: npt.NDArray[np.bool_] = np.abs(position - np.floor(position) - 0.5) < _TIE
    return near
