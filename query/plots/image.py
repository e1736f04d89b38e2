"""The pixels of the image that a mask is of."""

import json

import numpy as np
import numpy.typing as npt

from ...schema.errors import PlaneError, UsageError
from ...schema.planes.reader import PlaneReader
from ..summary.statistic import mad_std
from .masklike import MaskLike

__all__ = ["grey_levels", "image_behind"]

# sky noise about the median of good pixels, in standard deviations, from black to white
_BLACK, _WHITE = -4.0, 7.0
# enough to know the sky's level, and quick
_SAMPLED = 200_000


def image_behind(mask: MaskLike) -> npt.NDArray[np.float32]:
    """Return the pixels of the image that a mask is of, from its FITS file.

    Parameters
    ----------
    mask : Mask
        Of a catalogue; of a cut-out the rows that it has are read alone.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        In the image's unit.

    Raises
    ------
    FitsFileError
        If the file is not where the info file says, or cannot be read.
    PlaneError
        If it is not the image that was there at the ingest.
    UsageError
        If the mask is not of a catalogue.
    """
    if mask.row is None or not mask.row.get("planes"):
        raise UsageError(f"{mask.key} has no image: expected a mask of a catalogue")
    path, ext = json.loads(mask.row["planes"])["image"]
    whole, place = (int(mask.row["ny"]), int(mask.row["nx"])), mask.place
    with PlaneReader() as reader:
        plane = reader.plane(path, ext)
        if plane.shape != whole:
            raise PlaneError(
                f"{path}[{ext}] is {plane.shape[1]} x {plane.shape[0]}: its mask is {whole[1]} x {whole[0]}"
            )
        rows = plane.read(slice(place.y0, place.y1))
    return np.ascontiguousarray(rows[:, place.x0 : place.x1], np.float32)


def grey_levels(image: npt.NDArray[np.float32], good: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return what is black and what is white, so that the sky and what is faint can be seen.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
        The pixels.
    good : ndarray of bool, shape (ny, nx)
        Which of them are sky; all that are finite count where none is.
    """
    finite = np.isfinite(image)
    sky = image[good & finite]
    if not sky.size:
        sky = image[finite]
    if not sky.size:
        return 0.0, 1.0
    sampled = sky[:: -(-sky.size // _SAMPLED)].astype(np.float64)
    middle = float(np.median(sampled))
    sigma = mad_std(sampled, middle) or abs(middle) or 1.0
    return middle + _BLACK * sigma, middle + _WHITE * sigma
