"""Pictures of studies of the sky background."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["plot_definitions", "plot_mask_width"]

# Those of Okabe & Ito (2008), which colour-blind people can tell apart; each with a sign of its own.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_SIGNS = ("o", "s", "^", "D", "v", "P")


def plot_mask_width(widths: "pd.DataFrame", *, ax: "Axes | None" = None) -> "Axes":
    """Draw what is left around objects against the radius by which the mask is grown.

    Where a line is flat the mask is wide enough.

    Parameters
    ----------
    widths : DataFrame
        See `goodpix.Catalogue.mask_width`.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        A line with error bars for each band, and how many pixels are left along the top.
    """
    ax = ax or _new_axes()
    for number, (band, of_band) in enumerate(widths.groupby("band")):
        left = of_band["n"].iloc[-1] / of_band["n"].iloc[0] if of_band["n"].iloc[0] else 0.0
        n_epochs, furthest = of_band["n_epochs"].iloc[0], of_band["radius"].iloc[-1]
        ax.errorbar(
            of_band["radius"],
            of_band["median"],
            of_band["median_error"],
            color=_COLOURS[number % len(_COLOURS)],
            marker=_SIGNS[number % len(_SIGNS)],
            markersize=4,
            linewidth=1.2,
            capsize=2,
            label=f"{band}: {n_epochs} epochs, {left:.0%} of good pixels left at {furthest:g}",
        )
    ax.axhline(0, color="#666666", linewidth=0.8, linestyle="--")
    ax.set_xlabel("radius by which objects are grown (pixels)")
    ax.set_ylabel("median of good (image - background) / skysigma")
    selection = widths["selection"].iloc[0] if len(widths) else "none"
    ax.set_title(f"Is the mask wide enough? Where it is flat.\nselection: {selection}", loc="left", fontsize="medium")
    if len(widths):
        ax.legend(frameon=False)
    return ax


def plot_definitions(
    definitions: "pd.DataFrame", *, truth: float | None = None, unit: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the residual level against how many pixels each definition of good leaves.

    Parameters
    ----------
    definitions : DataFrame
        See `goodpix.Catalogue.compare_definitions`.
    truth : float, optional
        The level that is known, drawn as a line.
    unit : str, optional
        The unit of the levels.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        A point for each definition and band; thick bars are standard errors, thin ones the scatter between
        epochs.
    """
    ax = ax or _new_axes()
    for number, (band, of_band) in enumerate(definitions.groupby("band")):
        colour, share = _COLOURS[number % len(_COLOURS)], 100 * of_band["fraction"]
        ax.errorbar(share, of_band["level"], of_band["scatter"], color=colour, linestyle="none", linewidth=0.8)
        ax.errorbar(
            share,
            of_band["level"],
            of_band["level_error"],
            color=colour,
            marker=_SIGNS[number % len(_SIGNS)],
            linestyle="none",
            linewidth=3,
            label=f"{band}: {of_band['n_epochs'].max()} epochs",
        )
        for place, level, name in zip(share, of_band["level"], of_band["definition"], strict=True):
            if number == 0:
                ax.annotate(str(name), (place, level), xytext=(6, 6), textcoords="offset points", fontsize="small")
    if truth is not None:
        ax.axhline(truth, color="#666666", linewidth=0.8, linestyle="--", label=f"known: {truth:g}")
    ax.set_xlabel("pixels that are good (%)")
    ax.set_ylabel(f"residual level ({unit})" if unit else "residual level")
    title = "What a definition of good leaves, and what is left in it\nselection: as written beside each point"
    ax.set_title(title, loc="left", fontsize="medium")
    if len(definitions):
        ax.legend(frameon=False)
    return ax


def _new_axes() -> "Axes":
    """Return the axes of a new figure."""
    # matplotlib is an extra, and slow to import; without pyplot there is no figure of someone else's to draw into
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()
