"""Pixels of the weight, mask and segmentation planes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...schema.bits import BIT_SHIFT, OTHER_BIT
from ...schema.jit import kernel
from ...schema.planes.imagefiles import PlaneFile
from ...schema.planes.plane import Plane
from ...schema.planes.reader import PlaneReader, check_integer
from ..infofile import ImageInfo

__all__ = ["BLOCK", "MadeMap", "PlaneFiles", "PlaneRows", "Planes", "fold_row"]

BLOCK = 512
"""Rows per read, into memory that is reused: smaller blocks cost more calls, whole planes too much memory."""


class PlaneRows(NamedTuple):
    """Quantities that the cuts need of a block of rows; shape (n, nx) each."""

    positive: npt.NDArray[np.bool_]
    """True where the weight is positive and finite."""
    bmask: npt.NDArray[np.unsignedinteger[Any]]
    """Mask bits, of the plane's own width."""
    in_object: npt.NDArray[np.bool_]
    """True where the segmentation map is not 0."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeMap:
    """Segmentation map that was made of an image.

    Parameters
    ----------
    objects : ndarray of bool, shape (ny, nx)
        True where a pixel is in an object.
    """

    objects: npt.NDArray[np.bool_]

    def nonzero(self, rows: slice) -> npt.NDArray[np.bool_]:
        """Return True for the pixels of a range of rows that are in an object."""
        return self.objects[rows]


@dataclass(frozen=True, slots=True)
class Planes:
    """The three planes of one image, open and of one shape; seg may be missing, or have been made."""

    weight: Plane
    bmask: Plane
    seg: Plane | MadeMap | None

    def named(self) -> dict[str, Plane]:
        """Return the existing planes by name."""
        there = {"weight": self.weight, "bmask": self.bmask}
        return there | {"seg": self.seg} if isinstance(self.seg, Plane) else there

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
        """
        bmask = self.bmask.read(rows)
        in_object = np.zeros(bmask.shape, np.bool_) if self.seg is None else self.seg.nonzero(rows)
        # unsigned, because a sign bit is a mask bit
        return PlaneRows(self.weight.positive(rows), bmask.view(f"u{bmask.dtype.itemsize}"), in_object)

    def check(self, reader: PlaneReader, *, allow_damaged: bool) -> None:
        """Compare the data of the planes with their DATASUM; see `PlaneReader.check`."""
        for plane in self.named().values():
            reader.check(plane, allow_damaged=allow_damaged)


@dataclass(frozen=True, slots=True)
class PlaneFiles:
    """Path and extension of each of the three planes of one image; seg may be missing."""

    weight: PlaneFile
    bmask: PlaneFile
    seg: PlaneFile | None

    @classmethod
    def of(cls, info: ImageInfo) -> "PlaneFiles":
        """Return the planes of an entry in the info file."""
        files = info.files
        return cls(files["weight"], files["bmask"], files.get("seg"))

    def planes(self, reader: PlaneReader) -> Planes:
        """Open the planes.

        Raises
        ------
        FitsFileError
            If a file or an extension is missing or cannot be read.
        PlaneError
            If an extension is not a two-dimensional image, or bmask or seg is not an integer plane.
        """
        seg = None if self.seg is None else reader.open(self.seg)
        planes = Planes(reader.open(self.weight), reader.open(self.bmask), seg)
        for name, plane in planes.named().items():
            if name != "weight":
                check_integer(plane, name)
        return planes


_LOW = np.uint64((1 << OTHER_BIT) - 1)
_OTHER, _SHIFT = np.uint64(OTHER_BIT), np.uint32(BIT_SHIFT["se"])


@kernel
def fold_row(block: PlaneRows, row: int, x0: int, out: npt.NDArray[np.unsignedinteger[Any]]) -> None:
    """Write the single-epoch flags of each pixel of a row to the low 32 bits of a word.

    Bit 0 is set where a pixel is in an object, bit 1 where its weight is not positive, bit 2 where bmask is
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
    positive, bmask, in_object = block.positive[row, x0:x1], block.bmask[row, x0:x1], block.in_object[row, x0:x1]
    for x in range(out.size):
        value = np.uint64(bmask[x])
        bits = np.uint32(value & _LOW) | (np.uint32((value >> _OTHER) != 0) << np.uint32(OTHER_BIT))
        word = (bits << _SHIFT) | (np.uint32(value != 0) << np.uint32(2))
        out[x] = word | (np.uint32(not positive[x]) << np.uint32(1)) | np.uint32(in_object[x])
