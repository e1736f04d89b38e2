"""Facts about SCAMP headers."""

import os
from pathlib import Path
from typing import Any

import pytest

from goodpix.schema.errors import FitsFileError, HeaderMismatchError
from goodpix.schema.planes.headers import Header
from goodpix.schema.planes.imagefiles import PlaneFile
from goodpix.schema.wcs.scamphead import HeadOf, read_scamp_head

SHAPE = (100, 60)
PIXEL = 7.3e-5


def solution(x: float = 0, **more: Any) -> dict[str, Any]:
    """Return a header whose image lies that many pixels off the others."""
    wcs = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 21.0, "CRVAL2": -33.0, "CRPIX1": 30 - x, "CRPIX2": 50}
    return wcs | {"CD1_1": -PIXEL, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": PIXEL} | more


def image(**more: Any) -> HeadOf:
    return HeadOf(7, 11, solution(EXTNAME="sci", DETPOS="S11") | more, SHAPE)


def text(*headers: dict[str, Any]) -> str:
    """Return a SCAMP file of these headers."""
    return "".join(
        "".join(f"{key:<8}= {value!r}\n" for key, value in header.items()) + "END     \n" for header in headers
    )


def read(folder: Path, name: str = "a.head", of: HeadOf | None = None) -> Header:
    return read_scamp_head(PlaneFile(str(folder / name)), of or image())


def test_scamp_header_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_text("HISTORY   by hand\nCRVAL1  =  20.5 / degrees\nCTYPE1  = 'RA---TPV'\nEND     \n")
    header: Any = read(tmp_path)
    assert (header["CRVAL1"], header["CTYPE1"]) == (20.5, "RA---TPV")


def test_missing_scamp_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(FitsFileError, match=r"gone\.head: cannot read this SCAMP header"):
        read(tmp_path, "gone.head")


def test_scamp_header_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_bytes(b"\xff\xfe\x00" * 50)
    with pytest.raises(FitsFileError, match=r"a\.head"):
        read(tmp_path)


@pytest.mark.parametrize(
    "content", [b"KEY=20.5\n", b"KEY     =  2.05D1 / degrees\n", b"HISTORY caf\xe9\nKEY     = 20.5\r\nEND\n"]
)
def test_scamp_header_of_another_hand_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.head").write_bytes(content)
    assert read(tmp_path)["KEY"] == 20.5


def test_scamp_header_with_a_card_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_text(f"CRVAL1  = {'1' * 71}\n")
    with pytest.raises(FitsFileError, match="CRVAL1 is longer than 80 letters"):
        read(tmp_path)


def test_scamp_header_of_too_many_bytes_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.head").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FitsFileError, match=r"a\.head: cannot read this SCAMP header \(has more than 4194304 bytes"):
        read(tmp_path)


@pytest.mark.parametrize(("name", "says"), [("pipe", "is not a regular file"), ("folder", "is a folder")])
def test_scamp_header_that_is_no_regular_file_is_refused(tmp_path: Path, name: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FitsFileError, match=rf"{name}: cannot read this SCAMP header \({says}\)"):
        read(tmp_path, name)


def choose(folder: Path, *headers: dict[str, Any]) -> Any:
    """Return the mark of the header that is chosen."""
    (folder / "a.head").write_text(text(*headers))
    return read(folder)["MARK"]


FAR = (solution(-500, MARK=1), solution(900, MARK=3))


@pytest.mark.parametrize("name", ["sci", "SCI", "S11"])
def test_of_several_headers_the_one_of_the_images_extname_is_taken(tmp_path: Path, name: str) -> None:
    a, b, c = (solution(5000, MARK=mark, EXTNAME=other) for mark, other in ((1, "N1"), (2, name), (3, "N3")))
    assert choose(tmp_path, a, b, c) == 2


@pytest.mark.parametrize("ccdnum", [11, 11.0, "11"])
def test_of_several_headers_the_one_of_the_ccd_is_taken(tmp_path: Path, ccdnum: object) -> None:
    headers = (solution(5000, MARK=mark, CCDNUM=number) for mark, number in ((1, 1), (2, ccdnum), (3, 62)))
    assert choose(tmp_path, *headers) == 2


@pytest.mark.parametrize("more", [{}, {"EXTNAME": "SCI"}, {"EXTNAME": "other"}])
@pytest.mark.parametrize("shift", [0, 20, -20])
def test_of_several_headers_the_one_where_the_image_lies_is_taken(
    tmp_path: Path, more: dict[str, str], shift: int
) -> None:
    assert choose(tmp_path, *(each | more for each in (FAR[0], solution(shift, MARK=2), FAR[1]))) == 2


def test_of_several_headers_nearby_the_nearest_is_taken(tmp_path: Path) -> None:
    assert (
        choose(tmp_path, solution(-20, MARK=1), solution(2, MARK=2), solution(10, MARK=3), solution(500, MARK=4)) == 2
    )


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ((solution(CCDNUM=1), solution(CCDNUM=2)), r"a\.head: 0 headers have CCDNUM 11: expected 1"),
        ((solution(CCDNUM=11), solution(CCDNUM=11)), r"a\.head: 2 headers have CCDNUM 11: expected 1"),
        (FAR, "0 headers have the EXTNAME, CCDNUM or position of the image: expected 1"),
        ((solution(2), solution(-3)), "2 headers have the EXTNAME, CCDNUM or position of the image: expected 1"),
        (({"A": 1}, {"B": 2}), "0 headers have the EXTNAME, CCDNUM or position of the image: expected 1"),
    ],
)
def test_headers_none_or_several_of_which_may_be_the_images_are_refused(
    tmp_path: Path, headers: tuple[dict[str, Any], ...], says: str
) -> None:
    with pytest.raises(FitsFileError, match=says):
        choose(tmp_path, *headers)


@pytest.mark.parametrize(("keyword", "value", "expected"), [("CCDNUM", 12, 11), ("EXPNUM", 8.0, 7)])
def test_only_header_of_another_image_is_refused(tmp_path: Path, keyword: str, value: float, expected: int) -> None:
    with pytest.raises(HeaderMismatchError, match=rf"a\.head: {keyword} is {value}, but the info file has {expected}"):
        choose(tmp_path, solution(**{keyword: value}))


def test_only_header_is_taken_wherever_it_puts_the_image(tmp_path: Path) -> None:
    assert choose(tmp_path, solution(500, MARK=1, EXTNAME="N1")) == 1


def test_two_headers_without_an_end_between_them_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.head").write_text(text(solution()).replace("END     \n", "") + text(solution(9)))
    with pytest.raises(FitsFileError, match=r"a\.head: .*CRPIX1 has two values: is an END missing\?"):
        read(tmp_path)


@pytest.mark.parametrize("line", ["KEY= 1.5D+01 / a comment of many letters" + " and letters" * 9, "KEY\t= 15."])
def test_lines_that_are_no_cards_are_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.head").write_text(f"{line}\nHISTORY = a\nHISTORY = b\nEND\n")
    assert read(tmp_path)["KEY"] == 15


def test_variable_of_the_ingest_is_used_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR", raising=False)
    (tmp_path / "a.head").write_text("KEY = 1\nEND\n")
    ingested = {"MEDS_DIR": str(tmp_path)}
    assert read_scamp_head(PlaneFile("$MEDS_DIR/a.head", ingested=ingested), image())["KEY"] == 1
    with pytest.raises(FitsFileError, match=r"^\$MEDS_DIR/b\.head: cannot read this SCAMP header \(no such file"):
        read_scamp_head(PlaneFile("$MEDS_DIR/b.head", ingested=ingested), image())
