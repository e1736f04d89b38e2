"""Facts about single pixels read from mask files."""

from pathlib import Path

import numpy as np
import pytest

from goodpix.schema.errors import MaskFileError
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import decode
from goodpix.schema.rows import MaskKey
from goodpix.schema.store.masksroot import MasksRoot

from ...rows import TILE, coadd_and_epochs, folder_of, write_masks

MASKS = coadd_and_epochs(3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    root = MasksRoot.of(tmp_path / "masks")
    return folder_of(root) / write_masks(root, MASKS)


@pytest.mark.parametrize("row_group", range(len(MASKS)))
def test_pixels_have_the_flags_of_the_image(row_group: int, path: Path) -> None:
    row, runs = MASKS[row_group]
    flags = decode(runs)
    pixels = np.random.default_rng(1).permutation(runs.nx * runs.ny)
    found = MaskFile.open(path).flags_at(row_group, pixels, row.key)
    np.testing.assert_array_equal(found, flags[pixels % runs.ny, pixels // runs.ny])


def test_one_pixel_may_be_asked_for_twice(path: Path) -> None:
    row, runs = MASKS[1]
    found = MaskFile.open(path).flags_at(1, np.array([700, 3, 700]), row.key)
    np.testing.assert_array_equal(found, np.repeat(runs.flags, runs.lengths)[[700, 3, 700]])


@pytest.mark.parametrize(
    "key",
    [
        MaskKey(TILE, "i", "epoch", 492768, 12),
        MaskKey(TILE, "r", "epoch", 492768, 11),
        MaskKey("DES0000+0000", "i", "epoch", 492768, 11),
        MaskKey(TILE, "i", "coadd", None, None),
    ],
    ids=str,
)
def test_pixels_of_something_else_are_refused(key: MaskKey, path: Path) -> None:
    with pytest.raises(MaskFileError, match=r"row 1 is epoch 492768/11 .* expected"):
        MaskFile.open(path).flags_at(1, np.array([0]), key)


@pytest.mark.parametrize("row_group", [-1, len(MASKS)])
def test_pixels_of_a_row_that_is_not_there_are_refused(row_group: int, path: Path) -> None:
    with pytest.raises(MaskFileError, match=f"there is no row {row_group} among its 4 masks"):
        MaskFile.open(path).flags_at(row_group, np.array([0]), MASKS[1][0].key)


def test_pixels_of_a_damaged_file_are_refused_or_right(path: Path) -> None:
    row, runs = MASKS[2]
    flags, pixels = np.repeat(runs.flags, runs.lengths), np.arange(0, runs.nx * runs.ny, 11)
    content, refused = path.read_bytes(), 0
    file = MaskFile.open(path)
    for where in range(4, len(content) - 8, 97):
        path.write_bytes(content[:where] + bytes([content[where] ^ 0x41]) + content[where + 1 :])
        try:
            found = file.flags_at(2, pixels, row.key)
        except MaskFileError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, flags[pixels])
    assert refused > 3
