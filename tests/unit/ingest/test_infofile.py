"""Facts about info files and their entries."""

from pathlib import Path
from typing import Any

import pytest

from goodpix.ingest.infofile import EpochInfo, campaign_of, read_inputs
from goodpix.schema.planes.imagefiles import PlaneFile

ENTRY: dict[str, Any] = {
    "tilename": "T",
    "band": "r",
    "expnum": 1,
    "ccdnum": 2,
    **{f"{name}_path": f"{name}.fits" for name in ("image", "weight", "bmask", "head")},
    **{f"{name}_ext": number for number, name in enumerate(("image", "weight", "bmask"))},
    "seg_path": "",
}


def test_place_of_a_plane_is_its_path_and_extension() -> None:
    entry = EpochInfo.model_validate(ENTRY)
    assert entry.file("weight") == PlaneFile("weight.fits", 1)
    assert entry.file("head") == PlaneFile("head.fits")
    assert [entry.file(name) for name in ("seg", "bkg", "other")] == [None, None, None]
    assert list(entry.files) == ["image", "weight", "bmask", "head"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_number_that_is_not_finite_is_null(value: float | None) -> None:
    assert EpochInfo.model_validate(ENTRY | {"magzp": value}).magzp is None


def test_folder_is_searched_through_links_once(tmp_path: Path) -> None:
    below = tmp_path / "campaign" / "info"
    below.mkdir(parents=True)
    (below / "a_pizza_cutter_info.yaml").write_text("")
    (below / "round").symlink_to(tmp_path, target_is_directory=True)
    (found,) = read_inputs([tmp_path, below / "a_pizza_cutter_info.yaml"])
    assert found.path == below / "a_pizza_cutter_info.yaml"
    assert campaign_of(found.path) == "campaign"
    assert "is empty: expected a mapping" in str(found.content)
