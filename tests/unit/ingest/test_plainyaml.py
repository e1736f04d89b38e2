"""Facts about YAML documents, read strictly."""

import math
import time
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.plainyaml import load_yaml

# Each level ten times the one before.
LISTS = b"a0: &a0 [1, 1]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 12)
)
MERGED = b"a0: &a0 {k: 1}\n" + b"".join(
    b"a%d: &a%d {<<: [%s]}\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("046", 46),
        ("01234", 1234),
        ("-007", -7),
        ("'046'", "046"),
        ("!!str 046", "046"),
        ("!!int 046", 46),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1.5e+3", 1500.0),
        ("1e3", "1e3"),
        ("2016-09-30 01:02:03", date(2016, 9, 30)),
        ("2016-09-30 of r", "2016-09-30 of r"),
        ("=", "="),
        ("! 046", "046"),
        ("1:20", "1:20"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("9" * 5000, "9" * 5000),
        ("yes", True),
        ("Off", False),
        ("y", "y"),
        ("Y", "Y"),
        ("VR", "VR"),
        ("~", None),
        ("", None),
        ("-.inf", -math.inf),
        ("2016-09-30", date(2016, 9, 30)),
        ("-", [None]),
        ("[r, 'no']", ["r", "no"]),
    ],
)
def test_value_is_what_a_person_reads(text: str, value: object) -> None:
    found = load_yaml(f"key: {text}".encode() if text != "-" else b"key:\n-")["key"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number_is_read(text: str) -> None:
    assert math.isnan(load_yaml(text.encode()))


def test_document_that_yaml_wrote_comes_back() -> None:
    shared = ["a", {"b": 1.25}]
    document: Any = {"name": "D00 1: #2", "list": [1, -2, None, True, "yes", "046", ""], "x": shared, "y": shared}
    assert load_yaml(yaml.safe_dump(document).encode()) == document


def test_many_merged_mappings_do_not_copy_the_keys_for_each() -> None:
    n = 100_000
    text = b"<<: [" + b"{}," * n + b"]\n" + b"".join(b"k%d: 1\n" % k for k in range(n))
    started = time.process_time()
    assert len(load_yaml(text)) == n
    # 150 s with a copy for each
    assert time.process_time() - started < 30


def test_merged_keys_give_way_to_those_that_stand_there() -> None:
    text = b"base: &base {a: 1, b: 2}\nmore: &more {a: 5, c: 6}\nkey: {<<: [*base, *more], b: 3}"
    assert load_yaml(text)["key"] == {"a": 1, "b": 3, "c": 6}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"a: 1\nb: 2\na: 3", "^a stands twice, in lines 1 and 3: expected once$"),
        (b"x:\n- {a: 1,\n   'a': 1}", "^a stands twice, in lines 2 and 3: expected once$"),
        (b"x: {<<: {a: 1}, <<: {b: 1}}", "^<< stands twice, in lines 1 and 1: expected once$"),
        (b"<<: 1", "^line 1: << is not a mapping: expected an alias of one$"),
        (b"\nx: !!python/object:os.x 1", "^line 2: unexpected tag !!python/object:os.x: expected none$"),
        (b"x: !other {a: 1}", "^line 1: unexpected tag !other: expected none$"),
        (b"x: !!set {a}", "^line 1: unexpected tag !!set: expected none$"),
        (b"? [a]\n: b", "^line 1: a key is not a word: expected text$"),
        (b"x: 2016-13-01", r"^line 1: 2016-13-01 is not a date \("),
        (b"&a [*a]", r"^line 1: \*a names no value before it$"),
        (b"a: *b", r"^line 1: \*b names no value before it$"),
        (b"a: \xff", "^unacceptable character #x00ff: "),
        (b'a: "\\ud800"', "invalid Unicode character escape code"),
        (b"a: 1\n--- 2", "^line 2: another document begins: expected one$"),
        (LISTS, "too many values, those of aliases included: expected at most 500000$"),
        (MERGED, "too many values, those of aliases included: expected at most 500000$"),
        *(
            (
                text * 100_000,
                "^line 1: (nested too deeply: expected at most 16 levels|a key is not a word: expected text)$",
            )
            for text in (b"[", b"- ", b"? ", b"{x: ")
        ),
        (b"[%s]" % (b"a," * 500_001), "too many values, those of aliases included: expected at most 500000$"),
    ],
)
def test_what_is_no_plain_document_is_refused_in_one_line(text: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        load_yaml(text)
    assert "\n" not in str(caught.value)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.dates()
contents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
).filter(lambda content: n_levels(content) <= 16)


def n_levels(content: Any) -> int:
    if isinstance(content, dict | list):
        return 1 + max(
            (n_levels(each) for each in (content.values() if isinstance(content, dict) else content)), default=0
        )
    return 0


@settings(max_examples=50)
@given(contents, st.booleans())
def test_what_pyyaml_wrote_comes_back(content: Any, flow: bool) -> None:
    dumped = yaml.dump(content, Dumper=yaml.CSafeDumper, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    assert repr(load_yaml(dumped.encode())) == repr(content)


def said_of(text: bytes) -> str:
    """Return the error of a document; empty if it can be read."""
    try:
        load_yaml(text)
    except ValueError as error:
        return str(error)
    return ""


@settings(max_examples=100)
@given(st.text("ab01.-:,[]{}&*!|>'\"#%@? \n\t<=~", max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    assert "\n" not in said_of(text.encode())
