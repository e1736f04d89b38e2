"""Maps of a catalogue of four epochs, against shifted arrays."""

from pathlib import Path

import numpy as np
import pytest

from goodpix.query.maps.cataloguemaps import CatalogueMaps
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import MaskNotFoundError, UsageError

from ....maskcatalogue import COADD_SHAPE, EAST, EPOCHS, SHAPE


@pytest.fixture
def maps(source: Source) -> CatalogueMaps:
    return CatalogueMaps(source)


@pytest.mark.parametrize("border", [0, 6])
@pytest.mark.parametrize("band", ["r", "i"])
def test_depth_is_the_number_of_epochs_whose_good_pixel_lies_there(maps: CatalogueMaps, band: str, border: int) -> None:
    expected = np.zeros(COADD_SHAPE, np.int16)
    for key, epoch in EPOCHS.items():
        if (key.tilename, key.band) == (EAST, band):
            inner = np.pad(np.ones(np.array(SHAPE) - 2 * border, np.bool_), border)
            expected += epoch.on_coadd((epoch.flags == 0) & inner)
    found = maps.good_epoch_map(EAST, band, Selection(border=border))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, expected)
    assert found.max() == {"r": 2, "i": 1}[band]


def test_map_is_written_where_it_is_asked_for(maps: CatalogueMaps, tmp_path: Path) -> None:
    found = maps.good_epoch_map(EAST, "r", path=tmp_path / "depth.npz")
    with np.load(tmp_path / "depth.npz") as file:
        np.testing.assert_array_equal(file["n_good_epochs"], found)
        assert int(file["n_epochs"]) == 2


def test_file_name_is_checked_before_the_tile(maps: CatalogueMaps) -> None:
    with pytest.raises(UsageError, match=r"depth\.jpg: expected a name that ends in"):
        maps.good_epoch_map("no tile", "r", path="depth.jpg")
    with pytest.raises(MaskNotFoundError, match="there is no tile no tile"):
        maps.good_epoch_map("no tile", "r")


def test_area_grows_with_what_is_ignored_and_is_none_without_epochs(maps: CatalogueMaps) -> None:
    assert maps.sky_area(Selection(ignore=["SE_SEG", "SE_BMASK"])) > maps.sky_area() > 0
    assert maps.sky_area(band="u") == 0


def test_resolution_reaches_the_map(maps: CatalogueMaps) -> None:
    with pytest.raises(UsageError, match="nside_coverage is 64: expected nside, 32, or less"):
        maps.healsparse_map(nside=32, nside_coverage=64)
