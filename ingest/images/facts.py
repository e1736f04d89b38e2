"""Image metadata from the info file, and its comparison with FITS headers."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ...schema.errors import HeaderMismatchError, PlaneError
from ...schema.planes.headers import whole_number
from ...schema.planes.imagefiles import planes_column
from ...schema.planes.plane import Plane
from ...schema.rows import ImageFacts
from ...schema.wcs.footprint import Footprint
from ...schema.wcs.solution import Wcs
from ..exposurefacts import header_text
from ..infofile import ImageInfo

__all__ = ["check_identity", "check_shapes", "image_facts"]

Header = Mapping[str, Any]


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
        found, name = header_text(header, primary, keyword), keyword
        same = whole_number(found) == wanted if isinstance(wanted, int) else found == wanted
        if found is None and keyword == "BAND":
            # a filter's name, such as "r DECam SDSS c0002 6415.0 1480.0" or "VR DECam c0007", starts with the band
            found, name = (header_text(header, primary, "FILTER") or " ").split(" ")[0] or None, "FILTER"
            same = found is not None and wanted in (found, found[0])
        if found is not None and not same:
            raise HeaderMismatchError(f"{source}: {name} is {found!r}, but the info file has {wanted!r}")


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
