"""Columns of rows, with their meanings, for SQL and Arrow alike."""

import json
import math
import operator
import types
import typing
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any

import numpy as np

from .errors import DamagedValueError, UsageError

__all__ = [
    "MAX_JSON",
    "Column",
    "check_text",
    "column",
    "columns",
    "json_object",
    "key_number",
    "key_text",
    "values_of",
]

MAX_JSON = 1 << 20
"""Maximum length of a stored JSON text, characters."""

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column.

    Parameters
    ----------
    name : str
        Name, the same in Python, SQL and Parquet.
    kind : type
        int, float, str or bool.
    nullable : bool
        Whether it may be null, which never means zero.
    doc : str
        Meaning, with the unit.
    since : str
        Revision of the database that added it; empty for the first.
    """

    name: str
    kind: type
    nullable: bool
    doc: str
    since: str = ""

    def check(self, value: object) -> None:
        """Raise an error unless a value read from a file is one that the column can hold.

        Raises
        ------
        DamagedValueError
            If it has the wrong type, is not finite, exceeds 64 bits, or is text that no database takes.
        """
        if value is None:
            if not self.nullable:
                raise DamagedValueError(f"{self.name} is null")
        elif not isinstance(value, self.kind if self.kind is not float else int | float) or (
            isinstance(value, bool) and self.kind is not bool
        ):
            raise DamagedValueError(f"{self.name} is {_short(value)}: expected {self.kind.__name__}")
        elif isinstance(value, str):
            check_text(self.name, value)
        elif not (isinstance(value, float) and math.isfinite(value)) and not (
            isinstance(value, int) and -(1 << 63) <= value < 1 << 63
        ):
            raise DamagedValueError(f"{self.name} is {_short(value)}: expected a finite number of 64 bits")


def check_text(name: str, text: object) -> None:
    """Raise a `DamagedValueError` unless a value is text that every database takes."""
    if not isinstance(text, str) or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise DamagedValueError(f"{name} is {_short(text)}: expected Unicode text")


def json_object(text: object, name: str) -> dict[str, Any]:
    """Return the object in a stored JSON text.

    Parameters
    ----------
    text : str
        The text, of at most `MAX_JSON` characters.
    name : str
        Name of the value, for messages.

    Raises
    ------
    DamagedValueError
        If it is anything else, is nested too deeply, or contains NaN or an infinity by name.
    """
    if not isinstance(text, str) or len(text) > MAX_JSON:
        what = f"{len(text):,} characters long" if isinstance(text, str) else _short(text)
        raise DamagedValueError(f"{name} is {what}: expected JSON of at most {MAX_JSON:,} characters")
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise DamagedValueError(f"{name} is {_short(text)}: expected JSON ({error})") from error
    if not isinstance(found, dict):
        raise DamagedValueError(f"{name} is {_short(text)}: expected a JSON object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number in JSON")


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # of integers of thousands of digits
        text = "a number"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def column(doc: str, default: Any = MISSING, *, since: str = "") -> Any:
    """Return a dataclass field for a column, with its meaning."""
    return field(default=default, metadata={"doc": doc, "since": since})


def columns(row: type) -> tuple[Column, ...]:
    """Return the columns of a dataclass whose fields were made by `column`."""
    hints = typing.get_type_hints(row)
    out = []
    for each in fields(row):
        kind, nullable = hints[each.name], False
        if isinstance(kind, types.UnionType):
            kind, nullable = typing.get_args(kind)[0], True
        out.append(Column(each.name, kind, nullable, each.metadata["doc"], each.metadata["since"]))
    return tuple(out)


def values_of(row: Any) -> dict[str, Any]:
    """Return the values of a dataclass by name, without the copies that `dataclasses.asdict` makes."""
    kind: Any = type(row)
    return {name: getattr(row, name) for name in _names(kind)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def _scalar(given: object) -> object:
    """Return the value of an array without dimensions; of numpy's masked value, none."""
    if given is np.ma.masked:
        return None
    return given.item() if isinstance(given, np.ndarray) and given.ndim == 0 else given


def key_text(name: str, given: object) -> str:
    """Return a name as text without padding; tables of FITS files hold names as padded bytes.

    Raises
    ------
    UsageError
        If it is neither text nor bytes of text.
    """
    value = _scalar(given)
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{name} is {value!r}: expected text") from None
    if not isinstance(value, str):
        raise UsageError(f"{name} is {given!r}: expected text")
    return str(value).strip(" \t\r\n\0")


def key_number(name: str, given: object, expected: str = "a whole number") -> int:
    """Return a number of a key as Python's int, given as any kind of number or as text.

    Raises
    ------
    UsageError
        If it is no whole number.
    """
    value = _scalar(given)
    try:
        if isinstance(value, str | bytes):
            return int(key_text(name, value))
        if isinstance(value, float | np.floating) and value == int(value):
            return int(value)
        if not isinstance(value, bool | np.bool_):
            return operator.index(value)  # type: ignore[arg-type]  # a TypeError where it is no integer
    except (TypeError, ValueError, OverflowError):
        pass
    raise UsageError(f"{name} is {given!r}: expected {expected}")
