"""The mask of a whole CCD, over the tiles that hold it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import goodpix
from goodpix.schema.criteria import BoundSelection
from goodpix.schema.errors import MaskNotFoundError, UsageError
from goodpix.schema.masks.dilation import dilate

from .neighbours import NEIGHBOUR, SELECTIONS, ingest_neighbours, inside_region, make_neighbours, sky_of_pixels
from .survey import SPEC, Survey

TILE = SPEC.tilename
# in the order of their names
TILES = (NEIGHBOUR, TILE)
OFF = int(goodpix.Criterion.OFF_COADD)


def key(survey: Survey, number: int, band: str = "r") -> tuple[str, int, int]:
    entry = survey.epoch(number, band)
    return band, entry["expnum"], entry["ccdnum"]


def plain_flags(catalogue: goodpix.Catalogue, ccd: tuple[str, int, int]) -> npt.NDArray[np.int64]:
    """Return the flags by the rule as it stands, with each pixel's place by astropy."""
    band, expnum, ccdnum = ccd
    tiles = {tile: catalogue.mask(tile, band, expnum, ccdnum) for tile in TILES}
    rows: dict[str, Any] = {tile: catalogue.mask(tile, band).row for tile in tiles}
    flags = {tile: mask.flags() for tile, mask in tiles.items()}
    sky = {tile: sky_of_pixels(mask.row) for tile, mask in tiles.items()}
    out = flags[TILE].copy()
    # the least wanted first
    for tile in reversed(TILES):
        out = np.where(flags[tile] & OFF == 0, flags[tile], out)
    for tile in reversed(TILES):
        out = np.where((flags[tile] & OFF == 0) & inside_region(rows[tile], sky[tile]), flags[tile], out)
    return out


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("band", SPEC.bands)
def test_flags_are_those_of_the_rule_at_every_pixel(number: int, band: str, neighbours: Survey) -> None:
    ccd = key(neighbours, number, band)
    with neighbours.catalogue() as catalogue:
        np.testing.assert_array_equal(catalogue.ccd_mask(*ccd).flags(), plain_flags(catalogue, ccd))


def test_each_tile_goes_by_its_own_solution(tmp_path: Path) -> None:
    first, second = make_neighbours(tmp_path)
    for survey, shift in ((first, 0.0), (second, -9 * 0.263 / 3600)):
        head = tmp_path / f"{shift}.head"
        with survey.editing() as info:
            info["src_info"] = info["src_info"][:1]
            given = Path(info["src_info"][0]["head_path"]).read_text()
            found = re.search(r"(?m)^CRVAL1 *= *([-+.\dEe]+)", given)
            assert found is not None
            head.write_text(given.replace(found[0], f"CRVAL1  = {float(found[1]) + shift!r:>20}"))
            info["src_info"][0]["head_path"] = str(head)
    for survey in (first, second):
        survey.info_path("i").unlink()
    ingest_neighbours(first, second, wcs_source="scamp")
    ccd = key(first, 0)
    with first.catalogue() as catalogue:
        places = [sky_of_pixels(catalogue.mask(tile, *ccd).row) for tile in TILES]
        assert np.abs(places[0][0] - places[1][0]).min() > 6 * 0.263 / 3600
        np.testing.assert_array_equal(catalogue.ccd_mask(*ccd).flags(), plain_flags(catalogue, ccd))


def test_the_tiles_differ_in_every_way_that_the_rule_knows(neighbours: Survey) -> None:
    ccd = key(neighbours, 0)
    with neighbours.catalogue() as catalogue:
        other, own = (catalogue.mask(tile, *ccd) for tile in TILES)
        regions = [inside_region(catalogue.mask(tile, "r").row, sky_of_pixels(own.row)) for tile in TILES]
    on_other, on_own = (mask.flags() & OFF == 0 for mask in (other, own))
    assert (own.flags() != other.flags())[on_own & on_other].any()
    for region in regions:
        assert (on_own & on_other & region).any()
    # in the neighbour's region, but off its coadd
    assert (on_own & ~on_other & regions[0]).any()
    assert not (regions[0] & regions[1]).any()


