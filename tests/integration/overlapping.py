"""Four overlapping tiles of a few hundred pixels, with CCD images in up to three of them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import yaml

import goodpix

from ..unit.ingest.tinytile import COADD_SHAPE, SHAPE, cards, entry, some_planes, write_image

__all__ = ["IMAGES", "TILES", "Overlapping", "make_overlapping"]

TILES = {
    "DES0001+0001": (1, 2, 3),
    "DES0002+0002": (2, 3, 4),
    "DES0003+0003": (3, 4, 5),
    "DES0004+0004": (1, 5, 6),
}
"""Expnums of the CCD images in each tile, all of CCD 2."""

IMAGES = range(1, 7)

_BAND = "i"


@dataclass(frozen=True, slots=True)
class Overlapping:
    """The tiles, and a folder for catalogues of them.

    Parameters
    ----------
    folder : Path
        Folder of everything.
    """

    folder: Path

    def info_path(self, tilename: str) -> Path:
        """Return the info file of a tile."""
        return self.folder / "campaign" / "pizza_cutter_info" / f"{tilename}_{_BAND}_pizza_cutter_info.yaml"

    def image(self, expnum: int) -> Path:
        """Return the file of a CCD image."""
        return self.folder / "images" / f"{expnum}.fits"

    def coadd(self, tilename: str) -> Path:
        """Return the file of a coadd."""
        return self.folder / "coadds" / f"{tilename}.fits"

    def head(self, tilename: str, expnum: int) -> Path:
        """Return the SCAMP header of a CCD image for a tile."""
        return self.folder / "heads" / f"{tilename}_{expnum}.head"

    def database(self, name: str = "catalogue") -> Path:
        """Return the database of a catalogue."""
        return self.folder / name / "goodpix.db"

    def masks(self, name: str = "catalogue") -> Path:
        """Return the masks root of a catalogue."""
        return self.folder / name / "masks"

    def files(self, name: str = "catalogue") -> dict[str, bytes]:
        """Return the mask files of a catalogue by their names."""
        masks = self.masks(name)
        return {os.fspath(path.relative_to(masks)): path.read_bytes() for path in masks.rglob("*.parquet")}

    def ingest(self, tiles: Iterable[str] = TILES, name: str = "catalogue", **options: Any) -> goodpix.IngestReport:
        """Ingest tiles into a catalogue."""
        self.masks(name).mkdir(parents=True, exist_ok=True)
        places = {"db": self.database(name), "masks": self.masks(name)}
        return goodpix.ingest_tiles([self.info_path(each) for each in tiles], **{**places, **options})

    def spoil(self, expnums: Iterable[int] = IMAGES) -> None:
        """Overwrite the files of CCD images; size and modification time stay."""
        for path in map(self.image, expnums):
            state = path.stat()
            path.write_bytes(bytes(state.st_size))
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))

    def change_image(self, expnum: int) -> None:
        """Write a CCD image with other pixels."""
        _write_image(self.image(expnum), expnum, expnum + 100)

    def change_coadd(self, tilename: str) -> None:
        """Write a coadd with other pixels."""
        _write_coadd(self, tilename, 99)


def make_overlapping(folder: Path) -> Overlapping:
    """Make the tiles; what their info files say of a CCD image differs from tile to tile."""
    made = Overlapping(folder)
    for each in (made.image(1), made.coadd("T"), made.head("T", 1), made.info_path("T")):
        each.parent.mkdir(parents=True)
    for expnum in IMAGES:
        _write_image(made.image(expnum), expnum, expnum)
    for number, (tilename, expnums) in enumerate(TILES.items()):
        _write_coadd(made, tilename, 10 + number)
        epochs = [_epoch(made, tilename, number, expnum) for expnum in expnums]
        keys = {"tilename": tilename, "band": _BAND, "src_info": epochs}
        limits = {"uramin": 20.0, "uramax": 21.0, "udecmin": -34.0, "udecmax": -33.5}
        made.info_path(tilename).write_text(yaml.safe_dump(entry(made.coadd(tilename), **keys, **limits)))
    return made


def _epoch(made: Overlapping, tilename: str, number: int, expnum: int) -> dict[str, Any]:
    head = made.head(tilename, expnum)
    lines = [f"{key:<8}= {value!r}" for key, value in cards(x=3 * expnum + 0.3 * number, y=expnum).items()]
    head.write_text("\n".join([*lines, "END", ""]))
    own = {"magzp": 30.0 + number, "image_flags": number, "position_offset": [1, 1.0, 2.0, 1.5][number]}
    return entry(made.image(expnum), expnum=expnum, ccdnum=2, head_path=str(head), **own)


def _write_image(path: Path, expnum: int, seed: int) -> None:
    facts = {"NITE": 20161000 + expnum, "FWHM": 3.5 + expnum, "SKYBRITE": 100.25, "DATASECA": "[7:12,1:16]"}
    facts |= {"DATASECB": "[1:6,1:16]", "EXPNUM": expnum}
    write_image(path, some_planes(SHAPE, seed), cards(x=3 * expnum, y=expnum) | facts)
    if expnum % 2:
        with fitsio.FITS(str(path), "rw") as file:
            for unit in file:
                unit.write_checksum()


def _write_coadd(made: Overlapping, tilename: str, seed: int) -> None:
    number = list(TILES).index(tilename)
    write_image(made.coadd(tilename), some_planes(COADD_SHAPE, seed), cards(x=4 * number, y=2 * number))
