"""The maps that a catalogue offers."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ..source import Source
from .coaddmap import check_map_name, epoch_map
from .healmap import healsparse_map
from .skyarea import sky_area

__all__ = ["CatalogueMaps"]


class CatalogueMaps:
    """Maps of good pixels, and their area; the methods of `goodpix.Catalogue` for them.

    Parameters
    ----------
    source : Source
        Where the masks are.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

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
        found = epoch_map(self._source, tilename, band, selection)
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
        return sky_area(self._source, selection, **filters)

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
            self._source,
            statistic,
            nside=nside,
            nside_coverage=nside_coverage,
            selection=selection,
            unique=unique,
            **filters,
        )
