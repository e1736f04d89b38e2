"""Facts about what the server of worker processes imports."""

from goodpix.ingest import attempt, preload
from goodpix.schema.masks import rle


def test_server_has_the_jobs_of_its_workers() -> None:
    assert preload.attempt is attempt


def test_server_has_loaded_the_compiler() -> None:
    """A worker would otherwise load it for its first kernel, in half a second."""
    kernels = [each for each in vars(rle).values() if hasattr(each, "dispatcher")]
    assert any(each.dispatcher.signatures for each in kernels)
