"""Tables of astropy: FITS, VOTable and ECSV, with units, UCDs and provenance."""

import io
import math
import re
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import CooSys, Info, TableElement, TimeSys, VOTableFile
from astropy.table import Column, MaskedColumn, Table

from ...schema.views import VIEWS
from ..dataframes import units_of
from ..provenance import Provenance
from .texttable import python_columns
from .ucds import ucd_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["astropy_table", "table_bytes"]

# Units as headers of images write them.
_SPELLINGS = {"adu": "adu", "count": "ct", "counts": "ct", "electrons": "electron", "e-": "electron"}

# Day 0 of the modified Julian date, as a Julian date.
_MJD_ORIGIN = 2400000.5


def astropy_table(rows: "pd.DataFrame") -> Table:
    """Return a data frame of the catalogue as a table of astropy.

    Parameters
    ----------
    rows : DataFrame
        Answer of the catalogue, such as of `goodpix.Catalogue.epochs`, or rows or columns of one.

    Returns
    -------
    astropy.table.Table
        Null integers, booleans and texts are masked, null floats NaN. Columns have units and descriptions, and their
        UCD as ``meta["ucd"]``; ``meta`` of the table is its provenance. A frame that is no answer of the catalogue's
        has none of these, and one of SQL only the provenance: a query may give any name to anything.

    Examples
    --------
    >>> table = goodpix.astropy_table(cat.epochs(band="r"))
    >>> table["exptime"].to("min")[0]
    <Quantity 1.5 min>
    >>> table["exptime"].meta["ucd"]
    'time.duration;obs.exposure'
    """
    provenance = Provenance.of_frame(rows)
    table = _table(rows, described=bool(provenance.facts) and not provenance.of_query)
    table.meta.update(provenance.facts)
    return table


