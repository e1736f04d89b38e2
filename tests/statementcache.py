"""A cache of compiled SQL statements shared by all engines of a dialect, since every test opens new engines."""

from typing import Any

import sqlalchemy as sa

__all__ = ["compile_once"]


class _Compiled(dict[Any, Any]):
    """A statement cache keyed by the dialect's name instead of one engine's dialect object."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_named(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_named(key), compiled)


def _named(key: Any) -> Any:
    dialect, *others = key
    return dialect.name, dialect.driver, *others


def compile_once() -> None:
    """Make all engines share one cache from now on."""
    compiled = _Compiled()
    sa.event.listen(
        sa.Engine, "engine_connect", lambda connection: connection.execution_options(compiled_cache=compiled)
    )
