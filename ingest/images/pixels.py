"""Pixels of the weight, mask and segmentation planes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...schema.bits import BIT_SHIFT, OTHER_BIT
from ...schema.jit import kernel
from ...schema.planes.imagefiles import PlaneFile
from ...schema.planes.reader import Plane, PlaneReader, check_integer
from ..infofile import ImageInfo

__all__ = ["BLOCK", "PlaneFiles", "PlaneRows", "Planes", "fold_row"]

BLOCK = 512
"""Rows per read, into memory that is reused: smaller blocks cost more calls, whole planes too much memory."""


class PlaneRows(NamedTuple):
    """A block of rows of the three planes, in the types that kernels take; made by `of`."""

    weight: npt.NDArray[np.floating[Any]]
    """Inverse variance, float32 or float64; shape (n, nx)."""
    bmask: npt.NDArray[np.unsignedinteger[Any]]
    """Mask bits."""
    seg: npt.NDArray[np.unsignedinteger[Any]]
    """Segmentation map."""

    @classmethod
    def of(cls, weight: npt.NDArray[Any], bmask: npt.NDArray[Any], seg: npt.NDArray[Any]) -> "PlaneRows":
        """Convert planes of any type.

        Weights other than float32 become float64, in which integers keep their sign and zeros. Masks are
        viewed as unsigned integers of the same width, because a sign bit is a mask bit.
        """
        if weight.dtype not in (np.float32, np.float64):
            weight = weight.astype(np.float64)
        return cls(weight, bmask.view(f"u{bmask.dtype.itemsize}"), seg.view(f"u{seg.dtype.itemsize}"))


@dataclass(frozen=True, slots=True)
class Planes:
    """The three planes of one image, open and of one shape; seg may be missing."""

    weight: Plane
    bmask: Plane
    seg: Plane | None

    def named(self) -> dict[str, Plane]:
        """Return the existing planes by name."""
        there = {"weight": self.weight, "bmask": self.bmask}
        return there if self.seg is None else there | {"seg": self.seg}

    def blocks(self) -> Iterator[PlaneRows]:
        """Yield all rows in blocks."""
        ny = self.bmask.shape[0]
        for y in range(0, ny, BLOCK):
            yield self.read(slice(y, min(y + BLOCK, ny)))

    def read(self, rows: slice) -> PlaneRows:
        """Read a block of rows.

        Raises
        ------
        FitsFileError
            If the rows cannot be read.
        PlaneError
            If bmask or seg is not an integer plane.
        """
        bmask = self.bmask.read(rows)
        check_integer(self.bmask, bmask, "bmask")
        if self.seg is None:
            seg = np.zeros(bmask.shape, np.uint8)
        else:
            seg = self.seg.read(rows)
            check_integer(self.seg, seg, "seg")
        return PlaneRows.of(self.weight.read(rows), bmask, seg)


@dataclass(frozen=True, slots=True)
class PlaneFiles:
    """Path and extension of each of the three planes of one image; seg may be missing."""

    weight: PlaneFile
    bmask: PlaneFile
    seg: PlaneFile | None

    @classmethod
    def of(cls, info: ImageInfo) -> "PlaneFiles":
        """Return the planes of an entry in the info file."""
        weight, bmask = PlaneFile(info.weight_path, info.weight_ext), PlaneFile(info.bmask_path, info.bmask_ext)
        return cls(weight, bmask, info.file("seg"))

    def planes(self, reader: PlaneReader) -> Planes:
        """Open the planes.

        Raises
        ------
        FitsFileError
            If a file or an extension is missing or cannot be read.
        PlaneError
            If an extension is not a two-dimensional image.
        """
        seg = None if self.seg is None else reader.open(self.seg)
        return Planes(reader.open(self.weight), reader.open(self.bmask), seg)


_LOW = np.uint64((1 << OTHER_BIT) - 1)
_OTHER, _SHIFT = np.uint64(OTHER_BIT), np.uint32(BIT_SHIFT["se"])


@kernel
def fold_row(block: PlaneRows, row: int, x0: int, out: npt.NDArray[np.unsignedinteger[Any]]) -> None:
    """Write the single-epoch flags of each pixel of a row to the low 32 bits of a word.

    Bit 0 is set where seg is not 0, bit 1 where the weight is not finite and positive, bit 2 where bmask is
    not 0; bits 8 to 31 are those of bmask, folded as by `goodpix.schema.bits.fold_bmask`.

    Parameters
    ----------
    block : PlaneRows
        The rows.
    row, x0 : int
        Index of the row in the block, and first column.
    out : ndarray of uint32 or uint64, shape (m,)
        The words.
    """
    x1 = x0 + out.size
    weight, bmask, seg = block.weight[row, x0:x1], block.bmask[row, x0:x1], block.seg[row, x0:x1]
    for x in range(out.size):
        value = np.uint64(bmask[x])
        bits = np.uint32(value & _LOW) | (np.uint32((value >> _OTHER) != 0) << np.uint32(OTHER_BIT))
        bad_weight = not ((weight[x] > 0) & (weight[x] < np.inf))  # NaN is neither
        word = (bits << _SHIFT) | (np.uint32(value != 0) << np.uint32(2))
        out[x] = word | (np.uint32(bad_weight) << np.uint32(1)) | np.uint32(seg[x] != 0)
