"""Image metadata from the FITS headers and the info file."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from ...schema.errors import HeaderMismatchError, PlaneError
from ...schema.planes.headers import whole_number
from ...schema.planes.imagefiles import planes_column
from ...schema.planes.plane import Plane
from ...schema.rows import ImageFacts
from ...schema.wcs.footprint import Footprint
from ...schema.wcs.solution import Wcs
from ..infofile import ImageInfo

__all__ = ["ExposureFacts", "check_identity", "check_shapes", "exposure_facts", "image_facts"]

Header = Mapping[str, Any]

# Hour UT at which the date of the observing night changes at Cerro Tololo, the site of DECam.
_NIGHT_STARTS = 14

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


def exposure_facts(header: Header, primary: Header) -> ExposureFacts:
    """Return the exposure metadata, each from the image HDU or else from the primary one."""
    date_obs = _text(header, primary, "DATE-OBS")
    return ExposureFacts(
        nite=_nite(_find(header, primary, "NITE"), date_obs),
        mjd_obs=_number(header, primary, "MJD-OBS"),
        date_obs=date_obs,
        exptime=_number(header, primary, "EXPTIME"),
        airmass=_number(header, primary, "AIRMASS"),
        fwhm=_number(header, primary, "FWHM"),
        skybrite=_number(header, primary, "SKYBRITE"),
        skysigma=_number(header, primary, "SKYSIGMA"),
        skyvara=_number(header, primary, "SKYVARA"),
        skyvarb=_number(header, primary, "SKYVARB"),
        bunit=_text(header, primary, "BUNIT"),
        detpos=_text(header, primary, "DETPOS"),
        dataseca=_text(header, primary, "DATASECA"),
        datasecb=_text(header, primary, "DATASECB"),
    )


def check_identity(header: Header, primary: Header, source: str, expected: Mapping[str, object]) -> None:
    """Check that a header is of the image that the info file names.

    Parameters
    ----------
    header, primary : mapping
        Headers of the image HDU and of the primary one.
    source : str
        File and extension for the message.
    expected : mapping
        Values in the info file of EXPNUM, CCDNUM, BAND (or else FILTER) and TILENAME, by keyword.

    Raises
    ------
    HeaderMismatchError
        If a keyword is present and differs.
    """
    for keyword, wanted in expected.items():
        found, name = _text(header, primary, keyword), keyword
        same = whole_number(found) == wanted if isinstance(wanted, int) else found == wanted
        if found is None and keyword == "BAND":
            # a filter's name, such as "r DECam SDSS c0002 6415.0 1480.0" or "VR DECam c0007", starts with the band
            found, name = (_text(header, primary, "FILTER") or " ").split(" ")[0] or None, "FILTER"
            same = found is not None and wanted in (found, found[0])
        if found is not None and not same:
            raise HeaderMismatchError(f"{source}: {name} is {found!r}, but the info file has {wanted!r}")


def _find(header: Header, primary: Header, keyword: str) -> Any:
    for each in (header, primary):
        value = each.get(keyword)
        if value is not None and str(value).strip():
            return value
    return None


def _text(header: Header, primary: Header, keyword: str) -> str | None:
    value = _find(header, primary, keyword)
    return None if value is None else str(value).strip()


def _number(header: Header, primary: Header, keyword: str) -> float | None:
    value = _find(header, primary, keyword)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _nite(value: object, date_obs: str | None) -> int | None:
    """Return the night as YYYYMMDD: NITE, else from DATE-OBS."""
    number = whole_number(str(value).replace("-", ""))
    if number is not None and re.fullmatch(r"[12]\d{7}", str(number)):
        return number
    try:
        # datetime does not know second 60, of leap seconds and of rounding
        text, n_extra = _SECOND_60.subn(r"\g<1>59", date_obs or "")
        time = datetime.fromisoformat(text) + timedelta(seconds=n_extra)
        night = time if time.hour >= _NIGHT_STARTS else time - timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return int(night.strftime("%Y%m%d")) if "T" in str(date_obs) else None


def image_facts(
    info: ImageInfo,
    wcs: Wcs,
    footprint: Footprint,
    *,
    fingerprint: str,
    quantization: str | None,
    inputs: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the values of `ImageFacts` by name; `inputs` has those about the input files."""
    values: dict[str, Any] = {
        "wcs": json.dumps(dict(wcs.keywords), sort_keys=True),
        "planes": planes_column(info.files),
        "ra_cent": footprint.ra_cent,
        "dec_cent": footprint.dec_cent,
        "weight_zquantiz": quantization,
        "fingerprint": fingerprint,
        **inputs,
    }
    for number, (ra, dec) in enumerate(zip(footprint.ra, footprint.dec, strict=True), start=1):
        values |= {f"rac{number}": ra, f"decc{number}": dec}
    as_given = [each.name for each in fields(ImageFacts) if each.name not in values]
    return values | {name: getattr(info, name) for name in as_given}


def check_shapes(planes: Mapping[str, Plane], what: str) -> None:
    """Check that planes have the same shape.

    Raises
    ------
    PlaneError
        If the shapes of two planes differ.
    """
    (first, reference), *others = planes.items()
    for name, plane in others:
        if plane.shape != reference.shape:
            sizes = [f"{each.shape[0]} x {each.shape[1]}" for each in (plane, reference)]
            raise PlaneError(f"{what}: {name} is {sizes[0]}, {first} is {sizes[1]}: expected equal shapes")
