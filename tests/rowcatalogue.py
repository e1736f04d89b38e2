"""A catalogue with rows but no mask files, for tests that only read numbers."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6
from goodpix.schema.masks.rle import Runs

from .rows import coadd_row, epoch_row, some_runs

Row = Mapping[str, Any]

BANDS = ("r", "i")
TILES = ("DES0001-3332", "DES2359-3332", "DES0124-3332")
NIGHTS = (20150101, 20150102, 20150103, None)
DARK = 61
"""A CCD without images."""
SICK = (35, "b")
"""A CCD and the amplifier half that is bad in all of its images."""

COADD_NO_DATA = 17
"""Number of pixels with bit NO_DATA in each coadd's own mask."""

_RUNS: list[Runs] = [some_runs(seed, (12, 10)) for seed in range(7)]
# degrees; the first two tiles are adjacent, on either side of RA = 0
_CENTRES = ((0.2, -33.5), (359.6, -33.5), (21.0, -33.5))


def make_catalogue(
    url: str, masks: Any, *, n_exposures: int = 8, ccdnums: Iterable[int] = tuple(FOCAL_PLANE)
) -> list[Row]:
    """Make a catalogue of three tiles with shared CCD images; return its epoch rows."""
    epochs: list[Any] = [dict(row) for row in _epochs(n_exposures, ccdnums)]
    for number, row in enumerate(epochs):
        row["epoch_id"] = number + 1
    coadds = [_coadd(number, band) for number in range(len(TILES)) for band in BANDS]
    for number, coadd in enumerate(coadds):
        coadd["coadd_id"] = number + 1
    with (
        open_for_writing(url, masks=masks, campaign="test", wcs_source="image") as database,
        database.engine.begin() as connection,
    ):
        for table, key, rows in ((tables.coadd, "coadd_id", coadds), (tables.epoch, "epoch_id", epochs)):
            plain = [{name: value for name, value in row.items() if name != "bits"} for row in rows]
            connection.execute(table.insert(), plain)
            bits = [{key: row[key], **bit} for row in rows for bit in _bits(row["bits"])]
            connection.execute(tables.bit_count.insert(), bits)
        fill_summaries(connection)
    return epochs


def _coadd(number: int, band: str) -> dict[str, Any]:
    ra, dec = _CENTRES[number]
    row = coadd_row(_RUNS[0], tilename=TILES[number], band=band)
    east, west = (ra + 0.3) % 360, (ra - 0.3) % 360
    corners = dict(zip(("rac1", "rac2", "rac3", "rac4"), (east, west, west, east), strict=True))
    corners |= {"decc1": dec - 0.25, "decc2": dec - 0.25, "decc3": dec + 0.25, "decc4": dec + 0.25}
    values = {"tilename": TILES[number], "band": band, "nx": row.nx, "ny": row.ny, "generation": 1, "mask_file": "a"}
    return {
        **values,
        "mask_row_group": 0,
        "bits": {"coadd": {0: COADD_NO_DATA}},
        **asdict(row.counts),
        **asdict(row.facts),
        **corners,
        "ra_cent": ra,
        "dec_cent": dec,
    }


def _epochs(n_exposures: int, ccdnums: Iterable[int]) -> Iterable[Row]:
    for exposure in range(n_exposures):
        for ccdnum in ccdnums:
            # every third CCD image is also in a second tile
            for tilename in TILES[: 1 + (ccdnum % 3 == 0)]:
                if ccdnum != DARK:
                    yield _epoch(exposure, ccdnum, tilename)


def _epoch(exposure: int, ccdnum: int, tilename: str) -> Row:
    runs, nite = _RUNS[(exposure * 5 + ccdnum) % 7], NIGHTS[exposure // 2 % 4]
    row = epoch_row(
        runs,
        tilename=tilename,
        band=BANDS[exposure % 2],
        expnum=1000 + exposure,
        ccdnum=ccdnum,
        unique=(7, 5),
        nite=nite,
        mjd_obs=None if nite is None else 57023.0 + exposure,
        exptime=None if exposure == 1 else 90.0 + exposure,
        skybrite=None if exposure == 4 else 100.0 + 10 * exposure + ccdnum / 100,
        fwhm=3.0 + exposure / 10,
        airmass=1.0 + exposure / 20,
        se_seg_used=(exposure, ccdnum) != (0, 1),
    )
    counts = asdict(row.counts)
    if ccdnum == SICK[0]:
        lost = counts[f"n_good_se_amp_{SICK[1]}"]
        counts[f"n_good_se_amp_{SICK[1]}"] = 0
        counts["n_good_se"] -= lost
        counts["fraction_good_se"] = counts["n_good_se"] / counts["n_pixels"]
    key = {"tilename": tilename, "band": row.key.band, "expnum": row.key.expnum, "ccdnum": ccdnum}
    size = {"nx": row.nx, "ny": row.ny, "mask_row_group": 0, "run_id": None}
    return {**key, **size, **counts, **asdict(row.facts), "bits": row.bits}


def _bits(counted: Mapping[str, Mapping[int, int]]) -> Iterable[Row]:
    for plane, of_plane in counted.items():
        for bit, n in of_plane.items():
            yield {"plane": plane, "bit": bit, "name": DES_Y6.name(plane, bit), "n_pixels": n}


def grouped(rows: Iterable[Row], *names: str) -> dict[Any, list[Row]]:
    """Return rows by the values of columns."""
    out = defaultdict(list)
    for row in rows:
        out[tuple(row[name] for name in names)].append(row)
    return out


def ratio(rows: Iterable[Row], part: str, whole: str) -> float:
    """Return the sum of a column over that of another, of rows in which both are known."""
    known = [(row[part], row[whole]) for row in rows if row[part] is not None and row[whole] is not None]
    return sum(each for each, _ in known) / sum(each for _, each in known) if known else math.nan
