"""Facts about descriptions of one's own files."""

from pathlib import Path

import pytest

from goodpix.ingest.profiles.description import Description, Source
from goodpix.schema.errors import UsageError
from goodpix.schema.planes.conversion import Meaning

BASE = "image: {files: a_*.fits}\nweight: {files: w_*.fits}\nkey: {expnum: EXPNUM, ccdnum: 3, band: {constant: r}}\n"


def read(tmp_path: Path, text: str) -> Description:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    return Description.read(path)


def test_paths_begin_at_the_folder_of_the_description(tmp_path: Path) -> None:
    description = read(tmp_path, BASE)
    assert description.image.files == str(tmp_path / "a_*.fits")
    assert description.key == {"expnum": Source("EXPNUM"), "ccdnum": Source(constant=3), "band": Source(constant="r")}
    assert (description.mask, description.seg, description.wcs, description.night_starts) == (None, None, None, None)


def test_named_codes_above_the_bits_take_free_ones(tmp_path: Path) -> None:
    mask = read(tmp_path, f"{BASE}mask: {{ext: 2, codes: {{BAD: 1, HOT: 100, EDGE: 200}}}}").mask
    assert mask is not None
    assert mask.conversion is not None
    assert {name: mask.names[name] for name in ("BAD", "HOT", "EDGE", "CODE_2")} == {
        "BAD": 2,
        "HOT": 1,
        "EDGE": 1 << 22,
        "CODE_2": 4,
    }
    # code 22 has no name, and its bit is that of EDGE
    assert (mask.conversion.meaning, mask.conversion.bits) == (Meaning.CODES, ((22, 23), (100, 0), (200, 22)))


@pytest.mark.parametrize(("site", "hour"), [("Cerro Tololo", 14), ("-155", 22), ("0", 12), ("150", 2)])
def test_night_begins_at_local_noon(tmp_path: Path, site: str, hour: int) -> None:
    assert read(tmp_path, f"{BASE}site: {site}").night_starts == hour


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("mask: {bits: {BAD: 1}}", "mask.ext is missing: expected an extension, since the plane lies in the file"),
        ("mask: {ext: 1, bits: {BAD: 1}, codes: {}}", "mask.bits and codes both stand there"),
        ("mask: {ext: 1, bits: {BAD: 1, HOT: 1}}", "mask.bits.HOT is 1: expected another number"),
        ("mask: {ext: 1, codes: {BAD: 300}}", "mask.codes.BAD is 300: expected a code from 1 to 254"),
        ("mask: {ext: yes}", "mask.ext is True: expected an EXTNAME"),
        ("mask: {ext: -1}", "mask.ext is -1: expected an EXTNAME"),
        ("mask: 3", "mask is 3: expected a mapping"),
        ("header: {magzpt: 1}", "header.magzpt is no key of a description, did you mean magzp?"),
        ("header: {magzp: [1]}", r"header.magzp is \[1\]: expected a header keyword, a number"),
        ("site: 400", "site is 400: expected Cerro Tololo"),
    ],
)
def test_wrong_key_or_value_is_named(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"my.yaml: {message}"):
        read(tmp_path, f"{BASE}{more}")


@pytest.mark.parametrize("text", ["", "- 1", "a: [", "image: {files: a}"])
def test_something_else_is_no_description(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"my\.yaml: "):
        read(tmp_path, text)
