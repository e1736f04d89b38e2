"""Files as a store lists them."""

import pytest

from goodpix.schema.masks.maskfilename import MaskFileName
from goodpix.schema.store.protocol import FoundFile


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r/.abc.partial", True),
        (".abc.partial", True),
        ("r/abc.partial", False),
        ("r/.abc", False),
        (".r.partial/abc", False),
    ],
)
def test_temporary_files_are_told_by_the_last_part_of_the_name(name: str, expected: bool) -> None:
    assert FoundFile(name, 1, 0.0).is_temporary == expected


def test_name_of_a_mask_file_is_parsed() -> None:
    file = FoundFile("r/T_r_g3_0123456789ab.parquet", 1, 0.0)
    assert file.mask_file == MaskFileName("T", "r", 3)
    assert FoundFile("_goodpix.json", 1, 0.0).mask_file is None
