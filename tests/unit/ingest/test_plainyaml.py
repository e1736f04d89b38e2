"""YAML read as PyYAML reads it."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.plainyaml import load_yaml


def outcome(load: Any, text: bytes) -> object:
    """Return what a document holds, with the types of scalars, or the error it raises."""
    try:
        return repr(load(text))
    except (yaml.YAMLError, ValueError) as error:
        return type(error), str(error)


def by_pyyaml(text: bytes) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)


DOCUMENTS = {
    "nothing": b"",
    "comment": b"# nothing\n",
    "scalar": b"word\n",
    "null": b"a:\nb: ~\nc: null\n",
    "numbers": b"[1, -7, 046, 0x1F, 1:20, 1_000, 1.5, 1e3, 1.e+3, .inf, -.INF, .nan, 6.02e23]\n",
    "booleans": b"[yes, no, on, off, true, False, y, n]\n",
    "dates": b"[2013-11-15, 2013-11-15 01:02:03, 2013-11-15T01:02:03.5Z]\n",
    "wrong date": b"a: 2013-13-45\n",
    "quoted": b"'1': \"2\"\nb: '2013-11-15'\nc: ''\n",
    "blocks": b"a: |\n  12\n  13\nb: >\n  true\n",
    "doubled key": b"a: 1\na: 2\n",
    "keys": b"1: a\nnull: b\n1.5: c\ntrue: d\n",
    "anchor": b"a: &one {x: 1}\nb: *one\n",
    "own anchor": b"&one [*one]\n",
    "merge": b"a: &one {x: 1}\nb: {<<: *one, y: 2}\n",
    "merged nothing": b"b: {<<: 1}\n",
    "default value": b"=: 1\n",
    "default value as a value": b"a: =\n",
    "tag": b"a: !!str 12\nb: !!set {x, y}\n",
    "unknown tag": b"a: !goodpix 12\n",
    "nested": b"a: {b: [{c: [1, [2]]}, []]}\nd: {}\n",
    "mapping as a key": b"{a: 1}: 2\n",
    "sequence as a key": b"? [a, b]\n: 2\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "no end": b"a: [1, 2\n",
    "tabs": b"a:\n\tb: 1\n",
    "not UTF-8": b"a: \xff\xfe\xfa\n",
    "UTF-16": "a: b\n".encode("utf-16"),
    "undefined alias": b"a: *none\n",
    "directive": b"%YAML 1.1\n---\na: 0o17\n",
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document_holds_what_pyyaml_finds_in_it(text: bytes) -> None:
    assert outcome(load_yaml, text) == outcome(by_pyyaml, text)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates()
contents = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(scalars, inner), max_leaves=20)


@settings(max_examples=50)
@given(contents, st.booleans())
def test_content_comes_back(content: Any, flow: bool) -> None:
    text = yaml.dump(content, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True).encode()
    assert outcome(load_yaml, text) == outcome(by_pyyaml, text)


@settings(max_examples=100)
@given(st.text("ab01.-:,[]{}&*!|>'\"#%@? \n\t<=~", max_size=30))
def test_any_text_is_read_or_refused_as_by_pyyaml(text: str) -> None:
    assert outcome(load_yaml, text.encode()) == outcome(by_pyyaml, text.encode())