def table_bytes(format_: str, rows: "pd.DataFrame", provenance: "Provenance | None", *, described: bool) -> bytes:
    """Return the content of a table's file.

    Parameters
    ----------
    format_ : str
        ``fits``, ``votable`` or ``ecsv``.
    rows : DataFrame
        The table.
    provenance : Provenance or None
        Header cards of a FITS table, INFO elements of a VOTable, ``meta`` of an ECSV file.
    described : bool
        Whether the names of its columns are those of the catalogue, which have units, UCDs and descriptions.

    Raises
    ------
    ValueError
        If the format cannot hold the table.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that VOTable changes into identifiers, and of unusual units
        return _WRITERS[format_](_table(rows, described=described), provenance)


def _table(rows: "pd.DataFrame", *, described: bool) -> Table:
    names = list(map(str, rows.columns))
    columns = zip(names, python_columns(rows), rows.dtypes, strict=True)
    table = Table([_column(name, values, dtype) for name, values, dtype in columns])
    for name, text in units_of(rows).items() if described else ():
        table[name].unit = _unit(text)
    for name in names if described else ():
        table[name].description = _meanings().get(name)
        ucd = ucd_of(name)
        if ucd is not None:
            table[name].meta["ucd"] = ucd
    return table


@cache
def _meanings() -> dict[str, str]:
    """Return the meaning of each column of the views that means the same in all of them."""
    every = {(column.name, column.doc) for view in VIEWS.values() for column in view.columns}
    names = [name for name, _ in every]
    return {name: doc for name, doc in every if names.count(name) == 1}


def _ecsv(table: Table, provenance: "Provenance | None") -> bytes:
    table.meta.update(provenance.facts if provenance else {})
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue().encode()


def _votable(table: Table, provenance: "Provenance | None") -> bytes:
    document = from_table(table)
    resource = document.resources[0]
    facts = provenance.texts() if provenance else {}
    resource.infos.extend(Info(name=name, value=value) for name, value in facts.items())
    _add_frames(document, resource.tables[0])
    file = io.BytesIO()
    document.to_xml(file)
    return file.getvalue()


def _add_frames(document: VOTableFile, table: TableElement) -> None:
    """Say in which frame positions and times are, for the columns whose UCD says that they are such."""
    resource = document.resources[0]
    positions = [field for field in table.fields if (field.ucd or "").startswith("pos.eq.")]
    times = [field for field in table.fields if (field.ucd or "").startswith("time.start") and field.unit is not None]
    if positions:
        resource.coordinate_systems.append(CooSys(ID="icrs", system="ICRS"))
    if times:
        origin = {"timeorigin": _MJD_ORIGIN, "timescale": "UTC", "refposition": "TOPOCENTER"}
        resource.time_systems.append(TimeSys(ID="mjd", **origin))
    for field in positions:
        field.ref = "icrs"
    for field in times:
        field.ref = "mjd"


def _fits(table: Table, provenance: "Provenance | None") -> bytes:
    told = {name: (table[name].unit, table[name].description, table[name].meta.get("ucd")) for name in table.colnames}
    held = Table([_for_fits(table[name]) for name in table.colnames])
    extension = fits.table_to_hdu(held)
    for number, (unit, meaning, ucd) in enumerate(told.values(), 1):
        comment = meaning
        if unit is not None and f"TUNIT{number}" not in extension.header:
            # no unit of the FITS standard, such as electrons: readers would warn of TUNITn
            comment = f"{comment}; unit: {unit}" if comment else f"unit: {unit}"
        # the keywords in which TOPCAT and others look for them
        for keyword, text in (("TCOMM", comment), ("TUCD", ucd)):
            if text is not None:
                extension.header[f"{keyword}{number}"] = text
    for card in provenance.cards() if provenance else ():
        value = card["value"]
        # other letters and line ends cannot be in a header
        text = value.encode("unicode_escape").decode() if isinstance(value, str) else value
        extension.header[card["name"]] = (text, card["comment"])
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(file)
    return file.getvalue()


_WRITERS = {"ecsv": _ecsv, "votable": _votable, "fits": _fits}


def _unit(text: str) -> units.UnitBase:
    """Return a unit, as headers of images write it too; an unknown one keeps its text."""
    spelt = re.sub(r"^[A-Za-z-]+", lambda word: _SPELLINGS.get(word[0].lower(), word[0]), text.strip())
    try:
        return units.Unit(spelt)
    except ValueError:
        return units.Unit(text, parse_strict="silent")


def _column(name: str, values: Sequence[Any], dtype: Any) -> Column:
    """Return a column of an astropy table; nulls are masked, or NaN."""
    null = [value is None for value in values]
    kind, unused = getattr(dtype, "kind", "O"), None
    if kind == "O":
        kind = _kind_of(values)
    if kind == "b":
        array = np.array([bool(value) for value in values], np.bool_)
    elif kind in "iu":
        array, unused = np.array([value or 0 for value in values], np.int64), np.iinfo(np.int64).min
    elif kind == "f":
        return Column(np.array([math.nan if value is None else value for value in values], np.float64), name)
    else:
        array = np.array(["" if value is None else _text(value) for value in values], dtype=str)
    return MaskedColumn(array, name, mask=null, fill_value=unused) if any(null) else Column(array, name)


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _kind_of(values: Sequence[Any]) -> str:
    """Return the kind of numbers in a column of objects, of which some parts may be all null; O for anything else."""
    types = {type(value) for value in values if value is not None}
    if types == {int} and all(value is None or abs(value) < 1 << 63 for value in values):
        return "i"
    if types and types <= {int, float} and all(value is None or float(value) == value for value in values):
        return "f"
    return "O"


def _for_fits(column: Column) -> Column:
    """Return a column as FITS can hold it: it has no null among booleans, and only ASCII letters."""
    name = column.name
    if column.dtype.kind == "b" and isinstance(column, MaskedColumn):
        return MaskedColumn(column.data.data.astype(np.int16), name, mask=column.mask, fill_value=-1)
    if column.dtype.kind == "U":
        strange = [text for text in column.tolist() if not (text or "").isascii()]
        if strange:
            raise ValueError(f"{name} has {strange[0]!r}: expected ASCII, the only text of FITS tables")
    plain = column.copy()
    plain.meta, plain.description = {}, None  # which FITS keeps in keywords of its own
    return plain
