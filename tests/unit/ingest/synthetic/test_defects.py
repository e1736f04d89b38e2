"""Facts about the planes of a synthetic CCD image."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.ingest.synthetic.defects import (
    FLAT_SCATTER,
    BrightStars,
    StarHalo,
    SyntheticPlanes,
    box_about,
    bright_stars,
    epoch_planes,
    trail_size,
)
from goodpix.ingest.synthetic.drawing import Sources, Truth, residual_sky
from goodpix.ingest.synthetic.exposure import AMP_B_VARIANCE, Exposure
from goodpix.schema.bits import DES_Y6

SHAPE = (256, 128)
EXPOSURE = Exposure(200_000, 40, "r", datetime(2016, 10, 1), 31.6, 4.0, 400.0, 10.0, 1.2)
NONE = BrightStars(*(np.zeros(0) for _ in range(3)))


def make(index: int = 2, stars: BrightStars = NONE, seed: int = 1, exposure: Exposure = EXPOSURE) -> SyntheticPlanes:
    truth = Truth(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.int32))
    return epoch_planes(truth, stars, exposure, index, np.random.default_rng(seed))


def has(planes: SyntheticPlanes, name: str) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = planes.bmask & DES_Y6.se[name] != 0
    return found


def one_star(x: float, y: float, mag: float) -> BrightStars:
    return BrightStars(np.array([x]), np.array([y]), np.array([mag]))


def test_noise_and_weight_agree_in_each_amplifier() -> None:
    planes = make()
    good = (planes.bmask == 0) & (planes.weight > 0)
    rest = planes.image - residual_sky(SHAPE)
    for columns, variance in ((slice(0, 64), 100.0), (slice(64, 128), 100.0 * AMP_B_VARIANCE)):
        inside = good[:, columns]
        weight = planes.weight[:, columns][inside]
        assert 1 / weight.mean() == pytest.approx(variance, rel=1e-3)
        assert weight.std() * variance == pytest.approx(FLAT_SCATTER, rel=0.05)
        assert np.std(rest[:, columns][inside] * np.sqrt(weight)) == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(
    ("index", "streak", "bleed", "dead"), [(0, 1, 0, 0), (1, 0, 1, 0), (2, 0, 0, 0), (4, 0, 0, 1), (9, 1, 1, 1)]
)
def test_index_decides_on_the_large_defects(index: int, streak: int, bleed: int, dead: int) -> None:
    planes = make(index)
    assert [bool(has(planes, name).any()) for name in ("STREAK", "EDGEBLEED", "BADAMP")] == [streak, bleed, dead]


def test_dead_amplifier_has_neither_image_nor_weight() -> None:
    planes = make(4)
    assert np.array_equal(has(planes, "BADAMP"), np.indices(SHAPE)[1] >= 64)
    assert not planes.weight[:, 64:].any()
    assert not planes.image[:, 64:].any()


@pytest.mark.parametrize("name", ["BPM", "CRAY", "EDGE", "NEAREDGE", "TAPEBUMP", "SUSPECT", "FIXED", "INTERP"])
def test_every_image_has_the_defects_of_its_detector(name: str) -> None:
    assert has(make(), name).any()


def test_edges_are_flagged_all_round() -> None:
    edge = has(make(), "EDGE")
    assert edge[[0, -1]].all()
    assert edge[:, [0, -1]].all()
    assert not edge[20:-20, 20:-20].any()


def test_cosmic_rays_have_no_weight() -> None:
    planes = make()
    assert not planes.weight[has(planes, "CRAY")].any()


def test_saturated_pixels_are_flagged_and_end_at_the_full_well() -> None:
    truth = Truth(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.int32))
    truth.image[100, 60], truth.image[100, 61] = 1e6, 39_000.0
    planes = epoch_planes(truth, NONE, EXPOSURE, 2, np.random.default_rng(1))
    assert np.argwhere(has(planes, "SATURATE")).tolist() == [[100, 60]]
    assert planes.image.max() <= 60_000


def test_star_bleeds_along_its_column_without_weight() -> None:
    planes, without = make(stars=one_star(50, 128, 15.0)), make()
    trail = has(planes, "TRAIL")
    half_length, half_width = trail_size(15.0, SHAPE)
    expected = np.zeros(SHAPE, np.bool_)
    expected[128 - half_length : 129 + half_length, 50 - half_width : 51 + half_width] = True
    assert np.array_equal(trail, expected)
    assert not planes.weight[trail].any()
    assert not has(without, "TRAIL").any()


def test_very_bright_star_has_a_halo_and_crosstalk() -> None:
    planes = make(stars=one_star(40, 128, 12.0))
    assert has(planes, "STAR")[128, 40]
    assert has(planes, "SSXTALK")[128, SHAPE[1] - 1 - 40]


def test_star_outside_has_a_halo_but_no_trail() -> None:
    planes = make(stars=one_star(-3, 128, 12.0))
    assert has(planes, "STAR")[128, 0]
    assert not has(planes, "TRAIL").any()


def test_trail_that_reaches_the_last_row_floods_it() -> None:
    assert has(make(stars=one_star(50, 250, 13.0)), "EDGEBLEED").any()


@pytest.mark.parametrize(
    ("mag", "half_length", "half_width"), [(15.0, 40, 1), (16.0, 20, 1), (12.0, 51, 3), (5.0, 51, 10)]
)
def test_trail_grows_with_the_star_up_to_a_fifth_of_a_column(mag: float, half_length: int, half_width: int) -> None:
    assert trail_size(mag, SHAPE) == (half_length, half_width)


@pytest.mark.parametrize(
    ("x", "y", "box"),
    [
        (10, 20, ((17, 24), (8, 13))),
        (0, 0, ((0, 4), (0, 3))),
        (127, 255, ((252, 256), (125, 128))),
        (-50, 20, ((17, 24), (0, 0))),
        (500, 20, ((17, 24), (498, 128))),
    ],
)
def test_box_is_clipped_to_the_image(x: float, y: float, box: tuple[tuple[int, int], tuple[int, int]]) -> None:
    rows, columns = box_about(SHAPE, x, y, 2, 3)
    assert ((rows.start, rows.stop), (columns.start, columns.stop)) == box
    outside = not (-2 <= x < 130)
    assert (np.zeros(SHAPE)[rows, columns].size == 0) == outside


def test_stars_that_bleed_are_bright_points() -> None:
    mag = np.array([15.1, 15.2, 12.0, 9.0])
    fwhm = np.array([0.0, 0.0, 1.0, 0.0])
    zeros, number = np.zeros(4), np.arange(4, dtype=np.int32)
    sources = Sources(zeros, zeros, mag, fwhm, np.ones(4), zeros, number)
    found = bright_stars(np.arange(4.0), np.arange(4.0) * 10, sources)
    assert (found.x.tolist(), found.y.tolist(), found.mag.tolist()) == ([0, 3], [0, 30], [15.1, 9.0])


def test_same_seed_gives_the_same_planes() -> None:
    one, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert all(np.array_equal(getattr(one, name), getattr(again, name)) for name in ("image", "weight", "bmask"))
    assert not np.array_equal(one.bmask, other.bmask)


def test_southern_ccd_has_amplifier_b_at_low_x() -> None:
    planes = make(4, exposure=replace(EXPOSURE, ccdnum=31))
    assert np.array_equal(has(planes, "BADAMP"), np.indices(SHAPE)[1] < 64)


def test_halo_falls_to_zero_within_its_reach_of_the_star_mask() -> None:
    truth = [Truth(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.int32)) for _ in range(2)]
    star = one_star(60.0, 130.0, 13.0)
    without, haloed = (
        epoch_planes(each, star, EXPOSURE, 2, np.random.default_rng(1), halo)
        for each, halo in zip(truth, (None, StarHalo(3.0, 20.0)), strict=True)
    )
    assert np.array_equal(haloed.bmask, without.bmask)
    radius = 0.08 * SHAPE[1]
    y, x = np.indices(SHAPE)
    beyond = np.hypot(x - 60.0, y - 130.0) - radius
    clear = ~has(without, "TRAIL") & ~has(without, "SATURATE")
    expected = 3.0 * np.clip(1 - beyond / 20.0, 0, 1)
    np.testing.assert_allclose((haloed.image - without.image)[clear], expected[clear], atol=0.01)
