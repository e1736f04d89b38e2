"""The mask file: all masks of one tile and band, as Parquet."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .bits import BitNames
from .columns import columns, values_of
from .counts import Counts
from .errors import MalformedRunsError, MaskFileError, MaskFileMissingError, StoreError
from .masks.maskfilename import MaskFileName, generation_of
from .masks.rle import Runs
from .rows import MaskKey, MaskRow
from .store.masksroot import FORMAT_VERSION, MasksRoot
from .store.parquet import open_parquet
from .store.protocol import Place

__all__ = ["MASK_SCHEMA", "MaskFile", "MaskFileWriter"]

_ORDER = "column-major"
_ARROW_TYPES = {int: pa.int64(), float: pa.float64(), str: pa.string()}
_KEYS = ["tilename", "band", "kind", "expnum", "ccdnum"]


def _schema() -> pa.Schema:
    keys = [("tilename", pa.string()), ("band", pa.string()), ("kind", pa.string())]
    image = [("expnum", pa.int64()), ("ccdnum", pa.int16()), ("nx", pa.int32()), ("ny", pa.int32())]
    runs = [("lengths", pa.list_(pa.uint32())), ("flags", pa.list_(pa.int64())), ("checksum", pa.string())]
    counts = [(each.name, _ARROW_TYPES[each.kind]) for each in columns(Counts)]
    return pa.schema([*keys, *image, *runs, *counts, ("record", pa.string())])


MASK_SCHEMA: pa.Schema = _schema()
"""The columns of a mask file; one row and one row group per mask."""

_ROW_COLUMNS = [name for name in MASK_SCHEMA.names if name not in ("lengths", "flags")]


class MaskFileWriter:
    """Writes one mask file; a context manager that leaves nothing behind unless `finish` was called.

    Parameters
    ----------
    root : MasksRoot
        Where the file goes.
    tilename, band : str
        What it holds.
    generation : int
        How many files of this tile and band there have been, this one included.
    bit_names : BitNames
        The survey's mask bits, recorded in the file.

    Attributes
    ----------
    n_bytes : int
        Size of the file, once it is finished.
    """

    def __init__(self, root: MasksRoot, tilename: str, band: str, generation: int, bit_names: BitNames) -> None:
        self._name = MaskFileName(tilename, band, generation)
        software = version("goodpix")
        metadata = {
            "goodpix.format_version": str(FORMAT_VERSION),
            "goodpix.order": _ORDER,
            "goodpix.generation": str(generation),
            "goodpix.bits": json.dumps({"se": dict(bit_names.se), "coadd": dict(bit_names.coadd)}),
            "goodpix.version": software,
        }
        self._digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
        self._draft = root.store.draft(band)
        self._writer = pq.ParquetWriter(
            self._draft.file,
            MASK_SCHEMA,
            compression="zstd",
            compression_level=3,  # what others cost: docs/format.md
            use_dictionary=["flags.list.element"],
            column_encoding={"lengths.list.element": "BYTE_STREAM_SPLIT"},
            write_statistics=_KEYS,
            write_page_checksum=True,
            store_schema=False,  # Parquet's own types say it all, in a smaller footer
        )
        self._writer.add_key_value_metadata(metadata)
        self._n_rows = 0
        self.n_bytes = 0

    def __enter__(self) -> "MaskFileWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # after a full disk, closing fails once more; nothing of the file may stay all the same
        with suppress(OSError, ValueError, pa.ArrowException):
            if self._writer.is_open:
                self._writer.close()
        self._draft.discard()

    def add(self, row: MaskRow, runs: Runs) -> int:
        """Write one mask and return the number of its row group."""
        record = row.record
        values: dict[str, Any] = values_of(row.key) | values_of(row.counts)
        values |= {"nx": row.nx, "ny": row.ny, "checksum": row.checksum, "record": record}
        arrays = {name: _one(value, MASK_SCHEMA.field(name).type) for name, value in values.items()}
        for name, each in (("lengths", runs.lengths), ("flags", runs.flags)):
            offsets = _numbers(np.array([0, each.size], np.int32), pa.int32())
            arrays[name] = pa.ListArray.from_arrays(offsets, _numbers(each, MASK_SCHEMA.field(name).type.value_type))
        table = pa.Table.from_arrays([arrays[name] for name in MASK_SCHEMA.names], schema=MASK_SCHEMA)
        self._writer.write_table(table, row_group_size=1)
        self._digest.update(f"{row.key}{row.checksum}{record}".encode())
        self._n_rows += 1
        return self._n_rows - 1

    def finish(self) -> str:
        """Complete the file, give it its name, and return that, relative to the root."""
        self._writer.close()
        self.n_bytes = self._draft.file.tell()
        name = self._name.with_hash(self._digest.hexdigest())
        self._draft.publish(name)
        return name


@dataclass(frozen=True, slots=True, eq=False)
class MaskFile:
    """A mask file, opened for reading.

    Parameters
    ----------
    path : Path or StoredObject
        The file.
    """

    path: Place
    _parquet: pq.ParquetFile

    @classmethod
    def open(cls, path: Place, *, whole: bool = False) -> "MaskFile":
        """Open a mask file.

        Parameters
        ----------
        path : Path or StoredObject
            The file.
        whole : bool
            Whether all of it is going to be read, which makes a difference in an object store.

        Raises
        ------
        MaskFileError
            If the file is missing, is not a mask file, is of another format version, or of another generation than
            its name says.
        StoreError
            If its store cannot be reached, or refuses. So it is with all that is read of the file later.
        """
        try:
            parquet = open_parquet(path, whole=whole)
            found = (parquet.metadata.metadata or {}).get(b"goodpix.format_version", b"none").decode()
            same_columns = parquet.schema_arrow.equals(MASK_SCHEMA)
        except StoreError:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        if found != str(FORMAT_VERSION):
            raise MaskFileError(f"mask file {path}: format version {found}, expected {FORMAT_VERSION}")
        if not same_columns:
            raise MaskFileError(f"mask file {path}: its columns are not those of format {FORMAT_VERSION}")
        opened = cls(path, parquet)
        named = generation_of(str(path))
        if named not in (None, opened.generation):
            why = f"it is of generation {opened.generation}, its name says {named}"
            raise MaskFileError(_damaged(path, why))
        return opened

    def fetched(self) -> "MaskFile":
        """Return the same file, from which much is going to be read: one in an object store is fetched at once."""
        return self if isinstance(self.path, Path) else MaskFile.open(self.path, whole=True)

    def __len__(self) -> int:
        return int(self._parquet.num_row_groups)

    @property
    def generation(self) -> int:
        """How many files of its tile and band there had been, itself included, as it says itself."""
        try:
            return int(self._said("generation"))
        except ValueError as error:
            raise MaskFileError(_damaged(self.path, error)) from error

    @property
    def bit_names(self) -> BitNames:
        """The names of the mask bits that it carries."""
        try:
            bits = json.loads(self._said("bits"))
            return BitNames(bits["se"], bits["coadd"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise MaskFileError(_damaged(self.path, error)) from error

    def _said(self, name: str) -> str:
        """Return what its footer says by a name; nothing where it does not."""
        found: bytes = (self._parquet.metadata.metadata or {}).get(f"goodpix.{name}".encode(), b"")
        return found.decode()

    def row(self, row_group: int) -> MaskRow:
        """Return one row without its runs.

        Raises
        ------
        MaskFileError
            If the file is damaged or has no such row.
        """
        try:
            return MaskRow.from_values(self._values(row_group, _ROW_COLUMNS))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MaskFileError(_damaged(self.path, error)) from error

    def rows(self) -> Iterator[MaskRow]:
        """Yield every row without its runs, in file order."""
        for row_group in range(len(self)):
            yield self.row(row_group)

    def runs(self, row_group: int, key: MaskKey | None = None) -> Runs:
        """Return the runs of one mask, checked.

        Parameters
        ----------
        row_group : int
            Which mask.
        key : MaskKey, optional
            What it has to be the mask of.

        Raises
        ------
        MaskFileError
            If the file is damaged, has no such row, the checksum does not hold, or the mask is of something else.
        """
        table = self._table(row_group, [*(_KEYS if key else ()), "nx", "ny", "lengths", "flags", "checksum"])
        try:
            lengths, flags = _runs_of(table)
            nx, ny = (table[name][0].as_py() for name in ("nx", "ny"))
            found = _key_of(table) if key else None
            runs = Runs(nx, ny, lengths, flags)
        except (MalformedRunsError, TypeError, ValueError, pa.ArrowException) as error:
            raise MaskFileError(_damaged(self.path, error)) from error
        if found != key:
            raise MaskFileError(_damaged(self.path, f"row {row_group} is {found}, expected {key}"))
        if runs.checksum != table["checksum"][0].as_py():
            raise MaskFileError(_damaged(self.path, f"row {row_group}: its checksum does not hold"))
        return runs

    def flags_at(self, row_group: int, pixels: npt.NDArray[np.int64], key: MaskKey) -> npt.NDArray[np.int64]:
        """Return the flags of some pixels of one mask, faster than all of its runs are read and checked.

        What is read is checked by the CRCs of its pages, and not by the checksum of the runs.

        Parameters
        ----------
        row_group : int
            Which mask.
        pixels : ndarray of int64, shape (n,)
            Pixels inside the image, ``k = x * ny + y``.
        key : MaskKey
            What it has to be the mask of.

        Raises
        ------
        MaskFileError
            If the file is damaged, has no such row, or the mask is of something else.
        """
        table = self._table(row_group, [*_KEYS, "lengths", "flags"])
        try:
            lengths, flags = _runs_of(table)
            found = _key_of(table)
            out: npt.NDArray[np.int64] = flags[np.searchsorted(np.cumsum(lengths, dtype=np.int64), pixels, "right")]
        except (IndexError, TypeError, ValueError, pa.ArrowException) as error:
            raise MaskFileError(_damaged(self.path, error)) from error
        if found != key:
            raise MaskFileError(_damaged(self.path, f"row {row_group} is {found}, expected {key}"))
        return out

    def _values(self, row_group: int, names: list[str]) -> dict[str, Any]:
        table = self._table(row_group, names)
        try:
            values: dict[str, Any] = table.to_pylist()[0]
        except (ValueError, pa.ArrowException) as error:
            raise MaskFileError(_damaged(self.path, error)) from error
        return values

    def _table(self, row_group: int, names: list[str]) -> pa.Table:
        if not 0 <= row_group < len(self):
            raise MaskFileError(_damaged(self.path, f"it has {len(self)} masks, none at {row_group}"))
        try:
            table = self._parquet.read_row_group(row_group, columns=names)
        except StoreError:
            raise
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from error
        if table.num_rows != 1:
            raise MaskFileError(_damaged(self.path, f"row group {row_group} has {table.num_rows} rows"))
        return table


def _runs_of(table: pa.Table) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Return lengths and flags of a table of one row."""
    return table["lengths"].chunk(0).values.to_numpy(), table["flags"].chunk(0).values.to_numpy()


