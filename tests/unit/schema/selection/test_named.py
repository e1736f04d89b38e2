"""Named selections and the file that keeps them."""

import json
from typing import Any

import pytest

from goodpix.schema.criteria import Selection
from goodpix.schema.errors import CatalogueError, UsageError
from goodpix.schema.selection.named import NamedSelection, selections_in, selections_text

WIDE = NamedSelection("wide", Selection(border=48, exclude=["ccdnum=31"]), "for shapes: π")
PLAIN = NamedSelection("plain", Selection())


def test_named_selections_survive_their_file() -> None:
    assert selections_in(selections_text([WIDE, PLAIN]), "file") == [PLAIN, WIDE]
    assert selections_in(selections_text([]), "file") == []


def test_row_has_the_selection_in_words_without_its_name() -> None:
    named = NamedSelection("wide", WIDE.selection.with_name("wide"))
    assert named.row["selection"] == "border 48, exclude ccdnum=31"
    assert PLAIN.row["selection"] == "default"
    assert Selection.parse(named.row["selection"]).hash == named.row["hash"]


def change(**values: Any) -> bytes:
    content = json.loads(selections_text([WIDE]))
    content["selections"][0] |= values
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", change(selection="border 49"), change(name="a b"), change(description=None)]
)
def test_damaged_file_is_named(content: bytes) -> None:
    with pytest.raises(CatalogueError, match="the file: damaged"):
        selections_in(content, "the file")


def test_description_is_text() -> None:
    text: Any = 5
    with pytest.raises(UsageError, match="description is 5: expected text"):
        NamedSelection("wide", Selection(), text)
