"""Add what format 2 records of a mask's inputs; let counts about the coadd be null."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_ADDED: dict[str, tuple[type[sa.types.TypeEngine[str]] | type[sa.types.TypeEngine[bool]], str]] = {
    "files": (sa.Text, "size, mtime and digests of each input file, JSON; null for masks of format 1"),
    "planes_checked": (sa.Boolean, "true if all planes agreed with their DATASUM; null for masks of format 1"),
    "damaged_taken": (
        sa.Boolean,
        "true if planes that disagree with their DATASUM were used; null for masks of format 1",
    ),
    "profile": (sa.Text, "profile of the images, such as des; null for masks of format 1"),
    "segmentation": (
        sa.Text,
        "source of the segmentation map: file, none, or sep for one made at ingest; null for masks of format 1",
    ),
    "se_fingerprint": (
        sa.Text,
        "SHA-256 of the SE inputs, equal in all tiles with the image; null for masks of format 1",
    ),
}
_TABLES = {
    "epoch": list(_ADDED),
    "coadd": [name for name in _ADDED if name != "se_fingerprint"],
}
_COUNTS = ["n_on_coadd", "n_good_coadd"]
_COUNTS += [f"{what}_coadd_{plane}" for what in ("n", "only") for plane in ("seg", "weight", "bmask")]


def upgrade() -> None:
    """Add the columns, let the counts be null, and raise the format version."""
    for table, names in _TABLES.items():
        for name in names:
            kind, comment = _ADDED[name]
            op.add_column(table, sa.Column(name, kind(), nullable=True, comment=comment))
        _set_nullable(table, nullable=True)
    op.execute("UPDATE catalogue SET format_version = 2")


def downgrade() -> None:
    """Remove the columns, and forbid nulls again."""
    op.execute("UPDATE catalogue SET format_version = 1")
    for table, names in _TABLES.items():
        _set_nullable(table, nullable=False)
        for name in reversed(names):
            op.drop_column(table, name)


def _set_nullable(table: str, *, nullable: bool) -> None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        for name in _COUNTS:
            op.alter_column(table, name, existing_type=sa.BigInteger(), nullable=nullable)
        return
    # SQLite has no statement for it. Copying the table would take hours at the survey's size; to edit its text is
    # the documented way (https://www.sqlite.org/lang_altertable.html, section 7).
    tables = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?"
    text = connection.exec_driver_sql(tables, (table,)).scalar_one()
    for name in _COUNTS:
        text, n = re.subn(rf"\b{name} BIGINT( NOT NULL)?", f"{name} BIGINT{'' if nullable else ' NOT NULL'}", text)
        if n != 1:
            raise LookupError(f"table {table} has no column {name} of type BIGINT")
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE type = 'table' AND name = ?", (text, table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
