"""Benchmark tiles, and info files for subsets of them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fitsio
import yaml

from goodpix.ingest.infofile import TileInfo, read_info_file
from goodpix.ingest.synthetic import FULL, TileSpec, make_tile

__all__ = ["Plane", "Tile", "TileNotMadeError", "absolute", "other_tile", "own_tile", "planes_of"]

_CHECKOUT = Path(__file__).resolve().parents[1]

# Optional script beside the checkout that makes a tile with Source Extractor and fpack.
_OTHER_MAKER = _CHECKOUT.parent / "shared" / "tools" / "make_full_tile.py"
_OTHER_PROGRAMS = ("source-extractor", "fpack")

Plane = tuple[str, str | int]
"""Path and extension of a plane."""


class TileNotMadeError(Exception):
    """A tile cannot be made here; the message says why."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile and band.

    Parameters
    ----------
    label : str
        Its maker and size.
    info_path : Path
        Its info file; the paths in it are absolute.
    """

    label: str
    info_path: Path

    @property
    def info(self) -> TileInfo:
        """Contents of the info file."""
        return read_info_file(self.info_path)

    def planes(self) -> list[Plane]:
        """Return weight, bmask and seg of the coadd, then of every epoch."""
        info = self.info
        return [plane for each in (info, *info.src_info) for plane in planes_of(each)]

    def first(self, n_epochs: int, folder: Path) -> "Tile":
        """Return the tile reduced to its first epochs, with a new info file below a folder."""
        content = self._content()
        content["src_info"] = content["src_info"][:n_epochs]
        return Tile(_label(self.label, n_epochs), self._write(content, folder))

    def repeated(self, n_epochs: int, folder: Path) -> "Tile":
        """Return the tile with its epochs listed again as other exposures, whose files are copied below a folder."""
        content = self._content()
        entries = content["src_info"]
        content["src_info"] = [
            _as_exposure(entries[k % len(entries)], k // len(entries), folder) for k in range(n_epochs)
        ]
        return Tile(_label(self.label, n_epochs), self._write(content, folder))

    def renamed(self, tilename: str, folder: Path, *, shift: float = 0.0) -> "Tile":
        """Return the same pixels under another tile's name; files that must differ are copied below a folder.

        Parameters
        ----------
        tilename : str
            Its name.
        folder : Path
            The folder.
        shift : float
            Distance to the west by which the coadd is moved, in widths of the coadd; the CCD images stay.
        """
        content = self._content()
        copies = {}
        for name in sorted({content[f"{plane}_path"] for plane in ("image", "weight", "bmask", "seg")}):
            copies[name] = str(_of_tile(Path(name), tilename, folder / tilename, shift))
        moved = {key: copies[value] for key, value in content.items() if key.endswith("_path") and value in copies}
        entries = [{**entry, "tilename": tilename} for entry in content["src_info"]]
        content = {**content, **moved, "tilename": tilename, "src_info": entries}
        return Tile(self.label, self._write(content, folder / tilename))

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = yaml.load(self.info_path.read_bytes(), Loader=yaml.CSafeLoader)
        return content

    def _write(self, content: dict[str, Any], folder: Path) -> Path:
        """Write an info file under the same folder names as the original."""
        path = folder.joinpath(*self.info_path.parts[-3:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
        return path


def _of_tile(file: Path, tilename: str, folder: Path, shift: float) -> Path:
    """Copy a file of a coadd under another tile's name, moved to the west by some widths; return the copy."""
    copy = folder / file.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, copy)
    with fitsio.FITS(copy, "rw") as hdus:
        for hdu in hdus:
            header = hdu.read_header()
            if "TILENAME" in header:
                hdu.write_key("TILENAME", tilename)
            if "CRPIX1" in header and shift:
                hdu.write_key("CRPIX1", header["CRPIX1"] - shift * header.get("ZNAXIS1", header["NAXIS1"]))
    return copy


