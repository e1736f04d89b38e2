"""Maps of good pixels on the sky."""

import builtins
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import healsparse
import hpgeom
import numpy as np
import pytest

import goodpix
from goodpix.query.maps import healmap
from goodpix.schema.errors import UnknownNameError, UsageError

from .neighbours import CENTRES, NEIGHBOUR, SELECTIONS, centres_seen, inside_region, sky_of_pixels
from .survey import Survey

NSIDE = 1 << 15  # pixels of 6.4 arcsec, for images of 17 x 34


def plain_maps(
    catalogue: goodpix.Catalogue, selection: goodpix.Selection | None, *, unique: bool = True, **filters: Any
) -> dict[str, dict[int, float]]:
    """Return both maps of image pixels as dictionaries, with each pixel's place by astropy."""
    sums: dict[int, list[int]] = {}
    images: dict[int, set[object]] = {}
    for mask in catalogue.masks(**filters):
        coadd: Any = catalogue.mask(mask.key.tilename, mask.key.band).row
        sky, good = sky_of_pixels(mask.row), mask.good(selection)
        counted = inside_region(coadd, sky) if unique else np.ones(good.shape, np.bool_)
        hpix = hpgeom.angle_to_pixel(NSIDE, *(each[counted] for each in sky))
        for pixel in np.unique(hpix).tolist():
            here = good[counted][hpix == pixel]
            total = sums.setdefault(pixel, [0, 0])
            for k, more in enumerate((here.size, int(here.sum()))):
                total[k] += more
            held = images.setdefault(pixel, set())
            if here.any():
                held.add((mask.key.band, mask.key.expnum, mask.key.ccdnum))
    return {
        "fraction": {pixel: n_good / n for pixel, (n, n_good) in sums.items()},
        "n_images": {pixel: len(each) for pixel, each in images.items()},
    }


def assert_equal(found: Any, expected: Mapping[int, float]) -> None:
    pixels = np.array(sorted(expected))
    np.testing.assert_array_equal(found.valid_pixels, pixels)
    values = np.array([expected[int(pixel)] for pixel in pixels])
    np.testing.assert_allclose(found.get_values_pix(pixels), values, rtol=1e-6)


@pytest.mark.parametrize("statistic", ["fraction", "n_images"])
@pytest.mark.parametrize("name", SELECTIONS)
def test_map_equals_the_plain_way(name: str, statistic: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map(statistic, nside=NSIDE, selection=SELECTIONS[name])
        expected = plain_maps(catalogue, SELECTIONS[name])[statistic]
    assert isinstance(found, healsparse.HealSparseMap)
    assert found.dtype == {"fraction": np.float32, "n_images": np.int32}[statistic]
    assert (found.nside_sparse, found.nside_coverage) == (NSIDE, 32)
    assert max(expected.values()) > {"fraction": 0.8, "n_images": 2}[statistic]
    assert_equal(found, expected)


@pytest.mark.parametrize("statistic", ["fraction", "n_images"])
@pytest.mark.parametrize("unique", [False, True])
def test_map_of_two_tiles_equals_the_plain_way(unique: bool, statistic: str, neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(statistic, nside=NSIDE, band="r", unique=unique)
        assert_equal(found, plain_maps(catalogue, None, unique=unique, band="r")[statistic])


def test_an_image_in_two_tiles_counts_once(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_images", nside=1024, nside_coverage=32, band="r")
    # all tiles hold the same three images, which lie in a few pixels of 3 arcmin
    assert found[found.valid_pixels].max() == 3


@pytest.mark.parametrize("nside", [512, 2048, 1 << 14])
@pytest.mark.parametrize("survey", ["ingested", "neighbours"])
def test_fracdet_is_the_fraction_of_centres_in_good_pixels(
    survey: str, nside: int, request: pytest.FixtureRequest
) -> None:
    with request.getfixturevalue(survey).catalogue() as catalogue:
        found = catalogue.healsparse_map("fracdet", nside=nside, band="r")
        seen, good = centres_seen(catalogue, None, band="r")
    per_pixel = (CENTRES // nside) ** 2
    n_good = Counter((good // per_pixel).tolist())
    assert_equal(found, {pixel: n_good[pixel] / per_pixel for pixel in np.unique(seen // per_pixel).tolist()})


def test_fracdet_adds_up_to_the_sky_area(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map("fracdet", nside=4096)
        per_pixel = hpgeom.nside_to_pixel_area(4096, degrees=True) * 3600
        total = float(found[found.valid_pixels].sum(dtype=np.float64)) * per_pixel
        assert total == pytest.approx(catalogue.sky_area(), rel=1e-6)


@pytest.mark.parametrize("statistic", ["fraction", "fracdet", "n_images"])
def test_written_map_says_what_it_is_and_where_it_comes_from(statistic: str, ingested: Survey, tmp_path: Path) -> None:
    wide = goodpix.Selection(ignore=["SE_SEG"], border=7)
    with ingested.catalogue() as catalogue:
        catalogue.healsparse_map(statistic, nside=NSIDE, selection=wide, band="r").write(tmp_path / "map.hsp")
        identity = catalogue.database.identity
    said = healsparse.HealSparseMap.read(tmp_path / "map.hsp").metadata
    assert said["MAPTYPE"] == statistic
    assert {said["WHAT"], said["BUNIT"]} == set(healmap.STATISTICS[statistic])
    assert (said["SELECT"], said["FILTERS"], said["UNIQUE"]) == (str(wide), "band=r", True)
    assert (said["CATALOG"], said["CAMPAIGN"]) == (identity.uuid, identity.campaign)
    assert said["CREATOR"] == f"goodpix {version('goodpix')}"


def test_fracdet_of_pixels_smaller_than_its_samples_is_refused(ingested: Survey) -> None:
    with (
        ingested.catalogue() as catalogue,
        pytest.raises(UsageError, match="nside is 1048576: expected a power of 2, up"),
    ):
        catalogue.healsparse_map("fracdet", nside=1 << 20)


def test_fracdet_refuses_to_count_area_twice(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match="expected unique=True"):
        catalogue.healsparse_map("fracdet", unique=False)


def test_filters_choose_the_epochs(neighbours: Survey) -> None:
    filters: dict[str, Any] = {"tilename": NEIGHBOUR, "band": "i"}
    with neighbours.catalogue() as catalogue:
        found = catalogue.healsparse_map(nside=NSIDE, **filters)
        assert_equal(found, plain_maps(catalogue, None, **filters)["fraction"])


def test_zero_is_not_the_same_as_nothing(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_images", nside=NSIDE)
    values = found.get_values_pix(found.valid_pixels)
    assert (values == 0).any()
    assert found.get_values_pix(np.array([0]))[0] == found.sentinel != 0


def test_adding_up_now_and_then_changes_nothing(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    with ingested.catalogue() as catalogue:
        at_once = catalogue.healsparse_map("n_images", nside=NSIDE)
        monkeypatch.setattr(healmap, "_PENDING", 10)
        often = catalogue.healsparse_map("n_images", nside=NSIDE)
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
