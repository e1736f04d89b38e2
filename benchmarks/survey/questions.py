"""Quality-assurance queries on a whole survey, as SQL on the catalogue and on the counts of all epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """One query.

    Parameters
    ----------
    sql : str
        SQL for SQLite and Postgres, on the views and the summary tables.
    over_epochs : str
        The same for DuckDB, on the counts of every epoch.
    parameters : mapping
        Parameters of both, by name.
    """

    sql: str
    over_epochs: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


# all tiles with the same CCD image have counted the same SE pixels
_CCDS = """
WITH ccd AS (
    SELECT band, expnum, ccdnum, max(nite) AS nite, max(n_pixels) AS n_pixels, max(n_good_se) AS n_good_se,
        max(n_pixels_amp_a) AS n_pixels_amp_a, max(n_good_se_amp_a) AS n_good_se_amp_a,
        max(n_pixels_amp_b) AS n_pixels_amp_b, max(n_good_se_amp_b) AS n_good_se_amp_b
    FROM epoch WHERE se_seg_used GROUP BY band, expnum, ccdnum
)"""

_WORST_TILES = """
SELECT tilename, band, n_epochs_used, fraction_good_on_coadd
FROM {tiles} ORDER BY fraction_good_on_coadd, tilename, band LIMIT :n
"""

_TILES = """
    SELECT tilename, band, count(*) AS n_epochs_used,
        CAST(sum(n_good) AS DOUBLE) / nullif(sum(n_on_coadd), 0) AS fraction_good_on_coadd
    FROM epoch WHERE se_seg_used GROUP BY tilename, band"""

_BY_CCD = """
SELECT band, ccdnum, CAST(sum(n_good_se) AS DOUBLE PRECISION) / sum(n_pixels) AS fraction_good_se
FROM {ccds} GROUP BY band, ccdnum ORDER BY band, ccdnum
"""

_BY_AMPLIFIER = """
SELECT band, ccdnum, CAST(sum(n_good_se_amp_a) AS DOUBLE PRECISION) / sum(n_pixels_amp_a) AS fraction_a,
    CAST(sum(n_good_se_amp_b) AS DOUBLE PRECISION) / sum(n_pixels_amp_b) AS fraction_b
FROM {ccds} GROUP BY band, ccdnum ORDER BY band, ccdnum
"""

_BY_NIGHT = """
SELECT nite, band, CAST(sum(n_good_se) AS DOUBLE PRECISION) / sum(n_pixels) AS fraction_good_se
FROM {ccds} GROUP BY nite, band ORDER BY nite, band
"""

_CRITERIA = ("se_seg", "se_weight", "se_bmask", "off_coadd", "coadd_seg", "coadd_weight", "coadd_bmask")

_SUMS = ["n_pixels", *(f"{prefix}_{name}" for name in _CRITERIA for prefix in ("n", "only"))]

_COST = f"""
SELECT band, {", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMS)}
FROM {{tiles}} GROUP BY band ORDER BY band
"""

_OUTLIERS = """
SELECT c.band, c.expnum, c.ccdnum, c.fraction_good_se, m.fraction_good_se AS median
FROM {medians} AS m
JOIN {ccds} AS c ON c.band = m.band AND c.ccdnum = m.ccdnum AND c.fraction_good_se < m.fraction_good_se - :below
ORDER BY c.band, c.expnum, c.ccdnum
"""

_WORST_EXPOSURES = """
SELECT band, expnum, nite, fraction_good_se
FROM {exposures} ORDER BY fraction_good_se, expnum LIMIT :n
"""

_EXPOSURES = """
SELECT band, expnum, max(nite) AS nite, CAST(sum(n_good_se) AS DOUBLE) / sum(n_pixels) AS fraction_good_se
FROM ccd GROUP BY band, expnum"""

_ONE_NIGHT = """
SELECT band, expnum, ccdnum, n_good_se FROM {ccds} WHERE nite = :nite ORDER BY band, expnum, ccdnum
"""

_GROWTH = """
SELECT band, count(DISTINCT tilename) AS n_tiles, CAST(sum({n_epochs}) AS BIGINT) AS n_epochs
FROM {made} AS made JOIN ingest_run USING (run_id)
WHERE started >= :since GROUP BY band ORDER BY band
"""

QUESTIONS: Mapping[str, Question] = {
    "worst tiles": Question(
        _WORST_TILES.format(tiles="tile_quality"), _WORST_TILES.format(tiles=f"({_TILES})"), {"n": 20}
    ),
    "fraction good by CCD": Question(_BY_CCD.format(ccds="ccd_night"), _CCDS + _BY_CCD.format(ccds="ccd")),
    "fraction good by amplifier": Question(
        _BY_AMPLIFIER.format(ccds="ccd_night"), _CCDS + _BY_AMPLIFIER.format(ccds="ccd")
    ),
    "fraction good by night": Question(_BY_NIGHT.format(ccds="ccd_night"), _CCDS + _BY_NIGHT.format(ccds="ccd")),
    "which criterion costs most": Question(
        _COST.format(tiles="tile_quality"), _COST.format(tiles="(SELECT * FROM epoch WHERE se_seg_used)")
    ),
    "outliers against the CCD's median": Question(
        _OUTLIERS.format(medians="ccd_median", ccds="ccd_quality"),
        _CCDS
        + _OUTLIERS.format(
            medians="(SELECT band, ccdnum, median(n_good_se / n_pixels) AS fraction_good_se FROM ccd GROUP BY ALL)",
            ccds="(SELECT *, n_good_se / n_pixels AS fraction_good_se FROM ccd)",
        ),
        {"below": 0.15},
    ),
    "worst exposures": Question(
        _WORST_EXPOSURES.format(exposures="exposure_quality"),
        _CCDS + _WORST_EXPOSURES.format(exposures=f"({_EXPOSURES})"),
        {"n": 20},
    ),
    "CCD images of a night": Question(
        _ONE_NIGHT.format(ccds="ccd_quality"), _CCDS + _ONE_NIGHT.format(ccds="ccd"), {"nite": 20160915}
    ),
    "growth since a date": Question(
        _GROWTH.format(made="tile_run", n_epochs="made.n_epochs"),
        _GROWTH.format(made="epoch", n_epochs="1"),
        {"since": "2023-06-01"},
    ),
}
"""Queries by name, in the order of the table."""
