"""Every epoch at a place on the sky, against wcslib asked of each epoch in turn."""

import io
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
from goodpix.schema.errors import MaskFileError, UnknownNameError, UsageError
from goodpix.schema.wcs.solution import unit_vectors

from .conftest import Run
from .smallsky import SCALE, SHAPE, Image, SmallSky
from .survey import SPEC, Survey, records

Floats = npt.NDArray[np.float64]

PLACES = {
    "south": (30.0, -40.0),
    "RA 0": (0.0, 20.0),
    "just west of RA 0": (359.95, -5.0),
    "north pole": (123.0, 90.0),
    "south pole": (10.0, -90.0),
    "near the south pole": (310.0, -89.7),
}
KEY = ["tilename", "band", "expnum", "ccdnum"]
POSITION = ["ra", "dec", *KEY, "nite", "mjd_obs", "x", "y", "coadd_x", "coadd_y", "on_coadd"]
REASONS = ["good", "flags", "criteria", "se_bits", "coadd_bits"]
HERE = PLACES["south"]


@pytest.fixture(scope="module", params=PLACES.values(), ids=list(PLACES))
def everywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about each of the places; nobody changes it."""
    folder = tmp_path_factory.mktemp("sky")
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, *request.param, n_images=8)


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about one place; nobody changes it."""
    folder = tmp_path_factory.mktemp("sky")
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, *HERE)


@pytest.fixture(scope="module")
def cat(sky: SmallSky) -> Iterator[goodpix.Catalogue]:
    with sky.catalogue() as catalogue:
        yield catalogue


def around(sky: SmallSky, n: int, seed: int = 3) -> list[tuple[float, float]]:
    """Return positions on the images and between them."""
    coadd = sky.coadds["EAST"]
    rng = np.random.default_rng(seed)
    middle = {**coadd, "CRPIX1": 0.0, "CRPIX2": 0.0}
    x, y = rng.uniform(-1.5, 1.5, n) / SCALE, rng.uniform(-0.9, 0.9, n) / SCALE
    ra, dec = WCS(fits.Header(list(middle.items()))).wcs_pix2world(x, y, 1)
    return list(zip(ra.tolist(), dec.tolist(), strict=True))


@pytest.fixture(scope="module")
def there(sky: SmallSky) -> tuple[float, float]:
    """A position that several epochs saw."""
    return max(around(sky, 60), key=lambda each: len(sky.seen(*each)))


def keys(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(each) for each in found[KEY].to_numpy().tolist()]


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


# A disc, a polygon.


def chord(degrees: float) -> float:
    return 2 * math.sin(math.radians(degrees) / 2)


@pytest.mark.parametrize("radius", [0.0, 0.05, 0.3, 0.8, 5.0])
def test_disc_finds_what_has_a_part_in_it(radius: float, everywhere: SmallSky) -> None:
    grids = {image.key: image.edges(16) for image in everywhere.images}
    # the nearest direction of the edges is this much further away at most
    slack = math.radians(SCALE) / 16
    n_sure = 0
    places = around(everywhere, 3)
    with everywhere.catalogue() as cat:
        every = cat.at(*np.transpose(places), radius=radius, reasons=False)
    for number, (ra, dec) in enumerate(places):
        centre = unit_vectors(ra, dec)
        found = set(keys(every[every.position == number]))
        for image in everywhere.images:
            nearest = float(np.sqrt(((grids[image.key].T - centre) ** 2).sum(axis=1)).min())
            if nearest <= chord(radius) or image.holds(ra, dec)[0]:
                assert image.key in found
            elif nearest > chord(radius) + slack:
                assert image.key not in found
            else:
                continue
            n_sure += 1
    assert n_sure > 0.9 * len(places) * len(everywhere.images)


@pytest.mark.parametrize(("inward", "touches"), [(-1e-4, False), (1e-4, True)], ids=["short of it", "over it"])
def test_disc_touches_an_edge_to_a_few_thousandths_of_a_pixel(
    inward: float, touches: bool, sky: SmallSky, cat: goodpix.Catalogue
) -> None:
    for image in sky.images[::5]:
        wcs = WCS(fits.Header(list(image.cards.items())))
        centre = wcs.wcs_pix2world([6.0 + image.offset], [-4.0 + image.offset], 1)
        edge = wcs.wcs_pix2world(np.linspace(-0.5, SHAPE[1] - 0.5, 30_001) + image.offset, -0.5 + image.offset, 1)
        apart = np.sqrt(((unit_vectors(*edge) - unit_vectors(*centre)) ** 2).sum(axis=0)).min()
        # a hundred thousandths of a degree are a hundredth of these pixels
        radius = math.degrees(2 * math.asin(apart / 2)) + inward
        found = keys(cat.at(float(centre[0][0]), float(centre[1][0]), radius=radius, reasons=False))
        assert (image.key in found) == touches


