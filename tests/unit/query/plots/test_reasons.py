"""Which reason of several a picture shows."""

import numpy as np
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.query.palette import CRITERION_COLOURS, OVER_IMAGE_COLOURS, OWN_CUT_COLOUR
from goodpix.query.plots.reasons import CRITERION_LABELS, REASONS, reason_image, reason_table
from goodpix.schema.bits import OWN_CUT, Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

NAMES = [reason.name for reason in REASONS]


def test_every_criterion_and_the_own_cut_is_a_reason_once() -> None:
    assert sorted(int(reason.bit) for reason in REASONS) == sorted([OWN_CUT, *map(int, Criterion)])
    assert len({reason.label for reason in REASONS}) == len(REASONS)
    assert set(CRITERION_LABELS) == set(Criterion)


def test_reasons_have_the_colours_of_the_palette() -> None:
    for reason in REASONS:
        own = int(reason.bit) == OWN_CUT
        criterion = None if own else Criterion(reason.bit)
        expected = OWN_CUT_COLOUR if criterion is None else CRITERION_COLOURS[criterion]
        over = OWN_CUT_COLOUR if criterion is None else OVER_IMAGE_COLOURS[criterion]
        assert (reason.shown(over_image=False), reason.shown(over_image=True)) == (expected, over)


def test_names_are_single_words() -> None:
    assert [name for name in NAMES if " " in name] == []
    assert REASONS[2].name == "SE-mask-bit"


@pytest.mark.parametrize("hidden", [(), ("SE-mask-bit",), ("border-or-own-cut", "coadd-object"), tuple(NAMES)])
def test_first_reason_that_holds_and_is_not_hidden_is_shown(hidden: tuple[str, ...]) -> None:
    found = reason_table(hidden)
    assert found.dtype == np.uint8
    assert found.shape == (256,)
    for criteria in range(256):
        holding = [k for k, each in enumerate(REASONS, 1) if criteria & int(each.bit) and each.name not in hidden]
        assert found[criteria] == (holding[0] if holding else 0)


def test_image_shows_the_reasons_of_a_selection() -> None:
    flags = np.array([[0, 1, 4], [5, 16, 8], [0, 0, 64]])
    mask = Mask(MaskKey("T", "r", "epoch", 1, 2), encode(flags))
    assert [[NAMES[code - 1] if code else "" for code in row] for row in reason_image(mask).tolist()] == [
        ["", "SE-object", "SE-mask-bit"],
        ["SE-mask-bit", "coadd-object", "off-the-coadd"],
        ["", "", "coadd-mask-bit"],
    ]
    ignored = reason_image(mask, Selection(ignore=["SE_BMASK"], border=1))
    assert (ignored[1, 1], set(ignored[0])) == (1 + NAMES.index("coadd-object"), {1})
