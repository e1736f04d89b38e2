"""Files of one mask."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...schema.criteria import Selection
from ...schema.errors import UsageError

if TYPE_CHECKING:
    from .mask import Mask

__all__ = ["save", "write_fits", "write_npz"]


def write_fits(mask: "Mask", path: Path | str, selection: Selection | None = None) -> None:
    """Write a mask as a PLIO-compressed FITS image: 0 is good, 1 is bad.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import fitsio

    key = mask.key
    labels = {"TILENAME": key.tilename, "BAND": key.band, "EXPNUM": key.expnum, "CCDNUM": key.ccdnum}
    header = {name: value for name, value in labels.items() if value not in (None, "")}
    header |= {"SELECT": str(selection or Selection()), "X0": mask.x0, "Y0": mask.y0}
    image = np.ascontiguousarray(mask.bad(selection), np.int16)
    fitsio.write(str(path), image, extname="MASK", compress="PLIO", header=header, clobber=True)


def write_npz(mask: "Mask", path: Path | str, selection: Selection | None = None) -> None:
    """Write ``good`` (bool [ny, nx]) and the runs (``lengths``, ``flags``) as numpy's npz."""
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            good=np.ascontiguousarray(mask.good(selection)),
            lengths=mask.encoded.lengths,
            flags=mask.encoded.flags,
            selection=str(selection or Selection()),
        )


def save(mask: "Mask", path: Path | str, selection: Selection | None = None) -> None:
    """Write a mask in the format that the file's name ends in.

    Parameters
    ----------
    mask : Mask
        What to write.
    path : path
        ``.png``: the picture; ``.fits``: see `write_fits`; ``.npz``: see `write_npz`; ``.parquet``: its runs, with
        the criteria that fail by the selection.
    selection : Selection, optional
        A definition of good other than the default; the runs of npz keep every reason all the same.

    Raises
    ------
    UsageError
        If the name ends otherwise.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".png":
        figure = mask.plot(selection).get_figure(root=True)
        assert figure is not None  # axes that were just made have one
        figure.savefig(path)
    elif suffix in (".fits", ".fz"):
        write_fits(mask, path, selection)
    elif suffix == ".npz":
        write_npz(mask, path, selection)
    elif suffix == ".parquet":
        (mask if selection is None else mask.recut(selection)).runs().to_parquet(path, index=False)
    else:
        raise UsageError(f"{path}: expected a name that ends in .png, .fits, .npz or .parquet")
