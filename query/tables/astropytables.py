"""Tables of astropy: FITS, VOTable and ECSV, with units and provenance."""

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table

if TYPE_CHECKING:
    from ..provenance import Provenance

__all__ = ["table_bytes"]

# Units as headers of images write them.
_SPELLINGS = {"adu": "adu", "count": "ct", "counts": "ct", "electrons": "electron", "e-": "electron"}


def table_bytes(
    format_: str,
    columns: Mapping[str, Sequence[Any]],
    dtypes: Mapping[str, Any],
    unit_names: Mapping[str, str],
    provenance: "Provenance | None",
) -> bytes:
    """Return the content of a table's file.

    Parameters
    ----------
    format_ : str
        ``fits``, ``votable`` or ``ecsv``.
    columns : mapping of str to sequence
        Values of each column; None is null.
    dtypes : mapping of str to dtype
        Type of each column, of numpy or pandas.
    unit_names : mapping of str to str
        Unit of each column that has one.
    provenance : Provenance or None
        Header cards of a FITS table, INFO elements of a VOTable, ``meta`` of an ECSV file.

    Raises
    ------
    ValueError
        If the format cannot hold the table.
    """
    table = Table({name: _column(name, values, dtypes[name]) for name, values in columns.items()})
    if format_ == "fits":
        table = Table({name: _for_fits(name, table[name]) for name in columns})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that VOTable changes into identifiers, and of unusual units
        for name, text in unit_names.items():
            table[name].unit = _unit(text)
        return _WRITERS[format_](table, provenance)


def _ecsv(table: Table, provenance: "Provenance | None") -> bytes:
    table.meta.update(provenance.facts if provenance else {})
    text = io.StringIO()
    table.write(text, format="ascii.ecsv")
    return text.getvalue().encode()


def _votable(table: Table, provenance: "Provenance | None") -> bytes:
    document = from_table(table)
    facts = provenance.texts() if provenance else {}
    document.resources[0].infos.extend(Info(name=name, value=value) for name, value in facts.items())
    file = io.BytesIO()
    document.to_xml(file)
    return file.getvalue()


def _fits(table: Table, provenance: "Provenance | None") -> bytes:
    extension = fits.table_to_hdu(table)
    for number, name in enumerate(table.colnames, 1):
        if table[name].unit is not None and f"TUNIT{number}" not in extension.header:
            # no unit of the FITS standard, such as electrons: readers would warn of TUNITn
            extension.header[f"TCOMM{number}"] = f"unit: {table[name].unit}"
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


def _for_fits(name: str, column: Column) -> Column:
    """Return a column as FITS can hold it: it has no null among booleans, and only ASCII letters."""
    if column.dtype.kind == "b" and isinstance(column, MaskedColumn):
        return MaskedColumn(column.data.data.astype(np.int16), name, mask=column.mask, fill_value=-1)
    if column.dtype.kind == "U":
        strange = [text for text in column.tolist() if not (text or "").isascii()]
        if strange:
            raise ValueError(f"{name} has {strange[0]!r}: expected ASCII, the only text of FITS tables")
    return column
