"""Record profile and segmentation of a catalogue; let what is about an image be null where there is no coadd."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_ADDED = {
    "profile": ("profile of all inputs", "des-pizza-cutter"),
    "profile_version": ("version of the profile", "1"),
    "segmentation": ("source of segmentation maps: file, none, or the parameters of those made at ingest", "file"),
}
_KEY = ("coadd_id", "tilename", "band", "generation", "mask_file")
_NULLABLE_BEFORE = (
    *("n_on_coadd", "n_good_se", "n_good_coadd"),
    *(f"{what}_{name}" for what in ("n", "only") for name in ("se_seg", "se_weight", "se_bmask", "off_coadd")),
    *(f"{what}_coadd_{plane}" for what in ("n", "only") for plane in ("seg", "weight", "bmask")),
    *(f"n_{what}_amp_{half}" for what in ("good_se", "pixels") for half in "ab"),
    *("n_unique", "n_good_unique", "area_good_unique", "fraction_good_on_coadd", "fraction_good_se"),
    *("magzp", "scale", "image_flags", "pfw_attempt_id", "filename", "weight_zquantiz"),
    *("crossra0", "uramin", "uramax", "udecmin", "udecmax", "run_id"),
    *("files", "planes_checked", "damaged_taken", "profile", "segmentation", "area_good_any_unique"),
)


_WCS_OK = "false if the pipeline does not vouch for the WCS: no positions, not in maps; null if it does not say"
_SE_SEG_USED = (
    "true if the epoch has an SE segmentation map; aggregates exclude epochs without one",
    "true if aggregates include the epoch: it has an SE segmentation map, or the catalogue is without any",
)


def upgrade() -> None:
    """Add the columns, whose values are known for older catalogues, and let the others be null."""
    for name, (comment, value) in _ADDED.items():
        op.add_column("catalogue", sa.Column(name, sa.Text(), nullable=True, comment=comment))
        op.execute(sa.text(f"UPDATE catalogue SET {name} = :value").bindparams(value=value))
    _set_nullable(nullable=True)
    _set_comment(*_SE_SEG_USED)
    op.add_column("epoch", sa.Column("wcs_ok", sa.Boolean(), nullable=True, comment=_WCS_OK))


def downgrade() -> None:
    """Forbid nulls again, and remove the columns."""
    op.drop_column("epoch", "wcs_ok")
    _set_comment(*reversed(_SE_SEG_USED))
    _set_nullable(nullable=False)
    for name in reversed(_ADDED):
        op.drop_column("catalogue", name)


def _set_comment(old: str, new: str) -> None:
    if op.get_bind().dialect.supports_comments:
        op.alter_column("epoch", "se_seg_used", comment=new, existing_comment=old)


def _set_nullable(*, nullable: bool) -> None:
    connection = op.get_bind()
    columns = [
        (column["name"], column["type"])
        for column in sa.inspect(connection).get_columns("coadd")
        if column["name"] not in (*_KEY, *_NULLABLE_BEFORE)
    ]
    if connection.dialect.name != "sqlite":
        for name, kind in columns:
            op.alter_column("coadd", name, existing_type=kind, nullable=nullable)
        return
    # as in revision 0006: the text of the table is edited
    query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'coadd'"
    text = connection.exec_driver_sql(query).scalar_one()
    for name, _ in columns:
        text, n = re.subn(rf"\b{name} ([A-Z]+)( NOT NULL)?", rf"{name} \1{'' if nullable else ' NOT NULL'}", text)
        if n != 1:
            raise LookupError(f"table coadd has no column {name}")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = 'coadd'", (text,))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
