"""Names of mask files."""

import pytest

from goodpix.schema.masks.maskfilename import MaskFileName, generation_of

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize("tilename", ["DES0124-3332", "a_b", "T_r_g1_0123456789ab.parquet"])
@pytest.mark.parametrize("band", ["r", "Y", "N_964"])
def test_name_is_parsed_as_it_was_made(tilename: str, band: str) -> None:
    name = MaskFileName(tilename, band, 12)
    text = name.with_hash(DIGEST)
    assert text == f"{band}/{tilename}_{band}_g12_0123456789ab.parquet"
    assert MaskFileName.of(text) == name
    assert generation_of(f"/masks/{text}") == 12


@pytest.mark.parametrize(
    "name",
    [
        "r/T_i_g1_0123456789ab.parquet",
        "T_r_g1_0123456789ab.parquet",
        "r/r/T_r_g1_0123456789ab.parquet",
        "r/_r_g1_0123456789ab.parquet",
        "r/T_r_g1_0123456789a.parquet",
        "r/T_r_g1_0123456789AB.parquet",
        "r/T_r_g_0123456789ab.parquet",
        "r/T_r_g1_0123456789ab.parquet.partial",
    ],
)
def test_other_names_are_none(name: str) -> None:
    assert MaskFileName.of(name) is None


def test_path_without_a_generation_has_none() -> None:
    assert generation_of("/masks/r/T_r.parquet") is None
