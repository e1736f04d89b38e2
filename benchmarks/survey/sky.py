"""Geometry of the synthetic survey: tiles, CCD images and epochs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["BANDS", "CCD_SHAPE", "CcdImages", "Pairs", "Tiles", "ccd_images", "pair_up", "tile_grid"]

BANDS = ("g", "r", "i", "z", "Y")

CCD_SHAPE = (4096, 2048)
"""Rows and columns of a CCD."""

_SPACING, _SIZE = 0.71, 0.7306
"""Separation of tile centres and width of a tile, degrees; adjacent tiles overlap."""

_DEC = -30.0
_ROWS_OF_CCDS = (3, 4, 5, 6, 6, 7, 7, 6, 6, 5, 4, 3)
_DEAD = 61
_CCD_STEP = (0.31, 0.1643)
_CCD_HALF = (0.1496, 0.0748)
"""Separation of CCD centres and half-size of a CCD, degrees, along right ascension and declination."""

# separation of pointings, degrees; ten passes over the survey give a tile about 160 CCD images in each band
_POINTING_STEP = (1.9, 1.81)
_N_PASSES = 10
_REACH = 1.4

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tiles:
    """Tiles in rows of equal declination, centred on RA = 0; arrays of shape (n,).

    Parameters
    ----------
    names : list of str
        Names such as ``DES0001-3005``.
    ra, dec : ndarray of float64
        Centres, degrees; right ascension from -180 to 180.
    n_per_row : int
        Number of tiles in a row.
    """

    names: list[str]
    ra: Floats
    dec: Floats
    n_per_row: int

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class CcdImages:
    """CCD images; arrays of shape (n,).

    Parameters
    ----------
    band : ndarray of int64
        Index into `BANDS`.
    exposure : ndarray of int64
        Index of the exposure, in order of time.
    ccdnum : ndarray of int64
        CCD number.
    crval_ra, crval_dec : ndarray of float64
        Pointing of the telescope, degrees.
    ra, dec : ndarray of float64
        Approximate centres, degrees; right ascension from -180 to 180.
    """

    band: Ints
    exposure: Ints
    ccdnum: Ints
    crval_ra: Floats
    crval_dec: Floats
    ra: Floats
    dec: Floats

    def __len__(self) -> int:
        return self.band.size

    def of(self, which: Ints) -> "CcdImages":
        """Return the images at some indices."""
        return CcdImages(
            self.band[which],
            self.exposure[which],
            self.ccdnum[which],
            self.crval_ra[which],
            self.crval_dec[which],
            self.ra[which],
            self.dec[which],
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Epochs: pairs of tile and CCD image; arrays of shape (n,), ordered by tile, band, exposure and CCD.

    Parameters
    ----------
    tile, image : ndarray of int64
        Indices of the tile and of the CCD image.
    on_coadd, unique : ndarray of float64
        Fraction of the CCD image on the tile's coadd, and in its unique region.
    """

    tile: Ints
    image: Ints
    on_coadd: Floats
    unique: Floats


