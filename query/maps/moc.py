"""Multi-order coverage maps of good sky."""

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ...schema.extras import optional
from ...schema.files.outputfile import output_file
from ...schema.wcs.footprint import NSIDE
from ..filters import FilterKeywords
from ..provenance import Provenance
from ..source import Source
from .memory import check_memory
from .patches import PATCH_NSIDE, Patch, find_patches, map_patches
from .skyarea import GoodCentres
from .statistics import filters_text

__all__ = ["FEW_ORDER", "MANY_ORDER", "check_moc_name", "make_moc", "moc_area", "write_moc"]

_FINEST = 29

FEW_ORDER, MANY_ORDER = 17, 13
"""Default order of a MOC of a few tiles (cells of 1.6 arcsec), and of more (26 arcsec)."""

# Pixels of footprints of a few tiles: 21 square degrees.
_FEW_PIXELS = 400

_FORMATS = {".fits": "fits", ".txt": "ascii", ".json": "json"}

_ARCMIN2_PER_SKY = 4 * np.pi * (180 * 60 / np.pi) ** 2


def make_moc(
    source: Source,
    selection: Selection | None = None,
    *,
    max_order: int | None = None,
    path: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    **filters: Unpack[FilterKeywords],
) -> Any:
    """Return the coverage of good sky as a `mocpy.MOC`; see `goodpix.Catalogue.moc`."""
    if max_order is not None:
        _check_order(max_order)
    if path is not None:
        check_moc_name(path)
    with optional("mocpy"):
        from mocpy import MOC  # an extra
    bound = source.bound(selection)
    spread = executor is not None or workers > 1
    patches = find_patches(source.database, PATCH_NSIDE, filters, spread=spread)
    n_pixels = sum(len(patch.cells) for patch in patches)
    order = int(max_order) if max_order is not None else FEW_ORDER if n_pixels <= _FEW_PIXELS else MANY_ORDER
    nside = 1 << order
    if patches and nside < patches[0].nside:  # a cell belongs to one patch
        patches = find_patches(source.database, nside, filters, spread=spread)
    check_memory(f"max_order is {order}", _n_bytes(patches, nside, workers))
    found = map_patches(source, bound, GoodCentres(nside, bound), patches, filters, executor=executor, workers=workers)
    ranges = np.concatenate([np.empty((0, 2), np.int64), *found])
    moc = MOC.from_depth29_ranges(order, np.uint64(ranges) << np.uint64(2 * (_FINEST - order)))
    if path is not None:
        cards = Provenance.of(bound, catalogue=source.database.identity).cards()
        write_moc(moc, path, {"FILTERS": filters_text(filters)} | {card["name"]: card["value"] for card in cards})
    return moc


def _check_order(order: object) -> None:
    if not isinstance(order, int | np.integer) or isinstance(order, bool) or not 0 <= order <= _FINEST:
        raise UsageError(f"max_order is {order!r}: expected a whole number from 0 to {_FINEST}")


def moc_area(moc: Any) -> float:
    """Return the area of a MOC, arcmin^2."""
    return float(moc.sky_fraction) * _ARCMIN2_PER_SKY


def check_moc_name(path: str | os.PathLike[str]) -> str:
    """Return the format that the ending of a MOC's file name stands for.

    Raises
    ------
    UsageError
        If it stands for none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError(f"{os.fspath(path)}: expected a name that ends in {', '.join(_FORMATS)}")
    return _FORMATS[suffix]


def write_moc(moc: Any, path: str | os.PathLike[str], cards: Mapping[str, Any]) -> None:
    """Write a MOC in the format of the ending of the file name; FITS alone has room for cards."""
    kind = check_moc_name(path)
    with output_file(path) as file:
        if kind == "fits":
            moc.save(file, "fits", overwrite=True, fits_keywords=dict(cards))
        else:
            file.write_text(moc.to_string(kind) + "\n")


def _n_bytes(patches: list[Patch], nside: int, workers: int) -> int:
    """Return the memory that a MOC may take while it is made, bytes: in the worst case, every other cell is good."""
    n_cells = [len(patch.cells) * max(1, nside // NSIDE) ** 2 for patch in patches] or [0]
    return 8 * sum(n_cells) + 10 * max(n_cells) * workers
