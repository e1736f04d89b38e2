"""Facts about the astrometric headers of synthetic images."""

import math
from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.ingest.synthetic.decam import (
    CCD_SHAPE,
    PIXEL_ARCSEC,
    Cards,
    coadd_wcs_cards,
    decam_solutions,
    pixel_to_sky,
    scamp_head_text,
    shifted,
    sky_to_pixel,
    solution_at,
)

SOLUTION = decam_solutions()[0]


def sky(cards: Cards, x: float, y: float) -> tuple[float, float]:
    ra, dec = pixel_to_sky(cards, np.array([x]), np.array([y]))
    return float(ra[0]), float(dec[0])


def test_solutions_are_of_23_real_ccds() -> None:
    solutions = decam_solutions()
    assert len(solutions) == 23
    assert all(1 <= each.ccdnum <= 62 for each in solutions)
    assert {each.cards["CTYPE1"] for each in solutions} == {"RA---TPV"}


@pytest.mark.parametrize("shape", [(64, 64), (65, 128), (10000, 10000)])
def test_coadd_is_centred_with_north_up_and_east_left(shape: tuple[int, int]) -> None:
    ny, nx = shape
    cards = coadd_wcs_cards(22.5, -33.0, shape)
    x, y = (nx - 1) / 2, (ny - 1) / 2
    assert sky(cards, x, y) == pytest.approx((22.5, -33.0), abs=1e-12)
    assert sky(cards, x, y + 1)[1] - -33.0 == pytest.approx(PIXEL_ARCSEC / 3600, rel=1e-6)
    east = (sky(cards, x - 1, y)[0] - 22.5) * math.cos(math.radians(33.0))
    assert east == pytest.approx(PIXEL_ARCSEC / 3600, rel=1e-6)


@pytest.mark.parametrize(("ra", "dec"), [(22.5, -33.0), (0.0, 0.0), (359.9999, 84.9), (180.0, -85.0)])
@pytest.mark.parametrize("shape", [CCD_SHAPE, (512, 256), (65, 64)])
def test_solution_is_moved_until_the_middle_is_there(ra: float, dec: float, shape: tuple[int, int]) -> None:
    ny, nx = shape
    found_ra, found_dec = sky(solution_at(SOLUTION, ra, dec, shape), (nx - 1) / 2, (ny - 1) / 2)
    assert abs((found_ra - ra + 180) % 360 - 180) * 3600 < 1e-5 / math.cos(math.radians(dec))
    assert abs(found_dec - dec) * 3600 < 1e-5


def test_cutout_has_the_distortion_of_the_middle_of_the_ccd() -> None:
    whole, part = (solution_at(SOLUTION, 22.5, -33.0, shape) for shape in (CCD_SHAPE, (512, 256)))
    dx, dy = (CCD_SHAPE[1] - 256) / 2, (CCD_SHAPE[0] - 512) / 2
    assert sky(part, 3, 500) == pytest.approx(sky(whole, 3 + dx, 500 + dy), abs=1e-9)


def test_shift_moves_the_origin_alone() -> None:
    cards = shifted(SOLUTION.cards, 10, -20)
    assert sky(cards, 110, 80) == pytest.approx(sky(SOLUTION.cards, 100, 100), abs=1e-12)
    assert {key for key in cards if cards[key] != SOLUTION.cards[key]} == {"CRPIX1", "CRPIX2"}


def test_positions_come_back() -> None:
    x, y = np.array([0.0, 2047.0, 1000.5]), np.array([0.0, 4095.0, 7.25])
    found = sky_to_pixel(SOLUTION.cards, *pixel_to_sky(SOLUTION.cards, x, y))
    np.testing.assert_allclose(found, (x, y), atol=1e-6)


def test_scamp_header_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.ohead").write_text(scamp_head_text(SOLUTION.cards))
    found = fitsio.read_scamp_head(str(tmp_path / "a.ohead"))
    values = {key: found[key] for key in SOLUTION.cards}
    assert {key: v.rstrip() if isinstance(v, str) else v for key, v in values.items()} == dict(SOLUTION.cards)
    assert "NAXIS1" not in found
