"""Headers for tests of coordinates, and what wcslib makes of them."""

import importlib.resources
import json
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.schema.wcs.solution import Wcs

__all__ = ["PIXEL", "SIP", "TPV", "Cards", "Floats", "grid", "no_cd", "of_wcslib", "read", "tan", "tpv"]

Card = str | int | float
Cards = dict[str, Card]
Floats = npt.NDArray[np.float64]

PIXEL = 0.263 / 3600
TPV: Cards = json.loads(
    importlib.resources.files("goodpix.ingest.synthetic").joinpath("decam_headers.json").read_text()
)[3]["wcs"]
SIP: dict[str, Any] = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "A_1_1": 2e-6, "B_0_2": 1.5e-6}


def tan(ra: float = 30.0, dec: float = -40.0, projection: str = "TAN", **more: Any) -> Cards:
    cards: dict[str, Any] = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 1000.5,
        "CRPIX2": 2000.25,
        "CD1_1": -PIXEL,
        "CD1_2": 0.01 * PIXEL,
        "CD2_1": 0.02 * PIXEL,
        "CD2_2": 1.1 * PIXEL,
    }
    cards.update(more)
    return {key: value for key, value in cards.items() if value is not None}


def no_cd(**more: Any) -> Cards:
    return tan(CD1_1=None, CD1_2=None, CD2_1=None, CD2_2=None, **more)


def tpv(without: str = "", **more: Any) -> Cards:
    kept = {key: value for key, value in TPV.items() if not without or not key.startswith(without)}
    return {**kept, **more}


def grid() -> tuple[Floats, Floats]:
    x, y = np.meshgrid(np.linspace(0.5, 2048.5, 9), np.linspace(0.5, 4096.5, 9))
    return x.ravel(), y.ravel()


def of_wcslib(cards: Cards) -> Floats:
    """Return directions of the grid; shape (3, n)."""
    wcs = WCS(fits.Header(list(cards.items())))
    sky = wcs.all_pix2world(*grid(), 1)
    lng = 0 if str(cards["CTYPE1"]).startswith("RA") else 1
    ra, dec = np.radians(sky[lng]), np.radians(sky[1 - lng])
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def read(cards: Any) -> Wcs:
    return Wcs.from_header(cards, "image.fits[sci]")
