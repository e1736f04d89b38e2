"""Mask files read side by side."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ...schema.errors import UsageError
from ...schema.executors import Spread, in_order, process_pool

__all__ = ["spread_over"]

# Files per worker that are read or wait to be taken.
_AHEAD = 2


@contextmanager
def spread_over(workers: int) -> Iterator[Spread]:
    """Give a ``map`` over worker processes, or the built-in one where there is to be one process.

    Raises
    ------
    UsageError
        If the number is not positive.
    """
    if workers < 1:
        raise UsageError(f"workers is {workers}: expected 1 or more")
    with ExitStack() as stack:
        yield map if workers == 1 else in_order(stack.enter_context(process_pool(workers)), _AHEAD * workers)
