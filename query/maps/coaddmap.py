"""Number of good epochs at each pixel of a coadd."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.database import Identity
from ...schema.errors import UsageError
from ...schema.files.outputfile import OutputPath, output_file
from ...schema.wcs.inversemap import add_covered, inverse_map
from ..masks.export import FitsImage, fits_wcs, write_fits, write_picture
from ..plots.tile import plot_counts
from ..provenance import Provenance, described
from ..source import Source
from .coaddgrid import CoaddGrid, find_grid, has_coadd

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


__all__ = ["EpochMap", "check_map_name", "epoch_map"]


@dataclass(frozen=True, slots=True, eq=False)
class EpochMap:
    """Number of good epochs at each pixel of a coadd.

    Parameters
    ----------
    counts : ndarray of int16, shape (ny, nx)
        Number of good epochs at each pixel.
    grid : CoaddGrid
        Pixels of the coadd.
    selection : Selection
        The definition of good.
    n_epochs : int
        Number of epochs considered.
    catalogue : Identity, optional
        Catalogue of the epochs.
    """

    counts: npt.NDArray[np.int16]
    grid: CoaddGrid
    selection: Selection
    n_epochs: int
    catalogue: Identity | None = None

    @property
    def provenance(self) -> Provenance:
        """Where the map comes from."""
        tile = {"tilename": self.grid.tilename, "band": self.grid.band}
        return Provenance.of(self.selection, catalogue=self.catalogue, **tile)

    def summary(self) -> "pd.DataFrame":
        """Return the number of pixels with 0, 1, 2, ... good epochs.

        Returns
        -------
        DataFrame
            Columns ``n_good_epochs``, ``n_pixels`` and ``fraction`` of the coadd's pixels; one row for each number up
            to the largest.
        """
        import pandas as pd  # slow to import

        # row by row, because bincount makes a copy of 8 bytes per pixel
        most = int(self.counts.max())
        n_pixels = np.zeros(most + 1, np.int64)
        for row in self.counts:
            n_pixels += np.bincount(row, minlength=most + 1)
        numbers = np.arange(most + 1)
        rows = pd.DataFrame({"n_good_epochs": numbers, "n_pixels": n_pixels, "fraction": n_pixels / self.counts.size})
        tile = {"tilename": self.grid.tilename, "band": self.grid.band}
        return described(rows, self.catalogue, self.selection, **tile)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the map; needs the extra ``plot``. See `goodpix.query.plots.plot_tile`."""
        title = f"{self.grid.tilename}  {self.grid.band}  good epochs out of {self.n_epochs}"
        return plot_counts(self.counts, title, f"selection: {self.selection}", ax=ax)

    def save(self, path: OutputPath) -> None:
        """Write the map in the format given by the ending of the file name.

        Parameters
        ----------
        path : path
            Output file; an existing file is replaced. ``.fits`` (or ``.fits.fz``): an integer image with lossless RICE
            compression and the coadd's WCS. ``.png``: a plot. ``.npz``: ``n_good_epochs`` (int16 [y, x]),
            ``n_epochs``, ``unit``, ``wcs`` (the coadd's WCS keywords, JSON), ``position_offset``, which is added to
            zero-based coordinates before that WCS. All have the provenance; see `goodpix.query.provenance`.

        Raises
        ------
        UsageError
            If the name has another ending.
        OSError
            If the file cannot be written.
        """
        suffix = check_map_name(path)
        if suffix == ".png":
            write_picture(path, self.plot(), self.provenance)
        elif suffix == ".npz":
            _write_npz(self, path)
        else:
            _write_fits(self, path)


def epoch_map(source: Source, tilename: str, band: str, selection: Selection | None = None) -> EpochMap:
    """Return the map of good epochs of a coadd; see `goodpix.Catalogue.good_epoch_map`."""
    if not has_coadd(source.database, tilename, band):
        raise UsageError(
            f"tile {tilename}, band {band} has no coadd, on whose pixels epochs are counted: expected healsparse_map, "
            "such as goodpix map --statistic n_images"
        )
    grid = find_grid(source.database, tilename, band)
    bound = source.bound(selection)
    counts = np.zeros(grid.shape, np.int16)
    n_epochs = 0
    for mask in source.counted_masks(bound, tilename=[tilename], band=[band]):
        add_covered(inverse_map(mask.grid, grid), mask.good(bound), counts)
        n_epochs += 1
    return EpochMap(counts, grid, bound.selection, n_epochs, source.database.identity)


_FITS = (".fits", ".fz")


def check_map_name(path: OutputPath) -> str:
    """Return the ending of a map file's name, in lower case.

    Raises
    ------
    UsageError
        If it is not a known format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*_FITS, ".png", ".npz"):
        raise UsageError(f"{path}: expected a name that ends in .fits, .png or .npz")
    return suffix


def _write_fits(depth: EpochMap, path: OutputPath) -> None:
    cards = [
        *depth.provenance.cards(),
        {"name": "N_EPOCHS", "value": depth.n_epochs, "comment": "epochs considered"},
        {"name": "BUNIT", "value": "good epochs"},
        *fits_wcs(depth.grid),
    ]
    write_fits(path, [FitsImage("N_GOOD", depth.counts, cards)])


def _write_npz(depth: EpochMap, path: OutputPath) -> None:
    with output_file(path) as target, target.open("wb") as file:
        np.savez_compressed(
            file,
            n_good_epochs=depth.counts,
            n_epochs=depth.n_epochs,
            unit="good epochs",
            wcs=json.dumps(dict(depth.grid.wcs.keywords)),
            position_offset=depth.grid.offset,
            **dict[str, Any](depth.provenance.facts),
        )
