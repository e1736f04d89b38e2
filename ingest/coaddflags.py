"""The flags of a coadd, one small code per pixel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..schema.criteria import BIT_SHIFT, Criterion
from ..schema.errors import PlaneError
from ..schema.fitsplanes import Plane, check_integer
from ..schema.footprint import UniqueRegion
from ..schema.jit import kernel
from ..schema.rle import Runs, encode
from ..schema.wcs import Wcs
from .pixels import as_floats, as_unsigned, fold_bits, is_positive

__all__ = ["CoaddFlags", "read_coadd_flags"]

# Rows read at a time: of the three planes 120 bytes per pixel of a row are in memory at once.
_BLOCK = 256


@dataclass(frozen=True, slots=True, eq=False)
class CoaddFlags:
    """The flags of a coadd, dictionary-coded, with a border of OFF_COADD all round.

    Parameters
    ----------
    codes : ndarray of uint8 or uint16, shape (ny + 2, nx + 2)
        Index into `flags` of each pixel; the border is code 0. A position outside the coadd,
        clamped to the border, needs no test of its own.
    flags : ndarray of int64, shape (n_codes,)
        Flags of each code: criteria and mask bits of the coadd.
    unique : ndarray of bool, shape (n_codes,)
        Whether pixels of each code lie in the tile's unique region.
    has_region : bool
        Whether the tile has a unique region.
    """

    codes: npt.NDArray[np.unsignedinteger[Any]]
    flags: npt.NDArray[np.int64]
    unique: npt.NDArray[np.bool_]
    has_region: bool

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the coadd."""
        ny, nx = self.codes.shape
        return ny - 2, nx - 2

    def runs(self) -> Runs:
        """Return the runs of the coadd's own mask."""
        return encode(self.codes[1:-1, 1:-1], self.flags)

    def n_unique(self) -> tuple[int, int]:
        """Return how many pixels of the coadd lie in the unique region, all and good ones."""
        per_code = np.zeros(self.flags.size, np.int64)
        for row in self.codes[1:-1, 1:-1]:  # bincount makes eight bytes of each code
            per_code += np.bincount(row, minlength=per_code.size)
        inside = per_code * self.unique
        return int(inside.sum()), int(inside[self.flags == 0].sum())


def read_coadd_flags(
    weight: Plane, bmask: Plane, seg: Plane, *, wcs: Wcs, offset: float, unique: UniqueRegion | None
) -> CoaddFlags:
    """Read the three planes of a coadd, some rows at a time, into its flags.

    Parameters
    ----------
    weight, bmask, seg : Plane
        Of equal shape.
    wcs : Wcs
        The coadd's solution; says which pixels are in the unique region.
    offset : float
        Its ``position_offset``.
    unique : UniqueRegion, optional
        The tile's.

    Raises
    ------
    FitsFileError
        If a plane cannot be read.
    PlaneError
        If bmask or seg do not hold integers, or there are more than 65,535 sorts of pixels.
    """
    ny, nx = weight.shape
    codes: npt.NDArray[np.unsignedinteger[Any]] = np.zeros((ny + 2, nx + 2), np.uint8)
    table = np.zeros(np.iinfo(np.uint16).max + 1, np.int64)
    table[0], n_codes = Criterion.OFF_COADD, 1
    for y0 in range(0, ny, _BLOCK):
        rows = slice(y0, min(y0 + _BLOCK, ny))
        planes = _read_rows(weight, bmask, seg, rows)
        inside = _inside_region(wcs, offset, unique, rows, nx)
        out = np.zeros((rows.stop - rows.start, nx), np.uint16)
        n_codes = _code_rows(*planes, inside, table, n_codes, out)
        if n_codes < 0:
            raise PlaneError(f"{bmask.path}[{bmask.ext}]: more than 65,535 sorts of pixels in a coadd's bmask")
        if n_codes > 256 and codes.dtype == np.uint8:
            codes = codes.astype(np.uint16)
        codes[rows.start + 1 : rows.stop + 1, 1:-1] = out
    table = table[:n_codes]
    return CoaddFlags(codes, table & ~_UNIQUE, (table & _UNIQUE) != 0, unique is not None)


# Bit 7 of flags is free: while a coadd is coded it says that the pixel is in the unique region.
_UNIQUE = np.int64(1 << 7)


def _read_rows(
    weight: Plane, bmask: Plane, seg: Plane, rows: slice
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return some rows of the three planes, as kernels take them."""
    bits, objects = bmask.read(rows), seg.read(rows)
    check_integer(bmask, bits, "bmask")
    check_integer(seg, objects, "seg")
    return as_floats(weight.read(rows)), as_unsigned(bits), as_unsigned(objects)


def _inside_region(wcs: Wcs, offset: float, unique: UniqueRegion | None, rows: slice, nx: int) -> npt.NDArray[np.bool_]:
    if unique is None:
        return np.zeros((rows.stop - rows.start, nx), np.bool_)
    return unique.contains_rows(wcs, rows, nx, offset)


_SEG, _WEIGHT = np.int64(Criterion.COADD_SEG), np.int64(Criterion.COADD_WEIGHT)
_BMASK, _SHIFT = np.int64(Criterion.COADD_BMASK), BIT_SHIFT["coadd"]


@kernel
def _code_rows(
    weight: npt.NDArray[np.floating[Any]],
    bmask: npt.NDArray[np.unsignedinteger[Any]],
    seg: npt.NDArray[np.unsignedinteger[Any]],
    inside: npt.NDArray[np.bool_],
    table: npt.NDArray[np.int64],
    n_codes: int,
    out: npt.NDArray[np.uint16],
) -> int:
    """Write the code of each pixel, new ones into the table; return how many there are, -1 if too many."""
    ny, nx = out.shape
    last, code = table[0], 0
    for y in range(ny):
        for x in range(nx):
            flags = fold_bits(bmask[y, x])
            flags = (flags << _SHIFT) | _BMASK * (flags != 0)
            flags |= _SEG * (seg[y, x] != 0)
            flags |= _WEIGHT * np.int64(not is_positive(weight[y, x]))
            flags |= _UNIQUE * np.int64(inside[y, x])
            if flags != last:
                # neighbours are mostly alike: the search is rare
                code = 1
                while code < n_codes and table[code] != flags:
                    code += 1
                if code == n_codes:
                    if n_codes == table.size:
                        return -1
                    table[n_codes] = flags
                    n_codes += 1
                last = flags
            out[y, x] = code
    return n_codes
