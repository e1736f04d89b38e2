"""The rows of a tile and band, compared with its mask file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ...schema.bits import BitNames
from ...schema.masks.maskfilename import MaskFileName
from ...schema.rows import MaskKey
from ...schema.wcs.footprint import EVERY_CELL
from ..database.maskrows import bit_rows, mask_values
from .filecheck import CheckedFile, CheckedMask
from .report import Problem
from .tilerows import StoredMask, StoredTile

__all__ = ["TileComparison", "compare_tile"]

# Columns that differ, or numbers, of which a message names as many.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TileComparison:
    """How the rows of a tile and band differ from its mask file.

    Parameters
    ----------
    problems : tuple of Problem
        What is wrong.
    notes : tuple of str
        What is no damage.
    differing : frozenset of str
        Names of masks whose rows the file can put right.
    lost : frozenset of str
        Names of rows whose mask is gone.
    """

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    differing: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

    @property
    def tile_is_lost(self) -> bool:
        """Whether the coadd's own mask is gone, without which no row of the tile can stay."""
        return "coadd" in self.lost


def compare_tile(stored: StoredTile, file: CheckedFile, bit_names: BitNames, *, every: bool = True) -> TileComparison:
    """Compare what the database has of a tile and band with its mask file.

    Parameters
    ----------
    stored : StoredTile
        The rows, all or some.
    file : CheckedFile
        The file that they name.
    bit_names : BitNames
        The catalogue's.
    every : bool
        Whether both are complete, so that a mask without a row can be told.
    """
    where = f"tile {stored.tilename}, band {stored.band}"
    trouble = _unusable(stored, file)
    if trouble is not None:
        return TileComparison((trouble,), lost=frozenset({*stored.masks, "coadd"}))
    problems: list[Problem] = []
    notes: list[str] = []
    differing: set[str] = set()
    lost: set[str] = set()
    if stored.generation < file.generation:
        message = f"generation is {stored.generation}, that of its mask file is {file.generation}"
        problems.append(Problem("row", f"coadd ({where})", message))
        differing.add("coadd")
    usable = file.usable
    for name, mask in stored.masks.items():
        if name in usable:
            wrong = _compare(mask, usable[name], bit_names)
            problems += wrong
            if wrong:
                differing.add(name)
        else:
            problems.append(Problem("mask", str(mask.key), _why_lost(mask, file)))
            lost.add(name)
    if every:
        for name, found in usable.items():
            if name not in stored.masks:
                message = f"the database has no row of it: mask {found.row_group} of {file.name}"
                problems.append(Problem("row", str(_key(found)), message))
                differing.add(name)
        notes += _nobodys(stored, file)
    return TileComparison(tuple(problems), tuple(notes), frozenset(differing), frozenset(lost))


def _unusable(stored: StoredTile, file: CheckedFile) -> Problem | None:
    """Return why nothing of a file can be used; None where it can."""
    where = f"tile {stored.tilename}, band {stored.band}"
    if not stored.mask_file:
        return Problem("row", f"coadd ({where})", f"the database has no row of it, but {len(stored.masks)} of epochs")
    said = MaskFileName.of(stored.mask_file)
    if said is not None and (said.tilename, said.band) != (stored.tilename, stored.band):
        return Problem("row", f"coadd ({where})", f"its mask_file is of another: {stored.mask_file}")
    if file.trouble is not None:
        return Problem("mask file", file.name, file.trouble)
    return None


def _compare(stored: StoredMask, found: CheckedMask, bit_names: BitNames) -> list[Problem]:
    """Return how the row of a mask differs from what its file says."""
    row = found.row
    assert row is not None  # it is a usable one
    expected = mask_values(row, found.row_group)
    wrong = [
        f"{name} is {_short(stored.values[name])}, its mask says {_short(value)}"
        for name, value in expected.items()
        if stored.values[name] != value
    ]
    problems = []
    if wrong:
        problems.append(Problem("row", str(stored.key), _some(wrong, "columns")))
    bits = bit_rows(row, bit_names)
    if bits != stored.bits:
        differ = sorted({key for key, _ in set(bits.items()) ^ set(stored.bits.items())})
        wrong = [
            f"{plane} bit {bit} is {_of(stored.bits, (plane, bit))}, its mask says {_of(bits, (plane, bit))}"
            for plane, bit in differ
        ]
        problems.append(Problem("bit counts", str(stored.key), _some(wrong, "bits")))
    hpix = row.hpix if row.key.kind == "epoch" else {}
    wrong = [f"HEALPix pixel {each} is missing" for each in sorted(hpix.keys() - stored.hpix.keys())]
    wrong += [f"HEALPix pixel {each} is not its own" for each in sorted(stored.hpix.keys() - hpix.keys())]
    wrong += [
        f"cells of HEALPix pixel {each} are {stored.hpix[each]}, its mask says {hpix[each]}"
        for each in sorted(hpix.keys() & stored.hpix.keys())
        # older tables do not know them
        if stored.hpix[each] not in (hpix[each], EVERY_CELL)
    ]
    if wrong:
        problems.append(Problem("footprint", str(stored.key), _some(wrong, "pixels")))
    return problems


def _why_lost(mask: StoredMask, file: CheckedFile) -> str:
    """Say why the mask of a row cannot be had."""
    row_group = mask.values["mask_row_group"]
    if row_group in file.troubles:
        return file.troubles[row_group]
    others = [each for each in file.masks if each.row_group == row_group]
    there = f": mask {row_group} is {_key(others[0])}" if others else ""
    return f"{file.name} has no mask of it{there}"


def _nobodys(stored: StoredTile, file: CheckedFile) -> list[str]:
    """Say which masks are damaged that no row names."""
    named: Collection[int] = {each.values["mask_row_group"] for each in stored.masks.values()}
    return [
        f"{file.name}: mask {row_group} is damaged, and no row names it ({trouble})"
        for row_group, trouble in file.troubles.items()
        if row_group not in named
    ]


def _key(found: CheckedMask) -> MaskKey | None:
    return found.row.key if found.row else None


def _of(bits: Mapping[tuple[str, int], tuple[str, int]], key: tuple[str, int]) -> str:
    return "{} {}".format(*bits[key]) if key in bits else "0"


def _some(wrong: list[str], what: str) -> str:
    more = len(wrong) - _SHOWN
    return "; ".join(wrong[:_SHOWN]) + (f"; and {more} {what} more" if more > 0 else "")


def _short(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
