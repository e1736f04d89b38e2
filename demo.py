"""Demonstration on a synthetic tile."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import Catalogue, IngestReport, ingest_tiles
from .schema.errors import UsageError
from .schema.extras import optional

if TYPE_CHECKING:
    import pandas as pd

    from .ingest.synthetic import TileSpec

__all__ = ["run_demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """Products of the demonstration.

    Parameters
    ----------
    survey : Path
        Folder of the tile's files, its MEDS_DIR.
    database, masks : Path
        Database file and masks root of the catalogue.
    picture : Path or None
        PNG image of one mask; None if every epoch failed.
    report : IngestReport
        Report of the ingest.
    epochs : DataFrame
        One row per epoch, see `goodpix.Catalogue.epochs`.
    """

    survey: Path
    database: Path
    masks: Path
    picture: Path | None
    report: IngestReport
    epochs: "pd.DataFrame"


def run_demo(folder: Path, spec: "TileSpec | None" = None) -> Demo:
    """Make a synthetic tile in a folder, ingest it into SQLite and Parquet, query it and draw a mask.

    A second run does only what is missing. Sets the environment variable MEDS_DIR of this process, with
    which the paths in the tile's info files begin.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    spec : TileSpec, optional
        Specification of the tile; by default a small one, made in seconds.

    Raises
    ------
    MissingLibraryError
        If matplotlib, which draws the mask, is not installed.
    UsageError
        If the folder cannot be written, or holds a different tile.
    """
    with optional("matplotlib"):
        import matplotlib  # noqa: F401  # an extra; asked for before the work, not after it
    # slow to import (numba), and needed by no other command
    from .ingest.synthetic import SMALL

    folder = folder.absolute()
    survey = folder / "survey"
    database, masks, picture = folder / "goodpix.db", folder / "goodpix-masks", folder / "mask.png"
    os.environ["MEDS_DIR"] = str(survey)
    try:
        _make_once(survey, spec or SMALL)
    except OSError as error:
        raise UsageError(f"{folder}: the demonstration cannot be written ({error})") from error
    report = ingest_tiles(survey, db=database, masks=masks)
    with Catalogue(database) as catalogue:
        epochs = catalogue.epochs()
        if epochs.empty:
            return Demo(survey, database, masks, None, report, epochs)
        fullest = epochs.sort_values(["n_on_coadd", "n_good"]).iloc[-1]
        mask = catalogue.mask(fullest.tilename, fullest.band, fullest.expnum, fullest.ccdnum)
        mask.save(picture)
    return Demo(survey, database, masks, picture, report, epochs)


def _make_once(survey: Path, spec: "TileSpec") -> None:
    """Make the tile unless it is already there; refuse a different one."""
    from .ingest.synthetic import make_tile

    record, wanted = survey / "tile.json", json.dumps(asdict(spec), indent=1)
    if not record.exists():
        make_tile(survey, spec)
        record.write_text(wanted)
    elif record.read_text() != wanted:
        raise UsageError(f"{survey}: holds a different tile: expected an empty folder or the same tile")
