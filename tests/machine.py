"""What tests need of the machine."""

import os
from typing import NoReturn

import pytest

__all__ = ["lacks"]


def lacks(what: str) -> NoReturn:
    """Skip a test because the machine lacks something, or fail it on CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
