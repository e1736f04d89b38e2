"""Selections as the texts of options and URLs."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..bits import Criterion
from ..errors import UsageError
from .definition import Selection
from .terms import shortest

__all__ = ["SelectionWords"]


@dataclass(frozen=True, slots=True)
class SelectionWords:
    """A selection in text, as on the command line and in the dashboard's URLs.

    Parameters
    ----------
    ignore : sequence of str
        Criteria.
    ignore_bits : sequence of str
        Mask bits, each ``PLANE:BIT``.
    grow : sequence of str
        Growths, each ``WHAT=PIXELS``.
    border : int
        Border in pixels.
    exclude : sequence of str
        Exclusions, each ``KEY=VALUE,KEY=VALUE``.
    """

    ignore: Sequence[str] = ()
    ignore_bits: Sequence[str] = ()
    grow: Sequence[str] = ()
    border: int = 0
    exclude: Sequence[str] = ()

    @classmethod
    def of(cls, selection: Selection) -> "SelectionWords":
        """Return the text of a selection."""
        return cls(
            [str(criterion.name) for criterion in selection.ignore if isinstance(criterion, Criterion)],
            [f"{plane}:{bit}" for plane, bits in selection.ignore_bits.items() for bit in bits],
            [f"{what}={shortest(radius)}" for what, radius in selection.grow.items()],
            selection.border,
            [str(each) for each in selection.exclude],
        )

    @property
    def options(self) -> str:
        """The options of a command that stand for the selection, quoted for a shell."""
        repeated = {"ignore": self.ignore, "ignore-bit": self.ignore_bits, "grow": self.grow, "exclude": self.exclude}
        pairs = [(name, text) for name, texts in repeated.items() for text in texts]
        pairs += [("border", str(self.border))] if self.border else []
        return " ".join(f"--{name} {shlex.quote(text)}" for name, text in pairs)

    def selection(self, prefix: str = "") -> Selection:
        """Return the selection that the text describes.

        Parameters
        ----------
        prefix : str
            Prefix of option names in messages, such as ``"--"``.

        Raises
        ------
        UnknownNameError
            If a criterion, plane or key does not exist.
        UsageError
            If a bit, growth or exclusion is malformed.
        """
        by_plane: dict[str, list[str | int]] = {}
        for plane, bit in _split(self.ignore_bits, ":", f"{prefix}ignore-bit", "PLANE:BIT, such as SE:STAR"):
            by_plane.setdefault(plane.upper(), []).append(bit)
        radii = dict(_split(self.grow, "=", f"{prefix}grow", "WHAT=PIXELS, such as COADD_SEG=8"))
        # a Selection also accepts a radius as text
        return Selection(self.ignore, by_plane, radii, self.border, self.exclude)  # type: ignore[arg-type]


def _split(texts: Iterable[str], separator: str, option: str, expected: str) -> list[tuple[str, str]]:
    """Split each text at its first separator."""
    out = []
    for text in texts:
        before, present, after = text.partition(separator)
        if not present:
            raise UsageError(f"{option} {text}: expected {expected}")
        out.append((before, after))
    return out
