"""Pixel values in discs on the sky: their mean level and noise by band."""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ...schema.wcs.skytopixel import WcsStack
from ..background.epochplanes import EpochFiles, GoodRows, calibration_of, floats
from ..background.problems import problem_of, said_together
from ..masks.ccdmask import CcdImage
from ..masks.mask import Mask
from ..masks.parallel import map_masks
from ..source import Source
from .candidates import metric_at

__all__ = ["DiscPixels", "DiscSums", "levels_and_noise"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class DiscSums:
    """Sums over the pixels of one image in discs.

    Parameters
    ----------
    disc : ndarray of intp, shape (n,)
        Numbers of the discs that the image holds.
    sums : ndarray of float64, shape (3, n)
        Number of pixels, sum of their values, and sum of squared deviations from their mean, at zero point 30.
    """

    disc: Indices
    sums: Floats


@dataclass(frozen=True, slots=True, eq=False)
class DiscPixels:
    """Function of a mask that sums the pixels of its image in discs.

    Parameters
    ----------
    files : EpochFiles
        Access to the image files.
    vectors : ndarray of float64, shape (3, n)
        Centres of the discs, unit vectors.
    radius_arcsec : float
        Their radius. A pixel counts if its centre lies in the disc and its value is finite.
    """

    files: EpochFiles
    vectors: Floats
    radius_arcsec: float

    def __call__(self, mask: Mask) -> DiscSums:
        """Return the sums; the image is read in rows with discs only."""
        grid, (ny, nx) = mask.grid, mask.shape
        every = np.zeros(self.vectors.shape[1], np.intp)
        x, y = WcsStack.of([grid.wcs]).pixels(every, self.vectors) - grid.offset
        disc = np.flatnonzero((x >= -0.5) & (y >= -0.5) & (x < nx - 0.5) & (y < ny - 0.5))
        if not disc.size:
            return DiscSums(disc, np.empty((3, 0)))
        x, y = x[disc], y[disc]
        metric = metric_at(grid, x, y)
        # no step of the radius is longer along either axis
        steps = self.radius_arcsec / np.sqrt(np.linalg.eigvalsh(metric[:, [[0, 1], [1, 2]]])[:, 0])
        low = np.maximum(np.ceil([x - steps, y - steps]), 0).astype(int)
        high = np.minimum(np.floor([x + steps, y + steps]).astype(int), [[nx - 1], [ny - 1]])
        used = np.zeros((ny, 1), np.bool_)
        for y0, y1 in zip(low[1], high[1], strict=True):
            used[y0 : y1 + 1] = True
        rows = GoodRows.of(used)
        factor = calibration_of(mask)
        with PlaneReader() as reader:
            image = floats(self.files.planes(mask, reader).read("image", rows))
        sums = np.empty((3, disc.size))
        for k in range(disc.size):
            (x0, y0), (x1, y1) = low[:, k], high[:, k]
            u, v = np.arange(x0, x1 + 1) - x[k], np.arange(y0, y1 + 1)[:, np.newaxis] - y[k]
            m0, m1, m2 = metric[k]
            inside = m0 * u * u + 2 * m1 * u * v + m2 * v * v <= self.radius_arcsec**2
            values = image[y0 - rows.start : y1 + 1 - rows.start, x0 : x1 + 1][inside].astype(np.float64) * factor
            values = values[np.isfinite(values)]
            sums[:, k] = values.size, values.sum(), ((values - values.mean()) ** 2).sum() if values.size else 0.0
        return DiscSums(disc, sums)


def levels_and_noise(
    source: Source,
    pixels: DiscPixels,
    images: Iterable[CcdImage],
    bands: Sequence[str],
    *,
    executor: Executor | None = None,
    workers: int = 1,
) -> dict[str, Floats]:
    """Return ``level_<band>`` and ``noise_<band>`` of each disc; NaN where no image can be used, which is logged.

    The level is the mean over the pixels of all images; the noise is the standard deviation of a pixel about the
    mean of its disc and image.
    """
    totals = np.zeros((len(bands), 4, pixels.vectors.shape[1]))
    problems: list[tuple[MaskKey, str]] = []
    for result in map_masks(pixels, images, source.database, executor=executor, workers=workers):
        if result.error is not None:
            problems.append((result.key, problem_of(result.key, result.error)))
            continue
        found: DiscSums = result.value
        of_band = totals[bands.index(result.key.band)]
        of_band[:3, found.disc] += found.sums
        of_band[3, found.disc] += np.maximum(found.sums[0] - 1, 0)
    for line in said_together(problems):
        logger.warning("%s", line)
    out = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for band, (n, total, squared, freedom) in zip(bands, totals, strict=True):
            out[f"level_{band}"] = total / np.where(n > 0, n, np.nan)
            out[f"noise_{band}"] = np.sqrt(squared / np.where(freedom > 0, freedom, np.nan))
    return out
