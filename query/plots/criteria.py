"""Plots of the cost of each criterion."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

import numpy as np

from ...schema.criteria import Criterion
from ..filters import FilterKeywords
from ..palette import CRITERION_COLOURS, in_band_order
from ..summary.costs import criteria_costs
from .reasons import CRITERION_LABELS
from .style import filter_words, in_one_look, new_axes, say_nothing, tidy, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..listings import Listings

__all__ = ["plot_criteria"]

# opacity of a criterion's colour where other criteria fail too
_FAINT = 0.4
_THICK = 0.72

# smallest percentage that is written
_LEAST = 0.01


@in_one_look
def plot_criteria(cat: "Listings", *, ax: "Axes | None" = None, **filters: Unpack[FilterKeywords]) -> "Axes":
    """Draw the fraction of pixels that each criterion costs, in total and where it alone fails.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    **filters
        Tiles and bands to sum over; see `goodpix.query.summary.costs.criteria_costs`.

    Returns
    -------
    Axes
        Two bars per criterion, in percent of all epoch pixels; for coadd criteria, of those on the coadd.

    Examples
    --------
    >>> axes = plot_criteria(cat, band="i")
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.colors import to_rgba
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    costs = criteria_costs(cat, **filters)
    if ax is None:
        ax = new_axes(6.8, 3.9)
    bands = in_band_order(costs.band)
    over = f", band{'s' * (len(bands) > 1)} {' '.join(bands)}" if bands else ""
    title(ax, f"cost of each criterion{over}", _others(filters) if bands else filter_words(filters))
    sums = costs.groupby("criterion")[["n_fail", "n_only", "n_pixels"]].sum(min_count=1)
    n_fail, n_only, n_pixels = sums.reindex([each.name for each in Criterion]).to_numpy(float, na_value=np.nan).T
    known = n_pixels > 0
    if not known.any():
        return say_nothing(ax, "no epoch matches")
    whole = np.where(known, n_pixels, 1)
    total, alone = (np.where(known, 100 * each / whole, 0) for each in (n_fail, n_only))
    colours = [CRITERION_COLOURS[each] for each in Criterion]
    rows = np.arange(len(colours))
    faint = [to_rgba(each, _FAINT) for each in colours]
    ax.barh(rows, total, _THICK, color=faint, edgecolor=colours, linewidth=0.8, label="total")
    ax.barh(rows, alone, _THICK, color=colours, label="alone")
    for row in rows:
        text = f"{_percent(total[row])}, alone {_percent(alone[row])}" if known[row] else "no data"
        end = (float(total[row]), int(row))
        ax.annotate(text, end, (4, 0), textcoords="offset points", va="center", fontsize="small")
    ax.set_yticks(rows, [CRITERION_LABELS[each] for each in Criterion])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.32 * ax.get_xlim()[1])
    ax.set_xlabel("failing pixels (% of epoch pixels; for coadd criteria, of those on the coadd)")
    ax.legend(
        handles=[
            tuple(Patch(facecolor=each) for each in colours),
            tuple(Patch(facecolor=pale, edgecolor=each) for pale, each in zip(faint, colours, strict=True)),
        ],
        labels=["fails alone", "others fail too"],
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0)},
        handlelength=7,
        loc="lower right",
        frameon=False,
        fontsize="small",
    )
    tidy(ax)
    return ax


def _percent(value: float) -> str:
    if 0 < value < _LEAST:
        return f"<{_LEAST}%"
    return "0%" if value == 0 else f"{value:.1f}%" if value >= 1 else f"{value:.2g}%"


def _others(filters: Mapping[str, object]) -> str:
    return filter_words({name: value for name, value in filters.items() if name != "band"})
