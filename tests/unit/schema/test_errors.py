"""Facts about errors."""

import errno
import os

import pytest

from goodpix.schema import errors


@pytest.mark.parametrize(
    "name", [name for name in errors.__all__ if name[0].isupper() and name not in ("GoodpixError", "StopRequest")]
)
def test_error_is_ours_and_also_the_builtin_that_fits(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, errors.GoodpixError)
    assert issubclass(kind, ValueError | LookupError | OSError)


def test_name_that_is_not_utf_8_is_refused() -> None:
    errors.check_utf_8("café", "--db")
    with pytest.raises(errors.UsageError, match=r"^--db caf\\xe9: expected a name in UTF-8"):
        errors.check_utf_8(os.fsdecode(b"caf\xe9"), "--db")


def converted(error: BaseException, *, named: bool) -> RuntimeError:
    """Return the error that a library makes of another."""
    try:
        try:
            raise error
        except (KeyboardInterrupt, RuntimeError, ValueError) as first:
            raise RuntimeError("it failed") from first if named else None
    except RuntimeError as last:
        if not named:
            last.__suppress_context__ = False
        return last


@pytest.mark.parametrize("named", [True, False])
def test_interrupt_that_became_another_error_is_found(named: bool) -> None:
    stop = KeyboardInterrupt()
    assert errors.interruption(converted(converted(stop, named=named), named=named)) is stop


def test_error_after_a_request_to_stop_is_the_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = KeyboardInterrupt()
    monkeypatch.setattr(errors.stop_request, "interrupt", lambda: stop)
    assert errors.interruption(ValueError("of its own?")) is stop


def test_error_that_no_interrupt_became_has_none() -> None:
    assert errors.interruption(converted(ValueError("of its own"), named=True)) is None


def behind(error: BaseException, *, named: bool) -> BaseException:
    """Return an error of ours that was raised because of another."""
    try:
        try:
            raise error
        except BaseException as reason:  # noqa: BLE001  # as a library does
            raise errors.FitsFileError("cannot be read") from (reason if named else None)
    except errors.FitsFileError as found:
        return found


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM, errno.ENOSPC])
def test_error_of_the_system_behind_another_may_pass(number: int, named: bool) -> None:
    assert errors.may_pass(behind(OSError(number, "x"), named=named))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        errors.WorkerLostError("x"),
        errors.MissingLibraryError("x"),
        OSError(errno.EFBIG, "x"),
        PermissionError(errno.EPERM, "x"),
    ],
)
def test_error_of_the_machine_may_pass(error: Exception) -> None:
    assert errors.may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.PlaneError("x"),
        ValueError("x"),
        behind(FileNotFoundError(errno.ENOENT, "x"), named=True),
        behind(OSError(errno.EFBIG, "has more bytes"), named=True),
        behind(OSError(errno.ELOOP, "x"), named=False),
    ],
    ids=repr,
)
def test_error_of_a_file_stays(error: Exception) -> None:
    assert not errors.may_pass(error)
