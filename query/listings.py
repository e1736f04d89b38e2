"""Tables and views of a catalogue as data frames."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa

from ..schema import tables
from ..schema.bits import Bits, Plane
from ..schema.criteria import Selection
from ..schema.database import Database, as_stored, lacking, open_for_reading, recorded_revision, shown
from ..schema.errors import UnknownNameError
from ..schema.views import VIEWS
from .dataframes import joined, read_frame
from .derivedcolumns import derived_columns
from .filters import FilterKeywords, Filters
from .namedselections import find_selection, named_selections
from .provenance import described
from .sqlanswer import SqlAnswer, sql_answer
from .tableshape import Names, TableShape

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Listings", "check_order", "open_listings", "view_frame"]

_WHOLE = TableShape()


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
        >>> info = cat.info()
        >>> info["campaign"], info["coadds"]
        ('des-pizza-slices-y6-v8', 2)
        """
        identity = self._database.identity
        counted = {"coadds": tables.coadd, "epochs": tables.epoch, "failures": tables.failure}
        # the row of a file without a coadd is not one of a coadd
        numbers = {"coadds": sa.func.count(tables.coadd.c.mask_row_group)}
        with self._database.engine.connect() as connection:
            n_rows = {
                name: connection.execute(sa.select(numbers.get(name, sa.func.count())).select_from(table)).scalar()
                for name, table in counted.items()
            }
        return {
            "database": self.shown_url,
            "masks": str(self._database.root),
            "uuid": identity.uuid,
            "format_version": identity.format_version,
            "campaign": identity.campaign,
            "wcs_source": identity.wcs_source,
            "profile": str(identity.profile),
            **n_rows,
        }

    def selections(self, *, sort: Names = None, limit: int | None = None, columns: Names = None) -> "pd.DataFrame":
        """Return the named selections: ``name``, ``selection`` in words, ``description`` and ``hash``.

        Parameters
        ----------
        sort, limit, columns : optional
            See `tiles`.

        Examples
        --------
        >>> added = goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48))
        >>> cat.selections(columns=["name", "selection"])
               name  selection
        0  shear-v1  border 48
        """
        import pandas as pd  # slow to import

        names = [column.name for column in tables.selection.c]
        rows = pd.DataFrame(named_selections(self._database), columns=names, dtype="str")
        return TableShape.of(sort, limit, columns).of_frame(described(rows, self._database.identity, ""), "selections")

    def selection(self, name: str) -> Selection:
        """Return a named selection, to pass on to other methods; what is made with it names it with its hash.

        Parameters
        ----------
        name : str
            Its name; `goodpix.add_selection` adds one.

        Raises
        ------
        UnknownNameError
            If the catalogue has no selection of that name.

        Examples
        --------
        >>> added = goodpix.add_selection("goodpix.db", "shear-v1", Selection(border=48))
        >>> cat.sky_area(cat.selection("shear-v1"), band="i") < cat.sky_area(band="i")
        True
        """
        return find_selection(self._database, name)

    def tiles(
        self, *, sort: Names = None, limit: int | None = None, columns: Names = None, **filters: Unpack[FilterKeywords]
    ) -> "pd.DataFrame":
        """Return one row per tile and band: the view ``tile_quality``.

        Parameters
        ----------
        sort : str or list of str, optional
            Columns to sort by, in a list or joined by commas, the first one first; ``-`` before a name is descending
            order, and nulls come last.
        limit : int, optional
            Maximum number of rows.
        columns : str or list of str, optional
            Columns, in this order; by default all.
        **filters
            See `goodpix.query.filters.Filters`.

        Returns
        -------
        DataFrame
            Rows of the view; none if nothing matches.

        Raises
        ------
        UnknownNameError
            If a filter or column does not exist.

        Examples
        --------
        >>> cat.tiles(band="i", min={"fraction_good_se": 0.5})[["tilename", "band", "n_epochs"]]
               tilename band  n_epochs
        0  DES0131-3206    i         5
        >>> cat.tiles(sort="-n_good", limit=1, columns=["tilename", "band"])
               tilename band
        0  DES0131-3206    i
        """
        return view_frame(self._database, "tile_quality", filters, TableShape.of(sort, limit, columns))

    def ccds(
        self, *, sort: Names = None, limit: int | None = None, columns: Names = None, **filters: Unpack[FilterKeywords]
    ) -> "pd.DataFrame":
        """Return one row per CCD image, even if several tiles share it: the view ``ccd_quality``; see `tiles`.

        Returns
        -------
        DataFrame
            Columns of the view, ``fwhm_arcsec`` (``fwhm`` times the root of ``pixel_area``) and
            ``skybrite_per_second`` (``bunit`` per second).

        Examples
        --------
        >>> cat.ccds(band="r", columns=["expnum", "ccdnum", "n_tiles"])
           expnum  ccdnum  n_tiles
        0  201000      12        1
        1  201001      46        1
        2  201002      43        1
        """
        return view_frame(self._database, "ccd_quality", filters, TableShape.of(sort, limit, columns))

    def exposures(
        self, *, sort: Names = None, limit: int | None = None, columns: Names = None, **filters: Unpack[FilterKeywords]
    ) -> "pd.DataFrame":
        """Return one row per exposure: the view ``exposure_quality``; see `tiles`.

        Returns
        -------
        DataFrame
            Columns of the view, ``mean_fwhm_arcsec`` (``mean_fwhm`` times the root of the mean pixel area of the
            CCD images) and ``mean_skybrite_per_second`` (``bunit`` per second).

        Examples
        --------
        >>> cat.exposures(nite="20161001:20161003", columns=["band", "expnum", "n_ccds"])
          band  expnum  n_ccds
        0    i  201003       1
        1    r  201001       1
        2    r  201002       1
        """
        return view_frame(self._database, "exposure_quality", filters, TableShape.of(sort, limit, columns))

    def bits(
        self,
        *,
        plane: Plane | None = None,
        bit: Bits = None,
        sort: Names = None,
        limit: int | None = None,
        columns: Names = None,
        **filters: Unpack[FilterKeywords],
    ) -> "pd.DataFrame":
        """Return one row per epoch, plane and mask bit that is set: the view ``bit_quality``.

        Parameters
        ----------
        plane : str, optional
            ``"se"`` or ``"coadd"``, in upper or lower case.
        bit : int, str or list of those, optional
            Bits by number, as in the column ``bit``, or by name: ``"STREAK"``, ``"SE:STREAK"``. Without a plane, a
            number stands for a bit of either plane, and a name for those bits that have it.
        sort, limit, columns : optional
            See `tiles`.
        **filters
            See `goodpix.query.filters.Filters`.

        Raises
        ------
        UnknownNameError
            If there is no such plane, bit, filter or column.

        Examples
        --------
        >>> cat.bits(band="r", bit=["STREAK", "NO_DATA"], columns=["expnum", "plane", "bit", "name", "n_pixels"])
           expnum  plane  bit     name  n_pixels
        0  201000  coadd    0  NO_DATA      3420
        1  201000     se   10   STREAK      1555
        2  201001  coadd    0  NO_DATA       521
        3  201002  coadd    0  NO_DATA      1065
        """
        wanted = self._bits_wanted(plane, bit)
        return view_frame(self._database, "bit_quality", filters, TableShape.of(sort, limit, columns), wanted)

    def _bits_wanted(self, plane: Plane | None, bit: Bits) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on the view of bits that choose some of a plane."""
        names = self._database.identity.bit_names
        of_plane, number_of = sa.column("plane", sa.Text), sa.column("bit", sa.Integer)
        if bit is not None:
            chosen = [sa.and_(of_plane == each, number_of == number) for each, number in names.find(bit, plane)]
            return [sa.or_(sa.false(), *chosen)]
        if plane is None:
            return []
        names.of_plane(plane)
        return [of_plane == plane.lower()]

    def failures(
        self, *, sort: Names = None, limit: int | None = None, columns: Names = None, **filters: Unpack[FilterKeywords]
    ) -> "pd.DataFrame":
        """Return one row per failed input: the table ``failure``; see `tiles`.

        Examples
        --------
        >>> cat.failures().empty
        True
        """
        wanted = Filters.of(**filters)
        failure = tables.failure
        query = sa.select(failure).where(*wanted.conditions(failure))
        shaped = TableShape.of(sort, limit, columns).of_query(query, [failure.c.failure_key], failure.name)
        return described(read_frame(self._database.engine, shaped), self._database.identity)

    def sql(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        sort: Names = None,
        limit: int | None = None,
        columns: Names = None,
    ) -> "pd.DataFrame":
        """Run a read-only SQL query and return its result.

        Parameters
        ----------
        query : str
            A single SELECT, with parameters written ``:name``.
        parameters : mapping, optional
            Values of the parameters by name.
        timeout : float, optional
            Seconds after which the query is given up.
        sort : str or list of str, optional
            See `tiles`; it comes in place of the query's own order.
        limit : int, optional
            Number of rows to return at most; ``attrs["cut"]`` of the result says whether there are more.
        columns : str or list of str, optional
            See `tiles`.

        Returns
        -------
        DataFrame
            Integer and boolean columns keep their type if some values are null.

        Raises
        ------
        UsageError
            If the text is not a single query, is invalid, would change the database, calls a function that may do
            more than compute, or takes too long.

        Examples
        --------
        >>> cat.sql("SELECT band, count(*) AS n FROM ccd_quality GROUP BY band ORDER BY band")
          band  n
        0    i  5
        1    r  3
        >>> cat.sql("SELECT tilename FROM tile_quality WHERE band = :band", {"band": "i"})
               tilename
        0  DES0131-3206
        >>> cat.sql("SELECT * FROM ccd_quality", sort="-fwhm", limit=1, columns=["band", "expnum"])
          band  expnum
        0    r  201001
        """
        answers = self.sql_answer(query, parameters, timeout=timeout, sort=sort, limit=limit, columns=columns)
        with answers as answer:
            frame = joined(answer.parts())
        frame.attrs["cut"] = answer.cut
        return described(frame, self._database.identity, "", query=" ".join(query.split()))

    def sql_answer(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        sort: Names = None,
        limit: int | None = None,
        columns: Names = None,
    ) -> AbstractContextManager[SqlAnswer]:
        """Run a query and read its rows part by part, for answers that do not fit in memory; see `sql`.

        Examples
        --------
        >>> with cat.sql_answer("SELECT * FROM epoch WHERE band = 'r'") as answer:
        ...     for frame in answer.parts():
        ...         print(len(frame))
        3
        """
        shape = TableShape.of(sort, limit, columns)
        return sql_answer(self._database.engine, query, parameters, timeout=timeout, shape=shape)


@contextmanager
def open_listings(url: str | os.PathLike[str]) -> Iterator[Listings]:
    """Open a catalogue read-only for its listings, which takes half of the imports of a `Catalogue`.

    Raises
    ------
    CatalogueError
        If there is no catalogue at the URL.
    CatalogueVersionError
        If this software does not read the catalogue's version.
    """
    with open_for_reading(url) as database:
        yield Listings(database)


def view_frame(
    database: Database,
    name: str,
    filters: Mapping[str, Any],
    shape: TableShape = _WHOLE,
    conditions: Sequence[sa.ColumnElement[bool]] = (),
) -> "pd.DataFrame":
    """Return the rows of a view that match filters and conditions, sorted by its key unless the shape says otherwise.

    Columns derived from seeing and sky follow those of the view.
    """
    view = VIEWS[name].table
    key = [c for c in view.c if c.name in ("tilename", "band", "expnum", "ccdnum", "plane", "bit")]
    check_order(database, name, shape)
    with database.engine.connect() as connection:
        selected = as_stored(connection, view, VIEWS[name].select.selected_columns)
        derived = derived_columns(view, str(recorded_revision(connection)))
    matching = (*Filters.of(**filters).conditions(view, derived), *conditions)
    query = sa.select(*selected, *(column.label(label) for label, column in derived.items())).where(*matching)
    return described(read_frame(database.engine, shape.of_query(query, key, name)), database.identity)


def check_order(database: Database, name: str, shape: TableShape) -> None:
    """Raise an `UnknownNameError` if a view is to be sorted by a column that is newer than the catalogue."""
    if not shape.sort:
        return
    with database.engine.connect() as connection:
        absent = lacking(connection, VIEWS[name].select.selected_columns)
    for column in (each.removeprefix("-") for each in shape.sort):
        if column in absent:
            raise UnknownNameError(f"{name} of this catalogue has no column {column!r}: goodpix db upgrade adds it")
