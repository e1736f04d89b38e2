"""WCS keywords of a FITS header, validated and normalised."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import WcsError

__all__ = ["TEXT_KEYWORDS", "Card", "cd_matrix", "degrees_per_unit", "wcs_cards"]

Card = str | int | float

TEXT_KEYWORDS = frozenset({"CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "RADESYS"})
"""WCS keywords with text values; the values of all others are numbers."""

_KEYWORD = re.compile(
    r"RADESYS|EQUINOX|LONPOLE|LATPOLE|(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)[12]"
    r"|(CD|PC)[12]_[12]|PV[12]_(0|[1-9]\d*)|(A|B|AP|BP)_(ORDER|\d_\d)"
)
_REQUIRED = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")

# Keywords that wcslib would ignore or interpret differently, giving wrong positions.
_REFUSED = {
    r"(CPDIS|CQDIS|D2IMDIS)[12]": "refers to a distortion table",
    r"(CD|PC)00\d00\d|PV\d_0\d+": "is an obsolete form",
    r"(CD|PC)([12]_[3-9]|[3-9]_[12])": "couples the celestial axes to another",
}
_LAST_PV = 39

# A keyword of the drafts of the standard.
_RENAMED = {"RADECSYS": "RADESYS"}

# Years by which an equinox may differ from 2000: a year is 50 arcsec.
_MOST_YEARS = 1e-4

# Equinox before which an unnamed system is FK4.
_LAST_FK4 = 1984.0
_UNITS = {"arcmin": 1 / 60, "arcsec": 1 / 3600, "mas": 1 / 3.6e6, "rad": math.degrees(1.0)}

# Names of units other than those of the standard, in lower case.
_UNIT_NAMES = {
    **dict.fromkeys(("deg", "degree", "degrees", "degs"), "deg"),
    **dict.fromkeys(("arcmin", "arcminute", "arcminutes", "arcmins"), "arcmin"),
    **dict.fromkeys(("arcsec", "arcsecond", "arcseconds", "arcsecs"), "arcsec"),
    **dict.fromkeys(("rad", "radian", "radians", "rads"), "rad"),
}


def wcs_cards(header: Mapping[str, Any], source: str) -> dict[str, Card]:
    """Return the validated WCS keywords of a header; see `goodpix.schema.wcs.solution.Wcs.from_header`."""
    cards: dict[str, Card] = {}
    for name in header:
        key, value = _RENAMED.get(str(name).upper(), str(name).upper()), header[name]
        is_wcs, refusal = _classify(key)
        if not (is_wcs or refusal) or value is None or not str(value).strip():
            continue
        if refusal and value != 0:
            raise WcsError(f"{source}: {key} {refusal}: expected an image WCS in current keywords")
        if is_wcs:
            cards[key] = _value(key, value, source)
    for key in _REQUIRED:
        if key not in cards:
            raise WcsError(f"{source}: the header has no {key}: expected a celestial WCS")
    _check_frame(cards, source)
    _check_projection(cards, source)
    _check_numbers(cards, source)
    return _with_distortion(_right_ascension_first(cards))


@lru_cache(maxsize=4096)  # the headers of a survey have the same keywords
def _classify(key: str) -> tuple[bool, str | None]:
    """Return whether a keyword is part of the WCS, and why it is not supported, if so."""
    refusal = next((why for pattern, why in _REFUSED.items() if re.fullmatch(pattern, key)), None)
    return _KEYWORD.fullmatch(key) is not None, refusal


def degrees_per_unit(cards: Mapping[str, Card], axis: int) -> float:
    """Return the unit of an axis (1 or 2) in degrees."""
    return _UNITS.get(str(cards.get(f"CUNIT{axis}", "deg")).lower(), 1.0)


def cd_matrix(cards: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the CD matrix, axis units per pixel; computed from CDELT and PC if there is no CD.

    Parameters
    ----------
    cards : mapping
        WCS keywords. A value may be an array with one number per header.

    Returns
    -------
    ndarray of float64, shape (..., 2, 2)
        The shape of the values comes first.
    """

    def matrix(name: str, diagonal: float) -> npt.NDArray[np.float64]:
        elements = [cards.get(f"{name}{i}_{j}", diagonal * (i == j)) for i in (1, 2) for j in (1, 2)]
        flat = np.stack(np.broadcast_arrays(*elements), axis=-1).astype(np.float64)
        return flat.reshape(*flat.shape[:-1], 2, 2)

    if _has(cards, r"CD\d_\d"):
        return matrix("CD", 0.0)
    scales = np.stack(np.broadcast_arrays(cards.get("CDELT1", 1.0), cards.get("CDELT2", 1.0)), axis=-1)
    out: npt.NDArray[np.float64] = scales[..., np.newaxis] * matrix("PC", 1.0)
    return out


