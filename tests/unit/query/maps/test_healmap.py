"""Sums over HEALPix pixels, against plain counting."""

from collections import Counter
from typing import Any

import hpgeom
import numpy as np
import pytest

from goodpix.query.maps import healmap
from goodpix.query.maps.healmap import _CellCounts, _count, _epoch_counts, _SeenImages, _total, healsparse_map
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection
from goodpix.schema.errors import UsageError
from goodpix.schema.wcs.footprint import UniqueRegion

from ....maskcatalogue import EAST, EPOCHS, SHAPE, grid_of

NSIDE = 1 << 17  # pixels of 1.6 arcsec, of images of 8 x 11 arcsec


def plain(good: Any, first: tuple[int, int]) -> tuple[Counter[int], Counter[int]]:
    """Return the number of pixels, and of good ones, in each HEALPix pixel."""
    y, x = np.indices(SHAPE).reshape(2, -1)
    hpix = hpgeom.angle_to_pixel(NSIDE, *grid_of(first, SHAPE).sky(x.astype(float), y.astype(float)))
    return Counter(hpix.tolist()), Counter(hpix[good.ravel()].tolist())


def as_dict(counts: _CellCounts, name: str) -> dict[int, int]:
    return dict(zip(counts.hpix.tolist(), getattr(counts, name).tolist(), strict=True))


@pytest.mark.parametrize("columns", [1, 7, 128])
def test_pixels_are_counted_where_their_centres_lie(
    source: Source, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healmap, "_COLUMNS", columns)
    for mask in source.masks({"tilename": EAST}):
        n_pixels, n_good = plain(EPOCHS[mask.key].flags == 0, EPOCHS[mask.key].first)
        seen = _SeenImages({}, [])
        found = _count(mask, mask.good(), NSIDE, None, seen)
        assert (np.diff(found.hpix) > 0).all()
        assert as_dict(found, "n_pixels") == n_pixels
        assert as_dict(found, "n_good") == {hpix: n_good[hpix] for hpix in n_pixels}
        # without a region, any other tile may have the image there too
        assert not found.n_images.any()
        assert seen.distinct().tolist() == [sorted(n_good), [0] * len(n_good)]


def test_pixels_outside_the_region_do_not_count(source: Source) -> None:
    (mask,) = source.masks({"band": "i"})
    assert _count(mask, mask.good(), NSIDE, UniqueRegion(31, 32, -41, -39), None).hpix.size == 0
    everywhere = _count(mask, mask.good(), NSIDE, UniqueRegion(29, 31, -41, -39), None)
    assert everywhere.n_pixels.sum() == SHAPE[0] * SHAPE[1]


@pytest.mark.parametrize("pending", [0, 10, 4_000_000])
def test_total_is_the_sum_of_all_epochs_however_many_are_held(
    source: Source, pending: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healmap, "_PENDING", pending)
    expected: dict[str, Counter[int]] = {name: Counter() for name in ("n_pixels", "n_good")}
    for epoch in EPOCHS.values():
        n_pixels, n_good = plain(epoch.flags == 0, epoch.first if epoch.key.tilename == EAST else (5, 8))
        expected["n_pixels"] += n_pixels
        expected["n_good"] += n_good
    found = _total(_epoch_counts(source, BoundSelection.of(None), NSIDE, False, {}, None))
    for name, counter in expected.items():
        assert {hpix: n for hpix, n in as_dict(found, name).items() if n} == counter


def test_sum_of_nothing_is_empty() -> None:
    assert _CellCounts.summed([]).hpix.size == _CellCounts.summed([]).n_good.size == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "median"}, "statistic is 'median': expected fraction, fracdet or n_images$"),
        ({"statistic": "n_epochs"}, "expected fraction, fracdet or n_images, which replaces n_epochs"),
        ({"nside": 1000}, "nside is 1000: expected a power of 2"),
        ({"nside": 0}, "nside is 0: expected a power of 2"),
        ({"nside": 4096.0}, r"nside is 4096\.0: expected a power of 2"),
        ({"nside": 1 << 30}, "expected a power of 2, up to"),
        ({"nside_coverage": 33}, "nside_coverage is 33: expected a power of 2"),
        ({"nside": 16}, "nside_coverage is 32: expected nside, 16, or less"),
    ],
)
def test_map_that_cannot_be_made_is_an_error(options: dict[str, Any], message: str, source: Source) -> None:
    with pytest.raises(UsageError, match=message):
        healsparse_map(source, **options)
