"""The mask file of a tile and band that a catalogue is made of, where its files are all there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...schema.store.masksroot import MasksRoot
from ...schema.store.protocol import FoundFile
from ..report import Failure
from .filecheck import CheckedFile, FileJob, check_file

__all__ = ["Choice", "TileFiles", "choose_file", "lost_mask"]


@dataclass(frozen=True, slots=True)
class TileFiles:
    """All mask files of a tile and band, small enough to travel to a worker.

    Parameters
    ----------
    root : MasksRoot
        Where they lie.
    tilename, band : str
        Which.
    files : sequence of FoundFile
        Their names.
    """

    root: MasksRoot
    tilename: str
    band: str
    files: Sequence[FoundFile]


@dataclass(frozen=True, slots=True)
class Choice:
    """The file that was chosen.

    Parameters
    ----------
    tilename, band : str
        Of which.
    file : CheckedFile or None
        The newest that is whole; else the newest that has a coadd's mask, with what is whole of it.
    generation : int
        The highest there is, so that the next file's is higher than that of one that is damaged.
    failures : tuple of Failure
        Files, and masks of the chosen one, that could not be used.
    notes : tuple of str
        What someone should know.
    """

    tilename: str
    band: str
    file: CheckedFile | None
    generation: int
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]


def choose_file(tile: TileFiles) -> Choice:
    """Read the mask files of a tile and band, the newest first, until one is whole."""
    ranked = sorted(tile.files, key=lambda each: (_generation(each), each.modified, each.name), reverse=True)
    generation = _generation(ranked[0]) if ranked else 0
    notes = [
        f"{other.name} and {ranked[0].name} are of one generation: the one written last is taken"
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
    return Choice(tile.tilename, tile.band, chosen, generation, tuple(failures), tuple(notes))


def lost_mask(root: MasksRoot, mask_file: str, tile: tuple[str, str], name: str, message: str) -> Failure:
    """Return the failure that stands for a mask that cannot be read any more.

    Parameters
    ----------
    root : MasksRoot
        Of the catalogue.
    mask_file : str
        Where the mask was; in the place of an info file, which no mask file names.
    tile : tuple of str
        The tilename and the band.
    name : str
        ``expnum/ccdnum`` or ``coadd``.
    message : str
        What is wrong.
    """
    path = str(root.path(mask_file))
    expnum, slash, ccdnum = name.partition("/")
    # without a fingerprint, so that the next ingest tries
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
    """Return what could not be used of a file of which the rest is."""
    return [
        lost_mask(tile.root, chosen.name, (tile.tilename, tile.band), _name(chosen, row_group), trouble)
        for row_group, trouble in chosen.troubles.items()
    ]


def _name(file: CheckedFile, row_group: int) -> str:
    (found,) = [each for each in file.masks if each.row_group == row_group]
    return found.row.key.name if found.row else f"mask {row_group}"


def _lost_file(tile: TileFiles, lost: CheckedFile, chosen: CheckedFile | None) -> Failure:
    """Return the failure of a file in whose place an older one is used, if there is one."""
    why = lost.trouble or next(iter(lost.troubles.values()), "it has no mask of the coadd")
    instead = f"in its place {chosen.name} is used" if chosen else "there is no other"
    return lost_mask(tile.root, lost.name, (tile.tilename, tile.band), "coadd", f"{why}; {instead}")
