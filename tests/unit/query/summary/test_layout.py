"""Places of CCDs on the sky, against astropy."""

import math
from collections.abc import Iterator
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

import goodpix
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.summary.ccdhalves import ccd_halves
from goodpix.query.summary.layout import focal_plane

from ....noirlabfiles import CpExposure

NAME = "k4m_160319_075112_ooi_zd_v1"
CENTRES = {"equator": (150.0, 2.0), "RA 0": (359.999, -30.0), "pole": (10.0, 89.99)}
CCDS = {"CCD1": 1, "CCD2": 2, "CCD3": 3}


def catalogue_of(folder: Path, *exposures: CpExposure) -> goodpix.Catalogue:
    paths = [each.write(folder / "files", NAME.replace("075112", f"07511{k}")) for k, each in enumerate(exposures)]
    database = folder / "cp.db"
    done = goodpix.ingest_tiles(
        paths, db=database, masks=folder / "masks", profile="noirlab-cp", no_segment=True, workers=1
    )
    assert done.failures == ()
    return goodpix.Catalogue(database)


@pytest.fixture(params=CENTRES)
def mosaic(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[goodpix.Catalogue, tuple[float, float]]]:
    ra, dec = CENTRES[request.param]
    whole = CpExposure("mosaic3", {"WCSCAL": "Successful"}, {"CRVAL1": ra, "CRVAL2": dec}, CCDS)
    # fewer CCDs, elsewhere; and as many, but where the pipeline found no WCS
    part = CpExposure("mosaic3", {"EXPNUM": 1, "WCSCAL": "Successful"}, {"CRVAL1": 30.0}, {"CCD1": 1})
    failed = CpExposure("mosaic3", {"EXPNUM": 2, "WCSCAL": "Failed"}, {"CRVAL1": 40.0}, CCDS)
    with catalogue_of(tmp_path, whole, part, failed) as cat:
        yield cat, (ra, dec)


def test_unknown_camera_lies_as_the_wcs_of_its_largest_exposure_says(
    mosaic: tuple[goodpix.Catalogue, tuple[float, float]],
) -> None:
    cat, (ra, dec) = mosaic
    plane = focal_plane(cat)
    assert list(plane) == [1, 2, 3]
    step = 0.263 / 3600
    corners = {}
    for number in range(3):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [ra, dec]
        wcs.wcs.crpix, wcs.wcs.cd = [40.5 - 90 * number, 30.5], [[-step, 0], [0, step]]
        # shape 60 x 80; outer corners of the corner pixels
        x, y = np.array([-0.5, 79.5, 79.5, -0.5]), np.array([-0.5, -0.5, 59.5, 59.5])
        corners[number + 1] = SkyCoord(*wcs.wcs_pix2world(x, y, 0), unit="deg")
    every = np.concatenate([each.cartesian.xyz.value.T for each in corners.values()])
    centre = SkyCoord(*every.mean(axis=0), representation_type="cartesian")
    origin = SkyCoord(centre.spherical.lon, centre.spherical.lat)
    for ccdnum, expected in corners.items():
        offset = expected.transform_to(origin.skyoffset_frame())
        east = np.degrees(np.tan(offset.lon.rad))
        north = np.degrees(np.tan(offset.lat.rad) / np.cos(offset.lon.rad))
        np.testing.assert_allclose(plane[ccdnum].corners(), np.transpose([east, north]), atol=1e-9)
        assert (plane[ccdnum].halves, plane[ccdnum].detpos) == (("",), "")
        assert plane[ccdnum].east == pytest.approx(east.mean(), abs=1e-9)
        assert plane[ccdnum].north == pytest.approx(north.mean(), abs=1e-9)
    assert centre.separation(origin) < 1 * u.arcsec


def test_ccds_of_an_unknown_camera_are_not_halved(mosaic: tuple[goodpix.Catalogue, tuple[float, float]]) -> None:
    cat, _ = mosaic
    found = ccd_halves(cat)
    assert list(zip(found.ccdnum, found.half, found.n_ccd_images, strict=True)) == [(1, "", 3), (2, "", 2), (3, "", 2)]
    ccds = cat.ccds()
    of_ccd = ccds.groupby("ccdnum")[["n_good_se", "n_pixels"]].sum()
    assert found.value.tolist() == pytest.approx((of_ccd.n_good_se / of_ccd.n_pixels).tolist())


def test_ccds_of_decam_lie_in_its_focal_plane(tmp_path: Path) -> None:
    ccds = {"N15": 46, "S4": 28}
    alike = CpExposure(header={"DETPOS": FOCAL_PLANE[46].detpos}, ccds={FOCAL_PLANE[46].detpos: 46})
    with catalogue_of(tmp_path / "decam", alike) as cat:
        assert focal_plane(cat) is FOCAL_PLANE
        assert math.isnan(ccd_halves(cat).value[0])
    with catalogue_of(tmp_path / "unnamed", CpExposure(ccds=ccds, primary={"WCSCAL": "Successful"})) as cat:
        assert list(focal_plane(cat)) == [28, 46]


def test_catalogue_without_images_has_no_ccds(tmp_path: Path) -> None:
    failed = CpExposure("mosaic3", {"WCSCAL": "Failed"})
    with catalogue_of(tmp_path, failed) as cat:
        assert dict(focal_plane(cat)) == {}
        assert ccd_halves(cat).empty