def _key_of(table: pa.Table) -> MaskKey:
    """Return the key of a table of one row."""
    return MaskKey(*(table[name][0].as_py() for name in _KEYS))


# pa.array would do, but loads pandas, which takes half a second of every process.
def _one(value: object, kind: pa.DataType) -> pa.Array:
    """Return an array of one value, or of one null."""
    if value is None:
        return pa.nulls(1, kind)
    if isinstance(value, str):
        text = value.encode()
        offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
        return pa.Array.from_buffers(kind, 1, [None, offsets, pa.py_buffer(text)])
    return _numbers(np.array([value], kind.to_pandas_dtype()), kind)


def _numbers(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    return pa.Array.from_buffers(kind, values.size, [None, pa.py_buffer(np.ascontiguousarray(values))])


def _unreadable(path: Place, error: Exception) -> MaskFileError:
    """Return an error that says whether a file is missing, damaged, or the system would not let it be read."""
    if isinstance(error, FileNotFoundError):
        return MaskFileMissingError(f"mask file {path} is missing: goodpix ingest makes it again")
    if isinstance(error, OSError) and error.errno is not None:
        return MaskFileError(f"mask file {path} cannot be read: {' '.join(str(error).split())[:200]}")
    return MaskFileError(_damaged(path, error))


def _damaged(path: Place, why: object) -> str:
    return (
        f"mask file {path} is damaged: goodpix verify --repair, then goodpix ingest, makes it again "
        f"({' '.join(str(why).split())[:200]})"
    )
