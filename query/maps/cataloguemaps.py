"""Map methods of a catalogue."""

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ..filters import FilterKeywords
from ..source import Source
from .coaddmap import check_map_name, epoch_map
from .healmap import healsparse_map
from .moc import make_moc
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
        >>> depth = cat.good_epoch_map("DES0131-3206", "i", path="depth.fits")
        >>> depth.shape, int(depth.min())
        ((600, 640), 0)
        """
        if path is not None:
            check_map_name(os.fspath(path))
        depth = epoch_map(self._source, tilename, band, selection)
        if path is not None:
            depth.save(os.fspath(path))
        return depth.counts

    def sky_area(
        self,
        selection: Selection | None = None,
        *,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[FilterKeywords],
    ) -> float:
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
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
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
        >>> 0 < cat.sky_area(band="i") < cat.sky_area()
        True
        """
        return sky_area(self._source, selection, executor=executor, workers=workers, **filters)

    def moc(
        self,
        selection: Selection | None = None,
        *,
        max_order: int | None = None,
        path: str | os.PathLike[str] | None = None,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[FilterKeywords],
    ) -> Any:
        """Return where the sky is good in at least one image, as an IVOA MOC; needs the extra ``maps``.

        A cell of the finest order belongs to the MOC if its centre does, as for `sky_area`: it lies in a good pixel of
        at least one epoch, of any band, whose tile's unique region contains it. Holes smaller than a cell may vanish,
        and cells whose centre is bad are holes: the area is right on average at any order, the outline at fine ones.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        max_order : int, optional
            Finest order: 18 has cells of 0.8 arcsec, and the area of `sky_area`. By default 17 up to 21 square degrees,
            else 13, whose cells of 26 arcsec are larger than most holes.
        path : path, optional
            File to write it to: ``.fits`` (with provenance), ``.txt`` (ASCII) or ``.json``.
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
        **filters
            Filters on epochs by their stored columns; see `epochs`.

        Returns
        -------
        mocpy.MOC
            The coverage.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If mocpy is not installed, the order does not exist or would not fit in memory, or the path has another
            ending.

        Examples
        --------
        >>> cat.moc(band="i", max_order=15).max_order
        15
        """
        return make_moc(
            self._source,
            selection,
            max_order=max_order,
            path=path,
            executor=executor,
            workers=workers,
            **filters,
        )

    def healsparse_map(
        self,
        statistic: str | Iterable[str] = "fraction",
        *,
        nside: int = 4096,
        nside_coverage: int = 32,
        selection: Selection | None = None,
        unique: bool = True,
        executor: Executor | None = None,
        workers: int = 1,
        dataset: str | os.PathLike[str] | None = None,
        **filters: Unpack[FilterKeywords],
    ) -> Any:
        """Return a HEALPix map of good pixels and of what the images are like there; needs the extra ``maps``.

        Maps are evaluated at the centres of HEALPix pixels of nside 262144 (0.8 arcsec; of `nside` if that is more): a
        centre belongs to the pixel of each CCD image that contains it, and counts once per image. Epochs without an SE
        segmentation map are excluded unless the selection ignores `SE_SEG`. `docs/guide/maps.md` has the formulas.

        Parameters
        ----------
        statistic : str or iterable of str
            What to show; several names take one pass over the masks:

            - ``"n_images"``: number of CCD images with good area; ``"n_images_mean"``: its average over the area;
            - ``"fracdet"``: fraction of the area that is good in at least one image, which adds up to `sky_area`;
              ``"fraction"``: fraction of good area in the area of all images;
            - ``"exptime"``: exposure time, summed over images times the fraction of area that is good in each;
            - ``"skyvar"``, ``"skysigma"`` (in bunit), ``"skyvar_zp30"``, ``"skysigma_zp30"`` (at zero point 30),
              ``"fwhm"``, ``"mu_sky"``: means over the good area, weighted by inverse sky variance; with ``_mean``
              not weighted; ``_min``, ``_max``, and for the first four ``_sum``;
            - ``"maglim"``: 10 sigma magnitude limit in an aperture of 2.0 arcsec;
            - a criterion such as ``"SE_SEG"`` or a mask bit such as ``"SE:STREAK"``: fraction of the images' area.
        nside : int
            Resolution of the map; at 4096, pixels are 0.86 arcmin wide.
        nside_coverage : int
            Resolution of healsparse's coverage map.
        selection : Selection, optional
            A definition of good other than the default.
        unique : bool
            Whether to limit each tile to its unique region. A tile without a unique region is used in full. If False,
            every tile is: a centre is good in an image if it is good in any of the image's tiles.
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
        dataset : path, optional
            Folder of sky statistics (see `extend_background`) whose noise stands in where headers have none.
        **filters
            Filters on epochs by their stored columns; see `epochs`.

        Returns
        -------
        HealSparseMap, or dict of str to HealSparseMap
            A map for one name, a dict by name for several. Nested; int32 (n_images) or float32. Unset where no image
            has a centre or the number is unknown, 0 where none is good. Its ``metadata``, which `write` keeps, says
            what it shows (``MAPTYPE``, ``WHAT``), in which unit (``BUNIT``), by which selection (``SELECT``) and
            filters (``FILTERS``), of which catalogue (``CATALOG``, ``CAMPAIGN``), made by which software
            (``CREATOR``). Images that do not count for lack of a value are reported by a warning.

        Raises
        ------
        UnknownNameError
            If a statistic, a filter, a column or a bit does not exist.
        UsageError
            If healsparse is not installed, a resolution is not a power of 2, or the maps would not fit in memory.

        Examples
        --------
        >>> n_images = cat.healsparse_map("n_images", nside=4096, band="i")
        >>> n_images.write("n_images.hsp")
        >>> n_images.dtype
        dtype('int32')
        >>> sorted(cat.healsparse_map(["maglim", "fwhm"], band="i"))
        ['fwhm', 'maglim']
        """
        return healsparse_map(
            self._source,
            statistic,
            nside=nside,
            nside_coverage=nside_coverage,
            selection=selection,
            unique=unique,
            executor=executor,
            workers=workers,
            dataset=dataset,
            **filters,
        )
