"""CCD images in the columns of ObsCore."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC

from goodpix.schema.sql.obscore import OBSCORE_DOCS
from goodpix.schema.views import VIEWS
from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

from ....rows import PIXEL_AREA
from ..conftest import SHAPE, Catalogue

Vectors = npt.NDArray[np.float64]

NY, NX = 64, 32
SCALE = 0.263 / 3600
PLACES = [(150.0, -32.0), (0.0, 0.0), (0.0005, 41.0), (359.9995, -60.0), (77.0, 89.99), (200.0, -89.9995), (10.0, 90.0)]
"""Far from everything, across RA = 0, and beside and about the poles."""

STANDARD = """
dataproduct_type calib_level obs_collection obs_id obs_publisher_did access_url access_format access_estsize target_name
s_ra s_dec s_fov s_region s_resolution s_xel1 s_xel2 t_min t_max t_exptime t_resolution t_xel
em_min em_max em_res_power em_xel o_ucd pol_states pol_xel facility_name instrument_name
"""
"""The mandatory columns, in the order of table 4 of the standard."""

AXES: dict[str, list[list[float]]] = {
    "as coadds": [[-1, 0], [0, 1]],
    "as DECam": [[0, 1], [-1, 0]],
    "turned by 30 degrees": [[-math.cos(0.52), math.sin(0.52)], [math.sin(0.52), math.cos(0.52)]],
    "turned and mirrored": [[math.cos(0.52), math.sin(0.52)], [-math.sin(0.52), math.cos(0.52)]],
}


def image(place: tuple[float, float], axes: str) -> PixelGrid:
    """Return the pixels of an image about a place."""
    names = (("CD1_1", "CD1_2"), ("CD2_1", "CD2_2"))
    cd = {name: SCALE * AXES[axes][k][n] for k, row in enumerate(names) for n, name in enumerate(row)}
    header: dict[str, Any] = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": place[0], "CRVAL2": place[1]}
    wcs = Wcs.from_header(header | {"CRPIX1": NX / 2 + 0.5, "CRPIX2": NY / 2 + 0.5, **cd}, "a header")
    return PixelGrid(wcs, (NY, NX), 1.0)


def facts_of(grid: PixelGrid) -> dict[str, Any]:
    found = footprint(grid)
    corners = enumerate(zip(found.ra, found.dec, strict=True), start=1)
    columns = {
        f"{name}{k}": value for k, corner in corners for name, value in zip(("rac", "decc"), corner, strict=True)
    }
    return columns | {"ra_cent": found.ra_cent, "dec_cent": found.dec_cent}


def vectors(ra: Vectors, dec: Vectors) -> Vectors:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def inside(region: str, ra: Vectors, dec: Vectors) -> npt.NDArray[np.bool_]:
    """Return which positions lie to the left of every side of a polygon, seen from within with east to the left."""
    shape, frame, *numbers = region.split()
    assert (shape, frame, len(numbers)) == ("POLYGON", "ICRS", 8)
    corners = vectors(*np.array(numbers, float).reshape(4, 2).T)
    sides = np.cross(corners, np.roll(corners, -1, axis=0))
    # seen from without, that is to the right
    return np.asarray((vectors(ra, dec) @ sides.T < 0).all(axis=-1))


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_region_holds_the_pixels_of_the_image_and_no_others(
    catalogue: Catalogue, place: tuple[float, float], axes: str
) -> None:
    grid = image(place, axes)
    catalogue.coadd()
    catalogue.epoch(7, **facts_of(grid))
    region = catalogue.row("obscore")["s_region"]
    x, y = (each.ravel().astype(float) for each in np.meshgrid(np.arange(-1, NX + 1), np.arange(-1, NY + 1)))
    own = (x >= 0) & (x < NX) & (y >= 0) & (y < NY)
    assert inside(region, *grid.sky(x, y)).tolist() == own.tolist()


@pytest.mark.parametrize("place", [(0.0, 0.0), (150.0, -32.0)], ids=str)
@pytest.mark.parametrize("axes", AXES)
def test_region_is_the_image_to_mocpy(catalogue: Catalogue, place: tuple[float, float], axes: str) -> None:
    grid = image(place, axes)
    catalogue.coadd()
    catalogue.epoch(7, **facts_of(grid))
    moc = MOC.from_stcs(catalogue.row("obscore")["s_region"], max_depth=21)
    x, y = (each.ravel().astype(float) for each in np.meshgrid(np.arange(NX), np.arange(NY)))
    ra, dec = grid.sky(x, y)
    assert moc.contains_lonlat(Longitude(ra, "deg"), Latitude(dec, "deg")).all()
    area = NX * NY * SCALE**2
    assert moc.sky_fraction * 4 * math.pi * math.degrees(1) ** 2 == pytest.approx(area, rel=0.05)


def test_columns_are_those_of_the_standard_in_its_order(catalogue: Catalogue) -> None:
    standard = STANDARD.split()
    assert list(OBSCORE_DOCS) == standard
    assert [each.name for each in VIEWS["obscore"].columns] == [*standard, "band", "expnum", "ccdnum"]
    catalogue.coadd()
    catalogue.epoch(7)
    assert list(catalogue.row("obscore")) == [*standard, "band", "expnum", "ccdnum"]


def test_numbers_are_those_of_the_image(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(7, expnum=5, ccdnum=6, mjd_obs=57000.25, exptime=90.0, fwhm=4.0, bunit="electrons")
    row = catalogue.row("obscore")
    scale = PIXEL_AREA**0.5
    numbers = {
        "s_fov": math.hypot(*SHAPE) * scale / 3600,
        "s_resolution": 4 * scale,
        "t_max": 57000.25 + 90 / 86400,
        "em_min": 7.1e-7,
        "em_max": 8.57e-7,
    }
    assert {name: row[name] for name in numbers} == pytest.approx(numbers, rel=1e-12)
    others = {"s_xel1": SHAPE[1], "s_xel2": SHAPE[0], "t_min": 57000.25, "t_exptime": 90.0, "t_resolution": 90.0}
    words = {"obs_id": "5", "o_ucd": "phot.count", "facility_name": "CTIO 4.0-m telescope", "instrument_name": "DECam"}
    fixed = {"dataproduct_type": "image", "calib_level": 2, "t_xel": 1, "em_xel": 1, "pol_xel": 0}
    expected = others | words | fixed
    assert {name: row[name] for name in expected} == expected


def test_unknown_is_null(catalogue: Catalogue) -> None:
    catalogue.coadd()
    catalogue.epoch(7, profile="files", mjd_obs=None, fwhm=None, bunit="furlongs", wcs_ok=False)
    row = catalogue.row("obscore")
    known = {name for name in OBSCORE_DOCS if row[name] is not None}
    times = {"t_exptime", "t_resolution", "t_xel"}
    assert known == {"dataproduct_type", "obs_id", "access_format", "s_xel1", "s_xel2", "em_xel", "pol_xel", *times}


@pytest.mark.parametrize(("profile", "level", "camera"), [(None, 2, "DECam"), ("des", 2, "DECam"), ("lsst", 2, None)])
def test_camera_and_filter_are_those_of_profiles_with_one_camera(
    catalogue: Catalogue, profile: str | None, level: int, camera: str | None
) -> None:
    catalogue.coadd()
    catalogue.epoch(7, profile=profile)
    row = catalogue.row("obscore")
    assert (row["calib_level"], row["instrument_name"], row["em_min"] is None) == (level, camera, camera is None)


def test_image_in_two_tiles_is_one_row(catalogue: Catalogue) -> None:
    for tilename in ("DES0124-3332", "DES0124-3249"):
        catalogue.coadd(tilename)
        for ccdnum in (11, 12):
            catalogue.epoch(7, tilename=tilename, ccdnum=ccdnum)
    assert sorted(row["ccdnum"] for row in catalogue.rows("obscore")) == [11, 12]
