"""Formats of tables: text, CSV, JSON, Parquet, ECSV, VOTable, FITS and DS9 regions."""

import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schema.errors import UsageError
from ...schema.files.outputfile import OutputPath, output_file
from .texttable import TextTable, plain, python_columns
from .ucds import ucd_of

if TYPE_CHECKING:
    import pandas as pd

    from ..provenance import Provenance

__all__ = ["Format", "format_of", "rendered", "write_parts", "write_table"]

Format = StrEnum("Format", ["table", "csv", "json", "parquet", "ecsv", "votable", "fits", "reg"])

_ENDINGS = {f".{name}": name for name in Format if name is not Format.table} | {
    ".txt": Format.table,
    ".vot": Format.votable,
    ".xml": Format.votable,
}

Frames = Iterable["pd.DataFrame"]


def format_of(output: OutputPath | None) -> Format:
    """Return the format that the ending of a file's name stands for; text for a name without an ending.

    Raises
    ------
    UsageError
        If the ending stands for no format.
    """
    ending = Path(output).suffix.lower() if output else ""
    if not ending:
        return Format.table
    if ending not in _ENDINGS:
        raise UsageError(f"-o {output}: expected a name that ends in {', '.join(_ENDINGS)}, or --format")
    return _ENDINGS[ending]


def write_table(rows: "pd.DataFrame", path: OutputPath, format_: Format | str | None = None) -> None:
    """Write an answer of the catalogue to a file, as ``goodpix epochs -o FILE`` does.

    Parameters
    ----------
    rows : DataFrame
        Answer of the catalogue, such as of `goodpix.Catalogue.epochs`, or rows or columns of one.
    path : path or str
        A file, or a URL such as ``s3://bucket/epochs.parquet``; the ending stands for the format: ``.vot``
        (VOTable), ``.ecsv``, ``.fits``, ``.parquet``, ``.csv``, ``.json``, ``.reg`` (regions for DS9) or ``.txt``.
    format_ : str, optional
        ``votable``, ``ecsv``, ``fits``, ..., whatever the ending.

    Raises
    ------
    UsageError
        If the ending stands for no format, the format cannot hold the table, or the URL cannot be written to.
    OSError
        If the file cannot be written.

    Notes
    -----
    Provenance is written if the frame has the ``attrs`` of an answer, and so are units and UCDs, unless it is one of
    SQL.

    Examples
    --------
    >>> goodpix.write_table(cat.epochs(band="r"), "epochs.vot")
    """
    from ..provenance import Provenance  # loads SQLAlchemy, which would slow --help down

    chosen = format_of(path) if format_ is None else Format(format_)
    provenance = Provenance.of_frame(rows)
    name = "" if provenance.facts and not provenance.of_query else "sql"
    write_parts(rendered([rows], name, chosen, provenance if provenance.facts else None), path)


def write_parts(parts: Iterable[bytes], path: OutputPath) -> None:
    """Write the bytes of a file that comes in parts; it is whole or is not there."""
    with output_file(path) as file, file.open("wb") as out:
        out.writelines(parts)


def rendered(frames: Frames, name: str, format_: Format, provenance: "Provenance | None" = None) -> Iterator[bytes]:
    """Yield the bytes of a table that comes in parts, part by part where the format allows.

    Parameters
    ----------
    frames : iterable of DataFrame
        One or more parts with the same columns.
    name : str
        Name of the answer, see `goodpix.query.tables.texttable.LEADING`.
    format_ : Format
        Format to write.
    provenance : Provenance, optional
        Provenance of the answer, for formats that have a place for it.

    Raises
    ------
    UsageError
        If the format cannot hold the table.
    """
    try:
        yield from _WRITERS[format_](iter(frames), name, provenance)
    except UsageError:
        raise
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise UsageError(f"the answer cannot be written as {format_}: {' '.join(str(error).split())}") from error


def _text(frames: Frames, name: str, _provenance: "Provenance | None") -> Iterator[bytes]:
    return TextTable(name).lines(frames)


