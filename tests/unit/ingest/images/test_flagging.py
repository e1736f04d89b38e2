"""Facts about flags of epochs on coadds of many and of few different pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goodpix.ingest.images.coaddflags import CoaddFlags, RegionRuns, code_coadd
from goodpix.ingest.images.flagging import flag_epoch
from goodpix.ingest.images.pixels import PlaneFiles
from goodpix.schema.masks.rle import decode
from goodpix.schema.planes.reader import PlaneReader
from goodpix.schema.wcs.footprint import UniqueRegion
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, WcslibMap, pixel_map
from goodpix.schema.wcs.solution import Wcs

from ..tinytile import COADD_SHAPE, SHAPE, Pixels, Planes, cards, epoch_flags, info_of, some_planes, write_image

SHIFT = (9, 10)
REGION = UniqueRegion(20.0, 21.0, -34.0, -33.0)


def grid(shape: tuple[int, int], x: int = 0, y: int = 0) -> PixelGrid:
    return PixelGrid(Wcs.from_header(cards(x=x, y=y), "test"), shape)


COADD_GRID, GRID = grid(COADD_SHAPE), grid(SHAPE, *SHIFT)


def many_bits() -> dict[str, Pixels]:
    """Return planes of a coadd with more than 32 different pixels, though not by much."""
    bmask = np.arange(COADD_SHAPE[0] * COADD_SHAPE[1], dtype=np.int32).reshape(COADD_SHAPE) % 40
    return {"weight": np.ones(COADD_SHAPE, np.float32), "bmask": bmask, "seg": np.zeros(COADD_SHAPE, np.int32)}


FEW, MANY = some_planes(COADD_SHAPE, 0), many_bits()


def coded(folder: Path, planes: Planes, unique: UniqueRegion | None = None) -> CoaddFlags:
    write_image(folder / "coadd.fits", planes, cards())
    return code_coadd(PlaneFiles.of(info_of(folder)), COADD_GRID, unique=unique).flags


def flagged(folder: Path, coadd: CoaddFlags, mapping: PixelMap | None = None, *, overlap: bool = True) -> RegionRuns:
    write_image(folder / "1.fits", some_planes(SHAPE, 1), cards())
    with PlaneReader() as reader:
        blocks = PlaneFiles.of(info_of(folder).src_info[0]).planes(reader).blocks()
        return flag_epoch(blocks, SHAPE, mapping or pixel_map(GRID, COADD_GRID), coadd, overlap=overlap)


@pytest.mark.parametrize("planes", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("region", [None, REGION], ids=["no region", "region"])
def test_flags_from_runs_are_those_from_planes(tmp_path: Path, planes: Planes, region: UniqueRegion | None) -> None:
    """The runs are of a mask with the flags of another coadd, which do not matter."""
    coadd, other = (coded(tmp_path, each, region) for each in (planes, some_planes(COADD_SHAPE, 5)))
    runs = flagged(tmp_path, other).runs
    found, expected = flag_epoch(runs, SHAPE, pixel_map(GRID, COADD_GRID), coadd), flagged(tmp_path, coadd)
    assert np.array_equal(decode(found.runs), decode(expected.runs))
    assert found.runs.checksum == expected.runs.checksum
    assert (found.n_unique, found.n_good_unique) == (expected.n_unique, expected.n_good_unique)


@pytest.mark.parametrize("planes", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("by_wcslib", [False, True])
@pytest.mark.parametrize("overlap", [True, False])
def test_flags_are_those_of_plain_numpy(tmp_path: Path, planes: Planes, by_wcslib: bool, overlap: bool) -> None:
    mapping = WcslibMap(GRID, COADD_GRID) if by_wcslib else None
    found = flagged(tmp_path, coded(tmp_path, planes), mapping, overlap=overlap)
    assert np.array_equal(decode(found.runs), epoch_flags(some_planes(SHAPE, 1), planes, *SHIFT))
    assert (found.n_unique, found.n_good_unique) == (0, 0)


def test_unique_pixels_are_those_whose_nearest_coadd_pixel_is(tmp_path: Path) -> None:
    found = flagged(tmp_path, coded(tmp_path, FEW, REGION))
    inside = np.zeros((40, 60), np.bool_)
    inside[:24, 20:50] = REGION.contains_rows(COADD_GRID, slice(0, 24))
    unique = inside[SHIFT[1] : SHIFT[1] + SHAPE[0], 20 + SHIFT[0] : 20 + SHIFT[0] + SHAPE[1]]
    assert 0 < unique.sum() < unique.size
    assert found.n_unique == unique.sum()
    assert found.n_good_unique == (unique & (decode(found.runs) == 0)).sum()


def test_image_that_is_nowhere_on_the_coadd_has_its_own_flags(tmp_path: Path) -> None:
    coadd = coded(tmp_path, FEW)
    far = pixel_map(replace(GRID, offset=5000), COADD_GRID)
    flags = epoch_flags(some_planes(SHAPE, 1), FEW, *SHIFT) & ~np.int64(0x78 | 0xFFFFFF << 32)
    assert np.array_equal(decode(flagged(tmp_path, coadd, far).runs), flags | 8)
