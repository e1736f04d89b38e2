"""Facts about binary tables that hold images as tiles."""

import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import DamagedFileError, UnsupportedFitsError
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.tiles import TileTable

CARDS: dict[str, Any] = {
    "XTENSION": "'BINTABLE'",
    "BITPIX": 8,
    "NAXIS": 2,
    "NAXIS1": 8,
    "NAXIS2": 3,
    "PCOUNT": 100,
    "GCOUNT": 1,
    "TFIELDS": 1,
    "TTYPE1": "'COMPRESSED_DATA'",
    "TFORM1": "'1PB(40)'",
    "ZIMAGE": "T",
    "ZCMPTYPE": "'RICE_1'",
    "ZBITPIX": 16,
    "ZNAXIS": 2,
    "ZNAXIS1": 10,
    "ZNAXIS2": 5,
    "ZTILE1": 10,
    "ZTILE2": 2,
}
"""A table of three tiles of two rows, of which the last has one."""

PLACES = [(40, 0), (30, 40), (20, 70)]
"""Number of elements of each tile, and where they begin in the heap."""


def blocks(cards: dict[str, Any]) -> bytes:
    text = "".join(f"{key:<8}= {value}".ljust(80) for key, value in cards.items()) + "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def write(path: Path, places: list[tuple[int, int]] = PLACES, **changes: Any) -> Path:
    """Write a table with changed cards; None removes one."""
    cards = {key: value for key, value in (CARDS | changes).items() if value is not None}
    table = b"".join(struct.pack(">ii", *each) for each in places)
    content = (table + bytes(100)).ljust(2880, b"\0")
    path.write_bytes(blocks({"SIMPLE": "T", "BITPIX": 8, "NAXIS": 0}) + blocks(cards) + content)
    return path


