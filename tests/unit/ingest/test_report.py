"""Facts about the line that an ingest reports."""

import pytest

from goodpix.ingest.report import Failure, IngestReport


def failure(error_type: str) -> Failure:
    return Failure("key", "path", error_type, "message")


def test_report_line_counts_failures_by_reason() -> None:
    failures = tuple(failure(kind) for kind in ("PlaneError", "FitsFileError", "FitsFileError"))
    text = str(IngestReport(1, 5, 0, 0, failures, 0, 2.0, n_pixels=6_000_000, n_bytes=1500))
    assert "3 failed (2 FitsFileError, 1 PlaneError)" in text
    assert text.endswith("in 2.0 s; 3 Mpixels/s, 1.5 kB of masks written")


@pytest.mark.parametrize(
    ("n_tiles", "n_bands", "text"),
    [(1, 1, "1 tile: "), (1, 2, "1 tile in 2 bands: "), (7, 3, "7 tiles in 3 bands: "), (0, 0, "0 tiles: ")],
)
def test_tiles_are_counted_once_however_many_bands_they_have(n_tiles: int, n_bands: int, text: str) -> None:
    for n_epochs in (0, 5):
        assert str(IngestReport(n_tiles, n_epochs, 0, 0, (), 0, 2.0, n_bands=n_bands)).startswith(text)


def test_rate_is_unknown_where_no_time_passed() -> None:
    assert IngestReport(1, 5, 0, 0, (), 0, 0.0, n_pixels=9).pixels_per_second is None
