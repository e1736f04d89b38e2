"""Visit images as the LSST Science Pipelines write them, a few pixels large."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

__all__ = ["KEY", "OLD", "SHAPE", "VALUES", "write_visit_image"]

SHAPE = (12, 15)
KEY = {"VISIT": 908120, "DETECTOR": 56, "BAND": "i"}
WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 2.0, "CRPIX1": 6, "CRPIX2": 6}
WCS |= {"CD1_1": -5e-5, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 5e-5}
OLD = {"MP_BAD": 0, "MP_SAT": 1, "MP_INTRP": 2, "MP_CR": 3, "MP_EDGE": 4, "MP_DETECTED": 5, "MP_MINE": 9}
RNG = np.random.default_rng(8)
VALUES = RNG.integers(0, 1 << 10, SHAPE).astype(np.int32)


def write_visit_image(
    path: Path,
    masks: Mapping[str, int] | list[tuple[Any, Mapping[str, Any]]],
    primary: Mapping[str, Any] = KEY,
    *,
    wcs: Mapping[str, Any] = WCS,
    name: str = "EXTTYPE",
    without: str = "",
) -> Path:
    """Write a file; masks are planes by keyword, or the pixels and cards of several extensions."""
    given = masks if isinstance(masks, list) else [(VALUES, masks)]
    image = RNG.normal(0, 1, SHAPE).astype(np.float32)
    variance = RNG.uniform(1, 2, SHAPE).astype(np.float32)
    variance[0, :3] = (0, np.nan, np.inf)
    parts: list[tuple[str, Any, Mapping[str, Any]]] = [("IMAGE", image, wcs), ("VARIANCE", variance, {})]
    parts[1:1] = [("MASK", *each) for each in given]
    units = [fits.PrimaryHDU(header=fits.Header(dict(primary)))]
    for kind, pixels, cards in parts:
        if kind != without:
            long = {f"HIERARCH {key}" if len(key) > 8 else key: value for key, value in cards.items()}
            units.append(fits.ImageHDU(pixels, fits.Header({name: kind, **long})))
    fits.HDUList(units).writeto(path)
    return path
