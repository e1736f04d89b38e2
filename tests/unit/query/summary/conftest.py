"""A catalogue and the rows that its summaries are compared with."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

import goodpix

from ....rowcatalogue import Row
from ..conftest import RowCatalogue


@pytest.fixture(scope="module")
def cat(row_catalogue: RowCatalogue) -> Iterator[goodpix.Catalogue]:
    with goodpix.Catalogue(row_catalogue.url) as catalogue:
        yield catalogue


@pytest.fixture(scope="module")
def epochs(row_catalogue: RowCatalogue) -> list[Row]:
    """The epochs that count."""
    return row_catalogue.epochs


@pytest.fixture(scope="module")
def ccds(row_catalogue: RowCatalogue) -> list[Row]:
    """The CCD images, each once."""
    return row_catalogue.ccd_images


def same(found: "pd.Series[Any]", expected: list[float]) -> bool:
    return [None if pd.isna(a) else a for a in found] == [None if math.isnan(b) else pytest.approx(b) for b in expected]
