"""Epochs that observed a position, compared with wcslib for each epoch in turn."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import sqlalchemy as sa
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix import Selection
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Criterion
from goodpix.schema.errors import MaskFileError

from .smallsky import HERE, KEY, PLACES, POSITION, REASONS, SHAPE, Image, SmallSky, around, keys
from .survey import SPEC, Survey, records

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def cat(sky: SmallSky) -> Iterator[goodpix.Catalogue]:
    with sky.catalogue() as catalogue:
        yield catalogue


@pytest.fixture(scope="module")
def there(sky: SmallSky) -> tuple[float, float]:
    """A position that several epochs saw."""
    return max(around(sky, 60), key=lambda each: len(sky.seen(*each)))


def pixel(image: Image, ra: float, dec: float) -> tuple[int, int]:
    """Return the nearest pixel (y, x)."""
    x, y = np.floor(image.positions(ra, dec)[:, 0] + 0.5).astype(int)
    return int(y), int(x)


# Against wcslib.


def test_epochs_are_those_that_wcslib_finds(everywhere: SmallSky) -> None:
    places = around(everywhere, 60)
    with everywhere.catalogue() as cat:
        found = cat.at(*np.transpose(places), reasons=False)
    holds = [image.holds(*np.transpose(places)) for image in everywhere.images]
    for number in range(len(places)):
        seen = [image.key for image, held in zip(everywhere.images, holds, strict=True) if held[number]]
        assert keys(found[found.position == number]) == seen
    assert len(found) > 30


def test_x_and_y_are_those_of_wcslib(everywhere: SmallSky) -> None:
    by_key = {image.key: image for image in everywhere.images}
    coadds = {name: WCS(fits.Header(list(cards.items()))) for name, cards in everywhere.coadds.items()}
    places = around(everywhere, 20)
    with everywhere.catalogue() as cat:
        found = cat.at(*np.transpose(places), reasons=False)
    for row in records(found):
        image, place = by_key[(row.tilename, row.band, row.expnum, row.ccdnum)], places[row.position]
        np.testing.assert_allclose([row.x, row.y], image.positions(*place)[:, 0], rtol=0, atol=1e-6)
        expected = np.ravel(coadds[row.tilename].wcs_world2pix(*place, 0))
        np.testing.assert_allclose([row.coadd_x, row.coadd_y], expected, rtol=0, atol=1e-6)
        inside = -0.5 <= expected[0] < 119.5 and -0.5 <= expected[1] < 109.5
        assert row.on_coadd == inside
    assert len(found) > 10


def test_flags_and_reasons_are_those_of_the_nearest_pixel(everywhere: SmallSky) -> None:
    by_key = {image.key: image for image in everywhere.images}
    kinds = set()
    places = around(everywhere, 60)
    with everywhere.catalogue() as cat:
        found = cat.at(*np.transpose(places))
    for row in records(found):
        image = by_key[(row.tilename, row.band, row.expnum, row.ccdnum)]
        flags = int(image.flags[pixel(image, *places[row.position])])
        assert row.flags == flags
        assert row.good == (flags == 0)
        assert row.criteria == ", ".join(str(each.name) for each in Criterion if flags & each)
        assert row.se_bits == ", ".join(DES_Y6.name("se", b) for b in range(24) if flags >> (8 + b) & 1)
        assert row.coadd_bits == ", ".join(DES_Y6.name("coadd", b) for b in range(24) if flags >> (32 + b) & 1)
        kinds.add(flags)
    assert len(kinds) > 6


def test_the_ingested_tile_has_what_its_images_say(ingested: Survey) -> None:
    with ingested.catalogue() as cat:
        entries = [(band, ingested.epoch(number, band)) for band in "ri" for number in range(3)]
        solutions = json.loads(cat.sql("SELECT json_group_array(wcs) AS wcs FROM epoch").wcs[0])
        by_expnum = dict(zip(cat.epochs().expnum, map(json.loads, solutions), strict=True))
        coadd = cat.tiles().iloc[0]
        rng = np.random.default_rng(4)
        ra, dec = coadd.ra_cent + rng.uniform(-0.006, 0.006, 25), coadd.dec_cent + rng.uniform(-0.006, 0.006, 25)
        expected = {}
        for band, entry in entries:
            flags = cat.mask(SPEC.tilename, band, entry["expnum"], entry["ccdnum"]).flags()
            wcs = WCS(fits.Header(list(by_expnum[entry["expnum"]].items())))
            nearest = np.floor(np.transpose(wcs.wcs_world2pix(ra, dec, 0)) + 0.5).astype(int)
            for position, (x, y) in enumerate(nearest.tolist()):
                if 0 <= x < SPEC.ccd_shape[1] and 0 <= y < SPEC.ccd_shape[0]:
                    expected[position, entry["expnum"]] = int(flags[y, x])
        found = cat.at(ra, dec)
    assert dict(zip(zip(found.position, found.expnum, strict=True), found["flags"], strict=True)) == expected
    assert len(expected) > 10


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [0, 1])
def test_an_image_ends_half_a_pixel_beyond_the_middle_of_its_last_pixel(
    axis: int, side: int, sky: SmallSky, cat: goodpix.Catalogue
) -> None:
    edge = (SHAPE[1 - axis] - 0.5) if side else -0.5
    asked = [(image, step) for image in sky.images[::3] for step in (-1e-4, 1e-4)]
    places = []
    for image, step in asked:
        xy = np.array([11.3, 17.8])
        xy[axis] = edge + step
        places.append(WCS(fits.Header(list(image.cards.items()))).wcs_pix2world(*(xy + image.offset), 1))
    found = cat.at(*np.transpose(places), reasons=False)
    for number, (image, step) in enumerate(asked):
        inside = (step < 0) == bool(side)
        assert (image.key in keys(found[found.position == number])) == inside


def test_both_databases_give_the_same(
    postgres_database: str, tmp_path: Path, there: tuple[float, float], cat: goodpix.Catalogue
) -> None:
    made = SmallSky.make(postgres_database, tmp_path, *HERE)
    with made.catalogue() as other:
        for given in ({}, {"radius": 0.3}, {"unique": True}, {"band": "r", "min": {"expnum": 1003}}):
            pd.testing.assert_frame_equal(other.at(*there, **given), cat.at(*there, **given))


# One position, many positions.


def test_columns_of_one_position(there: tuple[float, float], cat: goodpix.Catalogue) -> None:
    found = cat.at(*there)
    assert list(found.columns) == [*POSITION, *REASONS]
    assert list(cat.at(*there, reasons=False).columns) == POSITION
    assert list(cat.at([there[0]], [there[1]], reasons=False).columns) == ["position", *POSITION]
    assert list(cat.at(*there, radius=1).columns) == [*POSITION, "on_image", *REASONS]


@pytest.mark.parametrize(
    "given", [{}, {"reasons": False}, {"radius": 0.01}, {"unique": True}, {"polygon": [(9, 9), (9, 9.1), (9.1, 9)]}]
)
def test_nothing_found_is_an_empty_table_of_the_same_types(
    given: dict[str, Any], there: tuple[float, float], cat: goodpix.Catalogue
) -> None:
    nothing, something = cat.at(200.0, 10.0, **given), cat.at(*there, **{**given, "polygon": None})
    assert len(nothing) == 0
    assert len(something) > 0
    same = [name for name in something if name in nothing]
    assert set(POSITION) <= set(same)
    assert nothing[same].dtypes.to_dict() == something[same].dtypes.to_dict()


def test_many_positions_give_what_each_gives_alone(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    places = around(sky, 30)
    together = cat.at([ra for ra, _ in places], [dec for _, dec in places])
    alone = [cat.at(*place).assign(position=number) for number, place in enumerate(places)]
    expected = pd.concat(alone, ignore_index=True)[list(together.columns)]
    pd.testing.assert_frame_equal(together, expected)


def test_positions_of_any_shape_are_numbered_in_their_order(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    ra, dec = np.array(around(sky, 6)).T
    flat = cat.at(ra, dec)
    pd.testing.assert_frame_equal(cat.at(ra.reshape(2, 3), dec.reshape(2, 3)), flat)
    pd.testing.assert_frame_equal(cat.at(pd.Series(ra), pd.Series(dec)), flat)
    pd.testing.assert_frame_equal(cat.at(ra.tolist(), dec.tolist()), flat)


def test_a_position_of_no_dimension_is_one_position(there: tuple[float, float], cat: goodpix.Catalogue) -> None:
    pd.testing.assert_frame_equal(cat.at(np.float64(there[0]), np.array(there[1])), cat.at(*there))


def test_no_positions_give_nothing(cat: goodpix.Catalogue) -> None:
    assert len(cat.at([], [])) == 0


def test_more_positions_than_go_into_one_query(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    # several times the positions, and the HEALPix pixels, of one
    rng = np.random.default_rng(5)
    ra, dec = HERE[0] + rng.uniform(-8, 8, 7000), HERE[1] + rng.uniform(-6, 6, 7000)
    ra[:3000], dec[:3000] = np.array(around(sky, 3000)).T
    found = cat.at(ra, dec, reasons=False)
    expected = {
        (position, *image.key) for image in sky.images for position in np.flatnonzero(image.holds(ra, dec)).tolist()
    }
    assert len(expected) > 2000
    assert {(row.position, row.tilename, row.band, row.expnum, row.ccdnum) for row in records(found)} == expected
    assert len(found) == len(expected)
    assert found.position.is_monotonic_increasing


@pytest.mark.parametrize("turns", [-2, -1, 1, 3])
def test_right_ascension_may_be_of_any_turn(turns: int, there: tuple[float, float], cat: goodpix.Catalogue) -> None:
    ra, dec = there
    found = cat.at(ra + 360 * turns, dec)
    assert (found.ra == ra + 360 * turns).all()
    pd.testing.assert_frame_equal(found.assign(ra=ra), cat.at(ra, dec), rtol=1e-9)


def test_right_ascension_zero_has_no_gap(tmp_path: Path) -> None:
    made = SmallSky.make(f"sqlite:///{tmp_path / 'sky.db'}", tmp_path, *PLACES["RA 0"], n_images=6)
    with made.catalogue() as cat:
        expected = keys(cat.at(1e-9, 20.0, radius=0.5, reasons=False))
        assert expected
        for ra in (-1e-17, -1e-14, 360.0, 0.0):
            assert keys(cat.at(ra, 20.0, radius=0.5, reasons=False)) == expected


# Each CCD image once.


def test_unique_gives_each_ccd_image_once(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    n_shared = 0
    places = around(sky, 60)
    frames = [cat.at(*np.transpose(places), reasons=False, unique=unique) for unique in (False, True)]
    for number, (ra, dec) in enumerate(places):
        every, once = (frame[frame.position == number] for frame in frames)
        assert not once.duplicated(["band", "expnum", "ccdnum"]).any()
        assert set(map(tuple, every[KEY[1:]].to_numpy().tolist())) == set(map(tuple, once[KEY[1:]].to_numpy().tolist()))
        n_shared += len(every) - len(once)
        for row in records(once):
            same = every[(every.band == row.band) & (every.expnum == row.expnum) & (every.ccdnum == row.ccdnum)]
            in_region = {"EAST": 0 <= ra - HERE[0] < 1.3, "WEST": -1.3 <= ra - HERE[0] < 0}
            near_enough = abs(dec - HERE[1]) < 0.4
            best = sorted(
                records(same), key=lambda each: (not (near_enough and in_region[each.tilename]), not each.on_coadd)
            )[0]
            assert row.tilename == best.tilename
    assert n_shared > 20


def test_unique_prefers_the_tile_in_whose_unique_region_the_position_lies(cat: goodpix.Catalogue) -> None:
    shared = cat.at(*HERE, radius=2.0, reasons=False).groupby(KEY[1:]).filter(lambda rows: len(rows) == 2)
    expnum, ccdnum, band = (shared.iloc[0][name] for name in ("expnum", "ccdnum", "band"))
    one: dict[str, Any] = {"expnum": int(expnum), "ccdnum": int(ccdnum), "band": str(band)}
    for east, tilename in ((0.1, "EAST"), (-0.1, "WEST")):
        ra = HERE[0] + east / math.cos(math.radians(HERE[1]))
        found = cat.at(ra, HERE[1], radius=2.0, unique=True, reasons=False, **one)
        assert found.tilename.tolist() == [tilename]


def test_unique_without_unique_regions_prefers_what_is_on_the_coadd_then_the_first_tile(tmp_path: Path) -> None:
    made = SmallSky.make(f"sqlite:///{tmp_path / 'sky.db'}", tmp_path, *HERE)
    engine = sa.create_engine(made.database)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE coadd SET uramin = NULL, uramax = NULL"))
    engine.dispose()
    with made.catalogue() as cat:
        chosen = set()
        places = around(made, 60)
        frames = [cat.at(*np.transpose(places), reasons=False, unique=unique) for unique in (False, True)]
        for number in range(len(places)):
            every, once = (frame[frame.position == number] for frame in frames)
            for row in records(once):
                same = every[(every.band == row.band) & (every.expnum == row.expnum)]
                on_coadd = same[same.on_coadd] if same.on_coadd.any() else same
                assert row.tilename == on_coadd.tilename.min()
                chosen.add((len(same), row.tilename, bool(row.on_coadd)))
    assert {(2, "EAST", True), (2, "WEST", True)} <= chosen


def test_filters_come_before_unique(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    found = cat.at(*HERE, radius=2.0, tilename="WEST", unique=True, reasons=False)
    assert keys(found) == [image.key for image in sky.images if image.tilename == "WEST"]


# Another definition of good.

SELECTIONS = {
    "criteria": Selection(ignore=["SE_SEG", "OFF_COADD"]),
    "bits": Selection(ignore_bits={"SE": ["BPM"], "COADD": ["NO_DATA"]}),
    "border": Selection(border=6),
    "growth": Selection(grow={"SE_SEG": 1, "SE:STAR": 2}, ignore=["COADD_SEG", "SE_WEIGHT"]),
    "all of it": Selection(ignore=["SE_WEIGHT"], ignore_bits={"SE": ["OTHER"]}, grow={"COADD_SEG": 1}, border=3),
}


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_selection_gives_what_the_masks_give(selection: Selection, sky: SmallSky, cat: goodpix.Catalogue) -> None:
    n_good, n_cut = 0, 0
    for row in records(cat.at(*np.transpose(around(sky, 25)), selection=selection)):
        mask = cat.mask(row.tilename, row.band, row.expnum, row.ccdnum)
        y, x = int(np.floor(row.y + 0.5)), int(np.floor(row.x + 0.5))
        failing = int(mask.criteria(selection)[y, x])
        names = [str(each.name) for each in Criterion if failing & each] + ["OWN_CUT"] * bool(failing & 0x80)
        assert row.criteria == ", ".join(names)
        assert row.good == mask.good(selection)[y, x]
        assert row.flags == mask.flags()[y, x]
        n_good += row.good
        n_cut += "OWN_CUT" in names
    assert n_good > 0
    assert (n_cut > 0) == bool(selection.border)


# The masks are read when they are needed, and only then.


@pytest.fixture
def without_masks(tmp_path: Path) -> SmallSky:
    made = SmallSky.make(f"sqlite:///{tmp_path / 'sky.db'}", tmp_path, *HERE, n_images=6)
    for path in (tmp_path / "masks").rglob("*.parquet"):
        path.unlink()
    return made


def test_without_reasons_no_mask_is_read(without_masks: SmallSky) -> None:
    with without_masks.catalogue() as cat:
        assert len(cat.at(*HERE, radius=2.0, reasons=False)) == len(without_masks.images)


def test_a_missing_mask_file_is_said(without_masks: SmallSky) -> None:
    ra, dec = np.array(around(without_masks, 40)).T
    with without_masks.catalogue() as cat, pytest.raises(MaskFileError, match=r"mask file .* is missing"):
        cat.at(ra, dec)


# Filters.


@pytest.mark.parametrize(
    ("filters", "keep"),
    [
        ({"band": "r"}, lambda image: image.band == "r"),
        ({"tilename": "WEST"}, lambda image: image.tilename == "WEST"),
        ({"expnum": "1003:1101"}, lambda image: 1003 <= image.expnum <= 1101),
        ({"ccdnum": [1, 2]}, lambda image: image.ccdnum in (1, 2)),
        ({"max": {"expnum": 1005}, "band": ["r", "i"]}, lambda image: image.expnum <= 1005),
        ({"nite": 1}, lambda _: False),
    ],
)
def test_filters_choose_epochs(filters: dict[str, Any], keep: Any, sky: SmallSky, cat: goodpix.Catalogue) -> None:
    found = cat.at(*HERE, radius=2.0, reasons=False, **filters)
    assert keys(found) == [image.key for image in sky.images if keep(image)]
