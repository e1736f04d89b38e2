"""Problems of many epochs, said in one line where they are the same."""

from collections.abc import Iterable, Iterator

from ...schema.rows import MaskKey

__all__ = ["problem_of", "said_together"]


def problem_of(key: MaskKey, text: object) -> str:
    """Return an error's text in one line, without the key of the epoch that it may begin with."""
    return " ".join(str(text).split()).replace(f"{key}: ", "", 1)


def said_together(problems: Iterable[tuple[MaskKey, str]]) -> Iterator[str]:
    """Yield a line for each different problem, with the first epoch that has it and the number of others.

    Parameters
    ----------
    problems : iterable of (MaskKey, str)
        Epochs, each with its problem.
    """
    by_text: dict[str, list[MaskKey]] = {}
    for key, text in problems:
        by_text.setdefault(text, []).append(key)
    for text, (first, *others) in by_text.items():
        more = f" and {len(others):,} other{'s' * (len(others) > 1)}" if others else ""
        yield f"{first}{more}: {text}"
