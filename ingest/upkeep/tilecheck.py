"""Comparison of the rows of a tile and band with its mask file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ...schema.bits import BitNames
from ...schema.masks.maskfilename import MaskFileName
from ...schema.observing.covariates import COMPUTED, TOLERANCE
from ...schema.rows import MaskKey, MaskRow
from ...schema.wcs.footprint import EVERY_CELL
from ..database.maskrows import bit_rows, mask_values
from ..report import counted
from .filecheck import CheckedFile, CheckedMask
from .report import Problem
from .tilerows import StoredMask, StoredTile

__all__ = ["TileComparison", "compare_tile"]

# Maximum number of differences in one message.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TileComparison:
    """Differences between the rows of a tile and band and its mask file.

    Parameters
    ----------
    problems : tuple of Problem
        Problems found.
    notes : tuple of str
        Remarks that are not problems.
    differing : frozenset of str
        Names of masks whose rows can be corrected from the file.
    lost : frozenset of str
        Names of masks that are in the rows but no longer in the file.
    """

    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    differing: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()

    @property
    def tile_is_lost(self) -> bool:
        """True if the coadd's own mask is lost, without which no row of the tile can stay."""
        return "coadd" in self.lost


def compare_tile(stored: StoredTile, file: CheckedFile, bit_names: BitNames, *, every: bool = True) -> TileComparison:
    """Compare the rows of a tile and band with its mask file.

    Parameters
    ----------
    stored : StoredTile
        All or some of the rows.
    file : CheckedFile
        The mask file that they name.
    bit_names : BitNames
        Names of the catalogue's mask bits.
    every : bool
        Whether both are complete, so that a mask without a row is a problem.
    """
    where = f"tile {stored.tilename}, band {stored.band}"
    if file.unreadable is not None:
        return TileComparison((Problem("mask file", file.name, file.unreadable),))
    if stored.recorded_as_lost and "coadd" not in file.usable:
        return TileComparison(notes=(f"{where}: its masks are lost until the next goodpix ingest (goodpix failures)",))
    trouble = _unusable(stored, file)
    if trouble is not None:
        return TileComparison((trouble,), lost=frozenset({*stored.masks, "coadd"}))
    problems: list[Problem] = []
    notes: list[str] = []
    differing: set[str] = set()
    lost: set[str] = set()
    of_coadd = stored.masks.get("coadd")
    generation = stored.generation if of_coadd is None else of_coadd.values["generation"]
    if not isinstance(generation, int) or generation < file.generation:
        message = f"generation is {_short(generation)}, but {file.generation} in the mask file"
        problems.append(Problem("row", f"coadd ({where})", message))
        differing.add("coadd")
    wrong_area = _wrong_area(stored, file, every=every)
    if wrong_area is not None:
        problems.append(Problem("row", f"coadd ({where})", wrong_area))
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
        for name, checked in usable.items():
            if name not in stored.masks:
                message = f"the database has no row for mask {checked.row_group} of {file.name}"
                problems.append(Problem("row", str(_key(checked)), message))
                differing.add(name)
        notes += _unnamed_damage(stored, file)
    return TileComparison(tuple(problems), tuple(notes), frozenset(differing), frozenset(lost))


def _unusable(stored: StoredTile, file: CheckedFile) -> Problem | None:
    """Return the problem that makes the whole file unusable; None if there is none."""
    where = f"tile {stored.tilename}, band {stored.band}"
    if not stored.mask_file:
        n_epochs = counted(len(stored.masks), "epoch")
        return Problem("row", f"coadd ({where})", f"the database has no row for it, but has {n_epochs} of the tile")
    name = MaskFileName.of(stored.mask_file)
    if name is not None and (name.tilename, name.band) != (stored.tilename, stored.band):
        return Problem("row", f"coadd ({where})", f"mask_file belongs to another tile or band: {stored.mask_file}")
    if file.trouble is not None:
        return Problem("mask file", file.name, file.trouble)
    return None


