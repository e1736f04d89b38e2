"""What the demonstration refuses before it makes anything."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from goodpix.demo import run_demo
from goodpix.ingest.synthetic import SMALL
from goodpix.schema.errors import UsageError


@pytest.fixture(autouse=True)
def _meds_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what the demonstration sets put back afterwards."""
    monkeypatch.setenv("MEDS_DIR", "nowhere")


@pytest.mark.parametrize("change", [{"seed": 99}, {"n_epochs": SMALL.n_epochs + 1}, {"bands": ("i",)}])
def test_folder_with_another_tile_is_refused_and_left_as_it_is(tmp_path: Path, change: dict[str, object]) -> None:
    record = tmp_path / "survey" / "tile.json"
    record.parent.mkdir()
    record.write_text(json.dumps(asdict(SMALL), indent=1))
    other = replace(SMALL, **change)  # type: ignore[arg-type]  # fields of several types
    with pytest.raises(UsageError, match="holds a different tile: expected an empty folder or the same tile"):
        run_demo(tmp_path, other)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [record]


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=f"{tmp_path / 'file' / 'demo'}: the demonstration cannot be written"):
        run_demo(tmp_path / "file" / "demo")


def test_paths_of_the_tile_begin_with_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        run_demo(Path("demo"))
    assert os.environ["MEDS_DIR"] == str(tmp_path / "demo" / "survey")
