"""Maps of a catalogue of four epochs, against shifted arrays, and options that cannot be."""

from collections import Counter
from typing import Any

import hpgeom
import numpy as np
import pytest

from goodpix.query.maps.healmap import healsparse_map
from goodpix.query.source import Source
from goodpix.schema.errors import UsageError
from goodpix.schema.wcs.healpixlookup import CENTRES_NSIDE

from ....maskcatalogue import COADD_SHAPE, EAST, EPOCHS, WEST, grid_of

NSIDE = 1 << 16  # pixels of 3.2 arcsec, of images of 8 x 11 arcsec


def plain_images(nside: int) -> dict[int, int]:
    """Return the number of images with a good centre in each pixel, wherever their tile's region ends."""
    hpix = hpgeom.query_circle(CENTRES_NSIDE, 30.0, -40.0, 20 / 3600, nest=True)
    ra, dec = hpgeom.pixel_to_angle(CENTRES_NSIDE, hpix, nest=True)
    x, y = grid_of((0, 0), COADD_SHAPE).wcs.wcslib().all_world2pix(ra, dec, 0)
    good: dict[tuple[object, ...], set[int]] = {}
    for key, epoch in EPOCHS.items():
        first = np.array([epoch.first[0] + (20 if key.tilename == WEST else 0), epoch.first[1]])
        ix, iy = np.floor(np.array([x, y]) - first[:, np.newaxis] + 0.5).astype(int)
        held = (ix >= 0) & (iy >= 0) & (ix < epoch.flags.shape[1]) & (iy < epoch.flags.shape[0])
        held[held] = epoch.flags[iy[held], ix[held]] == 0
        image = good.setdefault((key.band, key.expnum, key.ccdnum), set())
        image |= set((hpix[held] // (CENTRES_NSIDE // nside) ** 2).tolist())
    return dict(Counter(pixel for image in good.values() for pixel in image))


@pytest.mark.parametrize("nside", [128, NSIDE])
def test_images_in_several_tiles_count_once(source: Source, nside: int) -> None:
    found = healsparse_map(source, "n_images", nside=nside, unique=False)
    values = found[found.valid_pixels]
    assert dict(zip(found.valid_pixels[values > 0].tolist(), values[values > 0].tolist(), strict=True)) == plain_images(
        nside
    )


def test_list_of_names_is_a_dict_in_its_order(source: Source) -> None:
    found = healsparse_map(source, ["fracdet", "n_images"], nside=NSIDE, tilename=EAST)
    assert list(found) == ["fracdet", "n_images"]
    assert healsparse_map(source, "fracdet", nside=NSIDE, tilename=EAST).dtype == found["fracdet"].dtype == np.float32
    assert found["n_images"].dtype == np.int32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "median"}, "statistic is 'median': expected n_images"),
        ({"nside": 1000}, "nside is 1000: expected a power of 2"),
        ({"nside": 0}, "nside is 0: expected a power of 2"),
        ({"nside": 4096.0}, r"nside is 4096\.0: expected a power of 2"),
        ({"nside": True}, "nside is True: expected a power of 2"),
        ({"statistic": None}, "statistic is None: expected n_images"),
        ({"nside": 1 << 30}, "expected a power of 2, up to"),
        ({"nside": 1 << 28}, "nside is 268435456: this takes .* of memory, .* are free: expected a smaller one"),
        ({"nside_coverage": 33}, "nside_coverage is 33: expected a power of 2"),
        ({"nside": 16}, "nside_coverage is 32: expected nside, 16, or less"),
        ({"workers": 0}, "workers is 0: expected 1 or more"),
    ],
)
def test_map_that_cannot_be_made_is_an_error(options: dict[str, Any], message: str, source: Source) -> None:
    with pytest.raises(UsageError, match=message):
        healsparse_map(source, **options)
