"""Coadds of one's own, and the CCD images that overlap them."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from ...schema.bits import BitNames
from ...schema.errors import AmbiguousInputError, GoodpixError, UsageError, expected_by
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.imagefiles import PlaneFile
from ...schema.planes.reader import PlaneReader
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.pixelmap import pixel_map
from ...schema.wcs.solution import Wcs
from ..infofile import EpochInfo, TileInfo
from .description import Entries, PlaneDescription, read_entries
from .exposure import Conversions

__all__ = ["OwnCoadd", "coadd_bit_names", "overlap", "read_coadds", "tiles_of_coadds"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

# Points per edge of an image at which its outline is followed.
_POINTS = 33

_WHAT = "a description of a coadd, with tilename, band, image, weight, seg"


class OwnCoadd(TileInfo):
    """A coadd of one's own with the CCD images that overlap it; its headers need not name tile and band."""

    conversions: Conversions = Field(default_factory=dict)
    """Conversion of the stored pixels of a plane, by its name."""

    bit_names: Mapping[str, int] = Field(default_factory=dict, exclude=True)
    """Value of each named bit of its mask, as it is stored."""

    def file(self, plane: str) -> PlaneFile | None:
        """Return the file of a plane with its conversion."""
        file = super().file(plane)
        return file and replace(file, conversion=self.conversions.get(plane))

    @property
    def identity(self) -> dict[str, object]:
        """No keywords."""
        return {}

    @property
    def lists_epochs(self) -> bool:
        """False: its CCD images are found by their positions."""
        return False


def read_coadds(paths: Iterable[Path]) -> dict[Path, OwnCoadd]:
    """Return the coadds that YAML files describe, without CCD images, by file.

    Raises
    ------
    UsageError
        If a file cannot be used; the message names the file, the key, its value and what was expected.
    AmbiguousInputError
        If two are of one tile and band.
    """
    coadds: dict[Path, OwnCoadd] = {}
    of_tile: dict[tuple[str, str], Path] = {}
    for path in dict.fromkeys(Path(each).absolute() for each in paths):
        coadd = _read(path)
        tile = (coadd.tilename, coadd.band)
        if tile in of_tile:
            raise AmbiguousInputError(
                f"{of_tile[tile]} and {path} are both of tile {tile[0]}, band {tile[1]}: give one of them"
            )
        coadds[path], of_tile[tile] = coadd, path
    return coadds


def _read(path: Path) -> OwnCoadd:
    entries = read_entries(path, _WHAT).only("tilename", "band", "image", "weight", "mask", "seg", "unique")
    values: dict[str, Any] = {name: entries.take(name, str, "a word") for name in ("tilename", "band")}
    for name, value in values.items():
        if value is None:
            raise entries.error(name, None, "a word, such as my-tile" if name == "tilename" else "a band, such as r")
    conversions: dict[str, Conversion] = {}
    names: Mapping[str, int] = {}
    for plane, name in {"image": "image", "weight": "weight", "mask": "bmask", "seg": "seg"}.items():
        described = PlaneDescription.take(entries, plane, path.parent, required=plane != "mask")
        if described is None:
            values |= {"bmask_path": values["weight_path"], "bmask_ext": values["weight_ext"]}
            conversions[name] = Conversion(Meaning.NONE)
            continue
        if described.files is not None and "*" in described.files:
            raise entries.error(f"{plane}.files", described.files, "the path of one file")
        ext = described.ext if described.ext is not None or plane == "image" else values["image_ext"]
        ext = 0 if ext is None else ext
        if isinstance(ext, tuple) or (isinstance(ext, str) and "*" in ext):
            raise entries.error(f"{plane}.ext", list(ext), "one extension")
        values |= {f"{name}_path": described.files or values["image_path"], f"{name}_ext": ext}
        if described.conversion is not None:
            conversions[name] = described.conversion
        names = described.names if plane == "mask" else names
    values |= _unique(entries)
    nobody = {"expnum": 0, "ccdnum": 0} | {
        f"{plane}_{part}": values[f"{plane}_{part}"]
        for plane in ("image", "weight", "bmask")
        for part in ("path", "ext")
    }
    try:
        # the CCD image stands in for those that are found later
        return OwnCoadd.model_validate({**values, "conversions": conversions, "bit_names": names, "src_info": [nobody]})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {key} is {first['input']!r}: {expected_by(first)}") from error


def _unique(entries: Entries) -> dict[str, Any]:
    """Return the limits of the tile's unique region; none by default."""
    given = entries.below("unique", "a mapping with uramin, uramax, udecmin, udecmax, degrees")
    if given is None:
        return {}
    names = ("uramin", "uramax", "udecmin", "udecmax")
    limits = {name: given.only(*names).take(name, (int, float), "degrees") for name in names}
    for name, value in limits.items():
        if value is None or not (-360 if "ra" in name else -90) <= value <= (720 if "ra" in name else 90):
            raise given.error(name, value, "degrees")
    if not limits["udecmin"] < limits["udecmax"]:
        raise given.error("udecmin", limits["udecmin"], "less than udecmax")
    return limits


def coadd_bit_names(names: BitNames, coadds: Mapping[Path, OwnCoadd]) -> BitNames:
    """Return the names of mask bits with those of coadds.

    Raises
    ------
    AmbiguousInputError
        If two coadds differ in them.
    """
    (first, of_first), *others = coadds.items()
    for path, other in others:
        if other.bit_names != of_first.bit_names:
            raise AmbiguousInputError(f"{first} and {path} name mask bits differently: expected equal names")
    return BitNames(se=names.se, coadd=of_first.bit_names)


