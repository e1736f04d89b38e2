"""Formats of tables: text, CSV, JSON, Parquet, ECSV, VOTable and FITS."""

import io
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.errors import UsageError
from ..schema.printable import printable
from .options import Format

if TYPE_CHECKING:
    import pandas as pd
    from astropy.table import Column

__all__ = ["LEADING", "format_of", "render_table", "rendered"]

LEADING = {
    "epochs": "tilename band expnum ccdnum fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_se_seg "
    "n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask nite stale",
    "tiles": "tilename band n_epochs fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_good_unique "
    "good_area_images_unique coadd_fraction_good generation",
    "ccds": "band expnum ccdnum n_tiles tiles_disagree fraction_good_se n_good_se n_pixels n_se_seg n_se_weight "
    "n_se_bmask nite",
    "exposures": "band expnum n_ccds fraction_good_se n_good_se n_pixels nite exptime mean_fwhm mean_skybrite",
    "at": "tilename band expnum ccdnum x y on_image coadd_x coadd_y on_coadd good criteria se_bits coadd_bits",
    "sky": "tilename band expnum ccdnum n_tiles amplifier x0 y0 n clipped_median level level_error plane_level "
    "plane_level_error gradient_x gradient_y noise_ratio correlation_x correlation_y unit skybrite mu_sky "
    "bkg_subtracted",
    "failures": "failure_key error_type message attempts failed_at",
}
"""Columns that the text format shows of the widest answers; the other formats have every column."""

_ENDINGS = {f".{name}": name for name in Format if name is not Format.table} | {
    ".txt": Format.table,
    ".vot": Format.votable,
}

Frames = Iterable["pd.DataFrame"]


def format_of(output: Path | None) -> Format:
    """Return the format that the ending of a file's name stands for; text for a name without an ending.

    Raises
    ------
    UsageError
        If the ending stands for no format.
    """
    ending = output.suffix.lower() if output else ""
    if not ending:
        return Format.table
    if ending not in _ENDINGS:
        raise UsageError(f"-o {output}: expected a name that ends in {', '.join(_ENDINGS)}, or --format")
    return _ENDINGS[ending]


def rendered(frames: Frames, name: str, format_: Format) -> Iterator[bytes]:
    """Yield the bytes of a table that comes in parts, part by part where the format allows.

    Parameters
    ----------
    frames : iterable of DataFrame
        One or more parts with the same columns.
    name : str
        Name of the answer, see `LEADING`.
    format_ : Format
        Format to write.

    Raises
    ------
    UsageError
        If the format cannot hold the table.
    """
    try:
        yield from _WRITERS[format_](iter(frames), name)
    except UsageError:
        raise
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UsageError(f"the answer cannot be written as {format_}: {' '.join(str(error).split())}") from error


def render_table(rows: "pd.DataFrame", name: str) -> str:
    """Return rows as lines of text, with only the `LEADING` columns of the answer of that name."""
    return b"".join(_text([rows], name)).decode().removesuffix("\n")


def _text(frames: Frames, name: str) -> Iterator[bytes]:
    """Yield lines of text; the first part sets the widths of columns."""
    widths: list[int] = []
    hidden: set[str] = set()
    for number, rows in enumerate(frames):
        leading = [column for column in LEADING.get(name, "").split() if column in rows]
        if number == 0:
            hidden = _hidden(rows)
        shown = rows[[column for column in leading if column not in hidden]] if leading else rows
        digits = _all_digits if name == "sql" else _six_digits
        columns = [[_cell(value, digits) for value in column] for column in _columns(shown)]
        if number == 0:
            headings = [printable(str(column)) for column in shown.columns]
            columns = [[heading, *column] for heading, column in zip(headings, columns, strict=True)]
            widths = [max(map(len, column)) for column in columns]
        for row in zip(*columns, strict=True):
            cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            yield ("  ".join(cells) + "\n").encode(errors="backslashreplace")


def _hidden(rows: "pd.DataFrame") -> set[str]:
    """Return the columns about the coadd that are null throughout, where no row has a coadd."""
    has_none = any(name in rows and not rows.empty and rows[name].isna().all() for name in ("n_on_coadd", "on_coadd"))
    about = [name for name in map(str, rows.columns) if "coadd" in name or name.endswith("_unique")]
    return {name for name in about if has_none and rows[name].isna().all()}


def _columns(rows: "pd.DataFrame") -> list[list[Any]]:
    """Return the columns as lists of Python objects, with None for nulls; two may have the same name."""
    out = []
    for position in range(rows.shape[1]):
        series = rows.iloc[:, position]
        null = series.isna().tolist()
        out.append([None if is_null else value for value, is_null in zip(series.tolist(), null, strict=True)])
    return out


def _cell(value: object, digits: Callable[[float], str]) -> str:
    if value is None:
        return "-"
    return digits(value) if isinstance(value, float) else printable(_plain(value))