def test_disc_gives_the_reasons_of_its_centre_where_the_image_has_it(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    ra, dec = around(sky, 1)[0]
    found = cat.at(ra, dec, radius=0.9)
    on_image = found[found.on_image]
    assert 0 < len(on_image) < len(found)
    pd.testing.assert_frame_equal(
        on_image.drop(columns="on_image").reset_index(drop=True), cat.at(ra, dec), check_dtype=False
    )
    assert found.loc[~found.on_image, REASONS].isna().all(axis=None)
    assert [str(found[name].dtype) for name in REASONS[:2]] == ["boolean", "Int64"]
    by_key = {image.key: image for image in sky.images}
    for row in records(found):
        expected = by_key[(row.tilename, row.band, row.expnum, row.ccdnum)].positions(ra, dec)[:, 0]
        np.testing.assert_allclose([row.x, row.y], expected, rtol=0, atol=1e-6)


def test_discs_about_many_positions_give_what_each_gives_alone(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    places = around(sky, 12)
    together = cat.at([ra for ra, _ in places], [dec for _, dec in places], radius=0.4, reasons=False)
    alone = [cat.at(*place, radius=0.4, reasons=False).assign(position=k) for k, place in enumerate(places)]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True)[list(together.columns)])


def on_plane(sky: SmallSky, plane: Floats) -> Floats:
    """Return ra and dec, shape (n, 2), of positions some degrees off the place on its tangent plane."""
    middle = {**sky.coadds["EAST"], "CRPIX1": 0.0, "CRPIX2": 0.0}
    x, y = plane.T / SCALE
    return np.array(WCS(fits.Header(list(middle.items()))).wcs_pix2world(-x, y, 1)).T


def inside_polygon(vertices: Floats, vectors: Floats) -> npt.NDArray[np.bool_]:
    """Return what is inside by the plain way on the tangent plane of the vertices' middle."""
    corners = unit_vectors(*vertices.T)
    towards = corners.sum(axis=1)
    east = np.cross([0.3, 0.5, 0.81], towards)
    north = np.cross(towards, east)
    px, py = (axis @ corners / (towards @ corners) for axis in (east, north))
    with np.errstate(all="ignore"):
        x, y = (axis @ vectors / (towards @ vectors) for axis in (east, north))
        inside = np.zeros(x.size, np.bool_)
        for k in range(px.size):
            crosses = (py[k] > y) != (py[k - 1] > y)
            inside ^= crosses & (x < (px[k - 1] - px[k]) * (y - py[k]) / (py[k - 1] - py[k]) + px[k])
    out: npt.NDArray[np.bool_] = inside & (towards @ vectors > 0)
    return out


def fine(vertices: Floats) -> Floats:
    """Return many positions on the edges of a polygon."""
    corners = unit_vectors(*vertices.T).T
    t = np.linspace(0, 1, 2000)[:, np.newaxis]
    x, y, z = np.concatenate([a + t * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]).T
    return np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))]).T


POLYGONS = {
    "triangle": [(-0.5, -0.4), (0.6, -0.3), (0.1, 0.5)],
    "the other way round": [(0.1, 0.5), (0.6, -0.3), (-0.5, -0.4)],
    "a sliver": [(-1.0, -0.2), (1.0, 0.3), (1.0, 0.305)],
    "concave": [(-1.2, -0.7), (1.2, -0.7), (1.2, 0.7), (0.0, -0.5), (-1.2, 0.7)],
    "smaller than a pixel": [(0.201, 0.1), (0.206, 0.1), (0.203, 0.105)],
    "all of it": [(-4, -4), (4, -4), (4, 4), (-4, 4)],
    "nothing of it": [(4, 4), (5, 4), (5, 5)],
}


@pytest.mark.parametrize("polygon", POLYGONS.values(), ids=POLYGONS)
def test_polygon_finds_what_has_a_part_in_it(polygon: list[tuple[float, float]], everywhere: SmallSky) -> None:
    vertices = on_plane(everywhere, np.array(polygon))
    with everywhere.catalogue() as cat:
        found = set(keys(cat.at(polygon=vertices, reasons=False)))
    expected = set()
    for image in everywhere.images:
        if inside_polygon(vertices, image.directions(1)).any() or image.holds(*fine(vertices).T).any():
            expected.add(image.key)
    assert found == expected


