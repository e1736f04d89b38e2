"""Exclusions are counted everywhere a selection is, and an entry that matches nothing is said."""

from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord

from goodpix import Selection

from .conftest import Run
from .smallsky import KEY, SHAPE, Image, SmallSky, around
from .survey import SPEC, Survey

NY, NX = SHAPE
# halves without DATASECA: A is at low x
ENTRIES: list[dict[str, Any]] = [
    {"ccdnum": 2, "amplifier": "A"},
    {"ccdnum": "3:4", "box": (5, 300, 10, 20)},
    {"expnum": 1101},
    {"tilename": "EAST", "ccdnum": 1},
    {"nite": "20151107:"},
]


def disc(sky: SmallSky) -> dict[str, float]:
    """Return a place that images of the sky hold, as an exclusion."""
    ra, dec = next((ra, dec) for ra, dec in around(sky, 60) if len(sky.seen(ra, dec)) > 1)
    return {"ra": ra, "dec": dec, "radius_arcsec": 4 * 36.0}


def excluded(image: Image, place: dict[str, float]) -> Any:
    """Return which pixels of an image the entries and a place exclude, by numpy and astropy."""
    y, x = np.indices(SHAPE)
    out = np.zeros(SHAPE, np.bool_)
    out |= (image.ccdnum == 2) & (x < NX / 2)
    out |= (image.ccdnum in (3, 4)) & (x >= 5) & (y >= 10) & (y < 20)
    out |= image.expnum == 1101
    out |= (image.tilename == "EAST") & (image.ccdnum == 1)
    ra, dec = image.sky(x.ravel(), y.ravel())
    separation = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(place["ra"], place["dec"], unit="deg"))
    return out | (separation.arcsec <= place["radius_arcsec"]).reshape(SHAPE)


