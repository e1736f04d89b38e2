"""Area of good pixels, against a count of HEALPix centres by hpgeom and whole-pixel shifts."""

import hpgeom
import numpy as np
import pytest

from goodpix.query.maps.patches import find_patches, map_patches
from goodpix.query.maps.skyarea import GoodCentres, sky_area
from goodpix.query.source import Source
from goodpix.schema.bits import CriterionName
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.errors import UnknownNameError
from goodpix.schema.wcs.healpixlookup import CENTRES_NSIDE

from ....maskcatalogue import BORDER, COADD_SHAPE, EAST, EPOCHS, WEST, grid_of

ARCMIN2 = float(hpgeom.nside_to_pixel_area(CENTRES_NSIDE, degrees=True)) * 3600


def plain(ignored: int = 0, nside: int = CENTRES_NSIDE) -> dict[str, set[int]]:
    """Return the centres in good pixels in each tile's unique region."""
    hpix = hpgeom.query_circle(nside, 30.0, -40.0, 20 / 3600, nest=True)
    ra, dec = hpgeom.pixel_to_angle(nside, hpix, nest=True)
    # all grids are shifts of that of the eastern coadd, on which the border lies at a whole number of pixels
    wcs = grid_of((0, 0), COADD_SHAPE).wcs.wcslib()
    x, y = wcs.all_world2pix(ra, dec, 0)
    out: dict[str, set[int]] = {EAST: set(), WEST: set()}
    for key, epoch in EPOCHS.items():
        x0, y0 = epoch.first[0] + (20 if key.tilename == WEST else 0), epoch.first[1]
        ix, iy = np.floor(np.array([x - x0, y - y0]) + 0.5).astype(int)
        ny, nx = epoch.flags.shape
        held = (ix >= 0) & (iy >= 0) & (ix < nx) & (iy < ny)
        held &= (x < BORDER - 0.5) if key.tilename == EAST else (x > BORDER - 0.5)
        good = epoch.flags[iy[held], ix[held]] & 0xFF & ~ignored == 0
        out[key.tilename] |= set(hpix[held][good].tolist())
    return out


@pytest.mark.parametrize(("names", "ignored"), [([], 0), (["SE_SEG"], 1), (["SE_SEG", "SE_BMASK"], 5)])
def test_area_is_that_of_the_centres_in_good_pixels(source: Source, names: list[CriterionName], ignored: int) -> None:
    expected = len(set.union(*plain(ignored).values()))
    assert sky_area(source, Selection(ignore=names)) == pytest.approx(expected * ARCMIN2, rel=1e-9)


def test_areas_of_tiles_add_up(source: Source) -> None:
    east, west = (sky_area(source, tilename=each) for each in (EAST, WEST))
    assert east == pytest.approx(len(plain()[EAST]) * ARCMIN2, rel=1e-9)
    assert sky_area(source) == pytest.approx(east + west)


@pytest.mark.parametrize("nside", [1 << 15, 1 << 17, 1 << 20])
def test_ranges_are_the_good_centres_of_any_resolution(source: Source, nside: int) -> None:
    bound = BoundSelection.of(None)
    patches = find_patches(source.database, 64, {})
    found: set[int] = set()
    for ranges in map_patches(source, bound, GoodCentres(nside, bound), patches, {}):
        assert (np.diff(ranges.ravel()) >= 0).all()
        for start, stop in ranges.tolist():
            found |= set(range(start, stop))
    assert found == set.union(*plain(nside=nside).values())


def test_workers_find_the_same_area(source: Source) -> None:
    assert sky_area(source, workers=2) == sky_area(source) > 0


def test_no_epoch_is_no_area_and_an_unknown_filter_an_error(source: Source) -> None:
    assert sky_area(source, band="u") == 0.0
    with pytest.raises(UnknownNameError, match="unknown filter 'bands', did you mean 'band'"):
        sky_area(source, bands="u")  # type: ignore[call-arg]  # wrong on purpose
