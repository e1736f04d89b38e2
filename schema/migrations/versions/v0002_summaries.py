"""Add the summary tables, and fill them from the epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_WHOLE = {
    "n_pixels": "all pixels of the image",
    "n_good": "good background pixels: no criterion fails",
    "n_on_coadd": "pixels with a nearest coadd pixel",
    "n_good_se": "pixels that pass the three SE criteria, coadd ignored",
    "n_good_coadd": "pixels on the coadd that pass the three coadd criteria",
    "n_unique": "pixels whose nearest coadd pixel centre is in the tile's unique region",
    "n_good_unique": "n_good within the unique region; may be summed over tiles",
    "n_se_seg": "pixels in an SE detected object",
    "n_se_weight": "pixels whose SE weight is not finite and positive",
    "n_se_bmask": "pixels with an SE mask bit set",
    "n_off_coadd": "pixels whose nearest coadd pixel lies outside the coadd",
    "n_coadd_seg": "pixels in a detected object of the coadd",
    "n_coadd_weight": "pixels where the coadd weight is not finite and positive",
    "n_coadd_bmask": "pixels where a coadd mask bit is set",
    "only_se_seg": "pixels that fail SE_SEG alone",
    "only_se_weight": "pixels that fail SE_WEIGHT alone",
    "only_se_bmask": "pixels that fail SE_BMASK alone",
    "only_off_coadd": "pixels that fail OFF_COADD alone",
    "only_coadd_seg": "pixels that fail COADD_SEG alone",
    "only_coadd_weight": "pixels that fail COADD_WEIGHT alone",
    "only_coadd_bmask": "pixels that fail COADD_BMASK alone",
    "n_good_se_amp_a": "n_good_se within amplifier half A",
    "n_pixels_amp_a": "pixels of amplifier half A: DATASECA, else x < nx / 2",
    "n_good_se_amp_b": "n_good_se within amplifier half B",
    "n_pixels_amp_b": "pixels of amplifier half B: DATASECB, else the rest",
    "nite": "night of the exposure, YYYYMMDD",
}
_REAL = {
    "area_good": "n_good * pixel_area, arcmin^2",
    "area_good_unique": "n_good_unique * pixel_area, arcmin^2",
    "mjd_obs": "start of the exposure, MJD in days",
    "exptime": "exposure time, s",
    "airmass": "airmass",
    "fwhm": "seeing, FWHM in pixels",
    "skybrite": "sky brightness that was subtracted, in bunit",
    "skysigma": "sky noise, in bunit",
    "skyvara": "sky variance of amplifier A",
    "skyvarb": "sky variance of amplifier B",
    "pixel_area": "solid angle of a pixel at the image's centre, arcsec^2",
    "fraction_good_se": "n_good_se / n_pixels",
}
_TEXT = {
    "date_obs": "start of the exposure, DATE-OBS, UTC",
    "bunit": "unit of the image's pixels",
    "detpos": "detector position, such as N4",
}

_COMPARED = ["n_pixels", "n_good_se", "n_se_seg", "n_se_weight", "n_se_bmask"]
_AMPLIFIERS = ["n_good_se_amp_a", "n_pixels_amp_a", "n_good_se_amp_b", "n_pixels_amp_b"]
_OF_CCD = [*_COMPARED, *_AMPLIFIERS]
_OF_TILE = [name for name in _WHOLE if name not in (*_AMPLIFIERS, "nite")]
_AREAS = ["area_good", "area_good_unique"]
_FACTS = ["nite", "mjd_obs", "date_obs", "exptime", "airmass", "fwhm", "skybrite", "skysigma", "skyvara", "skyvarb"]
_FACTS += ["bunit", "detpos", "pixel_area"]
_OF_EXPOSURE = ["nite", "mjd_obs", "date_obs", "exptime", "airmass", "bunit"]
_MEANS = ["fwhm", "skybrite", "skysigma"]


def _columns(names: list[str], also: str = "") -> list["sa.Column[object]"]:
    kinds = {sa.BigInteger: _WHOLE, sa.Double: _REAL, sa.Text: _TEXT}
    of = {name: (kind, doc) for kind, docs in kinds.items() for name, doc in docs.items()}
    return [sa.Column(name, of[name][0](), nullable=True, comment=of[name][1] + also) for name in names]


def _tile_key() -> list["sa.Column[object]"]:
    return [
        sa.Column("tilename", sa.Text(), nullable=False, comment="coadd tile, such as DES0124-3332"),
        _band(),
    ]


def _band() -> "sa.Column[object]":
    return sa.Column("band", sa.Text(), nullable=False, comment="filter band, as the info file has it")


def _expnum() -> "sa.Column[object]":
    return sa.Column("expnum", sa.BigInteger(), nullable=False, comment="exposure number")


def _ccdnum() -> "sa.Column[object]":
    return sa.Column("ccdnum", sa.SmallInteger(), nullable=False, comment="CCD number")


def _number(name: str, doc: str) -> "sa.Column[object]":
    return sa.Column(name, sa.BigInteger(), nullable=False, comment=doc)


def _of_coadd(name: str) -> sa.ForeignKeyConstraint:
    columns = ["coadd.tilename", "coadd.band"]
    return sa.ForeignKeyConstraint(["tilename", "band"], columns, name=op.f(name), ondelete="CASCADE")


def upgrade() -> None:
    """Make the tables, and fill them."""
    _make_tables_of_tiles()
    _make_tables_of_ccds()
    _fill_tables_of_tiles()
    _fill_tables_of_ccds()


def _make_tables_of_tiles() -> None:
    op.create_table(
        "tile_summary",
        *_tile_key(),
        _number("n_epochs", "epochs of the tile and band"),
        _number("n_epochs_used", "epochs with an SE segmentation map"),
        _number("n_epochs_stale", "epochs that are stale"),
        *_columns([*_OF_TILE, *_AREAS], "; sum over the epochs used"),
        sa.PrimaryKeyConstraint("tilename", "band", name=op.f("pk_tile_summary")),
        _of_coadd("fk_tile_summary_tilename"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tile_run",
        *_tile_key(),
        sa.Column("run_id", _ID, nullable=False, comment="run"),
        _number("n_epochs", "epochs of the tile and band that the run made"),
        sa.ForeignKeyConstraint(["run_id"], ["ingest_run.run_id"], name=op.f("fk_tile_run_run_id")),
        sa.PrimaryKeyConstraint("tilename", "band", "run_id", name=op.f("pk_tile_run")),
        _of_coadd("fk_tile_run_tilename"),
        sqlite_with_rowid=False,
    )


def _make_tables_of_ccds() -> None:
    op.create_table(
        "ccd_image",
        *(_band(), _expnum(), _ccdnum()),
        _number("n_tiles", "tiles that hold it, with an SE segmentation map"),
        sa.Column("tiles_disagree", sa.Boolean(), nullable=True, comment="whether tiles differ in its SE counts"),
        *_columns([*_OF_CCD, *_FACTS, "fraction_good_se"]),
        sa.PrimaryKeyConstraint("expnum", "band", "ccdnum", name=op.f("pk_ccd_image")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "exposure_summary",
        *(_band(), _expnum()),
        _number("n_ccds", "CCD images of the exposure"),
        *_columns(_OF_EXPOSURE),
        *(
            sa.Column(f"mean_{name}", sa.Double(), nullable=True, comment=f"{_REAL[name]}; mean of the CCD images")
            for name in _MEANS
        ),
        *_columns(_OF_CCD, "; sum over the CCD images"),
        sa.PrimaryKeyConstraint("expnum", "band", name=op.f("pk_exposure_summary")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ccd_night",
        *(_band(), _ccdnum()),
        *_columns(["nite"]),
        _number("n_ccd_images", "CCD images of the night"),
        *_columns(_OF_CCD, "; sum over the CCD images"),
    )
    op.create_table(
        "ccd_median",
        *(_band(), _ccdnum()),
        _number("n_ccd_images", "CCD images of the band and CCD"),
        sa.Column("fraction_good_se", sa.Double(), nullable=False, comment="median of their n_good_se / n_pixels"),
        sa.PrimaryKeyConstraint("band", "ccdnum", name=op.f("pk_ccd_median")),
        sqlite_with_rowid=False,
    )


def _insert(table: str, columns: dict[str, str], rest: str) -> None:
    """Insert what a query gives: the value of each column, by name."""
    op.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())} {rest}")


def _fill_tables_of_tiles() -> None:
    key = {"tilename": "tilename", "band": "band"}
    numbers = {
        "n_epochs": "count(*)",
        "n_epochs_used": "sum(CASE WHEN se_seg_used THEN 1 ELSE 0 END)",
        "n_epochs_stale": "sum(CASE WHEN stale THEN 1 ELSE 0 END)",
    }
    sums = {name: f"sum(CASE WHEN se_seg_used THEN {name} END)" for name in [*_OF_TILE, *_AREAS]}
    _insert("tile_summary", key | numbers | sums, "FROM epoch GROUP BY tilename, band")
    _insert(
        "tile_run",
        key | {"run_id": "run_id", "n_epochs": "count(*)"},
        "FROM epoch WHERE run_id IS NOT NULL GROUP BY tilename, band, run_id",
    )


def _fill_tables_of_ccds() -> None:
    key = {"band": "band", "expnum": "expnum", "ccdnum": "ccdnum"}
    ccds = {
        "n_tiles": "count(*)",
        "tiles_disagree": " OR ".join(f"min({name}) <> max({name})" for name in _COMPARED),
        **{name: f"max({name})" for name in [*_OF_CCD, *_FACTS]},
        "fraction_good_se": "CAST(max(n_good_se) AS DOUBLE PRECISION) / max(n_pixels)",
    }
    _insert("ccd_image", key | ccds, "FROM epoch WHERE se_seg_used GROUP BY band, expnum, ccdnum")
    # large at the survey's size, and so indexed when it is full
    op.create_index("ix_ccd_image_fraction", "ccd_image", ["band", "ccdnum", "fraction_good_se"], unique=False)
    op.create_index("ix_ccd_image_nite", "ccd_image", ["nite", "band", "ccdnum"], unique=False)
    sums = {name: f"sum({name})" for name in _OF_CCD}
    exposures = {
        "band": "band",
        "expnum": "expnum",
        "n_ccds": "count(*)",
        **{name: f"max({name})" for name in _OF_EXPOSURE},
        **{f"mean_{name}": f"avg({name})" for name in _MEANS},
    }
    _insert("exposure_summary", exposures | sums, "FROM ccd_image GROUP BY band, expnum")
    op.create_index("ix_exposure_summary_nite", "exposure_summary", ["nite"], unique=False)
    nights = {"band": "band", "ccdnum": "ccdnum", "nite": "nite", "n_ccd_images": "count(*)"}
    _insert("ccd_night", nights | sums, "FROM ccd_image GROUP BY band, ccdnum, nite")
    op.create_index("ix_ccd_night_ccd", "ccd_night", ["band", "ccdnum", "nite", "n_ccd_images", *_OF_CCD], unique=False)
    median = {"band": "band", "ccdnum": "ccdnum", "n_ccd_images": "n", "fraction_good_se": "avg(fraction_good_se)"}
    _insert("ccd_median", median, _MIDDLE)


# the one in the middle of each CCD's fractions, or the two
_MIDDLE = """
FROM (
    SELECT band, ccdnum, fraction_good_se, row_number() OVER (PARTITION BY band, ccdnum ORDER BY fraction_good_se) AS k
    FROM ccd_image
) AS ranked
JOIN (
    SELECT band AS of_band, ccdnum AS of_ccdnum, CAST(sum(n_ccd_images) AS BIGINT) AS n
    FROM ccd_night
    GROUP BY band, ccdnum
) AS counted ON band = of_band AND ccdnum = of_ccdnum
WHERE k = (n + 1) / 2 OR k = (n + 2) / 2
GROUP BY band, ccdnum, n
"""


def downgrade() -> None:
    """Remove the tables."""
    for name in ("tile_summary", "tile_run", "exposure_summary", "ccd_night", "ccd_median", "ccd_image"):
        op.drop_table(name)
