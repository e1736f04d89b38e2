"""Facts about functions that travel between processes."""

import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from goodpix.schema.errors import UsageError
from goodpix.schema.workers.portable import Portable


def defined(program: str) -> Callable[..., Any]:
    """Return the function ``f`` of a program that no process can import."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(program, names)
    found: Callable[..., Any] = names["f"]
    return found


def sent(function: Callable[..., Any]) -> Callable[..., Any]:
    return pickle.loads(pickle.dumps(Portable(function))).function  # type: ignore[no-any-return]  # as it went in


def test_a_function_of_a_program_travels_with_the_names_that_it_uses() -> None:
    assert sent(defined("import math\nn = 3\ndef g(x): return math.floor(x) + n\ndef f(x): return g(x)"))(2.5) == 5


def test_a_function_of_a_module_travels_by_its_name() -> None:
    assert sent(len) is len


def test_a_function_that_stays_is_the_same_object() -> None:
    def function() -> None:
        pass

    assert Portable(function).function is function


def test_a_function_that_refers_to_what_cannot_be_sent_is_an_error() -> None:
    lock = threading.Lock()

    def locked() -> None:
        lock.acquire()

    with pytest.raises(UsageError, match=r"the function locked cannot be sent to worker processes \(TypeError: .*lock"):
        pickle.dumps(Portable(locked))


def test_a_function_of_a_module_that_is_not_there_is_an_error() -> None:
    portable = Portable(len)
    portable.__setstate__(b"cno_such_module\nf\n.")
    with pytest.raises(UsageError, match=r"cannot be loaded by worker processes \(ModuleNotFoundError: "):
        _ = portable.function