Opened = Callable[[Path], TileTable]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Return a table whose file is open for as long as the test runs."""
    with ExitStack() as stack:

        def table(path: Path) -> TileTable:
            file = stack.enter_context(FitsFile(str(path)))
            return TileTable(file, file.unit(1))

        yield table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.fits"


def test_header_describes_the_tiles(opened: Opened, path: Path) -> None:
    table = opened(write(path))
    assert (table.shape, table.tile, table.grid) == ((5, 10), (2, 10), (3, 1))
    assert (table.bitpix, table.codec, table.width, table.block, table.dither) == (16, "RICE_1", 4, 32, None)


def test_tile_is_a_row_where_the_header_does_not_say(opened: Opened, path: Path) -> None:
    table = opened(write(path, NAXIS2=5, ZTILE1=None, ZTILE2=None, PCOUNT=84))
    assert (table.tile, table.grid) == ((1, 10), (5, 1))


def test_tile_is_no_larger_than_the_image(opened: Opened, path: Path) -> None:
    assert opened(write(path, NAXIS2=1, ZTILE1=99, ZTILE2=99)).tile == (5, 10)


def test_tiles_may_lie_side_by_side(opened: Opened, path: Path) -> None:
    assert opened(write(path, ZTILE1=4, ZTILE2=5)).grid == (1, 3)


def test_rice_has_its_parameters(opened: Opened, path: Path) -> None:
    parameters: dict[str, Any] = {"ZNAME1": "'BYTEPIX'", "ZVAL1": 2, "ZNAME2": "'BLOCKSIZE'", "ZVAL2": 16}
    table = opened(write(path, **parameters))
    assert (table.width, table.block) == (2, 16)


def test_bytes_of_each_tile_are_found_in_the_heap(opened: Opened, path: Path) -> None:
    table = opened(write(path))
    found, heap = table.data["COMPRESSED_DATA"], table.unit.start + 24
    assert found.size.tolist() == [40, 30, 20]
    assert found.start.tolist() == [heap, heap + 40, heap + 70]


def test_heap_may_begin_after_a_gap(opened: Opened, path: Path) -> None:
    table = opened(write(path, [(4, 0), (4, 4), (4, 8)], THEAP=50))
    assert (table.data["COMPRESSED_DATA"].start - table.unit.start).tolist() == [50, 54, 58]


def test_tile_of_nothing_has_no_bytes_wherever_it_points(opened: Opened, path: Path) -> None:
    found = opened(write(path, [(40, 0), (0, 99), (20, 70)])).data["COMPRESSED_DATA"]
    assert found.size.tolist() == [40, 0, 20]


@pytest.mark.parametrize(
    "places", [[(40, 0), (40, 61), (1, 1)], [(-1, 0)] * 3, [(1, -1)] * 3, [(1 << 30, 1 << 30)] * 3]
)
def test_tile_outside_of_the_heap_is_refused(opened: Opened, path: Path, places: list[tuple[int, int]]) -> None:
    with pytest.raises(
        DamagedFileError, match=r"a\.fits\[1\]: tile \d of COMPRESSED_DATA has .*: expected inside its 100 bytes"
    ):
        _ = opened(write(path, places)).data


def test_tiles_that_share_bytes_are_refused(opened: Opened, path: Path) -> None:
    with pytest.raises(DamagedFileError, match="the tiles have 180 bytes: expected at most 100"):
        _ = opened(write(path, [(60, 0), (60, 0), (60, 0)])).data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ZBITPIX": 12}, "ZBITPIX is 12: expected 8, 16, 32"),
        ({"ZNAXIS1": 0}, "ZNAXIS1, ZNAXIS2 are 0, 5: expected 1 to"),
        ({"ZNAXIS2": 1 << 31}, "ZNAXIS1, ZNAXIS2 are 10, 2147483648: expected 1 to 2147483647"),
        ({"ZTILE1": 0}, "ZTILE1, ZTILE2 are 0, 2: expected 1 or more"),
        ({"NAXIS2": 4, "PCOUNT": 92}, "NAXIS1, NAXIS2 are 8, 4: expected a row for each of 3 tiles"),
        ({"THEAP": 10}, "THEAP is 10: expected 24 to 124, inside the data"),
        ({"THEAP": 125}, "THEAP is 125: expected 24 to 124"),
        ({"TFIELDS": 1000}, "TFIELDS is 1000: expected 0 to 999"),
        ({"TFORM1": "'1Z'"}, "TFORM1 is '1Z': expected the format of a column"),
        ({"TFORM1": "'2PB'"}, "TFORM1 has 2 descriptors: expected 0 or 1"),
        ({"TFORM1": "'1QB'"}, "NAXIS1 is 8: expected 16"),
        ({"TTYPE1": "'DATA'"}, "no column COMPRESSED_DATA: expected"),
        ({"ZBITPIX": -32, "ZQUANTIZ": "'SUBTRACTIVE_DITHER_1'"}, "no ZSCALE or ZZERO: expected both"),
    ],
)
def test_header_that_contradicts_itself_is_refused(
    opened: Opened, path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DamagedFileError, match=rf"a\.fits\[1\]: {message}"):
        opened(write(path, **changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ZCMPTYPE": "'BZIP2_1'"}, "ZCMPTYPE is 'BZIP2_1': expected one of RICE_ONE, RICE_1, PLIO_1"),
        ({"ZNAME1": "'SMOOTH'", "ZVAL1": 1}, "ZNAME1 is 'SMOOTH': expected BLOCKSIZE or BYTEPIX"),
        ({"ZNAME1": "'BYTEPIX'", "ZVAL1": 8}, "BYTEPIX and BLOCKSIZE are 8 and 32"),
        ({"ZNAME1": "'BLOCKSIZE'", "ZVAL1": 0}, "BYTEPIX and BLOCKSIZE are 4 and 0"),
        ({"ZCMPTYPE": "'HCOMPRESS_1'", "ZVAL2": 1}, "SMOOTH is 1: expected 0, pixels that are not smoothed"),
        ({"ZCMPTYPE": "'HCOMPRESS_1'", "ZNAME1": "'BYTEPIX'"}, "ZNAME1 is 'BYTEPIX': expected SCALE or SMOOTH"),
        ({"ZBITPIX": -32, "ZQUANTIZ": "'NONE'"}, "ZQUANTIZ is 'NONE' and ZCMPTYPE RICE_1: expected quantised"),
        ({"ZBITPIX": -32, "ZQUANTIZ": "'OTHER'", "ZSCALE": 1, "ZZERO": 0}, "ZQUANTIZ is 'OTHER': expected one of"),
    ],
)
def test_form_that_is_not_read_here_is_refused(
    opened: Opened, path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedFitsError, match=rf"a\.fits\[1\]: {message}"):
        opened(write(path, **changes))


def test_tile_too_large_for_memory_is_refused(opened: Opened, path: Path) -> None:
    large: dict[str, Any] = {"NAXIS2": 1, "ZNAXIS1": 1 << 20, "ZNAXIS2": 1 << 20, "ZTILE1": 1 << 20, "ZTILE2": 1 << 20}
    with pytest.raises(UnsupportedFitsError, match="tiles are 1048576 x 1048576 pixels: expected at most 268435456"):
        opened(write(path, **large))


@pytest.mark.parametrize(("n_bytes", "fits"), [(2, True), (1, False), (0, False)])
def test_tile_of_too_few_bytes_for_its_pixels_is_refused(opened: Opened, path: Path, n_bytes: int, fits: bool) -> None:
    table = opened(write(path))
    sizes = (np.array([7]), np.array([2 * 2048]), np.array([n_bytes]))
    if fits:
        table.check_sizes(*sizes)
    else:
        with pytest.raises(DamagedFileError, match=f"tile 7 has {n_bytes} bytes: expected more for 4096 pixels"):
            table.check_sizes(*sizes)


def test_columns_of_numbers_have_one_for_each_tile(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "b.fits"
    pixels = np.random.default_rng(1).normal(100, 5, (6, 40)).astype(np.float32)
    fitsio.write(str(path), pixels, compress="RICE", qlevel=16, qmethod="SUBTRACTIVE_DITHER_2")
    table = opened(path)
    scale = table.values("ZSCALE")
    assert scale is not None
    assert scale.shape == (6,)
    assert (scale > 0).all()
    assert (scale < 1).all()
    assert table.dither == 2
    assert table.values("NOSUCH") is None
    with pytest.raises(DamagedFileError, match="column COMPRESSED_DATA: expected one number per tile"):
        table.values("COMPRESSED_DATA")
