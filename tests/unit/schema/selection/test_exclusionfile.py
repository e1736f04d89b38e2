"""Lists of exclusions in files: as people keep them, and what is wrong in one by its line."""

from pathlib import Path

import pytest

from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.selection.exclusionfile import is_exclusion_file, read_exclusions

YAML = """\
# CCDs that are not used
- ccdnum: [2, 61]
- {ccdnum: 31, amplifier: A, nite: "20131115:"}
- expnum: 20:59
  band: ~
- ccdnum=44,box=0:48:0:4096
- {ra: 0.01, dec: -1e-3, radius_arcsec: 30}
- {ccdnum: [3, 12], box: [0, 10, 0, 20]}
- box: ["0:1:2:3", "4:5:6:7"]
"""
CSV = """\
ccdnum,amplifier,nite, box
2,,,
31, A,20131115:,"0:10:0:4096"

61,,,
"""


def read(tmp_path: Path, name: str, text: str | bytes) -> list[str]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(each) for each in read_exclusions(path)]


def test_yaml_has_mappings_lists_and_text_as_they_are_written(tmp_path: Path) -> None:
    assert read(tmp_path, "bad.yaml", YAML) == [
        "ccdnum=2",
        "ccdnum=61",
        "ccdnum=31,nite=20131115:,amplifier=A",
        "expnum=20:59",  # 1259 to a loader of YAML 1.1
        "ccdnum=44,box=0:48:0:4096",
        "ra=0.01,dec=-0.001,radius_arcsec=30",
        "ccdnum=3,box=0:10:0:20",
        "ccdnum=12,box=0:10:0:20",
        "box=0:1:2:3",
        "box=4:5:6:7",
    ]


def test_columns_of_a_csv_are_keys(tmp_path: Path) -> None:
    expected = ["ccdnum=2", "ccdnum=31,nite=20131115:,amplifier=A,box=0:10:0:4096", "ccdnum=61"]
    assert read(tmp_path, "bad.csv", CSV) == expected
    assert read(tmp_path, "windows.CSV", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()) == expected


@pytest.mark.parametrize("name", ["empty.yaml", "empty.csv"])
def test_empty_file_excludes_nothing(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, "") == []


def test_entry_is_no_file() -> None:
    assert [is_exclusion_file(each) for each in ("ccdnum=31", "a/b.YML", "b.csv")] == [False, True, True]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "ccdnum: 31", "a.yaml: expected a list of exclusions"),
        ("a.yaml", "- [", "a.yaml: is not YAML"),
        ("a.yaml", "- ccdnum: 1\n- {ccdnum: 2, ccdnum: 3}", "a.yaml, line 2: ccdnum is given twice"),
        ("a.yaml", "- ccdnum: {a: 1}", "a.yaml, line 1: expected a value or a list of values"),
        ("a.yaml", "- ccdnum: 1\n- band: g\n  ccdnum: S4", "a.yaml, line 2: exclude ccdnum=S4: expected a number"),
        ("a.csv", "ccdnum,band\n1\n", "a.csv, line 2: 1 cells, expected 2"),
        ("a.csv", "ccdnum,ccdnum\n1,2\n", "a.csv, line 1: a column is given twice"),
        ("a.csv", 'ccdnum\n"1\n', "a.csv, line 2: unexpected end of data"),
        ("a.csv", b"ccdnum\n\xff\n", "a.csv: is not text in UTF-8"),
        ("a.txt", "ccdnum", "a.txt: expected a name that ends in .yaml, .yml, .csv"),
    ],
)
def test_malformed_file_is_named_with_the_line(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, name, text)


def test_unknown_column_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"a\.csv, line 2: exclude: unknown key 'CCD'"):
        read(tmp_path, "a.csv", "CCD\n31\n")


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: cannot be read \(No such file or directory\)"):
        read_exclusions(tmp_path / "none.yaml")
