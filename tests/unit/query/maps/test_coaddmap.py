"""Maps of good epochs in files and tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.query.maps.coaddgrid import CoaddGrid
from goodpix.query.maps.coaddmap import EpochMap, check_map_name
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Selection
from goodpix.schema.database import Identity
from goodpix.schema.errors import UsageError

from ...schema.wcs.headers import read, tan

COUNTS = np.random.default_rng(1).choice([0, 2, 5], (30, 40)).astype(np.int16)


def map_of(offset: float = 1.0) -> EpochMap:
    grid = CoaddGrid(wcs=read(tan()), shape=COUNTS.shape, offset=offset, tilename="T", band="r", region=None)
    return EpochMap(COUNTS, grid, Selection(border=3), 6, Identity("uuid-1", "masks", "y6", "image", DES_Y6))


def test_summary_has_a_row_for_each_number_up_to_the_largest() -> None:
    found = map_of().summary()
    assert found["n_good_epochs"].tolist() == [0, 1, 2, 3, 4, 5]
    assert found["n_pixels"].tolist() == [np.count_nonzero(n == COUNTS) for n in range(6)]
    assert found["fraction"].sum() == pytest.approx(1)


@pytest.mark.parametrize("offset", [0.0, 1.0, 1.5])
def test_fits_pixels_count_from_one_whatever_the_offset_of_the_coadd(tmp_path: Path, offset: float) -> None:
    map_of(offset).save(tmp_path / "map.fits")
    with fits.open(tmp_path / "map.fits") as hdus:
        header, image = hdus[1].header, hdus[1].data
    np.testing.assert_array_equal(image, COUNTS)
    names = ("TILENAME", "BAND", "SELECT", "N_EPOCHS", "BUNIT", "CATALOG", "CAMPAIGN")
    assert [header[name] for name in names] == ["T", "r", "border 3", 6, "good epochs", "uuid-1", "y6"]
    x, y = np.array([0.0, 39.0]), np.array([0.0, 29.0])
    expected = WCS(fits.Header(list(tan().items()))).all_pix2world(x + offset, y + offset, 1)
    np.testing.assert_allclose(WCS(header).all_pix2world(x, y, 0), expected, rtol=0, atol=1e-11)


def test_npz_has_the_numbers_and_the_offset(tmp_path: Path) -> None:
    map_of(0.0).save(tmp_path / "map.npz")
    with np.load(tmp_path / "map.npz") as file:
        np.testing.assert_array_equal(file["n_good_epochs"], COUNTS)
        assert [str(file[name]) for name in ("tilename", "band", "selection")] == ["T", "r", "border 3"]
        assert [str(file[name]) for name in ("unit", "catalogue", "campaign")] == ["good epochs", "uuid-1", "y6"]
        assert (int(file["n_epochs"]), float(file["position_offset"])) == (6, 0.0)
        assert json.loads(str(file["wcs"]))["CRPIX1"] == 1000.5


@pytest.mark.parametrize("name", ["map.fits", "a/map.FITS", "map.fits.fz", "map.png", "map.npz"])
def test_name_says_the_format(name: str) -> None:
    assert check_map_name(name) == Path(name).suffix.lower()


@pytest.mark.parametrize("name", ["map", "map.jpg", "fits"])
def test_name_without_a_format_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected a name that ends in \.fits, \.png or \.npz"):
        check_map_name(name)
