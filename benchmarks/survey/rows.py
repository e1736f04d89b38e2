"""Rows of the synthetic survey, as Arrow tables with the columns of the catalogue's SQL tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from goodpix.schema import tables

from .arrowtables import arrow_table, digest, joined
from .sky import BANDS, CCD_SHAPE
from .solutions import places, wcs_texts
from .synthetic import N_PIXELS, N_RUNS, Survey, noise

__all__ = ["bit_counts", "epochs", "footprint_rows", "runs"]

_FIRST_EXPNUM = 229_000
_ARCMIN2 = 1 / 3600
_DATASECS = {"dataseca": "[1025:2048,1:4096]", "datasecb": "[1:1024,1:4096]"}

Ints = npt.NDArray[np.int64]
Columns = Mapping[str, Any]


def runs() -> pa.Table:
    """Return the rows of the table ingest_run."""
    started = np.datetime64("2023-01-09T18:00:00") + np.arange(N_RUNS) * np.timedelta64(21, "D")
    none = np.zeros(N_RUNS, np.int64)
    return arrow_table(
        tables.ingest_run,
        {
            "run_id": np.arange(N_RUNS) + 1,
            **dict.fromkeys(("n_tiles", "n_epochs", "n_unchanged", "n_failures"), none),
            "version": "0.1.0",
            "arguments": "{}",
            "host": "node",
            "outcome": "done",
            "started": [f"{each}+00:00" for each in started],
            "finished": [f"{each}+00:00" for each in started + np.timedelta64(9, "h")],
        },
    )


def epochs(survey: Survey, start: int, stop: int) -> pa.Table:
    """Return a range of rows of the table epoch, whose keys count from 1."""
    image = survey.pairs.image[start:stop]
    place = _epoch_places(survey, image)
    counts = _epoch_counts(survey, start, stop)
    areas = {f"area_{name}": counts[f"n_{name}"] * place["pixel_area"] * _ARCMIN2 for name in ("good", "good_unique")}
    key = _epoch_keys(survey, start, stop)
    return arrow_table(
        tables.epoch, {**key, **counts, **place, **areas, **_exposure_facts(survey, image), **_files(key)}
    )


def _epoch_keys(survey: Survey, start: int, stop: int) -> Columns:
    tile, image = survey.pairs.tile[start:stop], survey.pairs.image[start:stop]
    band = survey.images.band[image]
    number = np.arange(start, stop)
    # tiles were ingested in order; later some epochs of every 20th were made again
    first_run = tile * (N_RUNS - 8) // len(survey.tiles)
    again = (tile % 20 == 0) & (image % 5 == 0)
    return {
        "epoch_id": number + 1,
        "tilename": pa.array(survey.tiles.names).take(pa.array(tile)),
        "band": pa.array(BANDS).take(pa.array(band)),
        "expnum": _FIRST_EXPNUM + 7 * survey.images.exposure[image],
        "ccdnum": survey.images.ccdnum[image],
        # the coadd's own mask comes first
        "mask_row_group": number - survey.first[tile * len(BANDS) + band] + 1,
        "run_id": 1 + np.where(again, N_RUNS - 1 - tile % 8, first_run),
        "stale": noise(number, 2) < 1e-3,
    }


def _epoch_counts(survey: Survey, start: int, stop: int) -> Columns:
    """Return the counts of epochs; the coadd masks the same fraction of pixels everywhere in a tile and band."""
    pairs, of = survey.pairs, survey.counts
    tile, image = pairs.tile[start:stop], pairs.image[start:stop]
    fraction, unique = pairs.on_coadd[start:stop], pairs.unique[start:stop]
    hidden = 0.15 + 0.1 * noise(tile * len(BANDS) + survey.images.band[image], 3)
    on_coadd = (fraction * N_PIXELS).astype(np.int64)
    good_se, used = of.good[image], of.used[image]
    good = (good_se * fraction * (1 - hidden)).astype(np.int64)
    coadd_seg = (on_coadd * hidden * 0.95).astype(np.int64)
    return {
        **dict.fromkeys(("only_se_weight", "only_coadd_weight"), 0),
        **dict.fromkeys(("n_pixels_amp_a", "n_pixels_amp_b"), N_PIXELS // 2),
        "nx": CCD_SHAPE[1],
        "ny": CCD_SHAPE[0],
        "n_pixels": N_PIXELS,
        "se_seg_used": used,
        "n_good": good,
        "n_on_coadd": on_coadd,
        "n_good_se": good_se,
        "n_se_weight": of.weight[image],
        "n_good_coadd": (on_coadd * (1 - hidden)).astype(np.int64),
        "n_se_seg": pa.array(of.seg[image], mask=~used),
        "only_se_seg": pa.array(of.seg[image] // 4, mask=~used),
        "n_se_bmask": of.bmask[image],
        "only_se_bmask": of.bmask[image] // 5,
        "n_off_coadd": N_PIXELS - on_coadd,
        "only_off_coadd": (N_PIXELS - on_coadd) * 4 // 5,
        "n_coadd_seg": coadd_seg,
        "only_coadd_seg": coadd_seg // 2,
        "n_coadd_weight": on_coadd // 500,
        "n_coadd_bmask": on_coadd // 100,
        "only_coadd_bmask": on_coadd // 900,
        "n_good_se_amp_a": of.good_a[image],
        "n_good_se_amp_b": good_se - of.good_a[image],
        "n_unique": (unique * N_PIXELS).astype(np.int64),
        "n_good_unique": (good * unique / fraction).astype(np.int64),
        "fraction_good": good / N_PIXELS,
        "fraction_good_on_coadd": pa.array(good / np.maximum(on_coadd, 1), mask=on_coadd == 0),
        "fraction_good_se": good_se / N_PIXELS,
    }


def _epoch_places(survey: Survey, image: Ints) -> Columns:
    images = survey.images.of(image)
    place = places(images)
    texts = {int(number): wcs_texts(int(number)) for number in np.unique(images.ccdnum)}
    before, after = (
        pa.array([texts[number][k] if number in texts else "" for number in range(max(texts) + 1)]) for k in (0, 1)
    )
    ccdnum = pa.array(images.ccdnum)
    crval = (pa.array(images.crval_ra), pa.array(images.crval_dec))
    return {
        **{f"rac{k + 1}": place.ra[k] for k in range(4)},
        **{f"decc{k + 1}": place.dec[k] for k in range(4)},
        "ra_cent": place.ra[4],
        "dec_cent": place.dec[4],
        "pixel_area": place.pixel_area,
        "wcs": joined(before.take(ccdnum), crval[0], ', "CRVAL2": ', crval[1], after.take(ccdnum)),
    }


def _exposure_facts(survey: Survey, image: Ints) -> Columns:
    images, nite = survey.images, survey.nite[image]
    exposure, band = images.exposure[image], images.band[image]
    nights, which = np.unique(nite, return_inverse=True)
    noon = np.array(
        [f"{each // 10_000}-{each // 100 % 100:02d}-{each % 100:02d}T12" for each in nights], "datetime64[ms]"
    )
    hours = 12 + 8 * noise(exposure, 4)
    when = noon[which] + (hours * 3.6e6).astype("timedelta64[ms]")
    sky = 150.0 * 2.0**band * (0.7 + 0.6 * noise(exposure, 5))
    sigma = np.sqrt(sky / 4)
    return {
        "nite": nite,
        "mjd_obs": (when - np.datetime64("1858-11-17T00:00:00", "ms")) / np.timedelta64(86_400_000, "ms"),
        "date_obs": np.datetime_as_string(when),
        "exptime": np.where(band == len(BANDS) - 1, 45.0, 90.0),
        "airmass": 1 + 0.8 * noise(exposure, 6) ** 2,
        "fwhm": 3 + 2 * noise(exposure, 1) + 0.1 * noise(image, 7),
        "skybrite": sky,
        "skysigma": sigma,
        "skyvara": sigma**2,
        "skyvarb": sigma**2 * 1.03,
        "bunit": "electrons",
        "detpos": joined("S", images.ccdnum[image]),
        **_DATASECS,
        "wcs_delta_pix": 0.1 * noise(image, 8),
        "magzp": 30.0 + noise(exposure, 9),
        "scale": 1.0 + 0.1 * noise(exposure, 9),
        "image_flags": 0,
        "position_offset": 1.0,
        "weight_zquantiz": "SUBTRACTIVE_DITHER_2",
    }


def _files(key: Columns) -> Columns:
    """Return the file columns of epochs, as from an info file."""
    expnum, ccdnum = pa.array(key["expnum"]), pa.array(key["ccdnum"])
    name = joined("D00", expnum, "_", key["band"], "_c", ccdnum, "_r4010p01")
    folder = joined("$MEDS_DIR/des-pizza-slices-y6-v8/", key["tilename"], "/sources-", key["band"])
    folder = joined(folder, "/OPS/finalcut/Y6A1/r4010/D00", expnum, "/p01/")
    image, seg = (
        joined(folder, "red/immask/", name, "_immasked.fits.fz"),
        joined(folder, "seg/", name, "_segmap.fits.fz"),
    )
    planes = joined('{"bkg": ["', folder, "red/bkg/", name, '_bkg.fits.fz", "sci"], "bmask": ["', image, '", "msk"], ')
    planes = joined(planes, '"image": ["', image, '", "sci"], "seg": ["', seg, '", "sci"], "weight": ["', image)
    return {
        "filename": joined(name, "_immasked.fits"),
        "image_path": image,
        "planes": joined(planes, '", "wgt"]}'),
        "pfw_attempt_id": 2_000_000 + key["expnum"] % 1000,
        "fingerprint": digest(key["epoch_id"]),
    }


def bit_counts(survey: Survey, start: int, stop: int) -> pa.Table:
    """Return the rows of the table bit_count of a range of epochs, two bits each."""
    bmask = survey.counts.bmask[survey.pairs.image[start:stop]]
    n = 2 * (stop - start)
    return arrow_table(
        tables.bit_count,
        {
            "bit_count_id": np.arange(2 * start, 2 * stop) + 1,
            "epoch_id": np.repeat(np.arange(start, stop) + 1, 2),
            "plane": "se",
            "bit": np.tile([0, 5], stop - start),
            "name": pa.array(["BPM", "STAR"] * (n // 2)),
            "n_pixels": np.stack([bmask // 3 + 1, bmask // 4 + 1], axis=1).ravel(),
        },
    )


def footprint_rows(survey: Survey, touched: list[tuple[Ints, Ints]]) -> pa.Table:
    """Return the rows of the table footprint in key order, from the pixels and cells of each image."""
    sizes = np.array([hpix.size for hpix, _ in touched])
    starts = np.cumsum(sizes) - sizes
    every, cells = (np.concatenate(each) for each in zip(*touched, strict=True))
    image = survey.pairs.image
    n_of_epoch = sizes[image]
    first = np.cumsum(n_of_epoch) - n_of_epoch
    within = np.arange(n_of_epoch.sum()) - np.repeat(first, n_of_epoch)
    which = np.repeat(starts[image], n_of_epoch) + within
    owners = np.repeat(np.arange(image.size) + 1, n_of_epoch)
    order = np.lexsort((owners, every[which]))
    which = which[order]
    return arrow_table(tables.footprint, {"hpix": every[which], "epoch_id": owners[order], "cells": cells[which]})
