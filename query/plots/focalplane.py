"""Plots of the focal plane."""

from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from ..filters import FilterKeywords
from ..palette import NO_DATA_COLOUR, OUTLIER_COLOUR, TEXT_COLOUR
from ..summary.ccdhalves import ccd_halves
from ..summary.layout import focal_plane
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
    from matplotlib.axes import Axes

    from ..focalplane import Layout
    from ..listings import Listings

__all__ = ["plot_focal_plane"]

# room around the CCDs, over their extent: in degrees 1.15 and 1.02 for DECam
_MARGINS = 1.064, 1.042


@in_one_look
def plot_focal_plane(
    cat: "Listings", statistic: str = "fraction_good_se", *, ax: "Axes | None" = None, **filters: Unpack[FilterKeywords]
) -> "Axes":
    """Draw the CCDs as seen on the sky, coloured by a statistic: both amplifier halves of each one of DECam.

    The CCDs of another camera are drawn whole, by the WCS of one exposure.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str
        Statistic that sets the colour; see `goodpix.query.summary.ccdhalves.ccd_halves`. Both halves of a CCD have
        the same colour if it is not counted by amplifier.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    **filters
        ``band``, ``ccdnum`` and ``nite``, such as ``"20150101:20151231"``.

    Returns
    -------
    Axes
        Degrees from the field centre, north up, east to the left; one patch per half, with its detector position
        and amplifier as gid, such as ``N4 b``, or its CCD number without a position. Halves without data are hatched;
        outliers have thick edges and do not stretch the colour scale.

    Examples
    --------
    >>> axes = plot_focal_plane(cat, "fraction_good_se", band="i")
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.patches import Patch, Polygon

    halves = ccd_halves(cat, statistic, **filters)
    if ax is None:
        ax = new_axes(7.6, 5.9)
    value, outlier = halves.value.to_numpy(float), halves.outlier.to_numpy(bool)
    over = "sum over" if statistic.startswith("n_") else "median of"
    plane = focal_plane(cat)
    n_images = int(halves.drop_duplicates("ccdnum").n_ccd_images.sum())
    n_nights = int(halves.n_nights.max()) if len(halves) else 0
    title(ax, f"{over} {_number(n_nights, 'night')}, {_number(n_images, 'CCD image')}", filter_words(filters))
    if not np.isfinite(value).any():
        return say_nothing(ax, "no CCD image matches")
    mappable = colour_bar(ax, value, limits(value[~outlier]), statistic_words(statistic, cat.database))
    for row, number, far in zip(halves.itertuples(), value, outlier, strict=True):
        known = np.isfinite(number)
        ax.add_patch(
            Polygon(
                plane[int(str(row.ccdnum))].corners(str(row.half)),
                gid=f"{row.detpos or row.ccdnum!s} {row.half}".strip(),
                facecolor=mappable.to_rgba(number) if known else NO_DATA_COLOUR,
                edgecolor=OUTLIER_COLOUR if far else OUTLINE if known else TEXT_COLOUR,
                linewidth=2.2 if far else 0.4,
                hatch=None if known else HATCH,
                zorder=3 if far else 2,
            )
        )
    for ccd in plane.values():
        of_ccd = halves.ccdnum.to_numpy() == ccd.ccdnum
        colour = _text_colour(mappable, value[of_ccd].min())
        ax.text(ccd.east, ccd.north, f"{ccd.ccdnum}", ha="center", va="center", fontsize=6.5, color=colour, zorder=4)
    handles = [no_data_patch()] if not np.isfinite(value).all() else []
    if outlier.any():
        handles.append(Patch(facecolor="none", edgecolor=OUTLIER_COLOUR, linewidth=2.2, label="far from the others"))
    if handles:
        ax.legend(handles=handles, loc="lower right", frameon=False, fontsize="small")
    _orient(ax, plane)
    return ax


def _number(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _text_colour(mappable: Any, number: float) -> str:
    """Return a text colour that is legible on the colour of a value."""
    if not np.isfinite(number):
        return TEXT_COLOUR
    red, green, blue, _ = mappable.to_rgba(number)
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.55 else "#000000"


def _orient(ax: "Axes", plane: "Layout") -> None:
    """Orient axes as on the sky: north up, east to the left."""
    corners = np.array([corner for ccd in plane.values() for corner in ccd.corners()])
    half_width, half_height = _MARGINS * np.abs(corners).max(axis=0)
    ax.set_xlim(half_width, -half_width)
    ax.set_ylim(-half_height, half_height)
    ax.set_aspect("equal")
    tidy(ax, frame=False)
    corner, length = (-0.78 * half_width, 0.76 * half_height), 0.14 * half_width
    arrow = {"arrowstyle": "-|>", "color": TEXT_COLOUR, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    for label, (east, north) in {"N": (0, length), "E": (length, 0)}.items():
        ax.annotate("", (corner[0] + east, corner[1] + north), corner, arrowprops=arrow)
        ax.text(corner[0] + 1.35 * east, corner[1] + 1.35 * north, label, ha="center", va="center", fontsize="small")
