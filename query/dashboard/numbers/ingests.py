"""What the ingests did, and what failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ....schema.tables import failure, ingest_run, tile_run

__all__ = ["Ingests", "ingests"]

_LAST_RUNS = 8
_KINDS = 5


@dataclass(frozen=True, slots=True)
class Ingests:
    """What the ingests did.

    Parameters
    ----------
    growth : sequence of (str, int)
        When runs started (UTC), and how many of the catalogue's epochs there were after each.
    runs : sequence of mappings
        The last runs, newest first: the columns of ``ingest_run``.
    failures : sequence of (str, int)
        The most frequent types of error, and how often.
    """

    growth: Sequence[tuple[str, int]]
    runs: Sequence[dict[str, Any]]
    failures: Sequence[tuple[str, int]]


def ingests(connection: sa.Connection) -> Ingests:
    """Return what the ingests did."""
    made = (
        sa.select(ingest_run.c.started, sa.func.sum(tile_run.c.n_epochs))
        .join_from(tile_run, ingest_run, ingest_run.c.run_id == tile_run.c.run_id)
        .group_by(ingest_run.c.run_id, ingest_run.c.started)
        .order_by(ingest_run.c.started)
    )
    growth, total = [], 0
    for started, n_epochs in connection.execute(made):
        total += int(n_epochs)
        growth.append((started, total))
    last = sa.select(ingest_run).order_by(ingest_run.c.run_id.desc()).limit(_LAST_RUNS)
    runs = [dict(row) for row in connection.execute(last).mappings()]
    n = sa.func.count().label("n")
    kinds = sa.select(failure.c.error_type, n).group_by(failure.c.error_type).order_by(n.desc()).limit(_KINDS)
    failures = [(row[0], int(row[1])) for row in connection.execute(kinds)]
    return Ingests(growth, runs, failures)
