"""States of files, asked for once."""

from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest import filestates
from goodpix.ingest.filestates import FileStates
from goodpix.ingest.infofile import TileInfo
from goodpix.schema.planes.imagefiles import file_state

N_EPOCHS = 60


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Files of different sizes, but for the last one, which is not there."""
    paths = [tmp_path / f"{number}.fits" for number in range(N_EPOCHS + 1)]
    for number, path in enumerate(paths[:-1]):
        path.write_bytes(b"x" * number)
    return list(map(str, paths))


def tile(first: str, paths: list[str]) -> TileInfo:
    """Return a tile whose coadd is in the first file, and an epoch of each other."""
    image: dict[str, Any] = {f"{name}_ext": "sci" for name in ("image", "weight", "bmask", "seg")}
    names = [f"{name}_path" for name in ("image", "weight", "bmask", "seg")]
    epochs = [image | dict.fromkeys(names, path) | {"expnum": 1, "ccdnum": k} for k, path in enumerate(paths)]
    return TileInfo.model_validate(
        image | dict.fromkeys(names, first) | {"tilename": "T", "band": "r", "src_info": epochs}
    )


@pytest.mark.parametrize("seconds", [-1.0, 1e9], ids=["side by side", "one after the other"])
def test_every_file_has_its_state(seconds: float, paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filestates, "_FAR", seconds)
    found = FileStates().of(tile(paths[0], paths[1:]))
    assert found == {path: file_state(path) for path in paths}
    assert found[paths[-1]] is None


def test_file_that_another_tile_lists_is_not_asked_for_again(paths: list[str]) -> None:
    states = FileStates()
    first = states.of(tile(paths[0], paths[1:3]))
    Path(paths[2]).write_bytes(b"changed since")
    again = states.of(tile(paths[4], [paths[2], paths[5]]))
    assert again[paths[2]] == first[paths[2]]
    assert set(again) == {paths[2], paths[4], paths[5]}