def _six_digits(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e6 or not math.isfinite(value) else f"{value:.15g}"


def _all_digits(value: float) -> str:
    return repr(float(value))


def _plain(value: object) -> str:
    """Return a value as text; bytes in hexadecimal digits."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _csv(frames: Frames, _name: str) -> Iterator[bytes]:
    for number, rows in enumerate(frames):
        yield _bytes_as_text(rows).to_csv(index=False, header=number == 0).encode(errors="backslashreplace")


def _bytes_as_text(rows: "pd.DataFrame") -> "pd.DataFrame":
    if "O" not in [dtype.kind for dtype in rows.dtypes]:
        return rows
    return rows.map(lambda value: value.hex() if isinstance(value, bytes) else value)


def _json(frames: Frames, _name: str) -> Iterator[bytes]:
    """Yield an array with an object per row; numbers keep all their digits, which `DataFrame.to_json` rounds."""
    separator = "[\n "
    for rows in frames:
        names = [str(column) for column in rows.columns]
        _refuse_twice(names)
        columns = [[_json_value(value) for value in column] for column in _columns(rows)]
        keys = [json.dumps(column) for column in names]
        for row in zip(*columns, strict=True):
            fields = ", ".join(f"{key}: {value}" for key, value in zip(keys, row, strict=True))
            yield f"{separator}{{{fields}}}".encode()
            separator = ",\n "
    yield b"[]\n" if separator.startswith("[") else b"\n]\n"


def _refuse_twice(names: list[str]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"column {twice[0]} stands twice: expected names of their own, given by AS")


def _json_value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, float) and math.isinf(value):
        return "1e999" if value > 0 else "-1e999"  # JSON has no infinity; its readers take this for one
    if isinstance(value, bool | int | float | str):
        return json.dumps(value)
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else "null"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_json_value, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {_json_value(each)}" for key, each in value.items()) + "}"
    return json.dumps(value.isoformat() if hasattr(value, "isoformat") else _plain(value))


class _Sink(io.RawIOBase):
    """A file that hands on what is written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._position += len(self._parts[-1])
        return len(self._parts[-1])

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _parquet(frames: Frames, _name: str) -> Iterator[bytes]:
    import pyarrow as pa  # slow to import
    import pyarrow.parquet as pq

    sink, writer = _Sink(), None
    for rows in frames:
        _refuse_twice(list(rows.columns))
        table = pa.Table.from_pandas(rows, preserve_index=False)
        if writer is None:
            writer = pq.ParquetWriter(sink, table.schema)
        writer.write_table(table.cast(writer.schema))
        yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()


def _astropy(format_: str) -> Callable[[Frames, str], Iterator[bytes]]:
    def write(frames: Frames, _name: str) -> Iterator[bytes]:
        from astropy.table import Table  # slow to import

        from ..query.dataframes import joined

        rows = joined(frames)
        _refuse_twice(list(rows.columns))
        names = [str(column) for column in rows.columns]
        given = zip(names, _columns(rows), rows.dtypes, strict=True)
        columns = {column: _column(column, values, dtype) for column, values, dtype in given}
        if format_ == "fits":
            columns = {each: _for_fits(each, column) for each, column in columns.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that VOTable changes into identifiers
            if format_ == "ascii.ecsv":
                text = io.StringIO()
                Table(columns).write(text, format=format_)
                yield text.getvalue().encode()
            else:
                file = io.BytesIO()
                Table(columns).write(file, format=format_)
                yield file.getvalue()

    return write


def _column(name: str, values: list[Any], dtype: Any) -> "Column":
    """Return a column of an astropy table; nulls are masked, or NaN."""
    import numpy as np
    from astropy.table import Column, MaskedColumn  # slow to import

    null = [value is None for value in values]
    kind, unused = getattr(dtype, "kind", "O"), None
    if kind == "b":
        array = np.array([bool(value) for value in values], np.bool_)
    elif kind in "iu":
        array, unused = np.array([value or 0 for value in values], np.int64), np.iinfo(np.int64).min
    elif kind == "f":
        return Column(np.array([math.nan if value is None else value for value in values], np.float64), name)
    else:
        array = np.array(["" if value is None else _plain(value) for value in values], dtype=str)
    return MaskedColumn(array, name, mask=null, fill_value=unused) if any(null) else Column(array, name)


def _for_fits(name: str, column: "Column") -> "Column":
    """Return a column as FITS can hold it: it has no null among booleans, and only ASCII letters."""
    import numpy as np
    from astropy.table import MaskedColumn

    if column.dtype.kind == "b" and isinstance(column, MaskedColumn):
        return MaskedColumn(column.data.data.astype(np.int16), name, mask=column.mask, fill_value=-1)
    if column.dtype.kind == "U":
        strange = [text for text in column.tolist() if not (text or "").isascii()]
        if strange:
            raise ValueError(f"{name} has {strange[0]!r}: expected ASCII, the only text of FITS tables")
    return column


_WRITERS: dict[Format, Callable[[Iterator["pd.DataFrame"], str], Iterator[bytes]]] = {
    Format.table: _text,
    Format.csv: _csv,
    Format.json: _json,
    Format.parquet: _parquet,
    Format.ecsv: _astropy("ascii.ecsv"),
    Format.votable: _astropy("votable"),
    Format.fits: _astropy("fits"),
}
