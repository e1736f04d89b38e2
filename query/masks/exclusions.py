"""Pixels of a mask that a selection excludes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Amplifiers, Region
from ...schema.bits import EXCLUDED, OWN_CUT
from ...schema.criteria import Exclusion
from ...schema.errors import UsageError
from ...schema.masks.rle import Runs, encode, merge_runs
from ...schema.masks.runalgebra import good_in_both
from ...schema.rows import MaskKey
from ...schema.wcs.pixelgrid import PixelGrid, stored_grid
from ...schema.wcs.solution import unit_vectors
from ..shapes import Disc
from .regions import pixels_inside

__all__ = ["ImageBox", "exclude", "excluded_pixels"]

Bools = npt.NDArray[np.bool_]

_CUT = np.int64(OWN_CUT | EXCLUDED)


@dataclass(frozen=True, slots=True, eq=False)
class ImageBox:
    """A box of pixels of an image.

    Parameters
    ----------
    key : MaskKey
        The image.
    row : mapping of str to object, optional
        Its row in the catalogue, with the night, the amplifiers' sections and the WCS.
    box : Region
        The box.
    shape : tuple of int
        (ny, nx) of the whole image.
    """

    key: MaskKey
    row: Mapping[str, Any] | None
    box: Region
    shape: tuple[int, int]

    def value(self, name: str) -> Any:
        """Return a column of the row, or a field of the key; None where there is neither."""
        return getattr(self.key, name, None) if self.row is None else self.row.get(name)


def exclude(runs: Runs, exclusions: Sequence[Exclusion], image: ImageBox) -> Runs:
    """Return the runs of a box of an image with excluded pixels flagged as `OWN_CUT` and `EXCLUDED`."""
    excluded = excluded_pixels(exclusions, image)
    if excluded is None:
        return runs
    if excluded.all():
        return merge_runs((runs.ny, runs.nx), runs.lengths, runs.flags | _CUT)
    cut = encode(excluded.astype(np.uint8))
    return good_in_both(runs, Runs(cut.nx, cut.ny, cut.lengths, cut.flags.astype(np.int64) * _CUT))


def excluded_pixels(exclusions: Sequence[Exclusion], image: ImageBox) -> Bools | None:
    """Return which pixels of a box of an image are excluded.

    In a mask that was merged from several tiles and no longer knows them, pixels are excluded that are so in all of
    them; see `goodpix.query.masks.merge.without_tiles`.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True is excluded; None if no pixel can be.

    Raises
    ------
    UsageError
        If an exclusion is a place on the sky and the image has no WCS, or an amplifier and those of the image are
        unknown.
    """
    if not exclusions:
        return None
    out: Bools | None = None
    for tilename in _tiles(exclusions, str(image.value("tilename") or "")):
        of_tile = _union([each for each in exclusions if _concerns(each, image, tilename)], image)
        if of_tile is None:
            return None
        out = of_tile if out is None else out & of_tile
    return out


def _tiles(exclusions: Sequence[Exclusion], joined: str) -> list[str]:
    """Return the tiles of a mask that exclusions name, and an empty name if it has others."""
    rest, named = f"+{joined}+", []
    for tilename in {each.tilename for each in exclusions} - {None}:
        if f"+{tilename}+" in rest:
            rest = rest.replace(f"+{tilename}+", "+")
            named.append(str(tilename))
    return [*named, ""] if rest.strip("+") or not named else named


def _concerns(exclusion: Exclusion, image: ImageBox, tilename: str) -> bool:
    """Return whether an exclusion concerns an image, as one of a tile."""
    if exclusion.band not in (None, image.value("band")) or exclusion.tilename not in (None, tilename):
        return False
    # these are of CCD images
    of_ccd = (exclusion.box, exclusion.amplifier, exclusion.image_flags)
    if image.key.kind == "coadd" and any(each is not None for each in of_ccd):
        return False
    numbers = ((name, getattr(exclusion, name)) for name in ("expnum", "ccdnum", "nite", "image_flags"))
    return all(wanted is None or wanted.holds(image.value(name)) for name, wanted in numbers)


def _union(exclusions: Sequence[Exclusion], image: ImageBox) -> Bools | None:
    """Return the pixels that any of some exclusions of an image holds; None if no pixel is held."""
    box = image.box
    out: Bools = np.zeros((box.y1 - box.y0, box.x1 - box.x0), np.bool_)
    discs: dict[Region, list[tuple[float, float, float]]] = {}
    for exclusion in exclusions:
        region = _region(exclusion, image)
        if region is None:
            continue
        if exclusion.disc is None:
            out[region.y0 - box.y0 : region.y1 - box.y0, region.x0 - box.x0 : region.x1 - box.x0] = True
        else:
            discs.setdefault(region, []).append(exclusion.disc)
    for region, within in discs.items():
        if image.row is None:
            raise UsageError(
                f"{image.key} has no WCS: expected a mask from a catalogue for places on the sky to exclude"
            )
        grid = stored_grid(image.row["wcs"], image.shape, float(image.row["position_offset"]))
        inside = pixels_inside(grid, region, _near(grid, region, np.array(within)))
        out[region.y0 - box.y0 : region.y1 - box.y0, region.x0 - box.x0 : region.x1 - box.x0] |= inside
    return out if out.any() else None


def _near(grid: PixelGrid, region: Region, discs: npt.NDArray[np.float64]) -> list[Disc]:
    """Return the discs near a box of pixels; a list of places is mostly of those elsewhere.

    Parameters
    ----------
    grid : PixelGrid
        The image.
    region : Region
        The box.
    discs : ndarray of float64, shape (n, 3)
        Right ascension, declination and radius, degrees.
    """
    x, y = (np.linspace(*ends, 5) for ends in ((region.x0 - 1, region.x1), (region.y0 - 1, region.y1)))
    vectors = grid.vectors(np.tile(x, 5), np.repeat(y, 5))
    middle = vectors[:, 12:13]
    # with a margin for distortions between the 25 positions; straight distances obey the triangle inequality
    reach = 1.2 * np.sqrt(((vectors - middle) ** 2).sum(axis=0).max())
    away = np.sqrt(((unit_vectors(discs[:, 0], discs[:, 1]) - middle) ** 2).sum(axis=0))
    near = away <= reach + 2 * np.sin(np.radians(discs[:, 2]) / 2)
    return Disc.many(*discs[near].T)


def _halves(image: ImageBox) -> Amplifiers:
    if image.row is None:  # of no catalogue, such as one read from a file of its own
        return Amplifiers.halves(image.shape)
    halves = Amplifiers.of_image(image.row, image.shape)
    if halves is None:
        raise UsageError(
            f"the amplifiers of {image.key} are unknown: expected an exclusion with a box instead of an amplifier"
        )
    return halves


def _region(exclusion: Exclusion, image: ImageBox) -> Region | None:
    """Return the part of the box in an exclusion's own box and amplifier; None if that is empty."""
    regions = [image.box]
    if exclusion.box is not None:
        regions.append(exclusion.box)
    if exclusion.amplifier is not None:
        halves = _halves(image)
        regions.append(halves.a if exclusion.amplifier == "A" else halves.b)
    x0, y0 = max(each.x0 for each in regions), max(each.y0 for each in regions)
    x1, y1 = min(each.x1 for each in regions), min(each.y1 for each in regions)
    return Region(x0, x1, y0, y1) if x0 < x1 and y0 < y1 else None
