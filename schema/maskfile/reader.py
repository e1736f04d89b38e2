"""Reading of mask files."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..bits import BitNames
from ..columns import MAX_JSON, check_text, json_object
from ..errors import (
    MalformedRunsError,
    MaskFileError,
    MaskFileUnreadableError,
    StoreError,
    UsageError,
    damaged_mask_file,
    mask_file_error,
)
from ..inputs.profile import ProfileId
from ..masks.maskfilename import generation_of
from ..masks.rle import MAX_PIXELS, Runs
from ..masks.runpixels import find_runs
from ..rows import MaskKey, MaskRow
from ..store.masksroot import FORMAT_VERSION, READABLE_FORMATS
from ..store.parquet import OpenParquet, open_parquet
from ..store.protocol import Place
from .head import HEAD_COLUMNS, MaskHead, verified_heads
from .layout import LISTS, MASK_SCHEMA

__all__ = ["MaskFile"]

# Limits of what is read before the number of pixels is known: runs of a mask, and bytes of a value in another column.
_FEW_RUNS, _MAX_BYTES = 1 << 19, 2 * MAX_JSON

_ROW_COLUMNS = [name for name in MASK_SCHEMA.names if name not in LISTS]


@dataclass(frozen=True, slots=True, eq=False)
class MaskFile:
    """A mask file open for reading.

    Parameters
    ----------
    path : Path or StoredObject
        Location of the file.
    """

    path: Place
    _parquet: OpenParquet
    _verified: dict[int, MaskHead]

    @classmethod
    def open(cls, path: Place, *, whole: bool = False) -> "MaskFile":
        """Open a mask file.

        Parameters
        ----------
        path : Path or StoredObject
            Location of the file.
        whole : bool
            Whether all of the file will be read; an object is then fetched in one request.

        Raises
        ------
        MaskFileError
            If the file is missing, is no mask file of a known format, or has a generation other than that in its name;
            a `MaskFileUnreadableError`, here and in later reads, if it cannot be read for the moment.
        StoreError
            If the store cannot be reached or denies access. Later reads of the file can raise it too.
        """
        try:
            verified = verified_heads(path)
            parquet = open_parquet(path, whole=whole)
            metadata = parquet.file.metadata.metadata or {}
            format_version = metadata.get(b"goodpix.format_version", b"none").decode()[:80]
            same_columns = parquet.file.schema_arrow.equals(MASK_SCHEMA)
        except (StoreError, UsageError):
            raise  # nothing is known of the file: the store's library may be missing
        except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
            raise mask_file_error(path, error) from error
        if format_version not in map(str, READABLE_FORMATS):
            # a file of a newer goodpix is not damaged
            newer = format_version.isdecimal() and int(format_version) > FORMAT_VERSION
            raise (MaskFileUnreadableError if newer else MaskFileError)(
                f"mask file {path}: format version {format_version}, expected {FORMAT_VERSION} or older: "
                "use the version of goodpix that wrote it"
            )
        if not same_columns:
            raise MaskFileError(f"mask file {path}: its columns are not those of format {format_version}")
        opened = cls(path, parquet, verified)
        named_generation = generation_of(str(path))
        if named_generation not in (None, opened.generation):
            raise opened._damaged(f"its metadata says generation {opened.generation}, its name {named_generation}")
        return opened

    def fetched(self) -> "MaskFile":
        """Return the file ready for reading most of it: an object is fetched whole."""
        return self if isinstance(self.path, Path) else MaskFile.open(self.path, whole=True)

    def __len__(self) -> int:
        return int(self._parquet.file.num_row_groups)

    @property
    def generation(self) -> int:
        """Generation of the file, from its metadata."""
        try:
            return int(self._metadata("generation"))
        except ValueError as error:
            raise self._damaged(error) from error

    @property
    def bit_names(self) -> BitNames:
        """Names of the mask bits, from the file's metadata."""
        try:
            bits = json_object(self._metadata("bits"), "bits")
            for name in (*bits["se"], *bits["coadd"]):
                check_text("name of a bit", name)
            return BitNames(bits["se"], bits["coadd"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(error) from error

    @property
    def profile(self) -> str | None:
        """Profile of the images, from the file's metadata; None in format 1."""
        return self._metadata("profile") or None

    @property
    def profile_id(self) -> ProfileId:
        """Name and version of the profile; des-pizza-cutter in format 1."""
        try:
            return ProfileId.recorded(self.profile, self._metadata("profile_version"))
        except UsageError as error:
            raise self._damaged(error) from error

    @property
    def has_coadd(self) -> bool:
        """True if the file holds the mask of a coadd, as all do whose metadata say nothing else."""
        return self._metadata("coadd") != "none"

    @property
    def segmentation(self) -> str | None:
        """Source of the segmentation maps, from the file's metadata; None in format 1."""
        return self._metadata("segmentation") or None

    @property
    def area_good_any_unique(self) -> float | None:
        """Sky area that is good in at least one epoch, within the unique region, arcmin^2, from the file's metadata.

        None if the tile has no unique region, and in files of software that did not record it.
        """
        text = self._metadata("area_good_any_unique")
        if not text:
            return None
        try:
            area = float(text)
        except ValueError as error:
            raise self._damaged(error) from error
        if not 0 <= area < math.inf:
            raise self._damaged(f"area_good_any_unique is {area}: expected an area")
        return area

    def _metadata(self, name: str) -> str:
        """Return a value of the footer's metadata; empty if absent."""
        value: bytes = (self._parquet.file.metadata.metadata or {}).get(f"goodpix.{name}".encode(), b"")
        return value.decode(errors="replace")

    def row(self, row_group: int) -> MaskRow:
        """Return one row without its runs.

        Raises
        ------
        MaskFileError
            If the file is damaged or the row does not exist.
        """
        try:
            return MaskRow.from_values(self._table(row_group, _ROW_COLUMNS).to_pylist()[0])
        except (KeyError, TypeError, ValueError, pa.ArrowException) as error:
            raise self._damaged(error) from error

    def rows(self) -> Iterator[MaskRow]:
        """Yield every row without its runs, in file order."""
        for row_group in range(len(self)):
            yield self.row(row_group)

    def runs(self, row_group: int, key: MaskKey | None = None, *, recheck: bool = False) -> Runs:
        """Return the runs of a mask, whose checksum is verified once per file and process.

        Parameters
        ----------
        row_group : int
            Index of the mask's row group.
        key : MaskKey, optional
            Expected key of the mask.
        recheck : bool
            Verify the checksum even if it was verified before. The CRCs of Parquet's pages always are.

        Raises
        ------
        MaskFileError
            If the file is damaged, the row does not exist, the checksum does not match, or the mask has another key.
        """
        verified = None if recheck else self._verified.get(row_group)
        try:
            head, lengths, flags = self._contents(row_group, verified)
            runs = Runs(head.nx, head.ny, lengths, flags)
        except (MalformedRunsError, TypeError, ValueError, pa.ArrowException) as error:
            raise self._damaged(error) from error
        self._check_key(row_group, head, key)
        if verified is None:
            if runs.checksum != head.checksum:
                raise self._damaged(f"row {row_group}: the checksum does not match its runs")
            self._verified[row_group] = head
        return runs

    def flags_at(self, row_group: int, pixels: npt.NDArray[np.int64], key: MaskKey) -> npt.NDArray[np.int64]:
        """Return the flags of some pixels of a mask, faster than `runs`.

        Only the page CRCs are verified, not the checksum of the runs.

        Parameters
        ----------
        row_group : int
            Index of the mask's row group.
        pixels : ndarray of int64, shape (n,)
            Pixels inside the image, ``k = x * ny + y``.
        key : MaskKey
            Expected key of the mask.

        Raises
        ------
        MaskFileError
            If the file is damaged, the row does not exist, or the mask has another key.
        """
        try:
            head, lengths, flags = self._contents(row_group, self._verified.get(row_group))
            out: npt.NDArray[np.int64] = flags[find_runs(lengths, pixels)]
        except (IndexError, TypeError, ValueError, pa.ArrowException) as error:
            raise self._damaged(error) from error
        self._check_key(row_group, head, key)
        return out

    def _check_key(self, row_group: int, head: MaskHead, key: MaskKey | None) -> None:
        if key is not None and head.key != key:
            raise self._damaged(f"row {row_group} is {head.key}, expected {key}")

    def _contents(self, row_group: int, head: MaskHead | None) -> "_Contents":
        """Return the head, lengths and flags of a mask; the head given if there is one."""
        self._check_row_group(row_group)
        self._check_sizes(row_group, LISTS)
        lengths, flags = (self._parquet.read_list(row_group, MASK_SCHEMA.get_field_index(name)) for name in LISTS)
        if lengths is None or flags is None:
            table = self._table(row_group, [*HEAD_COLUMNS, *LISTS])
            lengths, flags = (table[name].chunk(0).values.to_numpy() for name in LISTS)
            return _Contents(MaskHead.of(table), lengths, flags)
        return _Contents(head or MaskHead.of(self._table(row_group, HEAD_COLUMNS)), lengths, flags)

    def _damaged(self, why: object) -> MaskFileError:
        return MaskFileError(damaged_mask_file(self.path, why))

    def _check_row_group(self, row_group: int) -> None:
        if not 0 <= row_group < len(self):
            raise self._damaged(f"there is no row {row_group} among its {len(self)} masks")

    def _table(self, row_group: int, names: Sequence[str]) -> pa.Table:
        self._check_row_group(row_group)
        self._check_sizes(row_group, names)
        try:
            table = self._parquet.read_columns(row_group, names)
        except StoreError:
            raise
        except (OSError, ValueError, MemoryError, pa.ArrowException) as error:
            raise mask_file_error(self.path, error) from error
        if table.num_rows != 1:
            raise self._damaged(f"row group {row_group} has {table.num_rows} rows")
        return table

    def _check_sizes(self, row_group: int, names: Sequence[str]) -> None:
        """Raise an error if columns of a mask would take more memory than those of any mask do."""
        group = self._parquet.file.metadata.row_group(row_group)
        for name in names:
            chunk = group.column(MASK_SCHEMA.get_field_index(name))
            if name not in LISTS:
                if chunk.total_uncompressed_size > _MAX_BYTES:
                    raise self._damaged(f"row {row_group}: {name} takes more than {_MAX_BYTES:,} bytes")
            elif chunk.num_values > _FEW_RUNS and chunk.num_values > self._n_pixels(row_group):
                raise self._damaged(f"row {row_group}: it has more runs than pixels")

    def _n_pixels(self, row_group: int) -> int:
        """Return the number of pixels of a mask, at most that of the largest image."""
        (size,) = self._table(row_group, ["nx", "ny"]).to_pylist()
        return min((size["nx"] or 0) * (size["ny"] or 0), MAX_PIXELS)


class _Contents(NamedTuple):
    """Head and runs of a mask, not yet checked."""

    head: MaskHead
    lengths: npt.NDArray[np.uint32]
    flags: npt.NDArray[np.int64]
