"""The catalogue, opened for reading."""

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.criteria import Selection
from .background.dataset import joined
from .background.studies import SkyStudies
from .filters import Bounds
from .listings import Listings
from .maps.ccdmask import ccd_mask
from .maps.coaddmap import check_map_name, epoch_map
from .maps.healmap import healsparse_map
from .maps.skyarea import sky_area
from .masks.fetch import StoredMasks
from .masks.mask import Mask
from .masks.reader import MaskReader
from .masks.recount import COUNT_COLUMNS, Recount, recounted
from .position.at import epochs_at

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from .dashboard.server import DashboardServer

__all__ = ["Catalogue"]


class Catalogue(Listings, StoredMasks, SkyStudies):
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
        super().__init__(url)
        self._reader = MaskReader(self._database.root, self._database.identity.bit_names)
        self._stack.callback(self._reader.close)

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
            return self._view("epoch_quality", filters)
        Selection.of(selection).growths(self._database.identity.bit_names)
        later, now = Bounds.taken_from(filters, COUNT_COLUMNS)
        stored = self._view("epoch_quality", now)
        found = self.map(Recount(selection), executor, workers=workers, **now)
        return later.of_frame(recounted(stored, found, selection))

    def with_background(self, folder: str | os.PathLike[str], **filters: Any) -> "pd.DataFrame":
        """Return epochs, see `epochs`, beside what a folder of sky statistics has of each; see `extend_background`.

        Returns
        -------
        DataFrame
            One row per epoch, or per part of it, whose pixels are ``n_pixels_part``; ``n_pixels`` are the epoch's.
            Nulls where the folder has nothing of the epoch's mask as it is now.
        """
        return joined(self.epochs(**filters), Path(folder))

    def ccd_mask(self, band: str, expnum: int, ccdnum: int) -> Mask:
        """Return the mask of one CCD image over all tiles that hold it; see `goodpix.query.maps.ccdmask.ccd_mask`.

        A pixel takes the flags of the tile in whose unique region it falls, else of any tile that covers
        it; it is `OFF_COADD` only where none does.

        Raises
        ------
        MaskNotFoundError
            If no tile of the catalogue holds it.
        """
        return ccd_mask(self, band, expnum, ccdnum)

    def good_epoch_map(
        self,
        tilename: str,
        band: str,
        selection: Selection | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
    ) -> "npt.NDArray[np.int16]":
        """Return how many epochs are good at each pixel of a coadd; see `goodpix.query.maps.coaddmap.epoch_map`.

        Each pixel of an epoch is taken to the coadd pixel nearest to it; there the epoch counts once.

        Parameters
        ----------
        tilename, band : str
            The coadd.
        selection : Selection, optional
            A definition of good other than the default.
        path : path, optional
            A file to write the map to as well: ``.fits`` (with the coadd's WCS), ``.png`` or ``.npz``.

        Returns
        -------
        ndarray of int16, shape (ny, nx)
            On the coadd's pixels.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such tile and band.
        """
        if path is not None:
            check_map_name(os.fspath(path))
        found = epoch_map(self, tilename, band, selection)
        if path is not None:
            found.save(os.fspath(path))
        return found.counts

    def sky_area(self, selection: Selection | None = None, **filters: Any) -> float:
        """Return the area on the sky that is good in at least one epoch, in arcmin^2; see `goodpix.query.maps.skyarea`.

        It is the union over epochs and bands, each spot once, within each tile's unique region.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        **filters
            Which epochs, by their stored columns; see `epochs`.
        """
        return sky_area(self, selection, **filters)

    def healsparse_map(
        self,
        statistic: str = "fraction",
        *,
        nside: int = 4096,
        nside_coverage: int = 32,
        selection: Selection | None = None,
        unique: bool = True,
        **filters: Any,
    ) -> Any:
        """Return a map of good pixels on the sky; needs the extra ``maps``. See `goodpix.query.maps.healmap`.

        Parameters
        ----------
        statistic : str
            ``"fraction"``: good pixels over all pixels of the epochs. ``"n_epochs"``: how many epochs have at
            least one good pixel.
        nside, nside_coverage : int
            Resolution of the map, and in which healsparse keeps track of where there is something.
        selection : Selection, optional
            A definition of good other than the default.
        unique : bool
            Count pixels within their tile's unique region alone, so that tiles add up.
        **filters
            Which epochs, by their stored columns; see `epochs`.

        Returns
        -------
        HealSparseMap
            Nested, of float32 (fraction) or int32 (n_epochs).
        """
        return healsparse_map(
            self,
            statistic,
            nside=nside,
            nside_coverage=nside_coverage,
            selection=selection,
            unique=unique,
            **filters,
        )

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
        """Return every epoch that saw a place on the sky; `goodpix.query.position.at.epochs_at` says more.

        Parameters
        ----------
        ra, dec : float or array of float
            One position, or many; degrees.
        radius : float, optional
            Degrees. Find all epochs that have a part in the disc about each position.
        polygon : array of float, shape (m, 2), optional
            Right ascension and declination of its vertices, degrees. Find all epochs that have a part in it;
            then `ra` and `dec` may be left out.
        reasons : bool
            Whether to read the masks, for whether the pixel is good and why not.
        unique : bool
            Whether to give each CCD image once, and not in each tile that holds it.
        selection : Selection, optional
            A definition of good other than the default.
        **filters
            See `epochs`; of the columns of an epoch.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If a position, the radius or the polygon is not on the sky, or they do not go together.

        Examples
        --------
        >>> cat.at(22.5, -32.1, band="r", unique=True)  # doctest: +SKIP
        """
        return epochs_at(
            self._database,
            self._reader,
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

        return DashboardServer(self, port=port, address=address, origins=origins, basic_auth=basic_auth).start()
