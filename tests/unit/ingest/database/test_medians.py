"""Facts about medians that follow changes."""

import statistics
from collections.abc import Iterator

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.ingest.database import medians
from goodpix.ingest.database.ccdimages import ImageChange
from goodpix.ingest.database.medians import count_medians, fill_medians, move_medians
from goodpix.ingest.database.migrate import migrate
from goodpix.schema.tables import ccd_image, ccd_median

BAND = "i"


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    with engine.begin() as connection:
        migrate(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def change(connection: sa.Connection, expnum: int, fraction: float | None, ccdnum: int = 1) -> ImageChange:
    """Give an image another fraction, or none."""
    image = ccd_image.c
    this = sa.and_(image.band == BAND, image.expnum == expnum, image.ccdnum == ccdnum)
    old = connection.execute(sa.select(image.fraction_good_se).where(this)).scalar()
    connection.execute(ccd_image.delete().where(this))
    if fraction is not None:
        key = {"band": BAND, "expnum": expnum, "ccdnum": ccdnum}
        connection.execute(ccd_image.insert().values(**key, n_tiles=1, fraction_good_se=fraction))
    before, after = (None if each is None else {"fraction_good_se": each} for each in (old, fraction))
    return ImageChange((expnum, ccdnum), before, after)


def stored(connection: sa.Connection) -> dict[int, tuple[int, float]]:
    return {row.ccdnum: (row.n_ccd_images, row.fraction_good_se) for row in connection.execute(sa.select(ccd_median))}


def true(connection: sa.Connection) -> dict[int, tuple[int, float]]:
    fractions: dict[int, list[float]] = {}
    for row in connection.execute(sa.select(ccd_image.c.ccdnum, ccd_image.c.fraction_good_se)):
        fractions.setdefault(row.ccdnum, []).append(row.fraction_good_se)
    return {ccdnum: (len(each), statistics.median(each)) for ccdnum, each in fractions.items()}


@pytest.mark.parametrize("n_values", [3, 30, 10**6], ids=["many ties", "few ties", "no ties"])
def test_medians_follow_any_changes(connection: sa.Connection, n_values: int) -> None:
    rng = np.random.default_rng(n_values)
    for _ in range(60):
        changes = []
        # mostly one image at a time, and at times so many that nothing near the old median is left
        for expnum in rng.choice(12, rng.choice([1, 2, 8], p=[0.6, 0.3, 0.1]), replace=False):
            value = None if rng.random() < 0.4 else float(rng.integers(0, n_values)) / n_values
            changes.append(change(connection, int(expnum), value, int(rng.integers(1, 3))))
        move_medians(connection, BAND, changes)
        assert stored(connection) == true(connection)


def test_most_medians_are_found_near_the_last_one(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    for expnum in range(20):
        change(connection, expnum, expnum / 20)
    fill_medians(connection)
    monkeypatch.delattr(medians, "_counted")
    for expnum, fraction in ((30, 0.01), (31, 0.99), (4, None), (30, 0.98), (10, None), (31, None)):
        move_medians(connection, BAND, [change(connection, expnum, fraction)])
        assert stored(connection) == true(connection)


def test_wrong_median_is_not_an_error(connection: sa.Connection) -> None:
    for expnum in range(5):
        change(connection, expnum, 0.1 * expnum)
    for n, fraction in ((101, 0.2), (0, 0.2), (1, 0.4)):
        connection.execute(ccd_median.delete())
        row = {"band": BAND, "ccdnum": 1, "n_ccd_images": n, "fraction_good_se": fraction}
        connection.execute(ccd_median.insert().values(row))
        move_medians(connection, BAND, [change(connection, 5, 0.15), change(connection, 5, None)])
        assert len(stored(connection)) == 1


def test_medians_are_counted_from_scratch(connection: sa.Connection) -> None:
    for expnum in range(4):
        change(connection, expnum, 0.1 * expnum, ccdnum=1 + expnum % 2)
    count_medians(connection, BAND, [1, 7])
    assert stored(connection) == {1: true(connection)[1]}
    fill_medians(connection)
    assert stored(connection) == true(connection)
