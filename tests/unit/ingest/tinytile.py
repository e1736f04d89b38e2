"""A tile of a few hundred pixels, on disk, whose images lie on the coadd's own pixel grid."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.plan import Options, TileTask
from goodpix.schema.bits import DES_Y6
from goodpix.schema.store.masksroot import MasksRoot

Pixels = npt.NDArray[Any]
Planes = Mapping[str, Pixels]

TILE, BAND = "DES0124-3332", "i"
COADD_SHAPE, SHAPE = (24, 30), (16, 12)
SHIFTS = {1: (5, 3), 2: (-4, 10)}
"""By expnum: the coadd's x and y of the image's first pixel; the second image is partly off the coadd."""

PIXEL = 0.263 / 3600
_PLANES = {"image": "sci", "weight": "wgt", "bmask": "msk", "seg": "seg"}


def cards(*, x: float = 0, y: float = 0) -> dict[str, Any]:
    """Return the WCS of an image whose first pixel is that pixel of the coadd."""
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 21.0,
        "CRVAL2": -33.5,
        "CRPIX1": COADD_SHAPE[1] / 2 + 0.5 - x,
        "CRPIX2": COADD_SHAPE[0] / 2 + 0.5 - y,
        "CD1_1": -PIXEL,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": PIXEL,
    }


def some_planes(shape: tuple[int, int], seed: int) -> dict[str, Pixels]:
    """Return the planes of an image: a tenth of the pixels each without weight, masked and in an object."""
    rng = np.random.default_rng(seed)
    bad = rng.random((3, *shape)) < 0.1
    return {
        "image": rng.normal(0, 1, shape).astype(np.float32),
        "weight": np.where(bad[0], 0, 1).astype(np.float32),
        "bmask": np.where(bad[1], 1 << rng.integers(0, 3, shape), 0).astype(np.int32),
        "seg": np.where(bad[2], 7, 0).astype(np.int32),
    }


def write_image(path: Path, planes: Planes, header: Mapping[str, Any]) -> None:
    """Write an image, uncompressed."""
    path.unlink(missing_ok=True)
    with fitsio.FITS(str(path), "rw") as file:
        for name, ext in _PLANES.items():
            if name in planes:
                file.write(planes[name], extname=ext, header=dict(header))


def entry(path: object, **more: Any) -> dict[str, Any]:
    """Return the keys of an image in an info file."""
    keys = {f"{name}_path": str(path) for name in _PLANES} | {f"{name}_ext": ext for name, ext in _PLANES.items()}
    return keys | more


def info_of(folder: object = "none", *, tilename: str = TILE, band: str = BAND, **more: Any) -> TileInfo:
    """Return the info file of the tile, whose images are in a folder."""
    epochs = [entry(f"{folder}/{expnum}.fits", expnum=expnum, ccdnum=2) for expnum in SHIFTS]
    tile = {"tilename": tilename, "band": band, "src_info": epochs, **more}
    return TileInfo.model_validate(entry(f"{folder}/coadd.fits", **tile))


def make_images(folder: Path) -> None:
    """Write the images of the tile."""
    write_image(folder / "coadd.fits", some_planes(COADD_SHAPE, 0), cards())
    for expnum, (x, y) in SHIFTS.items():
        write_image(folder / f"{expnum}.fits", some_planes(SHAPE, expnum), cards(x=x, y=y))


def task_of(folder: Path, **more: Any) -> TileTask:
    """Return the job of the tile; its mask files go to the folder ``masks``."""
    values = {"info": info_of(folder), "root": MasksRoot.of(folder / "masks"), "options": Options()}
    return TileTask("info.yaml", **{**values, "bit_names": DES_Y6, **more})


def coadd_flags(planes: Planes) -> Pixels:
    """Return the coadd's own flags, in plain numpy."""
    return (
        np.where(planes["seg"] != 0, 16, 0)
        | np.where(planes["weight"] > 0, 0, 32)
        | np.where(planes["bmask"] != 0, 64, 0)
        | planes["bmask"].astype(np.int64) << 32
    )


def epoch_flags(planes: Planes, coadd: Planes, x: int, y: int) -> Pixels:
    """Return the flags of an image whose first pixel is that pixel of the coadd, in plain numpy."""
    flags = (
        np.where(planes["seg"] != 0, 1, 0)
        | np.where(planes["weight"] > 0, 0, 2)
        | np.where(planes["bmask"] != 0, 4, 0)
        | planes["bmask"].astype(np.int64) << 8
    )
    ny, nx = flags.shape
    around = np.pad(coadd_flags(coadd), 20, constant_values=8)
    found: Pixels = flags | around[20 + y : 20 + y + ny, 20 + x : 20 + x + nx]
    return found
