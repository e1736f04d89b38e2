"""The URL of a database, as it is given and as it may be shown."""

import os
import re

import sqlalchemy as sa

from .errors import UsageError

__all__ = ["parse_url", "shown"]

# Parameters of a URL whose values are no secret: those of an option that is misspelt may be anything.
_SHOWN = {"host", "port", "dbname", "user", "service", "options", "application_name", "connect_timeout", "sslmode"}

_MISREAD = "--db: cannot understand this URL: expected sqlite:///FILE or postgresql+psycopg://..."

# A URL that is not quite one, which may hold a password, and would be taken for a path.
_NEARLY_URL = re.compile(r"(sqlite|postgres)[\w+]*:|[\w+]+:/", re.IGNORECASE)
_PASSWORD = re.compile(r"password\s*=", re.IGNORECASE)


def parse_url(url: str | os.PathLike[str]) -> sa.URL:
    """Return a database URL; a plain path means a SQLite file.

    Raises
    ------
    UsageError
        If the URL cannot be understood or names a database other than SQLite or Postgres.
    """
    text = os.fspath(url)
    if "://" not in text:
        if _NEARLY_URL.match(text):
            raise UsageError(_MISREAD)
        return sa.URL.create("sqlite", database=_on_disk(text))
    try:
        parsed = sa.make_url(text)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(_MISREAD) from None
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(f"--db: {backend} is not supported: expected sqlite:///FILE or postgresql+psycopg://...")
    if backend == "sqlite":
        return parsed.set(database=_on_disk(parsed.database))
    if "@" in f"{parsed.host}{parsed.database}":
        # what follows the first @ of a password was taken for the host, and would be shown
        raise UsageError("--db: the URL has more than one @: expected %40 for one in a user name or password")
    return parsed.set(drivername="postgresql+psycopg")


def _on_disk(database: str | None) -> str:
    """Refuse a SQLite database in memory, which would be gone with the command, and what is no name of a file."""
    if database in (None, "", ":memory:"):
        raise UsageError("--db: a database in memory cannot hold a catalogue: expected sqlite:///FILE")
    if _PASSWORD.search(database):
        raise UsageError(_MISREAD)
    return database


def shown(url: sa.URL) -> str:
    """Return a URL as it may be shown: without a password, also where one stands among its options."""
    secret = [name for name, value in url.query.items() if name not in _SHOWN or _PASSWORD.search(str(value))]
    return url.update_query_dict(dict.fromkeys(secret, "***")).render_as_string(hide_password=True)
