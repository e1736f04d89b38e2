"""Terms of a selection, checked one by one."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn, Self

from ..bits import BIT_SHIFT, Criterion
from ..errors import UnknownNameError, UsageError, did_you_mean

__all__ = [
    "FrozenDict",
    "as_iterable",
    "check_mapping",
    "check_name",
    "checked_growth",
    "criterion_of",
    "shortest",
    "terms_of",
]

_VERBS = ("named", "ignore", "grow", "border", "exclude")

# A comma before the next verb: names of bits may hold commas, exclusions do.
_COMMA = re.compile(rf"\s*,\s*(?=(?:{'|'.join(_VERBS)})\s)")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


class FrozenDict(dict[Any, Any]):
    """A dictionary that cannot be changed, since the selection that holds it can be a key."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a Selection cannot be changed: make another, as by dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[Self], tuple[dict[Any, Any]]]:
        return type(self), (dict(self),)


def terms_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield the verb and the object of each term of a selection in text, such as ``("border", "48")``.

    Raises
    ------
    UsageError
        If a term has no verb of a selection.
    """
    stripped = text.strip()
    for term in _COMMA.split(stripped) if stripped not in ("", "default") else ():
        verb, _, what = term.partition(" ")
        if verb not in _VERBS or not what.strip():
            raise UsageError(
                f"selection {text!r}: cannot read {term!r}: expected terms such as 'ignore COADD_SEG', "
                "'ignore SE:STAR', 'grow SE_SEG by 3', 'border 48' or 'exclude ccdnum=31'"
            )
        yield verb, what.strip()


def check_name(name: object) -> str:
    """Return the name of a selection, if it is one.

    Raises
    ------
    UsageError
        If it is not.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"name of a selection is {name!r}: expected up to 64 letters, digits and ._+-, first a letter or digit"
        )
    return name


def shortest(number: float) -> str:
    """Return a number as the shortest text from which it can be read back."""
    return repr(float(number)).removesuffix(".0")


def checked_growth(name: str | Criterion, radius: float) -> tuple[str, float]:
    """Return the canonical name of a criterion or bit to grow, and its radius."""
    text = str(name.name if isinstance(name, Criterion) else name)
    plane, colon, bit = (token.strip() for token in text.partition(":"))
    if colon and plane.lower() not in BIT_SHIFT:
        raise UnknownNameError(f"grow: unknown plane {plane!r}: expected SE or COADD")
    canonical = f"{plane.upper()}:{bit.upper()}" if colon else str(criterion_of(text).name)
    try:
        pixels = float(radius)
    except (TypeError, ValueError):
        pixels = math.nan
    if isinstance(radius, bool) or not 0 <= pixels < math.inf:
        raise UsageError(f"grow {canonical} by {radius!r}: expected a radius in pixels, 0 or more")
    return canonical, pixels


def check_mapping(name: str, value: object, expected: str) -> None:
    """Raise `UsageError` unless a value is a mapping."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{name} is {value!r}: expected a mapping of {expected}")


def as_iterable(given: object) -> Iterable[Any]:
    """Return a collection unchanged and a single item as a tuple."""
    return given if isinstance(given, Iterable) and not isinstance(given, str | Criterion | Mapping) else (given,)


def criterion_of(name: str | Criterion) -> Criterion:
    """Return the criterion with a given name."""
    if isinstance(name, Criterion):
        return name
    try:
        return Criterion[str(name).strip().upper()]
    except KeyError:
        known = [each.name or "" for each in Criterion]
        hint = did_you_mean(str(name).upper(), known, show=str, otherwise=".")
        raise UnknownNameError(f"unknown criterion {name!r}{hint} Known: {', '.join(known)}") from None
