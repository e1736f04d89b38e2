"""Coadd rows of the synthetic survey."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from goodpix.schema import tables

from .arrowtables import arrow_table, digest, joined
from .sky import BANDS
from .synthetic import N_RUNS, Survey, noise

__all__ = ["coadds"]

_COADD_SIZE = 10_000
_COADD_PIXEL_AREA = 0.263**2

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def coadds(survey: Survey, mask_files: Mapping[int, str]) -> pa.Table:
    """Return the rows of the table coadd; `mask_files` are those that exist, by index of tile and band."""
    n = len(survey.tiles) * len(BANDS)
    tile, band = np.divmod(np.arange(n), len(BANDS))
    ra, dec = survey.tiles.ra[tile] % 360, survey.tiles.dec[tile]
    hidden = 0.15 + 0.1 * noise(np.arange(n), 3)
    good = ((1 - hidden) * _COADD_SIZE**2).astype(np.int64)
    names, bands = pa.array(survey.tiles.names).take(pa.array(tile)), pa.array(BANDS).take(pa.array(band))
    files = joined(bands, "/", names, "_", bands, "_g1_0123456789ab.parquet").to_pylist()
    path = joined("$MEDS_DIR/des-pizza-slices-y6-v8/", names, "/sources-", bands, "/", names, "_r4575p01.fits.fz")
    return arrow_table(
        tables.coadd,
        {
            "coadd_id": np.arange(n) + 1,
            "tilename": names,
            "band": bands,
            "nx": _COADD_SIZE,
            "ny": _COADD_SIZE,
            **dict.fromkeys(("n_pixels", "n_on_coadd"), _COADD_SIZE**2),
            **dict.fromkeys(("n_good", "n_good_coadd"), good),
            **dict.fromkeys(("n_unique",), _COADD_SIZE**2 * 9 // 10),
            **dict.fromkeys(("n_coadd_seg", "only_coadd_seg"), (hidden * 0.9 * _COADD_SIZE**2).astype(np.int64)),
            **dict.fromkeys(("n_coadd_weight", "only_coadd_weight"), 100_000),
            **dict.fromkeys(("n_coadd_bmask", "only_coadd_bmask"), 900_000),
            **dict.fromkeys(("fraction_good", "fraction_good_on_coadd"), good / _COADD_SIZE**2),
            "n_good_unique": good * 9 // 10,
            "pixel_area": _COADD_PIXEL_AREA,
            "area_good": good * _COADD_PIXEL_AREA / 3600,
            "area_good_unique": good * 0.9 * _COADD_PIXEL_AREA / 3600,
            **_coordinates(ra, dec),
            "wcs": _coadd_wcs(survey, tile),
            "magzp": 30.0,
            "image_flags": 0,
            "pfw_attempt_id": 2_500_000,
            "filename": joined(names, ".fits"),
            "image_path": path,
            "planes": joined('{"image": ["', path, '", "sci"]}'),
            "position_offset": 1.0,
            "weight_zquantiz": "SUBTRACTIVE_DITHER_2",
            "fingerprint": digest(np.arange(n)),
            "generation": 1,
            "mask_row_group": 0,
            "run_id": 1 + tile * (N_RUNS - 8) // len(survey.tiles),
            "mask_file": [mask_files.get(k, name) for k, name in enumerate(files)],
        },
    )


def _coordinates(ra: Floats, dec: Floats) -> dict[str, Any]:
    """Return the columns of centres, corners and unique regions."""
    half = 0.263 * _COADD_SIZE / 7200
    wide = half / np.cos(np.radians(dec))
    corners = {"1": (1, -1), "2": (-1, -1), "3": (-1, 1), "4": (1, 1)}
    return {
        **{f"rac{k}": (ra + east * wide) % 360 for k, (east, _) in corners.items()},
        **{f"decc{k}": dec + north * half for k, (_, north) in corners.items()},
        "ra_cent": ra,
        "dec_cent": dec,
        "crossra0": np.where((ra < wide) | (ra > 360 - wide), "Y", "N"),
        "uramin": (ra - wide * 0.97) % 360,
        "uramax": (ra + wide * 0.97) % 360,
        "udecmin": dec - half * 0.97,
        "udecmax": dec + half * 0.97,
    }


def _coadd_wcs(survey: Survey, tile: Ints) -> pa.Array:
    half, pixel = (_COADD_SIZE + 1) / 2, 0.263 / 3600
    before = f'{{"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": {half}, "CRPIX2": {half}, "CD1_1": {-pixel!r}, '
    before += f'"CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": {pixel!r}, "CRVAL1": '
    ra, dec = pa.array(survey.tiles.ra[tile] % 360), pa.array(survey.tiles.dec[tile])
    return joined(before, ra, ', "CRVAL2": ', dec, "}")
