"""Facts about sums by night; that they stay true is a fact about all summaries."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.ccdimages import ImageChange
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.nightsums import Bits, add_to_bit_nights, add_to_nights
from goodpix.schema.tables import ccd_bit_night, ccd_image, ccd_night

SUMS = ccd_night.c.keys()[4:]
KEY = (1, 11)


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


def image(count: int | None, nite: int | None = 20150101) -> dict[str, Any]:
    return {**dict.fromkeys(ccd_image.c.keys()), **dict.fromkeys(SUMS, count), "nite": nite, "n_tiles": 1}


def sums(connection: sa.Connection) -> list[tuple[int | None, int, int | None]]:
    rows = connection.execute(sa.select(ccd_night).order_by(ccd_night.c.nite))
    return [(row.nite, row.n_ccd_images, row.n_good_se) for row in rows]


@pytest.mark.parametrize("nite", [20150101, None])
def test_images_add_to_their_night(connection: sa.Connection, nite: int | None) -> None:
    for _ in range(2):
        assert add_to_nights(connection, "i", [ImageChange(KEY, None, image(5, nite))]) == set()
    assert sums(connection) == [(nite, 2, 10)]


def test_change_adds_its_difference(connection: sa.Connection) -> None:
    add_to_nights(connection, "i", [ImageChange(KEY, None, image(5)), ImageChange((2, 11), None, image(6))])
    assert add_to_nights(connection, "i", [ImageChange(KEY, image(5), image(2))]) == set()
    assert sums(connection) == [(20150101, 2, 8)]


def test_sum_of_nulls_is_null_until_there_is_a_number(connection: sa.Connection) -> None:
    add_to_nights(connection, "i", [ImageChange(KEY, None, image(None))])
    add_to_nights(connection, "i", [ImageChange(KEY, None, image(None))])
    assert sums(connection) == [(20150101, 2, None)]
    add_to_nights(connection, "i", [ImageChange(KEY, None, image(0))])
    assert sums(connection) == [(20150101, 3, 0)]


@pytest.mark.parametrize(("after", "nites"), [(None, []), (image(None), []), (image(5, 20150102), [20150102])])
def test_night_that_loses_a_count_is_left_to_be_summed_again(
    connection: sa.Connection, after: dict[str, Any] | None, nites: list[int]
) -> None:
    add_to_nights(connection, "i", [ImageChange(KEY, None, image(5))])
    assert add_to_nights(connection, "i", [ImageChange(KEY, image(5), after)]) == {(11, 20150101)}
    assert sums(connection) == [(20150101, 1, 5), *((nite, 1, 5) for nite in nites)]


@pytest.mark.parametrize("nite", [20150101, None])
def test_bits_come_and_go_with_their_images(connection: sa.Connection, nite: int | None) -> None:
    def store(before: Bits | None, after: Bits | None) -> list[tuple[Any, ...]]:
        rows = [None if bits is None else image(5, nite) for bits in (before, after)]
        bits = [{} if each is None else {KEY: each} for each in (before, after)]
        add_to_bit_nights(connection, ("tile", "i"), (bits[0], bits[1]), [ImageChange(KEY, *rows)])
        return [tuple(row) for row in connection.execute(sa.select(ccd_bit_night).order_by(ccd_bit_night.c.bit))]

    key = ("i", 11, nite)
    assert store(None, {(0, "BPM"): 7}) == [(*key, 0, "BPM", 1, 7)]
    assert store({(0, "BPM"): 7}, {(0, "BPM"): 9, (5, "STAR"): 1}) == [(*key, 0, "BPM", 1, 9), (*key, 5, "STAR", 1, 1)]
    assert store({(0, "BPM"): 9, (5, "STAR"): 1}, {(5, "STAR"): 1}) == [(*key, 5, "STAR", 1, 1)]
    assert store({(5, "STAR"): 1}, None) == []
