"""Mask widths on the overview: the sample, and what is shown of it."""

import pandas as pd
import pytest

from goodpix.query.background.maskwidth import MaskWidths
from goodpix.query.dashboard.cache import CatalogueCache
from goodpix.query.dashboard.numbers.scope import TileScope
from goodpix.query.dashboard.pages.maskwidth import WidthBox, Widths, _interruptible, widths_of
from goodpix.query.masks.parallel import Mapped
from goodpix.query.palette import band_colour
from goodpix.query.source import Source

from .....maskcatalogue import EAST, EPOCHS
from ..conftest import data_of, without_threads

TABLE = pd.DataFrame(
    {
        "band": ["i", "i", "r", "r", "u"],
        "radius": [0.0, 4.0, 0.0, 4.0, 0.0],
        "n_images": [3, 3, 2, 2, 0],
        "n": [100, 75, 40, 10, 0],
        "median": [0.2, 0.05, 0.3, 0.1, None],
        "median_error": [0.01] * 4 + [None],
    }
)


class Box:
    """The plot of widths, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.box = WidthBox(lambda: self.asked.append("measure"))
        _, self.button, self.note, self.plot = self.box.body

    def show(self, left_out: list[str], table: pd.DataFrame = TABLE) -> str:
        self.box.show(
            Widths(MaskWidths(table, left_out), {"i": "1,234 CCD images", "r": "2 CCD images", "u": "0 CCD images"})
        )
        return str(self.note.object)


@pytest.mark.parametrize(
    ("scope", "n_images"),
    [(TileScope(), {"r": 2, "i": 1}), (TileScope("r"), {"r": 2}), (TileScope("r", (EAST,)), {"r": 2})],
)
def test_sample_is_of_the_scope_and_unusable_images_are_left_out(
    masks_cache: CatalogueCache, scope: TileScope, n_images: dict[str, int]
) -> None:
    found = widths_of(masks_cache, scope, 0.0)
    # one image is in both tiles
    assert found.drawn_from == {band: f"{n} CCD image{'s' * (n != 1)}" for band, n in n_images.items()}
    # what their fingerprints were made of is not what the files are
    assert len(found.found.left_out) == sum(n_images.values())
    assert all("files have changed since the ingest" in each for each in found.found.left_out)


def test_scope_without_epochs_has_no_width(masks_cache: CatalogueCache) -> None:
    found = widths_of(masks_cache, TileScope("u"), 0.0)
    assert (found.drawn_from, found.found.left_out, len(found.found.table)) == ({"u": "0 CCD images"}, [], 0)


def test_measuring_stops_when_the_server_ends(source: Source) -> None:
    cache = without_threads(source)
    taken = []
    for mapped in _interruptible(iter([Mapped(key) for key in EPOCHS]), cache):
        assert not cache.files.locked()
        taken.append(mapped.key)
        if len(taken) == 2:
            cache.close()
    assert taken == list(EPOCHS)[:2]


def test_button_asks_and_is_gone_while_it_is_measured() -> None:
    box = Box()
    box.button.clicks += 1
    assert box.asked == ["measure"]
    box.box.ask(True)
    assert (box.button.visible, "Measuring" in box.note.object) == (False, True)
    box.box.ask(False)
    assert (box.button.visible, box.note.object) == (True, "")


def test_plot_has_a_line_for_each_band_with_pixels() -> None:
    box = Box()
    words = box.show([])
    lines, points = (data_of(box.plot.object, k) for k in (0, 1))
    assert (lines["xs"], lines["ys"]) == ([[0.0, 4.0]] * 2, [[0.3, 0.1], [0.2, 0.05]])
    assert lines["colour"] == [band_colour("r"), band_colour("i")]
    assert points["low"] == pytest.approx([0.19, 0.04, 0.29, 0.09])
    assert box.plot.object.visible
    assert "i: 3 CCD images from 1,234 CCD images, 75.00 % of good pixels left at a radius of 4 pixels" in words
    assert "u:" not in words


def test_images_that_were_left_out_are_counted_by_reason_and_the_first_named() -> None:
    words = Box().show(["<r 1/11>: gone", "r 2/12: gone", "r 3/1: worn"])
    assert "Left out: 2 CCD images (the first &lt;r 1/11&gt;): gone" in words
    assert "Left out: 1 CCD image (r 3/1): worn" in words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "SKY_DIR is not set: set it to the folder of the survey&#x27;s files, and start the dashboard again."),
        ("/nowhere", "SKY_DIR is /nowhere for this dashboard: the files named are not there, or cannot be read."),
    ],
)
def test_variable_of_missing_files_is_said(monkeypatch: pytest.MonkeyPatch, value: str | None, said: str) -> None:
    monkeypatch.delenv("SKY_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("SKY_DIR", value)
    texts = [
        f"epoch {k}/1 (tile T, band r): FitsFileError: $SKY_DIR/{k}.fits: no such file: is SKY_DIR set?" for k in (1, 2)
    ]
    words = Box().show(texts)
    first = "$SKY_DIR/1.fits: no such file: is SKY_DIR set?"
    assert f"Left out: 2 CCD images (the first epoch 1/1 (tile T, band r)): {first}" in words
    assert said in words


def test_what_cannot_be_measured_at_all_says_why() -> None:
    box = Box()
    box.box.ask(True)
    box.box.show("s3fs is not installed: <pip install>")
    assert "Cannot measure: s3fs is not installed: &lt;pip install&gt;" in box.note.object
    assert "Measuring" not in box.note.object


@pytest.mark.parametrize(("left_out", "words"), [([], "No matching images."), (["r 1/11: gone"], "Left out: 1")])
def test_nothing_measured_is_said_in_place_of_a_plot(left_out: list[str], words: str) -> None:
    box = Box()
    found = box.show(left_out, TABLE[4:])
    assert words in found
    assert not box.plot.object.visible


def test_page_that_asked_for_nothing_shows_nothing() -> None:
    box = Box()
    box.box.show(None)
    assert (box.note.object, box.plot.object.visible) == ("", False)
