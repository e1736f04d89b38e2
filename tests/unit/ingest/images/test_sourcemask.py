"""Facts about source masks of a tile of a few hundred pixels."""

import logging
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.images.ccdimage import CcdImage, read_ccd_image
from goodpix.ingest.images.sourcemask import SourceFiles, SourceMasks
from goodpix.ingest.infofile import EpochInfo
from goodpix.ingest.inputs import file_states
from goodpix.ingest.plan import Options, SourceMask
from goodpix.ingest.tile import ingest_tile
from goodpix.schema.maskfile import MaskFile, MaskFileWriter
from goodpix.schema.masks.rle import Runs, decode
from goodpix.schema.planes.reader import PlaneReader
from goodpix.schema.rows import EpochFacts
from goodpix.schema.store.masksroot import MasksRoot

from ..tinytile import (
    BAND,
    COADD_SHAPE,
    SHAPE,
    SHIFTS,
    TILE,
    cards,
    epoch_flags,
    info_of,
    make_images,
    some_planes,
    task_of,
)

COADD = some_planes(COADD_SHAPE, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The images of a tile, and its mask file."""
    make_images(tmp_path)
    assert ingest_tile(task_of(tmp_path)).mask_file
    return tmp_path


def epoch(folder: Path, **keys: Any) -> EpochInfo:
    return info_of(folder).src_info[0].model_copy(update=keys)


def mask_file(folder: Path) -> Path:
    (path,) = (folder / "masks").rglob("*_g1_*.parquet")
    return path


def sources(folder: Path, *places: tuple[str, int]) -> SourceMasks:
    """Return the first epoch's mask as a source, or those at other places."""
    own = f"{BAND}/{mask_file(folder).name}"
    named = [SourceMask(name or own, row_group) for name, row_group in places or [("", 1)]]
    return SourceMasks(SourceFiles(MasksRoot.of(folder / "masks")), tuple(named))


def taken(entry: EpochInfo, masks: SourceMasks, options: Options | None = None) -> CcdImage | None:
    with PlaneReader() as reader:
        image = masks.ccd_image(reader, entry, options or Options(), file_states(entry))
        assert not reader.opened
    return image


def test_image_is_that_of_the_files(folder: Path) -> None:
    found = taken(epoch(folder), sources(folder))
    assert found is not None
    with PlaneReader() as reader:
        image = read_ccd_image(reader, epoch(folder), Options(), file_states(epoch(folder)))
    assert isinstance(found.planes, Runs)
    assert np.array_equal(decode(found.planes) & 7, epoch_flags(some_planes(SHAPE, 1), COADD, *SHIFTS[1]) & 7)
    assert (found.shape, found.exposure, found.quantization, found.seg_used) == (
        image.shape,
        image.exposure,
        image.quantization,
        image.seg_used,
    )
    assert found.inputs == image.inputs
    assert found.header.items() <= image.header.items()


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({"expnum": 2}, Options()),
        ({"ccdnum": 3}, Options()),
        ({"band": "r"}, Options()),
        ({"weight_ext": "msk"}, Options()),
        ({"seg_path": None}, Options(allow_missing_se_seg=True)),
        ({}, Options(allow_dithered_weights=True)),
        ({}, Options(allow_damaged=True)),
    ],
    ids=str,
)
def test_mask_of_other_inputs_is_no_source(folder: Path, keys: dict[str, Any], options: Options) -> None:
    assert taken(epoch(folder, **keys), sources(folder), options) is None


@pytest.mark.parametrize("keys", [{"magzp": 1.0}, {"position_offset": 2.0}, {"tilename": "DES0001+0001"}])
def test_what_another_tile_says_of_the_image_does_not_matter(folder: Path, keys: dict[str, Any]) -> None:
    assert taken(epoch(folder, **keys), sources(folder)) is not None


@pytest.mark.parametrize("change", ["gone", "longer"])
def test_image_whose_file_has_changed_has_no_source(folder: Path, change: str) -> None:
    path = folder / "1.fits"
    if change == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + bytes(2880))
    assert taken(epoch(folder), sources(folder)) is None


def test_copied_file_has_its_present_time(folder: Path) -> None:
    os.utime(folder / "1.fits", ns=(1, 5))
    with PlaneReader() as reader:
        found = sources(folder).ccd_image(reader, epoch(folder), Options(), file_states(epoch(folder)))
        expected = read_ccd_image(reader, epoch(folder), Options(), file_states(epoch(folder)))
    assert found is not None
    assert found.inputs == expected.inputs


@pytest.mark.parametrize("facts", [{"stale": True}, {"files": None}, {"se_fingerprint": None}], ids=str)
def test_stale_mask_and_one_of_format_1_are_no_source(folder: Path, facts: dict[str, Any]) -> None:
    file, task = MaskFile.open(mask_file(folder)), task_of(folder)
    row = file.row(1)
    assert isinstance(row.facts, EpochFacts)
    with MaskFileWriter(task.root, TILE, BAND, 2, task.bit_names) as writer:
        writer.add(replace(row, facts=replace(row.facts, **facts)), file.runs(1))
        name = writer.finish()
    assert taken(epoch(folder), sources(folder, (name, 0))) is None


def test_coadds_own_mask_is_no_source(folder: Path) -> None:
    assert taken(epoch(folder), sources(folder, ("", 0))) is None


def test_places_are_tried_in_their_order(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = sources(folder, ("i/gone.parquet", 1), ("", 99), ("", 2), ("", 1))
    with caplog.at_level(logging.WARNING):
        assert taken(epoch(folder), found) is not None
        assert taken(epoch(folder), found) is not None
    assert len([text for text in caplog.messages if "gone.parquet is missing" in text]) == 1
    assert "epoch 1/2: reading its files again: mask file" in caplog.text


def test_image_without_places_has_no_source(folder: Path) -> None:
    assert taken(epoch(folder), SourceMasks(SourceFiles(MasksRoot.of(folder / "masks")), ())) is None


def test_scamp_catalogue_opens_the_image_header(folder: Path) -> None:
    with PlaneReader() as reader:
        found = sources(folder).ccd_image(reader, epoch(folder), Options("scamp"), file_states(epoch(folder)))
        assert list(reader.opened) == [str(folder / "1.fits")]
    assert found is not None
    assert found.header["CRPIX1"] == cards(x=5, y=3)["CRPIX1"]


def test_opened_files_are_used_and_stay_in_their_process(folder: Path) -> None:
    root = MasksRoot.of(folder / "masks")
    file = MaskFile.open(mask_file(folder))
    files = SourceFiles(root, {"i/other.parquet": file})
    assert files.open("i/other.parquet") is file
    assert pickle.loads(pickle.dumps(files)).open("i/other.parquet") is None
