"""Only regular files are opened, and nothing outside of them is read."""

import gzip
import os
import socket
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import DamagedFileError, FitsFileError, UnsupportedFitsError
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane


@pytest.fixture
def path(tmp_path: Path) -> Path:
    name = tmp_path / "a.fits"
    with fitsio.FITS(str(name), "rw") as file:
        file.write(np.arange(12, dtype="i4").reshape(3, 4), extname="sci")
        file.write(np.zeros(3, [("a", "f4")]), extname="table")
        file.write(np.arange(12, dtype="i2").reshape(3, 4), extname="msk", compress="PLIO")
    return name


def blocks(*cards: str, end: str = "END") -> bytes:
    text = "".join(card.ljust(80) for card in (*cards, end))
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def test_units_are_found_in_order(path: Path) -> None:
    with FitsFile(str(path)) as file:
        assert [(unit.number, unit.name) for unit in file.units()] == [(0, "sci"), (1, "table"), (2, "msk")]


def test_special_characters_of_cfitsio_mean_nothing(tmp_path: Path, path: Path) -> None:
    for name in ("a.fits[1]", "!a.fits", "a.fits+1", "(b)a.fits"):
        path.rename(tmp_path / name)
        path = tmp_path / name
        with FitsFile(str(path)) as file:
            assert open_plane(file, "msk").read()[2, 3] == 11


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.fits")
    with pytest.raises(FitsFileError, match="is not a regular file"):
        FitsFile(str(tmp_path / "a.fits"))


def test_missing_file_hints_at_a_variable_only_where_its_value_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_SURVEY", raising=False)
    shown = "$SOME_SURVEY/a.fits"
    with pytest.raises(FitsFileError, match=r"^\$SOME_SURVEY/a\.fits: no such file$"):
        FitsFile(str(tmp_path / "none.fits"), shown)
    with pytest.raises(FitsFileError, match=r"^\$SOME_SURVEY/a\.fits: no such file: is SOME_SURVEY set\?$"):
        FitsFile(shown, shown)


def test_folder_and_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match="is a folder"):
        FitsFile(str(tmp_path))
    with pytest.raises(FitsFileError, match="is not a regular file"):
        FitsFile("/dev/zero")


def test_socket_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a"))
        with pytest.raises(FitsFileError, match="is not a regular file"):
            FitsFile(str(tmp_path / "a"))


@pytest.mark.parametrize("name", ["none.fits", "", "a\0b"])
def test_missing_file_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FitsFileError, match=r"no such file|cannot be opened"):
        FitsFile(name and f"{tmp_path}/{name}")


@pytest.mark.parametrize("content", [b"", b"SIMPLE", b"SIMPLE  =                    X", b"\0" * 6000])
def test_file_of_another_kind_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FitsFileError, match="not a FITS file, or truncated"):
        FitsFile(str(tmp_path / "a.fits"))


