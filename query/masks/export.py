"""Export of a mask to FITS, NumPy and Parquet files."""

import gzip
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import BIT_SHIFT, CRITERIA_BITS, EXCLUDED, N_BITS, OWN_CUT, BitNames, Criterion
from ...schema.errors import UsageError
from ...schema.files.outputfile import OutputPath, output_file
from ...schema.masks.rle import Runs, decode, decode_good
from ...schema.wcs.pixelgrid import PixelGrid
from ..provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = [
    "CUT_RUNS",
    "GOOD_RUNS",
    "FitsImage",
    "MaskExport",
    "check_mask_name",
    "column_runs",
    "fits_wcs",
    "write_fits",
    "write_parquet",
    "write_picture",
]

GOOD_RUNS = "runs in column-major order; flags & 255 is 0 where pixels are good"
"""Meaning of runs of flags."""

CUT_RUNS = f"{GOOD_RUNS}, 128 is an own cut (OWN_CUT), beside 1 << 56 an exclusion (EXCLUDED)"
"""Meaning of runs of flags under a selection."""

Cards = list[dict[str, Any]]

_MEANINGS = {
    Criterion.SE_SEG: "in a detected object of the SE image",
    Criterion.SE_WEIGHT: "SE weight not finite and positive",
    Criterion.SE_BMASK: "an SE mask bit is set",
    Criterion.OFF_COADD: "off the coadd",
    Criterion.COADD_SEG: "in a detected object of the coadd",
    Criterion.COADD_WEIGHT: "coadd weight not finite and positive",
    Criterion.COADD_BMASK: "a coadd mask bit is set",
}

# Bits of an image of 32-bit integers, which is the only kind that is compressed and that other readers expect.
_INT32_BITS = 31


@dataclass(frozen=True, slots=True, eq=False)
class FitsImage:
    """Image extension of a FITS file.

    Parameters
    ----------
    name : str
        Name of the extension.
    pixels : ndarray of integers, shape (ny, nx)
        Pixel values.
    cards : list of dict
        Header cards with ``name``, ``value`` and perhaps ``comment``.
    compress : str or None
        Compression, such as ``"PLIO"``.
    """

    name: str
    pixels: npt.NDArray[np.integer]
    cards: Cards
    compress: str | None = "RICE"


@dataclass(frozen=True, slots=True)
class _Reason:
    """A bit of flags, as a named bit of an exported image."""

    flag: int
    name: str
    meaning: str


@dataclass(frozen=True, slots=True, eq=False)
class MaskExport:
    """A mask under one selection, as files contain it.

    Parameters
    ----------
    runs : Runs
        Runs whose criteria are those that fail under the selection.
    stored : Runs
        Runs as stored.
    place : Region
        Box of the mask in the whole image.
    bit_names : BitNames
        Names of the mask bits.
    provenance : Provenance
        Its provenance.
    grid : PixelGrid or None
        Pixels of the whole image on the sphere; None for a mask that is not from a catalogue.
    """

    runs: Runs
    stored: Runs
    place: Region
    bit_names: BitNames
    provenance: Provenance
    grid: PixelGrid | None

    def to_fits(self, path: OutputPath, *, good: bool = False) -> None:
        """Write the mask and its reasons; see `goodpix.Mask.to_fits`."""
        is_good = decode_good(self.runs, CRITERIA_BITS)
        image = np.ascontiguousarray(is_good if good else ~is_good, np.int16)
        meaning: Cards = [
            {"name": "MASKBAD", "value": int(not good), "comment": "value of bad pixels"},
            {"name": "MASKGOOD", "value": int(good), "comment": "value of good pixels"},
        ]
        cards = [*self.provenance.cards(), *self._position()]
        reasons = self._reasons()
        write_fits(
            path,
            [
                FitsImage("MASK", image, [*meaning, *cards], "PLIO"),
                FitsImage("REASONS", self._reason_image(reasons), [*_plane_cards(reasons), *cards], _codec(reasons)),
            ],
        )

    def to_npz(self, path: OutputPath) -> None:
        """Write good pixels and stored runs; see `goodpix.Mask.to_npz`."""
        arrays: dict[str, Any] = {
            "good": np.ascontiguousarray(decode_good(self.runs, CRITERIA_BITS)),
            "excluded": np.ascontiguousarray(~decode_good(self.runs, EXCLUDED)),
            "lengths": self.stored.lengths,
            "flags": self.stored.flags,
            "meaning": "good: True is good, False is bad; excluded: True is excluded by the selection; "
            f"lengths, flags: as stored, {GOOD_RUNS}",
            "x0": self.place.x0,
            "y0": self.place.y0,
        }
        if self.grid is not None:
            arrays |= {"wcs": json.dumps(dict(self.grid.wcs.keywords)), "position_offset": self.grid.offset}
        with output_file(path) as target, target.open("wb") as file:
            np.savez_compressed(file, **arrays, **dict[str, Any](self.provenance.facts))

    def _position(self) -> Cards:
        """Return the WCS of the exported box, and its place in the whole image."""
        cards: Cards = [
            {"name": "X0", "value": self.place.x0, "comment": "first column in the whole image, zero-based"},
            {"name": "Y0", "value": self.place.y0, "comment": "first row in the whole image, zero-based"},
        ]
        return cards if self.grid is None else cards + fits_wcs(self.grid, self.place)

    def _reasons(self) -> list[_Reason]:
        """Return the bits of flags that are named or set, lowest first."""
        is_set = int(np.bitwise_or.reduce(self.runs.flags))
        reasons = [_Reason(int(each), str(each.name), _MEANINGS[each]) for each in Criterion]
        reasons.append(_Reason(OWN_CUT, "OWN_CUT", "a border or an own cut"))
        for plane, shift in BIT_SHIFT.items():
            named = {self.bit_names.bit(plane, name) for name in self.bit_names.of_plane(plane)}
            for bit in range(N_BITS):
                if bit in named or is_set >> shift + bit & 1:
                    name = self.bit_names.name(plane, bit)
                    taken = {each.name for each in reasons}
                    label = f"{plane.upper()}_{name}".upper()
                    label = f"{label}_{bit}" if label in taken else label
                    reasons.append(_Reason(1 << shift + bit, label, f"{plane.upper()} mask bit {name}"))
        return [*reasons, _Reason(EXCLUDED, "EXCLUDED", "excluded by the selection")]

    def _reason_image(self, reasons: Sequence[_Reason]) -> npt.NDArray[np.integer]:
        values, flags = np.zeros_like(self.runs.flags), _labelled(self.runs.flags)
        for number, reason in enumerate(reasons):
            values |= ((flags & np.int64(reason.flag)) != 0).astype(np.int64) << number
        image = decode(Runs(self.runs.nx, self.runs.ny, self.runs.lengths, values))
        return np.ascontiguousarray(image, np.int32 if len(reasons) <= _INT32_BITS else np.int64)


