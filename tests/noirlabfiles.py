"""Files as the NOIRLab Community Pipeline writes them, a few hundred pixels large."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

__all__ = ["CpExposure", "Pixels"]

Pixels = npt.NDArray[Any]

_PRIMARIES: Mapping[str, Mapping[str, Any]] = {
    "decam": {"INSTRUME": "DECam", "EXPNUM": 396388, "FILTER": "z DECam SDSS c0004 9260.0 1520.0", "PLVER": "V4.8.2a"},
    "mosaic3": {"INSTRUME": "Mosaic3", "EXPNUM": 77690, "FILTER": "zd DECam k1038", "PLVER": "V4.3"},
    "90prime": {"INSTRUME": "90prime", "DTACQNAM": "/d/20160101/d7873.0103.fits", "FILTER": "g", "PLVER": "V5.0beta"},
}


@dataclass(frozen=True, slots=True)
class CpExposure:
    """An exposure to write.

    Parameters
    ----------
    camera : str
        decam, mosaic3 or 90prime.
    primary, header : mapping
        Cards of the primary header and of each extension, beside or in place of those of the camera; None removes one.
    ccds : mapping of str to int or None
        CCDNUM by EXTNAME; None for a header without.
    shape : tuple of int
        (ny, nx) of the images.
    larger : int
        Pixels by which weights are larger at each edge.
    codes : tuple of int
        Values in the data quality, besides 0.
    """

    camera: str = "decam"
    primary: Mapping[str, Any] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    ccds: Mapping[str, int | None] = field(default_factory=lambda: {"N15": 46, "S4": 28})
    shape: tuple[int, int] = (60, 80)
    larger: int = 0
    codes: tuple[int, ...] = (1, 3, 4, 5, 8)

    def planes(self, ccd: int) -> dict[str, Pixels]:
        """Return the pixels of the ccd-th image, with weights of their true zeros and in their own size."""
        rng = np.random.default_rng(100 + ccd)
        ny, nx = self.shape
        weight = rng.normal(0.01, 0.0005, (ny + 2 * self.larger, nx + 2 * self.larger)).astype(np.float32)
        weight[rng.random(weight.shape) < 0.2] = 0
        data_quality = np.where(rng.random(self.shape) < 0.3, rng.choice(self.codes, self.shape), 0).astype(np.int32)
        return {"i": rng.normal(424, 8, self.shape).astype(np.float32), "w": weight, "d": data_quality}

    def write(self, folder: Path, name: str = "c4d_150110_053718_ooi_z_ls9", end: str = ".fits.fz") -> Path:
        """Write the three files, and return that of the images."""
        folder.mkdir(parents=True, exist_ok=True)
        primary = {k: v for k, v in {**_PRIMARIES[self.camera], **self.primary}.items() if v is not None}
        for letter in "iwd":
            path = folder / f"{name.replace('_ooi_', f'_oo{letter}_')}{end}"
            with fitsio.FITS(os.fspath(path), "rw", clobber=True) as file:
                file.write(None, header={"DATE-OBS": "2015-01-10T05:33:59.87", **primary})
                for number, (extname, ccdnum) in enumerate(self.ccds.items()):
                    packing = {"i": (None, 0, ""), "w": ("RICE", 4, "SUBTRACTIVE_DITHER_1"), "d": (None, 0, "")}[letter]
                    options = {"compress": packing[0], "qlevel": packing[1], "qmethod": packing[2], "dither_seed": 1}
                    file.write(
                        self.planes(number)[letter],
                        extname=extname,
                        header=self._cards(number, ccdnum),
                        **(options if packing[0] else {}),
                    )
        return folder / f"{name}{end}"

    def _cards(self, number: int, ccdnum: int | None) -> dict[str, Any]:
        step = 0.263 / 3600
        cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0, "CRPIX2": 30.5}
        cards |= {"CRPIX1": 40.5 - 90 * number, "CD1_1": -step, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": step}
        cards |= {"CCDNUM": ccdnum, "LTV1": -1.0, **self.header}
        return {key: value for key, value in cards.items() if value is not None}
