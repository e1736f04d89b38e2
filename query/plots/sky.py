"""Plots of tiles on the sky."""

from typing import TYPE_CHECKING, Unpack

import numpy as np
import numpy.typing as npt

from ..filters import FilterKeywords
from ..palette import NO_DATA_COLOUR, TEXT_COLOUR
from ..summary.skytiles import MARKER_PX, MOST_MARKED, sky_tiles
from .projection import Exit, Flat, graticule
from .style import (
    HATCH,
    OUTLINE,
    colour_bar,
    filter_words,
    in_one_look,
    limits,
    new_axes,
    no_data_patch,
    say_nothing,
    statistic_words,
    tidy,
    title,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..listings import Listings

__all__ = ["plot_sky"]

Floats = npt.NDArray[np.float64]

_MARGIN = 0.06
# smallest distance between two grid labels, as a fraction of the larger side
_APART = 0.05
# fraction of the tiles that lies beyond each end of the colour scale
_BEYOND = 0.005

_STATISTICS = ("fraction_good_on_coadd", "fraction_good_se")


@in_one_look
def plot_sky(
    cat: "Listings", statistic: str | None = None, *, ax: "Axes | None" = None, **filters: Unpack[FilterKeywords]
) -> "Axes":
    """Draw the tiles on the sky, coloured by a statistic.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str, optional
        Statistic that sets the colour; see `goodpix.query.summary.skytiles.sky_tiles`. By default
        ``"fraction_good_on_coadd"``, or ``"fraction_good_se"`` where there are no coadds.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    **filters
        Tiles and bands; see `goodpix.query.summary.skytiles.sky_tiles`.

    Returns
    -------
    Axes
        Degrees from the centre of the tiles in an equal-area projection; right ascension increases to the left.
        Tiles without a value are hatched; few tiles are marked by squares, seen where the tiles are smaller.

    Examples
    --------
    >>> axes = plot_sky(cat, band="i")
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    statistic, *others = [statistic] if statistic else _STATISTICS
    tiles = sky_tiles(cat, statistic, **filters)
    for other in others:
        if tiles.value.isna().all() and not tiles.empty:
            statistic, tiles = other, sky_tiles(cat, other, **filters)
    if tiles.empty:
        ax = ax or new_axes(6.0, 4.0)
        title(ax, "0 tiles", filter_words(filters))
        return say_nothing(ax, "no tile matches")
    flat = Flat.about(tiles.ra_cent.to_numpy(float), tiles.dec_cent.to_numpy(float))
    outlines = np.moveaxis(flat.project(*(_corners(tiles, what) for what in ("rac", "decc"))), 0, -1)
    if ax is None:
        across, up = outlines.max(axis=(0, 1)) - outlines.min(axis=(0, 1))
        height = float(np.clip(6.4 * up / across, 2.6, 5.4))
        ax = new_axes(float(np.clip(height * across / up, 3.0, 6.4)) + 2.2, height + 1.1)
    title(ax, f"{len(tiles):,} tile{'s' * (len(tiles) != 1)}", filter_words(filters), pad=18)
    value = tiles.value.to_numpy(float, na_value=np.nan)
    known = np.isfinite(value)
    mappable = colour_bar(ax, value, limits(value, share=_BEYOND), statistic_words(statistic, cat.database))
    if len(tiles) <= MOST_MARKED:
        _mark(ax, outlines, np.where(known[:, np.newaxis], mappable.to_rgba(value), to_rgba(NO_DATA_COLOUR)))
    line = 0.4 if len(tiles) < 2000 else 0.0
    ax.add_collection(
        PolyCollection(
            list(outlines[known]), facecolors=mappable.to_rgba(value[known]), edgecolors=OUTLINE, linewidths=line
        )
    )
    if not known.all():
        none = PolyCollection(list(outlines[~known]), facecolors=NO_DATA_COLOUR, edgecolors=TEXT_COLOUR, linewidths=0.3)
        none.set_hatch(HATCH)
        ax.add_collection(none)
        ax.legend(handles=[no_data_patch(f"no data: {int((~known).sum())}")], loc="upper right", frameon=False)
    _frame(ax, flat, outlines)
    return ax


def _corners(tiles: "pd.DataFrame", what: str) -> Floats:
    """Return one coordinate of the tiles' corners, shape (n, 4)."""
    return tiles[[f"{what}{k}" for k in (1, 2, 3, 4)]].to_numpy(float)


def _mark(ax: "Axes", outlines: Floats, colours: Floats) -> None:
    """Draw squares of `MARKER_PX` pixels behind tiles, which are seen where those are smaller."""
    middle = (outlines.min(axis=1) + outlines.max(axis=1)) / 2
    side = 72.0 * MARKER_PX / ax.figure.dpi  # points
    ax.scatter(middle[:, 0], middle[:, 1], s=side**2, c=colours, marker="s", linewidths=0, zorder=0.9)


def _frame(ax: "Axes", flat: Flat, outlines: Floats) -> None:
    """Fit axes around outlines, east to the left, and draw a labelled grid."""
    low, high = outlines.min(axis=(0, 1)), outlines.max(axis=(0, 1))
    margin = _MARGIN * max(high - low)
    low, high = low - margin, high + margin
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    ax.invert_xaxis()
    ax.set_aspect("equal")
    tidy(ax, frame=False)
    for spine in ax.spines.values():
        spine.set_visible(True)
    labelled = list[Exit]()
    for line in graticule(flat, float(np.abs(outlines).max())):
        ax.plot(*line.points, color=TEXT_COLOUR, alpha=0.3, linewidth=0.5, zorder=0.5, scalex=False, scaley=False)
        # right ascensions are labelled away from the pole, where they are far apart; declinations on the left
        exits = line.exits(low, high)
        left = [each for each in exits if each.edge == "east"] or exits or [line.middle]
        for each in exits[-1:] if line.of_ra else left[:1]:
            if all(np.hypot(each.x - other.x, each.y - other.y) > _APART * max(high - low) for other in labelled):
                labelled.append(each)
                _label(ax, line.label, each)
    ax.set_xlabel("right ascension, east to the left", labelpad=16)
    ax.set_ylabel("declination", labelpad=34)


def _label(ax: "Axes", text: str, at: Exit) -> None:
    """Label a line just outside the axes where it leaves them."""
    # the eastern edge is on the left
    offset, ha, va = {
        "north": ((0, 3), "center", "bottom"),
        "south": ((0, -3), "center", "top"),
        "east": ((-3, 0), "right", "center"),
        "west": ((3, 0), "left", "center"),
        "none": ((0, 0), "center", "center"),
    }[at.edge]
    ax.annotate(
        text,
        (at.x, at.y),
        offset,
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize="small",
        annotation_clip=at.edge == "none",
        bbox={"facecolor": "#ffffff", "edgecolor": "none", "alpha": 0.7, "pad": 0.5} if at.edge == "none" else None,
    )
