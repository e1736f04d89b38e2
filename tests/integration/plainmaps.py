"""HEALPix maps the plain way: centres by hpgeom, pixels by astropy, sums by dictionaries."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt

import goodpix
from goodpix.schema.bits import BIT_SHIFT

from .neighbours import CENTRES, by_astropy, inside_region, nearest

__all__ = ["PlainImage", "plain_images", "plain_map", "set_headers"]

Ints = npt.NDArray[np.int64]

_PIXEL = 0.263 / 3600


@dataclass(slots=True)
class PlainImage:
    """One CCD image: its row, and by centre whether it is good, its flags, and whether amplifier B read it."""

    row: Any
    good: dict[int, bool] = field(default_factory=dict)
    flags: dict[int, int] = field(default_factory=dict)
    in_b: dict[int, bool] = field(default_factory=dict)

    def half(self, centre: int, a: str, b: str) -> float | None:
        """Return the value of the half of a centre by its column for A or B."""
        value: float | None = self.row[b if self.in_b[centre] else a]
        return value

    def skyvar(self, centre: int) -> float | None:
        """Return the sky variance at a centre."""
        value = self.half(centre, "skyvara", "skyvarb")
        if value is None and self.row["skysigma"] is not None:
            return float(self.row["skysigma"]) ** 2
        return value

    def weight(self, centre: int) -> float | None:
        """Return 1 / (skyvar x 100^((30 - zp) / 2.5))."""
        variance, zero_point = self.skyvar(centre), self.row["magzp"]
        if variance is None or zero_point is None:
            return None
        return float(1 / (variance * 100 ** ((30 - zero_point) / 2.5)))


def plain_images(
    catalogue: goodpix.Catalogue,
    selection: goodpix.Selection | None = None,
    *,
    unique: bool = True,
    centres: int = CENTRES,
    **filters: Any,
) -> list[PlainImage]:
    """Return the CCD images with the centres that each holds."""
    images: dict[tuple[object, ...], PlainImage] = {}
    masks = sorted(catalogue.masks(**filters), key=lambda mask: mask.key.tilename)
    for mask in masks:
        row: Any = mask.row
        coadd: Any = catalogue.mask(mask.key.tilename, mask.key.band).row
        radius = 0.51 * _PIXEL * math.hypot(row["nx"] + 12, row["ny"] + 12)
        hpix = hpgeom.query_circle(centres, row["ra_cent"], row["dec_cent"], radius, nest=True)
        px, py, pz = hpgeom.pixel_to_vector(centres, hpix, nest=True)
        sky = np.degrees([np.arctan2(py, px), np.arcsin(pz)])
        sky[0] %= 360
        x, y = nearest(np.array(by_astropy(row).all_world2pix(*sky, 1, quiet=True)) - row["position_offset"])
        inside = (x >= 0) & (x < row["nx"]) & (y >= 0) & (y < row["ny"])
        if unique and coadd["uramin"] is not None:
            inside &= inside_region(coadd, sky)
        x, y, hpix = x[inside], y[inside], hpix[inside]
        image = images.setdefault((mask.key.band, mask.key.expnum, mask.key.ccdnum), PlainImage(row))
        good, criteria, raw = mask.good(selection)[y, x], mask.criteria(selection)[y, x], mask.flags()[y, x]
        first_b, last_b = (int(each) for each in row["datasecb"][1:].split(",")[0].split(":"))
        for k, centre in enumerate(hpix.tolist()):
            if centre not in image.good or (good[k] and not image.good[centre]):
                image.good[centre] = bool(good[k])
                image.flags[centre] = int(raw[k]) & ~0xFF | int(criteria[k])
                image.in_b[centre] = first_b <= x[k] + 1 <= last_b
    return list(images.values())


def plain_map(name: str, images: list[PlainImage], nside: int, *, centres: int = CENTRES) -> dict[int, float]:
    """Return a map by pixel, without the pixels in which it is null."""
    per_pixel = (centres // nside) ** 2
    by_pixel: dict[int, list[tuple[PlainImage, int]]] = defaultdict(list)
    for image in images:
        for centre in image.good:
            by_pixel[centre // per_pixel].append((image, centre))
    values = {pixel: _value(name, held, per_pixel) for pixel, held in by_pixel.items()}
    return {pixel: value for pixel, value in values.items() if value is not None}


def _value(name: str, held: list[tuple[PlainImage, int]], per_pixel: int) -> float | None:
    """Return a statistic of one pixel, of the centres that each image has in it."""
    good = [(image, centre) for image, centre in held if image.good[centre]]
    if name == "n_images":
        return len({id(image) for image, _ in good})
    if name == "n_images_mean":
        return len(good) / per_pixel
    if name == "fracdet":
        return len({centre for _, centre in good}) / per_pixel
    if name == "fraction":
        return len(good) / len(held)
    if name == "maglim":
        return _maglim(good)
    if ":" in name or name.isupper():
        return sum(image.flags[centre] & _bit(name) != 0 for image, centre in held) / len(held)
    return _of_values(name, held, good, per_pixel)


def _bit(name: str) -> int:
    if ":" not in name:
        return int(goodpix.Criterion[name])
    plane, bit = name.split(":")
    return 1 << BIT_SHIFT[plane.lower()] + {"STAR": 5, "STREAK": 10, "NO_DATA": 0}[bit]


def _maglim(good: list[tuple[PlainImage, int]]) -> float | None:
    """Return 30 - 2.5 log10(10 sqrt(A / sum w)), with w averaged over the area that has one."""
    depths = [
        (centre, weight * image.row["pixel_area"] / math.pi)
        for image, centre in good
        if (weight := image.weight(centre)) is not None
    ]
    if not depths:
        return None
    mean = sum(depth for _, depth in depths) / len({centre for centre, _ in depths})
    return 30 - 2.5 * math.log10(10 * math.sqrt(1 / mean))


def _of_values(
    name: str, held: list[tuple[PlainImage, int]], good: list[tuple[PlainImage, int]], per_pixel: int
) -> float | None:
    quantity, _, operation = name.rpartition("_")
    if operation not in ("mean", "min", "max", "sum"):
        quantity, operation = name, "sum" if name == "exptime" else "wmean"
    values = [(image.weight(centre), value) for image, centre in good if (value := _number(quantity, image, centre))]
    if operation == "sum":
        if all(_number(quantity, image, centre) is None for image, centre in held):
            return None
        return sum(value for _, value in values) / per_pixel
    if operation == "wmean":
        weighted = [(weight, value) for weight, value in values if weight is not None]
        total = sum(weight for weight, _ in weighted)
        return sum(weight * value for weight, value in weighted) / total if weighted else None
    if not values:
        return None
    numbers = [value for _, value in values]
    return {"mean": sum(numbers) / len(numbers), "min": min(numbers), "max": max(numbers)}[operation]


def _number(quantity: str, image: PlainImage, centre: int) -> float | None:
    row, variance, zero_point = image.row, image.skyvar(centre), image.row["magzp"]
    sigma = row["skysigma"] if row["skysigma"] is not None else variance and math.sqrt(variance)
    if quantity in ("exptime", "fwhm", "skyvar", "skysigma"):
        found: float | None = {"skyvar": variance, "skysigma": sigma}.get(quantity, row.get(quantity))
        return found
    if zero_point is None:
        return None
    if quantity == "mu_sky":
        mu = zero_point - 2.5 * math.log10(row["skybrite"] / row["pixel_area"]) if row["skybrite"] else math.nan
        return mu if 14.5 <= mu <= 25 else None
    power, number = {"skyvar_zp30": (2, variance), "skysigma_zp30": (1, sigma)}[quantity]
    return None if number is None else float(number * 10 ** (0.4 * (30 - zero_point) * power))


def set_headers(database: Any, values: dict[int, dict[str, float | None]]) -> None:
    """Set header values of exposures in a catalogue's database, as if their images had them."""
    import sqlite3

    with sqlite3.connect(database) as connection:
        for expnum, columns in values.items():
            names = ", ".join(f"{name} = ?" for name in columns)
            connection.execute(f"UPDATE epoch SET {names} WHERE expnum = ?", (*columns.values(), expnum))
    connection.close()
