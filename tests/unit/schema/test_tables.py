"""Facts about the tables."""

import pytest
import sqlalchemy as sa

from goodpix.schema import tables
from goodpix.schema.counts import Counts
from goodpix.schema.rows import CoaddFacts, EpochFacts


@pytest.mark.parametrize("name", list(tables.metadata.tables))
def test_every_column_says_what_it_means(name: str) -> None:
    assert [column.name for column in tables.metadata.tables[name].c if not column.comment] == []


@pytest.mark.parametrize("name", list(tables.metadata.tables))
def test_every_constraint_has_a_name(name: str) -> None:
    assert all(each.name for each in tables.metadata.tables[name].constraints)


@pytest.mark.parametrize(("table", "facts"), [(tables.epoch, EpochFacts), (tables.coadd, CoaddFacts)])
def test_table_holds_counts_and_facts(table: sa.Table, facts: type) -> None:
    assert {*tables.names(Counts), *tables.names(facts)} <= set(table.c.keys())


def test_count_that_may_be_null_may_be_null_in_the_table() -> None:
    assert (tables.epoch.c.n_se_seg.nullable, tables.epoch.c.n_good.nullable) == (True, False)
