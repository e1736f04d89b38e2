"""Sky of a tile that is good in at least one epoch, against a count of HEALPix centres by hpgeom and astropy."""

import itertools
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.images.goodcover import COVER_NSIDE, GoodCover
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.rows import MaskRow

from ....rows import coadd_row, epoch_row, flags_image

Mask = tuple[MaskRow, Runs]

SHAPE = (90, 70)
PIXEL = 0.8 / 3600
ARCMIN2 = float(hpgeom.nside_to_pixel_area(COVER_NSIDE, degrees=True)) * 3600
WORLD: dict[str, Any] = {"uramin": 300.0, "uramax": 119.0, "udecmin": -90.0, "udecmax": 90.0}

# Rotation (degrees) and position of the first pixel, relative to a common one, of each epoch.
DITHERS = ((20.0, 0.0, 0.0), (21.0, 13.4, -8.7), (200.0, 40.2, 30.9), (110.0, -35.1, 21.3))

PLACES = {
    "equator": (50.0, 0.01),
    "RA = 0": (0.0, -40.0),
    "north pole": (20.0, 89.999),
    "south pole": (0.0, -90.0),
    "between the equatorial and polar faces": (45.0, 41.8103),
}


def epoch(number: int, place: str, flags: npt.NDArray[np.int64] | None = None, **facts: Any) -> Mask:
    """Return the mask of a dithered epoch at a place."""
    angle, x, y = DITHERS[number]
    (ra, dec), (cos, sin) = PLACES[place], (np.cos(np.radians(angle)), np.sin(np.radians(angle)))
    cards: dict[str, Any] = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec}
    cards |= {"CRPIX1": 31.3 + x, "CRPIX2": 48.9 + y, "CD1_1": -PIXEL * cos, "CD1_2": PIXEL * sin}
    cards |= {"CD2_1": PIXEL * sin, "CD2_2": PIXEL * cos}
    runs = encode(flags_image(number, SHAPE) if flags is None else flags)
    return epoch_row(runs, expnum=number, wcs=json.dumps(cards), **facts), runs


def epochs(place: str) -> list[Mask]:
    return [epoch(number, place) for number in range(len(DITHERS))]


def area(masks: Sequence[Mask], **limits: float | None) -> float | None:
    own = encode(np.zeros((5, 4), np.int64))
    cover = GoodCover.of(coadd_row(own, **(WORLD | limits)))
    for mask in masks:
        cover.add(*mask)
    return cover.area


def plain(place: str, masks: Sequence[Mask], inside: Callable[[Any, Any], Any] | None = None) -> int:
    """Return the number of centres in good pixels."""
    hpix = hpgeom.query_circle(COVER_NSIDE, *PLACES[place], 160 / 3600, nest=True)
    ra, dec = hpgeom.pixel_to_angle(COVER_NSIDE, hpix, nest=True)
    good = np.zeros(hpix.size, np.bool_)
    for row, runs in masks:
        wcs = WCS(fits.Header(list(json.loads(row.facts.wcs).items())))
        x, y = np.floor(np.array(wcs.all_world2pix(ra, dec, 1)) - row.facts.position_offset + 0.5).astype(int)
        held = (x >= 0) & (x < runs.nx) & (y >= 0) & (y < runs.ny)
        flags = np.repeat(runs.flags, runs.lengths).reshape(runs.nx, runs.ny)
        good[held] |= flags[x[held], y[held]] == 0
    if inside is not None:
        good &= inside(ra, dec)
    return int(good.sum())


@pytest.mark.parametrize("place", PLACES)
def test_area_is_that_of_the_centres_in_a_good_pixel(place: str) -> None:
    def inside(ra: Any, dec: Any) -> Any:
        return (ra >= 300.0) | (ra < 119.0)

    expected = plain(place, epochs(place), inside)
    assert expected > 250
    assert area(epochs(place)) == pytest.approx(expected * ARCMIN2, rel=1e-12)
    single = sum(plain(place, [each], inside) for each in epochs(place))
    assert expected < 0.95 * single


def test_region_across_ra_0_with_half_of_the_images_outside() -> None:
    found = area(epochs("RA = 0"), uramin=359.9, uramax=0.0021, udecmin=-40.003)
    expected = plain("RA = 0", epochs("RA = 0"), lambda ra, dec: ((ra < 0.0021) | (ra >= 359.9)) & (dec >= -40.003))
    assert found == pytest.approx(expected * ARCMIN2, rel=1e-12)
    assert 0.3 < expected / plain("RA = 0", epochs("RA = 0")) < 0.8


def test_sliver_of_a_region() -> None:
    found = area(epochs("equator"), udecmin=0.011, udecmax=0.0115)
    expected = plain("equator", epochs("equator"), lambda _, dec: (dec >= 0.011) & (dec < 0.0115))
    assert 0 < expected < 200
    assert found == pytest.approx(expected * ARCMIN2, rel=1e-12)


def test_order_and_repetition_change_nothing() -> None:
    masks = epochs("equator")
    areas = {area(order) for order in itertools.permutations(masks)} | {area([*masks, *masks])}
    assert len(areas) == 1


def test_area_is_that_of_the_pixels_of_a_good_image() -> None:
    good = np.zeros(SHAPE, np.int64)
    assert area([epoch(0, "equator", good)]) == pytest.approx(90 * 70 * 0.8**2 / 3600, rel=0.02)


def test_position_offset_of_the_epoch_counts() -> None:
    masks = [epoch(0, "equator", position_offset=0.0), epoch(1, "equator", position_offset=0.0)]
    expected = plain("equator", masks)
    assert expected != plain("equator", [epoch(0, "equator"), epoch(1, "equator")])
    assert area(masks) == pytest.approx(expected * ARCMIN2, rel=1e-12)


def test_epoch_without_a_segmentation_map_does_not_count() -> None:
    masks = epochs("equator")
    without = [*masks[:3], epoch(3, "equator", se_seg_used=False)]
    assert area(without) == area(masks[:3])
    assert area(masks[:3]) != area(masks)


def test_bad_images_and_no_image_have_no_area() -> None:
    bad = np.full(SHAPE, 1 << 20 | 4, np.int64)
    assert area([epoch(0, "equator", bad)]) == 0.0
    assert area([]) == 0.0


@pytest.mark.parametrize("limit", ["uramin", "uramax", "udecmin", "udecmax"])
def test_tile_without_a_unique_region_has_no_number(limit: str) -> None:
    assert area(epochs("equator"), **{limit: None}) is None


def test_tile_without_a_coadd_has_no_number() -> None:
    assert GoodCover.of(None).area is None


def test_coadd_does_not_count() -> None:
    own = encode(np.zeros((5, 4), np.int64))
    row = coadd_row(own, **WORLD)
    cover = GoodCover.of(row)
    cover.add(row, own)
    assert cover.area == 0.0


def test_epoch_whose_wcs_cannot_be_used_makes_the_area_unknown(caplog: pytest.LogCaptureFixture) -> None:
    runs = encode(np.zeros(SHAPE, np.int64))
    broken = epoch_row(runs, wcs=json.dumps({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})), runs
    with caplog.at_level(logging.WARNING):
        assert area([*epochs("equator"), broken]) is None
    assert "epoch 492768/11 (tile DES0124-3332, band i): area_good_any_unique is unknown" in caplog.text
