"""Export of a mask to FITS and NumPy files."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.masks.rle import Runs
from ...schema.rows import MaskKey

__all__ = ["write_fits", "write_image", "write_npz"]


def write_fits(path: Path | str, bad: npt.NDArray[np.bool_], key: MaskKey, place: Region, selection: str) -> None:
    """Write bad pixels, with the image's key in the header; see `Mask.to_fits`."""
    labels = {"TILENAME": key.tilename, "BAND": key.band, "EXPNUM": key.expnum, "CCDNUM": key.ccdnum}
    header = {name: value for name, value in labels.items() if value not in (None, "")}
    header |= {"SELECT": selection, "X0": place.x0, "Y0": place.y0}
    image = np.ascontiguousarray(bad, np.int16)
    write_image(path, image, extname="MASK", compress="PLIO", header=header)


def write_image(path: Path | str, image: npt.NDArray[Any], **options: Any) -> None:
    """Write an image to a FITS file, replacing another.

    CFITSIO does not see the path, whose brackets, ``!`` and blanks it would take for commands.

    Parameters
    ----------
    path : path
        The file; compressed by gzip if its name ends in ``.gz``.
    image : ndarray
        The image.
    **options
        Options of ``fitsio.FITS.write``.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import fitsio  # slow to import

    with fitsio.FITS("mem://", "rw") as file:
        file.write(image, **options)
        content: bytes = file.read_raw()
    Path(path).write_bytes(gzip.compress(content, mtime=0) if Path(path).suffix == ".gz" else content)


def write_npz(path: Path | str, good: npt.NDArray[np.bool_], runs: Runs, selection: str) -> None:
    """Write good pixels and runs; see `Mask.to_npz`."""
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            good=np.ascontiguousarray(good),
            lengths=runs.lengths,
            flags=runs.flags,
            selection=selection,
        )
