"""Maker of synthetic tiles.

A tile has the file layout, headers and compression of the Dark Energy Survey and real DECam astrometry.
The coadd and all epochs show the same sources, and every single-epoch image has a residual sky of
`RESIDUAL_LEVEL` with a gradient of `RESIDUAL_GRADIENT`, recorded in ``*_sky_truth.json`` beside each info file.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np

from .decam import (
    PIXEL_ARCSEC,
    Cards,
    coadd_wcs_cards,
    decam_solutions,
    pixel_to_sky,
    scamp_head_text,
    shifted,
    sky_to_pixel,
    solution_at,
)
from .defects import SyntheticPlanes, bright_stars, epoch_planes
from .drawing import (
    RESIDUAL_GRADIENT,
    RESIDUAL_LEVEL,
    Sources,
    draw_sources,
    make_sources,
    residual_sky,
)
from .exposure import Exposure, exposure_cards
from .skytruth import write_truth
from .stacking import coadd_planes
from .surveyfiles import CoaddPaths, EpochPaths, ImageExtension, write_info, write_packed, write_plain
from .tilespec import FULL, SMALL, TileSpec

__all__ = [
    "FULL",
    "RESIDUAL_GRADIENT",
    "RESIDUAL_LEVEL",
    "SCAMP_SHIFT",
    "SMALL",
    "TileSpec",
    "make_tile",
]

SCAMP_SHIFT = 0.02
"""Offset between the WCS solutions of the image header and of the SCAMP header, pixels."""

# electrons per ADU, and readout noise in ADU squared
_GAIN, _READ_VARIANCE = 4.0, 4.0
_FIRST_NIGHT = datetime(2016, 10, 1, 2, 10)
_COADD_SIGMA, _COADD_FWHM, _COADD_MAGZP = 2.2, 4.2, 30.0
# detection thresholds in units of the noise; the coadd's is that of DES Y6
_COADD_THRESHOLD, _EPOCH_THRESHOLD = 0.8, 1.5
# fraction of each coadd axis, about the centre, in the tile's unique region
_UNIQUE = 0.9


def make_tile(folder: Path, spec: TileSpec = SMALL) -> list[Path]:
    """Make the files of a synthetic tile.

    Parameters
    ----------
    folder : Path
        The MEDS_DIR; files go to its folder `spec.campaign`, where they replace those of the same name.
    spec : TileSpec
        Specification of the tile. The same `spec` gives the same pixels.

    Returns
    -------
    list of Path
        The info files, one per band. They are written last: if one exists, its tile is complete.
    """
    tile = _Tile.of(Path(folder), spec)
    bands = [_Band(CoaddPaths(spec.campaign, spec.tilename, band), k) for k, band in enumerate(spec.bands)]
    info_paths = [tile.folder / band.files.info for band in bands]
    for path in info_paths:
        path.unlink(missing_ok=True)
    epochs = [[_make_epoch(tile, band, index) for index in range(spec.n_epochs_of(band.files.band))] for band in bands]
    coadds = _make_coadds(tile, bands)
    for band, path, coadd, made in zip(bands, info_paths, coadds, epochs, strict=True):
        write_truth(tile.folder / band.files.truth, [exposure for exposure, _ in made], spec.halo)
        write_info(path, {**coadd, "src_info": [entry for _, entry in made]})
    return info_paths


@dataclass(frozen=True, slots=True)
class _Tile:
    """Data shared by all images of a tile."""

    folder: Path
    spec: TileSpec
    wcs: Cards
    sources: Sources

    @classmethod
    def of(cls, folder: Path, spec: TileSpec) -> Self:
        """Scatter sources over the tile and as far beyond as its CCDs reach."""
        ny, nx = spec.coadd_shape
        wcs = coadd_wcs_cards(spec.ra, spec.dec, spec.coadd_shape)
        # off the centre, but on the first epoch, whose columns run along the coadd's x axis
        bright_x = nx / 2 + min(0.12 * spec.ccd_shape[0], 0.2 * nx)
        bright_y = ny / 2 - min(0.15 * spec.ccd_shape[1], 0.2 * ny)
        margin = math.hypot(*spec.ccd_shape) / 2 + 64
        rng = np.random.default_rng([spec.seed, 0])
        sources = make_sources(rng, wcs, spec.coadd_shape, margin, spec.density, (bright_x, bright_y))
        return cls(folder, spec, wcs, sources)


@dataclass(frozen=True, slots=True)
class _Band:
    """Files and index of one band of a tile."""

    files: CoaddPaths
    number: int


def _make_coadds(tile: _Tile, bands: Sequence[_Band]) -> list[dict[str, Any]]:
    """Make the coadd of each band and return its part of the info file."""
    spec, sources = tile.spec, tile.sources
    x, y = sky_to_pixel(tile.wcs, sources.ra, sources.dec)
    # one image for all bands, since the survey detects on the sum of r, i and z
    truth = draw_sources(
        spec.coadd_shape,
        x,
        y,
        sources,
        magzp=_COADD_MAGZP,
        fwhm=_COADD_FWHM,
        sigma=_COADD_SIGMA,
        threshold=_COADD_THRESHOLD * _COADD_SIGMA,
    )
    entries = []
    for band in bands:
        rng = np.random.default_rng([spec.seed, 2, band.number])
        planes = coadd_planes(truth, bright_stars(x, y, sources), _COADD_SIGMA, spec.ccd_shape, rng)
        facts: Cards = {"TILENAME": spec.tilename, "BAND": band.files.band, "MAGZERO": _COADD_MAGZP}
        write_packed(tile.folder / band.files.image, _image_planes(planes, tile.wcs, facts))
        write_plain(
            tile.folder / band.files.seg, ImageExtension("sci", planes.seg, {**tile.wcs, "TILENAME": spec.tilename})
        )
        pfw_attempt_id = _first_expnum(spec) - 1 - band.number
        entries.append({**band.files.entry(spec.coadd_shape, pfw_attempt_id), **_unique_region(spec)})
    return entries


def _make_epoch(tile: _Tile, band: _Band, index: int) -> tuple[Exposure, dict[str, Any]]:
    """Make the files of one CCD image; return its exposure and its entry in the info file."""
    spec = tile.spec
    rng = np.random.default_rng([spec.seed, 1, band.number, index])
    exposure, wcs = _observe(tile, band, index, rng)
    near = tile.sources.near(*_centre(wcs, spec.ccd_shape), _reach_degrees(spec.ccd_shape))
    x, y = sky_to_pixel(wcs, near.ra, near.dec)
    # DECam's x axis points south and its y axis east, a coadd's x axis west and its y axis north
    truth = draw_sources(
        spec.ccd_shape,
        x,
        y,
        replace(near, angle=math.pi / 2 - near.angle),
        magzp=exposure.magzp,
        fwhm=exposure.fwhm,
        sigma=exposure.sigma,
        threshold=_EPOCH_THRESHOLD * exposure.sigma,
    )
    planes = epoch_planes(truth, bright_stars(x, y, near), exposure, index, rng, spec.halo)
    files = EpochPaths(band.files, exposure)
    facts = exposure_cards(exposure, spec.ccd_shape)
    # both widths occur in the survey
    mask_type = np.int16 if index % 2 == 0 else np.int32
    write_packed(tile.folder / files.image, _image_planes(planes, wcs, facts, mask_type))
    write_packed(tile.folder / files.seg, [ImageExtension("sci", planes.seg, {**wcs, **_identity(facts)})])
    if index % 3 != 2:
        background = np.broadcast_to(residual_sky(spec.ccd_shape), spec.ccd_shape)
        write_packed(tile.folder / files.bkg, [ImageExtension("sci", np.ascontiguousarray(background), wcs)])
    has_head = index % 2 == 0
    if has_head:
        head = scamp_head_text(shifted(wcs, 0.6 * SCAMP_SHIFT, -0.8 * SCAMP_SHIFT))
        head_path = tile.folder / files.head
        head_path.parent.mkdir(parents=True, exist_ok=True)
        head_path.write_text(head)
    return exposure, files.entry(spec.ccd_shape, exposure.expnum, has_head)


def _observe(tile: _Tile, band: _Band, index: int, rng: np.random.Generator) -> tuple[Exposure, Cards]:
    """Choose the time, pointing and observing conditions of an epoch."""
    spec = tile.spec
    ny, nx = spec.coadd_shape
    count = band.number * spec.n_epochs + index
    x, y = rng.uniform(0.1, 0.9) * nx, rng.uniform(0.1, 0.9) * ny
    if index == 0:
        x, y = rng.uniform(0.49, 0.51) * nx, rng.uniform(0.49, 0.51) * ny
    elif index == 1:
        x, y = nx - 0.5, rng.uniform(0.4, 0.6) * ny
    ra, dec = pixel_to_sky(tile.wcs, np.array([x]), np.array([y]))
    solutions = decam_solutions()
    solution = solutions[count % len(solutions)]
    skybrite = rng.uniform(250, 900)
    exposure = Exposure(
        expnum=_first_expnum(spec) + count,
        ccdnum=solution.ccdnum,
        band=band.files.band,
        date_obs=_FIRST_NIGHT + timedelta(days=count, minutes=17 * count % 360),
        magzp=rng.normal(31.6, 0.05),
        fwhm=rng.uniform(3.4, 5.2),
        skybrite=skybrite,
        sigma=math.sqrt(skybrite / _GAIN + _READ_VARIANCE),
        airmass=rng.uniform(1.0, 1.4),
    )
    return exposure, solution_at(solution, float(ra[0]), float(dec[0]), spec.ccd_shape)


def _first_expnum(spec: TileSpec) -> int:
    return 200_000 + 1_000 * spec.seed


def _centre(wcs: Cards, shape: tuple[int, int]) -> tuple[float, float]:
    """Return ra and dec of the centre of an image, degrees."""
    ny, nx = shape
    ra, dec = pixel_to_sky(wcs, np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2]))
    return float(ra[0]), float(dec[0])


def _reach_degrees(shape: tuple[int, int]) -> float:
    """Return the largest distance from an image's centre at which a star's halo touches the image."""
    return (math.hypot(*shape) / 2 + 400) * PIXEL_ARCSEC / 3600


def _image_planes(
    planes: SyntheticPlanes, wcs: Cards, facts: Cards, mask_type: type[np.signedinteger] = np.int32
) -> list[ImageExtension]:
    cards = {**wcs, **_identity(facts)}
    return [
        ImageExtension("sci", planes.image, {**wcs, **facts}),
        ImageExtension("msk", planes.bmask.astype(mask_type, copy=False), cards, "PLIO"),
        ImageExtension("wgt", planes.weight, cards),
    ]


def _identity(facts: Cards) -> Cards:
    """Return the cards that say what image a plane is of, which each of the survey's planes has."""
    return {name: facts[name] for name in ("TILENAME", "EXPNUM", "CCDNUM", "BAND") if name in facts}


def _unique_region(spec: TileSpec) -> dict[str, Any]:
    """Return the limits of the tile's unique region, as in the info file."""
    ny, nx = spec.coadd_shape
    half_dec = _UNIQUE / 2 * ny * PIXEL_ARCSEC / 3600
    half_ra = _UNIQUE / 2 * nx * PIXEL_ARCSEC / 3600 / math.cos(math.radians(spec.dec))
    uramin, uramax = (spec.ra - half_ra) % 360, (spec.ra + half_ra) % 360
    return {
        "crossra0": "Y" if uramin > uramax else "N",
        "udecmax": spec.dec + half_dec,
        "udecmin": spec.dec - half_dec,
        "uramax": uramax,
        "uramin": uramin,
    }
