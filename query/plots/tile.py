"""Plots of epochs on a coadd's pixels."""

from typing import TYPE_CHECKING, Protocol, Unpack

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Criterion, Selection
from ..filters import FilterKeywords
from ..palette import NO_DATA_COLOUR
from .style import colour_scale, in_one_look, new_axes, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CoaddCounts", "plot_counts", "plot_tile", "reduced"]

# Largest number of pixels a side that is drawn; larger maps are averaged.
_SHOWN = 1600


class CoaddCounts(Protocol):
    """A source of good-epoch counts on coadds, such as a `goodpix.Catalogue`."""

    def good_epoch_map(self, tilename: str, band: str, selection: Selection | None = None) -> npt.NDArray[np.int16]:
        """Return the number of epochs that are good at each pixel of a coadd."""
        ...

    def tiles(self, **filters: Unpack[FilterKeywords]) -> "pd.DataFrame":
        """Return one row per tile and band."""
        ...


def plot_tile(
    cat: CoaddCounts, tilename: str, band: str, selection: Selection | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw the number of good epochs at each pixel of a tile's coadd.

    Parameters
    ----------
    cat : Catalogue
        The catalogue. Every mask of the tile and band is read.
    tilename, band : str
        The coadd.
    selection : Selection, optional
        A definition of good other than the default; named in the title.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    Axes
        Axes in the coadd's zero-based pixels.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such tile and band.

    Examples
    --------
    >>> axes = plot_tile(cat, "DES0131-3206", "i")
    """
    counts = cat.good_epoch_map(tilename, band, selection)
    wanted = selection or Selection()
    # epochs without an SE segmentation map count only if SE_SEG is ignored
    counted = "n_epochs" if Criterion.SE_SEG in wanted.ignore else "n_epochs_used"
    n_epochs = int(cat.tiles(tilename=[tilename], band=[band])[counted][0])
    return plot_counts(counts, f"{tilename}  {band}  good epochs out of {n_epochs}", f"selection: {wanted}", ax=ax)


@in_one_look
def plot_counts(counts: npt.NDArray[np.integer], *lines: str, ax: "Axes | None" = None) -> "Axes":
    """Draw numbers of epochs on a coadd's pixels; a large map is averaged over square blocks of pixels.

    Parameters
    ----------
    counts : ndarray of integers, shape (ny, nx)
        Numbers of epochs.
    *lines : str
        Lines of the title.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.ticker import MaxNLocator

    ny, nx = counts.shape
    if ax is None:
        height = min(max(7.0 * ny / nx, 4.0), 9.0)
        ax = new_axes(height * nx / ny + 2.0, height + 1.0)
    step = -(-max(ny, nx) // _SHOWN)
    means = reduced(counts, step)
    drawn = means[means > 0]
    picture = ax.imshow(
        np.ma.masked_equal(means, 0),
        origin="lower",
        cmap=colour_scale().with_extremes(bad=NO_DATA_COLOUR),
        vmin=min(1.0, drawn.min()) if drawn.size else 1.0,  # 0 is grey; means may be below 1
        vmax=max(2, int(counts.max())),  # more than 1, for a scale
        interpolation="nearest",
        extent=(-0.5, step * means.shape[1] - 0.5, -0.5, step * means.shape[0] - 0.5),
    )
    ax.set_xlim(-0.5, nx - 0.5)
    ax.set_ylim(-0.5, ny - 0.5)
    label = "good epochs" + (f", mean of {step} x {step} pixels" if step > 1 else "")
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes to draw into have one
    figure.colorbar(picture, ax=ax, label=label, shrink=0.9, ticks=MaxNLocator(integer=True))
    none = 1 - np.count_nonzero(counts) / counts.size
    title(ax, *lines[:1], f"none at {none:.1%} of pixels (grey)", *lines[1:])
    ax.set_xlabel("x (coadd pixels)")
    ax.set_ylabel("y (coadd pixels)")
    return ax


def reduced(image: npt.NDArray[np.integer], step: int) -> npt.NDArray[np.float64]:
    """Return the means over square blocks of pixels; blocks at the far edges may be incomplete.

    Parameters
    ----------
    image : ndarray of integers, shape (ny, nx)
        The pixels to average.
    step : int
        Side of a block in pixels.
    """
    ny, nx = image.shape
    rows, columns = np.arange(0, ny, step), np.arange(0, nx, step)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0, dtype=np.int64), columns, axis=1)
    out: npt.NDArray[np.float64] = sums / np.outer(np.diff(rows, append=ny), np.diff(columns, append=nx))
    return out
