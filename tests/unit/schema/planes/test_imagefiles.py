"""Facts about the place of an image's files."""

from dataclasses import replace

import pytest

from goodpix.schema.errors import DamagedValueError
from goodpix.schema.planes.imagefiles import (
    PlaneFile,
    expand,
    files_of_row,
    first_variable,
    planes_column,
    variables,
)


def test_environment_and_home_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", "/meds")
    monkeypatch.setenv("HOME", "/somewhere/me")
    assert (expand("$MEDS_DIR/a.fits"), expand("${MEDS_DIR}/a"), expand("~/a")) == (
        "/meds/a.fits",
        "/meds/a",
        "/somewhere/me/a",
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [("$MEDS_DIR/a$B", "MEDS_DIR"), ("${MEDS_DIR}a", "MEDS_DIR"), ("/c/$B", None), ("~/d", None), ("$$B/a", None)],
)
def test_first_variable_is_the_one_that_a_path_begins_with(path: str, name: str | None) -> None:
    assert first_variable(path) == name


def test_variables_of_paths_are_listed_once() -> None:
    assert variables(["$MEDS_DIR/a$B", "${MEDS_DIR}/b", "/c", "~/d"]) == ["MEDS_DIR", "B"]


@pytest.mark.parametrize(
    ("now", "place"),
    [(None, "/then/$OTHER/a.fits"), ("/now", "$MEDS_DIR/$OTHER/a.fits"), ("", "$MEDS_DIR/$OTHER/a.fits")],
)
def test_variable_has_the_value_of_the_ingest_where_it_is_not_set(
    monkeypatch: pytest.MonkeyPatch, now: str | None, place: str
) -> None:
    monkeypatch.delenv("MEDS_DIR", raising=False)
    if now is not None:
        monkeypatch.setenv("MEDS_DIR", now)
    file = PlaneFile("$MEDS_DIR/$OTHER/a.fits", "sci", {"MEDS_DIR": "/then"})
    assert (file.path_now, file.path) == (place, "$MEDS_DIR/$OTHER/a.fits")


def test_column_keeps_the_places_of_planes() -> None:
    files = {"bmask": PlaneFile("b.fits", "msk"), "head": PlaneFile("h.head")}
    files |= {"image": PlaneFile("$A/i.fits", 1), "weight": PlaneFile("w.fits", 2)}
    column = planes_column(files)
    assert column == (
        '{"bmask": ["b.fits", "msk"], "head": ["h.head"], "image": ["$A/i.fits", 1], "weight": ["w.fits", 2]}'
    )
    found = files_of_row({"planes": column, "variables": {"A": "/then"}})
    assert found == {name: replace(file, ingested={"A": "/then"}) for name, file in files.items()}
    assert files_of_row({"planes": column}) == files


@pytest.mark.parametrize(
    ("planes", "message"),
    [
        ('{"weight": ["a", 1], "bmask": ["a", 2]}', r"a\.fits: its column planes names no file of image: run goodpix"),
        ('{"image": [], "weight": ["a", 1], "bmask": ["a", 2]}', "names no file of image"),
        ('{"image": ["a", 0], "weight": [7, 1], "bmask": ["a", 2]}', "names no file of weight"),
        ('{"image": ["a", [0]], "weight": ["a", 1], "bmask": ["a", 2]}', "names no file of image"),
        ('{"image": ["a\\u0000", 0], "weight": ["a", 1], "bmask": ["a", 2]}', "names no file of image"),
        ("[" * 100_000, "planes is .*: expected JSON"),
        ("[]", "expected a JSON object"),
        (None, "planes is None: expected JSON"),
    ],
)
def test_damaged_column_is_an_error(planes: str | None, message: str) -> None:
    with pytest.raises(DamagedValueError, match=message):
        files_of_row({"planes": planes, "filename": "a.fits"}, "image")


def test_two_dollar_signs_stay_in_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR", raising=False)
    file = PlaneFile("/a$$b/$$/$MEDS_DIR/${MEDS_DIR}x/a.fits", ingested={"MEDS_DIR": "then"})
    assert file.path_now == "/a$$b/$$/then/thenx/a.fits"
    assert PlaneFile("/a$$b/a.fits").path_now == "/a$$b/a.fits"
