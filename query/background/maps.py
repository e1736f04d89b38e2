"""Background maps of an epoch, fitted to its good pixels and compared with the survey's own."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.database import Identity
from ...schema.errors import FitsFileError, UsageError
from ...schema.extras import optional
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from ..provenance import described
from .epochplanes import EpochFiles, floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BackgroundMap", "background_map"]

Image = npt.NDArray[np.floating[Any]]

# photutils excludes boxes with more than 10 % masked by default; here objects alone mask more than that.
_MOST_MASKED = 90.0


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundMap:
    """Background map of an epoch, in the unit of its image.

    The survey's images are already sky-subtracted: this is a map of the residual, and `survey` is the survey's own
    map of it.

    Parameters
    ----------
    key : MaskKey
        Key of the epoch.
    fit : photutils.background.Background2D
        The photutils fit.
    good : ndarray of bool, shape (ny, nx)
        Pixels used in the fit.
    survey : ndarray of float, optional
        The survey's map from ``bkg_path``; None if there is none.
    why_not : str or None
        Why there is no survey map.
    selection : Selection
        The definition of good.
    skybrite, skysigma : float or None
        Sky level that the survey subtracted, and sky noise, from the image header.
    bunit : str or None
        Unit of the map.
    catalogue : Identity or None
        The catalogue.
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
    catalogue: Identity | None = None

    @property
    def background(self) -> Image:
        """The background map; shape (ny, nx)."""
        background: Image = self.fit.background
        return background

    @property
    def rms(self) -> Image:
        """The map of the background noise; shape (ny, nx)."""
        rms: Image = self.fit.background_rms
        return rms

    @property
    def difference(self) -> Image:
        """Difference of this map minus the survey map; shape (ny, nx).

        Raises
        ------
        FitsFileError
            If there is no survey map.
        """
        if self.survey is None:
            raise FitsFileError(f"{self.key}: no survey background map to compare with: {self.why_not}")
        return self.background - self.survey

    def compare(self) -> "pd.DataFrame":
        """Return statistics of the difference between this map and the survey's.

        Returns
        -------
        DataFrame
            Rows ``good`` and ``all`` (pixels); columns ``n``, ``mean``, ``std``, ``median``, ``least`` (minimum) and
            ``greatest`` (maximum) of the difference, and ``mean_in_sigma``, the mean in units of skysigma; its
            ``attrs`` say what it is of.

        Raises
        ------
        FitsFileError
            If there is no survey map.

        Examples
        --------
        >>> background = cat.background_map("DES0131-3206", "r", 201000, 12, box=(64, 64))
        >>> background.compare().columns.tolist()
        ['n', 'mean', 'std', 'median', 'least', 'greatest', 'mean_in_sigma']
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
        found = described(
            pd.DataFrame.from_dict(rows, orient="index"), self.catalogue, self.selection, **asdict(self.key)
        )
        if self.bunit is not None:
            found.attrs["units"] |= dict.fromkeys(("mean", "std", "median", "least", "greatest"), self.bunit)
        return found


def background_map(
    mask: Mask,
    files: EpochFiles,
    selection: Selection | None = None,
    *,
    box: tuple[int, int] | int = (256, 256),
    options: Mapping[str, Any],
) -> BackgroundMap:
    """Fit a background map to an epoch; see `goodpix.Catalogue.background_map`."""
    with optional("photutils"):
        from photutils.background import Background2D  # optional, and slow to import
    if "mask" in options:
        raise UsageError("mask comes from the catalogue: expected a selection, and no mask")
    bound, row = BoundSelection.of(selection, mask.bit_names), mask.row or {}
    survey, why_not = None, None
    with PlaneReader() as reader:
        planes = files.planes(mask, reader)
        image = floats(planes.read_whole("image"))
        try:
            survey = floats(planes.read_whole("bkg"))
        except FitsFileError as error:
            why_not = str(error).removeprefix(f"{mask.key}: ")
    good = mask.good(bound)
    if not good.any():
        raise UsageError(f"{mask.key}: the selection {bound} leaves no good pixel to fit a map to")
    bad = np.ascontiguousarray(~good)
    try:
        fit = Background2D(image, box, mask=bad, **{"exclude_percentile": _MOST_MASKED, **options})
    except (ValueError, TypeError) as error:
        raise UsageError(f"{mask.key}: photutils failed to make a map: {' '.join(str(error).split())}") from error
    return BackgroundMap(
        key=mask.key,
        fit=fit,
        good=good,
        survey=survey,
        why_not=why_not,
        selection=bound.selection,
        skybrite=row.get("skybrite"),
        skysigma=row.get("skysigma"),
        bunit=row.get("bunit"),
        catalogue=mask.catalogue,
    )
