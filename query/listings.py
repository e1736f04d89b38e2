"""Tables and views of a catalogue as data frames."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from ..schema import tables
from ..schema.database import Database, as_stored, shown
from ..schema.dialects import side_effects
from ..schema.errors import CatalogueError, UsageError
from ..schema.views import VIEWS
from .dataframes import read_frame
from .filters import Filters

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listings", "view_frame"]


class Listings:
    """Views and tables of a catalogue, as data frames.

    Parameters
    ----------
    database : Database
        Database open for reading, closed by whoever opened it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """The open database, with the catalogue's identity."""
        return self._database

    @property
    def shown_url(self) -> str:
        """URL of the database, without a password."""
        return shown(self._database.url)

    def info(self) -> dict[str, object]:
        """Return the catalogue's identity and numbers of rows, by name.

        Examples
        --------
        >>> cat.info()["epochs"]  # doctest: +SKIP
        """
        identity = self._database.identity
        counted = {"coadds": tables.coadd, "epochs": tables.epoch, "failures": tables.failure}
        with self._database.engine.connect() as connection:
            n_rows = {
                name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()
                for name, table in counted.items()
            }
        return {
            "database": self.shown_url,
            "masks": str(self._database.root),
            "uuid": identity.uuid,
            "format_version": identity.format_version,
            "campaign": identity.campaign,
            "wcs_source": identity.wcs_source,
            **n_rows,
        }

    def tiles(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per tile and band: the view ``tile_quality``.

        Parameters
        ----------
        **filters
            See `goodpix.query.filters.Filters`.

        Returns
        -------
        DataFrame
            All columns of the view; no rows if nothing matches.

        Raises
        ------
        UnknownNameError
            If a filter or column does not exist.

        Examples
        --------
        >>> cat.tiles(band="i", min={"fraction_good_se": 0.5})  # doctest: +SKIP
        """
        return view_frame(self._database, "tile_quality", filters)

    def ccds(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per CCD image, even if several tiles share it: the view ``ccd_quality``; see `tiles`."""
        return view_frame(self._database, "ccd_quality", filters)

    def exposures(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per exposure: the view ``exposure_quality``; see `tiles`."""
        return view_frame(self._database, "exposure_quality", filters)

    def bits(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per epoch, plane and mask bit: the view ``bit_quality``; see `tiles`."""
        return view_frame(self._database, "bit_quality", filters)

    def failures(self, **filters: Any) -> "pd.DataFrame":
        """Return one row per failed input: the table ``failure``; see `tiles`."""
        wanted = Filters.of(**filters)
        failure = tables.failure
        query = sa.select(failure).where(*wanted.conditions(failure)).order_by(failure.c.failure_key)
        return read_frame(self._database.engine, query)

    def sql(self, query: str, parameters: Mapping[str, Any] | None = None) -> "pd.DataFrame":
        """Run a read-only SQL query and return its result.

        Parameters
        ----------
        query : str
            A single SELECT, with parameters written ``:name``.
        parameters : mapping, optional
            Values of the parameters by name.

        Raises
        ------
        UsageError
            If the text is not a single query, is invalid, or would change the database.

        Examples
        --------
        >>> cat.sql("SELECT band, count(*) AS n FROM epoch GROUP BY band")  # doctest: +SKIP
        >>> cat.sql("SELECT * FROM tile_quality WHERE band = :band", {"band": "i"})  # doctest: +SKIP
        """
        with self._database.engine.connect() as connection:
            return _run_query(connection, query, parameters or {})


def view_frame(database: Database, name: str, filters: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the rows of a view that match filters, sorted by its key."""
    view = VIEWS[name].table
    key = [c for c in view.c if c.name in ("tilename", "band", "expnum", "ccdnum", "plane", "bit")]
    with database.engine.connect() as connection:
        selected = as_stored(connection, view, VIEWS[name].select.selected_columns)
    query = sa.select(*selected).where(*Filters.of(**filters).conditions(view)).order_by(*key)
    return read_frame(database.engine, query)


_QUERY = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)


def _run_query(connection: sa.Connection, query: str, parameters: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the result of a query as a data frame; see `Listings.sql`.

    The connection is read-only: SQLite's authorizer or Postgres' read-only transaction denies writes not refused here.
    """
    import pandas as pd  # slow to import

    if not _QUERY.match(query):
        words = query.split()
        begins = f"starts with {words[0][:40]!r}" if words else "is empty"
        raise UsageError(f"the query {begins}: expected a single SELECT")
    refused = side_effects(connection, query)
    if refused:
        raise UsageError(f"the query may not call {', '.join(refused)}: expected functions without side effects")
    text = query.strip().rstrip(";")
    if not parameters:
        # without parameters, a colon (in quotes, say) is not a placeholder
        text = re.sub(r"(?<![:\w\\]):(?=\w)", r"\:", text)
    if connection.dialect.name == "postgresql":
        # a query without parameters could contain several statements, even COMMIT; with a parameter it
        # is sent by the extended protocol, which accepts only one
        text = f"SELECT * FROM ({text}\n) AS answer WHERE :goodpix_one = 1"
        parameters = {**parameters, "goodpix_one": 1}
    try:
        plain = {name: each.item() if isinstance(each, np.generic) else each for name, each in parameters.items()}
        result = connection.execute(sa.text(text), plain)
        return pd.DataFrame(result.all(), columns=list(result.keys()))
    except (sa.exc.StatementError, CatalogueError, OverflowError) as error:
        # SQLAlchemy's message would add the statement and a link
        reason = error.__cause__ or error
        raise UsageError(f"the query cannot be run: {' '.join(str(reason.args[0]).split())}") from error
