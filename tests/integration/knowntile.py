"""Run as a program: a small tile, and what astropy and numpy alone say of it.

    python knowntile.py FOLDER

Makes FOLDER/survey, a MEDS_DIR of one band and three epochs, the last of them off the coadd, and
FOLDER/expected: the good pixels of each, and how many fail each criterion.
"""

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.synthetic import TileSpec, make_tile

SPEC = TileSpec(bands=("r",), n_epochs=2, coadd_shape=(120, 130), ccd_shape=(128, 64))
FAR = replace(SPEC, tilename="DES0135-3206", n_epochs=1, seed=2, ra=SPEC.ra + 1)

Entry = dict[str, Any]
Fails = dict[str, npt.NDArray[np.bool_]]


def main(folder: Path) -> None:
    """Make the tile, then count it."""
    survey, expected = folder / "survey", folder / "expected"
    (info_path,) = make_tile(survey, SPEC)
    with tempfile.TemporaryDirectory() as far:
        (far_info,) = make_tile(Path(far), FAR)
        shutil.copytree(far, survey, dirs_exist_ok=True, ignore=shutil.ignore_patterns("multiepoch", "*info*"))
        (far_entry,) = yaml.safe_load(far_info.read_text())["src_info"]
    for needless in [*survey.rglob("*_bkg.fits.fz"), *survey.rglob("*_sky_truth.json")]:
        needless.unlink()
    info = yaml.safe_load(info_path.read_text())
    del far_entry["head_path"]
    far_entry["tilename"] = SPEC.tilename
    info["src_info"].append(far_entry)
    info_path.write_text(yaml.safe_dump(info))
    expected.mkdir()
    answers, packed = [], {}
    for entry in info["src_info"]:
        fails, mask = _count(survey, info, entry)
        good = ~np.any(list(fails.values()), axis=0)
        packed[f"D{entry['expnum']:08d}_{entry['band']}_c{entry['ccdnum']:02d}"] = np.packbits(good)
        answers.append(
            {
                **{name: entry[name] for name in ("band", "expnum", "ccdnum")},
                "shape": good.shape,
                "n_pixels": good.size,
                "n_good": int(good.sum()),
                "fail": {name: int(where.sum()) for name, where in fails.items()},
                "bits": {str(1 << bit): n for bit in range(24) if (n := int((mask >> bit & 1).sum()))},
            }
        )
    np.savez_compressed(expected / f"{SPEC.tilename}_r.npz", **packed)  # type: ignore[arg-type]  # arrays by name
    (expected / "expected.json").write_text(json.dumps({f"{SPEC.tilename}_r": answers}, indent=1) + "\n")


def _count(survey: Path, info: Entry, entry: Entry) -> tuple[Fails, npt.NDArray[np.int64]]:
    """Return where the pixels of an epoch fail each criterion, and its mask."""
    coadd_image, coadd_seg, image, seg = (
        fits.open(str(of[name]).replace("$MEDS_DIR", str(survey)))
        for of in (info, entry)
        for name in ("image_path", "seg_path")
    )
    weight, mask = image[entry["weight_ext"]].data, image[entry["bmask_ext"]].data.astype(np.int64)
    y, x = np.indices(weight.shape)
    se_wcs, coadd_wcs = WCS(image[entry["image_ext"]].header), WCS(coadd_image[info["image_ext"]].header)
    sky = se_wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    # astropy gives pixels behind the tangent point somewhere on the plane
    near = np.hypot(sky[0] - SPEC.ra, sky[1] - SPEC.dec) < 10
    column, row = (np.floor(each + 0.5).astype(int) for each in coadd_wcs.all_world2pix(*sky, 0))
    ny, nx = coadd_image[info["weight_ext"]].data.shape
    on_coadd = near & (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    fails = {
        "se_seg": seg["sci"].data != 0,
        "se_weight": ~(np.isfinite(weight) & (weight > 0)),
        "se_bmask": mask != 0,
        "off_coadd": ~on_coadd.reshape(weight.shape),
    }
    coadd_weight = coadd_image[info["weight_ext"]].data
    for name, bad in {
        "coadd_seg": coadd_seg[info["seg_ext"]].data != 0,
        "coadd_weight": ~(np.isfinite(coadd_weight) & (coadd_weight > 0)),
        "coadd_bmask": coadd_image[info["bmask_ext"]].data != 0,
    }.items():
        found = np.zeros(weight.size, bool)
        found[on_coadd] = bad[row[on_coadd], column[on_coadd]]
        fails[name] = found.reshape(weight.shape)
    return fails, mask


if __name__ == "__main__":
    main(Path(sys.argv[1]))
