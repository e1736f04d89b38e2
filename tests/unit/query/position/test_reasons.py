"""Names of the reasons why pixels are bad."""

from goodpix.query.position.reasons import Reasons
from goodpix.schema.bits import DES_Y6, OWN_CUT, Criterion
from goodpix.schema.criteria import BoundSelection, Selection

REASONS = Reasons(BoundSelection.of(Selection(), DES_Y6))


def test_criteria_are_named_in_their_order_and_own_cuts_last() -> None:
    failing = [0, Criterion.COADD_SEG | Criterion.SE_SEG, OWN_CUT, OWN_CUT | Criterion.OFF_COADD, 0]
    assert REASONS.criteria_texts(failing, [False] * 5) == [
        "",
        "SE_SEG, COADD_SEG",
        "OWN_CUT",
        "OFF_COADD, OWN_CUT",
        "",
    ]


def test_own_cut_of_an_exclusion_is_labelled() -> None:
    assert REASONS.criteria_texts([OWN_CUT, OWN_CUT | Criterion.SE_SEG], [True, True]) == [
        "EXCLUDED",
        "SE_SEG, EXCLUDED",
    ]


def test_bits_are_named_by_plane() -> None:
    flags = [0, 4 | 1 << 8 | 1 << 13 | 64 | 1 << 32, 4 | 1 << 31 | 1 << 25, 64 | 1 << 55]
    assert REASONS.bits_texts("se", flags) == ["", "BPM, STAR", "BIT_17, OTHER", ""]
    assert REASONS.bits_texts("coadd", flags) == ["", "NO_DATA", "", "OTHER"]
