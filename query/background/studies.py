"""Sky background studies of a catalogue."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ...schema.criteria import Selection
from ...schema.rows import MaskKey
from ..filters import FilterKeywords, TableKeywords
from ..masks.reader import find_masks
from ..source import Source
from .dataset import SkyDataset, SkyReport, extend_dataset
from .definitions import compare_definitions
from .epochpixels import EpochPixels, PixelRequest
from .epochplanes import EpochFiles, PlaneName
from .maps import BackgroundMap, background_map
from .maskwidth import WidthStudy
from .skyrow import By, ByName, StatisticName
from .statistics import Box, make_measure, sky_statistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SkyStudies"]


class SkyStudies:
    """Methods of `goodpix.Catalogue` that study the sky between the objects.

    The survey's images are already sky-subtracted, so these are studies of the residual. The columns
    ``skybrite``, ``skysigma``, ``bunit`` and ``bkg_subtracted`` tell what was subtracted.

    Parameters
    ----------
    source : Source
        The catalogue.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    def pixels(
        self,
        plane: PlaneName = "image",
        selection: Selection | None = None,
        *,
        weight: bool = False,
        sky: bool = False,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        **filters: Unpack[FilterKeywords],
    ) -> Iterator[EpochPixels]:
        """Yield the values of a plane at the good pixels of each epoch; only rows with good pixels are read.

        Parameters
        ----------
        plane : str
            ``"image"``, ``"weight"``, ``"bmask"``, ``"seg"`` or ``"bkg"``.
        selection : Selection, optional
            Definition of good; by default the catalogue's.
        weight, sky : bool
            Whether to return the weight of each pixel, and its ra and dec.
        subtract_background : bool
            Whether to subtract the residual background map of ``bkg_path`` from the image. An epoch without
            such a map has no values and a ``problem``.
        calibrated : bool
            Whether to scale values to a zero point of 30 by the info file's ``scale``, or by its ``magzp`` if
            it has no scale.
        allow_changed : bool
            Whether to use files that have changed since the ingest.
        **filters
            Selection of epochs; see `goodpix.Catalogue.epochs`.

        Yields
        ------
        EpochPixels
            ``key``, ``x``, ``y``, ``values``, ``weight``, ``ra``, ``dec``, and the unit and calibration of the
            values. The arrays of an unusable epoch are empty, and it has a ``problem``.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter or the plane is invalid.

        Examples
        --------
        >>> [(epoch.values.size, epoch.unit) for epoch in cat.pixels("image", band="r")]
        [(105971, 'ADU'), (55299, 'ADU'), (85782, 'ADU')]
        """
        request = PixelRequest(
            EpochFiles.of(self._source, allow_changed=allow_changed),
            plane,
            self._source.bound(selection),
            weight=weight,
            sky=sky,
            subtract_background=subtract_background,
            calibrated=calibrated,
        )
        database = self._source.database
        return request.of(find_masks(database, "epoch", filters), database)

    def background(
        self,
        selection: Selection | None = None,
        box: Box = None,
        *,
        by: ByName = "epoch",
        amplifiers: bool = False,
        statistics: StatisticName | Iterable[StatisticName] | None = None,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[TableKeywords],
    ) -> "pd.DataFrame":
        """Return sky statistics over good pixels, one row per epoch or CCD image, box or amplifier half.

        Parameters
        ----------
        selection : Selection, optional
            Definition of good; the catalogue's default if omitted.
        box : tuple of int, optional
            Rows and columns of grid boxes, such as ``(256, 256)``, or one number for both; gives a row per box.
        by : str
            ``"ccd"``: each CCD image once, by the mask merged over all tiles that contain it (see
            `goodpix.Catalogue.ccd_mask`). ``"epoch"``: once per tile, by the mask of that tile.
        amplifiers : bool
            Whether to give a row per amplifier half.
        statistics : iterable of str, optional
            Any of ``"mean"``, ``"median"``, ``"clipped"``, ``"percentiles"``, ``"gradient"``, ``"noise"`` and
            ``"correlation"``; all by default. Weights are read only for ``"noise"``.
        subtract_background : bool
            Whether to subtract the residual background map of ``bkg_path`` first.
        calibrated : bool
            Whether to scale values to a zero point of 30; see `pixels`.
        allow_changed : bool
            Whether to use files that have changed since the ingest.
        executor, workers : Executor and int, optional
            See `goodpix.Catalogue.map`.
        **filters
            Selection of epochs; see `goodpix.Catalogue.epochs`. And `sort`, `limit`, `columns` of the answer.

        Returns
        -------
        DataFrame
            Columns of `goodpix.query.background.skyrow.SkyRow`, by CCD image with ``n_tiles`` in place of
            ``tilename``. Without good pixels `n` is 0 and the statistics are null; an unusable image has nulls and a
            ``problem``.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter, the box or a statistic is invalid.

        Examples
        --------
        >>> sky = cat.background(by="ccd", statistics=["mean", "noise"], band="r")
        >>> bool(sky.noise_ratio.between(0.9, 1.1).all())
        True
        """
        measure = make_measure(
            self._source,
            selection,
            by=by,
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
        by: ByName | None = None,
        amplifiers: bool = False,
        statistics: StatisticName | Iterable[StatisticName] | None = None,
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[FilterKeywords],
    ) -> SkyReport:
        """Add the sky statistics of new images to a folder of Parquet files.

        After an interruption, call it again to continue. `goodpix.Catalogue.with_background` joins the folder's
        statistics to the epochs or CCD images; pandas, DuckDB and other tools read the folder directly.

        Parameters
        ----------
        folder : path
            Folder of one catalogue and one definition of good; created if it does not exist.
        selection, box : optional
            See `background`.
        by : str, optional
            See `background`; by default that of the folder, and ``"epoch"`` for a new one.
        amplifiers, statistics, subtract_background, calibrated, allow_changed, executor, workers : optional
            See `background`; the columns of other statistics are null.
        **filters
            Selection of epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        SkyReport
            Numbers of images measured, already present, and unusable; unusable images are retried next time.

        Raises
        ------
        AmbiguousInputError
            If the folder holds statistics of another catalogue or another definition of good.
        UnknownNameError, UsageError
            See `background`; also if the folder is not a sky dataset or cannot be created.
        OSError
            If a file cannot be written.

        Examples
        --------
        >>> print(cat.extend_background("sky", statistics=["median"], band="r"))
        epochs: 3 measured, 0 already present, 0 unusable
        """
        recorded = SkyDataset(Path(folder)).by if by is None else By.of(by)
        measure = make_measure(
            self._source,
            selection,
            by=(recorded or By.EPOCH).value,
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
        """Fit a background map to the good pixels of an epoch with photutils, for comparison with the survey's own.

        Parameters
        ----------
        tilename, band, expnum, ccdnum : str and int
            The epoch.
        selection : Selection, optional
            Definition of good; the catalogue's default if omitted.
        box : tuple of int
            Rows and columns of the boxes of `photutils.background.Background2D`.
        allow_changed : bool
            Whether to use files that have changed since the ingest.
        **options
            Options of `photutils.background.Background2D` other than the mask. A box is excluded if more than
            ``exclude_percentile`` of its pixels are bad: 90 by default here, 10 in photutils.

        Returns
        -------
        BackgroundMap
            ``background``, ``rms``, ``survey``, ``difference`` and ``compare()``.

        Raises
        ------
        MaskNotFoundError
            If the catalogue has no such epoch.
        InputChangedError, FitsFileError, PlaneError
            If the files have changed since the ingest, or are unusable.
        UsageError
            If photutils is not installed or rejects its input.

        Examples
        --------
        >>> background = cat.background_map("DES0131-3206", "r", 201000, 12, box=(64, 64))
        >>> background.background.shape
        (512, 256)
        """
        mask = self._source.mask(MaskKey(tilename, band, "epoch", expnum, ccdnum))
        files = EpochFiles.of(self._source, allow_changed=allow_changed)
        return background_map(mask, files, selection, box=box, options=options)

    def mask_width(
        self,
        selection: Selection | None = None,
        *,
        by: ByName = "ccd",
        radii: Iterable[float] = range(17),
        grow: Sequence[str] = ("SE_SEG", "COADD_SEG"),
        subtract_background: bool = True,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[FilterKeywords],
    ) -> "pd.DataFrame":
        """Return the residual of good pixels as a function of the radius by which the mask is grown.

        Objects have wings beyond their detected outline. The mask is wide enough at the radius where the median
        stops changing. `goodpix.query.plots.plot_mask_width` plots the result.

        Parameters
        ----------
        selection : Selection, optional
            Definition of good before growing; the catalogue's default if omitted.
        by : str
            See `background`.
        radii : iterable of float
            Radii in pixels.
        grow : sequence of str
            Criteria and bits to grow together, as in `Selection.grow`.
        subtract_background : bool
            Whether to subtract the survey's residual background map, ``bkg_path``. Images without one are left out.
        allow_changed, executor, workers : optional
            See `background`.
        **filters
            Selection of epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        DataFrame
            A row per band and radius, with the columns of `goodpix.query.background.maskwidth.WIDTH_COLUMNS`.
            Medians are interpolated in bins of 0.005 skysigma. Errors of neighbouring radii are nearly the same error.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection, a filter, a radius or a name in `grow` is invalid.

        Examples
        --------
        >>> cat.mask_width(radii=[0, 4, 8], band="r", subtract_background=False).radius.tolist()
        [0.0, 4.0, 8.0]
        """
        study = WidthStudy(
            self._source,
            selection,
            by=by,
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
        by: ByName = "ccd",
        subtract_background: bool = False,
        calibrated: bool = False,
        allow_changed: bool = False,
        executor: Executor | None = None,
        workers: int = 1,
        **filters: Unpack[FilterKeywords],
    ) -> "pd.DataFrame":
        """Return the number of pixels that each definition of good keeps, and their level and scatter.

        Parameters
        ----------
        definitions : mapping of str to Selection
            Definitions by name; None stands for the default definition.
        by, subtract_background, calibrated, allow_changed, executor, workers : optional
            See `background`.
        **filters
            Selection of epochs; see `goodpix.Catalogue.epochs`.

        Returns
        -------
        DataFrame
            A row per definition and band: `goodpix.query.background.definitions.DEFINITION_COLUMNS`.

        Raises
        ------
        UnknownNameError, UsageError
            If a selection or a filter is invalid.

        Examples
        --------
        >>> wide = Selection(grow={"COADD_SEG": 8})
        >>> len(cat.compare_definitions({"stored": None, "wide": wide}, calibrated=True, band="r"))
        2
        """
        options = {"by": by, "subtract_background": subtract_background, "calibrated": calibrated}
        options["allow_changed"] = allow_changed
        return compare_definitions(self._source, definitions, options, executor=executor, workers=workers, **filters)
