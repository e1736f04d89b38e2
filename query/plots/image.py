"""The image behind a mask."""

import numpy as np
import numpy.typing as npt

from ...schema.errors import PlaneError, UsageError
from ...schema.planes.imagefiles import files_of_row
from ...schema.planes.reader import PlaneReader
from ..summary.statistic import mad_std
from .reasons import MaskLike

__all__ = ["grey_levels", "image_behind"]

# black and white levels about the median of good pixels, in standard deviations of the sky noise
_BLACK, _WHITE = -4.0, 7.0
# enough pixels to measure the sky level, and quick
_SAMPLED = 200_000


def image_behind(mask: MaskLike) -> npt.NDArray[np.float32]:
    """Return the pixels of a mask's image, read from its FITS file.

    Parameters
    ----------
    mask : Mask
        A mask from a catalogue; for a cutout, only the rows that it covers are read.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        Pixel values in the image's unit.

    Raises
    ------
    FitsFileError
        If the file is not at the path in the info file, or cannot be read.
    PlaneError
        If the image differs in shape from the one that was ingested.
    UsageError
        If the mask does not come from a catalogue.
    """
    if mask.row is None or not mask.row.get("planes"):
        raise UsageError(f"{mask.key} has no image: expected a mask from a catalogue")
    shape, region = (int(mask.row["ny"]), int(mask.row["nx"])), mask.place
    with PlaneReader() as reader:
        plane = reader.open(files_of_row(mask.row, "image")["image"])
        if plane.shape != shape:
            raise PlaneError(
                f"{plane.path}[{plane.ext}] is {plane.shape[1]} x {plane.shape[0]}: its mask is {shape[1]} x {shape[0]}"
            )
        reader.check(plane, allow_damaged=bool(mask.row.get("damaged_taken")))
        rows = plane.read(slice(region.y0, region.y1))
    return np.ascontiguousarray(rows[:, region.x0 : region.x1], np.float32)


def grey_levels(image: npt.NDArray[np.float32], good: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return black and white levels that show the sky and faint sources.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
        Pixel values.
    good : ndarray of bool, shape (ny, nx)
        True for sky pixels; if there are none, all finite pixels are used.
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
