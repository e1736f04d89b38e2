"""Masks that combine, compare and know their place on the sky."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fitsio
import numpy as np
import pytest
from astropy.coordinates import SkyCoord

import goodpix
from goodpix.query.masks.mask import Mask
from goodpix.schema.bits import DES_Y6, BitNames
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import EAST, WEST, make_masks

FLAGS = np.array([[0, 0, 1, 0], [2, 0, 1, 0], [2, 0, 0, 16]], np.int64)
KEY = MaskKey("T", "r", "epoch", 1, 2)
MASK = Mask(KEY, encode(FLAGS))
OWN = Mask.from_bool(FLAGS != 2, like=MASK)
EPOCH = "epoch 1/2 (tile T, band r)"


@pytest.mark.parametrize(
    ("combined", "name"),
    [
        (MASK & OWN, f"{EPOCH} & own pixels"),
        (OWN | MASK, f"own pixels | {EPOCH}"),
        (~MASK, f"~{EPOCH}"),
        (~(MASK & OWN) ^ OWN, f"(~({EPOCH} & own pixels)) ^ own pixels"),
        (MASK.cutout(0, 2, 0, 2), EPOCH),
    ],
)
def test_combined_mask_says_what_it_is_of(combined: Mask, name: str) -> None:
    assert combined.name == name
    assert repr(combined).startswith(f"<Mask of {name}, ")
    assert combined.provenance().facts.get("formula", EPOCH) == name


def test_masks_are_equal_where_pixels_and_flags_are() -> None:
    again = Mask(KEY, encode(FLAGS))
    assert again == MASK
    assert hash(again) == hash(MASK)
    assert MASK & MASK == MASK
    assert ~~OWN == OWN
    assert ~~MASK != MASK  # the reasons are gone
    assert {MASK: 1}[again] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda mask: replace(mask, key=MaskKey("T", "r", "epoch", 1, 3)),
        lambda mask: replace(mask, encoded=encode(FLAGS | 1)),
        lambda mask: replace(mask, encoded=encode(FLAGS.T)),
        lambda mask: replace(mask, x0=1),
        lambda mask: replace(mask, bit_names=BitNames(DES_Y6.se, {})),
        lambda mask: mask.good(),
    ],
)
def test_masks_differ_in_image_flags_place_or_bit_names(change: Callable[[Mask], object]) -> None:
    assert MASK.__eq__(change(MASK)) is not True


@pytest.mark.parametrize("tile", [EAST, WEST])
def test_wcs_is_that_of_the_array_of_a_cutout_too(tile: str, tmp_path: Path) -> None:
    made = make_masks(tmp_path)
    with goodpix.Catalogue(made.url) as cat:
        mask = next(cat.masks(tilename=tile))
        part = mask.cutout(2, 9, 3, 11)
        y, x = np.mgrid[:8, :7].reshape(2, -1).astype(np.float64)
        expected = mask.grid.sky(x + 2, y + 3)
        found = part.wcs.pixel_to_world(x, y)
        assert found.separation(SkyCoord(*expected, unit="deg")).arcsec.max() < 1e-6
        assert part.wcs.pixel_shape == (7, 8)
        part.to_fits(tmp_path / "part.fits")
    header = fitsio.read_header(str(tmp_path / "part.fits"), ext="MASK")
    np.testing.assert_allclose([header["CRPIX1"], header["CRPIX2"]], part.wcs.wcs.crpix)
