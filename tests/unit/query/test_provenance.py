"""Facts about where the content of a file comes from."""

from importlib.metadata import version
from typing import Any

import pytest

from goodpix.query.provenance import Provenance, filters_text
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Selection
from goodpix.schema.database import Identity

IDENTITY = Identity("uuid-1", "masks", "y6", "image", DES_Y6)


def test_facts_stand_in_a_fixed_order_and_empty_ones_are_left_out() -> None:
    found = Provenance.of(Selection(border=3), catalogue=IDENTITY, expnum=7, band="r", tilename="", ccdnum=None)
    assert list(found.facts.items()) == [
        ("software", f"goodpix {version('goodpix')}"),
        ("catalogue", "uuid-1"),
        ("campaign", "y6"),
        ("band", "r"),
        ("expnum", 7),
        ("selection", "border 3"),
    ]


def test_facts_name_no_path() -> None:
    found = Provenance.of(None, catalogue=IDENTITY).facts
    assert "masks" not in found.values()
    assert "selection" not in found


def test_cards_have_keywords_of_eight_letters_and_comments() -> None:
    found = Provenance.of("default", catalogue=IDENTITY, fingerprint="ab", tilename="T", band="r", expnum=1, ccdnum=2)
    cards = found.cards()
    assert [card["value"] for card in cards] == list(found.facts.values())
    assert all(0 < len(card["name"]) <= 8 and card["comment"] for card in cards)


def test_texts_are_all_texts() -> None:
    assert Provenance.of("default", expnum=7).texts(unit="px") == {
        "software": f"goodpix {version('goodpix')}",
        "expnum": "7",
        "selection": "default",
        "unit": "px",
    }


def test_metadata_say_what_the_values_mean() -> None:
    found = Provenance.of("default").metadata("0 is good")
    assert (found["goodpix.selection"], found["goodpix.meaning"]) == ("default", "0 is good")


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({}, ""),
        ({"band": "i", "nite": None}, "band=i"),
        (
            {"band": ["r", "i"], "expnum": slice(3, None), "ccdnum": [slice(1, 9), 31]},
            "band=r,i; expnum=3:; ccdnum=1:9,31",
        ),
        ({"nite": "20130101:", "min": {"fwhm": 3, "airmass": 1.5}}, "nite=20130101:; min fwhm=3; min airmass=1.5"),
    ],
)
def test_filters_are_one_line(filters: dict[str, Any], text: str) -> None:
    assert filters_text(filters) == text
