"""Maker of synthetic exposures of a whole camera, night after night."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ...schema.bits import DES_Y6
from ...schema.errors import UsageError
from .cpexposure import write_cp_exposure
from .decam import CCD_SHAPE, PIXEL_ARCSEC, Cards, coadd_wcs_cards, decam_solutions, sky_to_pixel, solution_at
from .defects import SyntheticPlanes, bright_stars, epoch_planes
from .drawing import Floats, Sources, draw_sources, make_sources
from .exposure import Exposure, amplifiers, exposure_cards
from .surveyfiles import ImageExtension, write_packed

__all__ = ["CameraSpec", "Worsening", "make_cp_exposures", "make_exposures"]

_FIRST_EVENING = datetime(2016, 10, 2, 1, 10)
_MAGZP, _FWHM, _SKY, _SIGMA, _THRESHOLD = 30.2, 4.1, 424.0, 9.0, 1.5
_STREAKS = 0.05  # fraction of CCD images that a satellite crosses

# indices of `epoch_planes`: without streak, edge bleed and dead amplifier; with a streak alone
_CLEAN, _CROSSED = 2, 6

# first CCD of each row of the focal plane from S to N, and the one beyond the last; steps in pixels of whole CCDs
_ROWS = (1, 4, 8, 13, 19, 25, 32, 39, 45, 51, 56, 60, 63)
_ROW_STEP, _CCD_STEP = 2254.4, 4259.3


@dataclass(frozen=True, slots=True)
class Worsening:
    """Amplifier that gets worse.

    Parameters
    ----------
    ccdnum : int
        CCD number.
    amplifier : str
        ``"A"`` or ``"B"``.
    night : int
        Index of the first night on which it is worse.
    share : float
        Fraction of its columns that are bad pixels, ``BPM``, from then on.
    """

    ccdnum: int
    amplifier: str
    night: int
    share: float = 0.12


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """Specification of exposures of a DECam whose CCDs are small and lie as close together as they are smaller.

    Parameters
    ----------
    ccdnums : tuple of int
        CCDs, 1 to 62.
    ccd_shape : tuple of int
        Rows and columns of a CCD.
    pointings : tuple of (ra, dec)
        Centres of the exposures of each night, in order, degrees. One may be repeated.
    n_nights : int
        Number of nights, one after the other.
    bands : tuple of str
        Bands, one per exposure, in turn: the turn runs on from one night to the next. For k bands of each pointing on
        every night, repeat each pointing k times in `pointings`.
    exptime : float
        Exposure time, s.
    density : float
        Sources per square arcmin.
    seed : int
        Random seed.
    dead : tuple of (ccdnum, amplifier)
        Amplifiers that give no data on any night.
    crowded_night : int, optional
        Index of a night on which satellites cross all CCD images.
    worsening : Worsening, optional
        Amplifier that gets worse.

    Raises
    ------
    UsageError
        If there is no CCD, pointing, night or band, or a CCD number is none of DECam's.
    """

    ccdnums: tuple[int, ...] = tuple(range(1, 63))
    ccd_shape: tuple[int, int] = (256, 128)
    pointings: tuple[tuple[float, float], ...] = ((22.8785, -32.1003),)
    n_nights: int = 1
    bands: tuple[str, ...] = ("r",)
    exptime: float = 90.0
    density: float = 7.0
    seed: int = 1
    dead: tuple[tuple[int, str], ...] = ()
    crowded_night: int | None = None
    worsening: Worsening | None = None

    def __post_init__(self) -> None:
        if not (self.ccdnums and self.pointings and self.bands and self.n_nights > 0):
            raise UsageError(f"expected at least one CCD, pointing, band and night, got {self}")
        if wrong := sorted(set(self.ccdnums) - set(range(_ROWS[0], _ROWS[-1]))):
            raise UsageError(f"CCD {wrong[0]}: expected numbers from {_ROWS[0]} to {_ROWS[-1] - 1}")

    @property
    def nites(self) -> tuple[int, ...]:
        """The nights as YYYYMMDD."""
        return tuple(self.exposure(night, 0, self.ccdnums[0]).nite for night in range(self.n_nights))

    def exposure(self, night: int, index: int, ccdnum: int) -> Exposure:
        """Return the observing conditions of a CCD in the exposure of some index of a night."""
        number = night * len(self.pointings) + index
        rng = np.random.default_rng([self.seed, 3, number])
        return Exposure(
            expnum=300_000 + 10_000 * self.seed + number,
            ccdnum=ccdnum,
            band=self.bands[number % len(self.bands)],
            date_obs=_FIRST_EVENING + timedelta(days=night, minutes=3 * index),
            magzp=_MAGZP,
            fwhm=_FWHM,
            skybrite=_SKY,
            sigma=_SIGMA * rng.uniform(0.9, 1.1),
            airmass=rng.uniform(1.0, 1.4),
        )


def make_exposures(folder: Path, spec: CameraSpec) -> list[Path]:
    """Make exposures with mask bits and headers of the Dark Energy Survey, and return the files of their images.

    Files are ``D<expnum>_<band>_sci.fits.fz``, sky-subtracted, and ``_wgt``, ``_msk`` and ``_seg`` beside it, with an
    extension ``CCD<ccdnum>`` for each CCD. The profile ``files`` reads them, with a description in YAML;
    ``goodpix describe FOLDER`` drafts one.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    spec : CameraSpec
        Specification of the exposures. The same `spec` gives the same files.
    """
    paths = []
    for taken in _observe(spec):
        planes = {kind: list[ImageExtension]() for kind in ("wgt", "msk", "seg", "sci")}
        exposure = taken[0][1]
        for ccd, of_ccd, wcs in taken:
            extname = f"CCD{of_ccd.ccdnum}"
            facts = {**exposure_cards(of_ccd, spec.ccd_shape), "EXPTIME": spec.exptime, "MAGZERO": of_ccd.magzp}
            key = {each: facts[each] for each in ("EXPNUM", "CCDNUM", "BAND")}
            planes["sci"].append(ImageExtension(extname, ccd.image, {**wcs, **facts}))
            planes["wgt"].append(ImageExtension(extname, ccd.weight, key))
            planes["msk"].append(ImageExtension(extname, ccd.bmask, key, "PLIO"))
            planes["seg"].append(ImageExtension(extname, ccd.seg, key))
        name = f"D{exposure.expnum:08d}_{exposure.band}_{{}}.fits.fz"
        for kind, extensions in planes.items():  # the images last: without them there is no exposure
            write_packed(folder / name.format(kind), extensions)
        paths.append(folder / name.format("sci"))
    return paths


def make_cp_exposures(folder: Path, spec: CameraSpec) -> list[Path]:
    """Make exposures as the NOIRLab Community Pipeline writes them, and return the files of their images.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    spec : CameraSpec
        Specification of the exposures. The same `spec` gives the same files.
    """
    return [
        write_cp_exposure(
            folder, [(planes, exposure, {**wcs, "EXPTIME": spec.exptime}) for planes, exposure, wcs in ccds]
        )
        for ccds in _observe(spec)
    ]


@dataclass(frozen=True, slots=True)
class _View:
    """CCD of a pointing: its WCS, and the sources that it sees at their zero-based x and y."""

    ccdnum: int
    wcs: Cards
    sources: Sources
    x: Floats
    y: Floats


def _observe(spec: CameraSpec) -> Iterator[list[tuple[SyntheticPlanes, Exposure, Cards]]]:
    """Yield the CCD images of each exposure."""
    sources = _scatter(spec)
    views = [[_view(spec, sources, pointing, ccdnum) for ccdnum in spec.ccdnums] for pointing in spec.pointings]
    for night in range(spec.n_nights):
        for index, of_pointing in enumerate(views):
            yield [_ccd_image(spec, view, night, index) for view in of_pointing]


def _scatter(spec: CameraSpec) -> Sources:
    """Scatter sources over all that the camera sees."""
    ra, dec = np.array(spec.pointings).T
    middle = float(ra.mean()), float(dec.mean())
    reach = math.hypot(*(3.6 * n for n in spec.ccd_shape))
    width = np.ptp(ra) * math.cos(math.radians(middle[1])) * 3600 / PIXEL_ARCSEC + 2 * reach
    height = np.ptp(dec) * 3600 / PIXEL_ARCSEC + 2 * reach
    shape = int(height), int(width)
    cards = coadd_wcs_cards(*middle, shape)
    return make_sources(np.random.default_rng([spec.seed, 0]), cards, shape, 0, spec.density, (width / 2, height / 2))


def _offset(ccdnum: int, shape: tuple[int, int]) -> tuple[float, float]:
    """Return the centre of a CCD east and north of the pointing, degrees; +x is south and +y is east."""
    row = next(k for k, first in enumerate(_ROWS[1:]) if ccdnum < first)
    first, stop = _ROWS[row : row + 2]
    x = (row - 5.5) * _ROW_STEP * shape[1] / CCD_SHAPE[1]
    y = (ccdnum - (first + stop - 1) / 2) * _CCD_STEP * shape[0] / CCD_SHAPE[0]
    return y * PIXEL_ARCSEC / 3600, -x * PIXEL_ARCSEC / 3600


def _view(spec: CameraSpec, sources: Sources, pointing: tuple[float, float], ccdnum: int) -> _View:
    east, north = _offset(ccdnum, spec.ccd_shape)
    solutions = decam_solutions()
    ra, dec = pointing[0] + east / math.cos(math.radians(pointing[1] + north)), pointing[1] + north
    wcs = solution_at(solutions[ccdnum % len(solutions)], ra, dec, spec.ccd_shape)
    near = sources.near(ra, dec, (math.hypot(*spec.ccd_shape) / 2 + 100) * PIXEL_ARCSEC / 3600)
    return _View(ccdnum, wcs, near, *sky_to_pixel(wcs, near.ra, near.dec))


def _ccd_image(spec: CameraSpec, view: _View, night: int, index: int) -> tuple[SyntheticPlanes, Exposure, Cards]:
    """Return the planes of a CCD, with its defects, its observing conditions and its WCS."""
    exposure, shape, ccdnum = spec.exposure(night, index, view.ccdnum), spec.ccd_shape, view.ccdnum
    rng = np.random.default_rng([spec.seed, 1, night, index, ccdnum])
    truth = draw_sources(
        shape,
        view.x,
        view.y,
        view.sources,
        magzp=exposure.magzp,
        fwhm=exposure.fwhm,
        sigma=exposure.sigma,
        threshold=_THRESHOLD * exposure.sigma,
    )
    crossed = night == spec.crowded_night or rng.random() < _STREAKS
    stars = bright_stars(view.x, view.y, view.sources)
    planes = epoch_planes(truth, stars, exposure, _CROSSED if crossed else _CLEAN, rng)
    for number, amplifier in spec.dead:
        if number == ccdnum:
            columns = amplifiers(ccdnum, shape[1])["AB".index(amplifier)]
            planes.bmask[:, columns] |= DES_Y6.se["BADAMP"]
            planes.weight[:, columns] = 0
            planes.image[:, columns] = 0
    worse = spec.worsening
    if worse is not None and worse.ccdnum == ccdnum and night >= worse.night:
        _paint_bad_columns(planes, worse, spec.seed)
    return planes, exposure, view.wcs


def _paint_bad_columns(planes: SyntheticPlanes, worse: Worsening, seed: int) -> None:
    """Add the columns that are bad on every night from the first one on."""
    nx = planes.image.shape[1]
    half = amplifiers(worse.ccdnum, nx)["AB".index(worse.amplifier)]
    columns = np.random.default_rng([seed, 4]).permutation(np.arange(half.start, half.stop))
    columns = columns[: round(worse.share * columns.size)]
    planes.image[:, columns] += 60
    planes.bmask[:, columns] |= DES_Y6.se["BPM"]
