"""`docs/reference/columns.md` says what the schema says, and its queries run."""

import re
from pathlib import Path

import pytest

from goodpix.schema import tables
from goodpix.schema.columns import Column
from goodpix.schema.views import VIEWS

from .survey import Survey

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "columns.md").read_text()
KINDS = {int: "integer", float: "real", str: "text", bool: "boolean"}
QUERIES = [query for block in re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL) for query in block.split(";\n")[:-1]]
SUMMARIES = ["ccd_night", "ccd_bit_night", "ccd_median", "tile_run"]


def documented(name: str) -> list[list[str]]:
    """Return the rows of the table under a heading, cell by cell."""
    section = re.split(r"^#+ ", TEXT.split(f"# {name}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def columns(name: str) -> tuple[Column, ...]:
    if name in VIEWS:
        return VIEWS[name].columns
    found = tables.metadata.tables[name].c
    return tuple(Column(c.name, c.type.python_type, bool(c.nullable), str(c.comment)) for c in found)


@pytest.mark.parametrize("name", [*VIEWS, *SUMMARIES])
def test_every_column_stands_there_in_its_order_with_its_type_and_meaning(name: str) -> None:
    found = [(row[0], row[1], row[3]) for row in documented(name)]
    assert found == [(f"`{each.name}`", KINDS[each.kind], each.doc) for each in columns(name)]


@pytest.mark.parametrize("name", [*VIEWS, *SUMMARIES])
def test_column_that_cannot_be_null_is_never_null(name: str) -> None:
    found = {row[0].strip("`"): row[4] for row in documented(name)}
    assert {found[each.name] for each in columns(name) if not each.nullable} == {"never"}


@pytest.mark.parametrize("name", VIEWS)
def test_column_that_is_null_in_a_small_catalogue_may_be(name: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        shown = catalogue.sql(f"SELECT * FROM {name}")
    never = [row[0].strip("`") for row in documented(name) if row[4] == "never"]
    assert [column for column in never if shown[column].isna().any()] == []


@pytest.mark.parametrize("name", VIEWS)
def test_view_says_what_a_row_is(name: str) -> None:
    assert f"One row is {VIEWS[name].doc}." in " ".join(TEXT.split())


@pytest.mark.parametrize("query", QUERIES)
def test_query_runs(query: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        assert len(catalogue.sql(query).columns) > 0