def _wrong_area(stored: StoredTile, file: CheckedFile, *, every: bool) -> str | None:
    """Return how the area that is good in an epoch differs from that in the file; None if they agree."""
    # what is lost of the file is said of its masks
    if "coadd" not in stored.masks or "area_good_any_unique" not in stored.masks["coadd"].values or not file.whole:
        return None
    in_row, in_file = stored.masks["coadd"].values["area_good_any_unique"], file.recorded_area
    # null where an epoch of the file is lost, which a sample does not tell
    if in_row == in_file or (in_row is None and not every):
        return None
    return f"area_good_any_unique is {_short(in_row)}, but {_short(in_file)} in the mask file"


def _compare(stored: StoredMask, checked: CheckedMask, bit_names: BitNames) -> list[Problem]:
    """Return the differences between the row of a mask and its file."""
    row = checked.row
    assert row is not None  # usable masks have one
    expected = mask_values(row, checked.row_group)
    wrong = [
        f"{name} is {_short(stored.values[name])}, but {_short(value)} in the mask file"
        for name, value in expected.items()
        # older revisions lack some columns
        if name in stored.values
        and stored.values[name] != value
        and not _as_computed(row, name, stored.values[name], value)
    ]
    problems = []
    if wrong:
        problems.append(Problem("row", str(stored.key), _first(wrong)))
    bits = bit_rows(row, bit_names)
    if bits != stored.bits:
        differ = sorted({key for key, _ in set(bits.items()) ^ set(stored.bits.items())})
        wrong = [
            f"{plane} bit {bit} has {_bit(stored.bits, (plane, bit))}, but {_bit(bits, (plane, bit))} in the mask file"
            for plane, bit in differ
        ]
        problems.append(Problem("bit counts", str(stored.key), _first(wrong)))
    hpix = row.hpix if row.key.kind == "epoch" else {}
    wrong = [f"HEALPix pixel {pixel} is missing" for pixel in sorted(hpix.keys() - stored.hpix.keys())]
    wrong += [f"HEALPix pixel {pixel} is not in the mask file" for pixel in sorted(stored.hpix.keys() - hpix.keys())]
    wrong += [
        f"cells of HEALPix pixel {pixel} are {stored.hpix[pixel]}, but {hpix[pixel]} in the mask file"
        for pixel in sorted(hpix.keys() & stored.hpix.keys())
        # rows of older revisions have no cells
        if stored.hpix[pixel] not in (hpix[pixel], EVERY_CELL)
    ]
    if wrong:
        problems.append(Problem("footprint", str(stored.key), _first(wrong)))
    return problems


def _as_computed(row: MaskRow, name: str, stored: float | None, value: float | None) -> bool:
    """Tell whether a stored value is what was computed for a row, or its revision has none."""
    if name not in COMPUTED or getattr(row.facts, name, None) is not None:
        return False
    return stored is None or (value is not None and abs(stored - value) <= TOLERANCE)


def _why_lost(mask: StoredMask, file: CheckedFile) -> str:
    """Return why the mask of a row cannot be used."""
    row_group = mask.row_group
    if row_group is not None and row_group in file.troubles:
        return file.troubles[row_group]
    others = [each for each in file.masks if each.row_group == row_group]
    instead = f": mask {row_group} is {_key(others[0])}" if others else ""
    return f"{file.name} does not contain it{instead}"


def _unnamed_damage(stored: StoredTile, file: CheckedFile) -> list[str]:
    """Return notes on the damaged masks that no row names."""
    named: Collection[int | None] = {each.row_group for each in stored.masks.values()}
    return [
        f"{file.name}: mask {row_group} is damaged, but no row names it ({trouble})"
        for row_group, trouble in file.troubles.items()
        if row_group not in named
    ]


def _key(mask: CheckedMask) -> MaskKey | None:
    return mask.row.key if mask.row else None


def _bit(bits: Mapping[tuple[str, int], tuple[str, int]], key: tuple[str, int]) -> str:
    """Return the number of pixels and the name of a mask bit; a bit without a row has no pixels."""
    name, n = bits.get(key, ("", 0))
    return f"{counted(n, 'pixel')} ({name})" if name else counted(n, "pixel")


def _first(wrong: list[str]) -> str:
    more = len(wrong) - _SHOWN
    return "; ".join(wrong[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _short(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
