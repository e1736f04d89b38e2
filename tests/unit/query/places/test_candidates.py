"""Candidates judged by one image."""

import numpy as np
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.query.places.candidates import Judge
from goodpix.query.places.sequence import EvenPoints, sky_of
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import EAST

EVERYTHING = Selection(
    ignore=["SE_SEG", "SE_WEIGHT", "SE_BMASK", "OFF_COADD", "COADD_SEG", "COADD_WEIGHT", "COADD_BMASK"]
)


@pytest.fixture
def mask(source: Source) -> Mask:
    return source.mask(MaskKey(EAST, "r", "epoch", 1, 11))


@pytest.mark.parametrize("selection", [EVERYTHING, Selection(border=3, ignore=EVERYTHING.ignore)], ids=str)
def test_distance_in_a_good_image_is_that_to_its_edge(mask: Mask, selection: Selection) -> None:
    judge = Judge(EvenPoints(1), 19, 0.3, BoundSelection(selection))
    verdicts = judge(mask)
    ra, dec = sky_of(judge.points.pixels(verdicts.cells, 19))
    x, y = np.array(mask.grid.wcs.wcslib_pixels(_vectors(ra, dec))) - 1.0
    ny, nx = mask.shape
    margin = selection.border - 0.5
    to_edge = 0.263 * np.min([x - margin, nx - 1 - margin - x, y - margin, ny - 1 - margin - y], axis=0)
    assert verdicts.distance == pytest.approx(np.where(to_edge >= 0.3, to_edge, 0.0), abs=1e-5)
    # the image is 30 x 40 pixels of 0.263 arcsec, and cells are 0.4 arcsec wide
    assert (verdicts.distance > 0).sum() == pytest.approx((30 * 0.263 - 0.6) * (40 * 0.263 - 0.6) / 0.403**2, rel=0.7)


def test_candidates_beside_the_image_are_judged_if_their_discs_touch_it(mask: Mask) -> None:
    judge = Judge(EvenPoints(1), 19, 2.0, BoundSelection(EVERYTHING))
    verdicts = judge(mask)
    x, y = np.array(mask.grid.wcs.wcslib_pixels(_vectors(*sky_of(judge.points.pixels(verdicts.cells, 19))))) - 1.0
    outside = (x < -0.5) | (x > 29.5) | (y < -0.5) | (y > 39.5)
    away = np.hypot(np.maximum(abs(x - 14.5) - 15, 0), np.maximum(abs(y - 19.5) - 20, 0))
    assert outside.sum() > 50
    assert not verdicts.distance[outside].any()
    assert away.max() == pytest.approx(2.0 / 0.263, abs=0.5)


@pytest.mark.parametrize("order", [0, 9, 13, 16, 18, 20])
def test_image_that_is_not_reached_has_no_candidates(order: int, mask: Mask) -> None:
    reached = []
    for seed in range(30):
        judge = Judge(EvenPoints(seed), order, 1.0, BoundSelection(EVERYTHING))
        reached.append(judge.reaches(mask.grid))
        assert reached[-1] >= (judge(mask).cells.size > 0)
    assert any(reached) == (order >= 13)
    assert all(reached) == (order >= 16)


def _vectors(ra: object, dec: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    a, d = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
