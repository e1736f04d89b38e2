"""Facts about images that are stored as tiles, some of them damaged."""

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.errors import DamagedFileError, UnsupportedFitsError
from goodpix.schema.planes import tiled
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane
from goodpix.schema.planes.tiles import TileTable

Pixels = npt.NDArray[Any]

PIXELS = (np.arange(12 * 70).reshape(12, 70) % 23 - 5).astype(np.int16)


def positive(path: Path) -> Pixels:
    with FitsFile(str(path)) as file:
        return open_plane(file, 1).positive()


def nonzero(path: Path) -> Pixels:
    with FitsFile(str(path)) as file:
        return open_plane(file, 1).nonzero()


@pytest.fixture(params=["RICE", "GZIP", "GZIP_2"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An image of integers, one tile a row."""
    fitsio.write(str(tmp_path / "a.fits"), PIXELS, compress=request.param)
    return tmp_path / "a.fits"


@pytest.mark.parametrize("chunk", [1, 100, 1 << 17])
def test_pixels_are_the_same_whatever_is_done_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(tiled, "_CHUNK", chunk)
    assert np.array_equal(positive(path), PIXELS > 0)
    assert np.array_equal(nonzero(path), PIXELS != 0)


@pytest.mark.parametrize("tile", [(5, 70), (5, 33), (12, 1), (12, 70)])
def test_tiles_at_the_edges_are_smaller(tmp_path: Path, tile: tuple[int, int]) -> None:
    fitsio.write(str(tmp_path / "a.fits"), PIXELS, compress="RICE", tile_dims=tile)
    assert np.array_equal(positive(tmp_path / "a.fits"), PIXELS > 0)


def edit(path: Path, change: Callable[[Any], None]) -> Path:
    """Change the table behind an image."""
    with fits.open(path, mode="update", disable_image_compression=True) as file:
        change(file[1])
    return path


def in_tile(path: Path, number: int, change: Callable[[bytearray], None]) -> None:
    """Change the bytes of a tile in place."""
    with FitsFile(str(path)) as file:
        found = TileTable(file, file.unit(1)).data["COMPRESSED_DATA"]
    start, size = int(found.start[number]), int(found.size[number])
    content = bytearray(path.read_bytes())
    part = content[start : start + size]
    change(part)
    content[start : start + size] = part
    path.write_bytes(content)


def cut_off(part: bytearray) -> None:
    part[len(part) // 2 :] = bytes(len(part) - len(part) // 2)


def test_damaged_tile_is_named_with_its_codec(path: Path) -> None:
    in_tile(path, 4, cut_off)
    with pytest.raises(
        DamagedFileError, match=r"a\.fits\[1\]: tile 4 is damaged: cannot be decoded by (RICE_1|GZIP_[12]) to int16"
    ):
        positive(path)


def test_tile_of_too_many_bytes_when_unzipped_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fitsio.write(str(path), np.zeros((1, 500_000), np.int32), compress="GZIP")
    edit(path, lambda unit: unit.header.update(ZNAXIS1=70, ZTILE1=70))
    tracemalloc.start()
    try:
        with pytest.raises(DamagedFileError, match="tile 0 is damaged: cannot be decoded by GZIP_1 to int32 pixels"):
            positive(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def describe(path: Path, number: int, change: Callable[[int], int]) -> None:
    """Change how many bytes a tile has, as the table says."""
    with FitsFile(str(path)) as file:
        table = TileTable(file, file.unit(1))
    at = table.unit.start + number * table.row_size + table.columns["COMPRESSED_DATA"].offset
    content = bytearray(path.read_bytes())
    (n,) = struct.unpack_from(">i", content, at)
    struct.pack_into(">i", content, at, change(n))
    path.write_bytes(content)


def test_stream_without_its_end_is_damaged(tmp_path: Path) -> None:
    """All pixels are there, but not the checksum of a gzip stream."""
    path = tmp_path / "a.fits"
    fitsio.write(str(path), PIXELS, compress="GZIP")
    describe(path, 2, lambda n: n - 8)
    with pytest.raises(DamagedFileError, match="tile 2 is damaged"):
        positive(path)


def test_integers_outside_of_their_type_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    fitsio.write(str(path), np.full((3, 40), 300, np.int16), compress="RICE")
    edit(path, lambda unit: unit.header.update(ZBITPIX=8))
    with pytest.raises(
        DamagedFileError, match="one of tiles 0 to 2 is damaged: cannot be decoded by RICE_1 to uint8 pixels"
    ):
        nonzero(path)


def test_tile_without_data_is_refused(path: Path) -> None:
    describe(path, 3, lambda _: 0)
    with pytest.raises(DamagedFileError, match=r"a\.fits\[1\]: tile 3 has 0 bytes: expected its pixels"):
        positive(path)


def test_integers_with_a_scale_of_their_own_are_refused(path: Path) -> None:
    edit(path, lambda unit: unit.header.update(ZSCALE=2.0))
    with pytest.raises(UnsupportedFitsError, match=r"a\.fits\[1\]: ZBITPIX is 16 and there is a ZSCALE: expected none"):
        positive(path)


def quantised(path: Path, **cards: Any) -> Path:
    """Write integers that mean numbers, all of one scale."""
    fitsio.write(str(path), PIXELS.astype(np.int32), compress="RICE")
    values = {"ZBITPIX": -32, "ZSCALE": 0.5, "ZZERO": -1.0, "ZQUANTIZ": "NO_DITHER", **cards}
    return edit(path, lambda unit: unit.header.update(values))


def test_scale_and_zero_may_be_keywords(tmp_path: Path) -> None:
    path = quantised(tmp_path / "a.fits")
    assert np.array_equal(positive(path), PIXELS * 0.5 - 1 > 0)
    assert np.array_equal(nonzero(path), PIXELS * 0.5 - 1 != 0)


def test_blank_pixels_are_neither_zero_nor_positive(tmp_path: Path) -> None:
    path = quantised(tmp_path / "a.fits", ZBLANK=7)
    assert np.array_equal(positive(path), (PIXELS * 0.5 - 1 > 0) & (PIXELS != 7))
    assert np.array_equal(nonzero(path), PIXELS != 2)


@pytest.mark.parametrize("first", [0, -5])
def test_dither_begins_at_1(tmp_path: Path, first: int) -> None:
    path = quantised(tmp_path / "a.fits", ZQUANTIZ="SUBTRACTIVE_DITHER_1", ZDITHER0=first)
    with pytest.raises(DamagedFileError, match=f"ZDITHER0 is {first}: expected 1 or more"):
        positive(path)
