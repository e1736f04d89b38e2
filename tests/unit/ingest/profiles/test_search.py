"""Facts about the search for a profile's files."""

from pathlib import Path

import pytest

from goodpix.ingest.profiles.search import find_files
from goodpix.schema.errors import UsageError


def find(*given: Path) -> list[Path]:
    return find_files(given, lambda name: name.endswith(".fits"), "*.fits")


def test_folders_are_searched_in_order_and_each_file_comes_once(tmp_path: Path) -> None:
    below = tmp_path / "b" / "c"
    below.mkdir(parents=True)
    first, second, other = tmp_path / "a.fits", below / "d.fits", tmp_path / "e.txt"
    for path in (first, second, other):
        path.touch()
    (below / "round").symlink_to(tmp_path, target_is_directory=True)
    assert find(tmp_path, second) == [first, second]
    assert find(other, tmp_path) == [other, first, second]


def test_folder_without_such_files_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=rf"^{tmp_path}: the folder contains no \*\.fits$"):
        find(tmp_path)


def test_path_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone: no such file or folder"):
        find(tmp_path / "gone")
