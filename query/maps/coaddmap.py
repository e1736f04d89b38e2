"""How many epochs are good at each pixel of a coadd."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ...schema.masks.boundselection import BoundSelection
from ...schema.wcs.nearestpixel import mark_nearest
from ...schema.wcs.pixelmap import pixel_map
from ..plots.tile import plot_counts
from ..source import Source
from .coaddgrid import CoaddGrid, find_grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


__all__ = ["EpochMap", "check_map_name", "epoch_map"]


@dataclass(frozen=True, slots=True, eq=False)
class EpochMap:
    """How many epochs are good at each pixel of a coadd.

    Parameters
    ----------
    counts : ndarray of int16, shape (ny, nx)
        The numbers, on the coadd's pixels.
    grid : CoaddGrid
        Those pixels.
    selection : Selection
        The definition of good.
    n_epochs : int
        Epochs that were looked at.
    """

    counts: npt.NDArray[np.int16]
    grid: CoaddGrid
    selection: Selection
    n_epochs: int

    def summary(self) -> "pd.DataFrame":
        """Return how many pixels have 0, 1, 2, ... good epochs.

        Returns
        -------
        DataFrame
            Columns ``n_good_epochs``, ``n_pixels`` and ``fraction`` of the coadd's pixels; a row for every
            number up to the largest.
        """
        import pandas as pd  # slow to import

        # row by row: bincount makes a copy of 8 bytes a pixel
        most = int(self.counts.max())
        n_pixels = np.zeros(most + 1, np.int64)
        for row in self.counts:
            n_pixels += np.bincount(row, minlength=most + 1)
        numbers = np.arange(most + 1)
        return pd.DataFrame({"n_good_epochs": numbers, "n_pixels": n_pixels, "fraction": n_pixels / self.counts.size})

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the map; needs the extra ``plot``. See `goodpix.query.plots.plot_tile`."""
        what = f"{self.grid.tilename}  {self.grid.band}  good epochs out of {self.n_epochs}"
        return plot_counts(self.counts, what, f"selection: {self.selection}", ax=ax)

    def save(self, path: Path | str) -> None:
        """Write the map in the format that the file's name ends in.

        Parameters
        ----------
        path : path
            Where to; an existing file is replaced. ``.fits`` (or ``.fits.fz``): a RICE-compressed image of
            integers, without loss, with the coadd's WCS. ``.png``: the picture. ``.npz``: ``n_good_epochs``
            (int16 [y, x]), ``n_epochs``, ``tilename``, ``band``, ``selection``, ``wcs`` (the coadd's WCS keywords,
            JSON) and ``position_offset``, which is added to zero-based coordinates before that WCS.

        Raises
        ------
        UsageError
            If the name ends otherwise.
        OSError
            If the file cannot be written.
        """
        suffix = check_map_name(path)
        if suffix == ".png":
            figure = self.plot().get_figure(root=True)
            assert figure is not None  # axes that were just made have one
            figure.savefig(path)
        elif suffix == ".npz":
            _write_npz(self, path)
        else:
            _write_fits(self, path)


def epoch_map(source: Source, tilename: str, band: str, selection: Selection | None = None) -> EpochMap:
    """Return how many epochs of a tile and band are good at each pixel of its coadd.

    An epoch counts once at a coadd pixel when that is the nearest one of at least one of its good
    pixels. Epochs without an SE segmentation map stay out unless the selection ignores `SE_SEG`.

    Parameters
    ----------
    source : Source
        Where the masks are.
    tilename, band : str
        The coadd.
    selection : Selection, optional
        A definition of good other than the default. Pixels off the coadd are nowhere on the map,
        though it may ignore `OFF_COADD`.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such tile and band.
    UnknownNameError, UsageError
        If the selection cannot be used.
    """
    grid = find_grid(source.database, tilename, band)
    wanted = BoundSelection.of(selection, source.database.identity.bit_names)
    ny, nx = grid.shape
    counts = np.zeros(grid.shape, np.int16)
    marks = np.zeros((ny + 2, nx + 2), np.bool_)
    n_epochs = 0
    for mask in source.counted_masks(wanted, tilename=[tilename], band=[band]):
        box = mark_nearest(pixel_map(mask.grid, grid), mask.good(wanted), marks)
        # without the border, which stands for what is off the coadd
        x0, x1, y0, y1 = max(box.x0, 1), min(box.x1, nx + 1), max(box.y0, 1), min(box.y1, ny + 1)
        if x0 < x1 and y0 < y1:
            touched = marks[y0:y1, x0:x1]
            counts[y0 - 1 : y1 - 1, x0 - 1 : x1 - 1] += touched
            touched[...] = False
        n_epochs += 1
    return EpochMap(counts, grid, wanted.selection, n_epochs)


_FITS = (".fits", ".fz")


def check_map_name(path: Path | str) -> str:
    """Return the ending that says a map file's format, in lower case.

    Raises
    ------
    UsageError
        If it says none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*_FITS, ".png", ".npz"):
        raise UsageError(f"{path}: expected a name that ends in .fits, .png or .npz")
    return suffix


def _write_fits(found: EpochMap, path: Path | str) -> None:
    import fitsio

    header = dict(found.grid.wcs.keywords)
    # in a FITS file the first pixel is 1, whatever is added before the coadd's own WCS
    for key in ("CRPIX1", "CRPIX2"):
        header[key] = float(header[key]) + 1 - found.grid.offset
    header |= {"TILENAME": found.grid.tilename, "BAND": found.grid.band, "SELECT": str(found.selection)}
    header |= {"N_EPOCHS": found.n_epochs, "BUNIT": "good epochs"}
    fitsio.write(str(path), found.counts, extname="N_GOOD", compress="RICE", header=header, clobber=True)


def _write_npz(found: EpochMap, path: Path | str) -> None:
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            n_good_epochs=found.counts,
            n_epochs=found.n_epochs,
            tilename=found.grid.tilename,
            band=found.grid.band,
            selection=str(found.selection),
            wcs=json.dumps(dict(found.grid.wcs.keywords)),
            position_offset=found.grid.offset,
        )
