"""A user's SQL, run so that it can change nothing."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from ..schema.dialects import side_effects
from ..schema.errors import CatalogueError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_query"]

_QUERY = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with|values)\b", re.IGNORECASE | re.DOTALL)


def run_query(connection: sa.Connection, query: str, parameters: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the answer of one query as a data frame.

    Parameters
    ----------
    connection : Connection
        A read-only connection: SQLite's authorizer, or Postgres' read-only transaction, denies
        whatever this function does not.
    query : str
        One SELECT; values as ``:name``.
    parameters : mapping
        Values by name.

    Raises
    ------
    UsageError
        If the query is not one, is wrong, or would change something.
    """
    import pandas as pd  # slow to import

    if not _QUERY.match(query):
        first = next(iter(query.split()), "nothing")
        raise UsageError(f"the query starts with {first[:40]!r}: expected one SELECT, to read with")
    refused = side_effects(connection, query)
    if refused:
        raise UsageError(f"the query may not call {', '.join(refused)}: expected functions that only compute")
    text = query.strip().rstrip(";")
    if not parameters:
        # a colon, within quotes say, asks for none
        text = re.sub(r"(?<![:\w\\]):(?=\w)", r"\:", text)
    if connection.dialect.name == "postgresql":
        # a query without parameters would go out as it stands, with COMMIT and all if it has several
        # statements; one with a parameter goes through the extended protocol, which takes one alone
        text = f"SELECT * FROM ({text}\n) AS answer WHERE :goodpix_one = 1"
        parameters = {**parameters, "goodpix_one": 1}
    try:
        plain = {name: each.item() if isinstance(each, np.generic) else each for name, each in parameters.items()}
        result = connection.execute(sa.text(text), plain)
        return pd.DataFrame(result.all(), columns=list(result.keys()))
    except (sa.exc.StatementError, CatalogueError, OverflowError) as error:
        # SQLAlchemy's own text adds the statement and a link
        reason = error.__cause__ or error
        raise UsageError(f"the query cannot be run: {' '.join(str(reason.args[0]).split())}") from error
