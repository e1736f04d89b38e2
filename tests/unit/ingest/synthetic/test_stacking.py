"""Facts about the planes of a synthetic coadd."""

import numpy as np
import pytest

from goodpix.ingest.synthetic.defects import BrightStars, SyntheticPlanes
from goodpix.ingest.synthetic.drawing import Truth
from goodpix.ingest.synthetic.stacking import coadd_planes

SHAPE = (200, 220)
NONE = BrightStars(*(np.zeros(0) for _ in range(3)))


def make(stars: BrightStars = NONE, seed: int = 1, sigma: float = 2.0) -> SyntheticPlanes:
    truth = Truth(np.full(SHAPE, 5, np.float32), np.ones(SHAPE, np.int32))
    planes = coadd_planes(truth, stars, sigma, (128, 64), np.random.default_rng(seed))
    assert (truth.image == 5).all()  # it is another band's too
    return planes


def test_pixels_without_data_are_masked_and_three_around_them() -> None:
    planes = make()
    empty = planes.weight == 0
    assert 0 < empty.sum() < 0.05 * empty.size
    grown = np.zeros(SHAPE, np.bool_)
    for y, x in np.argwhere(empty):
        grown[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] = True
    assert (planes.bmask[grown] == 1).all()
    assert not planes.image[empty].any()


def test_mask_has_one_bit() -> None:
    assert np.unique(make().bmask).tolist() == [0, 1]


def test_noise_follows_the_weight() -> None:
    planes = make()
    used = planes.weight > 0
    assert np.std((planes.image[used] - 5) * np.sqrt(planes.weight[used])) == pytest.approx(1, rel=0.01)
    assert 1 / np.sqrt(np.median(planes.weight[used])) == pytest.approx(2.0, rel=0.3)


def test_depth_varies_with_the_layers() -> None:
    """The scatter from pixel to pixel alone is a hundredth."""
    weight = make().weight
    used = weight[weight > 0]
    assert np.quantile(used, 0.99) > 1.3 * np.quantile(used, 0.01)


def test_star_bleeds_along_right_ascension_and_keeps_weight() -> None:
    star = BrightStars(np.array([110.0]), np.array([130.0]), np.array([14.0]))
    planes, without = make(star), make()
    new = (planes.bmask == 1) & (without.bmask == 0)
    assert new[130, 110]
    rows, columns = np.nonzero(new)
    assert np.ptp(columns) > 5 * np.ptp(rows)
    np.testing.assert_allclose(planes.weight[130, 110], 0.5 * without.weight[130, 110])


def test_segmentation_map_is_that_of_the_truth() -> None:
    assert (make().seg == 1).all()


def test_same_seed_gives_the_same_coadd() -> None:
    one, again, other = (make(seed=seed).image for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
