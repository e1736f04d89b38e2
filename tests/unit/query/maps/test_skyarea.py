"""Area of good pixels, against the pixels of shifted arrays."""

import numpy as np
import pytest

from goodpix.query.maps.skyarea import sky_area
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UnknownNameError

from ....maskcatalogue import BORDER, COADD_SHAPE, EAST, EPOCHS, WEST

# of every pixel, because all are near the tangent point
PIXEL_ARCMIN2 = (0.263 / 60) ** 2


def n_covered(tilename: str, ignored: int = 0) -> int:
    """Return the number of coadd pixels in a tile's unique region that are good in one of its epochs."""
    covered = np.zeros(COADD_SHAPE, np.bool_)
    for key, epoch in EPOCHS.items():
        if key.tilename == tilename:
            covered |= epoch.on_coadd(epoch.flags & 0xFF & ~ignored == 0)
    # the western tile begins where the unique region of the eastern one ends
    return int(np.count_nonzero(covered[:, :BORDER] if tilename == EAST else covered))


@pytest.mark.parametrize(("names", "ignored"), [([], 0), (["SE_SEG"], 1), (["SE_SEG", "SE_BMASK"], 5)])
def test_area_is_that_of_the_covered_pixels_of_unique_regions(source: Source, names: list[str], ignored: int) -> None:
    expected = (n_covered(EAST, ignored) + n_covered(WEST, ignored)) * PIXEL_ARCMIN2
    assert sky_area(source, Selection(ignore=names)) == pytest.approx(expected, rel=1e-6)


def test_areas_of_tiles_add_up(source: Source) -> None:
    east, west = (sky_area(source, tilename=each) for each in (EAST, WEST))
    assert east == pytest.approx(n_covered(EAST) * PIXEL_ARCMIN2, rel=1e-6)
    assert sky_area(source) == pytest.approx(east + west)


def test_no_epoch_is_no_area_and_an_unknown_filter_an_error(source: Source) -> None:
    assert sky_area(source, band="u") == 0.0
    with pytest.raises(UnknownNameError, match="unknown filter 'bands', did you mean 'band'"):
        sky_area(source, bands="u")
