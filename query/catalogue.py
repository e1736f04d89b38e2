"""The catalogue, opened for reading."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ..schema import tables
from ..schema.database import Database, open_for_reading, parse_url, shown
from ..schema.errors import MaskNotFoundError, UsageError
from ..schema.maskfile import MaskFile
from ..schema.masksroot import FORMAT_VERSION
from ..schema.rows import MaskKey
from ..schema.views import VIEWS
from .filters import Filters
from .frames import frame
from .mask import Mask
from .readonlysql import run_query

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Catalogue"]

# Mask files that stay open.
_FILES_OPEN = 8

_MASK_COLUMNS = ("tilename", "band", "expnum", "ccdnum", "mask_row_group")


class Catalogue:
    """A catalogue of good background pixels, opened read-only; a context manager.

    Parameters
    ----------
    url : str or path
        Database URL, or a SQLite file.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If it is of another version than this software reads.

    Examples
    --------
    >>> with Catalogue("sqlite:///goodpix.db") as cat:  # doctest: +SKIP
    ...     cat.epochs(band="i", min={"fraction_good_se": 0.5})
    """

    def __init__(self, url: str | os.PathLike[str] = "sqlite:///goodpix.db") -> None:
        self._url = parse_url(url)
        self._stack = ExitStack()
        self._database: Database = self._stack.enter_context(open_for_reading(url))
        root = self._database.root
        # opening a file takes as long as reading a mask; a mask file never changes
        self._open = lru_cache(maxsize=_FILES_OPEN)(lambda mask_file: MaskFile.open(root.path(mask_file)))

    def __enter__(self) -> "Catalogue":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._open.cache_clear()
        self._stack.close()

    @property
    def database(self) -> Database:
        """The open database, and what the catalogue is."""
        return self._database

    def info(self) -> dict[str, object]:
        """Return what the catalogue is, and how many rows it has, by name."""
        identity = self._database.identity
        counted = {"coadds": tables.coadd, "epochs": tables.epoch, "failures": tables.failure}
        with self._database.engine.connect() as connection:
            n_rows = {
                name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
                for name, table in counted.items()
            }
        return {
            "database": shown(self._url),
            "masks": str(self._database.root.folder),
            "uuid": identity.uuid,
            "format_version": FORMAT_VERSION,
            "campaign": identity.campaign,
            "wcs_source": identity.wcs_source,
            **n_rows,
        }

    def epochs(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per epoch: the columns of the view ``epoch_quality``.

        Parameters
        ----------
        **filters
            See `goodpix.query.filters.Filters`.

        Returns
        -------
        DataFrame
            Empty, with its columns, where nothing matches.

        Raises
        ------
        UnknownNameError
            If a filter or column does not exist.
        """
        return self._view("epoch_quality", filters)

    def tiles(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per tile and band: the view ``tile_quality``; see `epochs`."""
        return self._view("tile_quality", filters)

    def ccds(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per CCD image, each once: the view ``ccd_quality``; see `epochs`."""
        return self._view("ccd_quality", filters)

    def exposures(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per exposure: the view ``exposure_quality``; see `epochs`."""
        return self._view("exposure_quality", filters)

    def bits(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per mask bit of each plane of each epoch: ``bit_quality``; see `epochs`."""
        return self._view("bit_quality", filters)

    def failures(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per input that failed: the table ``failure``; see `epochs`."""
        wanted = Filters.of(**filters)
        failure = tables.failure
        query = sa.select(failure).where(*wanted.conditions(failure)).order_by(failure.c.failure_key)
        return self._frame(query)

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> "pd.DataFrame":
        """Return the answer of one SQL query, which can read everything and change nothing.

        Parameters
        ----------
        query : str
            One SELECT; values as ``:name``.
        parameters : mapping, optional
            Values by name.

        Raises
        ------
        UsageError
            If the query is not one, is wrong, or would change something.
        """
        with self._database.engine.connect() as connection:
            return run_query(connection, query, parameters or {})

    def mask(self, tilename: str, band: str, expnum: int | None = None, ccdnum: int | None = None) -> Mask:
        """Return one mask: of an epoch, or the coadd's own where no exposure is given.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such mask.
        MaskFileError
            If its mask file is missing or damaged.
        """
        if (expnum is None) != (ccdnum is None):
            raise UsageError("give expnum and ccdnum both, or neither for the coadd's own mask")
        key = MaskKey(tilename, band, "coadd" if expnum is None else "epoch", expnum, ccdnum)
        coadd, epoch = tables.coadd.c, tables.epoch.c
        query = sa.select(coadd.mask_file, coadd.mask_row_group).where(coadd.tilename == tilename, coadd.band == band)
        if expnum is not None:
            query = (
                sa.select(coadd.mask_file, epoch.mask_row_group)
                .join_from(tables.coadd, tables.epoch, _same_tile())
                .where(
                    coadd.tilename == tilename,
                    coadd.band == band,
                    epoch.expnum == int(expnum),
                    epoch.ccdnum == int(ccdnum or 0),
                )
            )
        with self._database.engine.connect() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            raise MaskNotFoundError(f"the catalogue has no mask of {key}")
        return self._read(found.mask_file, found.mask_row_group, key)

    def masks(self, *, kind: str = "epoch", **filters: Any) -> Iterator[Mask]:
        """Yield masks one at a time, file by file, in file order.

        Parameters
        ----------
        kind : str
            ``"epoch"``, or ``"coadd"`` for the coadds' own masks.
        **filters
            See `epochs`; of `tiles` where `kind` is ``"coadd"``.
        """
        for mask_file, keys in self._by_file(kind, filters):
            for row_group, key in keys:
                yield self._read(mask_file, row_group, key)

    def to_pandas(self, *, kind: str = "epoch", **filters: Any) -> "pd.DataFrame":
        """Return one row per mask, with its runs as arrays.

        Returns
        -------
        DataFrame
            Columns ``tilename``, ``band``, ``kind``, ``expnum``, ``ccdnum``, ``nx``, ``ny``,
            ``lengths`` (uint32 arrays) and ``flags`` (int64 arrays).
        """
        import pandas as pd  # slow to import

        columns = ["tilename", "band", "kind", "expnum", "ccdnum", "nx", "ny", "lengths", "flags"]
        rows = []
        for mask in self.masks(kind=kind, **filters):
            key, runs = mask.key, mask.encoded
            rows.append(
                (key.tilename, key.band, key.kind, key.expnum, key.ccdnum, runs.nx, runs.ny, runs.lengths, runs.flags)
            )
        return pd.DataFrame(rows, columns=columns)

    def _by_file(self, kind: str, filters: Mapping[str, Any]) -> list[tuple[str, list[tuple[int, MaskKey]]]]:
        """Return the mask files that hold what is wanted, and which of their rows."""
        if kind not in ("epoch", "coadd"):
            raise UsageError(f"kind is {kind!r}: expected epoch or coadd")
        wanted = Filters.of(**filters)
        coadd, epoch = tables.coadd, tables.epoch
        if kind == "coadd":
            query = sa.select(coadd).where(*wanted.conditions(coadd)).order_by(coadd.c.tilename, coadd.c.band)
        else:
            columns = (epoch.c[name] for name in _MASK_COLUMNS)
            query = (
                sa.select(coadd.c.mask_file, *columns)
                .join_from(coadd, epoch, _same_tile())
                .where(*wanted.conditions(epoch))
                .order_by(epoch.c.tilename, epoch.c.band, epoch.c.mask_row_group)
            )
        files: dict[str, list[tuple[int, MaskKey]]] = {}
        with self._database.engine.connect() as connection:
            for row in connection.execute(query).mappings():
                key = MaskKey(row["tilename"], row["band"], kind, row.get("expnum"), row.get("ccdnum"))
                files.setdefault(row["mask_file"], []).append((row["mask_row_group"], key))
        return list(files.items())

    def _read(self, mask_file: str, row_group: int, key: MaskKey) -> Mask:
        return Mask(key, self._open(mask_file).runs(row_group, key), self._database.identity.bit_names)

    def _view(self, name: str, filters: Mapping[str, Any]) -> "pd.DataFrame":
        view = VIEWS[name].table
        key = [c for c in view.c if c.name in ("tilename", "band", "expnum", "ccdnum", "plane", "bit")]
        query = sa.select(view).where(*Filters.of(**filters).conditions(view)).order_by(*key)
        return self._frame(query)

    def _frame(self, query: "sa.Select[Any]") -> "pd.DataFrame":
        with self._database.engine.connect() as connection:
            return frame(query.selected_columns, connection.execute(query))


def _same_tile() -> sa.ColumnElement[bool]:
    coadd, epoch = tables.coadd.c, tables.epoch.c
    return sa.and_(coadd.tilename == epoch.tilename, coadd.band == epoch.band)
