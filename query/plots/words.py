"""The words in pictures: what a statistic is, and which filters hold."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..summary.statistic import RATIOS

__all__ = ["filter_words", "statistic_words"]


def statistic_words(name: str) -> str:
    """Return a statistic with what it is made of, such as ``fraction_good_se = n_good_se / n_pixels``."""
    if ":" in name:
        return f"pixels with bit {name} / n_pixels"
    ratio = RATIOS.get(name)
    if ratio is not None:
        return f"{name} = {ratio.part} / {ratio.whole}"
    return name


def filter_words(filters: Mapping[str, Any]) -> str:
    """Return filters as a title names them, such as ``band r, nite 20150101:20151231``; empty without any."""
    return ", ".join(f"{name} {_value(value)}" for name, value in filters.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, slice):
        return ":".join("" if each is None else str(each) for each in (value.start, value.stop))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(_value(each) for each in value)
    return str(value)
