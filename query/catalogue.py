"""The catalogue, opened for reading."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..schema.criteria import Selection
from ..schema.errors import UsageError
from ..schema.masks.boundselection import BoundSelection
from ..schema.rows import MaskKey
from .background.dataset import joined
from .background.studies import SkyStudies
from .filters import Bounds
from .listings import Listings, view_frame
from .maps.cataloguemaps import CatalogueMaps
from .maps.ccdmask import ccd_mask
from .masks.mask import Mask
from .masks.parallel import Mapped, map_masks
from .masks.reader import find_masks
from .masks.selectioncounts import COUNT_COLUMNS, Recount, recounted
from .masks.tables import mask_frame, mask_table, run_frames, write_masks
from .position.at import epochs_at
from .source import open_source

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from .dashboard.server import DashboardServer

__all__ = ["Catalogue"]


class Catalogue(Listings, CatalogueMaps, SkyStudies):
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
        self._stack = ExitStack()
        self._source = self._stack.enter_context(open_source(url))
        Listings.__init__(self, self._source.database)
        CatalogueMaps.__init__(self, self._source)
        SkyStudies.__init__(self, self._source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._stack.close()

    def epochs(
        self,
        *,
        selection: Selection | None = None,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Any,
    ) -> "pd.DataFrame":
        """Return one row per epoch: the columns of the view ``epoch_quality``.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the stored one. Every mask is read, and counts and fractions are
            those of this definition, which the column ``selection`` names.
        executor : concurrent.futures.Executor, optional
            What reads the masks, see `map`.
        workers : int
            Processes that read them, where no executor is given.
        **filters
            See `goodpix.query.filters.Filters`. Bounds on counts hold for the selection's; `where` is about
            what is stored.

        Returns
        -------
        DataFrame
            Empty, with its columns, where nothing matches.

        Raises
        ------
        UnknownNameError
            If a filter or column does not exist.
        """
        if selection is None:
            return view_frame(self.database, "epoch_quality", filters)
        bound = BoundSelection.of(selection, self.database.identity.bit_names)
        later, now = Bounds.taken_from(filters, COUNT_COLUMNS)
        stored = view_frame(self.database, "epoch_quality", now)
        found = self.map(Recount(bound), executor, workers=workers, **now)
        return later.of_frame(recounted(stored, found, bound))

    def with_background(self, folder: str | os.PathLike[str], **filters: Any) -> "pd.DataFrame":
        """Return epochs, see `epochs`, beside what a folder of sky statistics has of each; see `extend_background`.

        Returns
        -------
        DataFrame
            One row per epoch, or per part of it, whose pixels are ``n_pixels_part``; ``n_pixels`` are the epoch's.
            Nulls where the folder has nothing of the epoch's mask as it is now.

        Examples
        --------
        >>> cat.with_background("sky", band="i", max={"fwhm": 4})  # doctest: +SKIP
        """
        return joined(self.epochs(**filters), Path(folder))

    def mask(self, tilename: str, band: str, expnum: int | None = None, ccdnum: int | None = None) -> Mask:
        """Return one mask: of an epoch, or the coadd's own where no exposure is given.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such mask.
        MaskFileError
            If its mask file is missing or damaged.

        Examples
        --------
        >>> mask = cat.mask("DES0124-3332", "i", 492768, 11)  # doctest: +SKIP
        >>> own = cat.mask("DES0124-3332", "i")  # doctest: +SKIP
        """
        if (expnum is None) != (ccdnum is None):
            raise UsageError("give expnum and ccdnum both, or neither for the coadd's own mask")
        key = MaskKey(tilename, band, "coadd" if expnum is None else "epoch", expnum, ccdnum)
        return self._source.mask(key)

    def masks(self, *, kind: str = "epoch", **filters: Any) -> Iterator[Mask]:
        """Yield masks one at a time, file by file, in file order.

        A tile that an ingest replaces meanwhile is the old one or the new one.

        Parameters
        ----------
        kind : str
            ``"epoch"``, or ``"coadd"`` for the coadds' own masks.
        **filters
            See `epochs`; of `tiles` where `kind` is ``"coadd"``.
        """
        return self._source.masks(filters, kind=kind)

    def map(
        self,
        func: Callable[[Mask], Any],
        executor: Executor | None = None,
        *,
        workers: int = 1,
        kind: str = "epoch",
        **filters: Any,
    ) -> Iterator[Mapped]:
        """Yield what a function returns for each mask, as it comes.

        Parameters
        ----------
        func : callable
            Takes a `Mask`. With an executor or workers it has to be one that can be pickled: a function of a
            module, not a lambda; and so has its result.
        executor : concurrent.futures.Executor, optional
            What does the work, such as a Dask client's ``get_executor(pure=False)``.
        workers : int
            Processes of this machine that do it, where no executor is given; 1 is the calling process.
        kind : str
            See `masks`.
        **filters
            See `epochs`.

        Yields
        ------
        Mapped
            ``key``, ``value`` and ``error`` of each mask, in any order where others do the work: one that cannot be
            read or for which the function fails has an error, and ends nothing. One that an ingest replaces
            meanwhile is the old one or the new.

        Raises
        ------
        UsageError
            If `workers` is less than 1.

        Examples
        --------
        >>> for each in cat.map(Mask.count, workers=4, band="i"):  # doctest: +SKIP
        ...     print(each.key, each.value)
        """
        places = find_masks(self.database, kind, filters)
        return map_masks(func, places, self.database, executor=executor, workers=workers)

    def to_pandas(self, *, kind: str = "epoch", **filters: Any) -> "pd.DataFrame":
        """Return one row per mask, with its runs as arrays; see `masks`, which yields them one at a time.

        Returns
        -------
        DataFrame
            Columns ``tilename``, ``band``, ``kind``, ``expnum``, ``ccdnum``, ``nx``, ``ny``,
            ``lengths`` (uint32 arrays) and ``flags`` (int64 arrays).
        """
        return mask_frame(self.masks(kind=kind, **filters))

    def to_arrow(self, *, kind: str = "epoch", **filters: Any) -> "pa.Table":
        """Return the same as an Arrow table, lengths and flags as lists."""
        return mask_table(self.masks(kind=kind, **filters))

    def to_parquet(self, path: str | os.PathLike[str], *, kind: str = "epoch", **filters: Any) -> int:
        """Write the same to a Parquet file, one mask at a time; return how many.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        return write_masks(self.masks(kind=kind, **filters), path)

    def runs(self, *, kind: str = "epoch", **filters: Any) -> "Iterator[pd.DataFrame]":
        """Yield the runs of each mask, split at column ends, as a data frame.

        Yields
        ------
        DataFrame
            Columns ``tilename``, ``band``, ``expnum``, ``ccdnum``, ``x``, ``y`` (first pixel), ``length`` and
            ``flags``.
        """
        return run_frames(self.masks(kind=kind, **filters))

    def ccd_mask(self, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of one CCD image over all tiles that hold it.

        A pixel takes the flags of the tile in whose unique region it falls, else of any tile that covers
        it; it is `OFF_COADD` only where none does.

        Raises
        ------
        MaskNotFoundError
            If no tile of the catalogue holds it.

        Examples
        --------
        >>> cat.ccd_mask("i", 492768, 11).good().mean()  # doctest: +SKIP
        """
        return ccd_mask(self._source, band, expnum, ccdnum)

    def at(
        self,
        ra: "npt.ArrayLike | None" = None,
        dec: "npt.ArrayLike | None" = None,
        *,
        radius: float | None = None,
        polygon: "npt.ArrayLike | None" = None,
        reasons: bool = True,
        unique: bool = False,
        selection: Selection | None = None,
        **filters: Any,
    ) -> "pd.DataFrame":
        """Return every epoch that saw a place on the sky.

        Parameters
        ----------
        ra, dec : float or array of float, any shape
            One position, or many; degrees, right ascension of any turn. May be left out with `polygon`, whose
            middle it is then.
        radius : float, optional
            Degrees. Find all epochs that have a part in the disc about each position.
        polygon : array of float, shape (m, 2), optional
            Right ascension and declination of its vertices in order, degrees; its edges are great circles. Find
            all epochs that have a part in it.
        reasons : bool
            Whether to read the masks, for whether the pixel is good and why not. Without, SQL and the stored WCS
            answer alone.
        unique : bool
            Whether to give each CCD image once per position: of the tile in whose unique region the position
            lies, else of one whose coadd has it, else of the first.
        selection : Selection, optional
            A definition of good other than the default.
        **filters
            See `goodpix.query.filters.Filters`; of the columns of an epoch.

        Returns
        -------
        DataFrame
            One row per position and epoch, in the order of position, tilename, band, expnum, ccdnum:

            - ``position``: number of the position, where an array is given;
            - ``ra``, ``dec``: the position as given;
            - ``tilename``, ``band``, ``expnum``, ``ccdnum``, ``nite``, ``mjd_obs``: the epoch;
            - ``x``, ``y``: where the position lies on the CCD image, zero-based pixels; with `radius` and
              `polygon` it may be outside;
            - ``coadd_x``, ``coadd_y``, ``on_coadd``: where it lies on the tile's coadd, and whether that has
              a pixel there;
            - ``on_image``: with `radius` and `polygon`, whether the CCD image has a pixel there;
            - ``good``, ``flags``, ``criteria``, ``se_bits``, ``coadd_bits``, with `reasons`: whether that pixel,
              the nearest, is good, its flags as stored, and the names of the criteria that fail by `selection`
              and of the mask bits that are set. Null where ``on_image`` is false.

            A position is seen by an epoch when the nearest pixel, ``floor(v + 0.5)``, is one of its image.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If a position, the radius or the polygon is not on the sky, or they do not go together.
        MaskFileError
            If a mask file is missing or damaged.

        Notes
        -----
        Positions are those of the stored WCS to 1e-6 pixel. With `radius` and `polygon` the edges of an image
        are made of great circles from one 16th of an edge to the next, a hundredth of a pixel from DECam's
        at most.

        Examples
        --------
        >>> cat.at(22.5, -32.1, band="r", unique=True)  # doctest: +SKIP
        >>> cat.at([22.5, 22.6], [-32.1, -32.1], reasons=False)  # doctest: +SKIP
        >>> cat.at(22.5, -32.1, radius=1 / 60)  # doctest: +SKIP
        """
        return epochs_at(
            self._source,
            ra,
            dec,
            radius=radius,
            polygon=polygon,
            reasons=reasons,
            unique=unique,
            selection=selection,
            **filters,
        )

    def dashboard(
        self,
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        origins: Sequence[str] = (),
        basic_auth: str | None = None,
    ) -> "DashboardServer":
        """Serve pages about the catalogue to a browser, from a thread; needs the extra ``dashboard``.

        Parameters
        ----------
        port : int
            Where; 0 for any that is free.
        address : str
            Of which of this machine's addresses.
        origins : sequence of str
            Further names by which browsers know the server; see `goodpix.query.dashboard.server.DashboardServer`.
        basic_auth : str, optional
            A password, or a JSON file of passwords by user, that browsers are asked for.

        Returns
        -------
        DashboardServer
            It runs: ``url`` says where, and ``stop()`` ends it.

        Examples
        --------
        >>> pages = cat.dashboard()  # doctest: +SKIP
        """
        from .dashboard.server import DashboardServer  # Panel is an extra, and slow to import

        return DashboardServer(self._source, port=port, address=address, origins=origins, basic_auth=basic_auth).start()
