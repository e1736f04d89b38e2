"""Digests of files: what is read of a file changes its digest, and nothing else does."""

import hashlib
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import FitsFileError
from goodpix.schema.inputs.filedigest import FileDigest, digest_file, digest_opened
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.reader import PlaneReader

PIXELS = np.random.default_rng(1).integers(0, 1 << 14, (70, 60)).astype("i4")
NAMES = ("sci", "msk", "wgt")


def write(path: Path, *, checksums: bool) -> Path:
    with fitsio.FITS(str(path), "rw") as file:
        for name in NAMES:
            file.write(PIXELS, compress="RICE", extname=name)
        if checksums:
            for unit in file:
                unit.write_checksum()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three units with checksums."""
    return write(tmp_path / "a.fits", checksums=True)


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of three units without checksums."""
    return write(tmp_path / "plain.fits", checksums=False)


def flip(path: Path, ext: str, *, header: bool = False) -> None:
    """Flip a bit of a unit's data, or of a comment in its header."""
    with FitsFile(str(path)) as file:
        unit = file.unit(ext)
    content = bytearray(path.read_bytes())
    at = unit.start + unit.size // 2 if not header else content.rindex(b" / ", 0, unit.start) + 4
    content[at] ^= 32
    path.write_bytes(content)


def digest_read(path: Path, checked: list[str], opened: list[str]) -> FileDigest:
    """Digest a file of which some units were checked, and others only opened."""
    with PlaneReader() as reader:
        for ext in checked:
            reader.check(reader.plane(str(path), ext), allow_damaged=True)
        for ext in opened:
            reader.plane(str(path), ext)
        return digest_opened(reader.opened[str(path)])


def test_sums_are_those_of_cfitsio(path: Path) -> None:
    with fitsio.FITS(str(path)) as file:
        expected = {number: int(file[number].read_header()["DATASUM"]) for number in (1, 2, 3)}
    found = digest_file(str(path), [*NAMES])
    assert found.datasums == found.stated == expected


def test_units_are_found_by_name_and_number(path: Path) -> None:
    assert digest_file(str(path), ["WGT", "msk"]) == digest_file(str(path), [2, 3])


def test_headers_are_those_of_the_primary_and_the_given_units(path: Path) -> None:
    content = path.read_bytes()
    with FitsFile(str(path)) as file:
        units = list(file.units())
    second = units[1].start + units[1].padded
    expected = hashlib.sha256(content[: units[0].start] + content[second : units[2].start]).hexdigest()
    assert digest_file(str(path), ["msk"]).headers == expected


@pytest.mark.parametrize(("ext", "differs"), [("msk", True), ("wgt", False)])
def test_header_of_a_given_unit_changes_it(path: Path, ext: str, differs: bool) -> None:
    before = digest_read(path, ["msk"], ["sci"])
    flip(path, ext, header=True)
    assert (digest_read(path, ["msk"], ["sci"]).headers != before.headers) is differs


def test_data_of_a_given_unit_change_it(path: Path) -> None:
    before = digest_file(str(path), ["msk"])
    flip(path, "wgt")
    assert digest_file(str(path), ["msk"]) == before
    flip(path, "msk")
    assert digest_file(str(path), ["msk"]).datasums != before.datasums


def test_data_that_agree_are_checked(path: Path) -> None:
    found = digest_file(str(path), ["msk", "wgt"])
    assert (found.checked, found.damaged) == (True, False)


def test_data_that_disagree_are_damaged(path: Path) -> None:
    flip(path, "wgt")
    found = digest_file(str(path), ["msk", "wgt"])
    assert (found.checked, found.damaged) == (False, True)


def test_datasum_that_is_no_number_is_damage(path: Path) -> None:
    with fitsio.FITS(str(path), "rw") as file:
        file["msk"].write_key("DATASUM", "many")
    found = digest_file(str(path), ["msk"])
    assert (found.checked, found.damaged) == (False, True)


def test_data_without_a_datasum_are_neither(plain: Path) -> None:
    found = digest_file(str(plain), ["msk"])
    assert (found.stated, found.checked, found.damaged) == ({}, False, False)


def test_other_units_are_summed_only_without_a_datasum(path: Path, plain: Path) -> None:
    assert list(digest_read(path, ["msk"], ["sci"]).datasums) == [2]
    assert sorted(digest_read(plain, ["msk"], ["sci"]).datasums) == [1, 2]


def test_damage_of_another_unit_is_not_looked_for(path: Path) -> None:
    flip(path, "sci")
    found = digest_read(path, ["msk"], ["sci"])
    assert (found.checked, found.damaged) == (True, False)


def test_text_file_is_digested_whole(tmp_path: Path) -> None:
    (tmp_path / "a.ohead").write_bytes(b"HISTORY  one\n")
    assert digest_file(str(tmp_path / "a.ohead"), []).headers == hashlib.sha256(b"HISTORY  one\n").hexdigest()


@pytest.mark.parametrize("extensions", [[], ["sci"]])
def test_missing_file_is_an_error(tmp_path: Path, extensions: list[str]) -> None:
    with pytest.raises(FitsFileError, match=r"none\.fits"):
        digest_file(str(tmp_path / "none.fits"), extensions)


def test_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"cannot be read .*folder"):
        digest_file(str(tmp_path), [])


def test_missing_unit_is_an_error(path: Path) -> None:
    with pytest.raises(FitsFileError, match="no extension 'seg'"):
        digest_file(str(path), ["seg"])
