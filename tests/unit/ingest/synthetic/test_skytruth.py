"""Facts about the file of the known sky."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from goodpix.ingest.synthetic.defects import StarHalo
from goodpix.ingest.synthetic.drawing import RESIDUAL_GRADIENT, RESIDUAL_LEVEL
from goodpix.ingest.synthetic.exposure import Exposure, exposure_cards
from goodpix.ingest.synthetic.skytruth import write_truth

EXPOSURE = Exposure(200_000, 40, "r", datetime(2016, 10, 1), 31.6, 4.0, 400.0, 10.0, 1.2)


def test_known_sky_is_that_of_every_image(tmp_path: Path) -> None:
    write_truth(tmp_path / "new" / "truth.json", [])
    assert json.loads((tmp_path / "new" / "truth.json").read_text()) == {
        "unit": "ADU",
        "residual_level": RESIDUAL_LEVEL,
        "residual_gradient_x": 0.0,
        "residual_gradient_y": RESIDUAL_GRADIENT,
        "correlation": 0.0,
        "epochs": [],
    }


def test_halo_of_stars_is_told_where_there_is_one(tmp_path: Path) -> None:
    write_truth(tmp_path / "truth.json", [], StarHalo(3.0, 40.0))
    assert json.loads((tmp_path / "truth.json").read_text())["star_halo"] == {"level": 3.0, "reach": 40.0}


def test_noise_of_each_epoch_is_that_of_its_header(tmp_path: Path) -> None:
    exposures = [EXPOSURE, replace(EXPOSURE, expnum=200_001, sigma=3.0)]
    write_truth(tmp_path / "truth.json", exposures)
    for known, exposure in zip(json.loads((tmp_path / "truth.json").read_text())["epochs"], exposures, strict=True):
        cards = exposure_cards(exposure, (128, 64))
        assert (known["expnum"], known["ccdnum"]) == (cards["EXPNUM"], cards["CCDNUM"])
        assert known["noise_amp_a"] ** 2 == pytest.approx(cards["SKYVARA"])
        assert known["noise_amp_b"] ** 2 == pytest.approx(cards["SKYVARB"])
