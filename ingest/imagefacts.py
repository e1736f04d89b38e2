"""The part of a row that a coadd and an epoch have in common."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ..schema.errors import PlaneError
from ..schema.planes.reader import Plane
from ..schema.rows import ImageFacts
from ..schema.wcs.footprint import Footprint
from ..schema.wcs.solution import Wcs
from .infofile import EpochInfo, ImageInfo

__all__ = ["check_shapes", "image_facts"]


def image_facts(
    info: ImageInfo, wcs: Wcs, place: Footprint, *, fingerprint: str, quantization: str | None
) -> dict[str, Any]:
    """Return the values of `ImageFacts` by name."""
    planes = {name: _plane(info, name) for name in ("image", "weight", "bmask", "seg", "bkg", "head")}
    values: dict[str, Any] = {
        "wcs": json.dumps(dict(wcs.keywords), sort_keys=True),
        "planes": json.dumps({name: each for name, each in planes.items() if each}, sort_keys=True),
        "ra_cent": place.ra_cent,
        "dec_cent": place.dec_cent,
        "weight_zquantiz": quantization,
        "fingerprint": fingerprint,
    }
    for number, (ra, dec) in enumerate(zip(place.ra, place.dec, strict=True), start=1):
        values |= {f"rac{number}": ra, f"decc{number}": dec}
    as_given = [each.name for each in fields(ImageFacts) if each.name not in values]
    return values | {name: getattr(info, name) for name in as_given}


def _plane(info: ImageInfo, name: str) -> list[str | int] | None:
    """Return path and extension of a plane, None where the info file has none."""
    path = getattr(info, f"{name}_path", None)
    if not path:
        return None
    return [path] if name == "head" and isinstance(info, EpochInfo) else [path, getattr(info, f"{name}_ext")]


def check_shapes(planes: Mapping[str, Plane], what: str) -> None:
    """Refuse planes that are not of one shape.

    Raises
    ------
    PlaneError
        If two differ; names both.
    """
    (first, reference), *others = planes.items()
    for name, plane in others:
        if plane.shape != reference.shape:
            sizes = [f"{each.shape[0]} x {each.shape[1]}" for each in (plane, reference)]
            raise PlaneError(f"{what}: {name} is {sizes[0]}, {first} is {sizes[1]}: expected equal shapes")
