"""History of a CCD against plain sums over its images."""

from collections import defaultdict

import numpy as np
import pytest

from goodpix.query.dashboard.numbers.ccdhistory import amplifier_months, ccd_history
from goodpix.query.dashboard.numbers.scope import TileScope

from .....rowcatalogue import DARK, TILES, Row
from ..conftest import ALL, Ask, in_scope, total


@pytest.mark.parametrize("scope", [ALL, TileScope("", (TILES[1],))])
@pytest.mark.parametrize("ccdnum", [3, DARK])
def test_the_history_of_a_ccd_is_sums_over_sums_of_its_halves(
    epochs: list[Row], ask: Ask, scope: TileScope, ccdnum: int
) -> None:
    found = ask(lambda c: ccd_history(c, scope.nights(), ccdnum))
    images = {(row["expnum"]): row for row in in_scope(epochs, scope) if row["ccdnum"] == ccdnum and row["nite"]}
    by_night = defaultdict(list)
    for row in images.values():
        by_night[row["nite"], row["band"]].append(row)
    assert list(zip(found.nite.tolist(), found.band, strict=True)) == sorted(by_night)
    for half in "ab":
        expected = [
            total(by_night[key], f"n_good_se_amp_{half}") / total(by_night[key], f"n_pixels_amp_{half}")
            for key in sorted(by_night)
        ]
        assert found.fraction[half].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("scope", [ALL, TileScope("", (TILES[1],))])
def test_amplifiers_by_month_are_compared_with_themselves_and_with_all(
    epochs: list[Row], ask: Ask, scope: TileScope
) -> None:
    found = ask(lambda c: amplifier_months(c, scope.nights()))
    assert found.months == [201501]
    assert len(found.halves) == 124
    images = {(row["expnum"], row["ccdnum"]): row for row in in_scope(epochs, scope) if row["nite"]}.values()
    of = [row for row in images if row["ccdnum"] == 6]
    share = total(of, "n_good_se_amp_b") / total(of, "n_pixels_amp_b")
    assert found.fraction[found.halves.index("6b"), 0] == pytest.approx(share)
    # a single month is what the half is over all months, so that nothing is left
    assert np.nanmax(np.abs(found.difference)) == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(found.fraction[found.halves.index(f"{DARK}a")]).all()
    one = ask(lambda c: amplifier_months(c, scope.nights(), 6))
    assert one.halves == ["6a", "6b"]
