"""Memory that is free."""

import pytest

from goodpix.query.maps.memory import check_memory, free_memory
from goodpix.schema.errors import UsageError


def test_some_memory_is_free() -> None:
    free = free_memory()
    assert free is not None
    assert 1 << 20 < free < 1 << 50


def test_answer_that_fits_is_allowed() -> None:
    check_memory("nside is 64", 1000)


def test_answer_that_does_not_fit_is_refused_with_its_size() -> None:
    with pytest.raises(
        UsageError, match=r"^nside is 2: this takes 12\.3 PB of memory, .* are free: expected a smaller"
    ):
        check_memory("nside is 2", 12_345_678_901_234_567)
