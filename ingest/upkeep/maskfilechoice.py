"""Choice of the mask file from which the rows of a tile and band are rebuilt."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...schema.store.masksroot import MasksRoot
from ...schema.store.protocol import FoundFile
from ..report import Failure
from .filecheck import CheckedFile, FileJob, check_file

__all__ = ["Choice", "TileFiles", "choose_file", "lost_mask"]


@dataclass(frozen=True, slots=True)
class TileFiles:
    """All mask files of a tile and band, as sent to a worker process.

    Parameters
    ----------
    root : MasksRoot
        Masks root.
    tilename, band : str
        Tile and band.
    files : sequence of FoundFile
        Mask files.
    """

    root: MasksRoot
    tilename: str
    band: str
    files: Sequence[FoundFile]


@dataclass(frozen=True, slots=True)
class Choice:
    """The mask file chosen for a tile and band.

    Parameters
    ----------
    tilename, band : str
        Tile and band.
    file : CheckedFile or None
        The newest undamaged file; else the newest with a coadd's mask; only its undamaged masks are used.
    generation : int
        Highest generation of all files, damaged or not, which the next file must exceed.
    failures : tuple of Failure
        Files, and masks of the chosen file, that could not be used.
    notes : tuple of str
        Remarks on files that are not failures.
    unreadable : tuple of str
        Files newer than the chosen one whose content is unknown for the moment, and why.
    """

    tilename: str
    band: str
    file: CheckedFile | None
    generation: int
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    unreadable: tuple[str, ...] = ()


def choose_file(tile: TileFiles) -> Choice:
    """Read the mask files of a tile and band, newest first, until one is undamaged."""
    ranked = sorted(tile.files, key=lambda each: (_generation(each), each.modified, each.name), reverse=True)
    generation = _generation(ranked[0]) if ranked else 0
    notes = [
        f"{other.name} and {ranked[0].name} have the same generation: the one written last is used"
        for other in ranked[1:]
        if _generation(other) == generation
    ]
    passed: list[CheckedFile] = []
    chosen: CheckedFile | None = None
    for each in ranked:
        checked = check_file(FileJob(tile.root, each.name))
        if checked.whole:
            chosen = checked
            break
        passed.append(checked)
    if chosen is None:
        chosen = next((each for each in passed if "coadd" in each.usable), None)
    failures: list[Failure] = []
    for file in passed:
        failures += _failures_of(tile, file) if file is chosen else [_lost_file(tile, file, chosen)]
    unreadable = tuple(each.unreadable for each in passed if each.unreadable is not None)
    return Choice(tile.tilename, tile.band, chosen, generation, tuple(failures), tuple(notes), unreadable)


def lost_mask(root: MasksRoot, mask_file: str, tile: tuple[str, str], name: str, message: str) -> Failure:
    """Return the failure to record for a mask that can no longer be read.

    Parameters
    ----------
    root : MasksRoot
        Masks root of the catalogue.
    mask_file : str
        File that contained the mask; recorded as the path, since mask files do not name their info file.
    tile : tuple of str
        Tile name and band.
    name : str
        ``expnum/ccdnum`` or ``coadd``.
    message : str
        What is wrong.
    """
    path = str(root.path(mask_file))
    expnum, slash, ccdnum = name.partition("/")
    # without a fingerprint, so that the next ingest retries it
    return Failure(
        key=f"{path}#{name}",
        path=path,
        error_type="MaskFileError",
        message=message,
        tilename=tile[0],
        band=tile[1],
        expnum=int(expnum) if slash else None,
        ccdnum=int(ccdnum) if slash else None,
    )


def _generation(file: FoundFile) -> int:
    return file.mask_file.generation if file.mask_file else 0


def _failures_of(tile: TileFiles, chosen: CheckedFile) -> list[Failure]:
    """Return the failures of the damaged masks in the chosen file."""
    return [
        lost_mask(tile.root, chosen.name, (tile.tilename, tile.band), _mask_name(chosen, row_group), trouble)
        for row_group, trouble in chosen.troubles.items()
    ]


def _mask_name(file: CheckedFile, row_group: int) -> str:
    (mask,) = [each for each in file.masks if each.row_group == row_group]
    return mask.row.key.name if mask.row else f"mask {row_group}"


def _lost_file(tile: TileFiles, lost: CheckedFile, chosen: CheckedFile | None) -> Failure:
    """Return the failure of an unusable file, with the older file that replaces it, if any."""
    why = lost.unreadable or lost.trouble or next(iter(lost.troubles.values()), "it has no coadd mask")
    instead = f"using {chosen.name} instead" if chosen else "there is no other file"
    return lost_mask(tile.root, lost.name, (tile.tilename, tile.band), "coadd", f"{why}; {instead}")
