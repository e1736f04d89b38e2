"""Pictures that need masks and images: what is drawn is what they hold."""

from pathlib import Path

import fitsio
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

import goodpix
from goodpix.query.plots import REASONS, plot_mask, plot_tile, reason_image
from goodpix.query.plots.image import grey_levels, image_behind
from goodpix.schema.errors import PlaneError

from ..pictures import within_its_figure
from .survey import SPEC, Survey

TILE = SPEC.tilename
LONG = goodpix.Selection(
    ignore=["COADD_SEG"],
    ignore_bits={"SE": ["STAR", "TRAIL", "EDGE", "NEAREDGE"], "COADD": ["NO_DATA"]},
    grow={"SE_SEG": 8, "SE:BPM": 2},
    border=20,
)


@pytest.fixture
def mask(survey: Survey, ingested: Survey) -> goodpix.Mask:
    """A mask whose image is in a folder of its own, which MEDS_DIR names."""
    entry = survey.epoch(0)
    with ingested.catalogue() as catalogue:
        return catalogue.mask(TILE, "r", entry["expnum"], entry["ccdnum"])


def images(axes: object) -> list[AxesImage]:
    found: list[AxesImage] = axes.images  # type: ignore[attr-defined]  # of Axes
    return sorted(found, key=lambda each: each.get_zorder())


def test_mask_has_the_colours_of_its_reasons(mask: goodpix.Mask) -> None:
    (picture,) = images(plot_mask(mask))
    reasons = reason_image(mask)
    expected = np.array([to_rgba("#ffffff"), *(to_rgba(each.colour) for each in REASONS)])[reasons]
    np.testing.assert_allclose(np.asarray(picture.get_array()) / 255, expected, atol=1 / 255)
    assert len(np.unique(reasons)) > 3


def test_image_lies_under_the_reasons(mask: goodpix.Mask, survey: Survey) -> None:
    box = (20, 60, 50, 110)
    axes = plot_mask(mask.cutout(*box), over="image")
    behind, reasons = images(axes)
    pixels = fitsio.read(survey.path(0, "image"), ext="sci")[50:110, 20:60]
    np.testing.assert_array_equal(behind.get_array(), pixels)
    assert list(behind.get_extent()) == list(reasons.get_extent()) == [19.5, 59.5, 49.5, 109.5]
    opacity = np.asarray(reasons.get_array())[..., 3]
    good = mask.cutout(*box).good()
    assert set(opacity[good]) == {0}
    assert all(0 < each < 255 for each in np.unique(opacity[~good]))


def test_over_the_image_no_reason_is_grey(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        (of_epoch,) = catalogue.epochs(band="r").sort_values("n_on_coadd").head(1).itertuples()
        mask = catalogue.mask(TILE, "r", int(str(of_epoch.expnum)), int(str(of_epoch.ccdnum)))
    axes = plot_mask(mask, goodpix.Selection(ignore=["SE_BMASK"]), over="image")
    _, reasons = images(axes)
    colours = np.unique(np.asarray(reasons.get_array())[~mask.good(goodpix.Selection(ignore=["SE_BMASK"]))], axis=0)
    assert len(colours) > 3
    assert np.ptp(colours[:, :3].astype(int), axis=1).min() > 40
    legend = axes.get_legend()
    assert legend is not None
    shown = {to_hex(patch.get_facecolor()) for patch in legend.get_patches()[1:]}
    assert shown == {to_hex(each) for each in colours / 255}


def test_sky_is_grey_and_stars_are_white(mask: goodpix.Mask) -> None:
    pixels, good = image_behind(mask), mask.good()
    black, white = grey_levels(pixels, good)
    shown = (pixels - black) / (white - black)
    assert 0.2 < np.median(shown[good]) < 0.6
    assert np.mean((shown[good] > 0) & (shown[good] < 1)) > 0.99
    assert shown.max() > 1


def test_where_the_image_is_gone_the_picture_says_so(mask: goodpix.Mask, survey: Survey) -> None:
    survey.path(0, "image").unlink()
    axes = plot_mask(mask, over="image")
    assert len(axes.images) == 1
    line = axes.get_title(loc="left").splitlines()[-1]
    assert line.startswith("no image: ")
    assert "no such file" in line


def test_image_is_found_where_the_ingest_found_it(ingested: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDS_DIR")
    with ingested.catalogue() as catalogue:
        masks = list(catalogue.masks(band="r"))
        key = masks[0].key
        assert key.expnum is not None
        assert key.ccdnum is not None
        masks += [catalogue.mask(TILE, "r"), catalogue.ccd_mask("r", key.expnum, key.ccdnum)]
    for each in masks:
        assert image_behind(each).shape == each.shape
        assert len(plot_mask(each, over="image").images) == 2


def test_image_of_another_size_is_not_shown(mask: goodpix.Mask, survey: Survey) -> None:
    path = survey.path(0, "image")
    path.unlink()
    with fitsio.FITS(path, "rw") as fits:
        fits.write(np.zeros((7, 9), np.float32), extname="sci")
    with pytest.raises(PlaneError, match="is 9 x 7: its mask is"):
        image_behind(mask)
    assert "no image" in plot_mask(mask, over="image").get_title(loc="left")


def test_tile_shows_its_map_of_good_epochs(ingested: Survey, tmp_path: Path) -> None:
    selection = goodpix.Selection(ignore=["COADD_SEG"])
    with ingested.catalogue() as catalogue:
        axes = catalogue.plot_tile(TILE, "r", selection)
        expected = catalogue.good_epoch_map(TILE, "r", selection)
    (picture,) = images(axes)
    np.testing.assert_array_equal(np.ma.filled(np.ma.asarray(picture.get_array()), 0), expected)
    assert picture.get_clim() == (1, expected.max())  # 0 is grey
    first, *_, last = axes.get_title(loc="left").splitlines()
    assert (first, last) == (f"{TILE}  r  good epochs out of 3", "selection: ignore COADD_SEG")


@pytest.mark.parametrize("box", [(0, 64, 0, 128), (0, 60, 0, 60)])
@pytest.mark.parametrize("size", [None, (7, 5)])
def test_long_selection_and_path_lie_within_the_figure(
    mask: goodpix.Mask, survey: Survey, box: tuple[int, int, int, int], size: tuple[float, float] | None
) -> None:
    part = mask.cutout(*box)
    assert within_its_figure(
        plot_mask(part, LONG, over="image", ax=Figure(figsize=size).add_subplot() if size else None)
    )
    if size is None:
        survey.path(0, "image").unlink()
        assert within_its_figure(plot_mask(part, LONG, over="image"))


@pytest.mark.parametrize("size", [None, (7, 5)])
def test_long_selection_lies_within_the_figure_of_a_tile(ingested: Survey, size: tuple[float, float] | None) -> None:
    given = Figure(figsize=size).add_subplot() if size else None
    with ingested.catalogue() as catalogue:
        assert within_its_figure(plot_tile(catalogue, TILE, "r", LONG, ax=given))
