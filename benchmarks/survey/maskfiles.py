"""Mask files for a few tiles of the synthetic survey."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpix.schema.bits import DES_Y6
from goodpix.schema.columns import columns
from goodpix.schema.counts import Counts
from goodpix.schema.maskfile import MaskFileWriter
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.rows import CoaddFacts, EpochFacts, MaskKey, MaskRow
from goodpix.schema.store.masksroot import MasksRoot

from .coaddrows import coadds
from .rows import epochs
from .sky import BANDS, CCD_SHAPE
from .synthetic import Survey

__all__ = ["masks_that_exist", "write_mask_files"]

_N_FILES, _N_MASKS = 4, 50
_N_OBJECTS = 5_000


def masks_that_exist(survey: Survey) -> dict[int, range]:
    """Return the epochs that have masks, by index of tile and band, spread over the survey."""
    n = len(survey.tiles) * len(BANDS)
    numbers = sorted({k * n // _N_FILES for k in range(_N_FILES)})
    limits = {number: survey.first[number : number + 2].tolist() for number in numbers}
    return {number: range(first, min(first + _N_MASKS, last)) for number, (first, last) in limits.items()}


def write_mask_files(survey: Survey, root: MasksRoot) -> dict[int, str]:
    """Write the mask files; return their names by index of tile and band.

    All epochs have the same full-size mask, so that reading takes a realistic time; the counts beside it are
    the survey's.
    """
    runs = encode(_flags(CCD_SHAPE))
    own = encode(_flags((256, 256)) & np.int64(0x70))
    every = coadds(survey, {})
    names = {}
    for number, of_tile in masks_that_exist(survey).items():
        (coadd,) = every.slice(number, 1).to_pylist()
        with MaskFileWriter(root, coadd["tilename"], coadd["band"], 1, DES_Y6) as writer:
            writer.add(_row(coadd, "coadd", own), own)
            for epoch in epochs(survey, of_tile.start, of_tile.stop).to_pylist():
                writer.add(_row(epoch, "epoch", runs), runs)
            names[number] = writer.finish()
    return names


def _row(values: Mapping[str, Any], kind: str, runs: Runs) -> MaskRow:
    facts = EpochFacts if kind == "epoch" else CoaddFacts
    return MaskRow(
        key=MaskKey(values["tilename"], values["band"], kind, values.get("expnum"), values.get("ccdnum")),
        nx=runs.nx,
        ny=runs.ny,
        checksum=runs.checksum,
        counts=Counts(**{each.name: values[each.name] for each in columns(Counts)}),
        facts=facts(**{each.name: values[each.name] for each in columns(facts)}),
        bits={"se": {}, "coadd": {}},
        hpix={},
    )


def _flags(shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return flags with about as many runs as a real CCD's: objects, bad columns, edges, cosmic rays."""
    rng = np.random.default_rng(7)
    ny, nx = shape
    flags = np.zeros(shape, np.int64)
    for bit, radius in ((1, 2.0), (16, 3.0)):
        n = _N_OBJECTS * flags.size // (CCD_SHAPE[0] * CCD_SHAPE[1])
        for y, x, size in zip(rng.integers(0, ny, n), rng.integers(0, nx, n), rng.gamma(3, radius, n), strict=True):
            _draw(flags, y, x, math.ceil(size), bit)
    flags[:, rng.integers(0, nx, nx // 100)] |= 4 | 1 << 8
    flags[rng.integers(0, ny, ny // 2), rng.integers(0, nx, ny // 2)] |= 4 | 16 << 8
    flags[:16], flags[-16:] = 4 | 512 << 8, 4 | 512 << 8
    return flags


def _draw(flags: npt.NDArray[np.int64], y: int, x: int, radius: int, bit: int) -> None:
    box = flags[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
    dy, dx = np.ogrid[max(y - radius, 0) - y : box.shape[0] + max(y - radius, 0) - y, 0 : box.shape[1]]
    box[dy**2 + (dx + max(x - radius, 0) - x) ** 2 <= radius**2] |= bit
