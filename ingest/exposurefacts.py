"""Metadata of exposures from FITS headers."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..schema.amplifiers import trimmed_sections
from ..schema.planes.headers import whole_number

__all__ = ["ExposureFacts", "exposure_facts", "frame_of", "header_number", "header_text", "header_value", "night_of"]

Header = Mapping[str, Any]

_SIZES = ("NAXIS1", "NAXIS2")

_SECOND_60 = re.compile(r"(T\d\d:?\d\d:?)60")


@dataclass(frozen=True, slots=True)
class ExposureFacts:
    """Exposure metadata from the header of an epoch; None for missing keywords."""

    nite: int | None
    mjd_obs: float | None
    date_obs: str | None
    exptime: float | None
    airmass: float | None
    fwhm: float | None
    skybrite: float | None
    skysigma: float | None
    skyvara: float | None
    skyvarb: float | None
    bunit: str | None
    detpos: str | None
    dataseca: str | None
    datasecb: str | None


def exposure_facts(header: Header, primary: Header, *, night_starts: int = 14) -> ExposureFacts:
    """Return the exposure metadata by the keywords of DES, each from the image HDU or else from the primary one.

    Parameters
    ----------
    header, primary : mapping
        Headers of the image HDU and of the primary one.
    night_starts : int
        Hour UT at which the date of the observing night changes; by default that of Cerro Tololo, the site of DECam.
    """
    date_obs = header_text(header, primary, "DATE-OBS")
    a, b = _sections(header, primary)
    return ExposureFacts(
        nite=_nite(header_value(header, primary, "NITE"), date_obs, night_starts),
        mjd_obs=header_number(header, primary, "MJD-OBS"),
        date_obs=date_obs,
        exptime=header_number(header, primary, "EXPTIME"),
        airmass=header_number(header, primary, "AIRMASS"),
        fwhm=header_number(header, primary, "FWHM"),
        skybrite=header_number(header, primary, "SKYBRITE"),
        skysigma=header_number(header, primary, "SKYSIGMA"),
        skyvara=header_number(header, primary, "SKYVARA"),
        skyvarb=header_number(header, primary, "SKYVARB"),
        bunit=header_text(header, primary, "BUNIT"),
        detpos=header_text(header, primary, "DETPOS"),
        dataseca=a,
        datasecb=b,
    )


def frame_of(header: Header) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the shape (ny, nx) of an image, packed or not, and its shift (LTV1, LTV2) in the CCD's pixels."""
    nx, ny = (whole_number(header.get(f"Z{key}")) or whole_number(header.get(key)) or 0 for key in _SIZES)
    x, y = (header_number(header, {}, key) or 0.0 for key in ("LTV1", "LTV2"))
    return (ny, nx), (round(x), round(y))


def _sections(header: Header, primary: Header) -> tuple[str | None, str | None]:
    """Return the sections of amplifiers A and B: DATASECA and DATASECB, else AMPSECA and AMPSECB, which are of CCDs."""
    a, b = (header_text(header, primary, f"DATASEC{half}") for half in "AB")
    if a is not None or b is not None:
        return a, b
    a, b = (header_text(header, primary, f"AMPSEC{half}") for half in "AB")
    return trimmed_sections((a, b), *frame_of(header))


def header_value(header: Header, primary: Header, keyword: str) -> Any:
    """Return a value of the image HDU or else of the primary one; None if both are absent or blank."""
    for each in (header, primary):
        value = each.get(keyword)
        if value is not None and str(value).strip():
            return value
    return None


def header_text(header: Header, primary: Header, keyword: str) -> str | None:
    """Return a value as text without blanks around it; see `header_value`."""
    value = header_value(header, primary, keyword)
    return None if value is None else str(value).strip()


def header_number(header: Header, primary: Header, keyword: str) -> float | None:
    """Return a value as a finite number; None if it is none. See `header_value`."""
    value = header_value(header, primary, keyword)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _nite(value: object, date_obs: str | None, night_starts: int) -> int | None:
    """Return the night as YYYYMMDD: NITE, else from DATE-OBS."""
    number = whole_number(str(value).replace("-", ""))
    if number is not None and re.fullmatch(r"[12]\d{7}", str(number)):
        return number
    return night_of(date_obs, night_starts)


def night_of(date_obs: str | None, starts: int) -> int | None:
    """Return the observing night of a time, YYYYMMDD; None if it is not known.

    Parameters
    ----------
    date_obs : str or None
        Time UT as in DATE-OBS.
    starts : int
        Hour UT at which the date of the night changes: local noon.
    """
    try:
        # datetime does not know second 60, of leap seconds and of rounding
        text, n_extra = _SECOND_60.subn(r"\g<1>59", date_obs or "")
        time = datetime.fromisoformat(text) + timedelta(seconds=n_extra)
        night = time if time.hour >= starts else time - timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return int(night.strftime("%Y%m%d")) if "T" in str(date_obs) else None
