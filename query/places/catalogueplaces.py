"""Methods of a catalogue for positions on the sky."""

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Unpack

from ...schema.criteria import Selection
from ..filters import TableKeywords
from ..position.at import epochs_at
from ..source import Source
from ..tableshape import TableShape
from .blanksky import blank_sky
from .randoms import randoms

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

__all__ = ["CataloguePlaces"]


class CataloguePlaces:
    """Methods of `goodpix.Catalogue` for positions on the sky: given ones, blank ones, and random ones.

    Parameters
    ----------
    source : Source
        The open catalogue.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

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
        **filters: Unpack[TableKeywords],
    ) -> "pd.DataFrame":
        """Return every epoch that observed a position or region on the sky.

        Parameters
        ----------
        ra, dec : float or array of float, any shape
            One or more positions, in degrees or as quantities; right ascensions are taken modulo 360. Or `ra` alone
            is an astropy ``SkyCoord``. Optional with `polygon`, and then its centre by default.
        radius : float or Quantity, optional
            Radius, in degrees without a unit; find epochs that overlap the disc around each position.
        polygon : array of float, shape (m, 2), or SkyCoord, optional
            Right ascension and declination of consecutive vertices, joined by great circles; find epochs that
            overlap the polygon.
        reasons : bool
            Whether to read the masks, to report whether the pixel is good and why not. Otherwise only the database
            is read.
        unique : bool
            Whether to return each CCD image only once per position: from the tile whose unique region contains the
            position, or else from one whose coadd covers it, or else from the first.
        selection : Selection, optional
            A definition of good other than the default.
        **filters
            See `goodpix.query.filters.Filters`; columns are those of epochs. And `sort`, `limit`, `columns` of the
            answer: see `goodpix.Catalogue.tiles`.

        Returns
        -------
        DataFrame
            One row per position and epoch, sorted by position, tilename, band, expnum and ccdnum:

            - ``position``: index of the position, if `ra` and `dec` are arrays;
            - ``ra``, ``dec``: the position in degrees;
            - ``tilename``, ``band``, ``expnum``, ``ccdnum``, ``nite``, ``mjd_obs``: the epoch;
            - ``x``, ``y``: the position on the CCD image in zero-based pixels, possibly outside it with `radius`
              or `polygon`;
            - ``coadd_x``, ``coadd_y``, ``on_coadd``: the position on the tile's coadd, and whether the coadd has
              a pixel there;
            - ``on_image``: whether the CCD image has a pixel there, with `radius` or `polygon`;
            - ``good``, ``flags``, ``criteria``, ``se_bits``, ``coadd_bits``: with `reasons`, whether the nearest
              pixel is good, its stored flags, and the names of the criteria that it fails under `selection` and of
              its mask bits; null where ``on_image`` is false.

            An epoch observes a position if the nearest pixel, ``floor(v + 0.5)``, is inside its image.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If a position, the radius or the polygon is not on the sky, or the arguments contradict each other.
        MaskFileError
            If a mask file is missing or damaged.

        Notes
        -----
        Positions agree with the stored WCS to 1e-6 pixel. For `radius` and `polygon`, each edge of an image is
        approximated by 16 great-circle arcs, accurate to 0.01 pixel for DECam.

        Examples
        --------
        >>> found = cat.at(22.8785, -32.1003, band="r", unique=True)
        >>> found[["expnum", "ccdnum", "good", "criteria"]]
           expnum  ccdnum   good  criteria
        0  201000      12  False  SE_BMASK
        >>> cat.at(22.8785, -32.1003, sort="-mjd_obs", limit=1, columns=["band", "expnum"])
          band  expnum
        0    i  201007
        >>> cat.at([22.87, 22.88], [-32.1, -32.1], reasons=False, band="r")[["position", "expnum"]]
           position  expnum
        0         0  201000
        1         0  201001
        2         1  201000
        >>> len(cat.at(22.8785, -32.1003, radius=1 / 60, band="r"))
        3
        """
        shape, rest = TableShape.taken_from(filters)
        found = epochs_at(
            self._source,
            ra,
            dec,
            radius=radius,
            polygon=polygon,
            reasons=reasons,
            unique=unique,
            selection=selection,
            **rest,
        )
        return shape.of_frame(found, "at")

    def blank_sky(
        self,
        n: int,
        radius_arcsec: float,
        *,
        seed: int | None = None,
        selection: Selection | None = None,
        min_images: int | None = None,
        background: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[TableKeywords],
    ) -> "pd.DataFrame":
        """Return places on the sky that are blank in every image: good from edge to edge of a disc.

        A place is blank if every pixel that its disc touches is good in every CCD image that it touches. Edges of
        images count as bad, so each of these images holds the whole disc. Where several tiles hold a CCD image, its
        pixels are those of `ccd_mask`, over the tiles that match the filters; pixels off every coadd are bad, unless
        the selection ignores `OFF_COADD`. Epochs without an SE segmentation map are left out unless the selection
        ignores `SE_SEG`.

        Discs do not overlap. Places are spread evenly over the blank sky, not at random; see `randoms` for those.

        Parameters
        ----------
        n : int
            Number of places.
        radius_arcsec : float
            Radius of the discs, up to 3600.
        seed : int, optional
            Seed, 0 by default. The same seed gives the same places, with any executor and number of workers.
        selection : Selection, optional
            A definition of good other than the default.
        min_images : int, optional
            Number of images of each band that hold the disc, at least; 1 by default.
        background : bool
            Whether to measure level and noise in the discs, from the image files.
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
        **filters
            Filters on epochs; see `epochs`. Bands are those that they name, or else those of all matching epochs.
            And `sort`, `limit`, `columns` of the answer.

        Returns
        -------
        DataFrame
            One row per place, in the order of the sequence, any beginning of which is evenly spread as well:

            - ``ra``, ``dec``: degrees;
            - ``distance_arcsec``: from the place to the nearest point of a bad pixel or edge in the images counted;
            - ``n_images_<band>``: number of CCD images that hold the disc;
            - ``level_<band>``, ``noise_<band>``: with `background`, mean of the pixels in the disc over these images,
              and standard deviation of a pixel about the mean of its image, both scaled to a zero point of 30 by the
              info file. The survey's images are sky-subtracted. Null where no image can be used; a warning says why.

            Its ``attrs`` have the provenance, the radius and the seed. With fewer than n rows, no more were found;
            a warning says so.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If a number is out of range.
        MaskFileError
            If a mask cannot be read.

        Notes
        -----
        Places are tried in the order of a low-discrepancy sequence on the sphere, until n are found, or about 1000 n
        are tried, or the untried ones are closer together than the radius.

        Examples
        --------
        >>> places = cat.blank_sky(3, 1.5, band="r")
        >>> bool((places.distance_arcsec >= 1.5).all())
        True
        """
        shape, rest = TableShape.taken_from(filters)
        found = blank_sky(
            self._source,
            n,
            radius_arcsec,
            seed=seed,
            selection=selection,
            min_images=min_images,
            background=background,
            executor=executor,
            workers=workers,
            **rest,
        )
        return shape.of_frame(found, "blank-sky")

    def randoms(
        self,
        n: int | None = None,
        *,
        density: float | None = None,
        seed: int | None = None,
        selection: Selection | None = None,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[TableKeywords],
    ) -> "pd.DataFrame":
        """Return random points on the sky, with the images that hold each, and how many of them are good there.

        Points are uniform on the sphere over the unique regions of the tiles that have epochs, also where no image
        is. Tiles without a unique region (or with several, in different bands) have points where an image has a
        pixel, each spot once.

        Parameters
        ----------
        n : int, optional
            Number of points.
        density : float, optional
            Or their mean number per square degree: each area has as many as a Poisson distribution gives.
        seed : int, optional
            Seed, 0 by default. Points depend on it and on their tile alone: another tile, executor or number of
            workers moves none. With `n`, another tile takes points away from the others.
        selection : Selection, optional
            A definition of good other than the default.
        executor : concurrent.futures.Executor, optional
            Executor that reads the masks, tile by tile; see `map`.
        workers : int
            Number of processes that read the masks if no executor is given.
        **filters
            Filters on epochs; see `epochs`. Bands are those that they name, or else those of all matching epochs.
            And `sort`, `limit`, `columns` of the answer.

        Returns
        -------
        DataFrame
            One row per point, sorted by tilename; in each tile, a beginning is as random as all.

            - ``ra``, ``dec``: degrees;
            - ``tilename``: the tile whose unique region holds the point, or else the first by name that has an
              image there;
            - ``n_images_<band>``, ``n_good_<band>``: number of CCD images with a pixel there, and of those whose
              pixel is good, as ``at(ra, dec, unique=True)`` lists them;
            - ``reasons``: names of the criteria and mask bits by which the pixels of the others are bad.

            Its ``attrs`` have the provenance and the seed.

        Raises
        ------
        UnknownNameError
            If a filter, a column or a bit does not exist.
        UsageError
            If a number is out of range, or `n` and `density` are both given, or neither.
        MaskFileError
            If a mask file is missing or damaged.

        Examples
        --------
        >>> points = cat.randoms(1000, band="r")
        >>> points.columns.tolist()
        ['ra', 'dec', 'tilename', 'n_images_r', 'n_good_r', 'reasons']
        >>> bool((points.n_good_r <= points.n_images_r).all())
        True
        """
        shape, rest = TableShape.taken_from(filters)
        found = randoms(
            self._source,
            n,
            density=density,
            seed=seed,
            selection=selection,
            executor=executor,
            workers=workers,
            **rest,
        )
        return shape.of_frame(found, "randoms")
