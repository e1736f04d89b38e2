"""Blank sky, compared with brute force by wcslib over all pixels of all images."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from goodpix.query.places.sequence import EvenPoints, sky_of
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.errors import MaskFileError, UnknownNameError, UsageError
from goodpix.schema.wcs.solution import unit_vectors

from .smallsky import HERE, PLACES, SHAPE, Image, SmallSky, few_bad
from .survey import Survey, records

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

RADIUS = 40.0
"""Radius of the discs, arcsec; a pixel is 36 arcsec wide."""

STEPS = 8
"""Steps at which brute force samples a pixel, its edges among them."""

SELECTIONS = {
    "default": Selection(),
    "coadd ignored": Selection(ignore=["COADD_SEG", "OFF_COADD"]),
    "grown, with a border": Selection(grow={"SE_BMASK": 1.5}, border=2),
}


@pytest.fixture(scope="module", params=PLACES.values(), ids=list(PLACES))
def anywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """A catalogue about each of the places, of images whose flags differ between two tiles; nobody changes it."""
    return make(tmp_path_factory.mktemp("blank"), *request.param)


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> SmallSky:
    """The same about one place."""
    return make(tmp_path_factory.mktemp("blank"), *HERE)


def make(folder: Path, ra: float, dec: float) -> SmallSky:
    return SmallSky.make(f"sqlite:///{folder / 'sky.db'}", folder, ra, dec, n_images=10, flags_of=few_bad)


class Brute:
    """Samples of all pixels of all CCD images, merged over their tiles by the rule of `ccd_mask`."""

    def __init__(self, sky: SmallSky, selection: Selection, tiles: tuple[str, ...] = ("EAST", "WEST")) -> None:
        by_image: dict[Any, list[Image]] = {}
        for image in sky.images:
            if image.tilename in tiles:
                by_image.setdefault(image.key[1:], []).append(image)
        self.images = {key: found[0] for key, found in by_image.items()}
        self.samples = {key: image.directions(STEPS) for key, image in self.images.items()}
        self.bad = {key: sampled(good_pixels(sky, found, selection)) for key, found in by_image.items()}

    def distance(self, key: Any, vector: Floats) -> float:
        """Return the distance of a place to the nearest bad sample of an image, arcsec."""
        return separation(self.samples[key][:, self.bad[key]], vector)

    def touches(self, key: Any, vector: Floats) -> bool:
        """Return whether the disc about a place holds a sample of an image."""
        return separation(self.samples[key], vector) < RADIUS


def good_pixels(sky: SmallSky, tiles: list[Image], selection: Selection) -> Bools:
    """Return the good pixels of an image, each by the tile whose unique region holds its centre, or else covers it."""
    y, x = np.indices(SHAPE)
    ra, dec = tiles[0].sky(x.ravel(), y.ravel())
    flags, best = np.zeros(SHAPE, np.int64), np.full(SHAPE, -1)
    for image in sorted(tiles, key=lambda each: each.tilename):
        on_coadd = image.flags & int(Criterion.OFF_COADD) == 0
        rank = on_coadd * (1 + in_region(sky, image, ra, dec).reshape(SHAPE))
        flags, best = np.where(rank > best, image.flags, flags), np.maximum(rank, best)
    bad = flags & sum(each for each in Criterion if each not in selection.ignore) != 0
    for dy, dx in itertools.product((-1, 0, 1), repeat=2) if selection.grow else ():
        source = np.pad(flags & int(Criterion.SE_BMASK) != 0, 1)
        bad |= source[1 + dy : 1 + dy + SHAPE[0], 1 + dx : 1 + dx + SHAPE[1]]
    margin = selection.border
    inside = (x >= margin) & (x < SHAPE[1] - margin) & (y >= margin) & (y < SHAPE[0] - margin)
    good: Bools = ~bad & inside
    return good


def in_region(sky: SmallSky, image: Image, ra: Floats, dec: Floats) -> Bools:
    with sky.catalogue() as catalogue:
        limits: Any = catalogue.mask(image.tilename, image.band).row
    east_of_west = (ra - limits["uramin"]) % 360 < (limits["uramax"] - limits["uramin"]) % 360
    inside: Bools = east_of_west & (dec >= limits["udecmin"]) & (dec < limits["udecmax"])
    return inside


def sampled(good: Bools) -> Bools:
    """Return which samples of an image, column after column, lie in a bad pixel, on the edge of one or of the image."""
    ny, nx = good.shape
    bad = np.pad(~good, 1, constant_values=True)
    out = np.zeros((STEPS * ny + 1, STEPS * nx + 1), np.bool_)
    for y, x in zip(*np.nonzero(bad), strict=True):
        rows, columns = (slice(max(STEPS * (k - 1), 0), max(STEPS * k + 1, 0)) for k in (y, x))
        out[rows, columns] = True
    return out.T.ravel()


def separation(vectors: Floats, vector: Floats) -> float:
    chords = np.linalg.norm(vectors - vector[:, np.newaxis], axis=0)
    return float(np.degrees(2 * np.arcsin(chords.min(initial=2.0) / 2)) * 3600)


def vectors_of(found: pd.DataFrame) -> Floats:
    return unit_vectors(found.ra, found.dec)


@pytest.mark.parametrize("name", SELECTIONS)
def test_every_place_is_blank_by_brute_force(name: str, anywhere: SmallSky) -> None:
    with anywhere.catalogue() as catalogue:
        found = catalogue.blank_sky(40, RADIUS, selection=SELECTIONS[name])
    assert len(found) >= 5
    brute = Brute(anywhere, SELECTIONS[name])
    for row, vector in zip(records(found), vectors_of(found).T, strict=True):
        touching = [key for key in brute.images if brute.touches(key, vector)]
        nearest = min(brute.distance(key, vector) for key in touching)
        assert nearest >= RADIUS
        # samples are an eighth of a pixel apart
        assert nearest - 36 / STEPS <= row.distance_arcsec <= nearest * (1 + 1e-3)
        n_images = {band: sum(key[0] == band for key in touching) for band in "ir"}
        assert (row.n_images_i, row.n_images_r) == (n_images["i"], n_images["r"])
        assert min(n_images.values()) >= 1


def test_discs_do_not_overlap(anywhere: SmallSky) -> None:
    with anywhere.catalogue() as catalogue:
        found = catalogue.blank_sky(300, RADIUS, band="r")
    vectors = vectors_of(found)
    pairs = itertools.combinations(range(len(found)), 2)
    assert min(separation(vectors[:, [a]], vectors[:, b]) for a, b in pairs) >= 2 * RADIUS
    assert len(found) > 20


def test_no_place_of_the_sequence_is_missed(blank: SmallSky) -> None:
    n, order = 25, 15
    with blank.catalogue() as catalogue:
        found = catalogue.blank_sky(n, RADIUS, seed=5)
    brute, points = Brute(blank, Selection()), EvenPoints(5)
    cells = np.unique(np.concatenate([_cells(brute.samples[key], order - 5) for key in brute.images]))
    cells = (cells[:, np.newaxis] << 10 | np.arange(1 << 10)).ravel()
    last = points.ranks(_cells(vectors_of(found), order), order).max()
    ranks = points.ranks(cells, order)
    tried = cells[np.argsort(ranks)][: int((ranks <= last).sum())]
    ra, dec = sky_of(points.pixels(tried, order))
    held = {band: np.zeros(ra.size, np.bool_) for band in "ir"}
    for key, image in brute.images.items():
        held[key[0]] |= image.holds(ra, dec)
    chosen: list[Floats] = []
    for vector in unit_vectors(ra, dec).T[held["i"] & held["r"]]:
        touching = [key for key in brute.images if brute.touches(key, vector)]
        # where samples alone leave it open, the answer may be either
        if min(brute.distance(key, vector) for key in touching) < RADIUS + 36 / STEPS:
            continue
        chosen.append(vector)
    places = vectors_of(found)
    missed = [vector for vector in chosen if separation(places, vector) > 2 * RADIUS]
    assert missed == []
    assert len(chosen) >= n // 2


def _cells(vectors: Floats, order: int) -> npt.NDArray[np.int64]:
    return np.unique(np.atleast_1d(hpgeom.vector_to_pixel(1 << order, *vectors)).astype(np.int64))


def test_places_are_farther_apart_than_random_ones(ingested: Survey) -> None:
    everything = Selection(ignore=list(Criterion))
    with ingested.catalogue() as catalogue:
        found = catalogue.blank_sky(150, 0.02, band="r", selection=everything)
        area = catalogue.sky_area(everything, band="r") * 3600
    assert len(found) == 150
    vectors = vectors_of(found)
    nearest = [separation(np.delete(vectors, k, axis=1), vectors[:, k]) for k in range(150)]
    # random places are half the square root of their area apart, with an error of 4 % for 150 of them
    assert np.mean(nearest) > 1.25 * 0.5 * np.sqrt(area / 150)


def test_places_are_the_same_on_any_workers_and_in_any_order(blank: SmallSky, neighbours: Survey) -> None:
    with blank.catalogue() as catalogue:
        first = catalogue.blank_sky(20, RADIUS, seed=3)
        pd.testing.assert_frame_equal(catalogue.blank_sky(20, RADIUS, seed=3, workers=2), first)
        with ThreadPoolExecutor(3) as executor:
            pd.testing.assert_frame_equal(catalogue.blank_sky(20, RADIUS, seed=3, executor=executor), first)
        fewer = catalogue.blank_sky(7, RADIUS, seed=3)
        pd.testing.assert_frame_equal(fewer, first.head(7))
        other = catalogue.blank_sky(20, RADIUS, seed=4)
    assert not np.isin(other.ra, first.ra).any()


def test_filters_choose_images_and_tiles(blank: SmallSky) -> None:
    with blank.catalogue() as catalogue:
        found = catalogue.blank_sky(10, RADIUS, band="r", tilename="WEST")
        deeper = catalogue.blank_sky(10, RADIUS, band="r", min_images=2)
    assert list(found) == ["ra", "dec", "distance_arcsec", "n_images_r"]
    brute = Brute(blank, Selection(), ("WEST",))
    for vector in vectors_of(found).T:
        touching = [key for key in brute.images if key[0] == "r" and brute.touches(key, vector)]
        assert min(brute.distance(key, vector) for key in touching) >= RADIUS
    assert len(found) == 10
    assert deeper.n_images_r.min() >= 2


@pytest.mark.parametrize("filters", [{"band": "Y"}, {"tilename": "NONE"}, {"band": ["r", "Y"]}], ids=str)
def test_nothing_is_found_without_images_of_every_band(
    filters: dict[str, Any], blank: SmallSky, caplog: pytest.LogCaptureFixture
) -> None:
    with blank.catalogue() as catalogue:
        found = catalogue.blank_sky(3, RADIUS, **filters)
    assert found.empty
    assert list(found)[:3] == ["ra", "dec", "distance_arcsec"]
    assert "found 0 blank places of radius 40 arcsec, 3 were asked for" in caplog.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": 0}, "n is 0: expected a whole number, 1 or more"),
        ({"n": 2.5}, "n is 2.5"),
        ({"radius_arcsec": 0}, "radius_arcsec is 0: expected arcsec, more than 0 and at most 3600"),
        ({"radius_arcsec": 4000.0}, "radius_arcsec is 4000.0"),
        ({"radius_arcsec": float("nan")}, "radius_arcsec is nan"),
        ({"radius_arcsec": "wide"}, "radius_arcsec is 'wide'"),
        ({"min_images": 0}, "min_images is 0"),
        ({"seed": -1}, "seed is -1: expected a whole number, 0 or more"),
    ],
)
def test_number_out_of_range_is_refused(given: dict[str, Any], message: str, blank: SmallSky) -> None:
    with blank.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.blank_sky(**{"n": 3, "radius_arcsec": RADIUS, **given})


def test_unknown_filter_is_an_error(blank: SmallSky) -> None:
    wrong: dict[str, Any] = {"tilenam": "EAST"}
    with blank.catalogue() as catalogue, pytest.raises(UnknownNameError, match="did you mean 'tilename'"):
        catalogue.blank_sky(3, RADIUS, **wrong)


def test_disc_wider_than_an_image_is_nowhere(blank: SmallSky) -> None:
    with blank.catalogue() as catalogue:
        assert catalogue.blank_sky(3, 1800.0).empty


def test_mask_that_cannot_be_read_is_an_error(stored: Survey) -> None:
    for path in stored.masks.rglob("*.parquet"):
        path.write_bytes(b"")
    with stored.catalogue() as catalogue, pytest.raises(MaskFileError, match="DES"):
        catalogue.blank_sky(3, 1.0)


def test_epoch_without_segmentation_stays_out_unless_se_seg_is_ignored(stored: Survey) -> None:
    stored.set_entry(0, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    wanted = {"expnum": stored.epoch(0)["expnum"], "band": "r"}
    with stored.catalogue() as catalogue:
        assert catalogue.blank_sky(1, 0.5, **wanted).empty
        assert len(catalogue.blank_sky(1, 0.5, selection=Selection(ignore=["SE_SEG"]), **wanted)) == 1


def test_background_is_that_of_the_image_files(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.blank_sky(5, 1.0, band="r", background=True)
        pixels = list(catalogue.pixels(band="r", sky=True, calibrated=True))
    assert list(found)[-2:] == ["level_r", "noise_r"]
    for row, vector in zip(records(found), vectors_of(found).T, strict=True):
        inside = []
        for each in pixels:
            assert each.ra is not None
            assert each.dec is not None
            chords = np.linalg.norm(unit_vectors(each.ra, each.dec) - vector[:, np.newaxis], axis=0)
            near = np.degrees(2 * np.arcsin(chords / 2)) * 3600 <= 1.0
            inside += [each.values[near].astype(float)] if near.any() else []
        assert len(inside) == row.n_images_r
        assert row.level_r == pytest.approx(np.concatenate(inside).mean(), rel=1e-5, abs=1e-5)
        squared = sum(((each - each.mean()) ** 2).sum() for each in inside)
        assert row.noise_r == pytest.approx(np.sqrt(squared / sum(each.size - 1 for each in inside)), rel=1e-5)