def _value(key: str, value: Any, source: str) -> Card:
    """Return the validated value of a WCS keyword."""
    if key in TEXT_KEYWORDS:
        text = str(value).strip()
        return text.upper() if key.startswith("CTYPE") else _UNIT_NAMES.get(text.lower(), text)
    digits = value.strip().lstrip("JBjb") if key == "EQUINOX" and isinstance(value, str) else value
    try:
        number = None if isinstance(value, bool) else float(digits)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        raise WcsError(f"{source}: {key} is {repr(value)[:40]}: expected a number")
    if not math.isfinite(number):
        raise WcsError(f"{source}: {key} is {value}: expected a finite number")
    return value if isinstance(value, int) else number


def _check_frame(cards: Mapping[str, Card], source: str) -> None:
    """Check that positions are in ICRS or in FK5 of J2000, which is the same within 0.03 arcsec."""
    equinox = float(cards.get("EQUINOX", 2000.0))
    system = str(cards.get("RADESYS", "FK4" if equinox < _LAST_FK4 else "FK5")).upper()
    if system == "ICRS":
        return
    if system != "FK5":
        raise WcsError(f"{source}: RADESYS is {system}: expected ICRS or FK5")
    if abs(equinox - 2000.0) > _MOST_YEARS:
        raise WcsError(f"{source}: EQUINOX is {equinox:g} and RADESYS {system}: expected 2000")


def _check_projection(cards: Mapping[str, Card], source: str) -> None:
    ctypes = [str(cards[f"CTYPE{axis}"]) for axis in (1, 2)]
    both = ", ".join(repr(each) for each in ctypes)
    if {each.split("-")[0] for each in ctypes} != {"RA", "DEC"}:
        raise WcsError(f"{source}: CTYPE is {both}: expected RA and DEC, a celestial WCS")
    projections = {each[4:].lstrip("-") for each in ctypes}
    if len(projections) != 1 or "" in projections:
        raise WcsError(f"{source}: CTYPE is {both}: expected the same projection on both axes")
    if projections <= {"TNX", "ZPX"}:
        raise WcsError(f"{source}: CTYPE is {both}: its distortion is in WAT keywords: expected TPV or TAN-SIP")


def _check_numbers(cards: Mapping[str, Card], source: str) -> None:
    if not _has(cards, r"CD\d_\d|CDELT\d"):
        raise WcsError(f"{source}: the header has neither CD1_1 nor CDELT1: expected the pixel scale")
    if _has(cards, r"CD\d_\d") and _has(cards, r"PC\d_\d"):
        raise WcsError(f"{source}: the header has both a CD and a PC matrix: expected one of them")
    beyond = [key for key in cards if key.startswith("PV") and int(key[4:]) > _LAST_PV and float(cards[key])]
    if beyond:
        raise WcsError(f"{source}: {beyond[0]} is {cards[beyond[0]]}: expected PV terms 0 to {_LAST_PV}")
    axis = 2 if str(cards["CTYPE1"]).startswith("RA") else 1
    declination = float(cards[f"CRVAL{axis}"]) * degrees_per_unit(cards, axis)
    if abs(declination) > 90:
        raise WcsError(f"{source}: CRVAL{axis}, the declination, is {declination}: expected -90 to 90 degrees")
    cd = cd_matrix(cards)
    size = float(np.abs(cd).max())
    if size == 0 or abs(np.linalg.det(cd / size)) < 1e-12:
        raise WcsError(f"{source}: the CD matrix {cd.tolist()} is singular")


def _right_ascension_first(cards: dict[str, Card]) -> dict[str, Card]:
    """Swap the world axes if declination comes first; wcslib would mix up the TPV terms."""
    if str(cards["CTYPE1"]).startswith("RA"):
        return cards
    if not _has(cards, r"CD\d_\d"):
        # the default of an absent PC term differs after the swap
        defaults: dict[str, Card] = {f"PC{i}_{j}": float(i == j) for i in (1, 2) for j in (1, 2)}
        cards = defaults | cards
    out: dict[str, Card] = {}
    for key, value in cards.items():
        match = re.fullmatch(r"(CTYPE|CUNIT|CRVAL|CDELT|CROTA|CD|PC|PV)([12])(_\d+)?", key)
        name = f"{match[1]}{3 - int(match[2])}{match[3] or ''}" if match else key
        out[name] = value
    return out


def _with_distortion(cards: dict[str, Card]) -> dict[str, Card]:
    """Name TPV as such, with explicit linear terms, and drop distortion terms that do not apply."""
    ctype = str(cards["CTYPE1"])
    # PV1_0 to PV1_4 of plain TAN are no distortion: they move its reference point and pole
    scamp = ctype == "RA---TAN" and _has(cards, r"PV2_\d+|PV1_([5-9]|\d\d)")
    if ctype == "RA---TPV" or scamp:
        # an absent linear term is 0 in wcslib, 1 in the convention
        kept = {key: value for key, value in cards.items() if not re.match(r"(A|B|AP|BP)_", key)}
        return {"PV1_1": 1.0, "PV2_1": 1.0} | kept | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}
    if ctype.endswith("-SIP"):
        return {key: value for key, value in cards.items() if not key.startswith("PV")}
    return cards


def _has(cards: Mapping[str, Card], pattern: str) -> bool:
    return any(re.fullmatch(pattern, key) for key in cards)
