"""The demonstration: a small synthetic tile made, ingested, queried and drawn."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import Catalogue, IngestReport, ingest_tiles
from .schema.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Demo", "run_demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration made.

    Parameters
    ----------
    survey : Path
        The tile's files; the MEDS_DIR of its paths.
    database, masks, picture : Path
        The catalogue, and a mask drawn.
    report : IngestReport
        What the ingest did.
    epochs : DataFrame
        The rows of the catalogue, see `goodpix.Catalogue.epochs`.
    """

    survey: Path
    database: Path
    masks: Path
    picture: Path
    report: IngestReport
    epochs: "pd.DataFrame"


def run_demo(folder: Path) -> Demo:
    """Make a small synthetic tile in a folder, ingest it into SQLite and Parquet, query it and draw it.

    Run again it does only what is missing. Sets the environment variable MEDS_DIR of this process,
    which the paths of the tile's info files start with.

    Parameters
    ----------
    folder : Path
        Where to; made if it does not exist.
    """
    # numba compiles as it is imported: other commands start without
    from .ingest.synthetic import make_tile

    folder = folder.absolute()
    survey = folder / "survey"
    database, masks, picture = folder / "goodpix.db", folder / "goodpix-masks", folder / "mask.png"
    os.environ["MEDS_DIR"] = str(survey)
    try:
        if not list(survey.glob("*/pizza_cutter_info/*.yaml")):
            make_tile(survey)
    except OSError as error:
        raise UsageError(f"{folder}: cannot make the demonstration there ({error})") from error
    report = ingest_tiles(survey, db=database, masks=masks)
    with Catalogue(database) as catalogue:
        epochs = catalogue.epochs()
        fullest = epochs.sort_values(["n_on_coadd", "n_good"]).iloc[-1]
        mask = catalogue.mask(fullest.tilename, fullest.band, fullest.expnum, fullest.ccdnum)
        mask.save(picture)
    return Demo(survey, database, masks, picture, report, epochs)