def _labelled(flags: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return flags in which excluded pixels are no own cuts, as `goodpix.Catalogue.at` labels them."""
    return np.where(flags & np.int64(EXCLUDED), flags & ~np.int64(OWN_CUT), flags)


def _codec(reasons: Sequence[_Reason]) -> str | None:
    return "RICE" if len(reasons) <= _INT32_BITS else None


def _plane_cards(reasons: Sequence[_Reason]) -> Cards:
    """Return the names of bits, as LSST writes them: by number (``MP_``), and by value (``MSKN``, ``MSKM``)."""
    cards: Cards = [{"name": f"MP_{each.name}", "value": number} for number, each in enumerate(reasons)]
    for number, each in enumerate(reasons):
        cards += [
            {"name": f"MSKN{number:04d}", "value": each.name, "comment": "name of a mask bit"},
            {"name": f"MSKM{number:04d}", "value": 1 << number, "comment": "its value"},
            {"name": f"MSKD{number:04d}", "value": each.meaning},
        ]
    return cards


def check_mask_name(path: OutputPath, *, good: bool = False) -> str:
    """Return the ending of a mask file's name, in lower case.

    Raises
    ------
    UsageError
        If it is not a known format, or with `good` not FITS.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".fits", ".fz", ".npz", ".parquet", ".reg"):
        raise UsageError(f"{path}: expected a name that ends in .png, .fits, .npz, .parquet or .reg")
    if good and suffix not in (".fits", ".fz"):
        raise UsageError(f"{path}: only FITS images have 1 for good pixels: expected a name that ends in .fits")
    return suffix


def fits_wcs(grid: PixelGrid, box: Region | None = None) -> Cards:
    """Return the WCS cards of an image, or of a box of it; FITS pixels start at 1, whatever the image's offset."""
    x0, y0 = (0, 0) if box is None else (box.x0, box.y0)
    shifts = {"CRPIX1": 1 - grid.offset - x0, "CRPIX2": 1 - grid.offset - y0}
    return [
        {"name": name, "value": float(value) + shifts[name] if name in shifts else value}
        for name, value in grid.wcs.keywords.items()
    ]


def write_fits(path: OutputPath, images: Iterable[FitsImage]) -> None:
    """Write a FITS file, compressed by gzip if its name ends in ``.gz``; an existing one is replaced.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    import fitsio  # slow to import

    # in memory, because CFITSIO takes brackets and other signs of a path for instructions
    with fitsio.FITS("mem://", "rw") as fits:
        for image in images:
            fits.write(image.pixels, extname=image.name, compress=image.compress, header=image.cards)
        content = fits.read_raw()
    with output_file(path) as file:
        file.write_bytes(gzip.compress(content, mtime=0) if Path(path).suffix == ".gz" else content)


def column_runs(runs: Runs, place: Region) -> "pd.DataFrame":
    """Return runs split at column ends; see `goodpix.Mask.runs`."""
    import pandas as pd  # slow to import, and most masks never need it

    starts, columns = runs.starts, np.arange(runs.nx, dtype=np.int64) * runs.ny
    pieces = np.union1d(starts, columns)
    run = np.searchsorted(starts, pieces, side="right") - 1
    lengths = np.diff(pieces, append=runs.ny * runs.nx)
    x, y = pieces // runs.ny + place.x0, pieces % runs.ny + place.y0
    return pd.DataFrame({"x": x, "y": y, "length": lengths, "flags": runs.flags[run]})


def write_parquet(path: OutputPath, rows: "pd.DataFrame", provenance: Provenance, meaning: str) -> None:
    """Write rows to a Parquet file with their provenance in its metadata, as ``goodpix.<fact>``."""
    import pyarrow as pa  # slow to import
    import pyarrow.parquet as pq

    plain = rows.copy(deep=False)
    plain.attrs = {}  # which pyarrow would write as well
    table = pa.Table.from_pandas(plain, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), **provenance.metadata(meaning)}
    with output_file(path) as file:
        pq.write_table(table.replace_schema_metadata(metadata), file)


def write_picture(path: OutputPath, axes: "Axes", provenance: Provenance) -> None:
    """Write a drawing as PNG, with its provenance as texts in the file."""
    figure = axes.get_figure(root=True)
    assert figure is not None  # new axes have a figure
    with output_file(path) as file:
        figure.savefig(file, metadata=provenance.texts())
