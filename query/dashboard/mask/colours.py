"""Colours of a mask on the screen."""

from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import numpy.typing as npt

from ...palette import GOOD_COLOUR
from ...plots.reasons import REASONS
from .downsample import FULL, LEVELS

__all__ = ["as_png", "grey_codes", "palette"]

_STEPS = FULL + 1
_TINT = 0.6  # opacity of a reason's colour over the image


def palette(*, over_image: bool) -> list[str]:
    """Return the 256 colours of the codes of `goodpix.query.dashboard.mask.downsample.Downsampled`."""
    white = _rgb(GOOD_COLOUR)
    steps = np.arange(_STEPS)
    if over_image:
        greys = np.repeat(_grey(np.arange(LEVELS) / (LEVELS - 1))[:, np.newaxis], 3, axis=1)
        under = _grey((steps + 0.5) / _STEPS)[:, np.newaxis]
        tints = [(1.0 - _TINT) * under + _TINT * _rgb(reason.over_image) for reason in REASONS]
    else:
        greys = np.tile(white, (LEVELS, 1))
        share = ((steps + 1) / _STEPS)[:, np.newaxis]
        tints = [(1.0 - share) * white + share * _rgb(reason.colour) for reason in REASONS]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(np.concatenate([greys, *tints])).astype(int).tolist()]


def grey_codes(image: npt.NDArray[np.float32], black: float, white: float) -> npt.NDArray[np.uint8]:
    """Convert an image to grey levels.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
        Pixel values; NaN and infinity become mid-grey.
    black, white : float
        Values shown as black and white.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        Grey levels from 0 to ``LEVELS - 1``; column-major.
    """
    columns = np.array(image.T, np.float32, order="C")
    columns -= np.float32(black)
    columns *= np.float32((LEVELS - 1) / (white - black))
    np.nan_to_num(columns, copy=False, nan=LEVELS / 2, posinf=LEVELS / 2, neginf=LEVELS / 2)
    np.clip(columns, 0, LEVELS - 1, out=columns)
    return columns.astype(np.uint8).T


def as_png(criteria: npt.NDArray[np.uint8], reasons: npt.NDArray[np.uint8], texts: Mapping[str, str]) -> bytes:
    """Return a full-resolution PNG of a mask, with the first row at the bottom and texts in its metadata."""
    from PIL import Image, PngImagePlugin  # a dependency of Bokeh, needed only for downloads

    shown = reasons[criteria][::-1]
    picture = Image.frombytes("P", shown.shape[::-1], np.ascontiguousarray(shown).tobytes())
    picture.putpalette(_flat([GOOD_COLOUR, *(reason.colour for reason in REASONS)]))
    out = BytesIO()
    metadata = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        metadata.add_text(name, text)
    picture.save(out, "PNG", optimize=True, pnginfo=metadata)
    return out.getvalue()


def _flat(colours: Sequence[str]) -> list[int]:
    return [int(channel) for colour in colours for channel in _rgb(colour)]


def _rgb(colour: str) -> npt.NDArray[np.float64]:
    return np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], np.float64)


def _grey(level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 255.0 * level