def test_polygon_may_be_closed(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    vertices = on_plane(sky, np.array(POLYGONS["concave"]))
    closed = np.concatenate([vertices, vertices[:1]])
    # its middle is that of the same vertices
    pd.testing.assert_frame_equal(cat.at(polygon=closed), cat.at(polygon=vertices))


def test_polygon_without_a_position_asks_about_its_middle(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    found = cat.at(polygon=on_plane(sky, np.array(POLYGONS["triangle"])))
    ra, dec = found.ra[0], found.dec[0]
    corners = unit_vectors(*on_plane(sky, np.array(POLYGONS["triangle"])).T).sum(axis=1)
    np.testing.assert_allclose(unit_vectors(ra, dec), corners / np.linalg.norm(corners), rtol=0, atol=1e-14)
    expected = cat.at(ra, dec)
    pd.testing.assert_frame_equal(
        found[found.on_image].drop(columns="on_image").reset_index(drop=True), expected, check_dtype=False, rtol=1e-9
    )


def test_polygon_beside_a_position_asks_about_that(sky: SmallSky, cat: goodpix.Catalogue) -> None:
    vertices = on_plane(sky, np.array(POLYGONS["triangle"]))
    ra, dec = around(sky, 1)[0]
    found = cat.at(ra, dec, polygon=vertices)
    assert keys(found) == keys(cat.at(polygon=vertices))
    assert set(keys(found[found.on_image])) <= set(keys(cat.at(ra, dec)))
    assert (found.ra == ra).all()


def test_disc_may_be_the_whole_sky(cat: goodpix.Catalogue, sky: SmallSky) -> None:
    found = cat.at(HERE[0] + 180, -HERE[1], radius=1000.0, reasons=False)
    assert keys(found) == [image.key for image in sky.images]
    assert not found.on_image.any()
    assert found.x.isna().all()


def test_each_epoch_of_an_area_is_there_once(cat: goodpix.Catalogue, sky: SmallSky) -> None:
    found = cat.at(*HERE, radius=40.0)
    assert keys(found) == [image.key for image in sky.images]


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


# Bad input.

SQUARE = [(30, -40), (31, -40), (31, -39)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ra": math.nan, "dec": 0.0}, "ra is nan: expected finite degrees"),
        ({"ra": 0.0, "dec": math.inf}, "dec is inf: expected finite degrees"),
        ({"ra": [1.0, 2.0, -math.inf], "dec": [0.0, 0.0, 0.0]}, "ra is -inf: expected finite degrees"),
        ({"ra": 0.0, "dec": 90.001}, "dec is 90.001: expected -90 to 90 degrees"),
        ({"ra": [0.0, 1.0], "dec": [0.0, -91.0]}, "dec is -91.0: expected -90 to 90 degrees"),
        ({"ra": [0.0, 1.0], "dec": [0.0]}, r"ra has shape \(2,\), dec \(1,\): expected the same shape"),
        ({"ra": [0.0, 1.0], "dec": 0.0}, r"ra has shape \(2,\), dec \(\): expected the same shape"),
        ({"ra": "here", "dec": 0.0}, "ra is 'here': expected degrees"),
        ({"ra": 0.0, "dec": None}, "dec is nan: expected finite degrees|dec is None: expected degrees"),
        ({}, "ra is .*: expected (finite )?degrees"),
        ({"ra": 0.0, "dec": 0.0, "radius": -0.1}, "radius is -0.1: expected degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": math.nan}, "radius is nan: expected finite degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": math.inf}, "radius is inf: expected finite degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": [1, 2]}, "radius is .*: expected degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": "wide"}, "radius is 'wide': expected degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": 1, "polygon": SQUARE}, "radius and polygon are both given"),
        ({"radius": 1, "polygon": SQUARE}, "radius and polygon are both given"),
        ({"ra": [0.0], "dec": [0.0], "polygon": SQUARE}, "with a polygon: expected one position or none"),
        ({"ra": 0.0, "polygon": SQUARE}, "dec is .*: expected (finite )?degrees"),
        ({"polygon": SQUARE[:2]}, "polygon has 2 different vertices: expected 3 or more"),
        ({"polygon": [*SQUARE[:2], SQUARE[0]]}, "polygon has 2 different vertices: expected 3 or more"),
        ({"polygon": []}, r"polygon has shape \(0,\): expected pairs"),
        ({"polygon": [1, 2, 3]}, r"polygon has shape \(3,\): expected pairs"),
        ({"polygon": [(1, 2, 3)] * 3}, r"polygon has shape \(3, 3\): expected pairs"),
        ({"polygon": [(1, 2), (3,)]}, "polygon: .*: expected pairs"),
        ({"polygon": [(1, 2), (3, 4), (math.nan, 5)]}, "polygon is .*: expected finite degrees"),
        ({"polygon": [(1, 2), (3, 4), (5, 95)]}, "polygon is .*: expected degrees"),
        ({"polygon": [(0, 0), (120, 0), (240, 0)]}, "polygon reaches 90 degrees from its middle"),
        ({"ra": 0.0, "dec": 0.0, "selection": Selection(border=3), "reasons": False}, "a selection needs reasons"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], says: str, cat: goodpix.Catalogue) -> None:
    with pytest.raises(UsageError, match=says):
        cat.at(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bandd": "r"}, "unknown filter 'bandd', did you mean 'band'"),
        ({"min": {"n_goood": 1}}, "no column 'n_goood', did you mean 'n_good'"),
        ({"selection": Selection(ignore_bits={"SE": ["STARR"]})}, "'STARR', did you mean STAR"),
        ({"selection": Selection(grow={"SE:STARR": 3})}, "'STARR', did you mean STAR"),
    ],
)
def test_unknown_names_are_refused_where_nothing_is_found_too(
    given: dict[str, Any], says: str, cat: goodpix.Catalogue
) -> None:
    with pytest.raises(UnknownNameError, match=says):
        cat.at(200.0, 10.0, **given)


