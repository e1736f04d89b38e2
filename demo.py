"""Demonstration on a synthetic tile or exposure."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from . import Catalogue, IngestReport, ingest_tiles
from .schema.errors import UsageError
from .schema.extras import optional
from .schema.rows import MaskKey

if TYPE_CHECKING:
    import pandas as pd

    from .ingest.synthetic import TileSpec

__all__ = ["run_demo"]

ProfileName = Literal["des-pizza-cutter", "noirlab-cp"]


@dataclass(frozen=True, slots=True)
class Demo:
    """Products of the demonstration.

    Parameters
    ----------
    survey : Path
        Folder of the files; the MEDS_DIR of a tile.
    database, masks : Path
        Database file and masks root of the catalogue.
    picture : Path or None
        PNG image of one mask; None if every epoch failed.
    key : MaskKey or None
        Key of that mask.
    report : IngestReport
        Report of the ingest.
    epochs : DataFrame
        One row per epoch, see `goodpix.Catalogue.epochs`.
    """

    survey: Path
    database: Path
    masks: Path
    picture: Path | None
    key: MaskKey | None
    report: IngestReport
    epochs: "pd.DataFrame"


def run_demo(folder: Path, spec: "TileSpec | None" = None, profile: ProfileName = "des-pizza-cutter") -> Demo:
    """Make a synthetic tile or exposure in a folder, ingest it into SQLite and Parquet, query it and draw a mask.

    A second run does only what is missing. Of a tile, sets the environment variable MEDS_DIR of this process, with
    which the paths in its info files begin.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    spec : TileSpec, optional
        Specification of the tile; by default a small one, made in seconds.
    profile : str
        Kind of files to make: ``des-pizza-cutter``, a tile, or ``noirlab-cp``, an exposure of three CCDs.

    Raises
    ------
    MissingLibraryError
        If matplotlib, which draws the mask, is not installed.
    UsageError
        If there is no demonstration of the profile, or the folder cannot be written or holds something different.
    """
    if profile not in _PROFILES:
        raise UsageError(f"profile {profile!r} has no demonstration: expected {' or '.join(_PROFILES)}")
    if spec is not None and profile != _PROFILES[0]:
        raise UsageError(f"profile {profile} has no tiles: expected no specification of one")
    with optional("matplotlib"):
        import matplotlib  # noqa: F401  # an extra; asked for before the work, not after it

    folder = folder.absolute()
    survey = folder / "survey"
    database, masks, picture = folder / "goodpix.db", folder / "goodpix-masks", folder / "mask.png"
    is_tile = profile == _PROFILES[0]
    try:
        if is_tile:
            os.environ["MEDS_DIR"] = str(survey)
            _make_once(survey, *_tile(spec))
        else:
            _make_once(survey, *_exposure())
    except OSError as error:
        raise UsageError(f"{folder}: the demonstration cannot be written ({error})") from error
    report = ingest_tiles(survey, db=database, masks=masks, profile=profile, no_segment=not is_tile)
    with Catalogue(database) as catalogue:
        epochs = catalogue.epochs()
        if epochs.empty:
            return Demo(survey, database, masks, None, None, report, epochs)
        # what shows most: the epoch with the most pixels on the tile, else the CCD image with the fewest good ones
        drawn = (
            epochs.sort_values(["n_on_coadd", "n_good"]).iloc[-1] if is_tile else epochs.sort_values("n_good").iloc[0]
        )
        mask = catalogue.mask(drawn.tilename, drawn.band, drawn.expnum, drawn.ccdnum)
        mask.save(picture)
    return Demo(survey, database, masks, picture, mask.key, report, epochs)


_PROFILES = get_args(ProfileName)


def _tile(spec: "TileSpec | None") -> tuple[dict[str, Any], Callable[[Path], object]]:
    """Return the description of a tile, and what makes it in a folder."""
    # slow to import (numba), and needed by no other command
    from .ingest.synthetic import SMALL, make_tile

    wanted = spec or SMALL
    # a part that is not there was not asked for by folders of older versions either
    return {name: value for name, value in asdict(wanted).items() if value is not None}, lambda folder: make_tile(
        folder, wanted
    )


def _exposure() -> tuple[dict[str, Any], Callable[[Path], object]]:
    """Return the description of the exposure, and what makes it in a folder."""
    from .ingest.synthetic.cpexposure import CP_CCDS, make_cp_exposure  # slow to import

    return {"profile": _PROFILES[1], "ccds": dict(CP_CCDS)}, make_cp_exposure


def _make_once(survey: Path, what: dict[str, Any], make: Callable[[Path], object]) -> None:
    """Make the files unless they are already there; refuse different ones."""
    record, wanted = survey / "tile.json", json.dumps(what, indent=1)
    if not record.exists():
        make(survey)
        record.write_text(wanted)
    elif record.read_text() != wanted:
        raise UsageError(f"{survey}: holds a different tile: expected an empty folder or the same tile")
