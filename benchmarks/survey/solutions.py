"""Astrometry of the synthetic survey: one TPV solution per CCD, moved to each pointing."""

import json
from dataclasses import dataclass

import hpgeom
import numpy as np
import numpy.typing as npt

from goodpix.schema.wcs.footprint import CELL_SHIFT, NSIDE, gather_cells

from .sky import CCD_SHAPE, CcdImages, focal_plane

__all__ = ["Places", "footprints", "places", "wcs_texts"]

# from a real DECam header; real CCDs differ, here they share one distortion
_CD = np.array([[-2.160545125025e-07, 7.286193902904e-05], [-7.287198105768e-05, -2.120519481018e-07]])
_PV1 = [-0.0003184481093705, 1.005660958814, -0.0002194637015478, 0.0, 6.814612128827e-05, 8.413997774103e-05]
_PV1 += [0.0002364733797256, -0.004136153645898, -6.321608992878e-05, -0.003764159879872, 0.0003711891605341]
_PV2 = [0.0003730664745391, 1.004588009321, 9.269740197009e-05, 0.0, -0.004806040730349, -0.0007879364399794]
_PV2 += [0.0001479738853319, -0.0107702608502, -0.001501811208999, -0.003813808281193, -0.0002041756312561]
_SIZE = (CCD_SHAPE[1], CCD_SHAPE[0])
# pixels, as in goodpix.schema.wcs.footprint
_MARGIN = 8.0
_ARCSEC = np.degrees(1.0) * 3600

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Places:
    """Sky positions of CCD images.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (5, n)
        The four corners in the order of the catalogue, then the centre; degrees.
    pixel_area : ndarray of float64, shape (n,)
        Solid angle of a pixel at the centre, arcsec^2.
    """

    ra: Floats
    dec: Floats
    pixel_area: Floats


def _crpix() -> dict[int, Floats]:
    """Return CRPIX1 and CRPIX2 of each CCD."""
    ccdnum, plane = focal_plane()
    middle = np.array([(n + 1) / 2 for n in _SIZE])
    found = middle[:, np.newaxis] - np.linalg.solve(_CD, plane)
    return {int(number): found[:, k] for k, number in enumerate(ccdnum)}


_CRPIX = _crpix()
_CRPIX_BY_CCDNUM = np.array([_CRPIX.get(number, np.zeros(2)) for number in range(max(_CRPIX) + 1)])


def wcs_texts(ccdnum: int) -> tuple[str, str]:
    """Return the JSON text of a CCD's solution up to the value of CRVAL1, and from that of CRVAL2 on."""
    pv = {f"PV{axis}_{m}": value for axis, terms in ((1, _PV1), (2, _PV2)) for m, value in enumerate(terms)}
    before = {f"CD{row + 1}_{column + 1}": float(_CD[row, column]) for row in (0, 1) for column in (0, 1)}
    before |= {f"CRPIX{axis + 1}": float(_CRPIX[ccdnum][axis]) for axis in (0, 1)}
    after = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CUNIT1": "deg", "CUNIT2": "deg", "EQUINOX": 2000.0}
    return json.dumps(before)[:-1] + ', "CRVAL1": ', ", " + json.dumps(after | pv | {"RADESYS": "ICRS"})[1:]


def places(images: CcdImages) -> Places:
    """Return the corners, centres and pixel areas of CCD images."""
    nx, ny = _SIZE
    x = np.array([0, nx, nx, 0, nx / 2]) + 0.5
    y = np.array([0, 0, ny, ny, ny / 2]) + 0.5
    vectors = _vectors(images, x, y)
    ra = np.degrees(np.arctan2(vectors[1], vectors[0])) % 360
    dec = np.degrees(np.arctan2(vectors[2], np.hypot(vectors[0], vectors[1])))
    step = np.array([0.5, -0.5, 0, 0])
    steps = _vectors(images, x[4] + step, y[4] + step[::-1])
    area = np.cross(steps[:, 0] - steps[:, 1], steps[:, 2] - steps[:, 3], axis=0)
    return Places(ra, dec, np.sqrt((area**2).sum(axis=0)) * _ARCSEC**2)


def footprints(images: CcdImages) -> list[tuple[Ints, Ints]]:
    """Return the HEALPix pixels that each CCD image touches and their cells, as in the ingest."""
    nx, ny = _SIZE
    x = np.array([-_MARGIN, nx + _MARGIN, nx + _MARGIN, -_MARGIN]) + 0.5
    y = np.array([-_MARGIN, -_MARGIN, ny + _MARGIN, ny + _MARGIN]) + 0.5
    vectors = np.ascontiguousarray(_vectors(images, x, y).T)
    nside = NSIDE << CELL_SHIFT
    return [gather_cells(hpgeom.query_polygon_vec(nside, each, inclusive=True, nest=True)) for each in vectors]


def _vectors(images: CcdImages, fits_x: Floats, fits_y: Floats) -> Floats:
    """Return unit vectors of pixel positions on every image; shape (3, n positions, n images)."""
    crpix = _CRPIX_BY_CCDNUM[images.ccdnum]
    dx, dy = fits_x[:, np.newaxis] - crpix[:, 0], fits_y[:, np.newaxis] - crpix[:, 1]
    u, v = _CD[0, 0] * dx + _CD[0, 1] * dy, _CD[1, 0] * dx + _CD[1, 1] * dy
    xi, eta = np.radians(_distorted(_PV1, u, v)), np.radians(_distorted(_PV2, v, u))
    ra, dec = np.radians(images.crval_ra), np.radians(images.crval_dec)
    sin_ra, cos_ra, sin_dec, cos_dec = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
    out = np.array(
        [
            -sin_ra * xi - sin_dec * cos_ra * eta + cos_dec * cos_ra,
            cos_ra * xi - sin_dec * sin_ra * eta + cos_dec * sin_ra,
            cos_dec * eta + sin_dec,
        ]
    )
    out /= np.sqrt((out**2).sum(axis=0))
    return out


def _distorted(pv: list[float], own: Floats, other: Floats) -> Floats:
    """Evaluate a cubic TPV polynomial of the own and the other coordinate."""
    linear = pv[0] + pv[1] * own + pv[2] * other
    square = pv[4] * own**2 + pv[5] * own * other + pv[6] * other**2
    return linear + square + pv[7] * own**3 + pv[8] * own**2 * other + pv[9] * own * other**2 + pv[10] * other**3
