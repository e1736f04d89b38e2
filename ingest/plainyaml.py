"""YAML documents, read strictly and fast.

PyYAML makes a node of each scalar, then an object of each node, and reads ``046`` as 38, ``1:20`` as 80 and the last of
two equal keys. Here values are built from the events of its parser, and are what a person reads in the document.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import yaml

__all__ = ["load_yaml"]

# Levels and values of a document; an info file has 4 levels and some 10,000 values.
_MOST_LEVELS = 16
_MOST_VALUES = 500_000

# Letters of a number; Python refuses to convert more than some thousands.
_LONGEST_NUMBER = 400

_STANDARD = "tag:yaml.org,2002:"
_TEXT_TAGS = ("!", f"{_STANDARD}str")
_TAGS = {None, *(f"{_STANDARD}{name}" for name in ("null", "bool", "int", "float", "timestamp", "seq", "map"))}


def _forms(value: Any, *words: str) -> dict[str, Any]:
    """Return a value by the forms of words that mean it: lower case, capitalised and upper case."""
    return dict.fromkeys((form for word in words for form in (word, word.capitalize(), word.upper())), value)


_WORDS: dict[str, Any] = {
    **_forms(None, "", "~", "null"),
    **_forms(True, "yes", "on", "true"),
    **_forms(False, "no", "off", "false"),
    **_forms(float("inf"), ".inf", "+.inf"),
    **_forms(float("-inf"), "-.inf"),
    **_forms(float("nan"), ".nan"),
    ".NaN": float("nan"),
    **dict.fromkeys((".Inf", "+.Inf"), float("inf")),
    "-.Inf": float("-inf"),
}

_INTEGER = re.compile(r"[-+]?\d+\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+)([eE][-+]\d+)?\Z", re.ASCII)
_DATE = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(([Tt]|[ \t]+)\d\d?:\d\d:\d\d(\.\d*)?([ \t]*(Z|[-+]\d\d?(:?\d\d)?))?)?\Z", re.ASCII
)


def load_yaml(text: bytes) -> Any:
    """Return the content of a YAML document: mappings, lists, text, numbers, booleans, dates and None.

    Numbers are decimal, whatever zeros they begin with; ``1:20``, ``0x1F``, ``1_000`` and ``1e3`` are text,
    and so are keys.

    Parameters
    ----------
    text : bytes
        The document, in UTF-8 or UTF-16.

    Raises
    ------
    ValueError
        If it is not one YAML document or has a key that stands twice, a tag other than YAML's own, an invalid date,
        more than 16 levels, or more than half a million values, those of aliases counted wherever they stand.
    """
    try:
        loader = yaml.CSafeLoader(text)
        try:
            return _Builder(loader).document()
        finally:
            loader.dispose()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(" ".join(str(error).replace(' in "<byte string>",', " in").split())) from error


class _Builder:
    """Builds the content of a document from the parser's events."""

    def __init__(self, loader: Any) -> None:
        self._events: Iterator[Any] = iter(loader.get_event, None)
        self._scalars: dict[str, Any] = {}
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._n_levels = self._n_values = 0

    def document(self) -> Any:
        """Return the content of the only document; None if there is none."""
        events = self._events
        next(events)
        if type(next(events)) is yaml.StreamEndEvent:
            return None
        content = self._value(next(events))
        next(events)
        after = next(events)
        if type(after) is not yaml.StreamEndEvent:
            raise _error(after, "another document begins: expected one")
        return content

    def _value(self, event: Any) -> Any:
        """Return the value that begins with an event."""
        kind, before = type(event), self._n_values
        self._count(1, event)
        if kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise _error(event, f"*{event.anchor} names no value before it")
            value, n_values = self._anchors[event.anchor]
            self._count(n_values, event)
            return value
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
        else:
            _check_tag(event)
            self._n_levels += 1
            if self._n_levels > _MOST_LEVELS:
                raise _error(event, f"nested too deeply: expected at most {_MOST_LEVELS} levels")
            value = self._mapping() if kind is yaml.MappingStartEvent else self._sequence()
            self._n_levels -= 1
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._n_values - before
        return value

    def _count(self, n_values: int, event: Any) -> None:
        self._n_values += n_values
        if self._n_values > _MOST_VALUES:
            raise _error(event, f"too many values, those of aliases included: expected at most {_MOST_VALUES}")

    def _sequence(self) -> list[Any]:
        values = []
        while type(event := next(self._events)) is not yaml.SequenceEndEvent:
            values.append(self._value(event))
        return values

    def _mapping(self) -> dict[str, Any]:
        content: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[Any] = []
        while type(key := next(self._events)) is not yaml.MappingEndEvent:
            if type(key) is not yaml.ScalarEvent:
                raise _error(key, "a key is not a word: expected text")
            if key.tag not in _TEXT_TAGS:
                _check_tag(key)
            name, line = key.value, _line(key)
            if key.anchor is not None:
                self._anchors[key.anchor] = name, 1
            if name in lines:
                raise ValueError(f"{name} stands twice, in lines {lines[name]} and {line}: expected once")
            lines[name] = line
            value = self._value(next(self._events))
            if name == "<<" and key.implicit[0]:
                merged = value if isinstance(value, list) else [value]
                if not all(isinstance(each, dict) for each in merged):
                    raise _error(key, "<< is not a mapping: expected an alias of one")
            else:
                content[name] = value
        for each in merged:
            # in place: a copy for each of many mappings takes hours
            for name, value in each.items():
                content.setdefault(name, value)
        return content

    def _scalar(self, event: Any) -> Any:
        """Return the value of a scalar: text if it is quoted or looks like nothing else."""
        text: str = event.value
        if event.tag in _TEXT_TAGS or (event.tag is None and not event.implicit[0]):
            return text
        _check_tag(event)
        try:
            return self._scalars[text]
        except KeyError:
            value = self._scalars[text] = _plain(text, event)
            return value


def _plain(text: str, event: Any) -> Any:
    """Return the value of text without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER or not (text[0].isdigit() or text[0] in "+-."):
        return text
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if found := _DATE.match(text):
        try:
            return date(int(found[1]), int(found[2]), int(found[3]))
        except ValueError as error:
            raise _error(event, f"{text} is not a date ({error})") from error
    return text


def _check_tag(event: Any) -> None:
    if event.tag not in _TAGS:
        raise _error(event, f"unexpected tag {event.tag.replace(_STANDARD, '!!')}: expected none")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _error(event: Any, what: str) -> ValueError:
    return ValueError(f"line {_line(event)}: {what}")
