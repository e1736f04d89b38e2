"""Images at points, on a catalogue of a few masks whose pixels are those of the coadd."""

import numpy as np
import pytest

from goodpix.query.places.poisson import Scatter
from goodpix.query.places.randoms import _Area, _Survey
from goodpix.query.places.samples import cells_of, reason_texts
from goodpix.query.source import Source
from goodpix.schema.bits import DES_Y6, OWN_CUT, Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.wcs.footprint import gather_cells

from ....maskcatalogue import EAST, EPOCHS, WEST, grid_of

IGNORE = Selection(ignore=["SE_BMASK"], ignore_bits={"COADD": ["NO_DATA"]})


@pytest.mark.parametrize("selection", [Selection(), IGNORE, Selection(border=4)], ids=str)
def test_pixel_at_the_centre_is_counted(selection: Selection, source: Source) -> None:
    y, x = np.mgrid[0:50, 0:60].reshape(2, -1).astype(float)
    ra, dec = grid_of((0, 0), (50, 60)).sky(x, y)
    bound = source.bound(selection)
    survey = _Survey(source, bound, ["i", "r"], [])
    (part,) = survey.sampled([(_Area([], EAST), Scatter(ra, dec, ra))], map)
    expected = np.zeros((2, 2, 50, 60), int)
    for key, epoch in EPOCHS.items():
        if key.tilename == WEST:
            continue
        with_own = source.mask(key).good(bound)
        expected[0, int(key.band == "r")] += epoch.on_coadd(np.ones_like(with_own))
        expected[1, int(key.band == "r")] += epoch.on_coadd(with_own)
    east = x >= 20  # of the border, where the eastern tile's masks count
    assert np.array_equal(part.samples.n_images, expected[0].reshape(2, -1))
    assert np.array_equal(part.samples.n_good[:, east], expected[1].reshape(2, -1)[:, east])
    bad = part.samples.n_good.sum(axis=0) < part.samples.n_images.sum(axis=0)
    assert np.array_equal(part.samples.taken != 0, bad)


def test_reasons_are_named() -> None:
    taken = [0, Criterion.SE_BMASK | 1 << 13, Criterion.COADD_BMASK | OWN_CUT | 1 << 32, 1 << 56]
    texts = reason_texts(np.array(taken, np.int64), DES_Y6)
    assert texts == ["", "SE_BMASK, SE:STAR", "COADD_BMASK, OWN_CUT, COADD:NO_DATA", "EXCLUDED"]


def test_cells_are_those_that_were_gathered() -> None:
    cells = np.array([5, 64 * 7 + 63, 64 * 7, 64 * 9 + 1])
    hpix, bits = gather_cells(cells)
    assert cells_of(dict(zip(hpix.tolist(), bits.tolist(), strict=True))) == sorted(cells.tolist())
