"""Facts about what the server of worker processes imports."""

from goodpix.ingest import attempt, preload
from goodpix.schema.masks import rle


def test_server_has_the_jobs_of_its_workers() -> None:
    assert preload.attempt is attempt


def test_server_has_called_a_kernel() -> None:
    """Each worker would otherwise import numba for its first one."""
    kernels = [each for each in vars(rle).values() if hasattr(each, "dispatcher")]
    assert any(each.dispatcher.signatures for each in kernels)
