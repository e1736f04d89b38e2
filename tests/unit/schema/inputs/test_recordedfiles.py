"""Recorded files come back from their column, and are compared with files as they are."""

import json

import pytest

from goodpix.schema.inputs.filedigest import FileDigest
from goodpix.schema.inputs.recordedfiles import RecordedFile, files_column, recorded_files
from goodpix.schema.planes.imagefiles import PlaneFile

FILE = RecordedFile(100, 5_000, "a" * 64, {2: 22, 3: 33})
FILES = {"$MEDS_DIR/b.fits": FILE, "a.ohead": RecordedFile(7, 6), "c.fits": FILE.at(9_000)}
PLANES = {
    "bkg": PlaneFile("bkg.fits", "sci"),
    "bmask": PlaneFile("$MEDS_DIR/b.fits", "msk"),
    "head": PlaneFile("a.ohead"),
    "image": PlaneFile("$MEDS_DIR/b.fits", "sci"),
    "seg": PlaneFile("c.fits", "sci"),
    "weight": PlaneFile("$MEDS_DIR/b.fits", "wgt"),
}


def test_files_come_back_from_their_column() -> None:
    assert recorded_files(files_column(FILES, PLANES), PLANES) == FILES


def test_column_is_the_same_text_for_the_same_files() -> None:
    assert files_column(FILES, PLANES) == files_column(dict(reversed(FILES.items())), dict(reversed(PLANES.items())))


def test_column_names_what_it_holds() -> None:
    assert json.loads(files_column(FILES, PLANES)) == {
        "image": {"size": 100, "mtime_ns": 5_000, "headers": "a" * 64, "datasums": {"2": 22, "3": 33}},
        "seg": {
            "size": 100,
            "mtime_ns": 9_000,
            "headers": "a" * 64,
            "datasums": {"2": 22, "3": 33},
            "fingerprint_mtime_ns": 5_000,
        },
        "head": {"size": 7, "mtime_ns": 6, "headers": None},
    }


def test_file_of_each_plane_is_named_by_it() -> None:
    planes = {name: PlaneFile(f"{name}.fits") for name in ("image", "weight", "bmask", "seg", "head")}
    files = {plane.path: RecordedFile(size, size) for size, plane in enumerate(planes.values())}
    assert list(json.loads(files_column(files, planes))) == sorted(planes)
    assert recorded_files(files_column(files, planes), planes) == files


def test_file_of_a_plane_that_is_gone_is_left_out() -> None:
    planes = {name: plane for name, plane in PLANES.items() if name != "seg"}
    assert recorded_files(files_column(FILES, PLANES), planes) == {
        path: file for path, file in FILES.items() if path != "c.fits"
    }


def test_unknown_entry_is_passed_over() -> None:
    found = json.loads(files_column(FILES, PLANES))
    found["image"]["etag"] = "x"
    assert recorded_files(json.dumps(found | {"psf": found["image"]}), PLANES) == FILES


def test_state_in_the_fingerprint_stays() -> None:
    moved = FILE.at(9_000).at(10_000)
    assert (moved.state, moved.fingerprinted) == ((100, 10_000), FILE.state)


def test_file_moved_back_is_as_it_was() -> None:
    assert FILE.at(9_000).at(5_000) == FILE


@pytest.mark.parametrize(
    ("found", "same"),
    [
        (FileDigest("a" * 64, {2: 22, 3: 33}), True),
        (FileDigest("b" * 64, {2: 22, 3: 33}), False),
        (FileDigest("a" * 64, {2: 22, 3: 34}), False),
        (FileDigest("a" * 64, {1: 11, 2: 22, 3: 33}, stated={1: 11}), True),
        (FileDigest("a" * 64, {1: 11, 2: 22, 3: 33}, stated={1: 12}), False),
        (FileDigest("a" * 64, {1: 11, 2: 22, 3: 33}), False),
        (FileDigest("a" * 64, {2: 23, 3: 33}, stated={2: 23}), False),
    ],
    ids=["same", "header", "data", "unsummed and stated", "unsummed and damaged", "unsummed", "stated but changed"],
)
def test_file_is_the_same_where_headers_and_sums_are(found: FileDigest, same: bool) -> None:
    assert FILE.matches(found) is same


def test_file_without_a_digest_is_never_the_same() -> None:
    assert not RecordedFile(7, 6).matches(FileDigest("a" * 64))
