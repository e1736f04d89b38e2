"""A small synthetic survey on disk that a test may break, and the catalogue made of it."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

import goodpix
from goodpix.ingest.synthetic import TileSpec

__all__ = [
    "FIRST",
    "MANY",
    "SPEC",
    "TABLES",
    "Done",
    "Pixels",
    "Survey",
    "break_card",
    "change_comment",
    "change_image",
    "epochs",
    "failures",
    "records",
    "rewrite",
    "rows",
    "same",
    "stale",
    "the_file",
]

SPEC = TileSpec(bands=("r", "i"), n_epochs=3, coadd_shape=(160, 170), ccd_shape=(128, 64))
"""As small as a tile can be that has everything: two bands, of which each has three epochs."""

MANY = replace(SPEC, bands=("r",), n_epochs=12)
"""With epochs for many cases at once."""

FIRST = 201000
"""The first exposure of band r; those of i follow."""

TABLES = ["tiles", "epochs", "ccds", "exposures", "bits", "failures"]
"""The commands that list rows."""

_CARD = 80

Pixels = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said on standard error."""
        return self.err.splitlines()


@dataclass(frozen=True, slots=True)
class Survey:
    """A survey, which is the MEDS_DIR, and a place for its catalogue beside it.

    Parameters
    ----------
    folder : Path
        The MEDS_DIR.
    """

    folder: Path

    @property
    def database(self) -> Path:
        """Where the catalogue's database is, once there is one."""
        return self.folder.parent / "goodpix.db"

    @property
    def masks(self) -> Path:
        """Where the catalogue's masks are, once there are any."""
        return self.folder.parent / "masks"

    def info_path(self, band: str = "r") -> Path:
        """Return the info file of a band."""
        (found,) = self.folder.glob(f"*/pizza_cutter_info/*_{band}_pizza_cutter_info.yaml")
        return found

    def info(self, band: str = "r") -> dict[str, Any]:
        """Return what the info file of a band says."""
        found: dict[str, Any] = yaml.load(self.info_path(band).read_text(), yaml.CSafeLoader)
        return found

    def epoch(self, number: int, band: str = "r") -> dict[str, Any]:
        """Return the entry of an epoch by its number in the info file."""
        entry: dict[str, Any] = self.info(band)["src_info"][number]
        return entry

    def name(self, number: int, band: str = "r") -> str:
        """Return the name of an epoch in messages and failure keys."""
        entry = self.epoch(number, band)
        return f"{entry['expnum']}/{entry['ccdnum']}"

    @contextmanager
    def editing(self, band: str = "r") -> Iterator[dict[str, Any]]:
        """Write an info file again after the caller has changed its content."""
        info = self.info(band)
        yield info
        self.info_path(band).write_text(yaml.dump(info, Dumper=yaml.CSafeDumper))

    def set_entry(self, number: int | None, values: Mapping[str, object], band: str = "r") -> None:
        """Set keys of an epoch's entry, or of the tile where the number is None; ``...`` removes one."""
        with self.editing(band) as info:
            entry = info if number is None else info["src_info"][number]
            for key, value in values.items():
                if value is ...:
                    del entry[key]
                else:
                    entry[key] = value

    def path(self, number: int | None, plane: str, band: str = "r") -> Path:
        """Return the file of a plane of an epoch, or of the coadd where the number is None."""
        entry = self.info(band) if number is None else self.epoch(number, band)
        return Path(str(entry[f"{plane}_path"]).replace("$MEDS_DIR", os.fspath(self.folder)))

    def plane(self, number: int | None, plane: str, band: str = "r") -> Pixels:
        """Return the pixels of a plane of an epoch, or of the coadd where the number is None."""
        entry = self.info(band) if number is None else self.epoch(number, band)
        pixels: Pixels = fitsio.read(self.path(number, plane, band), ext=entry.get(f"{plane}_ext", "sci"))
        return pixels

    def ingest(self, **options: Any) -> goodpix.IngestReport:
        """Ingest the survey into its catalogue."""
        return goodpix.ingest_tiles(self.folder, **{"db": self.database, "masks": self.masks, **options})

    def catalogue(self) -> goodpix.Catalogue:
        """Open the catalogue."""
        return goodpix.Catalogue(self.database)

    def mask_files(self) -> list[str]:
        """Return the names of all mask files below the root."""
        return sorted(str(path.relative_to(self.masks)) for path in self.masks.rglob("*.parquet"))

    def flags(self) -> dict[tuple[str, int, int], Pixels]:
        """Return the flags of every epoch, by band, expnum and ccdnum."""
        with self.catalogue() as catalogue:
            found = {mask.key: mask.flags() for mask in catalogue.masks()}
        return {(key.band, key.expnum or 0, key.ccdnum or 0): flags for key, flags in found.items()}

    def check(self, number: int, band: str = "r") -> goodpix.Comparison:
        """Compare the mask of an epoch with the direct way."""
        entry = self.epoch(number, band)
        return goodpix.check_mask(self.database, SPEC.tilename, band, entry["expnum"], entry["ccdnum"])