def test_where_no_region_reaches_the_first_tile_that_covers_it_counts(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        rows = [catalogue.mask(tile, "r").row for tile in TILES]
        for number in range(3):
            ccd = key(neighbours, number)
            masks = [catalogue.mask(tile, *ccd) for tile in TILES]
            sky = sky_of_pixels(masks[0].row)
            nobodys = ~inside_region(rows[0], sky) & ~inside_region(rows[1], sky)
            nobodys &= (masks[0].flags() & OFF == 0) & (masks[1].flags() & OFF == 0)
            found = catalogue.ccd_mask(*ccd).flags()
            np.testing.assert_array_equal(found[nobodys], masks[0].flags()[nobodys])


def test_a_pixel_is_off_the_coadd_only_where_no_tile_covers_it(neighbours: Survey) -> None:
    with neighbours.catalogue() as catalogue:
        ccd = key(neighbours, 1)
        off = [catalogue.mask(tile, *ccd).flags() & OFF != 0 for tile in TILES]
        found = catalogue.ccd_mask(*ccd).flags() & OFF != 0
    np.testing.assert_array_equal(found, off[0] & off[1])
    assert found.sum() < min(each.sum() for each in off)


def test_mask_names_all_tiles(neighbours: Survey) -> None:
    ccd = key(neighbours, 0)
    with neighbours.catalogue() as catalogue:
        found = catalogue.ccd_mask(*ccd)
        one = catalogue.mask(TILE, *ccd)
    assert (found.key.tilename, found.key.kind) == (f"{NEIGHBOUR}+{TILE}", "epoch")
    assert (found.key.band, found.key.expnum, found.key.ccdnum) == ccd
    assert found.grid.wcs.keywords == one.grid.wcs.keywords
    assert found.row is not None
    assert one.row is not None
    assert found.row["nite"] == one.row["nite"]
    assert not {"n_good", "fraction_good", "mask_file"} & set(found.row)


def test_ccd_of_one_tile_is_the_mask_of_that_tile(ingested: Survey) -> None:
    ccd = key(ingested, 1)
    with ingested.catalogue() as catalogue:
        np.testing.assert_array_equal(catalogue.ccd_mask(*ccd).flags(), catalogue.mask(TILE, *ccd).flags())


def test_tiles_without_limits_have_no_region(survey: Survey) -> None:
    survey.set_entry(None, dict.fromkeys(("uramin", "uramax", "udecmin", "udecmax"), ...))
    survey.ingest()
    with survey.catalogue() as catalogue:
        ccd = key(survey, 0)
        np.testing.assert_array_equal(catalogue.ccd_mask(*ccd).flags(), catalogue.mask(TILE, *ccd).flags())


@pytest.mark.parametrize("name", SELECTIONS)
def test_mask_takes_a_selection(name: str, neighbours: Survey) -> None:
    selection = SELECTIONS[name]
    with neighbours.catalogue() as catalogue:
        found = catalogue.ccd_mask(*key(neighbours, 0))
    flags = found.flags()
    by_pixel = goodpix.Selection(ignore=selection.ignore, ignore_bits=selection.ignore_bits)
    good = BoundSelection(by_pixel, found.bit_names).good(flags)
    for criterion, radius in selection.grow.items():
        good &= ~dilate(flags & goodpix.Criterion[criterion] != 0, radius)
    if selection.border:
        inner = np.zeros(good.shape, np.bool_)
        inner[selection.border : -selection.border, selection.border : -selection.border] = True
        good &= inner
    np.testing.assert_array_equal(found.good(selection), good)


@pytest.mark.parametrize("change", [{"expnum": 1}, {"ccdnum": 63}, {"band": "Y"}], ids=str)
def test_unknown_ccd_is_an_error(change: dict[str, Any], ingested: Survey) -> None:
    band, expnum, ccdnum = key(ingested, 0)
    wanted: dict[str, Any] = {"band": band, "expnum": expnum, "ccdnum": ccdnum} | change
    with ingested.catalogue() as catalogue, pytest.raises(MaskNotFoundError, match="the catalogue has no mask of"):
        catalogue.ccd_mask(**wanted)


def test_number_beyond_any_ccd_is_an_error(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match="ccdnum is 40000"):
        catalogue.ccd_mask("r", 1, 40000)
