"""The demonstration: a synthetic tile made, ingested, queried and drawn."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import Catalogue, IngestReport, ingest_tiles
from .schema.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from .ingest.synthetic import TileSpec

__all__ = ["run_demo"]


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demonstration made.

    Parameters
    ----------
    survey : Path
        The tile's files; the MEDS_DIR of its paths.
    database, masks : Path
        The catalogue.
    picture : Path or None
        A mask drawn; None where every epoch failed.
    report : IngestReport
        What the ingest did.
    epochs : DataFrame
        The rows of the catalogue, see `goodpix.Catalogue.epochs`.
    """

    survey: Path
    database: Path
    masks: Path
    picture: Path | None
    report: IngestReport
    epochs: "pd.DataFrame"


def run_demo(folder: Path, spec: "TileSpec | None" = None) -> Demo:
    """Make a synthetic tile in a folder, ingest it into SQLite and Parquet, query it and draw it.

    Run again it does only what is missing. Sets the environment variable MEDS_DIR of this process,
    which the paths of the tile's info files start with.

    Parameters
    ----------
    folder : Path
        Where to; made if it does not exist.
    spec : TileSpec, optional
        What to make; by default a tile that is made in seconds.

    Raises
    ------
    UsageError
        If the folder cannot be written, or holds another tile.
    """
    # numba compiles as it is imported: other commands start without
    from .ingest.synthetic import SMALL

    folder = folder.absolute()
    survey = folder / "survey"
    database, masks, picture = folder / "goodpix.db", folder / "goodpix-masks", folder / "mask.png"
    os.environ["MEDS_DIR"] = str(survey)
    try:
        _make_once(survey, spec or SMALL)
    except OSError as error:
        raise UsageError(f"{folder}: cannot make the demonstration there ({error})") from error
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
    """Make a tile where there is none; where there is one it must be the same."""
    from .ingest.synthetic import make_tile

    record, wanted = survey / "tile.json", json.dumps(asdict(spec), indent=1)
    if not record.exists():
        make_tile(survey, spec)
        record.write_text(wanted)
    elif record.read_text() != wanted:
        raise UsageError(f"{survey}: holds another tile than the one asked for: expected another folder")
