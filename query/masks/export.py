"""Export of a mask to FITS and NumPy files."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.masks.rle import Runs
from ...schema.rows import MaskKey

__all__ = ["write_fits", "write_npz"]


def write_fits(path: Path | str, bad: npt.NDArray[np.bool_], key: MaskKey, place: Region, selection: str) -> None:
    """Write bad pixels, with the image's key in the header; see `Mask.to_fits`."""
    import fitsio  # slow to import

    labels = {"TILENAME": key.tilename, "BAND": key.band, "EXPNUM": key.expnum, "CCDNUM": key.ccdnum}
    header = {name: value for name, value in labels.items() if value not in (None, "")}
    header |= {"SELECT": selection, "X0": place.x0, "Y0": place.y0}
    image = np.ascontiguousarray(bad, np.int16)
    fitsio.write(str(path), image, extname="MASK", compress="PLIO", header=header, clobber=True)


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
