"""Pictures of masks."""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..schema.criteria import OWN_CUT, Criterion, Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .mask import Mask

__all__ = ["REASONS", "Reason", "plot_mask", "reason_image", "thumbnail"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a pixel is bad, as a picture shows it.

    Parameters
    ----------
    bit : int
        The bit of the criteria that says it.
    label : str
        The words in the legend.
    colour : str
        Hexadecimal RGB.
    """

    bit: int
    label: str
    colour: str


GOOD_COLOUR = "#ffffff"

# Where several criteria fail the first of these is shown: what says most about the pixel comes first.
# The colours are those of Okabe & Ito (2008), which colour-blind people can tell apart.
REASONS = (
    Reason(OWN_CUT, "border or own cut", "#009e73"),
    Reason(Criterion.OFF_COADD, "off the coadd", "#bbbbbb"),
    Reason(Criterion.SE_BMASK, "SE mask bit", "#d55e00"),
    Reason(Criterion.SE_WEIGHT, "SE weight", "#000000"),
    Reason(Criterion.SE_SEG, "SE object", "#0072b2"),
    Reason(Criterion.COADD_BMASK, "coadd mask bit", "#cc79a7"),
    Reason(Criterion.COADD_WEIGHT, "coadd weight", "#e69f00"),
    Reason(Criterion.COADD_SEG, "coadd object", "#56b4e9"),
)


def reason_image(mask: "Mask", selection: Selection | None = None) -> npt.NDArray[np.uint8]:
    """Return what a picture shows at each pixel.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        0 where the pixel is good, else 1 + the index in `REASONS` of the first reason that holds.
    """
    shown = np.zeros(1 << len(REASONS), np.uint8)
    for number in range(len(REASONS), 0, -1):
        shown[(np.arange(shown.size) & REASONS[number - 1].bit) != 0] = number
    return shown[mask.criteria(selection)]


def plot_mask(mask: "Mask", selection: Selection | None = None, *, ax: "Axes | None" = None) -> "Axes":
    """Draw good and bad pixels of a mask, coloured by reason.

    Parameters
    ----------
    mask : Mask
        What to draw.
    selection : Selection, optional
        A definition of good other than the default; named in the title.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With pixel coordinates of the whole image on both axes.
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.patches import Patch

    ny, nx = mask.shape
    if ax is None:
        ax = _new_axes(nx / ny)
    image = reason_image(mask, selection)
    colours = [GOOD_COLOUR, *(reason.colour for reason in REASONS)]
    ax.imshow(
        image,
        origin="lower",
        cmap=ListedColormap(colours),
        norm=BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours)),
        interpolation="nearest",
        extent=(mask.x0 - 0.5, mask.x0 + nx - 0.5, mask.y0 - 0.5, mask.y0 + ny - 0.5),
    )
    n_shown = np.bincount(image.ravel(), minlength=len(colours))
    labels = ["good", *(reason.label for reason in REASONS)]
    patches = [
        Patch(facecolor=colour, edgecolor="#666666", linewidth=0.5, label=f"{label}  {n / image.size:.1%}")
        for colour, label, n in zip(colours, labels, n_shown, strict=True)
        if n or label == "good"
    ]
    ax.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        title="first reason that holds",
        alignment="left",
    )
    ax.set_title(_title(mask, selection), loc="left", fontsize="medium")
    ax.set_xlabel("x (pixels)")
    ax.set_ylabel("y (pixels)")
    return ax


def thumbnail(mask: "Mask", size: int = 512) -> bytes | None:
    """Return a PNG of a mask, coloured by reason, of at most `size` pixels a side; None without matplotlib."""
    try:
        from matplotlib.colors import to_rgb
        from matplotlib.image import imsave
    except ImportError:
        return None
    step = -(-max(mask.shape) // size)
    colours = np.array([to_rgb(each) for each in (GOOD_COLOUR, *(reason.colour for reason in REASONS))])
    picture = BytesIO()
    imsave(picture, colours[reason_image(mask)[::step, ::step]], origin="lower", format="png")
    return picture.getvalue()


def _new_axes(aspect: float) -> "Axes":
    """Return the axes of a new figure that fits an image of that width over height."""
    # without pyplot there is no figure of someone else's to draw into, and nothing to close
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = min(max(5.0 / aspect, 4.0), 9.0)
    figure = Figure(figsize=(height * aspect + 3.4, height + 1.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def _title(mask: "Mask", selection: Selection | None) -> str:
    key, (ny, nx) = mask.key, mask.shape
    what = {"epoch": f"exposure {key.expnum}, CCD {key.ccdnum}", "coadd": "coadd"}.get(key.kind, str(key))
    shown = mask if selection is None or selection.by_pixel else mask.recut(selection)
    n_good = shown.count(selection if shown is mask else None)
    off = (mask.encoded.flags & int(Criterion.OFF_COADD)) != 0
    n_on_coadd = nx * ny - int(mask.encoded.lengths[off].sum(dtype=np.int64))
    good = f"{n_good / (nx * ny):.1%} good"
    if key.kind == "epoch":
        good += f", {n_good / n_on_coadd:.1%} of what is on the coadd" if n_on_coadd else ", all off the coadd"
    return f"{key.tilename}  {key.band}  {what}\n{good}\nselection: {selection or Selection()}"
