"""A Dask cluster as what does the tiles."""

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from ..schema.errors import UsageError

__all__ = ["dask_executor"]


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Connect to a Dask scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``, or the scheduler file that it has written.

    Yields
    ------
    concurrent.futures.Executor
        What has its workers do something.

    Raises
    ------
    UsageError
        If no scheduler answers.
    """
    from distributed import Client  # optional, and slow to import

    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**place, set_as_default=False, name="goodpix")
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"--dask {address}: no Dask scheduler answers there ({why})") from error
    with client:
        yield client.get_executor(pure=False)
