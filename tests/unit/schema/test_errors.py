"""Facts about errors."""

import os

import pytest

from goodpix.schema import errors


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "GoodpixError" and name[0].isupper()])
def test_error_is_ours_and_also_the_builtin_that_fits(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.GoodpixError)
    assert issubclass(kind, ValueError | LookupError | OSError)


def test_name_that_is_not_utf_8_is_refused() -> None:
    errors.check_utf_8("café", "--db")
    with pytest.raises(errors.UsageError, match=r"^--db caf\\xe9: expected a name in UTF-8"):
        errors.check_utf_8(os.fsdecode(b"caf\xe9"), "--db")
