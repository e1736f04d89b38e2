"""Facts about errors."""

import pytest

from goodpix.schema import errors


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "GoodpixError" and name[0].isupper()])
def test_error_is_ours_and_also_the_builtin_that_fits(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.GoodpixError)
    assert issubclass(kind, ValueError | LookupError | OSError)