def _csv(frames: Frames, _name: str, _provenance: "Provenance | None") -> Iterator[bytes]:
    for number, rows in enumerate(frames):
        yield _bytes_as_text(rows).to_csv(index=False, header=number == 0).encode(errors="backslashreplace")


def _bytes_as_text(rows: "pd.DataFrame") -> "pd.DataFrame":
    if "O" not in [dtype.kind for dtype in rows.dtypes]:
        return rows
    return rows.map(lambda value: value.hex() if isinstance(value, bytes) else value)


def _json(frames: Frames, _name: str, _provenance: "Provenance | None") -> Iterator[bytes]:
    """Yield an array with an object per row; numbers keep all their digits, which `DataFrame.to_json` rounds."""
    separator = "[\n "
    for rows in frames:
        names = [str(column) for column in rows.columns]
        _refuse_twice(names)
        columns = [[_json_value(value) for value in column] for column in python_columns(rows)]
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
    return json.dumps(value.isoformat() if hasattr(value, "isoformat") else plain(value))


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


def _parquet(frames: Frames, name: str, provenance: "Provenance | None") -> Iterator[bytes]:
    import pyarrow as pa  # slow to import
    import pyarrow.parquet as pq

    sink, writer = _Sink(), None
    for rows in frames:
        _refuse_twice(list(rows.columns))
        table = pa.Table.from_pandas(rows, preserve_index=False)
        if writer is None:
            units = _units(rows, name)
            fields = [each.with_metadata(_told(each.name, units, name)) for each in table.schema]
            facts = {} if provenance is None else provenance.metadata()
            schema = pa.schema(fields, {**(table.schema.metadata or {}), **facts})
            writer = pq.ParquetWriter(sink, schema)
        writer.write_table(table.cast(writer.schema))
        yield sink.taken()
    if writer is not None:
        writer.close()
    yield sink.taken()


def _astropy(format_: Format) -> Callable[[Frames, str, "Provenance | None"], Iterator[bytes]]:
    def write(frames: Frames, name: str, provenance: "Provenance | None") -> Iterator[bytes]:
        from ..dataframes import joined
        from .astropytables import table_bytes  # slow to import

        rows = joined(frames)
        _refuse_twice([str(column) for column in rows.columns])
        yield table_bytes(format_, rows, provenance, described=name != "sql")

    return write


def _units(rows: "pd.DataFrame", name: str) -> dict[str, str]:
    """Return the unit of each column that has one; a query of SQL names columns as it likes."""
    from ..dataframes import units_of

    return {} if name == "sql" else units_of(rows)


def _told(column: str, units: Mapping[str, str], name: str) -> dict[str, str] | None:
    """Return the metadata of a column of a Parquet file."""
    told = {"unit": units.get(column), "ucd": None if name == "sql" else ucd_of(column)}
    return {key: value for key, value in told.items() if value is not None} or None


def _regions(frames: Frames, _name: str, provenance: "Provenance | None") -> Iterator[bytes]:
    """Yield regions for DS9: circles if the provenance has a radius, or else points."""
    radius = None if provenance is None else provenance.facts.get("radius_arcsec")
    comments = "" if provenance is None else provenance.comments()
    for number, rows in enumerate(frames):
        if not {"ra", "dec"} <= set(rows.columns):
            raise ValueError("it has no columns ra and dec")
        if number == 0:
            yield f"# Region file format: DS9 version 4.1\n{comments}icrs\n".encode()
        for ra, dec in zip(rows.ra.tolist(), rows.dec.tolist(), strict=True):
            shape = f"point({ra!r},{dec!r}) # point=x" if radius is None else f'circle({ra!r},{dec!r},{radius!r}")'
            yield f"{shape}\n".encode()


_WRITERS: dict[Format, Callable[[Iterator["pd.DataFrame"], str, "Provenance | None"], Iterator[bytes]]] = {
    Format.table: _text,
    Format.csv: _csv,
    Format.json: _json,
    Format.parquet: _parquet,
    Format.ecsv: _astropy(Format.ecsv),
    Format.votable: _astropy(Format.votable),
    Format.fits: _astropy(Format.fits),
    Format.reg: _regions,
}
