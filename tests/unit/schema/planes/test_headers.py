"""Header cards are read as CFITSIO reads them."""

from pathlib import Path

import fitsio
import numpy as np
import pytest

from goodpix.schema.errors import DamagedFileError
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.headers import Header, Value


def header(*cards: str) -> Header:
    return Header("".join(card.ljust(80) for card in cards).encode("latin-1"), "a.fits[sci]")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("                   12 / pixels", 12),
        ("+7", 7),
        ("-0", 0),
        ("1.5", 1.5),
        (".5E-3", 0.0005),
        ("1.25D+02 / double", 125.0),
        ("                    T", True),
        ("F / no", False),
        ("'sci     '           / name", "sci"),
        ("'it''s / not a comment'", "it's / not a comment"),
        ("'no closing quote", "no closing quote"),
        ("''", ""),
        ("/ nothing", None),
        ("", None),
        ("NaN", "NaN"),
        ("1e999", float("inf")),
        ("bare words / of no kind", "bare words"),
    ],
)
def test_value_of_a_card(field: str, value: Value) -> None:
    found = header(f"KEY     = {field}")["key"]
    assert found == value
    assert type(found) is type(value)


def test_long_text_goes_on_in_the_next_cards() -> None:
    cards = ("KEY     = 'one &' / a", "CONTINUE  'two &'", "CONTINUE  'three' / b", "CONTINUE  'four'")
    assert header(*cards)["KEY"] == "one two three"


def test_mapping_has_the_last_value_of_a_keyword_and_first_the_first() -> None:
    found = header("GAIN    = 1", "GAIN    = 2", "COMMENT = no value", "HIERARCH ESO DET = 3")
    assert (found["GAIN"], found.first("GAIN"), found["ESO DET"]) == (2, 1, 3)
    assert (list(found), len(found), "GAIN" in found, found.get("other")) == (["GAIN", "ESO DET"], 2, True, None)


def test_headers_of_fitsio_come_back(tmp_path: Path) -> None:
    values = {"A": 1, "B": -2.5, "C": "text", "D": True, "E": "it's", "F": 1e-300, "G": "x" * 150, "H": False}
    fitsio.write(str(tmp_path / "a.fits"), np.zeros((2, 2)), header=values)
    with FitsFile(str(tmp_path / "a.fits")) as file:
        found = file.unit(0).header
    assert {key: found[key] for key in values} == values


@pytest.mark.parametrize("field", ["'12'", "T", "1.5", "4.", "1E99999"])
def test_integer_of_another_kind_is_an_error(field: str) -> None:
    with pytest.raises(DamagedFileError, match=r"a\.fits\[sci\]: NAXIS is .*: expected an integer"):
        header(f"NAXIS   = {field}").integer("NAXIS")


def test_missing_integer_is_an_error_or_the_default() -> None:
    assert header().integer("NAXIS", 3) == 3
    with pytest.raises(DamagedFileError, match="NAXIS is None"):
        header().integer("NAXIS")


@pytest.mark.parametrize("field", ["'12'", "T", "1E999", "NaN"])
def test_number_of_another_kind_is_an_error(field: str) -> None:
    with pytest.raises(DamagedFileError, match=r"BZERO is .*: expected a number"):
        header(f"BZERO   = {field}").number("BZERO", 0)
