"""Terms of a selection in text."""

import pytest

from goodpix.schema.errors import UsageError
from goodpix.schema.selection.terms import check_name, shortest, terms_of


def test_commas_in_names_and_exclusions_part_no_terms() -> None:
    text = "ignore SE:A, B, exclude ccdnum=31,amplifier=A , border 4"
    assert list(terms_of(text)) == [("ignore", "SE:A, B"), ("exclude", "ccdnum=31,amplifier=A"), ("border", "4")]


@pytest.mark.parametrize("text", ["", " default "])
def test_default_has_no_terms(text: str) -> None:
    assert list(terms_of(text)) == []


@pytest.mark.parametrize("text", ["forget SE_SEG", "ignore", "border"])
def test_term_without_a_verb_or_an_object_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: expected terms such as"):
        list(terms_of(text))


@pytest.mark.parametrize("name", ["", "-a", "a b", "a" * 65, "ä", None, "a/b"])
def test_what_cannot_be_a_name_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match=r"name of a selection is .*: expected up to 64 letters"):
        check_name(name)


@pytest.mark.parametrize("number", [3.0, 0.1, 1e-9, 1 / 3])
def test_number_survives_its_shortest_text(number: float) -> None:
    assert float(shortest(number)) == number
    assert shortest(3.0) == "3"
