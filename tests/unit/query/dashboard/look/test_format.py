"""Numbers as people read them, and HTML tables."""

import math

import pytest

from goodpix.query.dashboard.look.format import NO_VALUE, count, fraction, html_table, number, share, short_count


@pytest.mark.parametrize("form", [count, fraction, number, short_count])
@pytest.mark.parametrize("value", [None, math.nan])
def test_missing_number_is_a_dash_and_not_zero(form: object, value: float | None) -> None:
    assert callable(form)
    assert form(value) == NO_VALUE
    assert form(0) != NO_VALUE


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00 %"), (1.0, "100.00 %"), (0.12345, "12.35 %"), (0.99999, "100.00 %"), (-0.5, "-50.00 %")],
)
def test_fraction_is_in_percent_with_two_decimals(value: float, text: str) -> None:
    assert fraction(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (999, "999"), (1234567.6, "1,234,568"), (-1000, "-1,000")])
def test_count_has_separators(value: float, text: str) -> None:
    assert count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999_999, "999,999"),
        (1_000_000, "1 million"),
        (1_234_567, "1.23 million"),
        (999_600_000, "1,000 million"),
        (1.5e9, "1.5 billion"),
        (7e13, "70 trillion"),
        (2.345e15, "2.35 quadrillion"),
        (5e18, "5,000 quadrillion"),
        (-2.5e6, "-2.5 million"),
    ],
)
def test_large_count_has_three_digits_and_a_name(value: float, text: str) -> None:
    assert short_count(value) == text


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (3.14159, "3.142"), (1e-7, "1e-07"), (123456, "1.235e+05")])
def test_number_has_four_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 4, 0.25), (0, 4, 0.0), (None, 4, None), (1, None, None), (1, 0, None), (0, 0, None)],
)
def test_share_of_nothing_or_the_unknown_is_unknown(
    part: float | None, whole: float | None, expected: float | None
) -> None:
    assert share(part, whole) == expected


def test_table_escapes_every_text() -> None:
    found = html_table(["<h>"], [["<script>"], [5]], numbers=[False])
    assert "<th>&lt;h&gt;</th>" in found
    assert "<td>&lt;script&gt;</td>" in found
    assert "<td>5</td>" in found


def test_numbers_are_aligned_and_only_the_last_of_several_rows_is_a_total() -> None:
    rows = [["r", 1], ["all", 2]]
    found = html_table(["band", "n"], rows, numbers=[False, True], total=True)
    assert '<th>band</th><th class="number">n</th>' in found
    assert '<tr class="total"><td>all</td><td class="number">2</td></tr>' in found
    assert found.count('class="total"') == 1
    assert "total" not in html_table(["band", "n"], rows, numbers=[False, True])
    assert "total" not in html_table(["band", "n"], rows[:1], numbers=[False, True], total=True)


def test_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        html_table(["band", "n"], [["r"]], numbers=[False, True])
