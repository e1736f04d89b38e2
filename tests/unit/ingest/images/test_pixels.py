"""Facts about the three planes of an image."""

from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.images.pixels import BLOCK, PlaneFiles, Planes
from goodpix.schema.errors import FitsFileError, PlaneError
from goodpix.schema.planes.imagefiles import PlaneFile
from goodpix.schema.planes.reader import PlaneReader

from ..tinytile import cards, info_of, some_planes, write_image

SHAPE = (BLOCK + 88, 7)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_image(tmp_path / "coadd.fits", some_planes(SHAPE, 3), cards())
    return tmp_path


def files(folder: Path, **keys: Any) -> PlaneFiles:
    return PlaneFiles.of(info_of(folder).model_copy(update=keys))


def test_files_are_those_of_the_info_file(folder: Path) -> None:
    path = f"{folder}/coadd.fits"
    assert files(folder) == PlaneFiles(PlaneFile(path, "wgt"), PlaneFile(path, "msk"), PlaneFile(path, "seg"))
    assert files(folder, seg_path=None).seg is None


def test_planes_are_named(folder: Path) -> None:
    with PlaneReader() as reader:
        assert list(files(folder).planes(reader).named()) == ["weight", "bmask", "seg"]
        assert list(files(folder, seg_path=None).planes(reader).named()) == ["weight", "bmask"]


def block_shapes(planes: Planes) -> list[tuple[int, ...]]:
    return [block.bmask.shape for block in planes.blocks()]


def test_blocks_cover_every_row_once(folder: Path) -> None:
    with PlaneReader() as reader:
        assert block_shapes(files(folder).planes(reader)) == [(BLOCK, 7), (88, 7)]


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"bmask_ext": "wgt"}, PlaneError, "bmask is float32: expected integers"),
        ({"seg_ext": "wgt"}, PlaneError, "seg is float32: expected integers"),
        ({"seg_ext": "none"}, FitsFileError, "no extension 'none'"),
    ],
)
def test_plane_that_cannot_be_one_is_refused(
    folder: Path, keys: dict[str, str], error: type[Exception], message: str
) -> None:
    with PlaneReader() as reader, pytest.raises(error, match=message):
        list(files(folder, **keys).planes(reader).blocks())
