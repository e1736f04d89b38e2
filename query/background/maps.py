"""Background maps of an epoch: over our good pixels, and the survey's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import Selection
from ...schema.errors import FitsFileError, UsageError
from ...schema.masks.boundselection import BoundSelection
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from .epochplanes import EpochFiles, floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BackgroundMap", "background_map"]

Image = npt.NDArray[np.floating[Any]]

# photutils leaves out boxes of which more is masked, by default a tenth: ours lose that to objects alone.
_MOST_MASKED = 90.0


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundMap:
    """A background map of an epoch, in the unit of its image.

    An image of the survey has lost its sky already: this is of the residual that is left, and `survey` is the
    survey's own map of that.

    Parameters
    ----------
    key : MaskKey
        Which epoch.
    fit : photutils.background.Background2D
        The map, with all that photutils knows of it.
    good : ndarray of bool, shape (ny, nx)
        The pixels that it is of.
    survey : ndarray of float, optional
        The survey's map, of ``bkg_path``; None where there is none.
    why_not : str or None
        Why there is none.
    selection : Selection
        The definition of good.
    skybrite, skysigma : float or None
        Sky that the survey subtracted from the image, and the noise, by its header.
    bunit : str or None
        The unit.
    """

    key: MaskKey
    fit: Any
    good: npt.NDArray[np.bool_]
    survey: Image | None
    why_not: str | None
    selection: Selection
    skybrite: float | None
    skysigma: float | None
    bunit: str | None

    @property
    def background(self) -> Image:
        """The map; shape (ny, nx)."""
        found: Image = self.fit.background
        return found

    @property
    def rms(self) -> Image:
        """The map of the noise; shape (ny, nx)."""
        found: Image = self.fit.background_rms
        return found

    @property
    def difference(self) -> Image:
        """The map minus the survey's; shape (ny, nx).

        Raises
        ------
        FitsFileError
            If there is no map of the survey.
        """
        if self.survey is None:
            raise FitsFileError(f"{self.key}: there is no background of the survey to compare with: {self.why_not}")
        return self.background - self.survey

    def compare(self) -> "pd.DataFrame":
        """Return how this map differs from the survey's.

        Returns
        -------
        DataFrame
            Rows ``good`` and ``all`` (pixels); columns ``n``, ``mean``, ``std``, ``median``, ``least`` and
            ``greatest`` of the difference, and ``mean_in_sigma``, the mean in units of skysigma.

        Raises
        ------
        FitsFileError
            If there is no map of the survey.
        """
        import pandas as pd  # slow to import

        difference = self.difference.astype(np.float64)
        rows = {}
        for name, values in (("good", difference[self.good]), ("all", difference.ravel())):
            some = values.size > 0
            rows[name] = {
                "n": values.size,
                "mean": values.mean() if some else np.nan,
                "std": values.std() if some else np.nan,
                "median": np.median(values) if some else np.nan,
                "least": values.min() if some else np.nan,
                "greatest": values.max() if some else np.nan,
                "mean_in_sigma": values.mean() / self.skysigma if some and self.skysigma else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index")


def background_map(
    mask: Mask,
    files: EpochFiles,
    selection: Selection | None = None,
    *,
    box: tuple[int, int] | int = (256, 256),
    options: Mapping[str, Any],
) -> BackgroundMap:
    """Return a background map of an epoch; see `goodpix.Catalogue.background_map`."""
    try:
        from photutils.background import Background2D  # used here alone, and slow to import
    except ModuleNotFoundError as error:
        raise UsageError("photutils is not installed: pip install photutils") from error
    if "mask" in options:
        raise UsageError("mask is the catalogue's: expected a selection, or no mask")
    wanted, row = BoundSelection.of(selection, mask.bit_names), mask.row or {}
    survey, why_not = None, None
    with PlaneReader() as reader:
        planes = files.planes(mask, reader)
        image = floats(planes.plane("image").read())
        try:
            survey = floats(planes.plane("bkg").read())
        except FitsFileError as error:
            why_not = str(error).removeprefix(f"{mask.key}: ")
    good = mask.good(wanted)
    if not good.any():
        raise UsageError(f"{mask.key}: no pixel is good by the selection {wanted}: there is nothing to make a map of")
    bad = np.ascontiguousarray(~good)
    try:
        fit = Background2D(image, box, mask=bad, **{"exclude_percentile": _MOST_MASKED, **options})
    except (ValueError, TypeError) as error:
        raise UsageError(f"{mask.key}: photutils makes no map: {' '.join(str(error).split())}") from error
    return BackgroundMap(
        key=mask.key,
        fit=fit,
        good=good,
        survey=survey,
        why_not=why_not,
        selection=wanted.selection,
        skybrite=row.get("skybrite"),
        skysigma=row.get("skysigma"),
        bunit=row.get("bunit"),
    )
