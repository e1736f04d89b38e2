"""Facts about synthetic sources and their noiseless images."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from goodpix.ingest.synthetic.decam import coadd_wcs_cards, sky_to_pixel
from goodpix.ingest.synthetic.drawing import (
    RESIDUAL_GRADIENT,
    RESIDUAL_LEVEL,
    Sources,
    Truth,
    draw_sources,
    make_sources,
    residual_sky,
)

COADD = (300, 400)
WCS = coadd_wcs_cards(0.02, -33.0, COADD)


def some_sources(seed: int = 1, density: float = 38.0) -> Sources:
    return make_sources(np.random.default_rng(seed), WCS, COADD, 50, density, (120.0, 80.0))


def star(mag: float, **more: float) -> Sources:
    """Return one source, a round star unless given otherwise."""
    values = {"ra": 0.0, "dec": 0.0, "mag": mag, "fwhm_arcsec": 0.0, "axis_ratio": 1.0, "angle": 0.0} | more
    return Sources(**{name: np.array([each]) for name, each in values.items()}, number=np.array([7], np.int32))


def draw(sources: Sources, x: float, y: float, shape: tuple[int, int] = (101, 101), threshold: float = 1.0) -> Truth:
    return draw_sources(shape, np.array([x]), np.array([y]), sources, magzp=30, fwhm=4, sigma=1, threshold=threshold)


def test_sources_lie_on_the_coadd_and_around() -> None:
    sources = some_sources()
    x, y = sky_to_pixel(WCS, sources.ra, sources.dec)
    assert (x.min() >= -50.001, x.max() <= 450.001, y.min() >= -50.001, y.max() <= 350.001) == (True,) * 4
    area = 500 * 400 * (0.263 / 60) ** 2
    assert sources.ra.size == pytest.approx(38 * area, rel=0.02)


def test_first_source_is_the_bright_star() -> None:
    sources = some_sources()
    x, y = sky_to_pixel(WCS, sources.ra, sources.dec)
    assert (x[0], y[0]) == pytest.approx((120, 80), abs=1e-6)
    assert (sources.mag[0], sources.fwhm_arcsec[0], sources.number[0]) == (13, 0, 1)
    assert sources.number.tolist() == list(range(1, sources.ra.size + 1))


def test_fewer_sources_are_brighter() -> None:
    assert some_sources(density=5).mag.max() < some_sources(density=38).mag.max() < 24.001


def test_same_seed_gives_the_same_sources() -> None:
    first, again, other = some_sources(1), some_sources(1), some_sources(2)
    assert np.array_equal(first.ra, again.ra)
    assert not np.array_equal(first.ra, other.ra)


def test_stars_are_round_points() -> None:
    sources = some_sources()
    stars = sources.fwhm_arcsec == 0
    assert 0 < stars.sum() < stars.size
    assert (sources.axis_ratio[stars] == 1).all()
    assert sources.fwhm_arcsec[~stars].min() >= 0.4


def test_near_sources_are_found_across_ra_zero() -> None:
    sources = some_sources()
    near = sources.near(0.0, -33.0, 0.005)
    east = ((sources.ra + 180) % 360 - 180) * math.cos(math.radians(33.0))
    assert near.number.tolist() == sources.number[np.hypot(east, sources.dec + 33) < 0.005].tolist()
    assert near.ra.min() < 180 < near.ra.max()


def test_flux_is_that_of_the_magnitude() -> None:
    truth = draw(star(20), 50, 50)
    assert truth.image.sum() == pytest.approx(10**4, rel=0.02)
    assert truth.image.argmax() == 50 * 101 + 50


def test_seeing_is_the_full_width_at_half_maximum() -> None:
    row = draw(star(18), 50, 50).image[50]
    assert np.interp(2, np.arange(51), row[50:]) == pytest.approx(row[50] / 2, rel=1e-5)


def test_elliptical_source_lies_along_its_angle() -> None:
    image = draw(star(18, fwhm_arcsec=3.0, axis_ratio=0.4, angle=math.radians(30)), 50, 50).image.astype(float)
    y, x = np.indices(image.shape) - 50.0
    angle = math.atan2(2 * (image * x * y).sum(), (image * (x * x - y * y)).sum()) / 2
    assert math.degrees(angle) == pytest.approx(30, abs=0.5)


def test_object_is_where_the_image_exceeds_the_threshold() -> None:
    truth = draw(star(20), 50, 50, threshold=3.0)
    assert np.array_equal(truth.seg, np.where(truth.image > 3, 7, 0))


def test_pixel_belongs_to_its_brightest_source() -> None:
    one, other = star(20), replace(star(19), number=np.array([8], np.int32))
    both = Sources(**{f.name: np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(Sources)})
    x, y = np.array([40.0, 60.0]), np.array([50.0, 50.0])
    truth = draw_sources((101, 101), x, y, both, magzp=30, fwhm=4, sigma=1, threshold=0.01)
    first, second = draw(one, 40, 50).image, draw(other, 60, 50).image
    detected = truth.seg > 0
    assert np.array_equal(truth.seg[detected], np.where(first > second, 7, 8)[detected])
    np.testing.assert_allclose(truth.image, first + second, rtol=1e-5)


@pytest.mark.parametrize(("x", "y"), [(-500, 50), (50, 700), (1e6, 1e6)])
def test_source_far_outside_leaves_no_trace(x: float, y: float) -> None:
    truth = draw(star(20), x, y)
    assert not truth.image.any()
    assert not truth.seg.any()


def test_source_outside_the_edge_reaches_in() -> None:
    truth = draw(star(15), -5, 50)
    assert truth.image[50, 0] > 0
    assert np.array_equal(truth.image[:, :96], draw(star(15), 0, 50, shape=(101, 101)).image[:, 5:])


@pytest.mark.parametrize("ny", [2, 101])
def test_residual_sky_rises_by_its_gradient_about_its_level(ny: int) -> None:
    sky = residual_sky((ny, 5))
    assert sky.shape == (ny, 1)
    assert sky.mean() == pytest.approx(RESIDUAL_LEVEL)
    np.testing.assert_allclose(np.diff(sky[:, 0]), RESIDUAL_GRADIENT / (ny - 1), rtol=1e-3)


def test_residual_sky_of_one_row_is_defined() -> None:
    assert residual_sky((1, 5)).tolist() == [[RESIDUAL_LEVEL - RESIDUAL_GRADIENT / 2]]
