"""Facts about the row of a file without a coadd."""

from goodpix.schema.columns import values_of
from goodpix.schema.inputs.profile import ProfileId
from goodpix.schema.maskfile.filerow import file_row


def test_row_has_key_profile_and_segmentation_and_nothing_else() -> None:
    row = file_row("c4d_150110_053718", "z", ProfileId("noirlab-cp", "1"), "none")
    assert (row.key.name, row.key.tilename, row.key.band) == ("coadd", "c4d_150110_053718", "z")
    assert {row.nx, row.ny} == {None}
    assert set(values_of(row.counts).values()) == {None}
    known = {name: value for name, value in values_of(row.facts).items() if value is not None}
    assert known == {"profile": "noirlab-cp", "segmentation": "none"}
