"""Mask of a CCD image, merged over all tiles that contain it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Criterion
from ...schema.errors import MaskNotFoundError, UsageError
from ...schema.masks.rle import Runs, decode
from ...schema.rows import EpochFacts, MaskKey
from ...schema.wcs.footprint import UniqueRegion
from ...schema.wcs.pixelgrid import PixelGrid
from ..masks.mask import Mask
from ..source import Source
from .coaddgrid import find_grid

__all__ = ["ccd_mask"]

# Columns processed at a time: a few megabytes.
_COLUMNS = 64

# Columns that describe the image itself; counts differ between tiles.
_SHARED = {field.name for field in fields(EpochFacts)} | {
    "band",
    "expnum",
    "ccdnum",
    "nx",
    "ny",
    "pixel_area",
    "variables",
}


def ccd_mask(source: Source, band: str, expnum: int, ccdnum: int) -> Mask:
    """Return the mask of one CCD image over all tiles that contain it; see `goodpix.Catalogue.ccd_mask`."""
    key = MaskKey("", band, "epoch", expnum, ccdnum)
    band = key.band
    masks = list(source.masks({"band": [band], "expnum": key.expnum, "ccdnum": key.ccdnum}))
    if not masks:
        raise MaskNotFoundError(
            f"the catalogue has no mask of exposure {expnum}, CCD {ccdnum}, band {band}: goodpix ccds lists all it has"
        )
    first = masks[0]
    for mask in masks:
        if mask.shape != first.shape:
            raise UsageError(
                f"{first.key} has {first.shape[1]} x {first.shape[0]} pixels, {mask.key} has "
                f"{mask.shape[1]} x {mask.shape[0]}: expected images of the same size"
            )
    layers = [_Layer.of(mask, find_grid(source.database, mask.key.tilename, band).region) for mask in masks]
    tilename = "+".join(mask.key.tilename for mask in masks)
    row = {name: value for name, value in (first.row or {}).items() if name in _SHARED}
    return Mask(
        MaskKey(tilename, band, "epoch", key.expnum, key.ccdnum),
        first.encoded if len(masks) == 1 else _merged(layers),
        first.bit_names,
        row={**row, "tilename": tilename},
        catalogue=first.catalogue,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """Flags of the CCD image in one tile."""

    flags: npt.NDArray[np.int64]
    """Shape (nx, ny)."""
    region: UniqueRegion | None
    grid: PixelGrid
    solution: tuple[str, float]
    """WCS and offset, which determine the directions of pixels."""

    @classmethod
    def of(cls, mask: Mask, region: UniqueRegion | None) -> "_Layer":
        row: Mapping[str, Any] = mask.row or {}
        return cls(decode(mask.encoded).T, region, mask.grid, (row["wcs"], mask.position_offset))


def _merged(layers: Sequence[_Layer]) -> Runs:
    nx, ny = layers[0].flags.shape
    out = np.empty((nx, ny), np.int64)
    for x0 in range(0, nx, _COLUMNS):
        columns = slice(x0, min(x0 + _COLUMNS, nx))
        # tiles usually share a CCD's solution, but SCAMP solutions differ between tiles
        vectors: dict[tuple[str, float], npt.NDArray[np.float64]] = {}
        best = np.zeros(out[columns].shape, np.uint8)
        out[columns] = layers[0].flags[columns]
        for layer in layers:
            flags = layer.flags[columns]
            rank = ((flags & Criterion.OFF_COADD) == 0).astype(np.uint8)
            if layer.region is not None:
                if layer.solution not in vectors:
                    vectors[layer.solution] = layer.grid.columns(columns)
                rank *= layer.region.contains(vectors[layer.solution]).reshape(rank.shape) + np.uint8(1)
            np.copyto(out[columns], flags, where=rank > best)
            np.maximum(best, rank, out=best)
    return _encoded(out)


def _encoded(columns: npt.NDArray[np.int64]) -> Runs:
    """Return the runs of an image given as columns, shape (nx, ny)."""
    nx, ny = columns.shape
    flat = columns.ravel()
    starts = np.append(0, np.flatnonzero(flat[1:] != flat[:-1]) + 1)
    return Runs(nx, ny, np.diff(starts, append=flat.size).astype(np.uint32), flat[starts])
