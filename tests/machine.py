"""What tests need of the machine."""

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["chromium_or_skip", "lacks"]


def lacks(what: str) -> NoReturn:
    """Skip a test because the machine lacks something, or fail it on CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def chromium_or_skip() -> str:
    """Return the path of the system's Chromium; without it skip the test, or fail it on CI."""
    for name in ("chromium-headless-shell", "chromium", "chromium-browser"):
        if found := shutil.which(name):
            return found
    lacks("Chromium is not installed: apt install chromium-headless-shell")
