"""Plots of sky background studies."""

from typing import TYPE_CHECKING

from ..palette import NO_DATA_COLOUR, TEXT_COLOUR, band_colour, in_band_order
from .style import band_marker, in_one_look, new_axes, say_nothing, tidy, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_definitions", "plot_mask_width"]

_SIZE = (7.5, 4.5)


@in_one_look
def plot_mask_width(widths: "pd.DataFrame", *, ax: "Axes | None" = None) -> "Axes":
    """Draw the residual background around objects against the dilation radius of the mask.

    The mask is wide enough where the line is flat.

    Parameters
    ----------
    widths : DataFrame
        See `goodpix.Catalogue.mask_width`.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    Axes
        A line with error bars for each band; the legend gives the fraction of good pixels left.

    Examples
    --------
    >>> axes = plot_mask_width(cat.mask_width(radii=[0, 4, 8], subtract_background=False))
    """
    ax = ax or new_axes(*_SIZE)
    selection = f"selection: {widths['selection'].iloc[0]}" if len(widths) else ""
    title(ax, "Residual background around objects: the mask is wide enough where it is flat", selection)
    if not widths["n"].any():
        return say_nothing(ax, "no image matches, or none is usable")
    ax.axhline(0, color=NO_DATA_COLOUR, linewidth=0.8)
    for band in in_band_order(widths["band"]):
        of_band = widths[widths["band"] == band]
        first, last = of_band.iloc[0], of_band.iloc[-1]
        left = (
            f"{last['n'] / first['n']:.0%} of good pixels left at {last['radius']:g} pixels"
            if first["n"]
            else "no good pixels"
        )
        ax.errorbar(
            of_band["radius"],
            of_band["median"],
            of_band["median_error"],
            color=band_colour(band),
            marker=band_marker(band),
            markersize=4,
            linewidth=1.2,
            capsize=2,
            label=f"{band}: {_images(first['n_images'])}, {left}",
        )
    ax.set_xlabel("dilation radius of objects (pixels)")
    residual = "(image - background)" if widths["bkg_subtracted"].iloc[0] else "image"
    ax.set_ylabel(f"median of good {residual} / skysigma")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax


@in_one_look
def plot_definitions(
    definitions: "pd.DataFrame", *, truth: float | None = None, unit: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the residual level against the fraction of pixels that each definition of good keeps.

    Parameters
    ----------
    definitions : DataFrame
        See `goodpix.Catalogue.compare_definitions`.
    truth : float, optional
        The known level, drawn as a line.
    unit : str, optional
        Unit of the levels, if the table does not give it.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    Axes
        A point for each definition and band; thick bars are standard errors, thin bars the scatter between
        images.

    Examples
    --------
    >>> definitions = {"stored": None, "wide": Selection(grow={"SE_SEG": 5})}
    >>> axes = plot_definitions(cat.compare_definitions(definitions, calibrated=True))
    """
    ax = ax or new_axes(*_SIZE)
    title(ax, "Residual level and good pixels of each definition")
    if not definitions["n"].any():
        return say_nothing(ax, "no image matches, or none is usable")
    bands = in_band_order(definitions["band"])
    for band in bands:
        of_band = definitions[definitions["band"] == band]
        colour, share = band_colour(band), 100 * of_band["fraction"]
        ax.errorbar(share, of_band["level"], of_band["scatter"], color=colour, linestyle="none", linewidth=0.8)
        ax.errorbar(
            share,
            of_band["level"],
            of_band["level_error"],
            color=colour,
            marker=band_marker(band),
            linestyle="none",
            linewidth=3,
            label=f"{band}: {_images(of_band['n_images'].max())}",
        )
        if band == bands[0]:
            for x, level, name in zip(share, of_band["level"], of_band["definition"], strict=True):
                ax.annotate(str(name), (x, level), xytext=(6, 6), textcoords="offset points", fontsize="small")
    if truth is not None:
        ax.axhline(truth, color=TEXT_COLOUR, linewidth=0.8, linestyle="--", label=f"known: {truth:g}")
    ax.set_xlabel("good pixels (%)")
    units = definitions["unit"].unique().tolist()
    unit = units[0] if len(units) == 1 and units[0] else unit
    ax.set_ylabel(f"residual level ({unit})" if unit else "residual level")
    ax.legend(frameon=False, fontsize="small", loc="upper left")
    tidy(ax)
    return ax


def _images(n: int) -> str:
    return f"{n} image{'' if n == 1 else 's'}"
