"""Tiles that others have counted: every count, bit and pixel is what is known of them."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import goodpix
from goodpix.schema.criteria import Criterion

from .survey import records

DATA = Path(__file__).resolve().parents[1] / "data" / "known_tile"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True)  # without slots: what is cached needs a place
class Known:
    """An epoch, and what is known of it.

    Parameters
    ----------
    survey : Path
        The MEDS_DIR.
    expected : Path
        Where the answers are.
    tilename : str
        Its tile.
    answer : dict
        What is known of it.
    """

    survey: Path
    expected: Path
    tilename: str
    answer: dict[str, Any]

    @property
    def key(self) -> tuple[str, int, int]:
        """Its band, expnum and ccdnum."""
        return self.answer["band"], self.answer["expnum"], self.answer["ccdnum"]

    @cached_property
    def good(self) -> npt.NDArray[np.bool_]:
        """Its good pixels."""
        band, expnum, ccdnum = self.key
        ny, nx = self.answer["shape"]
        with np.load(self.expected / f"{self.tilename}_{band}.npz") as packed:
            content = packed[f"D{expnum:08d}_{band}_c{ccdnum:02d}"]
        return np.unpackbits(content, count=ny * nx).reshape(ny, nx).astype(bool)


def known_epochs() -> list[Known]:
    """Return the epochs of a small tile of our own (see `knowntile`), and of a real one where it is."""
    found = []
    for survey, expected in (
        (DATA / "survey", DATA / "expected"),
        (SHARED / "real-tile", SHARED / "real-tile-expected"),
    ):
        if survey.is_dir() and expected.is_dir():
            answers = json.loads((expected / "expected.json").read_text())
            found += [
                Known(survey, expected, name.rpartition("_")[0], each) for name in answers for each in answers[name]
            ]
    return found


KNOWN = known_epochs()


@pytest.fixture(scope="module")
def catalogues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, goodpix.Catalogue]]:
    """The catalogue of each tile, by its MEDS_DIR."""
    with ExitStack() as stack:
        found = {}
        for survey in {each.survey for each in KNOWN}:
            folder = tmp_path_factory.mktemp("known-tile")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("MEDS_DIR", os.fspath(survey))
                report = goodpix.ingest_tiles(survey, db=folder / "goodpix.db", masks=folder / "masks")
            assert (report.n_epochs, report.failures) == (sum(each.survey == survey for each in KNOWN), ())
            found[survey] = stack.enter_context(goodpix.Catalogue(folder / "goodpix.db"))
        yield found


@pytest.fixture(params=KNOWN, ids=lambda known: "-".join(map(str, (known.tilename, *known.key))))
def known(request: pytest.FixtureRequest) -> Known:
    found: Known = request.param
    return found


@pytest.fixture
def catalogue(catalogues: dict[Path, goodpix.Catalogue], known: Known) -> goodpix.Catalogue:
    return catalogues[known.survey]


@pytest.fixture
def mask(catalogue: goodpix.Catalogue, known: Known) -> goodpix.Mask:
    return catalogue.mask(known.tilename, *known.key)


def row_of(catalogue: goodpix.Catalogue, known: Known) -> Any:
    band, expnum, ccdnum = known.key
    (found,) = records(catalogue.epochs(band=band, expnum=expnum, ccdnum=ccdnum))
    return found


@pytest.fixture
def row(catalogue: goodpix.Catalogue, known: Known) -> Any:
    return row_of(catalogue, known)


def test_tile_has_the_known_epochs(catalogues: dict[Path, goodpix.Catalogue]) -> None:
    for survey, catalogue in catalogues.items():
        found = catalogue.epochs()
        keys = set(zip(found.band, found.expnum, found.ccdnum, strict=True))
        assert keys == {each.key for each in KNOWN if each.survey == survey}


def test_every_pixel_is_as_known(mask: goodpix.Mask, known: Known) -> None:
    assert np.array_equal(mask.good(), known.good)


def test_numbers_of_pixels_are_as_known(row: Any, known: Known) -> None:
    expected = [known.answer[name] for name in ("n_pixels", "n_good", "shape")]
    assert [row.n_pixels, row.n_good, [row.ny, row.nx]] == expected


def test_numbers_of_pixels_that_fail_each_criterion_are_as_known(row: Any, known: Known) -> None:
    names = [str(each.name).lower() for each in Criterion]
    assert {name: getattr(row, f"n_{name}") for name in names} == known.answer["fail"]


def test_counts_of_the_masks_pixels_are_as_known(mask: goodpix.Mask, known: Known) -> None:
    criteria = mask.criteria()
    counted = {str(each.name).lower(): int(((criteria & each) != 0).sum()) for each in Criterion}
    assert counted == known.answer["fail"]


def test_bits_are_as_known(catalogue: goodpix.Catalogue, known: Known) -> None:
    band, expnum, ccdnum = known.key
    bits = catalogue.bits(band=band, expnum=expnum, ccdnum=ccdnum).query("plane == 'se'")
    assert {str(1 << row.bit): row.n_pixels for row in records(bits)} == known.answer["bits"]


def test_mask_equals_the_direct_way(
    catalogue: goodpix.Catalogue, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDS_DIR", os.fspath(known.survey))
    assert goodpix.check_mask(catalogue.shown_url, known.tilename, *known.key).equal


def test_epoch_off_the_coadd_has_nothing_on_it(catalogues: dict[Path, goodpix.Catalogue]) -> None:
    off = [each for each in KNOWN if each.answer["fail"]["off_coadd"] == each.answer["n_pixels"]]
    assert off
    for each in off:
        row = row_of(catalogues[each.survey], each)
        assert (row.n_on_coadd, row.n_good, row.n_off_coadd) == (0, 0, row.n_pixels)
        assert np.isnan(row.fraction_good_on_coadd)


def test_coadd_mask_value_1_is_no_data_and_never_bpm(catalogues: dict[Path, goodpix.Catalogue]) -> None:
    for catalogue in catalogues.values():
        found = catalogue.sql("SELECT DISTINCT name FROM bit_count WHERE plane = 'coadd' AND bit = 0")
        assert found.name.tolist() == ["NO_DATA"]
