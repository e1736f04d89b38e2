"""Maps of good pixels on the sky."""

import builtins
from collections.abc import Mapping
from typing import Any

import healsparse
import hpgeom
import numpy as np
import pytest

import goodpix
from goodpix.query.maps import healmap
from goodpix.schema.errors import UnknownNameError, UsageError

from .neighbours import NEIGHBOUR, SELECTIONS, inside_region, sky_of_pixels
from .survey import Survey

NSIDE = 1 << 15  # pixels of 6.4 arcsec, for images of 17 x 34


def plain_maps(
    catalogue: goodpix.Catalogue, selection: goodpix.Selection | None, *, unique: bool = True, **filters: Any
) -> dict[str, dict[int, float]]:
    """Return both maps as dictionaries, with each pixel's place by astropy."""
    sums: dict[int, list[int]] = {}
    for mask in catalogue.masks(**filters):
        coadd: Any = catalogue.mask(mask.key.tilename, mask.key.band).row
        sky, good = sky_of_pixels(mask.row), mask.good(selection)
        counted = inside_region(coadd, sky) if unique else np.ones(good.shape, np.bool_)
        hpix = hpgeom.angle_to_pixel(NSIDE, *(each[counted] for each in sky))
        for pixel in np.unique(hpix):
            here = good[counted][hpix == pixel]
            total = sums.setdefault(int(pixel), [0, 0, 0])
            for k, more in enumerate((here.size, int(here.sum()), int(here.any()))):
                total[k] += more
    return {
        "fraction": {pixel: n_good / n for pixel, (n, n_good, _) in sums.items()},
        "n_epochs": {pixel: n_epochs for pixel, (_, _, n_epochs) in sums.items()},
    }


def assert_equal(found: Any, expected: Mapping[int, float]) -> None:
    pixels = np.array(sorted(expected))
    np.testing.assert_array_equal(found.valid_pixels, pixels)
    values = np.array([expected[int(pixel)] for pixel in pixels])
    np.testing.assert_allclose(found.get_values_pix(pixels), values, rtol=1e-6)


@pytest.mark.parametrize("statistic", ["fraction", "n_epochs"])
@pytest.mark.parametrize("name", SELECTIONS)
def test_map_equals_the_plain_way(name: str, statistic: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map(statistic, nside=NSIDE, selection=SELECTIONS[name])
        expected = plain_maps(catalogue, SELECTIONS[name])[statistic]
    assert isinstance(found, healsparse.HealSparseMap)
    assert found.dtype == {"fraction": np.float32, "n_epochs": np.int32}[statistic]
    assert (found.nside_sparse, found.nside_coverage) == (NSIDE, 32)
    assert max(expected.values()) > {"fraction": 0.8, "n_epochs": 2}[statistic]
    assert_equal(found, expected)


@pytest.mark.parametrize("statistic", ["fraction", "n_epochs"])
@pytest.mark.parametrize("unique", [False, True])
def test_map_of_two_tiles_equals_the_plain_way(unique: bool, statistic: str, neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(statistic, nside=NSIDE, band="r", unique=unique)
        assert_equal(found, plain_maps(catalogue, None, unique=unique, band="r")[statistic])


def test_filters_choose_the_epochs(neighbours: Survey) -> None:
    filters: dict[str, Any] = {"tilename": NEIGHBOUR, "band": "i"}
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(nside=NSIDE, **filters)
        assert_equal(found, plain_maps(catalogue, None, **filters)["fraction"])


def test_zero_is_not_the_same_as_nothing(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_epochs", nside=NSIDE)
    values = found.get_values_pix(found.valid_pixels)
    assert (values == 0).any()
    assert found.get_values_pix(np.array([0]))[0] == found.sentinel != 0


def test_adding_up_now_and_then_changes_nothing(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    with ingested.catalogue() as catalogue:
        at_once = catalogue.healsparse_map("n_epochs", nside=NSIDE)
        monkeypatch.setattr(healmap, "_PENDING", 10)
        often = catalogue.healsparse_map("n_epochs", nside=NSIDE)
    np.testing.assert_array_equal(at_once.valid_pixels, often.valid_pixels)
    np.testing.assert_array_equal(at_once[at_once.valid_pixels], often[often.valid_pixels])


def test_map_of_nothing_is_empty(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        assert catalogue.healsparse_map(tilename="DES9999+0000").n_valid == 0


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    name = stored.epoch(0)["expnum"]
    with stored.catalogue() as catalogue:
        assert catalogue.healsparse_map(expnum=name).n_valid == 0
        assert catalogue.healsparse_map(expnum=name, selection=goodpix.Selection(ignore=["SE_SEG"])).n_valid > 0


def test_unknown_filter_is_an_error(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match="unknown filter 'nsides'"):
        catalogue.healsparse_map(nsides=32)


def test_without_healsparse_the_error_names_the_extra(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "healsparse":
            raise ModuleNotFoundError("No module named 'healsparse'", name=name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=r"pip install 'goodpix\[maps\]'"):
        catalogue.healsparse_map()
