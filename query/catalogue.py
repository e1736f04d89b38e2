"""The catalogue, open for reading."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from ..schema.criteria import Selection
from ..schema.errors import UsageError
from ..schema.extras import optional
from ..schema.rows import MaskKey
from .background.dataset import SkyDataset, ccd_images, joined
from .background.studies import SkyStudies
from .filters import Bounds, FilterKeywords, TableKeywords
from .glance import Glance
from .listings import check_order, view_frame
from .maps.cataloguemaps import CatalogueMaps
from .masks.ccdmask import ccd_mask
from .masks.mask import Mask
from .masks.parallel import Mapped, map_masks
from .masks.reader import Kind, count_masks, find_masks
from .masks.selectioncounts import COUNT_COLUMNS, Recount, recounted
from .masks.tables import mask_frame, mask_table, run_frames, write_masks
from .places.catalogueplaces import CataloguePlaces
from .plots.catalogueplots import CataloguePlots
from .provenance import Provenance, described
from .source import open_source
from .tableshape import TableShape

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from .dashboard.server import DashboardServer

__all__ = ["Catalogue"]

_PACKAGE = f"{__name__.partition('.')[0]}."


class Catalogue(CataloguePlots, CatalogueMaps, CataloguePlaces, SkyStudies):
    """A catalogue of good background pixels, open read-only; a context manager.

    Parameters
    ----------
    url : str or path
        Database URL, or the path of an SQLite file.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If this software does not read the catalogue's version.

    Notes
    -----
    In all examples `cat` is the catalogue of ``goodpix demo``; `mask` is ``cat.mask("DES0131-3206", "r", 201000, 12)``.

    Examples
    --------
    >>> with Catalogue("sqlite:///goodpix.db") as cat:
    ...     len(cat.epochs(band="i", min={"fraction_good_se": 0.5}))
    4
    """

    def __init__(self, url: str | os.PathLike[str] = "sqlite:///goodpix.db") -> None:
        self._stack = ExitStack()
        self._source = self._stack.enter_context(open_source(url))
        CataloguePlots.__init__(self, self._source.database)
        CatalogueMaps.__init__(self, self._source)
        CataloguePlaces.__init__(self, self._source)
        SkyStudies.__init__(self, self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # an error of the caller's own has no cause in the database, which would be looked for in every row
        if any(frame.f_globals.get("__name__", "").startswith(_PACKAGE) for frame, _ in walk_tb(trace)):
            self._stack.__exit__(kind, error, trace)
        else:
            self.close()

    def close(self) -> None:
        """Close all connections.

        Examples
        --------
        >>> Catalogue("goodpix.db").close()
        """
        self._stack.close()

    def __repr__(self) -> str:
        return str(Glance.of(self.database, self.shown_url))

    def _repr_html_(self) -> str:
        """Return what is in the catalogue as HTML, for notebooks."""
        return Glance.of(self.database, self.shown_url).html()

    def epochs(
        self,
        *,
        selection: Selection | None = None,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[TableKeywords],
    ) -> "pd.DataFrame":
        """Return one row per epoch: the view ``epoch_quality``, with the derived columns of `ccds`; see `tiles`.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default. Counts and fractions are then computed from the masks,
            and the column ``selection`` describes it.
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
        **filters
            And `sort`, `limit`, `columns`: see `tiles`. `where` sees the stored counts, all others the selection's.

        Examples
        --------
        >>> cat.epochs(band="r", sort="-fwhm", limit=2).ccdnum.tolist()
        [46, 43]
        >>> len(cat.epochs(where="fwhm < :limit AND band IN ('r', 'i')", params={"limit": 4}))
        2
        >>> stored, wide = cat.epochs(band="i"), cat.epochs(band="i", selection=Selection(grow={"SE_SEG": 3}))
        >>> bool((wide.n_good < stored.n_good).all())
        True
        """
        shape, rest = TableShape.taken_from(filters)
        if selection is None:
            return view_frame(self.database, "epoch_quality", rest, shape)
        check_order(self.database, "epoch_quality", shape)
        bound = self._source.bound(selection)
        later, now = Bounds.taken_from(rest, COUNT_COLUMNS)
        found = self.map(Recount(bound), executor, workers=workers, **now)
        rows = recounted(view_frame(self.database, "epoch_quality", now), found, bound)
        return described(shape.of_frame(later.of_frame(rows), "epochs"), self.database.identity, selection)

    def with_background(self, folder: str | os.PathLike[str], **filters: Unpack[TableKeywords]) -> "pd.DataFrame":
        """Return `epochs`, or `ccds`, joined with the sky statistics in a folder; see `extend_background`.

        Returns
        -------
        DataFrame
            One row per epoch (CCD image in a folder by ``"ccd"``), or per part of it, with ``n_pixels_part`` pixels.
            Statistics are null if the folder has none for the present mask.

        Examples
        --------
        >>> done = cat.extend_background("sky", statistics=["median"], band="i")
        >>> cat.with_background("sky", band="i", max={"fwhm": 4}).n.tolist()
        [54964]
        """
        shape, rest = TableShape.taken_from(filters)
        images = ccd_images(self.database, rest) if SkyDataset(Path(folder)).is_by_ccd else self.epochs(**rest)
        return shape.of_frame(joined(images, Path(folder), self.database.identity), "with_background")

    def mask(self, tilename: str, band: str, expnum: int | None = None, ccdnum: int | None = None) -> Mask:
        """Return the mask of an epoch, or the coadd's own mask if `expnum` and `ccdnum` are omitted.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such mask.
        MaskFileError
            If its mask file is missing or damaged.

        Examples
        --------
        >>> cat.mask("DES0131-3206", "r", 201000, 12)
        <Mask of epoch 201000/12 (tile DES0131-3206, band r), 256 x 512, 80.8% good, 3198 runs>
        >>> cat.mask("DES0131-3206", "r").shape  # the coadd's own
        (600, 640)
        """
        if (expnum is None) != (ccdnum is None):
            raise UsageError("give both expnum and ccdnum, or neither for the coadd's own mask")
        key = MaskKey(tilename, band, "coadd" if expnum is None else "epoch", expnum, ccdnum)
        return self._source.mask(key)

    def masks(self, *, kind: Kind = "epoch", **filters: Unpack[FilterKeywords]) -> Iterator[Mask]:
        """Yield masks one at a time, file by file and in file order.

        If an ingest replaces a tile in the meantime, its masks are all old or all new.

        Parameters
        ----------
        kind : str
            ``"epoch"``, or ``"coadd"`` for the coadds' own masks.
        **filters
            See `epochs`, or `tiles` if `kind` is ``"coadd"``.

        Examples
        --------
        >>> [(mask.key.ccdnum, mask.count()) for mask in cat.masks(band="r")]
        [(12, 105971), (46, 55299), (43, 85782)]
        """
        return self._source.masks(filters, kind=kind)

    def map(
        self,
        func: Callable[[Mask], Any],
        executor: Executor | None = None,
        *,
        workers: int = 1,
        kind: Kind = "epoch",
        **filters: Unpack[FilterKeywords],
    ) -> Iterator[Mapped]:
        """Apply a function to each mask and yield the results as they complete.

        Parameters
        ----------
        func : callable
            Function of a `Mask`. For other processes it may be one of a script, a notebook's cell or a lambda, which
            travels with the global names that it uses; its return value must be picklable.
        executor : concurrent.futures.Executor, optional
            Executor to run it on, such as a Dask client's ``get_executor(pure=False)``.
        workers : int
            Number of processes on this machine if no executor is given; 1 means the calling process.
        kind : str
            See `masks`.
        **filters
            See `masks`.

        Yields
        ------
        Mapped
            ``key``, ``value`` and ``error`` of each mask, in any order if run in parallel. A mask that cannot be read
            or for which the function fails has an error and does not stop the others. If an ingest replaces a mask
            in the meantime, the function gets the old one or the new one.

        Raises
        ------
        UsageError
            If `workers` is less than 1, or `func` is no function.

        Examples
        --------
        >>> [(result.key.ccdnum, result.value) for result in cat.map(Mask.count, band="r")]
        [(12, 105971), (46, 55299), (43, 85782)]
        """
        places = find_masks(self.database, kind, filters)
        count = partial(count_masks, self.database, kind, filters)
        return map_masks(func, places, self.database, executor=executor, workers=workers, count=count)

    def to_pandas(self, *, kind: Kind = "epoch", **filters: Unpack[FilterKeywords]) -> "pd.DataFrame":
        """Return one row per mask, with its runs as arrays; `masks` needs less memory.

        Returns
        -------
        DataFrame
            Columns ``tilename``, ``band``, ``kind``, ``expnum``, ``ccdnum``, ``nx``, ``ny``,
            ``run_lengths`` (uint32 arrays) and ``run_flags`` (int64 arrays); ``lengths`` and ``flags`` are the same
            arrays, and go in the next version.

        Examples
        --------
        >>> frame = cat.to_pandas(band="i")
        >>> frame.run_lengths.map(sum).unique()  # pixels of each mask
        array([131072], dtype=uint32)
        """
        return described(mask_frame(self.masks(kind=kind, **filters)), self.database.identity)

    def to_arrow(self, *, kind: Kind = "epoch", **filters: Unpack[FilterKeywords]) -> "pa.Table":
        """Return masks like `to_pandas`, as an Arrow table with lengths and flags as lists.

        Examples
        --------
        >>> cat.to_arrow(band="r").select(["band", "expnum", "ccdnum"]).num_rows
        3
        """
        return mask_table(self.masks(kind=kind, **filters))

    def to_parquet(
        self,
        path: str | os.PathLike[str],
        *,
        kind: Kind = "epoch",
        plain: bool = False,
        **filters: Unpack[FilterKeywords],
    ) -> int:
        """Write the table of `to_arrow` to a Parquet file, one mask at a time; return the number of masks.

        With `plain` the file has no integers in BYTE_STREAM_SPLIT, which readers older than Parquet format 2.11 refuse,
        and is a quarter larger.

        Examples
        --------
        >>> cat.to_parquet("masks.parquet", band="r")
        3
        """
        provenance = Provenance.of(Selection(), catalogue=self.database.identity)
        return write_masks(self.masks(kind=kind, **filters), path, plain=plain, provenance=provenance)

    def runs(self, *, kind: Kind = "epoch", **filters: Unpack[FilterKeywords]) -> "Iterator[pd.DataFrame]":
        """Yield the runs of each mask, split at column ends, as a data frame.

        Yields
        ------
        DataFrame
            Columns ``tilename``, ``band``, ``expnum``, ``ccdnum``, ``x``, ``y`` (first pixel), ``length`` and
            ``flags``.

        Examples
        --------
        >>> next(cat.runs(band="r")).columns.tolist()
        ['tilename', 'band', 'expnum', 'ccdnum', 'x', 'y', 'length', 'flags']
        """
        return (described(rows, self.database.identity) for rows in run_frames(self.masks(kind=kind, **filters)))

    def ccd_mask(self, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of a whole CCD image, combined from all tiles that contain it.

        Each pixel takes its flags from the tile whose unique region contains it, or else from the first tile (by name)
        that covers it. Pixels that no tile covers are `OFF_COADD`.

        Parameters
        ----------
        band : str
            Filter band.
        expnum, ccdnum : int
            Exposure number and CCD number.

        Returns
        -------
        Mask
            Its key's tilename joins those of all tiles by ``+``.

        Raises
        ------
        MaskNotFoundError
            If no tile of the catalogue contains the image.
        MaskFileError
            If a mask file is missing or damaged.
        UsageError
            If the tiles disagree about the size of the image.

        Examples
        --------
        >>> cat.ccd_mask("r", 201000, 12)
        <Mask of epoch 201000/12 (tile DES0131-3206, band r), 256 x 512, 80.8% good, 3198 runs>
        """
        return ccd_mask(self._source.database, self._source.reader, band, expnum, ccdnum)

    def dashboard(
        self,
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        origins: Sequence[str] = (),
        basic_auth: str | None = None,
        proxy: str | None = None,
    ) -> "DashboardServer":
        """Serve the dashboard from a thread of this process; needs the extra ``dashboard``.

        In a notebook it is shown below the cell, through the proxy of JupyterHub, of a Jupyter server with
        jupyter-server-proxy or of an editor in the browser, if there is one.

        Parameters
        ----------
        port : int
            Port to listen on; 0 for any free port.
        address : str
            Address of this machine to listen on.
        origins : sequence of str
            Further host names by which browsers reach the server; see
            `goodpix.query.dashboard.server.DashboardServer`.
        basic_auth : str, optional
            Password that browsers must give, or a JSON file of passwords by user.
        proxy : str, optional
            Address behind another proxy, with ``{port}`` in place of the port, or an empty string for none.

        Returns
        -------
        DashboardServer
            The running server; open its ``url``, and end it with ``stop()``.

        Examples
        --------
        >>> pages = cat.dashboard()
        >>> pages.url.startswith("http://127.0.0.1:")
        True
        >>> pages.stop()
        """
        with optional("panel", "bokeh"):
            from .dashboard.server import DashboardServer  # Panel is an extra, and slow to import
        server = DashboardServer(
            self._source, port=port, address=address, origins=origins, basic_auth=basic_auth, proxy=proxy
        )
        return server.start()