@pytest.mark.parametrize("members", [1, 3])
def test_file_compressed_by_gzip_is_read(tmp_path: Path, path: Path, members: int) -> None:
    content = path.read_bytes()
    step = -(-len(content) // members)
    parts = [gzip.compress(content[at : at + step]) for at in range(0, len(content), step)]
    (tmp_path / "a.fits.gz").write_bytes(b"".join(parts) + bytes(700))
    with FitsFile(str(tmp_path / "a.fits.gz")) as file:
        assert file.size == len(content)
        assert open_plane(file, "msk").read()[2, 3] == 11


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:60] + b"!" + data[61:]])
def test_damaged_gzip_is_an_error(tmp_path: Path, path: Path, damage: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a.fits.gz").write_bytes(damage(gzip.compress(path.read_bytes())))
    with pytest.raises(DamagedFileError, match=r"a\.fits\.gz: cannot be unzipped"):
        FitsFile(str(tmp_path / "a.fits.gz"))


@pytest.mark.parametrize(("begin", "name"), [(b"BZh9", "bzip2"), (b"\x1f\x9d\x90", "compress"), (b"PK\3\4", "zip")])
def test_file_compressed_as_a_whole_in_another_way_is_refused_by_name(tmp_path: Path, begin: bytes, name: str) -> None:
    (tmp_path / "a.fits").write_bytes(begin.ljust(5000))
    with pytest.raises(UnsupportedFitsError, match=f"the whole file is compressed by {name}"):
        FitsFile(str(tmp_path / "a.fits"))


@pytest.mark.parametrize("size", [100, 2879, 2880, 2900, 5760, 9000, 12000, 14399])
def test_file_that_is_cut_short_is_an_error(path: Path, size: int) -> None:
    os.truncate(path, size)
    with (
        pytest.raises(FitsFileError, match="truncated"),
        FitsFile(str(path)) as file,
    ):
        open_plane(file, "msk").read()


def test_file_that_shrinks_while_it_is_open_is_an_error(path: Path) -> None:
    with FitsFile(str(path)) as file:
        plane = open_plane(file, "sci")
        os.truncate(path, 2900)
        with pytest.raises(DamagedFileError, match="has 2900 bytes: expected 17280"):
            plane.read()


def test_records_behind_the_last_unit_are_passed_over(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"notes".ljust(2880, b"\0"))
    with FitsFile(str(path)) as file:
        assert len(list(file.units())) == 3


IMAGE = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2")


@pytest.mark.parametrize(
    "cards",
    [
        (*IMAGE, "NAXIS1  = 2000000000", "NAXIS2  = 2000000000"),
        (*IMAGE, "NAXIS1  = -5", "NAXIS2  = 3"),
        (*IMAGE, "NAXIS1  = 3"),
        (*IMAGE, "NAXIS1  = 3", "NAXIS2  = 3", "PCOUNT  = 99999999"),
        (*IMAGE, "NAXIS1  = 3", "NAXIS2  = 3", "GCOUNT  = -1"),
        ("SIMPLE  = T", "BITPIX  = 12", "NAXIS   = 0"),
        ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 123456789"),
    ],
)
def test_header_of_more_than_the_file_has_is_an_error(tmp_path: Path, cards: tuple[str, ...]) -> None:
    (tmp_path / "a.fits").write_bytes(blocks(*cards) + bytes(2880))
    with FitsFile(str(tmp_path / "a.fits")) as file, pytest.raises(DamagedFileError, match=r"a\.fits\[0\]"):
        open_plane(file, 0)


TILED = (
    "XTENSION= 'BINTABLE'", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 8", "NAXIS2  = 1", "PCOUNT  = 100",
    "GCOUNT  = 1", "TFIELDS = 1", "TTYPE1  = 'COMPRESSED_DATA'", "TFORM1  = '1PB(9)'", "ZIMAGE  = T",
    "ZCMPTYPE= 'RICE_1'", "ZBITPIX = 32", "ZNAXIS  = 2", "ZNAXIS1 = 2000000000", "ZNAXIS2 = 2000000000",
    "ZTILE1  = 2000000000", "ZTILE2  = 2000000000", "ZNAME1  = 'BLOCKSIZE'", "ZVAL1   = 2000000000",
)  # fmt: skip


@pytest.mark.parametrize("edit", [{}, {"ZTILE2": 1}, {"ZNAXIS2": 1, "ZTILE2": 1}, {"ZNAXIS1": 1 << 40}, {"NAXIS1": 0}])
def test_tiles_of_more_pixels_than_bytes_can_hold_take_no_memory(tmp_path: Path, edit: dict[str, int]) -> None:
    cards = [f"{card[:8]}= {edit[key]}" if (key := card[:8].strip()) in edit else card for card in TILED]
    table = np.array([9, 0], ">i4").tobytes() + b"\1" * 100
    empty = blocks("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0")
    (tmp_path / "a.fits").write_bytes(empty + blocks(*cards) + table.ljust(2880, b"\0"))
    tracemalloc.start()
    try:
        with FitsFile(str(tmp_path / "a.fits")) as file, pytest.raises(FitsFileError, match=r"a\.fits\[1\]"):
            open_plane(file, 1).read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "unit",
    [blocks("XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 0", "PCOUNT  = 0", "GCOUNT  = 1"), b"XTENSION".ljust(2880)],
)
def test_file_of_headers_alone_is_refused_soon(tmp_path: Path, unit: bytes) -> None:
    (tmp_path / "a.fits").write_bytes(blocks("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 0") + unit * 6000)
    began = time.process_time()
    with (
        FitsFile(str(tmp_path / "a.fits")) as file,
        pytest.raises(FitsFileError, match=r"more than 4096 extensions|no END in the header"),
    ):
        file.unit("sci")
    assert time.process_time() - began < 2
