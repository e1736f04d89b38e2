"""Plot methods of a catalogue."""

from typing import TYPE_CHECKING, Unpack

from ...schema.criteria import Selection
from ..filters import FilterKeywords
from ..listings import Listings
from .focalplane import plot_focal_plane
from .sky import plot_sky
from .tile import CoaddCounts, plot_tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CataloguePlots"]


class CataloguePlots(Listings):
    """Methods of `goodpix.Catalogue` for pictures, which notebooks show; they need the extra ``plot``."""

    def plot_tile(
        self: CoaddCounts, tilename: str, band: str, selection: Selection | None = None, *, ax: "Axes | None" = None
    ) -> "Axes":
        """Plot the number of good epochs at each pixel of a tile's coadd.

        Parameters
        ----------
        tilename, band : str
            The coadd; every mask of it is read.
        selection : Selection, optional
            A definition of good other than the default.
        ax : Axes, optional
            Axes to draw on; by default those of a new figure.

        Examples
        --------
        >>> cat.plot_tile("DES0131-3206", "i").figure.savefig("tile.png")
        """
        return plot_tile(self, tilename, band, selection, ax=ax)

    def plot_focal_plane(
        self, statistic: str = "fraction_good_se", *, ax: "Axes | None" = None, **filters: Unpack[FilterKeywords]
    ) -> "Axes":
        """Plot the CCDs as seen on the sky, coloured by a statistic.

        Parameters
        ----------
        statistic : str
            ``"fraction_good_se"``, a criterion such as ``"n_se_bmask"``, a mask bit such as ``"SE:TRAIL"``, or another
            one of `goodpix.query.summary.ccdhalves.ccd_halves`.
        ax : Axes, optional
            Axes to draw on; by default those of a new figure.
        **filters
            ``band``, ``ccdnum`` and ``nite``.

        Examples
        --------
        >>> axes = cat.plot_focal_plane("SE:TRAIL", band="i")
        """
        return plot_focal_plane(self, statistic, ax=ax, **filters)

    def plot_sky(
        self, statistic: str | None = None, *, ax: "Axes | None" = None, **filters: Unpack[FilterKeywords]
    ) -> "Axes":
        """Plot the tiles on the sky, coloured by a statistic.

        Parameters
        ----------
        statistic : str, optional
            A column of `tiles`; by default ``"fraction_good_on_coadd"``, or ``"fraction_good_se"`` without coadds.
        ax : Axes, optional
            Axes to draw on; by default those of a new figure.
        **filters
            ``tilename`` and ``band``.

        Examples
        --------
        >>> axes = cat.plot_sky("n_epochs", band="i")
        """
        return plot_sky(self, statistic, ax=ax, **filters)
