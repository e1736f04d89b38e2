"""Tables of CCD images, with zero points, seeing and cuts, as surveys publish them."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.errors import GoodpixError, InfoFileError, UsageError
from ...schema.files.inputfile import open_input
from ...schema.planes.headers import whole_number
from ...schema.printable import one_line
from ..infofile import EpochInfo, TileInfo
from .exposure import CcdInfo

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["CUTS_SELECTION", "CcdTable", "read_ccd_table"]

_Masked = np.ma.MaskedArray[Any, Any]

CUTS_SELECTION = ("ccd-table", "exclude image_flags=1:")
"""Name and words of the selection that excludes the CCD images that a table cuts."""

_ENDINGS = (".fits", ".fits.gz", ".csv", ".ecsv", ".parquet")

# Columns with a zero point of one count per second, the first that is there; see CcdTable.
_PER_SECOND = ("ccdzpt", "zpt")
_CUTS = ("ccd_cuts", "cuts")
_VALUES = ("magzp", *_PER_SECOND, "fwhm", *_CUTS)


@dataclass(frozen=True, slots=True)
class _Row:
    """What a table says of a CCD image; None where it says nothing."""

    magzp: float | None
    per_second: float | None
    exptime: float | None
    fwhm: float | None
    cuts: int | None


@dataclass(frozen=True, slots=True, eq=False)
class CcdTable:
    """Zero points, seeing and cuts of CCD images, by exposure and CCD.

    A zero point is that of the image's values where the column is ``magzp``, as in info files. In ``ccdzpt`` and
    ``zpt`` it is the magnitude of a source of one count per second, to which 2.5 log10 of the exposure time is added
    unless the image is in counts per second itself. Cuts become ``image_flags``.

    Parameters
    ----------
    path : str
        The file, for messages.
    expnum : ndarray of int64, shape (n,)
        Exposure numbers, in ascending order.
    ccd : ndarray of int64 or str, shape (n,)
        CCD numbers, or names in lower case.
    numbers : mapping of str to ndarray of float64, shape (n,)
        The fields of a row by name; NaN where the table says nothing.

    Notes
    -----
    The columns, and what ``zpt`` and ``ccdzpt`` mean, are those of the survey-ccds files of the Legacy Surveys
    (https://www.legacysurvey.org/dr10/files/).
    """

    path: str
    expnum: npt.NDArray[np.int64]
    ccd: npt.NDArray[Any]
    numbers: Mapping[str, npt.NDArray[np.float64]]

    def applied(self, info: TileInfo) -> TileInfo:
        """Return the images of an info file or exposure with the values that the table has for them.

        Raises
        ------
        InfoFileError
            If a zero point per second cannot be used, since the unit or the exposure time of the image is unknown.
        """
        return info.model_copy(update={"src_info": tuple(map(self._with_values, info.src_info))})

    def missing(self, info: TileInfo) -> list[EpochInfo]:
        """Return the CCD images that the table has no row for."""
        return [entry for entry in info.src_info if self._row(entry) is None]

    @property
    def has_cuts(self) -> bool:
        """True if it cuts any CCD image."""
        return bool((self.numbers["cuts"] > 0).any())

    def _row(self, entry: EpochInfo) -> _Row | None:
        first, last = np.searchsorted(self.expnum, [entry.expnum, entry.expnum + 1])
        ccds = self.ccd[first:last]
        names: tuple[Any, ...] = (entry.ccdnum,)
        if self.ccd.dtype.kind == "U":
            detpos = entry.facts.detpos if isinstance(entry, CcdInfo) and entry.facts else None
            names = tuple(str(name).strip().lower() for name in (entry.image_ext, detpos))
        for name in names:
            for number in first + np.flatnonzero(ccds == name):
                found = {field: float(values[number]) for field, values in self.numbers.items()}
                known = {field: None if math.isnan(value) else value for field, value in found.items()}
                cuts = known.pop("cuts")
                return _Row(**known, cuts=None if cuts is None else int(cuts))
        return None

    def _with_values(self, entry: EpochInfo) -> EpochInfo:
        row = self._row(entry)
        if row is None:
            return entry
        values: dict[str, Any] = {"magzp": self._zero_point(entry, row), "image_flags": row.cuts}
        if isinstance(entry, CcdInfo) and entry.facts is not None and row.fwhm is not None:
            values["facts"] = replace(entry.facts, fwhm=row.fwhm)
        return entry.model_copy(update={name: value for name, value in values.items() if value is not None})

    def _zero_point(self, entry: EpochInfo, row: _Row) -> float | None:
        """Return the zero point of an image's values; None if the table has none."""
        if row.magzp is not None or row.per_second is None:
            return row.magzp
        facts = entry.facts if isinstance(entry, CcdInfo) else None
        unit = None if facts is None else facts.bunit
        if unit is not None and unit.lower().replace(" ", "").endswith(("/s", "/sec", "s-1", "s**-1")):
            return row.per_second
        exptime = row.exptime if row.exptime is not None or facts is None else facts.exptime
        if unit is None or exptime is None or exptime <= 0:
            what = "unit" if unit is None else "exposure time"
            raise InfoFileError(
                f"{self.path}: epoch {entry.name}: its zero point is per second, and the {what} of the image is "
                "unknown: expected a column magzp"
            )
        return row.per_second + 2.5 * math.log10(exptime)


def read_ccd_table(path: str | os.PathLike[str]) -> CcdTable:
    """Read a table of CCD images.

    Parameters
    ----------
    path : path
        A FITS, CSV, ECSV or Parquet file, by its ending. Columns, in upper or lower case: ``expnum``; ``ccdnum`` or
        ``ccdname``; and any of ``magzp`` (else ``ccdzpt``, else ``zpt``, with ``exptime`` if it is there), ``fwhm``
        (pixels), and ``ccd_cuts`` or ``cuts`` (0 for a CCD image that is not cut). It may be a URL, such as
        ``s3://bucket/survey-ccds.fits``.

    Raises
    ------
    UsageError
        If the file cannot be read, a column is missing, a value is none of its kind, or a CCD image has two rows.
    """
    name = os.fspath(path)
    table = _read(name)
    columns = {str(column).lower(): str(column) for column in table.colnames}
    key = next((each for each in ("ccdnum", "ccdname") if each in columns), None)
    missing = [
        *([] if "expnum" in columns else ["expnum"]),
        *([] if key else ["ccdnum or ccdname"]),
        *([] if set(_VALUES) & set(columns) else [f"one of {', '.join(_VALUES)}"]),
    ]
    if key is None or missing:
        raise UsageError(f"{name}: it has no column {missing[0]} (it has {', '.join(table.colnames) or 'none'})")

    def column(wanted: Sequence[str]) -> _Masked:
        given = next((columns[each] for each in wanted if each in columns), None)
        if given is None:
            return np.ma.MaskedArray(np.zeros(len(table)), mask=True)
        values = np.ma.MaskedArray(table[given])
        if values.dtype.kind == "f":
            return np.ma.MaskedArray(values, mask=np.ma.getmaskarray(values) | ~np.isfinite(np.ma.getdata(values)))
        return np.ma.MaskedArray(values, dtype=np.int64) if values.dtype.kind == "b" else values

    expnum, ccd = _wholes(f"{name}: expnum", column(["expnum"])), column([key])
    ccds: npt.NDArray[Any] = _wholes(f"{name}: {key}", ccd) if key == "ccdnum" else _names(f"{name}: {key}", ccd)
    order = np.lexsort((ccds, expnum))
    expnum, ccds = expnum[order], ccds[order]
    twice = np.flatnonzero((expnum[1:] == expnum[:-1]) & (ccds[1:] == ccds[:-1]))
    if twice.size:
        rows = " and ".join(str(order[k] + 1) for k in (twice[0], twice[0] + 1))
        raise UsageError(
            f"{name}: rows {rows} are both of exposure {expnum[twice[0]]}, {key} {ccds[twice[0]]}: expected each CCD "
            "image once"
        )
    fields = {"magzp": ["magzp"], "per_second": _PER_SECOND, "exptime": ["exptime"], "fwhm": ["fwhm"]}
    numbers = {field: _floats(f"{name}: {wanted[0]}", column(wanted))[order] for field, wanted in fields.items()}
    cuts = column(_CUTS)
    known = ~np.ma.getmaskarray(cuts)
    numbers["cuts"] = np.full(len(table), np.nan)
    numbers["cuts"][known] = _wholes(f"{name}: cuts", cuts[known], np.flatnonzero(known))
    numbers["cuts"] = numbers["cuts"][order]
    return CcdTable(name, expnum, ccds, numbers)


def _read(name: str) -> "Table":
    """Return the table in a file, by the ending of its name."""
    ending = next((each for each in sorted(_ENDINGS, key=len, reverse=True) if name.lower().endswith(each)), None)
    if ending is None:
        raise UsageError(f"{name}: expected a table whose name ends in {', '.join(_ENDINGS)}")
    # slow to import
    from astropy.io import fits
    from astropy.table import Table

    try:
        with open_input(name) as file:
            if ending == ".parquet":
                from pyarrow import parquet

                found: Table = Table.from_pandas(parquet.read_table(file).to_pandas())
            elif ending in (".csv", ".ecsv"):
                text = file.read().decode("utf-8-sig")
                found = Table.read(text.splitlines(), format=f"ascii.{ending[1:]}")
            else:
                with fits.open(file, memmap=False) as units:
                    unit = next(each for each in units if isinstance(each, fits.BinTableHDU | fits.TableHDU))
                    found = Table.read(unit)
    except StopIteration:
        raise UsageError(f"{name}: it holds no table") from None
    except GoodpixError:
        raise
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror or one_line(error)})") from error
    except Exception as error:  # the libraries raise many kinds for damaged files
        raise UsageError(f"{name}: cannot be read as {ending[1:]} ({one_line(error)})") from error
    return found


