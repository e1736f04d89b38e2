"""Facts about the objects of a store, in the one that fsspec keeps in memory."""

import pickle
from collections.abc import Iterator
from contextlib import suppress

import fsspec
import pytest

from goodpix.schema.errors import StoreError, UsageError
from goodpix.schema.files.object import StoredObject, file_system, telling

URL = "memory://bucket/masks"


@pytest.fixture
def place() -> Iterator[StoredObject]:
    """An object that holds ten digits."""
    made = StoredObject(f"{URL}/digits")
    made.write(b"0123456789")
    yield made
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize(
    ("span", "content"),
    [
        ((), b"0123456789"),
        ((0, None), b"0123456789"),
        ((3, 5), b"34"),
        ((7, None), b"789"),
        ((7, 100), b"789"),
        ((-3, None), b"789"),
        ((-100, None), b"0123456789"),
        ((4, 4), b""),
        ((10, 12), b""),
    ],
)
def test_range_is_read_from_its_start_up_to_its_end(
    place: StoredObject, span: tuple[int, int | None], content: bytes
) -> None:
    assert place.read(*span) == content


def refusing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make the store answer every read with an error, as S3 may."""

    def refuse(*_args: object, **_span: object) -> None:
        raise error

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "cat_file", refuse)


@pytest.mark.parametrize("text", ["The requested range is not satisfiable", "range not satisfiable"])
def test_range_that_a_store_refuses_as_beyond_the_end_is_empty(
    place: StoredObject, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    refusing(monkeypatch, OSError(22, text))
    assert place.read(10, 12) == b""


def test_other_refusal_is_an_error(place: StoredObject, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing(monkeypatch, OSError(5, "Input/output error"))
    with pytest.raises(StoreError, match=f"^{URL}/digits: Input/output error$"):
        place.read(10, 12)


def test_object_is_written_over_unless_anew(place: StoredObject) -> None:
    place.write(b"new")
    with suppress(FileExistsError):  # its text is the library's
        place.write(b"newer", anew=True)
    assert place.read() == b"new"


def test_missing_object_is_not_found_when_it_is_read() -> None:
    read = StoredObject(f"{URL}/none").reader()
    with pytest.raises(FileNotFoundError, match="none"):
        read(0, None)


def test_object_is_named_by_its_url(place: StoredObject) -> None:
    assert str(pickle.loads(pickle.dumps(place))) == f"{URL}/digits"


def test_file_system_comes_with_the_path_in_it() -> None:
    files, path = file_system(f"{URL}/digits")
    assert (files.protocol, path) == ("memory", "/bucket/masks/digits")


def test_url_that_goes_on_to_another_place_is_refused() -> None:
    # fsspec would take what follows for a URL of its own
    with pytest.raises(UsageError, match=r"a::http://127\.0\.0\.1/b: expected a URL without ::"):
        StoredObject(f"{URL}/a::http://127.0.0.1/b").read()


def test_unknown_protocol_is_refused_with_what_was_expected() -> None:
    with pytest.raises(UsageError, match=r"^nosuch://bucket/a: [^\n]*: expected a path or s3://bucket/name$"):
        file_system("nosuch://bucket/a")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("what\n  is this"), "RuntimeError: what is this"),
        (PermissionError(13, "Access Denied"), "Access Denied"),
        (PermissionError("Access Denied"), "Access Denied"),
        (OSError('no way to "http://me:secret@proxy:1/"'), 'no way to "http://***@proxy:1/"'),
        (TimeoutError(), "TimeoutError: "),
        (RuntimeError("x" * 1000), f"RuntimeError: {'x' * 300}"),
        (FileNotFoundError("The specified bucket does not exist"), "the bucket does not exist"),
    ],
)
def test_error_of_a_store_is_one_line_without_a_password(error: Exception, text: str) -> None:
    with pytest.raises(StoreError) as told, telling(URL):
        raise error
    assert str(told.value) == f"{URL}: {text}"
    assert str(pickle.loads(pickle.dumps(told.value))) == str(told.value)
