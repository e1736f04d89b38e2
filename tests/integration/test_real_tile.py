"""A real tile in three bands: every count, bit and pixel is what is known of it."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import goodpix
from goodpix.schema.criteria import Criterion

from .survey import records

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TILE, EXPECTED = SHARED / "real-tile", SHARED / "real-tile-expected"
TILENAME = "DES0721+2355"

pytestmark = pytest.mark.skipif(
    not (TILE.is_dir() and EXPECTED.is_dir()), reason="the real tile is not beside this checkout"
)

EPOCHS = [
    ("g", 790643, 28),
    ("g", 802955, 20),
    ("r", 695773, 28),
    ("r", 803291, 20),
    ("z", 396388, 28),
    ("z", 803277, 20),
    ("z", 396388, 22),
]
OFF_COADD = ("z", 396388, 22)

Epoch = tuple[str, int, int]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of the real tile."""
    folder = tmp_path_factory.mktemp("real-tile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(TILE))
        report = goodpix.ingest_tiles(TILE, db=folder / "goodpix.db", masks=folder / "masks")
    assert (report.n_tiles, report.n_epochs, report.failures) == (3, 7, ())
    return folder / "goodpix.db"


@pytest.fixture(params=EPOCHS, ids=lambda epoch: "-".join(map(str, epoch)))
def epoch(request: pytest.FixtureRequest) -> Epoch:
    found: Epoch = request.param
    return found


@pytest.fixture
def mask(database: Path, epoch: Epoch) -> goodpix.Mask:
    with goodpix.Catalogue(database) as catalogue:
        return catalogue.mask(TILENAME, *epoch)


@pytest.fixture
def row(database: Path, epoch: Epoch) -> Any:
    band, expnum, ccdnum = epoch
    with goodpix.Catalogue(database) as catalogue:
        (found,) = records(catalogue.epochs(band=band, expnum=expnum, ccdnum=ccdnum))
    return found


@pytest.fixture
def known(epoch: Epoch) -> dict[str, Any]:
    """What is known of an epoch."""
    band, expnum, ccdnum = epoch
    every = json.loads((EXPECTED / "expected.json").read_text())[f"{TILENAME}_{band}"]
    (found,) = [each for each in every if (each["expnum"], each["ccdnum"]) == (expnum, ccdnum)]
    return dict(found)


@pytest.fixture
def known_good(epoch: Epoch, known: dict[str, Any]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which pixels of an epoch are known to be good."""
    band, expnum, ccdnum = epoch
    ny, nx = known["shape"]
    with np.load(EXPECTED / f"{TILENAME}_{band}.npz") as packed:
        content = packed[f"D{expnum:08d}_{band}_c{ccdnum:02d}"]
    return np.unpackbits(content, count=ny * nx).reshape(ny, nx).astype(bool)


def test_tile_has_the_known_epochs(database: Path) -> None:
    with goodpix.Catalogue(database) as catalogue:
        found = catalogue.epochs()
    assert set(zip(found.band, found.expnum, found.ccdnum, strict=True)) == set(EPOCHS)


def test_every_pixel_is_as_known(mask: goodpix.Mask, known_good: "np.ndarray[Any, np.dtype[np.bool_]]") -> None:
    assert np.array_equal(mask.good(), known_good)


def test_numbers_of_pixels_are_as_known(row: Any, known: dict[str, Any]) -> None:
    assert [row.n_pixels, row.n_good, [row.ny, row.nx]] == [known["n_pixels"], known["n_good"], known["shape"]]


@pytest.mark.parametrize("criterion", list(Criterion), ids=lambda criterion: criterion.name)
def test_number_of_pixels_that_fail_a_criterion_is_as_known(
    criterion: Criterion, row: Any, known: dict[str, Any]
) -> None:
    name = str(criterion.name).lower()
    assert getattr(row, f"n_{name}") == known["fail"][name]


def test_counts_of_the_masks_pixels_are_as_known(mask: goodpix.Mask, known: dict[str, Any]) -> None:
    criteria = mask.criteria()
    counted = {str(each.name).lower(): int(((criteria & each) != 0).sum()) for each in Criterion}
    assert counted == known["fail"]


def test_bits_are_as_known(database: Path, epoch: Epoch, known: dict[str, Any]) -> None:
    band, expnum, ccdnum = epoch
    with goodpix.Catalogue(database) as catalogue:
        bits = catalogue.bits(band=band, expnum=expnum, ccdnum=ccdnum).query("plane == 'se'")
    assert {str(1 << row.bit): row.n_pixels for row in records(bits)} == known["bits"]


def test_mask_equals_the_direct_way(database: Path, epoch: Epoch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", os.fspath(TILE))
    assert goodpix.check_mask(database, TILENAME, *epoch).equal


def test_epoch_off_the_coadd_has_nothing_on_it(database: Path) -> None:
    band, expnum, ccdnum = OFF_COADD
    with goodpix.Catalogue(database) as catalogue:
        (row,) = records(catalogue.epochs(band=band, expnum=expnum, ccdnum=ccdnum))
    assert (row.n_on_coadd, row.n_good, row.n_off_coadd) == (0, 0, row.n_pixels)
    assert np.isnan(row.fraction_good_on_coadd)


def test_coadd_mask_value_1_is_no_data_and_never_bpm(database: Path) -> None:
    with goodpix.Catalogue(database) as catalogue:
        found = catalogue.sql("SELECT DISTINCT name FROM bit_count WHERE plane = 'coadd' AND bit = 0")
    assert found.name.tolist() == ["NO_DATA"]
