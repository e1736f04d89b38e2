"""Selections as the texts of options."""

import shlex

from goodpix.schema.criteria import Selection
from goodpix.schema.selection.words import SelectionWords

WIDE = Selection(["COADD_SEG"], {"SE": ["STAR", 2048]}, {"SE:TRAIL": 5.5}, 48, ["ccdnum=31,amplifier=A", "expnum=7:"])


def test_selection_survives_its_words() -> None:
    assert SelectionWords.of(WIDE).selection() == WIDE


def test_options_are_those_of_the_command_line() -> None:
    assert SelectionWords.of(WIDE).options == (
        "--ignore COADD_SEG --ignore-bit SE:STAR --ignore-bit SE:2048 --grow SE:TRAIL=5.5 "
        "--exclude ccdnum=31,amplifier=A --exclude expnum=7: --border 48"
    )
    awkward = Selection(exclude=[{"band": "N964 a"}])
    assert shlex.split(SelectionWords.of(awkward).options) == ["--exclude", "band=N964 a"]
    assert SelectionWords().options == ""
