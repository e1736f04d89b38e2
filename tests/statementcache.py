"""Statements compiled once for all engines of a kind, since every test opens engines of its own."""

from typing import Any

import sqlalchemy as sa

__all__ = ["compile_once"]


class _Compiled(dict[Any, Any]):
    """A cache of compiled statements, whose keys name the dialect where SQLAlchemy's hold that of one engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_named(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_named(key), compiled)


def _named(key: Any) -> Any:
    dialect, *others = key
    return dialect.name, dialect.driver, *others


def compile_once() -> None:
    """Have every engine from here on use one cache."""
    compiled = _Compiled()
    sa.event.listen(
        sa.Engine, "engine_connect", lambda connection: connection.execution_options(compiled_cache=compiled)
    )
