"""`docs/guide/sky.md` says what the code says."""

import re
from pathlib import Path

import pytest

from goodpix.query.background.definitions import DEFINITION_COLUMNS
from goodpix.query.background.maskwidth import WIDTH_COLUMNS
from goodpix.query.background.skyrow import STATISTICS, SkyRow
from goodpix.schema.columns import columns

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "sky.md").read_text()
KINDS = {int: "integer", float: "real", str: "text", bool: "boolean"}


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table that starts with a line."""
    lines = TEXT.split(f"{heading}\n", 1)[1].splitlines()[1:]
    rows = lines[: next(k for k, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in rows]


def test_every_column_stands_there_with_its_meaning() -> None:
    statistic = {name: of for of, names in STATISTICS.items() for name in names}
    expected = [[f"`{c.name}`", KINDS[c.kind], statistic.get(c.name, ""), c.doc] for c in columns(SkyRow)]
    assert table("| column | type | statistic | meaning |") == expected


@pytest.mark.parametrize(
    ("name", "meanings"), [("mask_width", WIDTH_COLUMNS), ("compare_definitions", DEFINITION_COLUMNS)]
)
def test_every_column_of_a_study_stands_there(name: str, meanings: dict[str, str]) -> None:
    section = TEXT.split(f"`{name}`, a row per", 1)[1]
    found = re.findall(r"^\| `(\w+)` \| (.*?) \|$", section, flags=re.MULTILINE)[: len(meanings)]
    assert dict(found) == meanings
