"""Map methods of a catalogue."""

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
    """Methods of `goodpix.Catalogue` for maps of good pixels and their area.

    Parameters
    ----------
    source : Source
        The open catalogue.
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
        """Return the number of epochs that are good at each pixel of a coadd.

        An epoch counts at a coadd pixel if the pixel of its image that contains the centre of the coadd pixel is good,
        as `at` reports for that position. Epochs without an SE segmentation map are excluded unless the selection
        ignores `SE_SEG`.

        Parameters
        ----------
        tilename, band : str
            The coadd.
        selection : Selection, optional
            A definition of good other than the default.
        path : path, optional
            File to write the map to: ``.fits`` (with the coadd's WCS), ``.png`` or ``.npz``.

        Returns
        -------
        ndarray of int16, shape (ny, nx)
            Number of epochs at each pixel of the coadd.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such tile and band.
        UnknownNameError, UsageError
            If the selection cannot be used, or the path has another ending.

        Examples
        --------
        >>> depth = cat.good_epoch_map("DES0124-3332", "i", path="depth.fits")  # doctest: +SKIP
        >>> (depth >= 5).mean()  # doctest: +SKIP
        """
        if path is not None:
            check_map_name(os.fspath(path))
        depth = epoch_map(self._source, tilename, band, selection)
        if path is not None:
            depth.save(os.fspath(path))
        return depth.counts

    def sky_area(self, selection: Selection | None = None, **filters: Any) -> float:
        """Return the sky area that is good in at least one epoch.

        The area is sampled at the centres of HEALPix pixels of nside 262144 (0.65 arcsec^2). A centre counts if it lies
        in a good pixel of at least one epoch, of any band, whose tile's unique region contains it. A tile without a
        unique region is used in full. Epochs without an SE segmentation map are excluded unless the selection ignores
        `SE_SEG`. For the default definition, the column `area_good_any_unique` of `tiles` has the area of each tile and
        band, sampled at nside 131072.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        **filters
            Filters on epochs by their stored columns; see `epochs`.

        Returns
        -------
        float
            Square arcminutes. Sampling errors are about 0.1 % for the area of one CCD.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.

        Examples
        --------
        >>> cat.sky_area(band="i") / 3600  # square degrees  # doctest: +SKIP
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
        """Return a HEALPix map of good pixels; needs the extra ``maps``.

        Epochs without an SE segmentation map are excluded unless the selection ignores `SE_SEG`.

        Parameters
        ----------
        statistic : str
            ``"fraction"``: the fraction of good pixels among the pixels of all epochs with their centre in the HEALPix
            pixel. ``"fracdet"``: the fraction of the HEALPix pixel's area that is good in at least one image, which
            times that area adds up to `sky_area`. ``"n_images"``: the number of CCD images with at least one good pixel
            there, each counted once.
        nside : int
            Resolution of the map; at 4096, pixels are 0.86 arcmin wide.
        nside_coverage : int
            Resolution of healsparse's coverage map.
        selection : Selection, optional
            A definition of good other than the default.
        unique : bool
            Count only pixels in their tile's unique region, so that no pixel of a CCD image counts in two tiles. A tile
            without a unique region is used in full. If False, a pixel counts in every tile that contains its image, and
            is bad where it is off the coadd of that tile. Always true for ``"fracdet"``.
        **filters
            Filters on epochs by their stored columns; see `epochs`.

        Returns
        -------
        HealSparseMap
            Nested; float32 (fraction, fracdet) or int32 (n_images). Unset where no epoch has a pixel, 0 where none is
            good. Its ``metadata``, which `write` keeps, says what it shows (``MAPTYPE``, ``WHAT``), in which unit
            (``BUNIT``), by which selection (``SELECT``) and filters (``FILTERS``), of which catalogue (``CATALOG``,
            ``CAMPAIGN``), made by which software (``CREATOR``).

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If healsparse is not installed, the statistic is unknown, or a resolution is not a power of 2 (for
            ``"fracdet"`` up to 262144).

        Examples
        --------
        >>> cat.healsparse_map("n_images", nside=1024, band="i").write("depth.hsp")  # doctest: +SKIP
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
