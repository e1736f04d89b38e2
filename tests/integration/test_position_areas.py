"""Epochs that overlap discs and polygons on the sky."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix.schema.wcs.solution import unit_vectors

from .smallsky import HERE, REASONS, SCALE, SHAPE, SmallSky, around, keys
from .survey import records

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def cat(sky: SmallSky) -> Iterator[goodpix.Catalogue]:
    with sky.catalogue() as catalogue:
        yield catalogue


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
