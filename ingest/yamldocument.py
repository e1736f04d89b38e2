"""YAML documents, read strictly."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import yaml

__all__ = ["load_yaml"]

# Nesting levels and values of a document; an info file has 4 levels and 10,000 values.
_MOST_LEVELS = 16
_MOST_VALUES = 500_000

# Letters of a number; Python refuses to convert more than some thousands.
_LONGEST_NUMBER = 400

_STANDARD = "tag:yaml.org,2002:"
_PLAIN, _QUOTED = "plain", "quoted"
_TAGS = {f"{_STANDARD}{name}": _PLAIN for name in ("null", "bool", "int", "float", "timestamp", "seq", "map")}
_TAGS |= {f"{_STANDARD}str": _QUOTED, _PLAIN: _PLAIN, _QUOTED: _QUOTED}


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
}
_INTEGER = re.compile(r"[-+]?\d+\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?\Z", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)([Tt ].*)?\Z", re.ASCII)


def load_yaml(text: bytes) -> Any:
    """Return the content of a YAML document: mappings, lists, text, numbers, booleans, dates and None.

    Numbers are decimal, whatever zeros they begin with; 1:20, 0x1F and 1_000 are text. Keys are text.

    Parameters
    ----------
    text : bytes
        The document, in UTF-8 or UTF-16.

    Raises
    ------
    ValueError
        If it is not YAML or has a key that stands twice, a tag other than YAML's own, an invalid date, more than 16
        levels, or more than half a million values, those of aliases counted wherever they stand.
    """
    try:
        loader = _Composer(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(" ".join(str(error).replace(' in "<byte string>",', " in").split())) from error
    return None if root is None else _Constructor().value(root)


class _Composer(yaml.CSafeLoader):
    """A parser that leaves the types of scalars to the constructor, and stops before it overflows the stack."""

    n_levels = n_values = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        """Count a value, on its level."""
        del current_node, current_index
        self.n_levels += 1
        self.n_values += 1
        if self.n_levels > _MOST_LEVELS:
            raise yaml.YAMLError(f"nested too deeply: expected at most {_MOST_LEVELS} levels")
        if self.n_values > _MOST_VALUES:
            raise yaml.YAMLError(f"too many values: expected at most {_MOST_VALUES}")

    def ascend_resolver(self) -> None:
        """Leave a level."""
        self.n_levels -= 1

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        """Return the tag of a value that has none."""
        del value
        return _PLAIN if kind is not yaml.ScalarNode or implicit[0] else _QUOTED


class _Constructor:
    """Values of nodes, each made once however many aliases it has."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._size = 0

    def value(self, node: yaml.Node) -> Any:
        """Return the value of a node."""
        if isinstance(node, yaml.ScalarNode):
            self._add(1, node)
            return _scalar(node)
        if id(node) in self._made:
            value, size = self._made[id(node)]
            self._add(size, node)
            return value
        if id(node) in self._open:
            raise _error(node, "an alias names the value that contains it")
        _check_tag(node)
        before = self._size
        self._open.add(id(node))
        self._add(1, node)
        value = self._mapping(node) if isinstance(node, yaml.MappingNode) else [self.value(each) for each in node.value]
        self._made[id(node)] = value, self._size - before
        return value

    def _add(self, n_values: int, node: yaml.Node) -> None:
        self._size += n_values
        if self._size > _MOST_VALUES:
            raise _error(node, f"aliases expand to too many values: expected at most {_MOST_VALUES}")

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error(key_node, "a key is a list or a mapping: expected text")
            key, line = key_node.value, key_node.start_mark.line + 1
            if key in lines:
                raise ValueError(f"{key} stands twice, in lines {lines[key]} and {line}: expected once")
            lines[key] = line
            if key == "<<" and key_node.tag == _PLAIN:
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            else:
                values[key] = self.value(value_node)
        for each in merged:
            if not isinstance(each, yaml.MappingNode):
                raise _error(each, "<< is not a mapping: expected an alias of one")
            values = self.value(each) | values
        return values


def _scalar(node: yaml.ScalarNode) -> Any:
    """Return the value of a scalar: text if it is quoted or looks like nothing else."""
    text: str = node.value
    if node.tag == _QUOTED or (node.tag != _PLAIN and _check_tag(node) == _QUOTED):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _LONGEST_NUMBER and (text[0].isdigit() or text[0] in "+-."):
        number: Callable[[str], Any]
        for pattern, number in ((_INTEGER, int), (_FLOAT, float)):
            if pattern.match(text):
                return number(text)
        if found := _DATE.match(text):
            try:
                return date(int(found[1]), int(found[2]), int(found[3]))
            except ValueError as error:
                raise _error(node, f"{text} is not a date ({error})") from error
    return text


def _check_tag(node: yaml.Node) -> str:
    """Return what a value's tag amounts to: no tag, or quotes."""
    if node.tag not in _TAGS:
        raise _error(node, f"unexpected tag {node.tag.replace(_STANDARD, '!!')}: expected none")
    return _TAGS[node.tag]


def _error(node: yaml.Node, what: str) -> ValueError:
    return ValueError(f"line {node.start_mark.line + 1}: {what}")
