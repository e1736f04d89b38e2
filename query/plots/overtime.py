"""Plots of statistics over time."""

from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import numpy.typing as npt

from ..filters import FilterKeywords
from ..palette import OUTLIER_COLOUR, band_colour, in_band_order
from ..summary.overtime import over_time
from ..summary.statistic import outliers
from .style import band_marker, filter_words, in_one_look, new_axes, say_nothing, statistic_words, tidy, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ..listings import Listings

__all__ = ["plot_time"]


@in_one_look
def plot_time(
    cat: "Listings",
    statistic: str = "fraction_good_se",
    *,
    by: Literal["night", "exposure"] = "night",
    ax: "Axes | None" = None,
    **filters: Unpack[FilterKeywords],
) -> "Axes":
    """Draw a statistic over time, one point per night and band or per exposure.

    Parameters
    ----------
    cat : Catalogue
        The catalogue.
    statistic : str
        ``fraction_good_se``, ``sky_rate`` (sky brightness over exposure time), ``fraction_se_seg`` and so on; with
        ``ccdnum`` also ``fraction_good_se_amp_a``. See `goodpix.query.summary.overtime.over_time`.
    by : str
        ``"night"`` or ``"exposure"``.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.
    **filters
        ``band``, ``nite``, ``expnum``, ``ccdnum``.

    Returns
    -------
    Axes
        Time on the x axis, a colour and a marker for each band. Points far from their band's median are ringed;
        the title counts those without a date or value.

    Examples
    --------
    >>> axes = plot_time(cat, "fraction_good_se", by="exposure", band="i")
    """
    points = over_time(cat, statistic, by=by, **filters)
    if ax is None:
        ax = new_axes(8.4, 3.6)
    drawn = points[points.value.notna() & points.nite.notna()]
    missing = len(points) - len(drawn)
    what = f"{len(drawn):,} {by}s" if by == "exposure" else f"{drawn.nite.nunique():,} nights"
    left_out = f"{missing:,} without a date or value left out" if missing else ""
    title(ax, ", ".join(each for each in (what, left_out) if each), filter_words(filters))
    if drawn.empty:
        return say_nothing(ax, f"no {by} matches")
    when = _dates(drawn)
    far = np.zeros(len(drawn), np.bool_)
    size = 14.0 if len(drawn) < 1000 else 5.0
    for band in in_band_order(drawn.band):
        of_band = (drawn.band == band).to_numpy(bool)
        value = drawn.value[of_band].to_numpy(float)
        far[of_band] = outliers(value)
        ax.scatter(
            when[of_band],
            value,
            s=size,
            marker=band_marker(band),
            color=band_colour(band),
            alpha=0.8,
            linewidths=0,
            label=band,
        )
    if far.any():
        ax.scatter(
            when[far],
            drawn.value[far].to_numpy(float),
            s=size + 50,
            facecolors="none",
            edgecolors=OUTLIER_COLOUR,
            linewidths=1.0,
            label="far from its band's median",
        )
    ax.set_ylabel(_wrapped(statistic_words(statistic, cat.database)))
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False, markerscale=1.4)
    tidy(ax)
    _label_dates(ax)
    return ax


def _dates(points: "pd.DataFrame") -> npt.NDArray[np.datetime64]:
    """Return the start times of exposures, or the nights, for matplotlib."""
    nights = np.array([f"{n // 10_000:04d}-{n // 100 % 100:02d}-{n % 100:02d}" for n in points.nite], "datetime64[s]")
    if "mjd_obs" not in points:
        return nights
    mjd = points.mjd_obs.to_numpy(float)
    seconds = np.where(np.isfinite(mjd), mjd, 0.0) * 86_400
    began = np.datetime64("1858-11-17T00:00:00", "s") + np.rint(seconds).astype("timedelta64[s]")
    return np.where(np.isfinite(mjd), began, nights)


def _label_dates(ax: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _wrapped(label: str) -> str:
    return label.replace(" = ", "\n= ")
