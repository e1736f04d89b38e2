"""Facts about text that is safe to print."""

import os

import pytest

from goodpix.schema.errors import GoodpixError, MaskFileError, UsageError
from goodpix.schema.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("D00 i é ∑ 🛰", "D00 i é ∑ 🛰"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\r\nb\tc\x00\x7f", r"a\r\nb\tc\x00\x7f"),
        ("\x9b2J\x85\u2028", r"\x9b2J\x85\u2028"),
        ("abc\u202efed\u2066", r"abc\u202efed\u2066"),
        (os.fsdecode(b"caf\xe9"), r"caf\xe9"),
        ("\ud800", r"\ud800"),
    ],
)
def test_control_characters_are_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_kept_stays() -> None:
    assert printable("a\nb\tc", keep="\n") == "a\nb\\tc"


@pytest.mark.parametrize("kind", [GoodpixError, UsageError, MaskFileError])
def test_errors_are_printable(kind: type[GoodpixError]) -> None:
    assert str(kind("a\x1b[2Jb\nc")) == r"a\x1b[2Jb\nc"
