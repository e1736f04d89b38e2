"""Lists of exclusions in YAML and CSV files."""

import csv
import os
from collections.abc import Iterator
from typing import Any

import yaml

from ..errors import GoodpixError, UsageError
from ..files.inputfile import open_input
from .exclusion import Exclusion

__all__ = ["is_exclusion_file", "read_exclusions"]

_ENDINGS = (".yaml", ".yml", ".csv")

# Bytes of the longest file: some hundred thousand entries.
_LONGEST = 16_000_000


def is_exclusion_file(text: str) -> bool:
    """Return whether a text is the name of a file of exclusions rather than an entry: by its ending."""
    return text.lower().endswith(_ENDINGS)


def read_exclusions(path: str | os.PathLike[str]) -> list[Exclusion]:
    """Return the exclusions that a file lists, for `goodpix.Selection`.

    Parameters
    ----------
    path : path
        ``.yaml`` or ``.yml``: a list of entries, each a mapping of keys to values or lists of values, or text such as
        ``ccdnum=31,amplifier=A``. ``.csv``: a table whose columns are keys; an empty cell is no value. It may be a
        URL, such as ``s3://bucket/bad_ccds.csv``.

    Raises
    ------
    UsageError
        If the file cannot be read, or an entry is malformed.

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("bad_ccds.yaml").write_text("- ccdnum=31,amplifier=A")
    23
    >>> print(Selection(exclude=goodpix.read_exclusions("bad_ccds.yaml")))
    exclude ccdnum=31,amplifier=A
    """
    name = os.fspath(path)
    if not is_exclusion_file(name):
        raise UsageError(f"{name}: expected a name that ends in {', '.join(_ENDINGS)}")
    try:
        with open_input(path) as file:
            content = file.read(_LONGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        if isinstance(error, GoodpixError):
            raise
        raise UsageError(f"{name}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: is not text in UTF-8 ({error})") from error
    if len(content) > _LONGEST:
        raise UsageError(f"{name}: has more than {_LONGEST:,} bytes: expected a list of exclusions")
    out: list[Exclusion] = []
    for line, entry in _rows_of_csv(name, text) if name.lower().endswith(".csv") else _entries_of_yaml(name, text):
        try:
            out += Exclusion.many(entry)
        except UsageError as error:
            raise type(error)(f"{name}, line {line}: {error}") from None
    return out


def _rows_of_csv(name: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the cells by column of each row that is not empty."""
    lines = csv.reader(text.splitlines(), skipinitialspace=True, strict=True)
    try:
        header = [cell.strip() for cell in next(lines, [])]
        if len(set(header)) < len(header):
            raise UsageError(f"{name}, line 1: a column is given twice: {', '.join(header)}")
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise UsageError(f"{name}, line {lines.line_num}: {len(row)} cells, expected {len(header)}")
            yield lines.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise UsageError(f"{name}, line {lines.line_num}: {error}") from error


def _entries_of_yaml(name: str, text: str) -> Iterator[tuple[int, Any]]:
    """Yield the line and the content of each entry of a list, every value as it is written.

    A loader of YAML 1.1 would take ``20:59`` for the number 1259, and keep the last of two equal keys.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{name}: is not YAML ({' '.join(str(error).split())})") from error
    if root is None:
        return
    if not isinstance(root, yaml.SequenceNode):
        raise UsageError(f"{name}: expected a list of exclusions, such as '- ccdnum: 31'")
    for node in root.value:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            entry: dict[str, Any] = {}
            for key, value in node.value:
                if key.value in entry:
                    raise UsageError(f"{name}, line {line}: {key.value} is given twice")
                entry[str(key.value)] = _value(f"{name}, line {line}", value)
            yield line, entry
        else:
            yield line, _value(f"{name}, line {line}", node)


def _value(where: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    if isinstance(node, yaml.SequenceNode) and all(isinstance(each, yaml.ScalarNode) for each in node.value):
        return [each.value for each in node.value]
    raise UsageError(f"{where}: expected a value or a list of values")
