"""Names that callers know are the things themselves."""

import goodpix
from goodpix.schema import bits, criteria
from goodpix.schema.selection import definition


def test_names_of_the_front_door_are_those_of_the_schema() -> None:
    assert criteria.Selection is definition.Selection is goodpix.Selection
    assert criteria.Criterion is bits.Criterion is goodpix.Criterion
