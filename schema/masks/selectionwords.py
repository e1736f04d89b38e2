"""A Selection in words: those of the command line and of the dashboard's addresses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..criteria import Criterion, Selection
from ..errors import UsageError

__all__ = ["SelectionWords"]


@dataclass(frozen=True, slots=True)
class SelectionWords:
    """What the options ``--ignore``, ``--ignore-bit``, ``--grow`` and ``--border`` take.

    Parameters
    ----------
    ignore : sequence of str
        Criteria.
    ignore_bits : sequence of str
        Mask bits as ``PLANE:BIT``.
    grow : sequence of str
        ``WHAT=PIXELS``.
    border : int
        Pixels.
    """

    ignore: Sequence[str] = ()
    ignore_bits: Sequence[str] = ()
    grow: Sequence[str] = ()
    border: int = 0

    @classmethod
    def of(cls, selection: Selection) -> "SelectionWords":
        """Return the words for a selection."""
        return cls(
            [str(each.name) for each in selection.ignore if isinstance(each, Criterion)],
            [f"{plane}:{bit}" for plane, bits in selection.ignore_bits.items() for bit in bits],
            [f"{what}={radius:g}" for what, radius in selection.grow.items()],
            selection.border,
        )

    def selection(self, prefix: str = "") -> Selection:
        """Return the selection that the words mean.

        Parameters
        ----------
        prefix : str
            What the names of the options begin with in messages.

        Raises
        ------
        UnknownNameError
            If a criterion or plane does not exist.
        UsageError
            If a word has not the form that it should have.
        """
        by_plane: dict[str, list[str | int]] = {}
        for plane, bit in _split(self.ignore_bits, ":", f"{prefix}ignore-bit", "PLANE:BIT, such as SE:STAR"):
            by_plane.setdefault(plane.upper(), []).append(bit)
        radii = dict(_split(self.grow, "=", f"{prefix}grow", "WHAT=PIXELS, such as COADD_SEG=8"))
        # a Selection takes a radius in digits, too
        return Selection(self.ignore, by_plane, radii, self.border)  # type: ignore[arg-type]


def _split(texts: Iterable[str], mark: str, option: str, expected: str) -> list[tuple[str, str]]:
    """Return what stands before and after the mark in each text."""
    out = []
    for text in texts:
        before, found, after = text.partition(mark)
        if not found:
            raise UsageError(f"{option} {text}: expected {expected}")
        out.append((before, after))
    return out