def _texts(values: _Masked) -> npt.NDArray[np.str_]:
    """Return values as text, without blanks around it; empty where they are masked."""
    plain = np.ma.getdata(values)
    if plain.dtype.kind == "O":
        plain = np.array([each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in plain])
    elif plain.dtype.kind == "S":
        plain = np.char.decode(plain, errors="replace")
    texts = np.char.strip(plain.astype(np.str_), " \0")
    return np.where(np.ma.getmaskarray(values), "", texts)


def _names(where: str, values: _Masked) -> npt.NDArray[np.str_]:
    names = np.char.lower(_texts(values))
    empty = np.flatnonzero(names == "")
    if empty.size:
        raise UsageError(f"{where} is empty in row {empty[0] + 1}")
    return names


def _wholes(where: str, values: _Masked, rows: npt.NDArray[np.intp] | None = None) -> npt.NDArray[np.int64]:
    """Return whole numbers, 0 or more, also if they are written as text or with a fraction of 0."""
    if values.dtype.kind == "i" and not np.ma.getmaskarray(values).any():
        plain = np.ma.getdata(values).astype(np.int64)
        bad = np.flatnonzero(plain < 0)
    else:
        texts, which = np.unique(_texts(values), return_inverse=True)
        found = [whole_number(text) for text in texts.tolist()]
        usable = [number is not None and 0 <= number < 1 << 63 for number in found]
        bad = np.flatnonzero(~np.array(usable, np.bool_)[which])
        plain = np.array([number if fine else 0 for number, fine in zip(found, usable, strict=True)], np.int64)[which]
    if bad.size:
        value = str(_texts(values)[bad[0]])
        row = (bad if rows is None else rows[bad])[0] + 1
        raise UsageError(f"{where} is {value!r} in row {row}: expected a whole number, 0 or more")
    return plain


def _floats(where: str, values: _Masked) -> npt.NDArray[np.float64]:
    """Return finite numbers; NaN for any other and where values are masked."""
    plain = np.full(len(values), np.nan)
    known = ~np.ma.getmaskarray(values)
    try:
        plain[known] = np.ma.getdata(values)[known].astype(np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{where}: expected numbers ({one_line(error)})") from error
    plain[~np.isfinite(plain)] = np.nan
    return plain
