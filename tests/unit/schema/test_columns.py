"""Facts about columns."""

from dataclasses import dataclass

import pytest

from goodpix.schema.columns import Column, column, columns
from goodpix.schema.counts import Counts
from goodpix.schema.rows import CoaddFacts, EpochFacts, MaskKey


@dataclass
class Row:
    name: str = column("what it is called")
    size: float | None = column("arcsec")


def test_columns_are_the_fields_in_order() -> None:
    assert columns(Row) == (Column("name", str, False, "what it is called"), Column("size", float, True, "arcsec"))


@pytest.mark.parametrize("row", [Counts, EpochFacts, CoaddFacts, MaskKey])
def test_every_column_says_what_it_means(row: type) -> None:
    assert all(each.doc for each in columns(row))


@pytest.mark.parametrize("row", [Counts, EpochFacts, CoaddFacts, MaskKey])
def test_every_column_is_of_a_type_that_sql_has(row: type) -> None:
    assert {each.kind for each in columns(row)} <= {int, float, str, bool}
