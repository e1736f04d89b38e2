"""YAML documents read faster than PyYAML does, with the same result.

PyYAML makes a node of each scalar, then an object of each node. An info file holds plain mappings, sequences and
scalars, which need no nodes; a document with anything else is left to PyYAML.
"""

from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["load_yaml"]

_TEXT, _MERGE, _VALUE = (f"tag:yaml.org,2002:{name}" for name in ("str", "merge", "value"))


class _NotPlainError(Exception):
    """The document has anchors, tags, merge keys or keys that are not scalars, or is not one document."""


def load_yaml(text: bytes) -> Any:
    """Return the content of a YAML document, as ``yaml.load`` with the safe loader does.

    Raises
    ------
    yaml.YAMLError, ValueError
        If it is not a YAML document, or a value cannot be constructed.
    """
    loader = yaml.CSafeLoader(text)
    try:
        return _Builder(loader).document()
    except (_NotPlainError, RecursionError):
        return yaml.load(text, Loader=yaml.CSafeLoader)
    finally:
        loader.dispose()


class _Builder:
    """Builds the content of a plain document from the loader's events."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._events: Iterator[Any] = iter(loader.get_event, None)
        self._scalars: dict[str, Any] = {}

    def document(self) -> Any:
        """Return the content of the only document."""
        events = self._events
        next(events)
        if not isinstance(next(events), yaml.DocumentStartEvent):
            raise _NotPlainError
        content = self._value(next(events))
        next(events)
        if not isinstance(next(events), yaml.StreamEndEvent):
            raise _NotPlainError
        return content

    def _value(self, event: Any) -> Any:
        """Return the value that begins with an event."""
        kind = type(event)
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise _NotPlainError
        if kind is yaml.ScalarEvent:
            return self._plain(event.value) if event.implicit[0] else event.value
        if kind is yaml.MappingStartEvent:
            return self._mapping()
        values = []
        while type(event := next(self._events)) is not yaml.SequenceEndEvent:
            values.append(self._value(event))
        return values

    def _mapping(self) -> dict[Any, Any]:
        content = {}
        while type(key := next(self._events)) is not yaml.MappingEndEvent:
            if type(key) is not yaml.ScalarEvent:
                raise _NotPlainError
            name = self._value(key)
            content[name] = self._value(next(self._events))
        return content

    def _plain(self, text: str) -> Any:
        """Return the value of a scalar without quotes: text, number, date, bool or None."""
        try:
            return self._scalars[text]
        except KeyError:
            tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
        if tag in (_MERGE, _VALUE):
            raise _NotPlainError
        value = text if tag == _TEXT else self._loader.construct_object(yaml.ScalarNode(tag, text))
        self._scalars[text] = value
        return value