def tiles_of_coadds(
    exposures: Iterable[tuple[Path, TileInfo]], coadds: Mapping[Path, OwnCoadd]
) -> dict[Path, TileInfo]:
    """Return each coadd as a tile with the CCD images of its band that overlap it, by the file that describes it.

    Parameters
    ----------
    exposures : iterable of (Path, TileInfo)
        Exposures by file.
    coadds : mapping of Path to OwnCoadd
        Coadds by the file that describes them.

    Raises
    ------
    AmbiguousInputError
        If a CCD image is in two exposures.
    UsageError
        If no CCD image overlaps any coadd, or the header of a coadd cannot be used.
    """
    grids = {path: _coadd_grid(path, coadd) for path, coadd in coadds.items()}
    chosen: dict[Path, list[EpochInfo]] = defaultdict(list)
    n_left = n_without_wcs = 0
    origins: dict[tuple[str, int, int], Path] = {}
    for file, exposure in exposures:
        with PlaneReader() as reader:
            for entry in exposure.src_info:
                key = (entry.band, entry.expnum, entry.ccdnum)
                if key in origins:
                    raise AmbiguousInputError(
                        f"{origins[key]} and {file} both hold CCD image {entry.name} in band {entry.band}: "
                        "give one of them"
                    )
                origins[key] = file
                same_band = {path: grid for path, grid in grids.items() if coadds[path].band == entry.band}
                where = _overlapped(reader, entry, same_band)
                has_failed = entry.wcs_vouched is False
                n_left += not where and not has_failed
                n_without_wcs += has_failed
                for path in where:
                    chosen[path].append(entry)
    if origins and not chosen:
        shown = ", ".join(str(path) for path in coadds)
        failed = f" ({n_without_wcs} of {len(origins)} have a WCS that has failed)" if n_without_wcs else ""
        raise UsageError(f"{shown}: no CCD image of its band overlaps the coadd{failed}: expected one or more")
    if n_left:
        logger.info("CCD images left out, since no coadd of their band overlaps them: %d", n_left)
    if n_without_wcs:
        logger.info("CCD images left out, since their WCS has failed: %d", n_without_wcs)
    for path in coadds.keys() - chosen.keys():
        logger.warning("%s: left out: no CCD image of its band overlaps it", path)
    return {path: _tile(coadd, chosen[path]) for path, coadd in coadds.items() if path in chosen}


def _tile(coadd: OwnCoadd, entries: Sequence[EpochInfo]) -> TileInfo:
    """Return a coadd with its CCD images, which are epochs of its tile."""
    moved = tuple(entry.model_copy(update={"tilename": coadd.tilename}) for entry in entries)
    return coadd.model_copy(update={"src_info": moved})


def _coadd_grid(path: Path, coadd: OwnCoadd) -> PixelGrid:
    try:
        with PlaneReader() as reader:
            image = reader.plane(coadd.image_path, coadd.image_ext)
            return PixelGrid(Wcs.from_header(image.header, coadd.image_path), image.shape)
    except GoodpixError as error:
        raise UsageError(f"{path}: {error}") from error


def _overlapped(reader: PlaneReader, entry: EpochInfo, grids: Mapping[Path, PixelGrid]) -> list[Path]:
    """Return the coadds that a CCD image overlaps; all if it cannot be read, so that it is a failure of its tile."""
    if entry.wcs_vouched is False or not grids:
        return []
    try:
        image = reader.plane(entry.image_path, entry.image_ext)
        wcs = Wcs.from_header(image.header if entry.own_wcs is None else entry.own_wcs, entry.image_path)
    except GoodpixError:
        return list(grids)
    grid = PixelGrid(wcs, image.shape, entry.position_offset)
    return [path for path, coadd in grids.items() if overlap(grid, coadd)]


def overlap(image: PixelGrid, coadd: PixelGrid) -> bool:
    """Return whether two images overlap on the sky, to about a pixel of the coadd.

    Parameters
    ----------
    image, coadd : PixelGrid
        The images.

    Notes
    -----
    Convex outlines do not overlap where a line parallel to an edge of one of them separates them.
    """
    (ny, nx), (height, width) = image.shape, coadd.shape
    t = np.linspace(0, 1, _POINTS)
    low, high = np.full_like(t, -0.5), np.ones_like(t)
    x = np.concatenate([t * nx - 0.5, high * nx - 0.5, (1 - t) * nx - 0.5, low])
    y = np.concatenate([low, t * ny - 0.5, high * ny - 0.5, (1 - t) * ny - 0.5])
    across, up = pixel_map(image, coadd).positions(x, y)
    seen = np.isfinite(across) & np.isfinite(up)
    if not seen.any():
        return False
    outline = np.array([across[seen], up[seen]])
    corners = np.array([[-1.5, width + 0.5, width + 0.5, -1.5], [-1.5, -1.5, height + 0.5, height + 0.5]])
    return not any(_separates(normal, outline, corners) for normal in _normals(outline))


def _normals(outline: Floats) -> Iterable[Floats]:
    """Return the directions across the edges of a coadd and of an outline."""
    yield np.array([1.0, 0.0])
    yield np.array([0.0, 1.0])
    n = outline.shape[1] // 4
    for side in (0, n):
        edge = outline[:, side + n - 1] - outline[:, side]
        length = float(np.hypot(*edge))
        if length > 0:
            yield np.array([-edge[1], edge[0]]) / length


def _separates(normal: Floats, a: Floats, b: Floats) -> bool:
    of_a, of_b = normal @ a, normal @ b
    return bool(of_a.max() < of_b.min() or of_b.max() < of_a.min())