def records(table: pd.DataFrame) -> list[Any]:
    """Return the rows of a table, with a column as an attribute."""
    return list(table.itertuples())


def rewrite(path: Path, planes: Mapping[str, Pixels] | None = None, *, without: str = "", **compression: Any) -> None:
    """Write a FITS file again, not packed, with some planes replaced.

    Parameters
    ----------
    path : Path
        The file.
    planes : mapping of str to ndarray
        New pixels, by extension name.
    without : str
        An extension to leave out.
    **compression
        What fitsio takes; ``compress="RICE"`` packs every plane again.
    """
    with fitsio.FITS(path) as fits:
        kept = [
            (hdu.get_extname().lower(), hdu.read(), fitsio.FITSHDR(hdu.read_header().records()))
            for hdu in fits
            if hdu.get_info().get("ndims") and hdu.get_extname().lower() != without
        ]
    with fitsio.FITS(path, "rw", clobber=True) as fits:
        fits.create_image_hdu(None)
        for extname, pixels, header in kept:
            header.clean()
            new = np.ascontiguousarray((planes or {}).get(extname, pixels))
            fits.write_image(new, extname=extname, header=header, **compression)


def break_card(path: Path, extname: str, keyword: str, card: str | None) -> None:
    """Put 80 letters in the place of a header card, or take it out; nothing else of the file changes."""
    with fitsio.FITS(path) as fits:
        offsets = fits[extname].get_offsets()
    content = bytearray(path.read_bytes())
    for start in range(offsets["header_start"], offsets["data_start"], _CARD):
        if content[start : start + 8].decode().strip() == keyword:
            content[start : start + _CARD] = f"{card or 'COMMENT':<{_CARD}}".encode()
            path.write_bytes(bytes(content))
            return
    raise LookupError(f"{path}[{extname}] has no {keyword}")


def change_comment(path: Path) -> None:
    """Change a letter of the first comment or HISTORY in a header, and nothing that is read of the file."""
    content = bytearray(path.read_bytes())
    comment = re.search(rb" / \w|HISTORY +\w", content)
    assert comment is not None
    content[comment.end() - 1] ^= ord("a") ^ ord("A")
    path.write_bytes(content)


def change_image(survey: Survey, number: int = 0, band: str = "r") -> None:
    """Set a corner of an epoch's mask."""
    path = survey.path(number, "image", band)
    bmask = fitsio.read(path, ext="msk")
    bmask[:3, :3] = 4
    rewrite(path, {"msk": bmask})


def epochs(survey: Survey) -> pd.DataFrame:
    with survey.catalogue() as catalogue:
        return catalogue.epochs()


def failures(survey: Survey) -> pd.DataFrame:
    with survey.catalogue() as catalogue:
        return catalogue.failures()


def stale(survey: Survey) -> list[str]:
    return [f"{row.expnum}/{row.ccdnum}" for row in records(epochs(survey).query("stale"))]


def rows(survey: Survey, table: str) -> pd.DataFrame:
    """Return the rows of a table, without what tells of the run alone."""
    with survey.catalogue() as catalogue:
        found = catalogue.sql(f"SELECT * FROM {table}")
    return found.drop(columns=[c for c in ("run_id", "uuid", "masks_root") if c in found])


def the_file(survey: Survey, band: str = "r") -> Path:
    (found,) = (survey.masks / band).glob("*.parquet")
    return found


def same(a: Survey, b: Survey) -> bool:
    """Whether two catalogues have the same masks, all of which can be read."""
    of_a, of_b = a.flags(), b.flags()
    return of_a.keys() == of_b.keys() and all(np.array_equal(of_a[key], of_b[key]) for key in of_a)
