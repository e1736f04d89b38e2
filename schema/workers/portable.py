"""Functions that can be sent to another process wherever they were defined."""

import pickle
from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from ..errors import UsageError
from ..printable import one_line

__all__ = ["Portable"]

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Portable(Generic[Arguments, Result]):
    """A function that may come from a script, a notebook or standard input, which no other process can import.

    Such a function travels by value, with the global names that it uses; one of an importable module by its name.

    Parameters
    ----------
    function : callable
        The function.
    """

    __slots__ = ("_function", "_pickled")

    def __init__(self, function: Callable[Arguments, Result]) -> None:
        self._function: Callable[Arguments, Result] | None = function
        self._pickled: bytes | None = None

    @property
    def function(self) -> Callable[Arguments, Result]:
        """The function.

        Raises
        ------
        UsageError
            If it was sent to this process, which cannot load it.
        """
        if self._function is None:
            assert self._pickled is not None
            try:
                self._function = pickle.loads(self._pickled)
            except Exception as error:  # whatever a module raises when it is imported
                raise UsageError(
                    f"the function cannot be loaded by worker processes ({type(error).__name__}: {one_line(error)}): "
                    "expected one that other processes can import, or workers=1"
                ) from error
        return self._function

    def __getstate__(self) -> bytes:
        if self._pickled is None:
            import cloudpickle  # needed only where other processes work

            try:
                self._pickled = cloudpickle.dumps(self._function)
            except Exception as error:  # each type of object has its own
                name = getattr(self._function, "__name__", type(self._function).__name__)
                raise UsageError(
                    f"the function {name} cannot be sent to worker processes ({type(error).__name__}: "
                    f"{one_line(error)}): use workers=1, or leave out what it refers to"
                ) from error
        return self._pickled

    def __setstate__(self, pickled: bytes) -> None:
        self._function, self._pickled = None, pickled
