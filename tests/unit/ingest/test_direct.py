"""Facts about the direct derivation of masks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.direct import Comparison, Side, check_mask, compare, direct_flags, direct_positions
from goodpix.ingest.tile import ingest_tile
from goodpix.schema.errors import FitsFileError, MaskNotFoundError
from goodpix.schema.wcs.solution import Wcs

from .tinytile import (
    BAND,
    COADD_SHAPE,
    SHAPE,
    SHIFTS,
    TILE,
    cards,
    epoch_flags,
    make_images,
    some_planes,
    task_of,
    write_image,
)

Flags = npt.NDArray[np.int64]

SHIFT = SHIFTS[2]


def side(seed: int, shape: tuple[int, int], **more: Any) -> Side:
    planes = some_planes(shape, seed)
    flags = direct_flags(planes["weight"], planes["bmask"], planes["seg"])
    return Side(flags, Wcs.from_header(cards(**more), "test"), 1)


COADD, EPOCH = side(0, COADD_SHAPE), side(2, SHAPE, x=SHIFT[0], y=SHIFT[1])
EXPECTED = epoch_flags(some_planes(SHAPE, 2), some_planes(COADD_SHAPE, 0), *SHIFT)


@pytest.mark.parametrize(
    ("weight", "bmask", "seg", "flags"),
    [
        (1.0, 0, 0, 0),
        (1.0, 0, 7, 1),
        (0.0, 0, 0, 2),
        (-1.0, 0, 0, 2),
        (np.nan, 0, 0, 2),
        (np.inf, 0, 0, 2),
        (1.0, 5, 0, 4 | 5 << 8),
        (1.0, -1, 0, 4 | 0xFFFFFF << 8),
        (0.0, 1 << 30, -1, 7 | 1 << 31),
    ],
)
def test_flags_say_what_is_wrong_with_a_pixel(weight: float, bmask: int, seg: int, flags: int) -> None:
    planes = (np.array([[weight]], "f4"), np.array([[bmask]], "i4"), np.array([[seg]], "i4"))
    assert direct_flags(*planes).tolist() == [[flags]]


def test_positions_on_the_coadds_own_grid_are_shifted() -> None:
    x, y = direct_positions(EPOCH, COADD)
    rows, columns = np.indices(SHAPE)
    np.testing.assert_allclose(x, columns + SHIFT[0], atol=1e-7)
    np.testing.assert_allclose(y, rows + SHIFT[1], atol=1e-7)


@pytest.mark.parametrize(("of_epoch", "of_coadd"), [(0, 1), (1, 0), (-2.5, 3)])
def test_position_offset_is_each_images_own(of_epoch: float, of_coadd: float) -> None:
    x, y = direct_positions(replace(EPOCH, offset=of_epoch), replace(COADD, offset=of_coadd))
    assert (x[0, 0], y[0, 0]) == pytest.approx([each + of_epoch - of_coadd for each in SHIFT], abs=1e-7)


def test_direction_behind_the_coadd_has_no_position() -> None:
    behind = replace(COADD, wcs=Wcs.from_header(cards() | {"CRVAL1": 201.0, "CRVAL2": 33.5}, "test"))
    assert np.isnan(direct_positions(EPOCH, behind)).all()
    found = compare(EPOCH.flags | 8, EPOCH, behind)
    assert found.equal


def test_terms_that_esutil_does_not_know_are_left_to_wcslib() -> None:
    """Esutil passes over PV1_12 in silence."""
    distorted = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0}
    one, other = (
        direct_positions(replace(EPOCH, wcs=Wcs.from_header(cards() | distorted | more, "test")), COADD)
        for more in ({}, {"PV1_12": 1e6})
    )
    assert np.abs(one[0] - other[0]).max() > 1e-3


def test_equal_flags_are_equal() -> None:
    found = compare(EXPECTED, EPOCH, COADD)
    assert (found.n_pixels, found.n_equal, found.examples, found.equal) == (192, 192, (), True)
    assert str(found) == "192 of 192 pixels agree with the mask computed directly"


def test_different_pixels_are_counted_and_some_are_shown() -> None:
    wrong = EXPECTED.copy()
    wrong[3] ^= 1
    found = compare(wrong, EPOCH, COADD)
    assert (found.n_equal, found.equal, len(found.examples)) == (180, False, 5)
    assert found.examples[0] == f"x 0, y 3: stored flags {wrong[3, 0]}, direct {EXPECTED[3, 0]}"
    assert str(found).splitlines()[1:] == list(found.examples)


def test_either_neighbour_is_right_on_a_rounding_boundary() -> None:
    halfway = replace(EPOCH, offset=1.5)
    planes, coadd = some_planes(SHAPE, 2), some_planes(COADD_SHAPE, 0)
    for dx in (0, 1):
        for dy in (0, 1):
            flags = epoch_flags(planes, coadd, SHIFT[0] + dx, SHIFT[1] + dy)
            assert compare(flags, halfway, COADD).equal
    assert not compare(epoch_flags(planes, coadd, SHIFT[0] + 2, SHIFT[1]), halfway, COADD).equal


def test_mask_of_another_shape_is_equal_nowhere() -> None:
    found = compare(EXPECTED[1:], EPOCH, COADD)
    assert found == Comparison(180, 0, ("the image has shape (16, 12), the mask (15, 12)",))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of the tile; a test that changes an image puts it back."""
    folder = tmp_path_factory.mktemp("catalogue")
    make_images(folder)
    url = folder / "goodpix.db"
    with open_for_writing(url, masks=folder / "masks", campaign="test", wcs_source="image") as database:
        Writer(database, {}).commit(ingest_tile(task_of(folder)))
    return url


def test_stored_mask_is_checked_against_its_files(database: Path) -> None:
    assert all(check_mask(database, TILE, BAND, expnum, 2).equal for expnum in SHIFTS)
    path = database.with_name("1.fits")
    before = path.read_bytes()
    write_image(path, some_planes(SHAPE, 9), cards(x=SHIFTS[1][0], y=SHIFTS[1][1]))
    assert not check_mask(database, TILE, BAND, 1, 2).equal
    path.unlink()
    with pytest.raises(FitsFileError, match=r"1\.fits: no such file"):
        check_mask(database, TILE, BAND, 1, 2)
    path.write_bytes(before)


def test_mask_that_is_not_there_is_named(database: Path) -> None:
    with pytest.raises(MaskNotFoundError, match=rf"the catalogue has no epoch 7/2 \(tile {TILE}, band i\)"):
        check_mask(database, TILE, BAND, 7, 2)
