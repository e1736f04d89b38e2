"""Facts about the objects of a store."""

import pickle

import pytest

from goodpix.schema.errors import StoreError
from goodpix.schema.store.object import telling

URL = "memory://bucket/masks"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("what\n  is this"), "RuntimeError: what is this"),
        (PermissionError(13, "Access Denied"), "Access Denied"),
        (PermissionError("Access Denied"), "Access Denied"),
        (OSError('no way to "http://me:secret@proxy:1/"'), 'no way to "http://***@proxy:1/"'),
        (TimeoutError(), "TimeoutError: "),
    ],
)
def test_error_of_a_store_is_one_line_without_a_password(error: Exception, text: str) -> None:
    with pytest.raises(StoreError) as told, telling(URL):
        raise error
    assert str(told.value) == f"{URL}: {text}"
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)
