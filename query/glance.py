"""What is in a catalogue, at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import sqlalchemy as sa

from ..schema.database import Database
from ..schema.tables import coadd, exposure_summary, tile_summary
from .palette import in_band_order

__all__ = ["Glance"]


@dataclass(frozen=True, slots=True)
class _Band:
    """Numbers of a band; `good` is the fraction of pixels on the coadd, or of all where there is none."""

    band: str
    n_tiles: int
    n_epochs: int
    n_exposures: int
    nights: str
    good: float | None

    def cells(self) -> list[str]:
        good = "" if self.good is None else f"{self.good:.1%}"
        return [self.band, *(f"{n:,}" for n in (self.n_tiles, self.n_epochs, self.n_exposures)), self.nights, good]


_HEADS = ("band", "tiles", "epochs", "exposures", "nights", "good")


@dataclass(frozen=True, slots=True)
class Glance:
    """What is in a catalogue, as `Catalogue` prints itself.

    Parameters
    ----------
    title : str
        The catalogue.
    bands : sequence
        Numbers by band.
    """

    title: str
    bands: Sequence[_Band]

    @classmethod
    def of(cls, database: Database, url: str) -> "Glance":
        """Read the numbers, from sums that the catalogue keeps; `url` is without a password."""
        tiles, exposures = tile_summary.c, exposure_summary.c
        sums = (sa.func.sum(column) for column in (tiles.n_epochs, tiles.n_good, tiles.n_on_coadd, tiles.n_pixels))
        # a tile without epochs has no sums
        joined = coadd.outerjoin(tile_summary, (coadd.c.tilename == tiles.tilename) & (coadd.c.band == tiles.band))
        of_tiles = sa.select(coadd.c.band, sa.func.count(), *sums).select_from(joined).group_by(coadd.c.band)
        nights = sa.func.min(exposures.nite), sa.func.max(exposures.nite)
        of_exposures = sa.select(exposures.band, sa.func.count(), *nights).group_by(exposures.band)
        with database.engine.connect() as connection:
            taken = {band: (n, _nights(first, last)) for band, n, first, last in connection.execute(of_exposures)}
            found = {
                band: _Band(band, n_tiles, int(n_epochs or 0), *taken.get(band, (0, "")), _over(n_good, n_on or n_all))
                for band, n_tiles, n_epochs, n_good, n_on, n_all in connection.execute(of_tiles)
            }
        identity = database.identity
        profile = "" if identity.profile.is_des else f", profile {identity.profile}"
        return cls(f"{url}: {identity.campaign}{profile}", [found[band] for band in in_band_order(found)])

    def __str__(self) -> str:
        rows = [list(_HEADS), *(each.cells() for each in self.bands)]
        widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADS))]
        lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([f"<Catalogue {self.title}>", *(lines if self.bands else ["no tiles yet"])])

    def html(self) -> str:
        """Return the same as HTML."""
        rows = "".join(_row("td", each.cells()) for each in self.bands) or "<tr><td>no tiles yet</td></tr>"
        return f"<p><code>Catalogue {escape(self.title)}</code></p><table>{_row('th', _HEADS)}{rows}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _nights(first: int | None, last: int | None) -> str:
    return "" if first is None else str(first) if first == last else f"{first} to {last}"


def _over(part: int | None, whole: int | None) -> float | None:
    return int(part or 0) / int(whole) if whole else None
