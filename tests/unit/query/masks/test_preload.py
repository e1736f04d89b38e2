"""Facts about what the server of worker processes imports."""

from goodpix.query.masks import parallel, preload


def test_server_has_the_jobs_of_its_workers() -> None:
    assert preload.parallel is parallel