def _as_exposure(entry: dict[str, Any], number: int, folder: Path) -> dict[str, Any]:
    """Return an epoch's entry for its exposure number plus a million times `number`, with copies of its files."""
    if number == 0:
        return entry
    expnum, copies = entry["expnum"] + 1_000_000 * number, {}
    for name in ("image_path", "weight_path", "bmask_path", "seg_path"):
        copy = folder / f"exposures-{number}" / Path(entry[name]).name
        copies[name] = str(copy)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry[name], copy)
            with fitsio.FITS(copy, "rw") as file:
                for hdu in file:
                    if "EXPNUM" in hdu.read_header():
                        hdu.write_key("EXPNUM", expnum)
    return {**entry, **copies, "expnum": expnum}


def absolute(label: str, survey: Path, info_path: Path, folder: Path) -> Tile:
    """Return a tile of a MEDS_DIR, with a copy of its info file that has absolute paths, below a folder.

    MEDS_DIR itself would not do, because several tiles are in use at a time.
    """
    path = folder.joinpath(*info_path.parts[-3:])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(info_path.read_text().replace("$MEDS_DIR", str(survey.absolute())))
    return Tile(label, path)


def planes_of(image: Any, *names: str) -> list[Plane]:
    """Return planes of an entry in the info file: weight, bmask and seg, or those named."""
    names = names or ("weight", "bmask", "seg")
    return [(getattr(image, f"{name}_path"), getattr(image, f"{name}_ext")) for name in names]


def own_tile(folder: Path, work: Path, spec: TileSpec = FULL, label: str = "own maker") -> Tile:
    """Return a tile of the package's own maker, made if missing.

    Parameters
    ----------
    folder : Path
        Folder of all tiles.
    work : Path
        Folder of this run's info files.
    spec : TileSpec
        Specification, of one band. An existing tile with more epochs is reduced to the first.
    label : str
        Label of the tile.
    """
    survey = folder / label.replace(" ", "-")
    made = _made(label, survey, work, spec.n_epochs)
    if made is None:
        _make(survey, lambda: make_tile(survey, spec))
        made = _made(label, survey, work, spec.n_epochs)
    assert made is not None  # the maker would have raised an error
    return made


def other_tile(folder: Path, work: Path, n_epochs: int) -> Tile:
    """Return a full-size tile with objects detected by Source Extractor, made if missing; see `own_tile`.

    Raises
    ------
    TileNotMadeError
        If its maker, or a program that it needs, is missing or fails.
    """
    survey = folder / "source-extractor"
    made = _made("Source Extractor", survey, work, n_epochs)
    if made is not None:
        return made
    if not _OTHER_MAKER.is_file():
        raise TileNotMadeError(f"no tile by Source Extractor: {_OTHER_MAKER} is missing")
    missing = [name for name in _OTHER_PROGRAMS if shutil.which(name) is None]
    if missing:
        raise TileNotMadeError(f"no tile by Source Extractor: missing {', '.join(missing)}")
    command = [sys.executable, str(_OTHER_MAKER), str(survey)]
    command += ["--epochs", str(n_epochs), "--jobs", str(os.cpu_count() or 1)]

    def make() -> None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no error message"]
            raise TileNotMadeError(f"no tile by Source Extractor: {_OTHER_MAKER.name}: {lines[-1]}")

    _make(survey, make)
    made = _made("Source Extractor", survey, work, n_epochs)
    if made is None:
        raise TileNotMadeError(f"no tile by Source Extractor: {_OTHER_MAKER.name} left no info file in {survey}")
    return made


def _make(survey: Path, make: Callable[[], object]) -> None:
    """Make a tile from scratch."""
    print(f"making a tile in {survey}: a minute or two", file=sys.stderr, flush=True)
    shutil.rmtree(survey, ignore_errors=True)
    survey.mkdir(parents=True)
    make()


def _made(label: str, survey: Path, work: Path, n_epochs: int) -> Tile | None:
    """Return the tile in a MEDS_DIR with `n_epochs` epochs; None if there is none, or it has fewer."""
    info_paths = sorted(survey.glob("*/pizza_cutter_info/*.yaml"))
    if not info_paths:
        return None
    tile = absolute(label, survey, info_paths[0], work / f"{survey.name}-all")
    if len(tile.info.src_info) < n_epochs:
        return None
    return tile.first(n_epochs, work / f"{survey.name}-{n_epochs}")


def _label(label: str, n_epochs: int) -> str:
    who = label.partition(",")[0]
    return f"{who}, {n_epochs} {'epoch' if n_epochs == 1 else 'epochs'}"
