"""Input files are recorded as they are, and compared by what was read of them."""

import os
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.ingest.infofile import EpochInfo
from goodpix.ingest.inputs import InputFiles, compare_files, file_states, record_files
from goodpix.schema.inputs.profile import DES_PIZZA_CUTTER, ProfileId
from goodpix.schema.inputs.recordedfiles import RecordedFile
from goodpix.schema.planes.reader import PlaneReader

NAMES = {"image": "sci", "weight": "wgt", "bmask": "msk"}


@pytest.fixture
def entry(tmp_path: Path) -> EpochInfo:
    """An entry of an info file, whose image, weight and mask share one file."""
    image, seg, head = (str(tmp_path / name) for name in ("image.fits", "seg.fits", "a.ohead"))
    for path, names in ((image, NAMES.values()), (seg, ["sci"])):
        with fitsio.FITS(path, "rw") as file:
            for name in names:
                file.write(np.arange(64, dtype="i4").reshape(8, 8), extname=name)
    Path(head).write_text("HISTORY  solution\n")
    given: dict[str, Any] = {f"{name}_path": image for name in NAMES} | {f"{k}_ext": v for k, v in NAMES.items()}
    given |= {"seg_path": seg, "head_path": head, "tilename": "T", "band": "r", "expnum": 1, "ccdnum": 2}
    return EpochInfo.model_validate(given)


def read(entry: EpochInfo) -> InputFiles:
    """Read the planes as an ingest does, and record their files."""
    states = file_states(entry)
    with PlaneReader() as reader:
        reader.plane(entry.image_path, entry.image_ext)
        for name in ("weight", "bmask", "seg"):
            file = entry.file(name)
            assert file is not None
            reader.check(reader.open(file))
        return record_files(states, reader.opened)


def touch(path: str | None) -> int:
    """Give a file another modification time, and return it."""
    assert path is not None
    state = Path(path).stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 7))
    return state.st_mtime_ns + 7


def test_files_are_recorded_as_they_are(entry: EpochInfo) -> None:
    found = read(entry)
    assert found.states == file_states(entry)
    assert {path: sorted(file.datasums) for path, file in found.files.items()} == {
        entry.image_path: [0, 1, 2],
        entry.seg_path: [0],
        entry.head_path: [],
    }


def test_missing_file_is_not_recorded(entry: EpochInfo) -> None:
    Path(str(entry.head_path)).unlink()
    assert sorted(read(entry).files) == [entry.image_path, entry.seg_path]
    assert file_states(entry)[str(entry.head_path)] is None


def test_scamp_header_that_cannot_be_read_has_no_digest(entry: EpochInfo) -> None:
    path = Path(str(entry.head_path))
    path.unlink()
    path.mkdir()
    assert read(entry).files[str(path)].headers is None


def test_unchanged_files_are_the_recorded_ones(entry: EpochInfo) -> None:
    recorded = read(entry).files
    assert compare_files(entry, recorded, file_states(entry)) == recorded


@pytest.mark.parametrize("name", ["image_path", "seg_path", "head_path"])
def test_copied_file_has_its_new_time(entry: EpochInfo, name: str) -> None:
    recorded = read(entry).files
    path = str(getattr(entry, name))
    mtime_ns = touch(path)
    now = compare_files(entry, recorded, file_states(entry))
    assert now == {**recorded, path: recorded[path].at(mtime_ns)}


@pytest.mark.parametrize("name", ["image_path", "seg_path", "head_path"])
def test_file_with_another_byte_has_changed(entry: EpochInfo, name: str) -> None:
    recorded = read(entry).files
    path = Path(getattr(entry, name))
    content = bytearray(path.read_bytes())
    content[-2000 % len(content)] ^= 1
    path.write_bytes(content)
    touch(str(path))
    assert compare_files(entry, recorded, file_states(entry)) is None


def test_file_of_another_size_has_changed(entry: EpochInfo) -> None:
    recorded = read(entry).files
    Path(str(entry.head_path)).write_text("HISTORY  another solution\n")
    assert compare_files(entry, recorded, file_states(entry)) is None


def test_file_that_is_gone_has_changed(entry: EpochInfo) -> None:
    recorded = read(entry).files
    Path(str(entry.head_path)).unlink()
    assert compare_files(entry, recorded, file_states(entry)) is None


def test_file_without_a_digest_has_changed_with_its_time(entry: EpochInfo) -> None:
    states = file_states(entry)
    recorded = {path: RecordedFile(*state) for path, state in states.items() if state}
    assert compare_files(entry, recorded, states) == recorded
    touch(entry.seg_path)
    assert compare_files(entry, recorded, file_states(entry)) is None


def test_facts_of_a_mask_name_its_profile_and_segmentation(entry: EpochInfo) -> None:
    found = read(entry).facts(entry, "none", DES_PIZZA_CUTTER)
    assert (found["profile"], found["segmentation"]) == ("des", "none")
    assert read(entry).facts(entry, "none", ProfileId("lsst", "1"))["profile"] == "lsst"
    assert (found["planes_checked"], found["damaged_taken"]) == (False, False)
