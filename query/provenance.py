"""Provenance of files that leave the catalogue."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..schema.criteria import Selection
from ..schema.database import Identity
from ..schema.printable import printable
from .dataframes import units_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Provenance", "described", "filters_text"]

# Facts in order, with their FITS keywords and comments.
_CARDS = {
    "software": ("CREATOR", "software that wrote this file"),
    "catalogue": ("CATALOG", "UUID of the catalogue"),
    "campaign": ("CAMPAIGN", "processing campaign of the catalogue"),
    "tilename": ("TILENAME", "tile"),
    "band": ("BAND", "filter band"),
    "expnum": ("EXPNUM", "exposure number"),
    "ccdnum": ("CCDNUM", "CCD number"),
    "formula": ("MASKOF", "masks that this one combines"),
    "selection": ("SELECT", "definition of a good pixel"),
    "fingerprint": ("MASKFP", "SHA-256 of the inputs of the mask"),
    "filters": ("FILTERS", "filters of the rows"),
    "position": ("POSITION", "right ascension, declination, radius, degrees"),
    "query": ("QUERY", "SQL query"),
    "radius_arcsec": ("RADIUS", "radius of the discs, arcsec"),
    "seed": ("SEED", "seed of the positions"),
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """Facts that say where the content of a file comes from.

    The facts name no time and no path, so equal contents give equal files.

    Parameters
    ----------
    facts : mapping of str to str or number
        By name: ``software``, ``catalogue`` (its UUID), ``campaign``, ``tilename``, ``band``, ``expnum``, ``ccdnum``,
        ``formula`` (of a combined mask), ``selection``, ``fingerprint`` (of the mask), and of tables ``filters``,
        ``position``, ``query``, ``radius_arcsec`` and ``seed``; those that do not apply are absent.
    """

    facts: Mapping[str, str | int | float]

    @classmethod
    def of(cls, selection: object, *, catalogue: Identity | None = None, **about: Any) -> "Provenance":
        """Return the provenance of what a selection chose from a catalogue.

        Parameters
        ----------
        selection : object
            A selection, or its text; None for what no selection concerns.
        catalogue : Identity, optional
            The catalogue.
        **about
            Further facts, such as ``tilename``; empty ones are left out.
        """
        known = {"catalogue": catalogue.uuid, "campaign": catalogue.campaign} if catalogue else {}
        given = {
            "software": f"goodpix {version('goodpix')}",
            **known,
            **about,
            "selection": "" if selection is None else str(selection),
        }
        return cls({name: given[name] for name in _CARDS if given.get(name) not in (None, "")})

    @property
    def of_query(self) -> bool:
        """Whether it is that of a query, whose columns may have any names."""
        return "query" in self.facts

    @classmethod
    def of_frame(cls, rows: "pd.DataFrame") -> "Provenance":
        """Return the provenance that an answer of the catalogue has in its ``attrs``; empty for any other frame."""
        if "software" not in rows.attrs:
            return cls({})
        return cls({name: rows.attrs[name] for name in _CARDS if name in rows.attrs})

    def cards(self) -> list[dict[str, Any]]:
        """Return the facts as FITS cards with ``name``, ``value`` and ``comment``."""
        return [
            {"name": _CARDS[name][0], "value": value, "comment": _CARDS[name][1]} for name, value in self.facts.items()
        ]

    def comments(self) -> str:
        """Return the facts as lines of comment, as region files hold them."""
        return "".join(f"# {name}: {printable(str(value))}\n" for name, value in self.facts.items())

    def metadata(self, meaning: str = "") -> dict[str, str]:
        """Return the facts, and any meaning of the values, as metadata of Parquet files: ``goodpix.<fact>``."""
        more = {"meaning": meaning} if meaning else {}
        return {f"goodpix.{name}": text for name, text in self.texts(**more).items()}

    def texts(self, **more: str) -> dict[str, str]:
        """Return the facts, and more, as texts, as PNG files hold them."""
        return {name: str(value) for name, value in {**self.facts, **more}.items()}


def described(
    rows: "pd.DataFrame", catalogue: Identity | None, selection: object = None, **about: Any
) -> "pd.DataFrame":
    """Return a data frame with its provenance in ``attrs``, and there the units of its columns under ``units``.

    Every frame that the catalogue gives goes through here. That of a query has no units: it may give any name to
    anything.

    Parameters
    ----------
    rows : DataFrame
        Rows of the catalogue.
    catalogue : Identity, optional
        The catalogue.
    selection : object, optional
        Selection that made them; by default the default one. Empty text where none, or several, made them.
    **about
        Further facts; see `Provenance.of`.
    """
    chosen = Selection() if selection is None else selection
    rows.attrs.update(Provenance.of(chosen, catalogue=catalogue, **about).facts)
    rows.attrs["units"] = {} if "query" in about else units_of(rows)
    return rows


def filters_text(filters: Mapping[str, Any]) -> str:
    """Return filters in one line, such as ``band=i,r; min fwhm=3``; empty without any.

    Parameters
    ----------
    filters : mapping
        See `goodpix.query.filters.Filters`.
    """
    terms = []
    for name, value in filters.items():
        if isinstance(value, Mapping):
            terms += [f"{name} {column}={bound}" for column, bound in value.items()]
        elif value is not None:
            several = value if isinstance(value, list | tuple | set | frozenset | range) else [value]
            terms.append(f"{name}={','.join(map(_range_text, several))}")
    return "; ".join(terms)


def _range_text(value: object) -> str:
    if not isinstance(value, slice):
        return str(value)
    return ":".join("" if end is None else str(end) for end in (value.start, value.stop))
