"""Facts about info files and their entries."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from goodpix.ingest.infofile import EpochInfo, in_utf8, read_info_file
from goodpix.schema.errors import InfoFileError
from goodpix.schema.planes.imagefiles import PlaneFile

ENTRY: dict[str, Any] = {
    "tilename": "T",
    "band": "r",
    "expnum": 1,
    "ccdnum": 2,
    **{f"{name}_path": f"{name}.fits" for name in ("image", "weight", "bmask", "head")},
    **{f"{name}_ext": number for number, name in enumerate(("image", "weight", "bmask"))},
    "seg_path": "",
}


def test_place_of_a_plane_is_its_path_and_extension() -> None:
    entry = EpochInfo.model_validate(ENTRY)
    assert entry.file("weight") == PlaneFile("weight.fits", 1)
    assert entry.file("head") == PlaneFile("head.fits")
    assert [entry.file(name) for name in ("seg", "bkg", "other")] == [None, None, None]
    assert list(entry.files) == ["image", "weight", "bmask", "head"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_number_that_is_not_finite_is_null(value: float | None) -> None:
    assert EpochInfo.model_validate(ENTRY | {"magzp": value}).magzp is None


KEYS = ("tilename", "band", *(f"{name}_{what}" for name in ("image", "weight", "bmask") for what in ("path", "ext")))
TILE = {key: ENTRY[key] for key in KEYS} | {"seg_path": "seg.fits"}


def written(folder: Path, text: str | None = None, name: str = "T_r_pizza_cutter_info.yaml", **tile: Any) -> Path:
    """Write an info file of one epoch, or the text."""
    path = folder / "campaign" / "info" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(TILE | tile | {"src_info": [ENTRY]}) if text is None else text)
    return path


def edited(folder: Path, before: str, after: str) -> Path:
    """Write an info file with another text in one place."""
    path = written(folder)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return path


@pytest.mark.parametrize("text", ["0678026", "'678026'", "678026.0", "6.78026e+5"])
def test_number_is_decimal_however_it_is_written(tmp_path: Path, text: str) -> None:
    (epoch,) = read_info_file(edited(tmp_path, "expnum: 1", f"expnum: {text}")).src_info
    assert (epoch.expnum, type(epoch.expnum)) == (678026, int)


@pytest.mark.parametrize("band", ["VR", "N964", "zd", "Y", "y", "'046'"])
def test_band_is_the_text_that_stands_there(tmp_path: Path, band: str) -> None:
    assert read_info_file(edited(tmp_path, "band: r", f"band: {band}")).band == band.strip("'")


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        *(
            ("expnum: 1", f"expnum: {value}", rf"src_info\.0\.expnum is {shown}: ")
            for value, shown in (
                ("1:20", "'1:20'"),
                ("yes", "True"),
                ("1_000", "'1_000'"),
                ("'1_000'", "'1_000'"),
                ("0x1F", "'0x1F'"),
                (".nan", "nan"),
                ("1e400", "'1e400'"),
                ("1.0e+400", "inf"),
                ("9" * 5000, f"'{'9' * 199}\\.\\.\\."),
                ("2016-09-30", r"datetime\.date\(2016, 9, 30\)"),
            )
        ),
        ("ccdnum: 2", "ccdnum: no", r"src_info\.0\.ccdnum is False: expected a decimal number( |$)"),
        ("image_ext: 0", "image_ext: yes", "image_ext is True: expected text or a decimal number( |$)"),
        ("image_ext: 0", "image_ext: [1]", r"image_ext is \[1\]: expected text or a whole number( |$)"),
        ("ccdnum: 2", "ccdnum: x", r"src_info\.0\.ccdnum is 'x': expected a whole number( |$)"),
        ("ccdnum: 2", "ccdnum: 40000", r"src_info\.0\.ccdnum is 40000: expected less than 32768( |$)"),
        *(("band: r", f"band: {value}", "band is ") for value in ("046", "yes", "No", "1:20", "1.5", "2016-09-30")),
        ("image_path: image.fits", f"image_path: ${'A' * 100_000}", "image_path is .*at most 4096 characters"),
        ("seg_path: seg", "band: i\nseg_path: seg", r"YAML: band stands twice, in lines \d+ and \d+: expected once"),
        ("src_info:", "src_info: []\nsrc_info:", "YAML: src_info stands twice, in lines 7 and 8: expected once"),
    ],
)
def test_value_that_could_be_misread_is_an_error(tmp_path: Path, before: str, after: str, says: str) -> None:
    with pytest.raises(InfoFileError, match=says) as caught:
        read_info_file(edited(tmp_path, before, after))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\x89PNG", "not an info file: cannot be read as YAML"),
        ("# A page\n\nof text", "not an info file: holds a str: expected a mapping of keys"),
        ("", "not an info file: is empty: expected a mapping of keys"),
        ("services: {db: {image: postgres}}", "not an info file: it has no tilename, band or src_info"),
    ],
)
def test_file_that_is_no_info_file_is_called_that(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InfoFileError, match=says):
        read_info_file(written(tmp_path, text, "notes.txt"))


def test_control_characters_of_a_name_are_escapes_in_messages(tmp_path: Path) -> None:
    with pytest.raises(InfoFileError, match=r"/\\x1b\[31m\.yaml: not an info file") as caught:
        read_info_file(written(tmp_path, "[]", "\x1b[31m.yaml"))
    assert "\x1b" not in str(caught.value)


def test_name_that_is_not_utf_8_is_shown_as_escapes() -> None:
    assert in_utf8(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
