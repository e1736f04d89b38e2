"""Exposures of three CCDs without a coadd, in files of a pipeline of its own, and a profile of them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

import goodpix

from ..profilepackage import install_profile

__all__ = ["CODES", "EXPNUMS", "PROFILE", "SHAPE", "Exposures", "install_exposures_profile"]

Pixels = npt.NDArray[Any]

SHAPE = (96, 64)
EXPNUMS = (501, 502)
CCDS = {"N1": 1, "N2": 2, "S7": 31}
PIXEL = 0.263 / 3600
CODES = {"BAD": 1 << 1, "SATURATED": 1 << 3, "COSMIC_RAY": 1 << 5}

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "profiles.md"
PROFILE = _PAGE.read_text().split("```python\n", 1)[1].split("```", 1)[0]
"""The example in the documentation, as written."""


def install_exposures_profile(site: Path) -> None:
    """Install the profile in a folder on the path of Python."""
    install_profile(site, "three_ccds_profile", PROFILE, three_ccds="PROFILE")


def _planes(seed: int) -> dict[str, Pixels]:
    rng = np.random.default_rng(seed)
    variance = rng.uniform(1, 4, SHAPE).astype(np.float32)
    variance[rng.random(SHAPE) < 0.05] = 0
    variance[rng.random(SHAPE) < 0.02] = np.nan
    codes = np.where(rng.random(SHAPE) < 0.2, rng.choice([1, 3, 5], SHAPE), 0).astype(np.int16)
    seg = np.where(rng.random(SHAPE) < 0.15, 9, 0).astype(np.int32)
    return {"_img": rng.normal(100, 1, SHAPE).astype(np.float32), "_var": variance, "_codes": codes, "_seg": seg}


def _cards(expnum: int, ccdnum: int) -> dict[str, Any]:
    """Return the header of an image beside those of the other CCDs."""
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 359.99, "CRVAL2": -30.0}
    crpix = (32.5 + 70 * [*CCDS.values()].index(ccdnum), 48.5 + 3 * (expnum - EXPNUMS[0]))
    cards |= {"CRPIX1": crpix[0], "CRPIX2": crpix[1], "CD1_1": -PIXEL, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": PIXEL}
    return cards | {"CCDNUM": ccdnum, "DATE-OBS": "2020-01-02T03:00:00", "EXPTIME": 90.0}


@dataclass(frozen=True, slots=True)
class Exposures:
    """Files of two exposures, and a place for their catalogue beside them."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder.parent / "goodpix.db"

    @property
    def masks(self) -> Path:
        return self.folder.parent / "masks"

    def write(self) -> None:
        """Write the files."""
        self.folder.mkdir(parents=True)
        for expnum in EXPNUMS:
            for end in ("_img", "_var", "_codes", "_seg"):
                with fitsio.FITS(os.fspath(self.path(expnum, end)), "rw") as file:
                    file.write(None, header={"EXPNUM": expnum, "FILTER": "r"})
                    for extname, ccdnum in CCDS.items():
                        pixels = self.planes(expnum, ccdnum)[end]
                        file.write(pixels, extname=extname, header=_cards(expnum, ccdnum))

    def path(self, expnum: int, end: str = "_img") -> Path:
        """Return the file of a plane."""
        return self.folder / f"exp{expnum}{end}.fits"

    def planes(self, expnum: int, ccdnum: int) -> Mapping[str, Pixels]:
        """Return the pixels of a CCD image, by the end of the file's name."""
        return _planes(1000 * expnum + ccdnum)

    def flags(self, expnum: int, ccdnum: int, *, seg: bool = False) -> Pixels:
        """Return the flags of a CCD image in plain numpy."""
        planes = self.planes(expnum, ccdnum)
        weight_fails = ~(planes["_var"] > 0)
        codes = planes["_codes"].astype(np.int64)
        bits = np.where(codes > 0, 1 << codes, 0)
        flags: Pixels = (bits << 8) | np.where(codes > 0, 4, 0) | np.where(weight_fails, 2, 0)
        return flags | np.where(planes["_seg"] > 0, 1, 0) if seg else flags

    def ingest(self, **options: Any) -> goodpix.IngestReport:
        """Ingest the exposures into their catalogue."""
        given = {"db": self.database, "masks": self.masks, "profile": "three-ccds"}
        if "settings" not in options:
            given["no_segment"] = True
        return goodpix.ingest_tiles(self.folder, **{**given, **options})

    def catalogue(self) -> goodpix.Catalogue:
        """Open the catalogue."""
        return goodpix.Catalogue(self.database)
