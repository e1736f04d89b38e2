"""Plots of masks."""

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Criterion, Selection
from ...schema.errors import FitsFileError, PlaneError, UsageError
from ...schema.masks.runpixels import count_pixels
from ..palette import GOOD_COLOUR
from .image import grey_levels, image_behind
from .reasons import REASONS, MaskLike, reason_image
from .style import in_one_look, new_axes, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_mask", "thumbnail"]

# opacity of a reason's colour over the image
_OPACITY = 0.45


@in_one_look
def plot_mask(
    mask: MaskLike,
    selection: Selection | None = None,
    *,
    over: Literal["image"] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw the good and bad pixels of a mask, coloured by reason.

    Parameters
    ----------
    mask : Mask
        The mask.
    selection : Selection, optional
        A definition of good other than the default; named in the title.
    over : str, optional
        ``"image"`` draws the image in grey under the reasons; if it cannot be read, the title says so.
    ax : Axes, optional
        Axes to draw into; by default those of a new figure.

    Returns
    -------
    Axes
        Axes in pixel coordinates of the whole image.

    Raises
    ------
    UsageError
        If `over` has another value, or the mask does not come from a catalogue.

    Examples
    --------
    >>> plot_mask(mask, Selection(border=48)).figure.savefig("mask.png")
    """
    # matplotlib is an extra, and slow to import
    from matplotlib.patches import Patch

    if over not in (None, "image"):
        raise UsageError(f"over is {over!r}: expected 'image'")
    ny, nx = mask.shape
    if ax is None:
        height = min(max(5.0 * ny / nx, 4.0), 9.0)
        ax = new_axes(height * nx / ny + 3.4, height + 1.2)
    region = mask.place
    extent = (region.x0 - 0.5, region.x1 - 0.5, region.y0 - 0.5, region.y1 - 0.5)
    shown = reason_image(mask, selection)
    missing = _draw_image(ax, mask, shown == 0, extent) if over else ""
    behind = bool(over) and not missing
    colours = _colours(_OPACITY if behind else 1.0, over_image=behind)
    ax.imshow(colours[shown], origin="lower", interpolation="nearest", extent=extent)
    ax.set_anchor("W")  # leaves room for the legend
    n_shown = np.bincount(shown.ravel(), minlength=len(colours))
    labels = ["good", *(reason.label for reason in REASONS)]
    patches = [
        Patch(facecolor=tuple(colour / 255), edgecolor="#666666", linewidth=0.5, label=f"{label}  {n / shown.size:.1%}")
        for colour, label, n in zip(_colours(0.75 if behind else 1.0, over_image=behind), labels, n_shown, strict=True)
        if n or label == "good"
    ]
    ax.legend(
        handles=patches,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0.0,
        frameon=False,
        title="first reason that applies",
        alignment="left",
    )
    title(ax, *_title(mask, selection), missing)
    ax.set_xlabel("x (pixels)")
    ax.set_ylabel("y (pixels)")
    return ax


def thumbnail(mask: MaskLike, size: int = 512) -> bytes | None:
    """Return a PNG of a mask, coloured by reason, of at most `size` pixels a side; None without matplotlib.

    Examples
    --------
    >>> thumbnail(mask)[1:4]
    b'PNG'
    """
    try:
        from matplotlib.image import imsave
    except ImportError:
        return None
    step = -(-max(mask.shape) // size)
    picture = BytesIO()
    imsave(picture, _colours(1.0)[reason_image(mask)[::step, ::step]], origin="lower", format="png")
    return picture.getvalue()


def _colours(opacity: float, *, over_image: bool = False) -> npt.NDArray[np.uint8]:
    """Return the RGBA colours of good pixels, transparent over an image, and of each reason."""
    from matplotlib.colors import to_rgba

    good = to_rgba(GOOD_COLOUR, 0.0 if over_image else 1.0)
    every = [good, *(to_rgba(reason.shown(over_image=over_image), opacity) for reason in REASONS)]
    bytes_of: npt.NDArray[np.uint8] = np.rint(np.array(every) * 255).astype(np.uint8)
    return bytes_of


def _draw_image(
    ax: "Axes", mask: MaskLike, good: npt.NDArray[np.bool_], extent: tuple[float, float, float, float]
) -> str:
    """Draw a mask's image in grey; return the reason if it cannot be drawn, else an empty string."""
    try:
        image = image_behind(mask)
    except (FitsFileError, PlaneError) as error:
        return f"no image: {error}"
    black, white = grey_levels(image, good)
    ax.imshow(
        image, origin="lower", cmap="gray", vmin=black, vmax=white, interpolation="nearest", extent=extent, zorder=-1
    )
    return ""


def _title(mask: MaskLike, selection: Selection | None) -> list[str]:
    key, (ny, nx) = mask.key, mask.shape
    what = {"epoch": f"exposure {key.expnum}, CCD {key.ccdnum}", "coadd": "coadd"}.get(key.kind, str(key))
    n_good = mask.count(selection)
    n_on_coadd = count_pixels(mask.encoded.lengths, mask.encoded.flags, int(Criterion.OFF_COADD))
    good = f"{n_good / (nx * ny):.1%} good"
    if key.kind == "epoch" and _has_coadd(mask.row):
        good += f", {n_good / n_on_coadd:.1%} of pixels on the coadd" if n_on_coadd else ", all off the coadd"
    image = mask.formula or f"{key.tilename}  {key.band}  {what}"
    return [image, good, f"selection: {selection or Selection()}"]


def _has_coadd(row: Mapping[str, Any] | None) -> bool:
    """Return whether the image of a row has a coadd; without a row, it is taken to have one."""
    first = row or {}
    first = first.get("epochs", [first])[0]  # of a mask merged over tiles
    return first.get("n_on_coadd", 0) is not None