# The command line.


@pytest.fixture
def db(ingested: Survey) -> list[str]:
    return ["--db", str(ingested.database)]


def test_command_lists_what_python_finds(ingested: Survey, db: list[str], cli: Run) -> None:
    with ingested.catalogue() as cat:
        expected = cat.at(SPEC.ra, SPEC.dec)
    assert expected.dec[0] < 0
    done = cli("at", SPEC.ra, SPEC.dec, *db, "--format", "csv")
    assert (done.status, done.err) == (0, "")
    found = pd.read_csv(io.StringIO(done.out), keep_default_na=False)
    assert list(found.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_negative_right_ascension_is_accepted_as_it_stands(db: list[str], cli: Run) -> None:
    here, turned = (cli("at", ra, SPEC.dec, *db, "--format", "json") for ra in (SPEC.ra, SPEC.ra - 360))
    assert [each["expnum"] for each in json.loads(here.out)] == [each["expnum"] for each in json.loads(turned.out)]


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_options_may_stand_on_either_side_of_negative_numbers(first: bool, db: list[str], cli: Run) -> None:
    options = [*db, "--band", "r", "--no-reasons", "--format", "csv"]
    position = [str(SPEC.ra - 360), str(SPEC.dec)]
    done = cli("at", *([*options, *position] if first else [*position, *options]))
    assert done.status == 0
    assert list(pd.read_csv(io.StringIO(done.out)).columns) == POSITION


@pytest.mark.parametrize("options", [[], ["--no-reasons"], ["--radius", "0.1"], ["--unique"], ["--border", "9"]])
def test_table_has_a_heading_and_a_line_per_epoch(options: list[str], db: list[str], cli: Run) -> None:
    done = cli("at", SPEC.ra, SPEC.dec, *db, *options)
    assert (done.status, done.err) == (0, "")
    n_rows = len(json.loads(cli("at", SPEC.ra, SPEC.dec, *db, *options, "--format", "json").out))
    assert len(done.out.splitlines()) == n_rows + 1 > 1


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet"])
def test_nothing_found_is_an_empty_table_and_no_failure(format_: str, db: list[str], cli: Run, tmp_path: Path) -> None:
    done = cli("at", "10", "-10", *db, "--format", format_, "-o", tmp_path / "answer")
    assert (done.status, done.lines) == (0, [f"wrote {tmp_path / 'answer'}"])


def test_radius_finds_more(db: list[str], cli: Run) -> None:
    n_lines = [len(cli("at", SPEC.ra, SPEC.dec, *db, *more).out.splitlines()) for more in ([], ["--radius", "0.1"])]
    assert n_lines[0] < n_lines[1] == 7


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["22", "-95"], "dec is -95.0"),
        (["nan", "0"], "ra is nan"),
        (["22", "-32", "--radius", "-1"], "radius is -1.0"),
        (["22", "-32", "--min", "n_goood=1"], "did you mean 'n_good'"),
        (["22", "-32", "--ignore", "COAD_SEG"], "did you mean COADD_SEG"),
        (["22", "-32", "--no-reasons", "--border", "3"], "a selection needs reasons"),
    ],
)
def test_bad_input_exits_2_in_one_line(arguments: list[str], says: str, db: list[str], cli: Run) -> None:
    done = cli("at", *arguments, *db)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert says in done.err


@pytest.mark.parametrize("arguments", [["22"], [], ["north", "0"], ["22", "-32", "--raduis", "1"], ["22", "-32", "1"]])
def test_wrong_usage_exits_2(arguments: list[str], db: list[str], cli: Run) -> None:
    done = cli("at", *arguments, *db)
    assert (done.status, done.out) == (2, "")
    assert "Traceback" not in done.err
