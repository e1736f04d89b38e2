"""FITS header cards."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

from ..errors import DamagedFileError

__all__ = ["BLOCK", "Header", "Value", "end_of", "text_header"]

BLOCK = 2880
"""Bytes per FITS block."""

# Bytes per header card.
_CARD = 80

Value = str | int | float | bool | None

_COMMENTS = (b"COMMENT ", b"HISTORY ", b" " * 8)
_END = b"END".ljust(_CARD)
_INTEGER = re.compile(r"[+-]?\d+\Z")
_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([EDed][+-]?\d+)?\Z")
_ASSIGNMENT = re.compile(r"([A-Za-z0-9_-]{1,8}) *= ?(.*)")
_TEXT = re.compile(r"'((?:[^']|'')*)'")


class Header(Mapping[str, Value]):
    """Keywords and values of a FITS header; keys in upper case.

    For a repeated keyword the mapping returns the last value, `first` returns the first, as CFITSIO does.

    Parameters
    ----------
    cards : bytes
        Cards of the header, without END.
    where : str
        Path and extension, for messages.

    Notes
    -----
    Values are parsed on access, because most are never used.
    """

    def __init__(self, cards: bytes, where: str) -> None:
        self._cards, self.where = cards, where

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Byte offsets of the cards of each keyword."""
        found: dict[str, list[int]] = {}
        for start in range(0, len(self._cards), _CARD):
            name = self._cards[start : start + 8]
            if self._cards[start + 8 : start + 10] == b"= " and name not in _COMMENTS:
                found.setdefault(name.decode("latin-1").rstrip().upper(), []).append(start)
            elif name == b"HIERARCH":
                key, equals, _ = self._cards[start + 8 : start + _CARD].partition(b"=")
                if equals:
                    found.setdefault(key.decode("latin-1").strip().upper(), []).append(start)
        return found

    def __getitem__(self, key: str) -> Value:
        return self._value(self._places[key.upper()][-1])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def at(self, where: str) -> "Header":
        """Return the same header with another name for messages."""
        return Header(self._cards, where)

    def first(self, key: str) -> Value:
        """Return the first value of a keyword; None if it is absent."""
        places = self._places.get(key)
        return self._value(places[0]) if places else None

    def integer(self, key: str, default: int | None = None) -> int:
        """Return the first value of a keyword as an integer.

        Raises
        ------
        DamagedFileError
            If the value is not an integer, or is absent and there is no default.
        """
        value = self.first(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise DamagedFileError(f"{self.where}: {key} is {value!r}: expected an integer")
        return value

    def number(self, key: str, default: float) -> float:
        """Return the first value of a keyword as a number.

        Raises
        ------
        DamagedFileError
            If the value is not a finite number.
        """
        value = self.first(key)
        if value is None:
            return float(default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(float(value)) < float("inf"):
            raise DamagedFileError(f"{self.where}: {key} is {value!r}: expected a number")
        return float(value)

    def text(self, key: str) -> str:
        """Return the first value of a keyword as text without outer blanks; empty if it is absent."""
        value = self.first(key)
        return "" if value is None else str(value).strip()

    def _value(self, start: int) -> Value:
        card = self._cards[start : start + _CARD].decode("latin-1")
        field = card.partition("=")[2].strip()
        if not field.startswith("'"):
            return _parse(field.partition("/")[0].strip())
        text = _text(field)
        while text.endswith("&") and self._cards[start + _CARD : start + _CARD + 10] == b"CONTINUE  ":
            start += _CARD
            more = self._cards[start + 10 : start + _CARD].decode("latin-1").strip()
            text = text[:-1] + _text(more)
        return text


def _text(field: str) -> str:
    found = _TEXT.match(field)
    # without a closing quote, the text extends to the end of the card
    return (found[1] if found else field[1:]).replace("''", "'").rstrip()


def _parse(field: str) -> Value:
    if field in ("T", "F"):
        return field == "T"
    if _INTEGER.match(field):
        return int(field)
    if _FLOAT.match(field):
        return float(field.upper().replace("D", "E"))
    return field or None


def end_of(blocks: bytes) -> int:
    """Return the byte offset of the END card in header blocks; -1 if there is none."""
    at = blocks.find(_END)
    while at % _CARD and at >= 0:  # END inside the text of another card
        at = blocks.find(_END, at + 1)
    return at


def text_header(content: bytes, where: str) -> Header:
    """Parse a header from lines of text; several headers, each with its END, are combined.

    Raises
    ------
    ValueError
        If the content is not text, or a line is too long for a card.
    """
    if re.search(rb"[\x00-\x08\x0e-\x1f]", content):
        raise ValueError("has control characters: expected text")
    cards = []
    for line in content.decode("latin-1").split("\n"):
        found = _ASSIGNMENT.match(line.strip())
        if not found:
            continue  # END, HISTORY or COMMENT
        card = f"{found[1]:<8}= {found[2]}"
        if len(card) > _CARD:
            raise ValueError(f"{found[1]} is longer than {_CARD} characters")
        cards.append(card.ljust(_CARD))
    return Header("".join(cards).encode("latin-1"), where)
