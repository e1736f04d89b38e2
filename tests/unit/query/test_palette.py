"""The palette can be told apart by everybody, and covers every criterion."""

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.palette import (
    BAND_COLOURS,
    CRITERION_COLOURS,
    DIVERGING,
    GOOD_COLOUR,
    OVER_IMAGE_COLOURS,
    OWN_CUT_COLOUR,
    SEQUENTIAL,
    band_colour,
    in_band_order,
)
from goodpix.schema.criteria import Criterion

Floats = npt.NDArray[np.float64]

# linear RGB as somebody sees it who lacks one kind of cones: Machado, Oliveira & Fernandes (2009), severity 1
SIGHT: dict[str, Floats] = {
    "usual": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _XYZ.sum(axis=1)


def linear(colour: str) -> Floats:
    srgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(colour: str, sight: str = "usual") -> Floats:
    """Return CIE lightness, a and b: a difference of 2 can be seen, 10 at a glance."""
    seen = np.clip(SIGHT[sight] @ linear(colour), 0, 1)
    ratio = _XYZ @ seen / _WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(colour: str) -> float:
    """Return the contrast against white, as the Web Content Accessibility Guidelines define it."""
    return float(1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05))


def least_difference(colours: list[str], sight: str) -> float:
    return min(float(np.linalg.norm(lab(a, sight) - lab(b, sight))) for a, b in itertools.combinations(colours, 2))


def test_every_criterion_has_a_colour() -> None:
    assert set(CRITERION_COLOURS) == set(Criterion)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [CRITERION_COLOURS, OVER_IMAGE_COLOURS])
def test_reasons_can_be_told_apart(sight: str, colours: Mapping[Criterion, str]) -> None:
    assert least_difference([*colours.values(), OWN_CUT_COLOUR, GOOD_COLOUR], sight) > 10


@pytest.mark.parametrize("sight", SIGHT)
def test_bands_can_be_told_apart(sight: str) -> None:
    assert least_difference(list(BAND_COLOURS.values()), sight) > 10


def test_bands_stand_out_from_white() -> None:
    assert min(contrast(each) for each in [*BAND_COLOURS.values(), *map(band_colour, "abcdef")]) > 3


def test_a_band_of_no_colour_gets_one_that_stays() -> None:
    assert band_colour("N964") == band_colour("N964") not in BAND_COLOURS.values()


@pytest.mark.parametrize("sight", SIGHT)
def test_sequential_grows_lighter_for_everybody(sight: str) -> None:
    lightness = [lab(each, sight)[0] for each in SEQUENTIAL]
    assert np.diff(lightness).min() > 2


@pytest.mark.parametrize("sight", SIGHT)
def test_diverging_grows_darker_from_its_middle(sight: str) -> None:
    lightness = np.array([lab(each, sight)[0] for each in DIVERGING])
    middle = len(DIVERGING) // 2
    assert np.diff(lightness[: middle + 1]).min() > 2
    assert np.diff(lightness[middle:]).max() < -2
    assert np.linalg.norm(lab(DIVERGING[0], sight) - lab(DIVERGING[-1], sight)) > 15


def test_bands_come_in_order_of_colour() -> None:
    assert in_band_order(["Y", "VR", "g", "z", "g", "r"]) == ["g", "r", "z", "Y", "VR"]
    assert band_colour("VR") not in BAND_COLOURS.values()
