"""Tables of CCD images: what is read of them, and what images get from it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from goodpix.ingest.profiles.ccdtable import read_ccd_table
from goodpix.ingest.profiles.exposure import CcdInfo, ExposureInfo
from goodpix.ingest.profiles.noirlab_cp import NoirlabCp
from goodpix.schema.errors import InfoFileError, UsageError

from ....noirlabfiles import CpExposure

FORMATS = ("fits", "fits.gz", "csv", "ecsv", "parquet")


def write(folder: Path, end: str = "ecsv", **columns: Any) -> Path:
    path, table = folder / f"survey-ccds.{end}", Table(columns)
    if end == "parquet":
        table.to_pandas().to_parquet(path)
    else:
        table.write(path, format={"csv": "ascii.csv", "ecsv": "ascii.ecsv"}.get(end, "fits"))
    return path


def exposure(folder: Path, camera: str = "decam", **header: Any) -> ExposureInfo:
    ccds = {"N15": 46, "S4": 28} if camera == "decam" else {"CCD1": 1, "CCD3": 3}
    path = CpExposure(camera, header={"EXPTIME": 100.0, "FWHM": 4.0, **header}, ccds=ccds).write(folder / "files")
    return NoirlabCp().read(path, {})


def given(info: Any) -> list[tuple[float | None, int | None, float | None]]:
    ccds: tuple[CcdInfo, ...] = info.src_info
    return [(ccd.magzp, ccd.image_flags, ccd.facts.fwhm if ccd.facts else None) for ccd in ccds]


@pytest.mark.parametrize("end", FORMATS)
def test_every_format_gives_the_same(tmp_path: Path, end: str) -> None:
    table = write(
        tmp_path,
        end,
        EXPNUM=[5, 396388, 396388],
        CCDNAME=["N15", "S4 ", "N15"],
        magzp=[1.0, 30.5, 30.25],
        fwhm=[9.0, 3.5, math.nan],
        ccd_cuts=np.array([1, 512, 0], np.int32),
    )
    found = read_ccd_table(table)
    assert found.has_cuts
    assert given(found.applied(exposure(tmp_path))) == [(30.25, 0, 4.0), (30.5, 512, 3.5)]


@pytest.mark.parametrize("ccds", [{"ccdnum": [28, 46]}, {"ccdname": [b"s4", b"n15"]}, {"ccdnum": ["28", "46.0"]}])
def test_ccds_are_known_by_number_or_name(tmp_path: Path, ccds: dict[str, Any]) -> None:
    columns = {"expnum": ["396388"] * 2, "magzp": [30.5, 30.25], **ccds}
    table = read_ccd_table(write(tmp_path, "fits", **columns))
    assert [ccd.magzp for ccd in table.applied(exposure(tmp_path)).src_info] == [30.25, 30.5]


def test_zero_point_per_second_is_that_of_a_source_of_one_count_per_second(tmp_path: Path) -> None:
    keys: dict[str, Any] = {"expnum": [396388], "ccdname": ["S4"], "zpt": [99.0], "ccdzpt": [25.04]}
    (_, ccd) = read_ccd_table(write(tmp_path, **keys)).applied(exposure(tmp_path, EXPTIME=30.0)).src_info
    # the example of the Legacy Surveys: of magnitude 22.5 in 30 s, 311.3 counts
    assert ccd.magzp is not None
    assert 10 ** (0.4 * (ccd.magzp - 22.5)) == pytest.approx(311.3, abs=0.05)
    table = read_ccd_table(write(tmp_path, "csv", **keys, exptime=[10.0]))
    assert table.applied(exposure(tmp_path, EXPTIME=30.0)).src_info[1].magzp == pytest.approx(25.04 + 2.5)


@pytest.mark.parametrize("unit", ["counts/s", "electrons / sec"])
def test_images_in_counts_per_second_have_the_zero_point_as_it_is(tmp_path: Path, unit: str) -> None:
    table = read_ccd_table(write(tmp_path, expnum=[77690], ccdname=["ccd3"], ccdzpt=[26.2]))
    found = table.applied(exposure(tmp_path, "mosaic3", BUNIT=unit))
    assert [ccd.magzp for ccd in found.src_info] == [None, 26.2]


def test_magzp_comes_before_zero_points_per_second(tmp_path: Path) -> None:
    table = write(tmp_path, expnum=[396388], ccdnum=[28], magzp=[31.0], ccdzpt=[25.0])
    assert read_ccd_table(table).applied(exposure(tmp_path)).src_info[1].magzp == 31.0


def test_what_the_table_does_not_say_the_files_do(tmp_path: Path) -> None:
    info = exposure(tmp_path, MAGZERO=29.0)
    table = read_ccd_table(
        write(
            tmp_path,
            expnum=[396388, 396388],
            ccdnum=[28, 1],
            magzp=[math.nan, 1.0],
            cuts=MaskedColumn([7, 7], mask=[True, False]),
        )
    )
    assert given(table.applied(info)) == [(29.0, None, 4.0)] * 2
    assert [entry.ccdnum for entry in table.missing(info)] == [46]


def test_zero_point_per_second_without_an_exposure_time_is_a_failure(tmp_path: Path) -> None:
    table = read_ccd_table(write(tmp_path, expnum=[396388], ccdnum=[28], zpt=[25.0]))
    with pytest.raises(InfoFileError, match=r"epoch 396388/28: its zero point is per second, and the exposure time of"):
        table.applied(exposure(tmp_path, EXPTIME=None))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ccdnum": [1], "zpt": [1.0]}, "no column expnum (it has ccdnum, zpt)"),
        ({"expnum": [1], "zpt": [1.0]}, "no column ccdnum or ccdname (it has expnum, zpt)"),
        ({"expnum": [1], "ccdnum": [1]}, "no column one of magzp, ccdzpt, zpt, fwhm, ccd_cuts, cuts"),
        (
            {"expnum": [7, 8, 7], "ccdname": ["S4", "S4", "s4"], "zpt": [1.0] * 3},
            "rows 1 and 3 are both of exposure 7, ccdname s4: expected each CCD image once",
        ),
        ({"expnum": [1, -2], "ccdnum": [1, 1], "zpt": [1.0] * 2}, "expnum is '-2' in row 2: expected a whole number"),
        ({"expnum": [1.5], "ccdnum": [1], "zpt": [1.0]}, "expnum is '1.5' in row 1: expected a whole number"),
        ({"expnum": [1], "ccdname": [" "], "zpt": [1.0]}, "ccdname is empty in row 1"),
        ({"expnum": [1], "ccdnum": [1], "magzp": ["bright"]}, "magzp: expected numbers"),
        ({"expnum": [1], "ccdnum": [1], "ccd_cuts": [-1]}, "cuts is '-1' in row 1: expected a whole number, 0 or more"),
    ],
)
def test_table_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    path = write(tmp_path, **columns)
    with pytest.raises(UsageError, match=re.escape(message)) as error:
        read_ccd_table(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("end", [".fits", ".csv", ".ecsv", ".parquet"])
def test_file_that_is_no_table_is_said_in_one_line(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"ccds{end}"
    with pytest.raises(UsageError, match=rf"ccds{end}: cannot be read \(No such file"):
        read_ccd_table(path)
    path.write_bytes(b"\xff\x00 is no table\n")
    with pytest.raises(UsageError, match=rf"ccds{end}: (cannot be read|it has no column)") as error:
        read_ccd_table(path)
    assert "\n" not in str(error.value)


def test_name_without_a_known_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ccds\.txt: expected a table whose name ends in \.fits, \.fits\.gz"):
        read_ccd_table(tmp_path / "ccds.txt")
