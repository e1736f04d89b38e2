"""Problems of many epochs, each said once."""

from goodpix.query.background.problems import problem_of, said_together
from goodpix.schema.rows import MaskKey

KEYS = [MaskKey("T", "r", "epoch", 1, ccdnum) for ccdnum in range(4)]


def test_same_problem_is_one_line_with_the_number_of_epochs() -> None:
    problems = [(KEYS[0], "no BUNIT"), (KEYS[1], "gone"), (KEYS[2], "no BUNIT"), (KEYS[3], "no BUNIT")]
    assert list(said_together(problems)) == [
        "epoch 1/0 (tile T, band r) and 2 others: no BUNIT",
        "epoch 1/1 (tile T, band r): gone",
    ]
    assert list(said_together(problems[:1])) == ["epoch 1/0 (tile T, band r): no BUNIT"]


def test_key_is_not_said_twice() -> None:
    assert problem_of(KEYS[0], f"PlaneError: {KEYS[0]}: too\nsmall") == "PlaneError: too small"
