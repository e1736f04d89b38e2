"""A mask: the flags of every pixel of one image."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..schema.bits import DES_Y6, BitNames
from ..schema.criteria import Selection
from ..schema.errors import UsageError
from ..schema.rle import Runs, decode, decode_good, encode
from ..schema.rows import MaskKey

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Mask"]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The flags of every pixel of one epoch, one coadd, or a part of it.

    Parameters
    ----------
    key : MaskKey
        What it is the mask of.
    encoded : Runs
        The runs; images are made from them when asked for.
    bit_names : BitNames
        Names of the mask bits, for selections.
    x0, y0 : int
        First pixel of the part, in the whole image.
    """

    key: MaskKey
    encoded: Runs
    bit_names: BitNames = DES_Y6
    x0: int = 0
    y0: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.encoded.ny, self.encoded.nx

    def good(self, selection: Selection | None = None) -> npt.NDArray[np.bool_]:
        """Return which pixels are good.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.

        Returns
        -------
        ndarray of bool, shape (ny, nx)
            True is good. The memory order is column-major.
        """
        return decode_good(self.encoded, self._reject(selection))

    def bad(self, selection: Selection | None = None) -> npt.NDArray[np.bool_]:
        """Return which pixels are bad: the complement of `good`, photutils' sense of a mask."""
        return ~self.good(selection)

    def flags(self) -> npt.NDArray[np.int64]:
        """Return the flags; int64, shape (ny, nx)."""
        return decode(self.encoded)

    def criteria(self, selection: Selection | None = None) -> npt.NDArray[np.uint8]:
        """Return which criteria fail, see `goodpix.Criterion`.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.

        Returns
        -------
        ndarray of uint8, shape (ny, nx)
            0 is good. The memory order is column-major.
        """
        failing = (selection or Selection()).criteria(self.encoded.flags, self.bit_names)
        return np.repeat(failing, self.encoded.lengths).reshape(self.encoded.nx, self.encoded.ny).T

    def count(self, selection: Selection | None = None) -> int:
        """Return how many pixels are good, without making an image."""
        good = (self.encoded.flags & np.int64(self._reject(selection))) == 0
        return int(self.encoded.lengths[good].sum(dtype=np.int64))

    def runs(self) -> "pd.DataFrame":
        """Return the runs, split at column ends.

        Returns
        -------
        DataFrame
            Columns ``x``, ``y`` (first pixel, in the whole image), ``length`` and ``flags``.
        """
        import pandas as pd  # slow to import, and masks are used without it

        ny = self.encoded.ny
        starts = self.encoded.starts
        columns = np.arange(self.encoded.nx, dtype=np.int64) * ny
        pieces = np.union1d(starts, columns)
        run = np.searchsorted(starts, pieces, side="right") - 1
        lengths = np.diff(pieces, append=ny * self.encoded.nx)
        return pd.DataFrame(
            {
                "x": pieces // ny + self.x0,
                "y": pieces % ny + self.y0,
                "length": lengths,
                "flags": self.encoded.flags[run],
            }
        )

    def cutout(self, x0: int, x1: int, y0: int, y1: int) -> "Mask":
        """Return the mask of a half-open box ``x0 <= x < x1``, ``y0 <= y < y1``.

        Parameters
        ----------
        x0, x1, y0, y1 : int
            Pixels of this mask, zero-based.

        Raises
        ------
        UsageError
            If the box is empty or not inside the mask.
        """
        ny, nx = self.shape
        if not (0 <= x0 < x1 <= nx and 0 <= y0 < y1 <= ny):
            raise UsageError(f"box x {x0}:{x1}, y {y0}:{y1}: expected a part of x 0:{nx}, y 0:{ny} that is not empty")
        # the columns wanted are one stretch of the runs: only those are decoded
        starts = self.encoded.starts
        first = int(np.searchsorted(starts, x0 * ny, side="right")) - 1
        last = int(np.searchsorted(starts, x1 * ny, side="left"))
        edges = np.clip(np.append(starts[first:last], x1 * ny), x0 * ny, None)
        flags = np.repeat(self.encoded.flags[first:last], np.diff(edges))
        part = flags.reshape(x1 - x0, ny).T[y0:y1]
        return Mask(self.key, encode(part), self.bit_names, self.x0 + x0, self.y0 + y0)

    def plot(self, selection: Selection | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Draw good and bad pixels, coloured by reason; needs the extra ``plot``.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        ax : Axes, optional
            Where to draw; by default a new figure.
        """
        from .plots import plot_mask  # matplotlib is an extra

        return plot_mask(self, selection, ax=ax)

    def to_fits(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write the mask as a PLIO-compressed FITS image: 0 is good, 1 is bad.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        import fitsio

        header = {name.upper(): value for name, value in self._labels().items() if value is not None}
        header |= {"SELECT": str(selection or Selection()), "X0": self.x0, "Y0": self.y0}
        image = np.ascontiguousarray(self.bad(selection), np.int16)
        fitsio.write(str(path), image, extname="MASK", compress="PLIO", header=header, clobber=True)

    def to_npz(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write ``good`` (bool [ny, nx]) and the runs (``lengths``, ``flags``) as numpy's npz."""
        with Path(path).open("wb") as file:
            np.savez_compressed(
                file,
                good=np.ascontiguousarray(self.good(selection)),
                lengths=self.encoded.lengths,
                flags=self.encoded.flags,
            )

    def save(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write the mask in the format that the file's name ends in.

        Parameters
        ----------
        path : path
            ``.png``: the picture; ``.fits``: see `to_fits`; ``.npz``: see `to_npz`; ``.parquet``: `runs`.
        selection : Selection, optional
            A definition of good other than the default; the runs keep every reason all the same.

        Raises
        ------
        UsageError
            If the name ends otherwise.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".png":
            figure = self.plot(selection).get_figure(root=True)
            assert figure is not None  # axes that were just made have one
            figure.savefig(path)
        elif suffix in (".fits", ".fz"):
            self.to_fits(path, selection)
        elif suffix == ".npz":
            self.to_npz(path, selection)
        elif suffix == ".parquet":
            self.runs().to_parquet(path, index=False)
        else:
            raise UsageError(f"{path}: expected a name that ends in .png, .fits, .npz or .parquet")

    def __repr__(self) -> str:
        ny, nx = self.shape
        return f"<Mask of {self.key}, {nx} x {ny}, {self.count() / (nx * ny):.1%} good, {len(self.encoded)} runs>"

    def _reject(self, selection: Selection | None) -> int:
        return (selection or Selection()).reject(self.bit_names)

    def _labels(self) -> dict[str, Any]:
        key = self.key
        return {"tilename": key.tilename, "band": key.band, "expnum": key.expnum, "ccdnum": key.ccdnum}
