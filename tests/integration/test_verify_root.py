"""The masks root that verify finds: its marker, and one that is missing."""

import pytest

import goodpix

from .damage import all_rows
from .survey import Survey


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "_goodpix.json is missing"),
        ("{", "cannot read its"),
        ('{"format_version": 1, "uuid": "x"}', "belongs to"),
    ],
)
def test_marker_of_the_masks_root_is_checked(stored: Survey, text: str | None, message: str) -> None:
    marker = stored.masks / "_goodpix.json"
    marker.unlink() if text is None else marker.write_text(text)
    (problem,) = goodpix.verify(stored.database).problems
    assert problem.what == "masks root"
    assert message in problem.message


def test_missing_root_is_one_problem_and_never_repaired(stored: Survey) -> None:
    before = all_rows(stored.database)
    stored.masks.rename(stored.masks.with_name("unmounted"))
    (problem,) = goodpix.verify(stored.database).problems
    assert "is the disk mounted" in problem.message
    with pytest.raises(goodpix.GoodpixError, match="is the disk mounted"):
        goodpix.verify(stored.database, repair=True)
    assert all_rows(stored.database) == before