def test_counts_are_those_of_the_pixels_that_are_left(everywhere: SmallSky) -> None:
    place = disc(everywhere)
    selection = Selection(exclude=[*ENTRIES, place])
    with everywhere.catalogue() as catalogue:
        epochs = catalogue.epochs(selection=selection).to_dict("records")
        masks = {mask.key: mask for mask in catalogue.masks()}
    counted = {tuple(row[name] for name in KEY): row for row in epochs}
    touched = set()
    for image in everywhere.images:
        good = (image.flags == 0) & ~excluded(image, place)
        mask = next(mask for key, mask in masks.items() if (key.tilename, key.band, key.expnum) == image.key[:3])
        np.testing.assert_array_equal(mask.good(selection), good)
        row = counted[image.key]
        assert row["n_good"] == mask.count(selection) == good.sum()
        assert row["n_good_se"] == ((image.flags & 7 == 0) & ~excluded(image, place)).sum()
        assert row["n_good_se_amp_a"] == ((image.flags & 7 == 0) & ~excluded(image, place))[:, : NX // 2].sum()
        touched.add(bool((good != (image.flags == 0)).any()))
    assert touched == {True, False}


def test_position_is_labelled(everywhere: SmallSky) -> None:
    place = disc(everywhere)
    selection = Selection(border=3, exclude=[*ENTRIES, place])
    images = {image.key: image for image in everywhere.images}
    labels = set()
    with everywhere.catalogue() as catalogue:
        for ra, dec in [*around(everywhere, 30), (place["ra"], place["dec"])]:
            found = catalogue.at(ra, dec, selection=selection)
            alone = catalogue.at(ra, dec, selection=Selection(exclude=[*ENTRIES, place]))
            for row, other in zip(found.to_dict("records"), alone.to_dict("records"), strict=True):
                image = images[row["tilename"], row["band"], row["expnum"], row["ccdnum"]]
                x, y = (int(np.floor(row[name] + 0.5)) for name in ("x", "y"))
                by_entry = bool(excluded(image, place)[y, x])
                on_border = x < 3 or y < 3 or x >= NX - 3 or y >= NY - 3
                own = "EXCLUDED" if by_entry else "OWN_CUT" if on_border else ""
                assert row["criteria"].rpartition(", ")[2].endswith(own)
                assert ("EXCLUDED" in row["criteria"], "EXCLUDED" in other["criteria"]) == (by_entry, by_entry)
                assert ("OWN_CUT" in row["criteria"]) == (on_border and not by_entry)
                assert row["good"] == (image.flags[y, x] == 0 and not own)
                labels.add(own)
    assert labels == {"EXCLUDED", "OWN_CUT", ""}


def test_entry_that_matches_nothing_is_said(everywhere: SmallSky, caplog: pytest.LogCaptureFixture) -> None:
    place = disc(everywhere)
    nowhere = {**place, "dec": -place["dec"] if abs(place["dec"]) > 20 else place["dec"] + 30}
    lost = [nowhere, {"ccdnum": 7}, {**place, "band": "u"}]
    with everywhere.catalogue() as catalogue:
        image = everywhere.images[0]
        catalogue.good_epoch_map(image.tilename, image.band, Selection(exclude=[*ENTRIES[:4], place, *lost]))
    said = [record.message for record in caplog.records]
    assert len(said) == len(lost)
    for line, entry in zip(said, Selection(exclude=lost).exclude, strict=True):
        assert line == f"exclude {entry}: matches nothing in the catalogue"


def test_disc_matches_up_to_the_edge_of_an_image(everywhere: SmallSky, caplog: pytest.LogCaptureFixture) -> None:
    image = everywhere.images[0]
    ra, dec = image.sky(np.array([10.0]), np.array([-10.5]))
    key = {"tilename": image.tilename, "expnum": image.expnum, "ra": float(ra[0]), "dec": float(dec[0])}
    with everywhere.catalogue() as catalogue:
        for radius in (330, 390):  # ten pixels of 36 arcseconds below the first row, distorted by some per cent
            catalogue.at(0.0, 0.0, selection=Selection(exclude=[{**key, "radius_arcsec": radius}]))
    (line,) = (record.message for record in caplog.records)
    assert "radius_arcsec=330: matches nothing" in line


def test_maps_and_sky_leave_out_what_is_excluded(ingested: Survey) -> None:
    epochs = [(ingested.epoch(k)["expnum"], ingested.epoch(k)["ccdnum"]) for k in range(SPEC.n_epochs)]
    (expnum, ccdnum), *_ = epochs
    selection = Selection(exclude=[{"expnum": expnum, "ccdnum": ccdnum}])
    every = Selection(exclude=[{"expnum": each, "ccdnum": ccd} for each, ccd in epochs])
    tile: dict[str, Any] = {"tilename": SPEC.tilename, "band": "r"}
    with ingested.catalogue() as catalogue:
        default, left = catalogue.good_epoch_map(**tile), catalogue.good_epoch_map(**tile, selection=selection)
        assert 0 < (default - left).sum() < default.sum()
        assert set(np.unique(default - left)) == {0, 1}
        assert not catalogue.good_epoch_map(**tile, selection=every).any()
        assert catalogue.sky_area(every, **tile) == 0 < catalogue.sky_area(selection, **tile)
        rows = catalogue.background(selection, **tile).set_index("expnum")
        assert rows.loc[expnum, "n"] == 0
        assert (rows.drop(index=expnum)["n"] > 0).all()
        assert set(rows["selection"]) == {str(selection)}
        merged = catalogue.ccd_mask("r", expnum, ccdnum)
        assert merged.count(selection) == 0 < merged.count()


def test_command_says_and_counts_what_is_excluded(
    ingested: Survey, db: list[str], cli: Run, caplog: pytest.LogCaptureFixture
) -> None:
    key = [SPEC.tilename, "r", ingested.epoch(0)["expnum"], ingested.epoch(0)["ccdnum"]]
    entry = f"ccdnum={key[3]}"
    done = cli("mask", *key, *db, "--exclude", entry, "--exclude", "ccdnum=63")
    assert (done.status, done.err) == (0, "goodpix: exclude ccdnum=63: matches nothing in the catalogue\n")
    assert f"good pixels (exclude {entry}, exclude ccdnum=63): 0 of" in done.out
    done = cli("epochs", *db, "--exclude", entry, "--exclude", "nite=20010101:20010102", "--format", "csv")
    assert done.err == f"selection: exclude {entry}, exclude nite=20010101:20010102\n"
    assert "exclude nite=20010101:20010102: matches nothing in the catalogue" in caplog.text
    assert cli("epochs", *db, "--exclude", "ccd=3").err == (
        "goodpix: exclude: unknown key 'ccd', did you mean 'ccdnum'?\n"
    )
