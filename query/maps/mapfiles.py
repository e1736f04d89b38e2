"""Files of a map on a coadd's pixels."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...schema.errors import UsageError

if TYPE_CHECKING:
    from .coaddmap import EpochMap

__all__ = ["check_map_name", "save_map", "write_map_fits", "write_map_npz"]

_FITS = (".fits", ".fz")


def check_map_name(path: Path | str) -> str:
    """Return the ending that says a map file's format, in lower case.

    Raises
    ------
    UsageError
        If it says none.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*_FITS, ".png", ".npz"):
        raise UsageError(f"{path}: expected a name that ends in .fits, .png or .npz")
    return suffix


def save_map(found: "EpochMap", path: Path | str) -> None:
    """Write a map in the format that the file's name ends in.

    Parameters
    ----------
    found : EpochMap
        What to write.
    path : path
        ``.fits`` (or ``.fits.fz``): see `write_map_fits`; ``.npz``: see `write_map_npz`; ``.png``: the picture.

    Raises
    ------
    UsageError
        If the name ends otherwise.
    OSError
        If the file cannot be written.
    """
    suffix = check_map_name(path)
    if suffix == ".png":
        figure = found.plot().get_figure(root=True)
        assert figure is not None  # axes that were just made have one
        figure.savefig(path)
    elif suffix == ".npz":
        write_map_npz(found, path)
    else:
        write_map_fits(found, path)


def write_map_fits(found: "EpochMap", path: Path | str) -> None:
    """Write a map as a RICE-compressed FITS image of integers, without loss, with the coadd's WCS.

    Parameters
    ----------
    found : EpochMap
        What to write.
    path : path
        Where to; an existing file is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import fitsio

    header = dict(found.grid.wcs.keywords)
    # in a FITS file the first pixel is 1, whatever is added before the coadd's own WCS
    for key in ("CRPIX1", "CRPIX2"):
        header[key] = float(header[key]) + 1 - found.grid.offset
    header |= {"TILENAME": found.grid.tilename, "BAND": found.grid.band, "SELECT": str(found.selection)}
    header |= {"N_EPOCHS": found.n_epochs, "BUNIT": "good epochs"}
    fitsio.write(str(path), found.counts, extname="N_GOOD", compress="RICE", header=header, clobber=True)


def write_map_npz(found: "EpochMap", path: Path | str) -> None:
    """Write a map as numpy's npz.

    It holds ``n_good_epochs`` (int16 [y, x]), ``n_epochs``, ``tilename``, ``band``, ``selection``, ``wcs``
    (the coadd's WCS keywords, JSON) and ``position_offset``, which is added to zero-based coordinates
    before that WCS.

    Parameters
    ----------
    found : EpochMap
        What to write.
    path : path
        Where to; an existing file is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            n_good_epochs=found.counts,
            n_epochs=found.n_epochs,
            tilename=found.grid.tilename,
            band=found.grid.band,
            selection=str(found.selection),
            wcs=json.dumps(dict(found.grid.wcs.keywords)),
            position_offset=found.grid.offset,
        )
