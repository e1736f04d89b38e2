"""The studies of the sky background that a catalogue offers."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schema.criteria import Selection
from ...schema.masks.boundselection import BoundSelection
from ...schema.rows import MaskKey
from ..source import Source
from .dataset import SkyReport, extend_dataset
from .definitions import compare_definitions
from .epochpixels import EpochPixels, PixelRequest
from .epochplanes import EpochFiles
from .maps import BackgroundMap, background_map
from .maskwidth import WidthStudy
from .statistics import Box, make_measure, sky_statistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SkyStudies"]


class SkyStudies:
    """Studies of the sky between the objects; the methods of `goodpix.Catalogue` for them.

    An image of the survey has lost its sky already: what is studied is the residual that is left. The columns
    ``skybrite``, ``skysigma``, ``bunit`` and ``bkg_subtracted`` say what was taken away.

    Parameters
    ----------
    source : Source
        Where the masks are.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def pixels(
        self,
        plane: str = "image",
        selection: Selection | None = None,
        *,
        weight: bool = False,
        sky: bool = False,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        **filters: Any,
    ) -> Iterator[EpochPixels]:
        """Yield, epoch by epoch, the values of a plane at good pixels; only rows that hold some are read.

        Parameters
        ----------
        plane : str
            ``"image"``, ``"weight"``, ``"bmask"``, ``"seg"`` or ``"bkg"``.
        selection : Selection, optional
            A definition of good other than the default.
        weight, sky : bool
            Whether to give the weight of each pixel, and its ra and dec.
        subtract_background : bool
            Whether to subtract the residual background of ``bkg_path`` from the image. An epoch without
            has no values, and says so.
        calibrated : bool
            Whether to multiply by the info file's ``scale`` (else what ``magzp`` makes of it), to a zero
            point of 30.
        allow_changed : bool
            Whether to go on with files that are not those of the ingest.
        **filters
            Which epochs; see `goodpix.Catalogue.epochs`.

        Yields
        ------
        EpochPixels
            ``key``, ``x``, ``y``, ``values``, ``weight``, ``ra``, ``dec``, and what the values are. An epoch
            that cannot be used has none, and a ``problem``.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter or the plane cannot be used.

        Examples
        --------
        >>> for each in cat.pixels("image", band="i", weight=True):  # doctest: +SKIP
        ...     print(each.key, each.values.mean())
        """
        request = PixelRequest(
            EpochFiles.of(self._source, allow_changed=allow_changed),
            plane,
            BoundSelection.of(selection, self._source.database.identity.bit_names),
            weight=weight,
            sky=sky,
            subtract_background=subtract_background,
            calibrated=calibrated,
        )
        return request.of(self._source.masks(filters))

    def background(
        self,
        selection: Selection | None = None,
        box: Box = None,
        *,
        amplifiers: bool = False,
        statistics: Iterable[str] | None = None,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Any,
    ) -> "pd.DataFrame":
        """Return sky statistics over good pixels, one row per epoch or per part of it.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        box : tuple of int, optional
            Rows and columns of the boxes of a grid, such as ``(256, 256)``; one number for both. A row per box.
        amplifiers : bool
            Whether to give a row per amplifier half.
        statistics : iterable of str, optional
            Of ``"mean"``, ``"median"``, ``"clipped"``, ``"percentiles"``, ``"gradient"``, ``"noise"`` and
            ``"correlation"``; all by default. Without noise the weights are not read.
        subtract_background : bool
            Whether to subtract the residual background of ``bkg_path`` first.
        calibrated : bool
            Whether to multiply by the info file's ``scale``, see `pixels`.
        allow_changed : bool
            Whether to go on with files that are not those of the ingest.
        executor : concurrent.futures.Executor, optional
            What does the work, see `goodpix.Catalogue.map`.
        workers : int
            Processes that do it, where no executor is given.
        **filters
            Which epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        DataFrame
            Columns as `goodpix.query.background.skyrow.SkyRow` says. Without a good pixel `n` is 0 and
            what is about values null; an epoch that cannot be used has nulls and a ``problem``.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter, the box or a statistic cannot be used.

        Examples
        --------
        >>> cat.background(box=256, statistics=["clipped", "noise"], band="i")  # doctest: +SKIP
        """
        measure = make_measure(
            self._source,
            selection,
            box=box,
            amplifiers=amplifiers,
            statistics=statistics,
            subtract_background=subtract_background,
            calibrated=calibrated,
            allow_changed=allow_changed,
        )
        return sky_statistics(self._source, measure, executor=executor, workers=workers, **filters)

    def extend_background(
        self,
        folder: str | os.PathLike[str],
        selection: Selection | None = None,
        box: Box = None,
        *,
        amplifiers: bool = False,
        statistics: Iterable[str] | None = None,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Any,
    ) -> SkyReport:
        """Add the sky statistics of epochs to a folder of Parquet files, of those that it does not have yet.

        Interrupted, and called again, it goes on where it was. `goodpix.Catalogue.with_background` gives epochs
        beside what is in the folder, and pandas, DuckDB and others read it as it lies.

        Parameters
        ----------
        folder : path
            The folder, made if it does not exist. It is of one catalogue and one definition.
        selection : Selection, optional
            A definition of good other than the default.
        box : tuple of int, optional
            See `background`.
        amplifiers : bool
            See `background`.
        statistics : iterable of str, optional
            See `background`; columns of those not asked for are null.
        subtract_background, calibrated, allow_changed : bool
            See `background`.
        executor, workers : Executor and int, optional
            See `background`.
        **filters
            Which epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        SkyReport
            How many were measured, known before, or could not be used: those are tried again the next time.

        Raises
        ------
        AmbiguousInputError
            If the folder holds numbers of another catalogue or by another definition.
        UnknownNameError, UsageError
            See `background`; or the folder cannot be used.
        OSError
            If a file cannot be written.

        Examples
        --------
        >>> print(cat.extend_background("sky", workers=4, band="i"))  # doctest: +SKIP
        """
        measure = make_measure(
            self._source,
            selection,
            box=box,
            amplifiers=amplifiers,
            statistics=statistics,
            subtract_background=subtract_background,
            calibrated=calibrated,
            allow_changed=allow_changed,
        )
        return extend_dataset(self._source, measure, Path(folder), executor=executor, workers=workers, **filters)

    def background_map(
        self,
        tilename: str,
        band: str,
        expnum: int,
        ccdnum: int,
        selection: Selection | None = None,
        *,
        box: tuple[int, int] | int = (256, 256),
        allow_changed: bool = False,
        **options: Any,
    ) -> BackgroundMap:
        """Return a background map of an epoch over its good pixels, by photutils, beside the survey's own.

        Parameters
        ----------
        tilename, band : str
            Tile and band.
        expnum, ccdnum : int
            Which of its epochs.
        selection : Selection, optional
            A definition of good other than the default.
        box : tuple of int
            Rows and columns of the boxes that photutils makes its statistics of.
        allow_changed : bool
            Whether to go on with files that are not those of the ingest.
        **options
            Of `photutils.background.Background2D`, but for the mask. A box is left out when more than
            ``exclude_percentile`` of it is bad: 90, where photutils has 10.

        Returns
        -------
        BackgroundMap
            ``background``, ``rms``, ``survey``, ``difference`` and ``compare()``.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such epoch.
        InputChangedError, FitsFileError, PlaneError
            If its files are not those of the ingest, or cannot be used.
        UsageError
            If photutils is not installed, or makes no map of what it is given.

        Examples
        --------
        >>> found = cat.background_map("DES0124-3332", "i", 492768, 11)  # doctest: +SKIP
        >>> found.compare()  # doctest: +SKIP
        """
        mask = self._source.mask(MaskKey(tilename, band, "epoch", expnum, ccdnum))
        files = EpochFiles.of(self._source, allow_changed=allow_changed)
        return background_map(mask, files, selection, box=box, options=options)

    def mask_width(
        self,
        selection: Selection | None = None,
        *,
        radii: Iterable[float] = range(17),
        grow: Sequence[str] = ("SE_SEG", "COADD_SEG"),
        subtract_background: bool = True,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Any,
    ) -> "pd.DataFrame":
        """Return the residual of good pixels against the radius by which the mask is grown.

        Is the mask wide enough? Objects have wings beyond where they are detected: it is where the median no
        longer changes with the radius. `goodpix.query.plots.plot_mask_width` draws it.

        Parameters
        ----------
        selection : Selection, optional
            The definition of good before anything is grown; the default by default.
        radii : iterable of float
            Radii, pixels.
        grow : sequence of str
            Criteria and bits that are grown together, as in `Selection.grow`.
        subtract_background : bool
            Whether the survey's residual background, ``bkg_path``, is subtracted. An epoch without is left out.
        allow_changed : bool
            Whether to go on with files that are not those of the ingest.
        executor, workers : Executor and int, optional
            See `background`.
        **filters
            Which epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        DataFrame
            A row per band and radius, columns as `goodpix.query.background.maskwidth.WIDTH_COLUMNS` says.
            Residuals are counted in bins of 0.005 skysigma, within which the median is interpolated.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter, a radius or what is to grow cannot be used.

        Examples
        --------
        >>> cat.mask_width(radii=range(0, 17, 2), band="i", workers=4)  # doctest: +SKIP
        """
        study = WidthStudy(
            self._source,
            selection,
            radii=radii,
            grow=grow,
            subtract_background=subtract_background,
            allow_changed=allow_changed,
        )
        return study.summed(study.counted(filters, executor=executor, workers=workers)).table

    def compare_definitions(
        self,
        definitions: Mapping[str, Selection | None],
        *,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Any,
    ) -> "pd.DataFrame":
        """Return how many pixels each definition of good leaves, and what level and scatter they have.

        Parameters
        ----------
        definitions : mapping of str to Selection
            Definitions by name; None is the default one.
        subtract_background, calibrated, allow_changed : bool
            See `background`.
        executor, workers : Executor and int, optional
            See `background`.
        **filters
            Which epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        DataFrame
            A row per definition and band, columns as
            `goodpix.query.background.definitions.DEFINITION_COLUMNS` says.

        Raises
        ------
        UnknownNameError, UsageError
            If a selection or a filter cannot be used.

        Examples
        --------
        >>> wide = Selection(grow={"COADD_SEG": 8})  # doctest: +SKIP
        >>> cat.compare_definitions({"stored": None, "wide": wide}, band="i")  # doctest: +SKIP
        """
        options = {
            "subtract_background": subtract_background,
            "calibrated": calibrated,
            "allow_changed": allow_changed,
        }
        return compare_definitions(self._source, definitions, options, executor=executor, workers=workers, **filters)