def tile_grid(n: int) -> Tiles:
    """Return `n` tiles in a roughly square grid."""
    n_rows = max(1, round(n**0.5))
    n_per_row = -(-n // n_rows)
    row, column = np.divmod(np.arange(n), n_per_row)
    dec = _DEC + (row - (n_rows - 1) / 2) * _SPACING
    ra = (column - (n_per_row - 1) / 2) * _SPACING / np.cos(np.radians(dec))
    return Tiles([_tilename(a, d) for a, d in zip(ra.tolist(), dec.tolist(), strict=True)], ra, dec, n_per_row)


def _tilename(ra: float, dec: float) -> str:
    minutes, arcmin = int(ra % 360 * 4), int(abs(dec) * 60)
    return f"DES{minutes // 60:02d}{minutes % 60:02d}{'-' if dec < 0 else '+'}{arcmin // 60:02d}{arcmin % 60:02d}"


def focal_plane() -> tuple[Ints, Floats]:
    """Return the CCD numbers, shape (n,), and CCD centres on the tangent plane, degrees, shape (2, n)."""
    u, v = [], []
    for row, n in enumerate(_ROWS_OF_CCDS):
        u += [(k - (n - 1) / 2) * _CCD_STEP[0] for k in range(n)]
        v += [(row - (len(_ROWS_OF_CCDS) - 1) / 2) * _CCD_STEP[1]] * n
    alive = np.arange(1, len(u) + 1) != _DEAD
    return np.arange(1, len(u) + 1)[alive], np.array([u, v])[:, alive]


def ccd_images(tiles: Tiles, rng: np.random.Generator) -> CcdImages:
    """Return the CCD images of exposures that cover the whole survey, in order of time."""
    points = [_pointings(tiles, rng) for _ in range(_N_PASSES * len(BANDS))]
    number = np.repeat(np.arange(len(points)), [each.shape[1] for each in points])
    # a season is two passes in all bands
    season = number // (2 * len(BANDS))
    order = np.lexsort((rng.random(number.size), season))
    ra, dec = np.concatenate(points, axis=1)[:, order]
    ccdnum, (u, v) = focal_plane()
    n = ccdnum.size
    exposure = np.arange(order.size)
    centre_dec = np.repeat(dec, n) + np.tile(v, dec.size)
    centre_ra = np.repeat(ra, n) + np.tile(u, ra.size) / np.cos(np.radians(centre_dec))
    return CcdImages(
        np.repeat(number[order] % len(BANDS), n),
        np.repeat(exposure, n),
        np.tile(ccdnum, ra.size),
        np.repeat(ra % 360, n),
        np.repeat(dec, n),
        centre_ra,
        centre_dec,
    )


def _pointings(tiles: Tiles, rng: np.random.Generator) -> Floats:
    """Return the pointings of one pass over the survey, degrees; shape (2, n)."""
    dec = np.arange(tiles.dec.min() - _REACH, tiles.dec.max() + _REACH + _POINTING_STEP[1], _POINTING_STEP[1])
    out = []
    for each in dec + (rng.random() - 0.5) * _POINTING_STEP[1]:
        # all rows of tiles have the same length on the sphere, so those nearer the pole span more right ascension
        row = int(np.argmin(np.abs(tiles.dec - each))) // tiles.n_per_row
        of_row = tiles.ra[row * tiles.n_per_row : (row + 1) * tiles.n_per_row]
        cos_dec = np.cos(np.radians(each))
        step, reach = _POINTING_STEP[0] / cos_dec, 1.3 * _REACH / cos_dec
        ra = np.arange(of_row.min() - reach, of_row.max() + reach + step, step) + (rng.random() - 0.5) * step
        out.append(np.array([ra, np.full(ra.size, each)]))
    return np.concatenate(out, axis=1)


def pair_up(tiles: Tiles, images: CcdImages) -> Pairs:
    """Match CCD images to the tiles that they overlap."""
    found = []
    row = _first(images.dec - tiles.dec[0], _CCD_HALF[1])
    n_rows = -(-len(tiles) // tiles.n_per_row)
    for k in (0, 1):
        inside = np.flatnonzero((row + k >= 0) & (row + k < n_rows))
        first = (row[inside] + k) * tiles.n_per_row
        cos_dec = np.cos(np.radians(tiles.dec[first]))
        column = _first((images.ra[inside] - tiles.ra[first]) * cos_dec, _CCD_HALF[0])
        for m in (0, 1):
            tile = first + column + m
            held = (column + m >= 0) & (column + m < tiles.n_per_row) & (tile < len(tiles))
            tile, image = tile[held], inside[held]
            x = (images.ra[image] - tiles.ra[tile]) * np.cos(np.radians(tiles.dec[tile]))
            y = images.dec[image] - tiles.dec[tile]
            on_coadd, unique = (
                _overlap(x, _CCD_HALF[0], side / 2) * _overlap(y, _CCD_HALF[1], side / 2) for side in (_SIZE, _SPACING)
            )
            touches = on_coadd > 0
            found.append(np.array([tile, image, on_coadd, unique])[:, touches])
    tile, image, on_coadd, unique = np.concatenate(found, axis=1)
    whole = image.astype(np.int64)
    order = np.lexsort((images.ccdnum[whole], images.exposure[whole], images.band[whole], tile))
    return Pairs(tile[order].astype(np.int64), whole[order], on_coadd[order], unique[order])


def _first(distance: Floats, half: float) -> Ints:
    """Return the index of the first of equally spaced tiles that an image of half-size `half` can touch."""
    return np.ceil((distance - half - _SIZE / 2) / _SPACING).astype(np.int64)


def _overlap(distance: Floats, half: float, half_other: float) -> Floats:
    """Return the fraction of an interval about `distance` that lies in one about 0."""
    ends = np.minimum(distance + half, half_other) - np.maximum(distance - half, -half_other)
    return np.clip(ends / (2 * half), 0, 1)
