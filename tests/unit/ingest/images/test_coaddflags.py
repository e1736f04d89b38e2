"""Facts about the coded flags of coadds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.images.coaddflags import CodedCoadd, code_coadd
from goodpix.ingest.images.pixels import PlaneFiles
from goodpix.schema.masks.rle import decode
from goodpix.schema.wcs.footprint import UniqueRegion
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

from ..tinytile import COADD_SHAPE, cards, coadd_flags, info_of, some_planes, write_image

PLANES = some_planes(COADD_SHAPE, 0)
REGION = UniqueRegion(20.0, 21.0, -34.0, -33.0)
GRID = PixelGrid(Wcs.from_header(cards(), "test"), COADD_SHAPE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> PlaneFiles:
    folder = tmp_path_factory.mktemp("coadd")
    write_image(folder / "coadd.fits", PLANES, cards())
    return PlaneFiles.of(info_of(folder))


def coded(files: PlaneFiles, unique: UniqueRegion | None = None, **how: Any) -> CodedCoadd:
    return code_coadd(files, GRID, unique=unique, **how)


def test_each_pixel_has_the_code_of_its_flags(files: PlaneFiles) -> None:
    flags = coded(files).flags
    assert flags.shape == COADD_SHAPE
    assert np.array_equal(flags.flags[flags.codes.array[1:-1, 1:-1]], coadd_flags(PLANES))


def test_border_is_off_the_coadd(files: PlaneFiles) -> None:
    flags = coded(files, REGION).flags
    codes = flags.codes.array.copy()
    codes[1:-1, 1:-1] = 0
    assert not codes.any()
    assert (flags.flags[0], flags.unique[0]) == (8, False)
    assert not (flags.codes.array[1:-1, 1:-1] == 0).any()


def test_few_different_pixels_take_one_byte_each(files: PlaneFiles) -> None:
    assert coded(files).flags.codes.array.dtype == np.uint8


def test_own_mask_has_the_runs_of_the_flags(files: PlaneFiles) -> None:
    own = coded(files).own_runs()
    assert np.array_equal(decode(own.runs), coadd_flags(PLANES))
    assert (own.n_unique, own.n_good_unique) == (0, 0)


def test_unique_pixels_are_coded_apart(files: PlaneFiles) -> None:
    found = coded(files, REGION)
    flags, inside = found.flags, REGION.contains_rows(GRID, slice(0, COADD_SHAPE[0]))
    own = found.own_runs()
    assert np.array_equal(flags.unique[flags.codes.array[1:-1, 1:-1]], inside)
    assert (own.n_unique, own.n_good_unique) == (inside.sum(), (inside & (coadd_flags(PLANES) == 0)).sum())
    assert np.array_equal(decode(own.runs), coadd_flags(PLANES))
    assert (flags.has_region, coded(files).flags.has_region) == (True, False)


def test_codes_lie_in_a_file_where_a_folder_is_given(files: PlaneFiles, tmp_path: Path) -> None:
    shared = coded(files, scratch=tmp_path).flags
    assert [shared.codes.path] == list(tmp_path.iterdir())
    assert np.array_equal(shared.codes.array, coded(files).flags.codes.array)
