"""Pictures of maps on a coadd's pixels."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .coaddmap import EpochMap

__all__ = ["plot_map", "reduced"]

# Pixels a side that a picture shows; larger maps are averaged.
_SHOWN = 1600

_NONE_COLOUR = "#bbbbbb"


def reduced(image: npt.NDArray[np.integer], step: int) -> npt.NDArray[np.float64]:
    """Return the means over squares of pixels; those at the far edges may be cut off.

    Parameters
    ----------
    image : ndarray of integers, shape (ny, nx)
        What to average.
    step : int
        Pixels a side.
    """
    ny, nx = image.shape
    rows, columns = np.arange(0, ny, step), np.arange(0, nx, step)
    sums = np.add.reduceat(np.add.reduceat(image, rows, axis=0, dtype=np.int64), columns, axis=1)
    out: npt.NDArray[np.float64] = sums / np.outer(np.diff(rows, append=ny), np.diff(columns, append=nx))
    return out


def plot_map(found: "EpochMap", *, ax: "Axes | None" = None) -> "Axes":
    """Draw how many epochs are good at each pixel of a coadd.

    Parameters
    ----------
    found : EpochMap
        What to draw. Where it is larger than the picture, means over squares of pixels are shown.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the coadd's zero-based pixels on both axes.
    """
    # matplotlib is an extra, and slow to import
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    ny, nx = found.grid.shape
    if ax is None:
        ax = _new_axes(nx / ny)
    step = -(-max(ny, nx) // _SHOWN)
    means = reduced(found.counts, step)
    picture = ax.imshow(
        np.ma.masked_equal(means, 0),
        origin="lower",
        cmap=colormaps["viridis"].with_extremes(bad=_NONE_COLOUR),
        vmin=0,
        vmax=max(1, int(found.counts.max())),
        interpolation="nearest",
        extent=(-0.5, step * means.shape[1] - 0.5, -0.5, step * means.shape[0] - 0.5),
    )
    ax.set_xlim(-0.5, nx - 0.5)
    ax.set_ylim(-0.5, ny - 0.5)
    label = "good epochs" + (f", mean of {step} x {step} pixels" if step > 1 else "")
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes to draw in have one
    figure.colorbar(picture, ax=ax, label=label, shrink=0.9, ticks=MaxNLocator(integer=True))
    none = 1 - np.count_nonzero(found.counts) / found.counts.size
    lines = [
        f"{found.grid.tilename}  {found.grid.band}  good ones of {found.n_epochs} epochs",
        f"none at {none:.1%} of the pixels (grey)",
        f"selection: {found.selection}",
    ]
    ax.set_title("\n".join(lines), loc="left", fontsize="medium")
    ax.set_xlabel("x (coadd pixels)")
    ax.set_ylabel("y (coadd pixels)")
    return ax


def _new_axes(aspect: float) -> "Axes":
    """Return the axes of a new figure that fits an image of that width over height."""
    # without pyplot there is no figure of someone else's to draw into, and nothing to close
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = min(max(7.0 / aspect, 4.0), 9.0)
    figure = Figure(figsize=(height * aspect + 2.0, height + 1.0), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()
