"""Facts about the columns of mask files."""

import pyarrow as pa
import pytest

from goodpix.schema.maskfile import MASK_SCHEMA


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tilename", pa.string()),
        ("expnum", pa.int64()),
        ("ccdnum", pa.int16()),
        ("nx", pa.int32()),
        ("ny", pa.int32()),
        ("lengths", pa.list_(pa.uint32())),
        ("flags", pa.list_(pa.int64())),
        ("checksum", pa.string()),
        ("n_good", pa.int64()),
        ("fraction_good", pa.float64()),
        ("record", pa.string()),
    ],
)
def test_column_is_of_the_promised_type(name: str, kind: pa.DataType) -> None:
    assert MASK_SCHEMA.field(name).type == kind
